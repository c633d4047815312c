//! What a decision costs: the most nodes and list members that it visits, whatever the request says.
use crate::expr::{Atom, Constant, Expr, ExprId, Operand, Test};
use crate::program::{Body, Profile, Program, RequirementId};
use alloc::vec::Vec;
use pkic_vocab::{Type, limits};

const MEMBERS: u64 = limits::FACT_LIST_LEN_MAX as u64;

/// The cost of each condition of the program, in the order of [`Program::exprs`].
///
/// A child that does not stand before its parent counts as infinitely dear.
pub fn of_exprs(program: &Program) -> Vec<u64> {
    let mut costs: Vec<u64> = Vec::with_capacity(program.exprs.len());
    for expr in &program.exprs {
        let child = |id: &ExprId| of(&costs, *id);
        let sum = |ids: &[ExprId]| ids.iter().fold(1u64, |sum, id| sum.saturating_add(child(id)));
        let cost = match expr {
            Expr::Always(_) => 1,
            Expr::Atom(atom) => of_atom(atom),
            Expr::Not(id) => child(id).saturating_add(1),
            Expr::And(ids) | Expr::Or(ids) => sum(ids),
            Expr::Each { body, .. } => child(body).saturating_mul(MEMBERS).saturating_add(1),
        };
        costs.push(cost);
    }
    costs
}

fn of(costs: &[u64], id: ExprId) -> u64 {
    usize::try_from(id.0).ok().and_then(|index| costs.get(index)).copied().unwrap_or(u64::MAX)
}

fn of_atom(atom: &Atom) -> u64 {
    let left = members(&atom.left);
    let right = match &atom.test {
        Test::Compare(_, constant) | Test::In(constant) | Test::Contains(constant) => width(constant),
        Test::CompareWith(_, operand) | Test::InOperand(operand) => members(operand),
        Test::Under(values) => values.len() as u64,
    };
    // A whole-list comparison looks both ways.
    left.saturating_mul(right.max(1)).saturating_mul(2)
}

fn width(constant: &Constant) -> u64 {
    match constant {
        Constant::Value(_) | Constant::Span(_) => 1,
        Constant::Words { named, .. } => named.len() as u64,
        Constant::List(values) => values.len() as u64,
    }
}

fn members(operand: &Operand) -> u64 {
    match operand {
        Operand::Fact(path) if matches!(path.fact.def().ty, Type::List(_)) => MEMBERS,
        Operand::Fact(_) | Operand::Member { .. } => 1,
    }
}

/// The cost of one decision on a profile, with the costs of [`of_exprs`]: its lines, contents, mandates and exceptions.
pub fn of_profile(program: &Program, costs: &[u64], profile: &Profile) -> u64 {
    let fields = profile.contents.iter().fold(0u64, |sum, field| {
        let constraint = field.constraint.map_or(0, |id| of(costs, id));
        sum.saturating_add(constraint).saturating_add(profile.contents.len() as u64)
    });
    let lines = of_lines(program, costs, &profile.requirements, limits::NESTING_MAX);
    let obligations = profile
        .obligations
        .iter()
        .flat_map(|obligation| &obligation.when)
        .fold(0u64, |sum, id| sum.saturating_add(of(costs, *id)));
    let exceptions = profile.exceptions.iter().fold(0u64, |sum, exception| {
        let when = exception.when.map_or(0, |id| of(costs, id));
        let controls = of_lines(program, costs, &exception.requirements, limits::NESTING_MAX);
        sum.saturating_add(when).saturating_add(controls)
    });
    [fields, lines, obligations, exceptions].into_iter().fold(1, u64::saturating_add)
}

fn of_lines(program: &Program, costs: &[u64], ids: &[RequirementId], levels: usize) -> u64 {
    let Some(levels) = levels.checked_sub(1) else {
        return u64::MAX;
    };
    ids.iter().fold(0u64, |sum, id| {
        let Some(requirement) = program.requirement(*id) else {
            return u64::MAX;
        };
        let when = requirement.when.iter().fold(1u64, |sum, id| sum.saturating_add(of(costs, *id)));
        let body = match &requirement.body {
            Body::Expr(id) => of(costs, *id),
            Body::OneOf(ways) => ways.iter().fold(0u64, |sum, way| {
                sum.saturating_add(of_lines(program, costs, &way.requirements, levels))
            }),
            Body::Approve(approval) => u64::from(approval.count),
        };
        sum.saturating_add(when).saturating_add(body)
    })
}

impl Program {
    /// Writes into each profile what a decision on it costs.
    pub fn fill_costs(&mut self) {
        let exprs = of_exprs(self);
        let costs: Vec<u64> = self.profiles.iter().map(|profile| of_profile(self, &exprs, profile)).collect();
        for (profile, cost) in self.profiles.iter_mut().zip(costs) {
            profile.cost = cost;
        }
    }
}
