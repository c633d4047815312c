//! Which profiles a mandate speaks of: decided at compile time where profile and authorities decide it.
use crate::context::Cx;
use pkic_ir::{Atom, Constant, Expr, ExprId, Operand, Relation, Standing, Test};
use pkic_vocab::{Value, Word, Words};

/// What is known of every request for a profile.
pub(crate) struct Static<'p> {
    pub(crate) role: Option<Word>,
    pub(crate) tags: &'p [String],
    /// Entries of the authorities that may sign.
    pub(crate) authorities: &'p [usize],
}

/// A decision for all requests at once; `None` depends on the request.
pub(crate) struct Decision {
    pub(crate) holds: Option<bool>,
    /// What decides, in a few words each.
    pub(crate) reasons: Vec<String>,
}

impl Decision {
    fn of(holds: Option<bool>, reason: String) -> Decision {
        Decision { holds, reasons: vec![reason] }
    }

    /// How a mandate with this condition stands to the profile.
    pub(crate) fn standing(&self) -> Standing {
        match self.holds {
            Some(true) => Standing::Selected,
            None => Standing::Conditional,
            Some(false) => Standing::NotSelected,
        }
    }

    /// The reasons as a sentence.
    pub(crate) fn sentence(&self) -> String {
        if self.reasons.is_empty() {
            "it speaks of every profile".to_owned()
        } else {
            self.reasons.join(" and ")
        }
    }
}

impl Cx<'_> {
    /// Decides a condition for all requests for a profile, by strong Kleene logic.
    pub(crate) fn decide(&self, expr: ExprId, known: &Static<'_>) -> Decision {
        match self.expr(expr) {
            None => Decision { holds: None, reasons: Vec::new() },
            Some(Expr::Always(holds)) => Decision { holds: Some(*holds), reasons: Vec::new() },
            Some(Expr::Not(inner)) => {
                let inner = self.decide(*inner, known);
                Decision { holds: inner.holds.map(|holds| !holds), ..inner }
            }
            Some(Expr::And(parts)) => self.decide_all(parts, known, false),
            Some(Expr::Or(parts)) => self.decide_all(parts, known, true),
            Some(Expr::Each { list, .. }) => {
                Decision::of(None, format!("`{}` differs by request", list.fact.def().path))
            }
            Some(Expr::Atom(atom)) => self.decide_atom(atom, known),
        }
    }

    /// `decisive` is the value by which one part decides alone: false for and, true for or.
    fn decide_all(&self, parts: &[ExprId], known: &Static<'_>, decisive: bool) -> Decision {
        let decided: Vec<Decision> = parts.iter().map(|part| self.decide(*part, known)).collect();
        let holds = if decided.iter().any(|part| part.holds == Some(decisive)) {
            Some(decisive)
        } else if decided.iter().any(|part| part.holds.is_none()) {
            None
        } else {
            Some(!decisive)
        };
        let mut deciding = decided.into_iter().filter(|part| part.holds == holds);
        let reasons = if holds == Some(decisive) {
            deciding.next().map(|part| part.reasons).unwrap_or_default()
        } else {
            deciding.flat_map(|part| part.reasons).collect()
        };
        Decision { holds, reasons }
    }

    fn decide_atom(&self, atom: &Atom, known: &Static<'_>) -> Decision {
        let Operand::Fact(path) = &atom.left else {
            return Decision::of(None, "a member differs".to_owned());
        };
        let fact = path.fact.def().path;
        let unknown = || Decision::of(None, format!("`{fact}` differs by request"));
        if fact == "profile.tags" {
            return match &atom.test {
                Test::Contains(Constant::Value(Value::Name(tag))) => {
                    let has = known.tags.contains(tag);
                    let reason =
                        if has { format!("it has tag `{tag}`") } else { format!("tag `{tag}` is absent") };
                    Decision::of(Some(has), reason)
                }
                _ => unknown(),
            };
        }
        let Some(values) = self.possible(fact, known) else { return unknown() };
        let mut decided = values.iter().map(|value| decide_value(&atom.test, value));
        let Some(first) = decided.next() else { return unknown() };
        let holds = first.filter(|_| decided.all(|other| other == first));
        let mut shown: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
        shown.sort();
        shown.dedup();
        let needed = needed(&atom.test).filter(|_| holds == Some(false));
        let needed = needed.map(|needed| format!(", needs {needed}")).unwrap_or_default();
        Decision::of(holds, format!("`{fact}` is {}{needed}", shown.join(" or ")))
    }

    /// Every value that a fact of the policy may have; `None` where that is not known.
    fn possible(&self, fact: &str, known: &Static<'_>) -> Option<Vec<Value>> {
        if fact == "profile.role" {
            return known.role.map(|role| vec![Value::Word(role)]);
        }
        known.authorities.iter().map(|authority| self.of_authority(fact, *authority)).collect()
    }

    fn of_authority(&self, fact: &str, authority: usize) -> Option<Value> {
        use pkic_syntax::ast::AuthorityItemKind as Item;
        let entry = self.names.authorities.entry(authority)?;
        let setting = |words: Words| {
            entry.node.items.iter().find_map(|item| match (&item.kind, words) {
                (Item::Trust(word), Words::Trust) | (Item::State(word), Words::AuthorityState) => {
                    words.word(word.text).map(Value::Word)
                }
                _ => None,
            })
        };
        match fact {
            "authority.name" => Some(Value::Name(entry.name.clone())),
            "authority.trust" => setting(Words::Trust),
            "authority.state" => setting(Words::AuthorityState),
            _ => None,
        }
    }
}

/// What a test asks for, in the words of the policy.
fn needed(test: &Test) -> Option<String> {
    let (constant, is_other) = match test {
        Test::Compare(Relation::Equal, constant) | Test::In(constant) => (constant, ""),
        Test::Compare(Relation::NotEqual, constant) => (constant, "other than "),
        _ => return None,
    };
    let names: Vec<String> = match constant {
        Constant::Words { named, .. } => named.iter().map(|word| format!("`{}`", word.name())).collect(),
        Constant::Value(value) => vec![format!("`{value}`")],
        Constant::List(values) => values.iter().map(|value| format!("`{value}`")).collect(),
        Constant::Span(_) => return None,
    };
    Some(format!("{is_other}{}", names.join(" or ")))
}

fn decide_value(test: &Test, value: &Value) -> Option<bool> {
    let is_in = |constant: &Constant| match (constant, value) {
        (Constant::Words { .. }, Value::Word(word)) => {
            let (accepted, possible) = (constant.accepted(), word.possible());
            if possible.within(accepted) {
                Some(true)
            } else if possible.disjoint(accepted) {
                Some(false)
            } else {
                None
            }
        }
        (Constant::Value(constant), _) => Some(constant == value),
        (Constant::List(constants), _) => Some(constants.contains(value)),
        _ => None,
    };
    match test {
        Test::Compare(Relation::Equal, constant) | Test::In(constant) => is_in(constant),
        Test::Compare(Relation::NotEqual, constant) => is_in(constant).map(|holds| !holds),
        _ => None,
    }
}
