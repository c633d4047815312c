//! Random well-typed conditions, as trees of numbers that shrink, and their lowering to nodes.
use crate::tables::{is_given, path, value};
use pkic_ir::{Atom, Constant, Expr, ExprId, Guard, Operand, Quantifier, Relation, Test};
use pkic_vocab::time::Span;
use pkic_vocab::{BasisSet, FactId, Grade, Type, Value};
use proptest::prelude::*;

/// A condition.
#[derive(Debug, Clone)]
pub enum Cond {
    Always(bool),
    Atom(Seeds),
    Not(Box<Cond>),
    All(Vec<Cond>),
    Some(Vec<Cond>),
    Each { list: u8, all: bool, grade: u8, body: Box<Cond> },
}

/// The choices of an atom.
#[derive(Debug, Clone)]
pub struct Seeds {
    operand: u8,
    member: bool,
    test: u8,
    relation: u8,
    values: Vec<u8>,
    grade: u8,
    basis: u8,
    within: u8,
}

/// Random conditions.
pub fn cond() -> impl Strategy<Value = Cond> {
    let seeds =
        (any::<(u8, bool, u8, u8)>(), prop::collection::vec(any::<u8>(), 1..4), any::<(u8, u8, u8)>())
            .prop_map(|((operand, member, test, relation), values, (grade, basis, within))| Seeds {
                operand,
                member,
                test,
                relation,
                values,
                grade,
                basis,
                within,
            });
    let leaf = prop_oneof![20 => seeds.prop_map(Cond::Atom), 1 => any::<bool>().prop_map(Cond::Always)];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Cond::Not(Box::new(inner))),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Cond::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Cond::Some),
            (any::<u8>(), any::<bool>(), any::<u8>(), inner)
                .prop_map(|(list, all, grade, body)| Cond::Each { list, all, grade, body: Box::new(body) }),
        ]
    })
}

fn facts(keep: impl Fn(Type) -> bool) -> Vec<FactId> {
    FactId::all().filter(|id| is_given(*id) && keep(id.def().ty)).collect()
}

fn choose<T: Copy>(of: &[T], seed: u8) -> T {
    of[usize::from(seed) % of.len()]
}

impl Cond {
    /// The nodes of the condition, appended to `exprs`; the last of them is the whole.
    pub fn lower(&self, exprs: &mut Vec<Expr>) -> ExprId {
        self.lower_within(exprs, &mut Vec::new())
    }

    fn lower_within(&self, exprs: &mut Vec<Expr>, members: &mut Vec<Type>) -> ExprId {
        let expr = match self {
            Cond::Always(value) => Expr::Always(*value),
            Cond::Atom(seeds) => Expr::Atom(seeds.atom(members)),
            Cond::Not(inner) => Expr::Not(inner.lower_within(exprs, members)),
            Cond::All(parts) => {
                Expr::And(parts.iter().map(|part| part.lower_within(exprs, members)).collect())
            }
            Cond::Some(parts) => {
                Expr::Or(parts.iter().map(|part| part.lower_within(exprs, members)).collect())
            }
            Cond::Each { body, .. } if members.len() >= 2 => return body.lower_within(exprs, members),
            Cond::Each { list, all, grade, body } => {
                let lists = facts(|ty| matches!(ty, Type::List(_)));
                let list = choose(&lists, *list);
                members.push(list.def().ty.element());
                let body = body.lower_within(exprs, members);
                members.pop();
                let quantifier = if *all { Quantifier::All } else { Quantifier::Exists };
                let guard = if list.def().is_graded() { guard(*grade, 0, 0) } else { Guard::FLOOR };
                Expr::Each { quantifier, list: path(list), guard, body }
            }
        };
        exprs.push(expr);
        ExprId(u32::try_from(exprs.len()).unwrap() - 1)
    }
}

fn guard(grade: u8, basis: u8, within: u8) -> Guard {
    Guard {
        grade: [None, None, Some(Grade::Claimed), Some(Grade::Observed), Some(Grade::Attested)]
            [usize::from(grade) % 5],
        basis: choose(&[BasisSet::ANY, BasisSet::ANY, BasisSet::STATEMENT, BasisSet::API], basis),
        within_s: choose(&[None, None, Some(10_000)], within),
    }
}

impl Seeds {
    fn seed(&self, place: usize) -> u8 {
        self.values[place % self.values.len()]
    }

    fn atom(&self, members: &[Type]) -> Atom {
        let (left, ty) = self.left(members);
        let test = self.test(&left, ty);
        let graded =
            |operand: &Operand| matches!(operand, Operand::Fact(path) if path.fact.def().is_graded());
        let other = match &test {
            Test::CompareWith(_, other) | Test::InOperand(other) => graded(other),
            _ => false,
        };
        let guarded = graded(&left) || other;
        let guard = if guarded { guard(self.grade, self.basis, self.within) } else { Guard::FLOOR };
        Atom { left, test, guard }
    }

    fn left(&self, members: &[Type]) -> (Operand, Type) {
        if self.member && !members.is_empty() {
            let depth = usize::from(self.operand) % members.len();
            let member = members[members.len() - 1 - depth];
            let depth = u8::try_from(depth).unwrap();
            if let Type::Record(fields) = member {
                let field = usize::from(self.relation) % fields.len();
                let place = u8::try_from(field).unwrap();
                return (Operand::Member { depth, field: Some(place) }, fields[field].ty);
            }
            return (Operand::Member { depth, field: None }, member);
        }
        let fact = choose(&facts(|ty| !matches!(ty.element(), Type::Record(_))), self.operand);
        (Operand::Fact(path(fact)), fact.def().ty)
    }

    fn test(&self, left: &Operand, ty: Type) -> Test {
        let is_list = matches!(ty, Type::List(_));
        match self.test % 6 {
            0 | 1 => Test::Compare(self.relation(ty), self.constant(ty)),
            2 => Test::In(self.set(ty.element())),
            3 if ty.element().is_hierarchical() => {
                Test::Under(self.values.iter().map(|seed| value(ty.element(), *seed)).collect())
            }
            4 if is_list => Test::Contains(self.member_constant(ty.element())),
            5 => self.with_other(left, ty),
            _ => Test::In(self.set(ty.element())),
        }
    }

    fn relation(&self, ty: Type) -> Relation {
        use Relation::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        if ty.is_ordered() {
            choose(&[LessOrEqual, Less, Greater, GreaterOrEqual, Equal, NotEqual], self.relation)
        } else {
            choose(&[Equal, NotEqual], self.relation)
        }
    }

    fn constant(&self, ty: Type) -> Constant {
        if matches!(ty, Type::List(_)) { self.set(ty.element()) } else { self.member_constant(ty) }
    }

    fn member_constant(&self, ty: Type) -> Constant {
        match ty {
            Type::Span => Constant::Span(choose(
                &[
                    Span::exact(47 * 86_400),
                    Span::of(13, "mo").unwrap(),
                    Span::of(1, "y").unwrap(),
                    Span::exact(395 * 86_400),
                    Span::FOREVER,
                ],
                self.seed(0),
            )),
            Type::Word(words) => match value(ty, self.seed(0)) {
                Value::Word(word) => Constant::Words { words, named: vec![word] },
                other => panic!("{other} is no word"),
            },
            _ => Constant::Value(value(ty, self.seed(0))),
        }
    }

    fn set(&self, ty: Type) -> Constant {
        let values: Vec<Value> = self.values.iter().map(|seed| value(ty, *seed)).collect();
        let Type::Word(words) = ty else { return Constant::List(values) };
        let mut named: Vec<_> = values
            .iter()
            .filter_map(|value| if let Value::Word(word) = value { Some(*word) } else { None })
            .collect();
        named.sort();
        named.dedup();
        Constant::Words { words, named }
    }

    /// A test against another fact of the same type, or against a list of such.
    fn with_other(&self, left: &Operand, ty: Type) -> Test {
        let same = facts(|other| other == ty);
        let lists = facts(|other| matches!(other, Type::List(_)) && other.element() == ty.element());
        if !lists.is_empty() && self.relation.is_multiple_of(2) {
            return Test::InOperand(Operand::Fact(path(choose(&lists, self.seed(0)))));
        }
        if same.is_empty() {
            return Test::CompareWith(Relation::Equal, left.clone());
        }
        let other = Operand::Fact(path(choose(&same, self.seed(0))));
        Test::CompareWith(self.relation(ty), other)
    }
}
