//! The matrix of mandates and profiles: what binds what, and why.
use super::{Clause, Declaration, Line};
use crate::context::Cx;
use crate::mandates::{MANDATE_USES_MAX, selection};
use crate::profiles::Effective;
use crate::select::{Decision, Static};
use pkic_ir::Standing;

/// Mandates and profiles of a program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matrix {
    /// One for each mandate that can be seen, sorted by name.
    pub rows: Vec<Row>,
}

/// A mandate and every profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Qualified name of the mandate.
    pub mandate: String,
    /// Its title.
    pub title: String,
    /// Its clause.
    pub cites: Option<Clause>,
    /// Its condition, as written; `None` speaks of every profile.
    pub condition: Option<String>,
    /// The readings that it offers.
    pub readings: Vec<String>,
    /// Whether some policy or profile adopts it.
    pub is_adopted: bool,
    /// One for each profile, sorted by name. Empty for a mandate that nobody adopts where there are too many pairs.
    pub cells: Vec<Cell>,
}

/// How a mandate stands to a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Qualified name of the profile.
    pub profile: String,
    /// Whether something can be asked of the profile; a base permits nothing.
    pub is_base: bool,
    /// Whether and how the mandate is adopted for the profile.
    pub adoption: Option<Adoption>,
    /// Whether the mandate selects the profile, or would if it were adopted.
    pub standing: Standing,
    /// Why it does or does not, in a sentence.
    pub because: String,
    /// Where its lines stand to the day in question.
    pub timing: Timing,
}

/// How a mandate is adopted for a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// Whether its lines warn and never refuse.
    pub is_advice: bool,
    /// The readings that are adopted, and whether as advice.
    pub readings: Vec<(String, bool)>,
}

/// Where the lines of a mandate stand to the day in question; without a day they all hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timing {
    /// Some line holds, or no day was asked about.
    #[default]
    Holds,
    /// No line holds before this moment.
    NotBefore(i64),
    /// No line holds since this moment.
    OverSince(i64),
}

impl Cx<'_> {
    pub(super) fn matrix(&mut self, effective: &[Effective], declared: &[Declaration]) -> Matrix {
        let pairs = declared.len().saturating_mul(effective.len());
        let mut rows = Vec::new();
        for (index, declared) in self.names.mandates.sorted().into_iter().zip(declared) {
            let is_adopted = self.mandates_in_force.contains(&index);
            let is_shown = is_adopted || pairs <= MANDATE_USES_MAX;
            rows.push(Row {
                mandate: declared.name.clone(),
                title: declared.title.clone().unwrap_or_default(),
                cites: declared.cites.clone(),
                condition: declared.condition.clone(),
                readings: declared.readings.iter().map(|reading| reading.name.clone()).collect(),
                is_adopted,
                cells: if is_shown { self.cells(effective, index, declared) } else { Vec::new() },
            });
        }
        Matrix { rows }
    }

    fn cells(&mut self, effective: &[Effective], mandate: usize, declared: &Declaration) -> Vec<Cell> {
        let Some((module, node)) = self.names.mandates.entry(mandate).map(|entry| (entry.module, entry.node))
        else {
            return Vec::new();
        };
        // The condition is read once more: that of a mandate which nobody adopts is not in the program.
        let (nodes, reported) = (self.exprs.len(), self.diagnostics.len());
        let condition = selection(node).map(|cond| self.condition(module, cond));
        let mut cells = Vec::new();
        for index in self.names.profiles.sorted() {
            let (Some(entry), Some(own)) = (self.names.profiles.entry(index), effective.get(index)) else {
                continue;
            };
            let authorities = own.issued_by.clone().unwrap_or_default();
            let known = Static { role: own.role, tags: &own.tags, authorities: &authorities };
            let decision = match condition {
                None => Decision { holds: Some(true), reasons: Vec::new() },
                Some(None) => Decision { holds: None, reasons: vec!["its condition is wrong".to_owned()] },
                Some(Some(expr)) => self.decide(expr, &known),
            };
            let adoption = own.adopted.get(&mandate).map(|adopted| Adoption {
                is_advice: adopted.is_advice,
                readings: adopted
                    .readings
                    .iter()
                    .map(|(name, is_advice)| (name.clone(), *is_advice))
                    .collect(),
            });
            cells.push(Cell {
                profile: entry.name.clone(),
                is_base: own.operations.as_ref().is_none_or(Vec::is_empty),
                standing: decision.standing(),
                because: decision.sentence(),
                timing: timing(declared, adoption.as_ref(), self.options.at),
                adoption,
            });
        }
        self.exprs.truncate(nodes);
        self.diagnostics.truncate(reported);
        cells
    }
}

/// Where the body and the adopted readings stand to a day.
fn timing(declared: &Declaration, adoption: Option<&Adoption>, at: Option<i64>) -> Timing {
    let Some(at) = at else { return Timing::Holds };
    let is_adopted = |name: &str| adoption.is_some_and(|how| how.readings.iter().any(|(one, _)| one == name));
    let readings = declared.readings.iter().filter(|reading| is_adopted(&reading.name));
    let lines: Vec<&Line> =
        declared.lines.iter().chain(readings.flat_map(|reading| &reading.lines)).collect();
    let holds = |line: &&&Line| {
        line.from.is_none_or(|from| from <= at) && line.before.is_none_or(|before| at < before)
    };
    if lines.iter().any(|line| holds(&line)) {
        return Timing::Holds;
    }
    let coming = lines.iter().filter_map(|line| line.from).filter(|from| *from > at).min();
    let gone = lines.iter().filter_map(|line| line.before).max();
    match (coming, gone) {
        (Some(from), _) => Timing::NotBefore(from),
        (None, Some(before)) => Timing::OverSince(before),
        (None, None) => Timing::Holds,
    }
}
