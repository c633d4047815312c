//! What a decision costs: the most nodes and list members that it visits, whatever the request says.
use crate::expr::{Atom, Constant, Expr, ExprId, Operand, Test};
use crate::program::{Body, Profile, Program, RequirementId, Way};
use alloc::vec::Vec;
use pkic_vocab::{Type, limits};

const MEMBERS: u64 = limits::FACT_LIST_LEN_MAX as u64;

/// The cost of each condition of the program, in the order of [`Program::exprs`].
///
/// A child that does not stand before its parent counts as infinitely dear.
fn of_exprs(program: &Program) -> Vec<u64> {
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

/// What is charged for each condition and each requirement of a program.
#[derive(Debug)]
pub struct Costs {
    exprs: Vec<u64>,
    requirements: Vec<u64>,
    /// Whether a requirement asks for approvals, itself or in one of its ways; and in how many of these.
    approving: Vec<(bool, u64)>,
}

impl Costs {
    /// The costs of a program. Each requirement is looked at once, however many ways it stands in: what the ways of a
    /// small program multiply to can be beyond counting.
    ///
    /// What does not stand before that which it is part of counts as infinitely dear.
    pub fn new(program: &Program) -> Costs {
        let mut costs = Costs { exprs: of_exprs(program), requirements: Vec::new(), approving: Vec::new() };
        for requirement in &program.requirements {
            let when = requirement.when.iter().fold(1u64, |sum, id| sum.saturating_add(costs.expr(*id)));
            let body = match &requirement.body {
                Body::Expr(id) => costs.expr(*id),
                Body::OneOf(ways) => {
                    ways.iter().fold(0u64, |sum, way| sum.saturating_add(costs.lines(&way.requirements)))
                }
                Body::Approve(approval) => u64::from(approval.count),
            };
            let approving = match &requirement.body {
                Body::Expr(_) => (false, 0),
                Body::Approve(_) => (true, 0),
                Body::OneOf(ways) => {
                    let ways = ways.iter().filter(|way| costs.is_approving(way)).count() as u64;
                    (ways > 0, ways)
                }
            };
            costs.requirements.push(when.saturating_add(body));
            costs.approving.push(approving);
        }
        costs
    }

    /// The cost of one decision on a profile: its lines, contents, mandates and exceptions.
    pub fn of_profile(&self, profile: &Profile) -> u64 {
        let fields = profile.contents.iter().fold(0u64, |sum, field| {
            let constraint = field.constraint.map_or(0, |id| self.expr(id));
            sum.saturating_add(constraint).saturating_add(profile.contents.len() as u64)
        });
        let lines = self.lines(&profile.requirements);
        let obligations = profile
            .obligations
            .iter()
            .flat_map(|obligation| &obligation.when)
            .fold(0u64, |sum, id| sum.saturating_add(self.expr(*id)));
        let exceptions = profile.exceptions.iter().fold(0u64, |sum, exception| {
            let when = exception.when.map_or(0, |id| self.expr(id));
            sum.saturating_add(when).saturating_add(self.lines(&exception.requirements))
        });
        [fields, lines, obligations, exceptions, self.approvals(profile)]
            .into_iter()
            .fold(1, u64::saturating_add)
    }

    /// The cost of approvals in ways: for each way that asks for some, the lines of all others are gathered, since a
    /// person is counted for one of them alone.
    fn approvals(&self, profile: &Profile) -> u64 {
        let of_exceptions = profile.exceptions.iter().flat_map(|exception| &exception.requirements);
        let ids = || profile.requirements.iter().chain(of_exceptions.clone());
        let ways = ids().fold(0u64, |sum, id| sum.saturating_add(self.approving(*id).1));
        let gathered = ids().fold(0u64, |sum, id| sum.saturating_add(self.requirement(*id)));
        ways.saturating_mul(gathered)
    }

    fn is_approving(&self, way: &Way) -> bool {
        way.requirements.iter().any(|id| self.approving(*id).0)
    }

    fn approving(&self, id: RequirementId) -> (bool, u64) {
        let index = usize::try_from(id.0).unwrap_or(usize::MAX);
        self.approving.get(index).copied().unwrap_or((true, u64::MAX))
    }

    fn requirement(&self, id: RequirementId) -> u64 {
        let index = usize::try_from(id.0).unwrap_or(usize::MAX);
        self.requirements.get(index).copied().unwrap_or(u64::MAX)
    }

    fn expr(&self, id: ExprId) -> u64 {
        of(&self.exprs, id)
    }

    fn lines(&self, ids: &[RequirementId]) -> u64 {
        ids.iter().fold(0, |sum, id| sum.saturating_add(self.requirement(*id)))
    }
}

impl Program {
    /// Writes into each profile what a decision on it costs.
    pub fn fill_costs(&mut self) {
        let costs = Costs::new(self);
        for profile in &mut self.profiles {
            profile.cost = costs.of_profile(profile);
        }
    }
}
