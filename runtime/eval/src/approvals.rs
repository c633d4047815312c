//! Approvals: distinct persons over all lines of a decision, as a matching of persons to lines.
use pkic_ir::Approval;
use pkic_ir::Program;
use pkic_vocab::limits::{APPROVAL_LINES_MAX, APPROVALS_MAX};

/// Approval lines, in the order in which persons are given to them.
#[derive(Clone, Copy)]
pub(crate) struct Lines {
    lines: [(u32, u32); APPROVAL_LINES_MAX],
    len: usize,
    overflows: bool,
}

impl Lines {
    pub(crate) const EMPTY: Lines = Lines { lines: [(0, 0); APPROVAL_LINES_MAX], len: 0, overflows: false };

    pub(crate) fn push(&mut self, approval: &Approval) {
        match self.lines.get_mut(self.len) {
            Some(place) => {
                *place = (approval.group, approval.count);
                self.len += 1;
            }
            None => self.overflows = true,
        }
    }
}

/// Who approved, each person by the first approval in their name.
pub(crate) struct Persons<'a> {
    program: &'a Program,
    approvals: &'a [(u32, &'a str)],
    /// The line that the person of an approval is given to.
    given: [Option<usize>; APPROVALS_MAX],
}

impl<'a> Persons<'a> {
    pub(crate) fn new(program: &'a Program, approvals: &'a [(u32, &'a str)]) -> Persons<'a> {
        Persons { program, approvals, given: [None; APPROVALS_MAX] }
    }

    /// How many persons each line gets, at most what it asks for, in the order of the lines.
    ///
    /// A line keeps what it has when a later one is served (augmenting paths only swap persons), so that a line falls
    /// short only if it cannot be filled beside those before it.
    pub(crate) fn serve(&mut self, lines: &Lines) -> [u32; APPROVAL_LINES_MAX] {
        let mut served = [0u32; APPROVAL_LINES_MAX];
        if lines.overflows {
            return served;
        }
        for ((line, served), (_, count)) in (0..lines.len).zip(&mut served).zip(lines.lines) {
            while *served < count && self.augment(lines, line, &mut 0) {
                *served += 1;
            }
        }
        served
    }

    /// Whether every line is filled.
    pub(crate) fn fill(&mut self, lines: &Lines) -> bool {
        let served = self.serve(lines);
        !lines.overflows
            && served.iter().zip(lines.lines).take(lines.len).all(|(got, (_, count))| *got >= count)
    }

    /// Finds one more person for a line, if need be by giving that person's line another one.
    fn augment(&mut self, lines: &Lines, line: usize, tried: &mut u64) -> bool {
        let Some((group, _)) = lines.lines.get(line) else {
            return false;
        };
        for at in 0..self.approvals.len().min(APPROVALS_MAX) {
            let Some(person) = self.person_of(at, *group) else {
                continue;
            };
            let bit = 1u64 << person;
            if *tried & bit != 0 {
                continue;
            }
            *tried |= bit;
            let taken = self.given.get(person).copied().flatten();
            if taken.is_none_or(|other| self.augment(lines, other, tried)) {
                if let Some(place) = self.given.get_mut(person) {
                    *place = Some(line);
                }
                return true;
            }
        }
        false
    }

    /// The person behind an approval, if it is for that group and they are a member of it.
    fn person_of(&self, at: usize, group: u32) -> Option<usize> {
        let (of, name) = self.approvals.get(at)?;
        let members = &self.program.groups.get(usize::try_from(group).ok()?)?.members;
        let is_member = members.binary_search_by(|member| member.name.as_str().cmp(name)).is_ok();
        let first = self.approvals.iter().position(|(_, other)| other == name)?;
        (*of == group && is_member && first < APPROVALS_MAX).then_some(first)
    }
}
