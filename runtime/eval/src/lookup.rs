//! What is known: the value of a path, where it is known well enough.
use crate::ask::Ask;
use crate::kinds::Kind;
use alloc::string::String;
use core::fmt;
use pkic_ir::{Authority, Guard, Profile, Program};
use pkic_vocab::catalogue::Openness;
use pkic_vocab::{BasisSet, Fact, FactDef, FactId, FactTable, Grade, Path, Purpose, Slot, Type, Value, Word};

/// Everything that a decision is computed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) program: &'a Program,
    pub(crate) profile: &'a Profile,
    pub(crate) table: &'a FactTable,
    pub(crate) ask: Ask<'a>,
    pub(crate) now: i64,
}

/// A value of the table, the program or the policy.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item<'a> {
    Name(&'a str),
    Names(&'a [String]),
    Value(&'a Value),
    Values(&'a [Value]),
    Word(Word),
}

impl<'a> Item<'a> {
    pub(crate) fn of(value: &'a Value) -> Item<'a> {
        match value {
            Value::Name(name) => Item::Name(name),
            Value::Word(word) => Item::Word(*word),
            Value::List(values) => Item::Values(values),
            other => Item::Value(other),
        }
    }

    /// How many members a list has; `None` for what is no list.
    pub(crate) fn members_len(self) -> Option<usize> {
        match self {
            Item::Names(names) => Some(names.len()),
            Item::Values(values) => Some(values.len()),
            Item::Name(_) | Item::Value(_) | Item::Word(_) => None,
        }
    }

    /// The members of a list; nothing for what is no list.
    pub(crate) fn members(self) -> impl Iterator<Item = Item<'a>> {
        let (names, values): (&'a [String], &'a [Value]) = match self {
            Item::Names(names) => (names, &[]),
            Item::Values(values) => (&[], values),
            Item::Name(_) | Item::Value(_) | Item::Word(_) => (&[], &[]),
        };
        names.iter().map(|name| Item::Name(name)).chain(values.iter().map(Item::of))
    }
}

impl fmt::Display for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Name(name) => f.write_str(name),
            Item::Value(value) => write!(f, "{value}"),
            Item::Word(word) => f.write_str(word.name()),
            Item::Names(_) | Item::Values(_) => {
                f.write_str("[")?;
                for (index, member) in self.members().enumerate() {
                    write!(f, "{}{member}", if index == 0 { "" } else { ", " })?;
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
    Unknown(Why),
}

impl<'a> Inputs<'a> {
    /// The value of a path, if it is known as well as the guard asks.
    pub(crate) fn look(&self, path: &Path, guard: &Guard) -> Look<'a> {
        self.judge(path.fact, self.table.slot(path), guard)
    }

    /// The value of a fact, if what the table holds for it is known as well as the guard asks.
    pub(crate) fn judge(&self, fact: FactId, slot: &'a Slot, guard: &Guard) -> Look<'a> {
        match Kind::of(fact) {
            Kind::Plain => self.judge_slot(fact, slot, guard),
            kind => self.judge_special(kind, fact, slot, guard),
        }
    }

    fn judge_special(&self, kind: Kind, fact: FactId, slot: &'a Slot, guard: &Guard) -> Look<'a> {
        match (kind, self.authority()) {
            (Kind::Plain, _) | (Kind::Authority, Some(_)) => self.judge_slot(fact, slot, guard),
            (Kind::Operation, _) => given(Item::Word(self.ask.operation), guard),
            (Kind::ProfileRole, _) => or_missing(self.profile.role.map(Item::Word)),
            (Kind::ProfileTags, _) => Look::Item(Item::Names(&self.profile.tags)),
            (Kind::AuthorityName, Some(authority)) => Look::Item(Item::Name(&authority.name)),
            (Kind::AuthorityState, Some(authority)) => or_missing(authority.state.map(Item::Word)),
            (Kind::AuthorityTrust, Some(authority)) => or_missing(authority.trust.map(Item::Word)),
            (Kind::Authority | Kind::AuthorityName | Kind::AuthorityState | Kind::AuthorityTrust, None) => {
                Look::Unknown(Why::Missing)
            }
        }
    }

    pub(crate) fn authority(&self) -> Option<&'a Authority> {
        self.program.authorities.get(usize::try_from(self.ask.authority?).ok()?)
    }

    fn judge_slot(&self, fact: FactId, slot: &'a Slot, guard: &Guard) -> Look<'a> {
        let def = fact.def();
        match slot {
            Slot::Known(fact) => match self.shortfall(def, fact, guard) {
                Some(why) => Look::Unknown(why),
                None => Look::Item(Item::of(&fact.value)),
            },
            Slot::Unknown => Look::Unknown(Why::Missing),
            Slot::Conflict => Look::Unknown(Why::Conflict),
            Slot::Absent if def.openness == Openness::Open => Look::Unknown(Why::Missing),
            Slot::Absent if matches!(def.ty, Type::List(_)) => Look::Item(Item::Values(&[])),
            Slot::Absent => Look::Absent,
        }
    }

    /// What keeps a known fact from counting, if something does.
    fn shortfall(&self, def: &FactDef, fact: &Fact, guard: &Guard) -> Option<Why> {
        match (fact.on_file_since, guard.within_s) {
            (None, _) => {}
            (Some(_), None) => return Some(Why::OnFile),
            (Some(since), Some(within_s)) => {
                let is_fresh = self.now.checked_sub(since).is_some_and(|age| (0..=within_s).contains(&age));
                if !is_fresh {
                    return Some(Why::Stale { since, within_s });
                }
            }
        }
        if !def.is_graded() {
            return None;
        }
        let mut found = fact.grade;
        if !self.admits(fact.purpose) {
            if def.is_hardware() {
                return Some(Why::Purpose(fact.purpose));
            }
            // Under such an anchor a value is no more than what somebody says.
            found = Grade::Claimed;
        }
        let needed = guard.grade.unwrap_or(def.floor);
        if found < needed {
            return Some(Why::Grade { found, needed });
        }
        if !fact.basis.within(guard.basis) {
            return Some(Why::Basis { found: fact.basis, needed: guard.basis });
        }
        None
    }

    fn admits(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Production => true,
            Purpose::Test => self.program.lab || self.ask.admit_test_anchors,
            Purpose::Preview | Purpose::Simulator | Purpose::Unspecified => self.program.lab,
        }
    }
}

fn or_missing(item: Option<Item<'_>>) -> Look<'_> {
    item.map_or(Look::Unknown(Why::Missing), Look::Item)
}

/// What the authenticated caller states counts as observed through its API.
fn given<'a>(item: Item<'a>, guard: &Guard) -> Look<'a> {
    let needed = guard.grade.unwrap_or(Grade::Claimed);
    if needed > Grade::Observed {
        return Look::Unknown(Why::Grade { found: Grade::Observed, needed });
    }
    if !BasisSet::API.within(guard.basis) {
        return Look::Unknown(Why::Basis { found: BasisSet::API, needed: guard.basis });
    }
    Look::Item(item)
}
