//! What is known: the value of a path, where it is known well enough.
use crate::ask::Ask;
use crate::kinds::{Absence, Kind, Row};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use pkic_ir::{Authority, Guard, Profile, Program};
use pkic_vocab::{BasisSet, Fact, FactId, FactTable, Grade, Path, Purpose, Slot, Value, Word};

/// Everything that a decision is computed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) program: &'a Program,
    pub(crate) profile: &'a Profile,
    pub(crate) table: &'a FactTable,
    pub(crate) ask: Ask<'a>,
    pub(crate) now: i64,
}

/// A value of the table, the program or the policy: one pointer, so that it travels in registers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item<'a> {
    Name(&'a String),
    Names(&'a Vec<String>),
    Value(&'a Value),
    Word(&'a Word),
}

static EMPTY_LIST: Value = Value::List(Vec::new());

impl<'a> Item<'a> {
    /// The word that it is, if it is one.
    #[inline]
    pub(crate) fn word(self) -> Option<Word> {
        if let Item::Value(value) = self {
            return if let Value::Word(word) = value { Some(*word) } else { None };
        }
        if let Item::Word(word) = self { Some(*word) } else { None }
    }

    /// The declared name that it is, if it is one.
    #[inline]
    pub(crate) fn name(self) -> Option<&'a String> {
        if let Item::Value(value) = self {
            return if let Value::Name(name) = value { Some(name) } else { None };
        }
        if let Item::Name(name) = self { Some(name) } else { None }
    }

    /// How many members a list has; `None` for what is no list.
    #[inline]
    pub(crate) fn members_len(self) -> Option<usize> {
        if let Item::Value(value) = self {
            return if let Value::List(values) = value { Some(values.len()) } else { None };
        }
        if let Item::Names(names) = self { Some(names.len()) } else { None }
    }

    /// The members of a list; nothing for what is no list.
    pub(crate) fn members(self) -> impl Iterator<Item = Item<'a>> {
        let (names, values): (&'a [String], &'a [Value]) = match self {
            Item::Names(names) => (names, &[]),
            Item::Value(Value::List(values)) => (&[], values),
            Item::Name(_) | Item::Value(_) | Item::Word(_) => (&[], &[]),
        };
        names.iter().map(Item::Name).chain(values.iter().map(Item::Value))
    }
}

impl fmt::Display for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Name(name) => f.write_str(name),
            Item::Value(value) => write!(f, "{value}"),
            Item::Word(word) => f.write_str(word.name()),
            Item::Names(names) => {
                f.write_str("[")?;
                for (index, name) in names.iter().enumerate() {
                    write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
        }
    }
}

/// Why a fact counts as unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its basis is not among those that the policy takes.
    Basis {
        /// What it rests on.
        found: BasisSet,
        /// What the policy takes.
        needed: BasisSet,
    },
    /// Two values above `claimed` disagree.
    Conflict,
    /// Its grade is too low.
    Grade {
        /// The grade that it is known at.
        found: Grade,
        /// The grade that is needed.
        needed: Grade,
    },
    /// Nobody said anything about it.
    Missing,
    /// It rests on evidence on file, and the policy asks for evidence with this request.
    OnFile,
    /// It hangs on an anchor that is for something else than production.
    Purpose(Purpose),
    /// The evidence on file that it rests on is too old, or from after now.
    Stale {
        /// When that evidence was appraised.
        since: i64,
        /// The oldest that it may be, in seconds.
        within_s: i64,
    },
    /// It is known, but not closely enough: a branch of a tree whose leaf decides, or a span whose bounds do.
    Vague,
}

/// What is known of a path under a guard.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Look<'a> {
    Absent,
    Item(Item<'a>),
    Unknown,
}

impl<'a> Inputs<'a> {
    /// The value of a path, if it is known as well as the guard asks.
    #[inline(always)] // into each of its few callers: most of a decision is this
    pub(crate) fn look(&'a self, path: &Path, guard: &Guard) -> Look<'a> {
        let row = Row::of(path.fact);
        match self.table.slot(path) {
            Slot::Known(fact) if row.kind == Kind::Plain => match self.shortfall(row, fact, guard) {
                None => Look::Item(Item::Value(&fact.value)),
                Some(_) => Look::Unknown,
            },
            slot => self.look_other(row, slot, guard),
        }
    }

    #[inline(never)]
    fn look_other(&'a self, row: Row, slot: &'a Slot, guard: &Guard) -> Look<'a> {
        match self.judge_row(row, slot, guard) {
            Ok(Some(item)) => Look::Item(item),
            Ok(None) => Look::Absent,
            Err(_) => Look::Unknown,
        }
    }

    /// The value of a fact, if what the table holds for it is known as well as the guard asks, or why it is not;
    /// `None` is a value that is known to be absent.
    pub(crate) fn judge(
        &'a self,
        fact: FactId,
        slot: &'a Slot,
        guard: &Guard,
    ) -> Result<Option<Item<'a>>, Why> {
        self.judge_row(Row::of(fact), slot, guard)
    }

    fn judge_row(&'a self, row: Row, slot: &'a Slot, guard: &Guard) -> Result<Option<Item<'a>>, Why> {
        let item = match (row.kind, self.authority()) {
            (Kind::Plain, _) | (Kind::Authority, Some(_)) => return self.judge_slot(row, slot, guard),
            (Kind::Operation, _) => return given(Item::Word(&self.ask.operation), guard),
            (Kind::ProfileRole, _) => self.profile.role.as_ref().map(Item::Word),
            (Kind::ProfileTags, _) => Some(Item::Names(&self.profile.tags)),
            (Kind::AuthorityName, Some(authority)) => Some(Item::Name(&authority.name)),
            (Kind::AuthorityState, Some(authority)) => authority.state.as_ref().map(Item::Word),
            (Kind::AuthorityTrust, Some(authority)) => authority.trust.as_ref().map(Item::Word),
            (Kind::Authority | Kind::AuthorityName | Kind::AuthorityState | Kind::AuthorityTrust, None) => {
                None
            }
        };
        item.map(Some).ok_or(Why::Missing)
    }

    pub(crate) fn authority(&self) -> Option<&'a Authority> {
        self.program.authorities.get(usize::try_from(self.ask.authority?).ok()?)
    }

    fn judge_slot(&self, row: Row, slot: &'a Slot, guard: &Guard) -> Result<Option<Item<'a>>, Why> {
        match (slot, row.absence) {
            (Slot::Known(fact), _) => {
                self.shortfall(row, fact, guard).map_or(Ok(Some(Item::Value(&fact.value))), Err)
            }
            (Slot::Conflict, _) => Err(Why::Conflict),
            (Slot::Absent, Absence::EmptyList) => Ok(Some(Item::Value(&EMPTY_LIST))),
            (Slot::Absent, Absence::NoValue) => Ok(None),
            (Slot::Absent, Absence::Unknown) | (Slot::Unknown, _) => Err(Why::Missing),
        }
    }

    /// What keeps a known fact from counting, if something does.
    #[inline(always)]
    fn shortfall(&self, row: Row, fact: &Fact, guard: &Guard) -> Option<Why> {
        match (fact.on_file_since, guard.within_s) {
            (None, _) => {}
            // A statement of a witness has an end of its own.
            (Some(_), None) if fact.basis.has_witness() => {}
            (Some(_), None) => return Some(Why::OnFile),
            (Some(since), Some(within_s)) => {
                let is_fresh = self.now.checked_sub(since).is_some_and(|age| (0..=within_s).contains(&age));
                if !is_fresh {
                    return Some(Why::Stale { since, within_s });
                }
            }
        }
        if !row.is_graded {
            return None;
        }
        let mut found = fact.grade;
        if !self.admits(fact.purpose) {
            if row.is_hardware {
                return Some(Why::Purpose(fact.purpose));
            }
            // Under such an anchor a value is no more than what somebody says.
            found = Grade::Claimed;
        }
        let needed = guard.grade.unwrap_or(row.floor);
        if found < needed {
            let is_by_purpose = fact.grade >= needed;
            return Some(if is_by_purpose {
                Why::Purpose(fact.purpose)
            } else {
                Why::Grade { found, needed }
            });
        }
        if !fact.basis.within(guard.basis) {
            return Some(Why::Basis { found: fact.basis, needed: guard.basis });
        }
        None
    }

    fn admits(&self, purpose: Purpose) -> bool {
        purpose == Purpose::Production
            || self.program.lab
            || (purpose == Purpose::Test && self.ask.admit_test_anchors)
    }
}

/// What the authenticated caller states counts as observed through its API.
fn given<'a>(item: Item<'a>, guard: &Guard) -> Result<Option<Item<'a>>, Why> {
    let needed = guard.grade.unwrap_or(Grade::Claimed);
    if needed > Grade::Observed {
        return Err(Why::Grade { found: Grade::Observed, needed });
    }
    if !BasisSet::API.within(guard.basis) {
        return Err(Why::Basis { found: BasisSet::API, needed: guard.basis });
    }
    Ok(Some(item))
}
