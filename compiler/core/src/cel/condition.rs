//! Conditions in CEL.
//!
//! A condition of the language is true, false or unknown; what a host evaluates is true or not. So each condition is
//! written for one of two questions, is it known to be true or known to be false, and a negation swaps them: what is
//! not known well enough then answers neither.
use super::names;
use pkic_ir::{Atom, Constant, Expr, ExprId, Guard, Operand, Program, Quantifier, Relation, Test};
use pkic_vocab::catalogue::Openness;
use pkic_vocab::limits::EXPRESSION_DEPTH_MAX;
use pkic_vocab::time::Span;
use pkic_vocab::{BasisSet, FactDef, Grade, Path, Type, Value, Word, Words};

/// Why a condition cannot be said in CEL: one sentence.
pub(super) struct Unsayable(pub(super) String);

/// What is asked of a condition.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Is it known to be false?
    False,
    /// Is it known to be true?
    True,
}

impl Known {
    const fn opposite(self) -> Known {
        match self {
            Known::False => Known::True,
            Known::True => Known::False,
        }
    }
}

/// A piece of CEL, and how loosely its outermost operator binds.
pub(super) struct Piece {
    pub(super) text: String,
    binds: Binds,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Binds {
    And,
    Or,
    Tight,
}

impl Piece {
    pub(super) const fn tight(text: String) -> Piece {
        Piece { text, binds: Binds::Tight }
    }

    fn constant(value: bool) -> Piece {
        Piece::tight(value.to_string())
    }

    /// All of the pieces.
    pub(super) fn and(pieces: Vec<Piece>) -> Piece {
        Piece::join(pieces, Binds::And)
    }

    /// One of the pieces.
    pub(super) fn or(pieces: Vec<Piece>) -> Piece {
        Piece::join(pieces, Binds::Or)
    }

    fn join(mut pieces: Vec<Piece>, binds: Binds) -> Piece {
        if pieces.len() <= 1 {
            return pieces.pop().unwrap_or_else(|| Piece::constant(binds == Binds::And));
        }
        let parts: Vec<String> = pieces
            .into_iter()
            .map(|piece| match piece.binds {
                Binds::Tight => piece.text,
                within if within == binds => piece.text,
                Binds::And | Binds::Or => format!("({})", piece.text),
            })
            .collect();
        Piece { text: parts.join(if binds == Binds::And { " && " } else { " || " }), binds }
    }
}

/// Writes the conditions of one program.
pub(super) struct Writer<'p> {
    program: &'p Program,
    /// Types of the members that the enclosing quantifiers are at, outermost first.
    members: Vec<Type>,
    visits_left: usize,
}

const BINDERS: [&str; 3] = ["m", "n", "o"];

impl<'p> Writer<'p> {
    /// A writer that visits so many nodes at most.
    pub(super) fn new(program: &'p Program, visits_max: usize) -> Writer<'p> {
        Writer { program, members: Vec::new(), visits_left: visits_max }
    }

    /// The question whether a condition is known to be true, or known to be false.
    pub(super) fn ask(&mut self, id: ExprId, known: Known) -> Result<Piece, Unsayable> {
        self.node(id, known, 0)
    }

    fn node(&mut self, id: ExprId, known: Known, depth: usize) -> Result<Piece, Unsayable> {
        self.visits_left = self.visits_left.saturating_sub(1);
        if self.visits_left == 0 || depth > EXPRESSION_DEPTH_MAX {
            return Err(Unsayable("the condition is too long or too deep for CEL parsers".to_owned()));
        }
        let program = self.program;
        match program.expr(id).ok_or_else(|| Unsayable("the condition is missing".to_owned()))? {
            Expr::Always(value) => Ok(Piece::constant(*value == (known == Known::True))),
            Expr::Not(inner) => self.node(*inner, known.opposite(), depth + 1),
            Expr::And(parts) => {
                let pieces = self.nodes(parts, known, depth)?;
                Ok(if known == Known::True { Piece::and(pieces) } else { Piece::or(pieces) })
            }
            Expr::Or(parts) => {
                let pieces = self.nodes(parts, known, depth)?;
                Ok(if known == Known::True { Piece::or(pieces) } else { Piece::and(pieces) })
            }
            Expr::Atom(atom) => self.atom(atom, known),
            Expr::Each { quantifier, list, guard, body } => {
                self.members.push(list.fact.def().ty.element());
                let binder = self.binder(0);
                let inner = self.node(*body, known, depth + 1);
                self.members.pop();
                let each = Piece::tight(over(&names::fact(list), *quantifier, known, binder?, &inner?.text));
                Ok(Piece::and(guards(list, *guard).chain([each]).collect()))
            }
        }
    }

    fn nodes(&mut self, ids: &[ExprId], known: Known, depth: usize) -> Result<Vec<Piece>, Unsayable> {
        ids.iter().map(|id| self.node(*id, known, depth + 1)).collect()
    }

    /// Name of the member of the quantifier so many steps out.
    fn binder(&self, depth: usize) -> Result<&'static str, Unsayable> {
        let place = self.members.len().checked_sub(depth + 1);
        place
            .and_then(|place| BINDERS.get(place).copied())
            .ok_or_else(|| Unsayable("a member stands outside of its list".to_owned()))
    }

    fn operand(&self, operand: &Operand) -> Result<(String, Type), Unsayable> {
        match operand {
            Operand::Fact(path) => Ok((names::fact(path), path.fact.def().ty)),
            Operand::Member { depth, field } => {
                let binder = self.binder(usize::from(*depth))?;
                let outside = || Unsayable("a member stands outside of its list".to_owned());
                let place = self.members.len().checked_sub(usize::from(*depth) + 1).ok_or_else(outside)?;
                let ty = *self.members.get(place).ok_or_else(outside)?;
                match (field, ty) {
                    (None, _) => Ok((binder.to_owned(), ty)),
                    (Some(field), Type::Record(fields)) => {
                        let field = fields.get(usize::from(*field)).ok_or_else(outside)?;
                        Ok((format!("{binder}.{}", field.name.replace('-', "_")), field.ty))
                    }
                    (Some(_), _) => Err(outside()),
                }
            }
        }
    }

    fn atom(&self, atom: &Atom, known: Known) -> Result<Piece, Unsayable> {
        let other = match &atom.test {
            Test::CompareWith(_, operand) | Test::InOperand(operand) => Some(operand),
            Test::Compare(..) | Test::In(_) | Test::Under(_) | Test::Contains(_) => None,
        };
        let mut test = operand_guards(other, atom.guard);
        test.push(self.test(atom, known)?);
        let mut test = Piece::and(test);
        if holds_of_nothing(&atom.test, known) {
            let closed =
                [Some(&atom.left), other].map(|operand| operand.filter(|operand| may_be_absent(operand)));
            test = self.or_absent(closed, &atom.left, test)?;
        }
        let mut facts = operand_guards(Some(&atom.left), atom.guard);
        facts.push(test);
        Ok(Piece::and(facts))
    }

    /// A test that a value which is known to be absent answers with yes.
    fn or_absent(
        &self,
        [left, right]: [Option<&Operand>; 2],
        known: &Operand,
        test: Piece,
    ) -> Result<Piece, Unsayable> {
        let mut pieces = Vec::new();
        if let Some(Operand::Fact(path)) = left {
            pieces.push(Piece::tight(names::is_absent(path)));
        }
        if let Some(Operand::Fact(path)) = right {
            let (known, _) = self.operand(known)?;
            let known = Piece::tight(format!("{known} == {known}"));
            pieces.push(Piece::and(vec![Piece::tight(names::is_absent(path)), known]));
        }
        pieces.push(test);
        Ok(Piece::or(pieces))
    }

    fn test(&self, atom: &Atom, known: Known) -> Result<Piece, Unsayable> {
        let (text, ty) = self.operand(&atom.left)?;
        match &atom.test {
            Test::Compare(relation, constant) => compare(&text, ty, when(*relation, known), constant),
            Test::CompareWith(relation, other) => {
                let (other, other_ty) = self.operand(other)?;
                compare_with((&text, ty), when(*relation, known), (&other, other_ty))
            }
            Test::In(constant) => self.members_of(&text, ty, known, |member| is_in(member, constant, known)),
            Test::InOperand(other) => {
                let (other, _) = self.operand(other)?;
                if is_tree(ty.element()) {
                    return Err(Unsayable(format!("CEL cannot compare the trees `{text}` and `{other}`")));
                }
                self.members_of(&text, ty, known, |member| {
                    Ok(Piece::tight(match known {
                        Known::True => format!("{member} in {other}"),
                        Known::False => format!("!({member} in {other})"),
                    }))
                })
            }
            Test::Under(bases) => {
                let bases = names::list(bases).ok_or_else(|| no_literal(&text))?;
                let kind = names::quoted(ty.element().name());
                self.members_of(&text, ty, known, |member| {
                    let not = if known == Known::True { "" } else { "!" };
                    Ok(Piece::tight(format!("{not}{member}.under({kind}, {bases})")))
                })
            }
            Test::Contains(constant) => self.contains(&text, ty, constant, known),
        }
    }

    /// The test of a value, or that of each member of a list.
    fn members_of(
        &self,
        text: &str,
        ty: Type,
        known: Known,
        test: impl Fn(&str) -> Result<Piece, Unsayable>,
    ) -> Result<Piece, Unsayable> {
        if !matches!(ty, Type::List(_)) {
            return test(text);
        }
        let binder = *BINDERS.get(self.members.len()).unwrap_or(&"p");
        Ok(Piece::tight(over(text, Quantifier::All, known, binder, &test(binder)?.text)))
    }

    fn contains(&self, text: &str, ty: Type, constant: &Constant, known: Known) -> Result<Piece, Unsayable> {
        let binder = *BINDERS.get(self.members.len()).unwrap_or(&"p");
        match constant {
            Constant::Value(value) => {
                let value = names::literal(value).ok_or_else(|| no_literal(text))?;
                Ok(Piece::tight(match known {
                    Known::True => format!("{value} in {text}"),
                    Known::False => format!("!({value} in {text})"),
                }))
            }
            Constant::Words { words, .. } if ty.element() == Type::Word(*words) => {
                let member = is_in(binder, constant, known)?;
                Ok(Piece::tight(over(text, Quantifier::Exists, known, binder, &member.text)))
            }
            Constant::Words { .. } | Constant::Span(_) | Constant::List(_) => Err(no_literal(text)),
        }
    }
}

/// `list.all(m, …)`; asked whether it is false, a quantifier is the other one over what is false.
fn over(list: &str, quantifier: Quantifier, known: Known, binder: &str, body: &str) -> String {
    let all = (quantifier == Quantifier::All) == (known == Known::True);
    format!("{list}.{}({binder}, {body})", if all { "all" } else { "exists" })
}

fn no_literal(text: &str) -> Unsayable {
    Unsayable(format!("CEL has no literal for what `{text}` is compared with"))
}

/// What must be known of a fact before its value counts, as calls of host functions.
fn guards(path: &Path, guard: Guard) -> impl Iterator<Item = Piece> + use<> {
    let def: &FactDef = path.fact.def();
    let name = names::quoted(&names::fact_name(path));
    let grade = guard.grade.unwrap_or(def.floor);
    let known = match guard.within_s {
        Some(age_s) => {
            let age = names::duration(age_s);
            Some(format!("known_within({name}, {}, {age})", names::quoted(grade.name())))
        }
        None if grade.max(def.floor) > Grade::Claimed => {
            Some(format!("known({name}, {})", names::quoted(grade.name())))
        }
        None => None,
    };
    let basis = (guard.basis != BasisSet::ANY).then(|| {
        let words: Vec<String> = guard.basis.names().map(names::quoted).collect();
        format!("rests_on({name}, [{}])", words.join(", "))
    });
    let calls = if def.is_graded() { [known, basis] } else { [None, None] };
    calls.into_iter().flatten().map(Piece::tight)
}

fn operand_guards(operand: Option<&Operand>, guard: Guard) -> Vec<Piece> {
    match operand {
        Some(Operand::Fact(path)) => guards(path, guard).collect(),
        Some(Operand::Member { .. }) | None => Vec::new(),
    }
}

/// Whether a value that is known to be absent answers the question with yes: it equals nothing and has no order.
fn holds_of_nothing(test: &Test, known: Known) -> bool {
    match test {
        Test::Compare(relation, _) | Test::CompareWith(relation, _) => {
            (*relation == Relation::NotEqual) == (known == Known::True)
        }
        Test::In(_) | Test::InOperand(_) | Test::Under(_) => known == Known::False,
        Test::Contains(_) => false,
    }
}

/// Whether it can be known that a fact has no value. An absent list is empty.
fn may_be_absent(operand: &Operand) -> bool {
    let Operand::Fact(path) = operand else { return false };
    let def = path.fact.def();
    def.openness == Openness::Closed && !matches!(def.ty, Type::List(_))
}

/// The relation that is true where this one is known to be so.
const fn when(relation: Relation, known: Known) -> Relation {
    match (known, relation) {
        (Known::True, relation) => relation,
        (Known::False, Relation::Equal) => Relation::NotEqual,
        (Known::False, Relation::NotEqual) => Relation::Equal,
        (Known::False, Relation::Less) => Relation::GreaterOrEqual,
        (Known::False, Relation::LessOrEqual) => Relation::Greater,
        (Known::False, Relation::Greater) => Relation::LessOrEqual,
        (Known::False, Relation::GreaterOrEqual) => Relation::Less,
    }
}

const fn operator(relation: Relation) -> &'static str {
    match relation {
        Relation::Equal => "==",
        Relation::NotEqual => "!=",
        Relation::Less => "<",
        Relation::LessOrEqual => "<=",
        Relation::Greater => ">",
        Relation::GreaterOrEqual => ">=",
    }
}

/// `text RELATION constant`, true only where the relation holds whatever is not known.
fn compare(text: &str, ty: Type, relation: Relation, constant: &Constant) -> Result<Piece, Unsayable> {
    if matches!(ty, Type::List(_)) {
        return compare_list(text, relation, constant);
    }
    match constant {
        Constant::Value(value) => {
            let value = names::literal(value).ok_or_else(|| no_literal(text))?;
            Ok(Piece::tight(format!("{text} {} {value}", operator(relation))))
        }
        Constant::Span(span) => compare_span(text, relation, *span),
        Constant::Words { words, named } => {
            let accepted = constant.accepted();
            let named = named.first().map_or(0, |word| word.index());
            let is_ordered = words.is_ordered();
            words_where(text, *words, |leaf| match relation {
                Relation::Equal => Some(accepted.contains(leaf)),
                Relation::NotEqual => Some(!accepted.contains(leaf)),
                Relation::Less => is_ordered.then_some(leaf.index() < named),
                Relation::LessOrEqual => is_ordered.then_some(leaf.index() <= named),
                Relation::Greater => is_ordered.then_some(leaf.index() > named),
                Relation::GreaterOrEqual => is_ordered.then_some(leaf.index() >= named),
            })
        }
        Constant::List(_) => Err(no_literal(text)),
    }
}

fn compare_span(text: &str, relation: Relation, span: Span) -> Result<Piece, Unsayable> {
    if span == Span::FOREVER {
        // No span is longer, and CEL has no endless duration to compare with.
        return match relation {
            Relation::LessOrEqual => Ok(Piece::tight(format!("{text} == {text}"))),
            Relation::Greater => Ok(Piece::tight(format!("{text} != {text}"))),
            _ => Err(Unsayable(format!("CEL has no endless duration to compare `{text}` with"))),
        };
    }
    let (low, high) = (names::duration(span.min_s), names::duration(span.max_s));
    let one = |operator: &str, bound: &str| Ok(Piece::tight(format!("{text} {operator} {bound}")));
    match relation {
        Relation::LessOrEqual | Relation::Less => one(operator(relation), &low),
        Relation::GreaterOrEqual | Relation::Greater => one(operator(relation), &high),
        Relation::Equal if span.is_exact() => one("==", &low),
        Relation::Equal => Ok(Piece::constant(false)),
        Relation::NotEqual if span.is_exact() => one("!=", &low),
        Relation::NotEqual => Ok(Piece::or(vec![
            Piece::tight(format!("{text} < {low}")),
            Piece::tight(format!("{text} > {high}")),
        ])),
    }
}

/// Whether an enumeration has inner words, which say that the leaf below is not known.
fn is_tree(ty: Type) -> bool {
    matches!(ty, Type::Word(words) if words.all().any(|word| word.def().parent.is_some()))
}

/// Whether a value says all that its tree can say.
fn is_leaf(text: &str, words: Words) -> Piece {
    let leaves = words.all().filter(|word| word.possible().contains(*word));
    let literals: Vec<String> = leaves.map(|word| names::quoted(word.name())).collect();
    Piece::tight(format!("{text} in [{}]", literals.join(", ")))
}

/// The words for which a test holds whichever leaf below them is the right one.
fn words_where(text: &str, words: Words, holds: impl Fn(Word) -> Option<bool>) -> Result<Piece, Unsayable> {
    let mut leaves = Vec::new();
    for leaf in words.all().filter(|word| word.possible().contains(*word)) {
        let Some(holds) = holds(leaf) else {
            return Err(Unsayable(format!("`{}` has no order", words.name())));
        };
        leaves.push((leaf, holds));
    }
    let literals: Vec<String> = words
        .all()
        .filter(|word| {
            let possible = word.possible();
            leaves.iter().all(|(leaf, holds)| *holds || !possible.contains(*leaf))
        })
        .map(|word| names::quoted(word.name()))
        .collect();
    Ok(Piece::tight(match literals.as_slice() {
        [word] => format!("{text} == {word}"),
        words => format!("{text} in [{}]", words.join(", ")),
    }))
}

fn is_in(text: &str, constant: &Constant, known: Known) -> Result<Piece, Unsayable> {
    match constant {
        Constant::Words { words, .. } => {
            let accepted = constant.accepted();
            words_where(text, *words, |leaf| Some(accepted.contains(leaf) == (known == Known::True)))
        }
        Constant::List(values) => {
            let list = names::list(values).ok_or_else(|| no_literal(text))?;
            Ok(Piece::tight(match known {
                Known::True => format!("{text} in {list}"),
                Known::False => format!("!({text} in {list})"),
            }))
        }
        Constant::Value(value) => is_in(text, &Constant::List(vec![value.clone()]), known),
        Constant::Span(_) => Err(no_literal(text)),
    }
}

/// A list compared with constants: `==` asks that both hold the same values, however often and in whatever order.
fn compare_list(text: &str, relation: Relation, constant: &Constant) -> Result<Piece, Unsayable> {
    let literals = match constant {
        Constant::Words { words, named } if !is_tree(Type::Word(*words)) => {
            named.iter().map(|word| names::quoted(word.name())).collect()
        }
        Constant::List(values) => all_literals(text, values)?,
        Constant::Value(value) => all_literals(text, core::slice::from_ref(value))?,
        Constant::Words { .. } | Constant::Span(_) => return Err(no_literal(text)),
    };
    same_members(text, relation, &format!("[{}]", literals.join(", ")))
}

fn all_literals(text: &str, values: &[Value]) -> Result<Vec<String>, Unsayable> {
    values.iter().map(|value| names::literal(value).ok_or_else(|| no_literal(text))).collect()
}

fn same_members(left: &str, relation: Relation, right: &str) -> Result<Piece, Unsayable> {
    match relation {
        Relation::Equal => Ok(Piece::and(vec![
            Piece::tight(format!("{left}.all(m, m in {right})")),
            Piece::tight(format!("{right}.all(m, m in {left})")),
        ])),
        Relation::NotEqual => Ok(Piece::or(vec![
            Piece::tight(format!("{left}.exists(m, !(m in {right}))")),
            Piece::tight(format!("{right}.exists(m, !(m in {left}))")),
        ])),
        _ => Err(Unsayable(format!("the list `{left}` has no order"))),
    }
}

fn compare_with(
    (left, left_ty): (&str, Type),
    relation: Relation,
    (right, right_ty): (&str, Type),
) -> Result<Piece, Unsayable> {
    match (left_ty, right_ty) {
        (Type::List(_), Type::List(_)) => same_members(left, relation, right),
        (Type::List(_), _) | (_, Type::List(_)) => {
            Err(Unsayable(format!("one of `{left}` and `{right}` is a list, and the other is none")))
        }
        (Type::Word(words), _) => {
            if !matches!(relation, Relation::Equal | Relation::NotEqual) {
                return Err(Unsayable(format!("CEL has no order for the words `{left}` and `{right}`")));
            }
            let mut pieces = vec![Piece::tight(format!("{left} {} {right}", operator(relation)))];
            if is_tree(left_ty) {
                pieces.extend([left, right].map(|text| is_leaf(text, words)));
            }
            Ok(Piece::and(pieces))
        }
        _ => Ok(Piece::tight(format!("{left} {} {right}", operator(relation)))),
    }
}
