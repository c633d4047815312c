//! Conditions: the nodes of the program, by strong Kleene logic, within a depth and a budget.
use crate::compare;
use crate::logic::Truth;
use crate::lookup::{Inputs, Item, Look};
use core::cell::Cell;
use pkic_ir::{Atom, Expr, ExprId, Guard, Operand, Quantifier, Relation, Test};
use pkic_vocab::{Path, Value, limits};

/// Evaluates conditions. A program that was checked never reaches the depth or the end of the budget; where one does
/// that was not, every further condition is unknown.
pub(crate) struct Evaluator<'a> {
    pub(crate) inputs: &'a Inputs<'a>,
    steps_left: Cell<u64>,
}

/// The members that the folds around a node are at, innermost first.
type Around<'a> = [Option<Item<'a>>; 2];

impl<'a> Evaluator<'a> {
    pub(crate) fn new(inputs: &'a Inputs<'a>) -> Evaluator<'a> {
        Evaluator { inputs, steps_left: Cell::new(limits::PROFILE_COST_MAX) }
    }

    /// Whether a condition holds.
    #[inline]
    pub(crate) fn condition(&self, id: ExprId) -> Truth {
        self.node(id, &[None; 2], limits::EXPRESSION_DEPTH_MAX)
    }

    fn spend(&self, steps: usize) -> bool {
        let left = self.steps_left.get().checked_sub(steps as u64);
        self.steps_left.set(left.unwrap_or(0));
        left.is_some()
    }

    /// A child, which must stand before its parent: else nothing bounds the way down.
    fn child(&self, parent: ExprId, id: ExprId, around: &Around<'a>, levels: usize) -> Truth {
        if id < parent { self.node(id, around, levels) } else { Truth::Unknown }
    }

    #[inline]
    fn node(&self, id: ExprId, around: &Around<'a>, levels: usize) -> Truth {
        let program = self.inputs.program;
        match (levels.checked_sub(1), self.spend(1), program.expr(id)) {
            (Some(_), true, Some(Expr::Atom(atom))) => self.atom(atom, around),
            (Some(levels), true, Some(expr)) => self.branch(id, expr, around, levels),
            _ => Truth::Unknown,
        }
    }

    /// A node of nodes, apart from the others so that these need no stack.
    #[inline(never)]
    fn branch(&self, id: ExprId, expr: &'a Expr, around: &Around<'a>, levels: usize) -> Truth {
        match expr {
            Expr::Always(value) => Truth::from(*value),
            Expr::Atom(atom) => self.atom(atom, around),
            Expr::Not(child) => !self.child(id, *child, around, levels),
            Expr::And(children) => {
                let mut all = Truth::True;
                for child in children {
                    all = all.and(self.child(id, *child, around, levels));
                    if all == Truth::False {
                        break;
                    }
                }
                all
            }
            Expr::Or(children) => {
                let mut any = Truth::False;
                for child in children {
                    any = any.or(self.child(id, *child, around, levels));
                    if any == Truth::True {
                        break;
                    }
                }
                any
            }
            Expr::Each { quantifier, list, guard, body } => {
                let outer = around.first().copied().flatten();
                let holds = |member| self.child(id, *body, &[Some(member), outer], levels);
                each(*quantifier, self.inputs.look(list, guard), holds)
            }
        }
    }

    #[inline(always)]
    fn operand(&self, operand: &'a Operand, guard: &Guard, around: &Around<'a>) -> Look<'a> {
        match operand {
            Operand::Fact(path) => self.inputs.look(path, guard),
            Operand::Member { depth, field } => {
                let member = around.get(usize::from(*depth)).copied().flatten();
                match (member, field) {
                    (Some(member), None) => Look::Item(member),
                    (Some(Item::Value(Value::Record(fields))), Some(field)) => {
                        let value = fields.get(usize::from(*field)).and_then(Option::as_ref);
                        value.map_or(Look::Unknown, |value| Look::Item(Item::Value(value)))
                    }
                    _ => Look::Unknown,
                }
            }
        }
    }

    #[inline(never)]
    fn atom(&self, atom: &'a Atom, around: &Around<'a>) -> Truth {
        let item = match self.operand(&atom.left, &atom.guard, around) {
            Look::Unknown => return Truth::Unknown,
            Look::Absent => return absent(&atom.test),
            Look::Item(item) => item,
        };
        let members = item.members_len().unwrap_or(1);
        match &atom.test {
            Test::Compare(relation, constant) if self.spend(members) => {
                compare::compare(item, *relation, constant)
            }
            Test::In(constant) if self.spend(members) => compare::all_in(item, constant),
            Test::Contains(constant) if self.spend(members) => compare::contains(item, constant),
            Test::Under(bases) if self.spend(members.saturating_mul(bases.len())) => {
                compare::all_under(item, bases)
            }
            Test::CompareWith(_, other) | Test::InOperand(other) => self.against(item, atom, other, around),
            Test::Compare(..) | Test::In(_) | Test::Contains(_) | Test::Under(_) => Truth::Unknown,
        }
    }

    /// Whether a value stands to another operand as the test asks.
    #[inline(never)]
    fn against(&self, item: Item<'a>, atom: &'a Atom, other: &'a Operand, around: &Around<'a>) -> Truth {
        let members = item.members_len().unwrap_or(1);
        match (&atom.test, self.operand(other, &atom.guard, around)) {
            (Test::CompareWith(relation, _), Look::Absent) => Truth::from(*relation == Relation::NotEqual),
            (test, Look::Item(other))
                if self.spend(members.saturating_mul(other.members_len().unwrap_or(1))) =>
            {
                match test {
                    Test::CompareWith(relation, _) => compare::compare_with(item, *relation, other),
                    _ => compare::all_in_list(item, other),
                }
            }
            _ => Truth::Unknown,
        }
    }

    /// The fact that a condition hangs on: the first one of a part that keeps it from being `wanted`, or just the first.
    pub(crate) fn deciding(&self, id: ExprId, wanted: Truth, levels: usize) -> Option<(&'a Path, &'a Guard)> {
        let levels = levels.checked_sub(1)?;
        match self.inputs.program.expr(id)? {
            Expr::Always(_) => None,
            Expr::Not(child) if *child < id => self.deciding(*child, !wanted, levels),
            Expr::Not(_) => None,
            Expr::And(children) | Expr::Or(children) if children.iter().all(|child| *child < id) => {
                let misses = |id: &&ExprId| self.node(**id, &[None; 2], levels) != wanted;
                let open = |id: &&ExprId| self.node(**id, &[None; 2], levels) == Truth::Unknown;
                let child = children.iter().find(open).or_else(|| children.iter().find(misses));
                child
                    .and_then(|id| self.deciding(*id, wanted, levels))
                    .or_else(|| children.iter().find_map(|id| self.deciding(*id, wanted, levels)))
            }
            Expr::And(_) | Expr::Or(_) => None,
            Expr::Each { list, guard, .. } => Some((list, guard)),
            Expr::Atom(atom) => {
                let right = match &atom.test {
                    Test::CompareWith(_, operand) | Test::InOperand(operand) => path_of(operand),
                    Test::Compare(..) | Test::In(_) | Test::Under(_) | Test::Contains(_) => None,
                };
                let is_unknown = |path: &Path| matches!(self.inputs.look(path, &atom.guard), Look::Unknown);
                let path = match (path_of(&atom.left), right) {
                    (Some(left), Some(right)) if !is_unknown(left) && is_unknown(right) => right,
                    (Some(path), _) | (None, Some(path)) => path,
                    (None, None) => return None,
                };
                Some((path, &atom.guard))
            }
        }
    }
}

/// Whether all, or at least one, of the members of a list are so; unknown for what is no list.
#[inline(never)]
fn each<'a>(quantifier: Quantifier, list: Look<'a>, holds: impl Fn(Item<'a>) -> Truth) -> Truth {
    let list = match list {
        Look::Item(list) if list.members_len().is_some() => list,
        Look::Item(_) | Look::Absent | Look::Unknown => return Truth::Unknown,
    };
    match quantifier {
        Quantifier::All => list.members().map(holds).fold(Truth::True, Truth::and),
        Quantifier::Exists => list.members().map(holds).fold(Truth::False, Truth::or),
    }
}

/// The fact that an operand is; none where it is a member.
fn path_of(operand: &Operand) -> Option<&Path> {
    match operand {
        Operand::Fact(path) => Some(path),
        Operand::Member { .. } => None,
    }
}

/// What a test says of a single value that is known to be absent: it equals nothing and has no order.
fn absent(test: &Test) -> Truth {
    match test {
        Test::Compare(relation, _) | Test::CompareWith(relation, _) => {
            Truth::from(*relation == Relation::NotEqual)
        }
        Test::In(_) | Test::InOperand(_) | Test::Under(_) => Truth::False,
        Test::Contains(_) => Truth::Unknown,
    }
}
