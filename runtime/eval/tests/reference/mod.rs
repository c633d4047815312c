//! The naive evaluator: the formula of language.md section 3, written to be read. It shares no code with the crate.
use pkic_eval::Ask;
use pkic_ir::*;
use pkic_vocab::fields::{FIELDS, Filler, Place};
use pkic_vocab::names::is_under;
use pkic_vocab::time::Span;
use pkic_vocab::*;
use std::collections::BTreeSet;

/// True, false or unknown.
type Kleene = Option<bool>;

fn not(a: Kleene) -> Kleene {
    a.map(|a| !a)
}

fn all(of: impl IntoIterator<Item = Kleene>) -> Kleene {
    let of: Vec<Kleene> = of.into_iter().collect();
    if of.contains(&Some(false)) {
        Some(false)
    } else if of.contains(&None) {
        None
    } else {
        Some(true)
    }
}

fn any(of: impl IntoIterator<Item = Kleene>) -> Kleene {
    not(all(of.into_iter().map(not)))
}

pub struct Reference<'a> {
    pub program: &'a Program,
    pub table: &'a FactTable,
    pub ask: Ask<'a>,
    pub now: i64,
}

/// A known value: absent, or there.
type Known = Option<Value>;

impl<'a> Reference<'a> {
    fn profile(&self) -> &'a Profile {
        &self.program.profiles[self.ask.profile as usize]
    }

    fn known(&self, path: &Path, guard: &Guard) -> Option<Known> {
        let authority = self.ask.authority.map(|index| &self.program.authorities[index as usize]);
        let name = path.fact.def().path;
        if name.starts_with("authority.") && authority.is_none() {
            return None;
        }
        let of_program = match name {
            "authority.name" => Some(Value::Name(authority?.name.clone())),
            "authority.trust" => Some(Value::Word(authority?.trust?)),
            "authority.state" => Some(Value::Word(authority?.state?)),
            "profile.role" => Some(Value::Word(self.profile().role?)),
            "profile.tags" => {
                Some(Value::List(self.profile().tags.iter().cloned().map(Value::Name).collect()))
            }
            "request.operation" => {
                let ok = guard.grade.is_none_or(|grade| grade <= Grade::Observed)
                    && BasisSet::API.within(guard.basis);
                return ok.then_some(Some(Value::Word(self.ask.operation)));
            }
            _ => None,
        };
        if of_program.is_some() {
            return Some(of_program);
        }
        match self.table.slot(path) {
            Slot::Unknown | Slot::Conflict => None,
            Slot::Absent => Some(match path.fact.def().ty {
                Type::List(_) => Some(Value::List(Vec::new())),
                _ => None,
            }),
            Slot::Known(fact) => self.counts(path, fact, guard).then(|| Some(fact.value.clone())),
        }
    }

    fn counts(&self, path: &Path, fact: &Fact, guard: &Guard) -> bool {
        let def = path.fact.def();
        let is_fresh = match (fact.on_file_since, guard.within_s) {
            (None, _) => true,
            (Some(_), None) => fact.basis.has_witness(),
            (Some(since), Some(within)) => since <= self.now && self.now - since <= within,
        };
        let is_ours = matches!(def.subject, Subject::Certificate | Subject::Policy);
        let is_good_anchor = fact.purpose == Purpose::Production
            || self.program.lab
            || (self.ask.admit_test_anchors && fact.purpose == Purpose::Test);
        let grade = if is_good_anchor { fact.grade } else { Grade::Claimed };
        let is_hardware = def.floor == Grade::Attested;
        is_fresh
            && (is_ours
                || ((is_good_anchor || !is_hardware)
                    && grade >= guard.grade.unwrap_or(def.floor)
                    && fact.basis.within(guard.basis)))
    }

    fn condition(&self, id: ExprId, members: &[Value]) -> Kleene {
        match &self.program.exprs[id.0 as usize] {
            Expr::Always(value) => Some(*value),
            Expr::Not(child) => not(self.condition(*child, members)),
            Expr::And(children) => all(children.iter().map(|child| self.condition(*child, members))),
            Expr::Or(children) => any(children.iter().map(|child| self.condition(*child, members))),
            Expr::Each { quantifier, list, guard, body } => {
                let Value::List(values) = self.known(list, guard)?? else { return None };
                let bodies = values.into_iter().map(|value| {
                    let inner: Vec<Value> = [vec![value], members.to_vec()].concat();
                    self.condition(*body, &inner)
                });
                match quantifier {
                    Quantifier::All => all(bodies),
                    Quantifier::Exists => any(bodies),
                }
            }
            Expr::Atom(atom) => self.atom(atom, members),
        }
    }

    fn operand(&self, operand: &Operand, guard: &Guard, members: &[Value]) -> Option<Known> {
        match operand {
            Operand::Fact(path) => self.known(path, guard),
            Operand::Member { depth, field } => match (&members[usize::from(*depth)], field) {
                (Value::Record(fields), Some(field)) => fields[usize::from(*field)].clone().map(Some),
                (value, _) => Some(Some(value.clone())),
            },
        }
    }

    fn atom(&self, atom: &Atom, members: &[Value]) -> Kleene {
        let left = self.operand(&atom.left, &atom.guard, members)?;
        let right = |operand: &Operand| self.operand(operand, &atom.guard, members);
        let Some(left) = left else {
            return match &atom.test {
                Test::Compare(relation, _) | Test::CompareWith(relation, _) => {
                    Some(*relation == Relation::NotEqual)
                }
                _ => Some(false),
            };
        };
        let each = |is: &dyn Fn(&Value) -> Kleene| match &left {
            Value::List(values) => all(values.iter().map(is)),
            single => is(single),
        };
        match &atom.test {
            Test::In(constant) => each(&|value| any_of(value, constant)),
            Test::Under(bases) => each(&|value| any(bases.iter().map(|base| is_under(value, base)))),
            Test::Contains(constant) => match &left {
                Value::List(values) => any(values.iter().map(|value| any_of(value, constant))),
                _ => None,
            },
            Test::InOperand(operand) => match right(operand)?? {
                Value::List(others) => each(&|value| any(others.iter().map(|other| equal(value, other)))),
                _ => None,
            },
            Test::CompareWith(relation, operand) => match right(operand)? {
                None => Some(*relation == Relation::NotEqual),
                Some(right) => related(*relation, &left, &right),
            },
            Test::Compare(relation, constant) => match (&left, relation) {
                (Value::List(values), Relation::Equal) => same_members(values, constant),
                (Value::List(values), Relation::NotEqual) => not(same_members(values, constant)),
                (Value::Span(seconds), _) => within_bounds(*relation, *seconds, constant),
                (_, Relation::Equal) => any_of(&left, constant),
                (_, Relation::NotEqual) => not(any_of(&left, constant)),
                _ => match constant {
                    Constant::Value(value) => related(*relation, &left, value),
                    Constant::Words { named, .. } => related(*relation, &left, &Value::Word(named[0])),
                    _ => None,
                },
            },
        }
    }

    fn is_live(&self, from: Option<i64>, before: Option<i64>) -> bool {
        from.is_none_or(|from| from <= self.now) && before.is_none_or(|before| self.now < before)
    }

    /// `approved` says whether an approval line is filled.
    fn requirement(&self, id: RequirementId, approved: &dyn Fn(RequirementId) -> bool) -> Kleene {
        let requirement = &self.program.requirements[id.0 as usize];
        if !self.is_live(requirement.from, requirement.before) {
            return Some(true);
        }
        let when = all(requirement.when.iter().map(|id| self.condition(*id, &[])));
        let body = match &requirement.body {
            Body::Expr(id) => self.condition(*id, &[]),
            Body::Approve(_) => Some(approved(id)),
            Body::OneOf(ways) => any(ways.iter().map(|way| self.way(way, approved))),
        };
        any([not(when), body])
    }

    fn way(&self, way: &Way, approved: &dyn Fn(RequirementId) -> bool) -> Kleene {
        let binding: Vec<RequirementId> = way
            .requirements
            .iter()
            .copied()
            .filter(|id| self.program.requirements[id.0 as usize].strength == Strength::Must)
            .collect();
        let is_in_force = binding.iter().any(|id| {
            let requirement = &self.program.requirements[id.0 as usize];
            self.is_live(requirement.from, requirement.before)
        });
        if is_in_force { all(binding.iter().map(|id| self.requirement(*id, approved))) } else { Some(false) }
    }

    fn contents_hold(&self) -> bool {
        let profile = self.profile();
        let marked = match self.table.get(FactId::from_path("certificate.critical").unwrap()) {
            Slot::Absent => Some(Vec::new()),
            Slot::Known(fact) => match &fact.value {
                Value::List(oids) => Some(oids.clone()),
                _ => None,
            },
            _ => None,
        };
        let fields_hold = profile.contents.iter().all(|field| {
            let values = match self.table.slot(&field.path) {
                Slot::Unknown | Slot::Conflict => return false,
                Slot::Absent => 0,
                Slot::Known(Fact { value: Value::List(values), .. }) => values.len() as u32,
                Slot::Known(_) => 1,
            };
            if values == 0 {
                return field.min == 0 || field.filler == Filler::Issuer;
            }
            let is_marked_right = field.extension.as_ref().is_none_or(|oid| {
                let asked = profile
                    .contents
                    .iter()
                    .any(|other| other.extension.as_ref() == Some(oid) && other.critical);
                let asked = if oid == "2.5.29.17" && !asked { self.is_subject_empty() } else { Some(asked) };
                let is_marked = marked.as_ref().map(|marked| marked.contains(&Value::Oid(oid.clone())));
                is_marked.is_some() && is_marked == asked
            });
            let constraint = field.constraint.map_or(Some(true), |id| self.condition(id, &[]));
            field.min <= values && values <= field.max && is_marked_right && constraint == Some(true)
        });
        let granted = |path: &Path| profile.contents.iter().any(|field| field.path == *path);
        let is_empty = |slot: &Slot| match slot {
            Slot::Absent => true,
            Slot::Known(fact) => fact.value == Value::List(Vec::new()),
            _ => false,
        };
        let plain = FIELDS.iter().map(|field| Path::from(field.fact_id().unwrap()));
        let others = Path::from(FactId::from_path("certificate.other-extensions").unwrap());
        let nothing_else =
            plain.chain([others]).all(|path| granted(&path) || is_empty(self.table.slot(&path)));
        let declared = self.table.named().all(|(path, slot)| {
            is_empty(slot) || !path.fact.def().path.starts_with("certificate.") || granted(path)
        });
        let is_closed = ["certificate.subject.*", "certificate.extension.*"].iter().all(|row| {
            let path = Path { fact: FactId::from_path(row).unwrap(), name: Some("9.9.9".into()) };
            is_empty(self.table.slot(&path))
        });
        fields_hold && nothing_else && declared && is_closed
    }

    /// Names of an empty subject stand alone, and are critical.
    fn is_subject_empty(&self) -> Option<bool> {
        let plain = FIELDS.iter().filter(|field| matches!(field.place, Place::Subject(_)));
        let plain: Vec<&Slot> = plain.map(|field| self.table.get(field.fact_id().unwrap())).collect();
        let any = FactId::from_path("certificate.subject.*").unwrap();
        let declared = self.table.named().filter(|(path, _)| path.fact == any).map(|(_, slot)| slot);
        let slots: Vec<&Slot> = plain.into_iter().chain([self.table.unnamed(any)]).chain(declared).collect();
        if slots.iter().any(|slot| matches!(slot, Slot::Known(_))) {
            return Some(false);
        }
        slots.iter().all(|slot| **slot == Slot::Absent).then_some(true)
    }

    /// Whether everything is as it must be, where the program has no approvals at all.
    pub fn permits_without_approvals(&self) -> bool {
        let profile = self.profile();
        let nobody = |_: RequirementId| false;
        let is_granted = profile.operations.contains(&self.ask.operation)
            && match self.ask.authority {
                None => profile.issued_by.is_empty(),
                Some(authority) => profile.issued_by.contains(&authority),
            };
        let uses =
            |name: &str| self.ask.exception_uses.iter().find(|(n, _)| *n == name).map_or(0, |(_, n)| *n);
        let counting: Vec<&Exception> = profile
            .exceptions
            .iter()
            .filter(|exception| self.is_live(exception.from, Some(exception.before)))
            .filter(|exception| exception.approvals.is_empty() && uses(&exception.name) < exception.at_most)
            .filter(|exception| exception.when.is_none_or(|id| self.condition(id, &[]) != Some(false)))
            .collect();
        let is_sure = counting
            .iter()
            .all(|exception| exception.when.is_none_or(|id| self.condition(id, &[]) == Some(true)));
        let mut waived: BTreeSet<&String> = BTreeSet::new();
        if let (Some(first), true) = (counting.first(), is_sure) {
            waived = first.waives.iter().collect();
            waived.retain(|id| counting.iter().all(|exception| exception.waives.contains(id)));
        }
        let must = |id: &&RequirementId| self.program.requirements[id.0 as usize].strength == Strength::Must;
        let lines = profile.requirements.iter().filter(must).all(|id| {
            let requirement = &self.program.requirements[id.0 as usize];
            let is_waived = requirement.mandate.is_none() && waived.contains(&requirement.id);
            is_waived || self.requirement(*id, &nobody) == Some(true)
        });
        let mut controls = counting.iter().flat_map(|exception| &exception.requirements).filter(must);
        is_granted
            && self.contents_hold()
            && lines
            && controls.all(|id| self.requirement(*id, &nobody) == Some(true))
    }
}

/// Every leaf that a word may be, as the vocabulary has it.
fn equal(a: &Value, b: &Value) -> Kleene {
    match (a, b) {
        (Value::Word(a), Value::Word(b)) => {
            let (a, b) = (leaves(*a, false), leaves(*b, false));
            if a.is_disjoint(&b) { Some(false) } else { (a == b && a.len() == 1).then_some(true) }
        }
        _ => Some(a == b),
    }
}

fn leaves(word: Word, is_named: bool) -> BTreeSet<Word> {
    let set = if is_named { word.accepted() } else { word.possible() };
    word.words().all().filter(|leaf| set.contains(*leaf)).collect()
}

fn any_of(value: &Value, constant: &Constant) -> Kleene {
    match (constant, value) {
        (Constant::Value(other), _) => equal(value, other),
        (Constant::List(others), _) => any(others.iter().map(|other| equal(value, other))),
        (Constant::Span(_), Value::Span(seconds)) => within_bounds(Relation::Equal, *seconds, constant),
        (Constant::Words { named, .. }, Value::Word(word)) => {
            let accepted: BTreeSet<Word> = named.iter().flat_map(|word| leaves(*word, true)).collect();
            let possible = leaves(*word, false);
            if possible.is_subset(&accepted) {
                Some(true)
            } else if possible.is_disjoint(&accepted) {
                Some(false)
            } else {
                None
            }
        }
        _ => None,
    }
}

fn same_members(values: &[Value], constant: &Constant) -> Kleene {
    let singles: Vec<Constant> = match constant {
        Constant::List(others) => others.iter().cloned().map(Constant::Value).collect(),
        Constant::Words { words, named } => {
            named.iter().map(|word| Constant::Words { words: *words, named: vec![*word] }).collect()
        }
        single => vec![single.clone()],
    };
    let is_in = all(values.iter().map(|value| any_of(value, constant)));
    let holds = all(singles.iter().map(|single| any(values.iter().map(|value| any_of(value, single)))));
    all([is_in, holds])
}

fn related(relation: Relation, a: &Value, b: &Value) -> Kleene {
    if let (Value::List(a), Value::List(b)) = (a, b) {
        let within = |a: &[Value], b: &[Value]| {
            all(a.iter().map(|value| any(b.iter().map(|other| equal(value, other)))))
        };
        let same = all([within(a, b), within(b, a)]);
        return if relation == Relation::Equal { same } else { not(same) };
    }
    let ordering = match (a, b) {
        (Value::Int(a), Value::Int(b))
        | (Value::Date(a), Value::Date(b))
        | (Value::Span(a), Value::Span(b)) => Some(a.cmp(b)),
        (Value::Word(a), Value::Word(b)) => Some(a.index().cmp(&b.index())),
        _ => None,
    };
    match relation {
        Relation::Equal => equal(a, b),
        Relation::NotEqual => not(equal(a, b)),
        Relation::Less => ordering.map(|o| o.is_lt()),
        Relation::LessOrEqual => ordering.map(|o| o.is_le()),
        Relation::Greater => ordering.map(|o| o.is_gt()),
        Relation::GreaterOrEqual => ordering.map(|o| o.is_ge()),
    }
}

/// What all spans within the bounds agree on.
fn within_bounds(relation: Relation, seconds: i64, constant: &Constant) -> Kleene {
    let Span { min_s, max_s } = match constant {
        Constant::Span(span) => *span,
        Constant::Value(Value::Span(seconds)) => Span::exact(*seconds),
        _ => return None,
    };
    let a = related(relation, &Value::Span(seconds), &Value::Span(min_s));
    let b = related(relation, &Value::Span(seconds), &Value::Span(max_s));
    // Between the bounds lies equality, which neither bound need show.
    let is_between = min_s < seconds && seconds < max_s;
    let is_equality = matches!(relation, Relation::Equal | Relation::NotEqual);
    if a == b && !(is_equality && is_between) { a } else { None }
}
