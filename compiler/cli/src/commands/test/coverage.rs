//! Coverage: which outcomes of each requirement, and which sides of each date, the tests have seen.
use crate::workspace::place;
use pkic_ir::{Body, Expr, ExprId, Operand, Profile, Program, Requirement, Strength, Test, Way};
use pkic_runtime::report::Report;
use pkic_vocab::catalogue::{Openness, Subject};
use pkic_vocab::{Path, time};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What coverage leaves out: these are no conditions on facts, and a test has no approvals to give.
pub(crate) const NOT_COUNTED: [&str; 3] = ["contents", "approvals", "exceptions"];

/// What a requirement came to in one decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// It held.
    Satisfied,
    /// It did not.
    Violated,
    /// Too little was known.
    Unknown,
    /// It should have held and did not.
    Warned,
}

impl Outcome {
    const ALL: [Outcome; 4] = [Outcome::Satisfied, Outcome::Violated, Outcome::Unknown, Outcome::Warned];
    /// What a requirement that refuses can come to.
    #[cfg(test)]
    const KLEENE: [Outcome; 3] = [Outcome::Satisfied, Outcome::Violated, Outcome::Unknown];

    /// The word for it in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Outcome::Satisfied => "satisfied",
            Outcome::Violated => "violated",
            Outcome::Unknown => "unknown",
            Outcome::Warned => "warned",
        }
    }
}

/// What tests have seen of one program.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    /// Profiles that a decision was asked of, by name, with the times of these decisions.
    decided: BTreeMap<String, Vec<i64>>,
    /// Outcomes, by id and place of the requirement.
    seen: BTreeMap<(String, String), BTreeSet<Outcome>>,
}

/// A requirement, or a way of one, and what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// Profile.
    pub(crate) profile: String,
    /// Id of the requirement.
    pub(crate) id: String,
    /// Where it stands: `file:line`.
    pub(crate) line: String,
    /// What can be seen: outcomes, and `before DATE` and `from DATE` for the sides of a date.
    pub(crate) wanted: Vec<String>,
    /// What was not.
    pub(crate) missing: Vec<String>,
}

impl Coverage {
    /// Takes note of a decision.
    pub(crate) fn note(&mut self, report: &Report, now: i64) {
        self.decided.entry(report.profile.clone()).or_default().push(now);
        for requirement in &report.requirements {
            self.saw(requirement.id.clone(), &requirement.line, requirement.result);
            for way in &requirement.ways {
                self.saw(format!("{}.{}", requirement.id, way.name), &requirement.line, way.result);
            }
        }
        for warning in &report.warnings {
            if let Some(line) = &warning.line {
                self.saw(warning.id.clone(), line, Outcome::Warned.name());
            }
        }
    }

    fn saw(&mut self, id: String, line: &str, result: &str) {
        // What an exception waives was violated or unknown; which of the two, its report does not say.
        let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.name() == result);
        if let Some(outcome) = outcome {
            self.seen.entry((id, line.to_owned())).or_default().insert(outcome);
        }
    }

    /// Every requirement of the profiles that were asked, in their order.
    pub(crate) fn lines(&self, program: &Program) -> Vec<Line> {
        let mut lines = Vec::new();
        for profile in &program.profiles {
            let Some(times) = self.decided.get(&profile.name) else { continue };
            for requirement in profile.requirements.iter().filter_map(|id| program.requirement(*id)) {
                if matches!(requirement.body, Body::Approve(_)) {
                    continue;
                }
                lines.push(self.line(program, profile, requirement, times));
                if let Body::OneOf(ways) = &requirement.body {
                    lines.extend(ways.iter().map(|way| self.way(program, profile, requirement, way)));
                }
            }
        }
        lines
    }

    fn line(&self, program: &Program, profile: &Profile, requirement: &Requirement, times: &[i64]) -> Line {
        let mut wanted = reachable(program, requirement);
        if requirement.strength == Strength::Should && wanted != BTreeSet::from([Outcome::Satisfied]) {
            wanted = BTreeSet::from([Outcome::Satisfied, Outcome::Warned]);
        }
        let mut line = self.outcomes(program, profile, requirement, requirement.id.clone(), &wanted);
        for date in [requirement.from, requirement.before].into_iter().flatten() {
            let sides = [
                ("before", times.iter().any(|now| *now < date)),
                ("from", times.iter().any(|now| *now >= date)),
            ];
            for (side, is_seen) in sides {
                let name = format!("{side} {}", time::format_date(date));
                if !is_seen {
                    line.missing.push(name.clone());
                }
                line.wanted.push(name);
            }
        }
        line
    }

    fn way(&self, program: &Program, profile: &Profile, requirement: &Requirement, way: &Way) -> Line {
        let id = format!("{}.{}", requirement.id, way.name);
        self.outcomes(program, profile, requirement, id, &of_way(program, way))
    }

    fn outcomes(
        &self,
        program: &Program,
        profile: &Profile,
        requirement: &Requirement,
        id: String,
        wanted: &BTreeSet<Outcome>,
    ) -> Line {
        let place = place(program, requirement.origin);
        let key = (id, place);
        let nothing = BTreeSet::new();
        let seen = self.seen.get(&key).unwrap_or(&nothing);
        let names = |outcomes: &mut dyn Iterator<Item = &Outcome>| {
            outcomes.map(|outcome| outcome.name().to_owned()).collect()
        };
        let missing = names(&mut wanted.difference(seen));
        let (id, line) = key;
        Line { profile: profile.name.clone(), id, line, wanted: names(&mut wanted.iter()), missing }
    }
}

/// Puts the lines of several programs together: what one of them has seen is seen.
pub(crate) fn merge(all: &mut Vec<Line>, lines: Vec<Line>) {
    for line in lines {
        let same =
            |held: &&mut Line| held.profile == line.profile && held.id == line.id && held.line == line.line;
        match all.iter_mut().find(same) {
            Some(held) => held.missing.retain(|missing| line.missing.contains(missing)),
            None => all.push(line),
        }
    }
}

/// Covered and coverable, over these lines.
pub(crate) fn total(lines: &[Line]) -> (usize, usize) {
    let wanted: usize = lines.iter().map(|line| line.wanted.len()).sum();
    let missing: usize = lines.iter().map(|line| line.missing.len()).sum();
    (wanted.saturating_sub(missing), wanted)
}

/// Whole percent, rounded down; all of nothing is 100.
pub(crate) fn percent((covered, wanted): (usize, usize)) -> usize {
    covered.saturating_mul(100).checked_div(wanted).unwrap_or(100)
}

/// The outcomes that some request can bring about, as far as the shape of the requirement tells.
fn reachable(program: &Program, requirement: &Requirement) -> BTreeSet<Outcome> {
    match &requirement.body {
        Body::Expr(id) => of_expr(program, *id),
        Body::OneOf(ways) => disjunction(ways.iter().map(|way| of_way(program, way))),
        // Nobody approves in a test.
        Body::Approve(_) => BTreeSet::from([Outcome::Violated]),
    }
}

/// Requirements in ways stand before the one around them, so this ends.
fn of_way(program: &Program, way: &Way) -> BTreeSet<Outcome> {
    let lines = way.requirements.iter().filter_map(|id| program.requirement(*id));
    conjunction(lines.map(|line| reachable(program, line)))
}

fn of_expr(program: &Program, id: ExprId) -> BTreeSet<Outcome> {
    // Children stand before their parents, so each node is known when its parent asks.
    let mut known: BTreeMap<ExprId, BTreeSet<Outcome>> = BTreeMap::new();
    for index in descendants(program, id) {
        let of = |child: &ExprId| known.get(child).cloned().unwrap_or_default();
        let outcomes = match program.expr(index) {
            None => BTreeSet::new(),
            Some(Expr::Always(true)) => BTreeSet::from([Outcome::Satisfied]),
            Some(Expr::Always(false)) => BTreeSet::from([Outcome::Violated]),
            Some(Expr::Atom(atom)) => {
                let right = match &atom.test {
                    Test::CompareWith(_, operand) | Test::InOperand(operand) => Some(operand),
                    _ => None,
                };
                atom_outcomes(is_open(&atom.left) || right.is_some_and(is_open))
            }
            Some(Expr::Not(child)) => of(child).into_iter().map(negated).collect(),
            Some(Expr::And(children)) => conjunction(children.iter().map(of)),
            Some(Expr::Or(children)) => disjunction(children.iter().map(of)),
            Some(Expr::Each { list, body, .. }) => {
                let mut outcomes = of(body);
                outcomes.extend(atom_outcomes(is_open_path(list)));
                outcomes
            }
        };
        known.insert(index, outcomes);
    }
    known.remove(&id).unwrap_or_default()
}

/// A node and everything below it, children first.
fn descendants(program: &Program, root: ExprId) -> BTreeSet<ExprId> {
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if !found.insert(id) {
            continue;
        }
        match program.expr(id) {
            Some(Expr::Not(child) | Expr::Each { body: child, .. }) => open.push(*child),
            Some(Expr::And(children) | Expr::Or(children)) => open.extend(children),
            Some(Expr::Always(_) | Expr::Atom(_)) | None => {}
        }
    }
    found
}

fn atom_outcomes(is_open: bool) -> BTreeSet<Outcome> {
    let mut outcomes = BTreeSet::from([Outcome::Satisfied, Outcome::Violated]);
    if is_open {
        outcomes.insert(Outcome::Unknown);
    }
    outcomes
}

fn is_open(operand: &Operand) -> bool {
    match operand {
        Operand::Fact(path) => is_open_path(path),
        // A member is known where its list is, but for fields that nobody filled.
        Operand::Member { field, .. } => field.is_some(),
    }
}

fn is_open_path(path: &Path) -> bool {
    let def = path.fact.def();
    def.openness == Openness::Open && def.subject != Subject::Policy
}

fn negated(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Satisfied => Outcome::Violated,
        Outcome::Violated => Outcome::Satisfied,
        Outcome::Unknown | Outcome::Warned => outcome,
    }
}

/// All of several: one that is always violated settles it; satisfied where each can be.
fn conjunction(parts: impl Iterator<Item = BTreeSet<Outcome>>) -> BTreeSet<Outcome> {
    combined(parts, Outcome::Satisfied, Outcome::Violated)
}

/// At least one of several: one that is always satisfied settles it; violated where each can be.
fn disjunction(parts: impl Iterator<Item = BTreeSet<Outcome>>) -> BTreeSet<Outcome> {
    combined(parts, Outcome::Violated, Outcome::Satisfied)
}

fn combined(
    parts: impl Iterator<Item = BTreeSet<Outcome>>,
    unanimous: Outcome,
    settling: Outcome,
) -> BTreeSet<Outcome> {
    let parts: Vec<BTreeSet<Outcome>> = parts.collect();
    let settled = BTreeSet::from([settling]);
    if parts.contains(&settled) {
        return settled;
    }
    let mut outcomes: BTreeSet<Outcome> = parts.iter().flatten().copied().collect();
    if parts.iter().all(|part| part.contains(&unanimous)) {
        outcomes.insert(unanimous);
    } else {
        outcomes.remove(&unanimous);
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_of_parts_combine() {
        let sure = BTreeSet::from([Outcome::Satisfied]);
        let open = BTreeSet::from(Outcome::KLEENE);
        let never_violated = BTreeSet::from([Outcome::Satisfied, Outcome::Unknown]);
        assert_eq!(disjunction([sure.clone(), open.clone()].into_iter()), sure);
        assert_eq!(disjunction([never_violated.clone(), open.clone()].into_iter()), never_violated);
        assert_eq!(conjunction([sure.clone(), open.clone()].into_iter()), open);
        assert_eq!(conjunction([sure.clone(), sure.clone()].into_iter()), sure);
        assert_eq!(conjunction([].into_iter()), sure);
    }

    #[test]
    fn what_one_program_has_seen_is_seen() {
        let line = |missing: &[&str]| Line {
            profile: "a.p".to_owned(),
            id: "key.storage".to_owned(),
            line: "a.pki:3".to_owned(),
            wanted: vec!["satisfied".to_owned(), "violated".to_owned()],
            missing: missing.iter().map(|name| (*name).to_owned()).collect(),
        };
        let mut all = vec![line(&["satisfied", "violated"])];
        merge(&mut all, vec![line(&["violated"])]);
        assert_eq!(all, [line(&["violated"])]);
    }

    #[test]
    fn percentages_round_down() {
        assert_eq!(percent((2, 3)), 66);
        assert_eq!(percent((0, 0)), 100);
        assert_eq!(percent((5, 5)), 100);
    }
}
