//! How well requirements want to know their facts.
use crate::context::Cx;
use crate::items::{Frame, Lines};
use pkic_ir::{Body, Expr, ExprId, Guard, Operand, Origin, RequirementId, Test};
use pkic_syntax::ast::MandateItemKind;
use pkic_vocab::{BasisSet, Grade, Path};
use std::collections::{BTreeSet, HashMap};

/// How well a fact must be known so that it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The fact.
    pub path: Path,
    /// The lowest grade that counts.
    pub grade: Grade,
    /// Whether the policy names no grade, so that the floor of the fact counts.
    pub is_floor: bool,
    /// What the value may rest on.
    pub basis: BasisSet,
    /// The oldest that evidence on file may be, in seconds; `None` asks for evidence with the request.
    pub within_s: Option<i64>,
}

/// What each requirement demands, by its place.
#[derive(Default)]
pub(super) struct Demands {
    by_place: HashMap<(u32, u32, u32), Vec<Demand>>,
}

impl Demands {
    /// What the requirement in a place demands of each of its facts, each once. Facts that are ours (of the certificate
    /// and the policy) have no grade and are not among them.
    pub(super) fn of(&self, origin: Origin) -> Vec<Demand> {
        self.by_place.get(&key(origin)).cloned().unwrap_or_default()
    }
}

fn key(origin: Origin) -> (u32, u32, u32) {
    (origin.file, origin.line, origin.column)
}

impl Cx<'_> {
    /// The demands of every requirement, those of mandates that nobody adopts among them.
    pub(super) fn all_demands(&mut self) -> Demands {
        let mut demands = Demands::default();
        self.note_demands(0, &mut demands);
        for index in 0..self.names.mandates.entries().len() {
            let (exprs, requirements) = (self.exprs.len(), self.requirements.len());
            let reported = self.diagnostics.len();
            self.lower_mandate(index);
            self.note_demands(requirements, &mut demands);
            self.exprs.truncate(exprs);
            self.requirements.truncate(requirements);
            self.known.truncate(requirements);
            self.diagnostics.truncate(reported);
        }
        demands
    }

    /// Lowers a mandate with all its readings; what is wrong with it is reported already.
    fn lower_mandate(&mut self, index: usize) -> Option<()> {
        let (module, node) = self.names.mandates.entry(index).map(|entry| (entry.module, entry.node))?;
        let frame = Frame::new(module);
        let mut lines = Lines::default();
        for item in &node.items {
            match &item.kind {
                MandateItemKind::Item(item) => self.item(&frame, item, &mut lines),
                MandateItemKind::Reading(reading) => {
                    for item in &reading.items {
                        self.item(&frame, item, &mut lines);
                    }
                }
                MandateItemKind::For(_) | MandateItemKind::Error => {}
            }
        }
        Some(())
    }

    fn note_demands(&self, first: usize, demands: &mut Demands) {
        for index in first..self.requirements.len() {
            let id = RequirementId(u32::try_from(index).unwrap_or(u32::MAX));
            let Some(requirement) = self.requirement(id) else { continue };
            if let Body::Expr(expr) = requirement.body {
                let found = demands_of(&self.exprs, expr);
                demands.by_place.insert(key(requirement.origin), found);
            }
        }
    }
}

/// Children stand before their parents, so this ends; a node that several share is read once.
fn demands_of(exprs: &[Expr], root: ExprId) -> Vec<Demand> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        match usize::try_from(id.0).ok().and_then(|index| exprs.get(index)) {
            None | Some(Expr::Always(_)) => {}
            Some(Expr::Not(inner)) => open.push(*inner),
            Some(Expr::And(parts) | Expr::Or(parts)) => open.extend(parts.iter().rev()),
            Some(Expr::Each { list, guard, body, .. }) => {
                add(list, guard, &mut found);
                open.push(*body);
            }
            Some(Expr::Atom(atom)) => {
                let right = match &atom.test {
                    Test::CompareWith(_, operand) | Test::InOperand(operand) => Some(operand),
                    Test::Compare(..) | Test::In(_) | Test::Under(_) | Test::Contains(_) => None,
                };
                for operand in std::iter::once(&atom.left).chain(right) {
                    if let Operand::Fact(path) = operand {
                        add(path, &atom.guard, &mut found);
                    }
                }
            }
        }
    }
    found
}

fn add(path: &Path, guard: &Guard, found: &mut Vec<Demand>) {
    let def = path.fact.def();
    if !def.is_graded() {
        return;
    }
    let demand = Demand {
        path: path.clone(),
        grade: guard.grade.unwrap_or(def.floor),
        is_floor: guard.grade.is_none(),
        basis: guard.basis,
        within_s: guard.within_s,
    };
    if !found.contains(&demand) {
        found.push(demand);
    }
}
