//! The coverage gate: every requirement that stands in the tested files was seen, in whatever profile it binds.
//!
//! Coverage asks of each profile that was decided; the gate asks of each line of text. So a line that many profiles
//! inherit is tested once, and one that no decision reached is a gap and no silence. Lines of policies that are only
//! used are the business of the tests beside them.
use super::coverage::Line;
use crate::workspace::place;
use pkic_compiler::survey::{LineKind, Survey};
use pkic_ir::Program;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is missing where no decision reached a requirement at all.
const NEVER: &str = "no decision reached it";

/// The requirements that must have been seen.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Names of the tested files.
    files: BTreeSet<String>,
    /// Place and id of each requirement in them.
    declared: BTreeSet<(String, String)>,
}

/// A requirement of which something was not seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Gap {
    /// Where it stands: `file:line`.
    pub(crate) line: String,
    /// Its id, with the way behind it for a way of a `one of`.
    pub(crate) id: String,
    /// What no test has seen.
    pub(crate) missing: Vec<String>,
}

impl Gate {
    /// Takes note of the requirements that stand in the root file of a program: of its profiles, decided or not, and
    /// of its mandates and their readings, adopted or not.
    pub(crate) fn declared(&mut self, program: &Program, survey: &Survey) {
        let own = program.files.len().saturating_sub(1);
        self.files.extend(program.files.last().map(|(name, _)| name.clone()));
        let declared = survey.profiles.iter().chain(&survey.mandates);
        let lines = declared.flat_map(|declared| {
            declared.lines.iter().chain(declared.readings.iter().flat_map(|reading| &reading.lines))
        });
        for line in lines {
            let is_own = usize::try_from(line.origin.file) == Ok(own);
            if is_own && matches!(line.kind, LineKind::OneOf | LineKind::Requirement) {
                self.declared.insert((place(program, line.origin), line.id.clone()));
            }
        }
    }

    /// What was not seen of the requirements in the tested files, by place.
    pub(crate) fn gaps(&self, coverage: &[Line]) -> Vec<Gap> {
        let mut missing: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
        for line in coverage.iter().filter(|line| self.is_tested(&line.line)) {
            missing
                .entry((&line.line, &line.id))
                .and_modify(|left| left.retain(|one| line.missing.contains(one)))
                .or_insert_with(|| line.missing.clone());
        }
        for (place, id) in &self.declared {
            missing.entry((place, id)).or_insert_with(|| vec![NEVER.to_owned()]);
        }
        let open = missing.into_iter().filter(|(_, missing)| !missing.is_empty());
        let gap = |((line, id), missing): ((&str, &str), _)| Gap {
            line: line.to_owned(),
            id: id.to_owned(),
            missing,
        };
        let mut gaps: Vec<Gap> = open.map(gap).collect();
        gaps.sort_by_cached_key(|gap| {
            let (file, line) = gap.line.rsplit_once(':').unwrap_or((&gap.line, ""));
            (file.to_owned(), line.parse::<u32>().unwrap_or(0))
        });
        gaps
    }

    fn is_tested(&self, place: &str) -> bool {
        place.rsplit_once(':').is_some_and(|(file, _)| self.files.contains(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(profile: &str, place: &str, missing: &[&str]) -> Line {
        Line {
            profile: profile.to_owned(),
            id: "key.storage".to_owned(),
            line: place.to_owned(),
            wanted: vec!["satisfied".to_owned(), "violated".to_owned()],
            missing: missing.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_line_is_seen_once_for_all_profiles_and_a_used_file_is_not_asked() {
        let gate = Gate {
            files: BTreeSet::from(["a.pki".to_owned()]),
            declared: BTreeSet::from([
                ("a.pki:3".to_owned(), "key.storage".to_owned()),
                ("a.pki:9".to_owned(), "key.origin".to_owned()),
            ]),
        };
        let seen = [
            line("a.p", "a.pki:3", &["violated"]),
            line("a.q", "a.pki:3", &["satisfied"]),
            line("a.p", "b.pki:3", &["satisfied"]),
        ];
        let gaps = gate.gaps(&seen);
        let found: Vec<(&str, &str)> =
            gaps.iter().map(|gap| (gap.line.as_str(), gap.missing[0].as_str())).collect();
        assert_eq!(found, [("a.pki:9", NEVER)]);
        let half = gate.gaps(&[line("a.p", "a.pki:3", &["violated"])]);
        assert_eq!(half[0].missing, ["violated"]);
    }
}
