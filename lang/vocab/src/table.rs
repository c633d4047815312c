//! The fact table: plain data that a decision is computed from, and that anybody may fill.
//!
//! A table proves nothing. What evidence proves is a `Facts` of `pkic-facts`, which only appraisal makes.
use crate::basis::{BasisSet, Grade, Purpose};
use crate::catalogue::{CATALOGUE, FactId, Openness};
use crate::value::Value;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// A fact of the catalogue, or one of its declared names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// The row.
    pub fact: FactId,
    /// For a row that ends in `*`: the declared name (a dotted OID for attributes and extensions).
    pub name: Option<String>,
}

impl From<FactId> for Path {
    fn from(fact: FactId) -> Path {
        Path { fact, name: None }
    }
}

/// A value that is known, and how well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The value.
    pub value: Value,
    /// How well it is known.
    pub grade: Grade,
    /// What it rests on.
    pub basis: BasisSet,
    /// Purpose of the anchor that it hangs on; production where no anchor is involved.
    pub purpose: Purpose,
    /// Index into [`FactTable::sources`].
    pub source: Option<u16>,
    /// When evidence that is on file was appraised; `None` if it came with this request.
    pub on_file_since: Option<i64>,
}

impl Fact {
    /// A fact that came with this request and hangs on no anchor.
    pub fn new(value: Value, grade: Grade, basis: BasisSet) -> Fact {
        Fact { value, grade, basis, purpose: Purpose::Production, source: None, on_file_since: None }
    }
}

/// A set of facts of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactSet([u64; CATALOGUE.len().div_ceil(64)]);

impl FactSet {
    /// The set without a fact.
    pub const EMPTY: FactSet = FactSet([0; CATALOGUE.len().div_ceil(64)]);

    /// The set of some facts: for constants.
    #[allow(clippy::indexing_slicing)] // run by the compiler alone, which refuses an index out of range
    pub const fn of(facts: &[FactId]) -> FactSet {
        let mut set = FactSet::EMPTY;
        let mut at = 0;
        while at < facts.len() {
            set.0[facts[at].index() / 64] |= 1 << (facts[at].index() % 64);
            at += 1;
        }
        set
    }

    /// Puts a fact into the set, or takes it out.
    #[inline]
    pub fn set(&mut self, fact: FactId, is_in: bool) {
        if let Some(word) = self.0.get_mut(fact.index() / 64) {
            let bit = 1 << (fact.index() % 64);
            *word = if is_in { *word | bit } else { *word & !bit };
        }
    }

    /// The facts of this set that are not in the other.
    #[inline]
    #[must_use]
    pub fn less(&self, other: &FactSet) -> FactSet {
        let mut rest = *self;
        rest.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= !other);
        rest
    }

    /// Whether no fact is in the set.
    #[inline]
    pub fn is_empty(&self) -> bool {
        *self == FactSet::EMPTY
    }
}

/// Where facts came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Name for reports: a file name or a store's name.
    pub name: String,
    /// SHA-256 of the bytes.
    pub digest: [u8; 32],
}

/// What a table holds for one path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Slot {
    /// Nothing is known.
    #[default]
    Unknown,
    /// It is known that there is no value (closed paths only).
    Absent,
    /// A value.
    Known(Fact),
    /// Two values above `claimed` disagree: as good as unknown.
    Conflict,
}

/// Why a value was not taken into a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableError {
    /// The value is not of the fact's type or is over a limit.
    Type,
    /// The fact needs a declared name, or takes none.
    Name,
}

/// Facts about one request, at most one value a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactTable {
    slots: Vec<Slot>,
    /// Which of the slots are [`Slot::Absent`].
    absent: FactSet,
    named: BTreeMap<Path, Slot>,
    /// Absent rather than unknown where nothing is said: rows of complete sources, see [`FactTable::close`].
    closed_names: Vec<FactId>,
    /// Where the facts came from; [`Fact::source`] points here.
    pub sources: Vec<Source>,
}

const UNKNOWN: Slot = Slot::Unknown;
const ABSENT: Slot = Slot::Absent;

impl Default for FactTable {
    fn default() -> FactTable {
        FactTable::new()
    }
}

impl FactTable {
    /// A table in which everything is unknown.
    pub fn new() -> FactTable {
        let slots = alloc::vec![Slot::Unknown; CATALOGUE.len()];
        FactTable {
            slots,
            absent: FactSet::EMPTY,
            named: BTreeMap::new(),
            closed_names: Vec::new(),
            sources: Vec::new(),
        }
    }

    /// What is known for a path without a declared name.
    #[inline]
    pub fn get(&self, fact: FactId) -> &Slot {
        self.slots.get(fact.index()).unwrap_or(&UNKNOWN)
    }

    /// The facts without a declared name that are known to be absent.
    #[inline]
    pub const fn absent(&self) -> &FactSet {
        &self.absent
    }

    /// What is known for a path.
    #[inline]
    pub fn slot(&self, path: &Path) -> &Slot {
        if path.name.is_none() {
            return self.get(path.fact);
        }
        self.named_slot(path)
    }

    #[inline(never)] // few paths have a name, and a search in every caller of `slot` costs the others registers
    fn named_slot(&self, path: &Path) -> &Slot {
        self.named.get(path).unwrap_or_else(|| self.unnamed(path.fact))
    }

    /// What is known of every declared name of a row that nothing was said about: nothing, or that it is absent.
    pub fn unnamed(&self, fact: FactId) -> &Slot {
        if self.closed_names.contains(&fact) { &ABSENT } else { &UNKNOWN }
    }

    /// The known fact of a path, if there is one.
    pub fn fact(&self, path: &Path) -> Option<&Fact> {
        match self.slot(path) {
            Slot::Known(fact) => Some(fact),
            Slot::Unknown | Slot::Absent | Slot::Conflict => None,
        }
    }

    /// Puts a fact in place of whatever the path held.
    ///
    /// # Errors
    /// [`TableError`] where the value does not fit the path; the table is unchanged.
    pub fn set(&mut self, path: Path, fact: Fact) -> Result<(), TableError> {
        if !fact.value.has_type(path.fact.def().ty) {
            return Err(TableError::Type);
        }
        self.put(path, Slot::Known(fact))
    }

    /// Adds a fact beside what is known: the better grade stays, a claim never displaces anything, equal values
    /// agree, and two different values above `claimed` become a [`Slot::Conflict`] (design D1).
    ///
    /// # Errors
    /// [`TableError`] where the value does not fit the path; the table is unchanged.
    pub fn add(&mut self, path: Path, fact: Fact) -> Result<(), TableError> {
        let stays = match self.slot(&path) {
            Slot::Unknown | Slot::Absent => false,
            Slot::Conflict => true,
            Slot::Known(held) if held.value == fact.value => held.grade >= fact.grade,
            Slot::Known(held) if held.grade > Grade::Claimed && fact.grade > Grade::Claimed => {
                if !fact.value.has_type(path.fact.def().ty) {
                    return Err(TableError::Type);
                }
                return self.put(path, Slot::Conflict);
            }
            Slot::Known(held) => held.grade >= fact.grade,
        };
        if !stays {
            return self.set(path, fact);
        }
        if fact.value.has_type(path.fact.def().ty) { Ok(()) } else { Err(TableError::Type) }
    }

    /// Makes a path unknown.
    ///
    /// # Errors
    /// [`TableError::Name`] where the path needs a declared name, or takes none.
    pub fn forget(&mut self, path: Path) -> Result<(), TableError> {
        self.put(path, Slot::Unknown)
    }

    /// Makes a path one on which two values disagree.
    ///
    /// # Errors
    /// [`TableError::Name`] where the path needs a declared name, or takes none.
    pub fn set_conflict(&mut self, path: Path) -> Result<(), TableError> {
        self.put(path, Slot::Conflict)
    }

    fn put(&mut self, path: Path, slot: Slot) -> Result<(), TableError> {
        if path.fact.def().is_keyed() != path.name.is_some() {
            return Err(TableError::Name);
        }
        if path.name.is_some() {
            self.named.insert(path, slot);
        } else if let Some(place) = self.slots.get_mut(path.fact.index()) {
            self.absent.set(path.fact, slot == Slot::Absent);
            *place = slot;
        }
        Ok(())
    }

    /// Says that the source of every closed path (the certificate) is complete: what is unknown becomes absent.
    pub fn close(&mut self) {
        for id in FactId::all().filter(|id| id.def().openness == Openness::Closed) {
            if id.def().is_keyed() {
                self.closed_names.push(id);
            } else if let Some(slot @ Slot::Unknown) = self.slots.get_mut(id.index()) {
                *slot = Slot::Absent;
                self.absent.set(id, true);
            }
        }
        self.closed_names.sort_unstable();
        self.closed_names.dedup();
    }

    /// Every path with a declared name that was ever spoken of, whatever is known of it now, in the order of the
    /// catalogue and then of the names.
    pub fn named(&self) -> impl Iterator<Item = (&Path, &Slot)> {
        self.named.iter()
    }

    /// Every path about which something is known, in the order of the catalogue.
    pub fn known(&self) -> impl Iterator<Item = (Path, &Fact)> {
        let plain = FactId::all().map(|id| (Path::from(id), self.get(id)));
        let named = self.named.iter().map(|(path, slot)| (path.clone(), slot));
        plain.chain(named).filter_map(|(path, slot)| match slot {
            Slot::Known(fact) => Some((path, fact)),
            Slot::Unknown | Slot::Absent | Slot::Conflict => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;

    fn storage(word: &str, grade: Grade) -> Fact {
        Fact::new(Value::Word(Words::Storage.word(word).unwrap()), grade, BasisSet::STATEMENT)
    }

    #[test]
    fn two_good_values_that_disagree_are_no_value() {
        let path = Path::from(FactId::from_path("key.storage").unwrap());
        let mut table = FactTable::new();
        table.add(path.clone(), storage("tpm.discrete", Grade::Attested)).unwrap();
        table.add(path.clone(), storage("software", Grade::Claimed)).unwrap();
        assert_eq!(table.fact(&path).unwrap().value, storage("tpm.discrete", Grade::Attested).value);
        table.add(path.clone(), storage("hsm", Grade::Observed)).unwrap();
        assert_eq!(*table.slot(&path), Slot::Conflict);
        table.add(path.clone(), storage("hsm", Grade::Attested)).unwrap();
        assert_eq!(*table.slot(&path), Slot::Conflict, "a third value does not settle it");
    }

    #[test]
    fn a_claim_is_displaced_by_what_is_known_better() {
        let path = Path::from(FactId::from_path("key.storage").unwrap());
        let mut table = FactTable::new();
        table.add(path.clone(), storage("hsm", Grade::Claimed)).unwrap();
        table.add(path.clone(), storage("software", Grade::Observed)).unwrap();
        assert_eq!(table.fact(&path).unwrap().grade, Grade::Observed);
    }

    #[test]
    fn the_absent_facts_are_those_whose_slots_say_so() {
        let agrees = |table: &FactTable| {
            let absent: Vec<FactId> = FactId::all().filter(|id| *table.get(*id) == Slot::Absent).collect();
            *table.absent() == FactSet::of(&absent)
        };
        let validity = FactId::from_path("certificate.validity").unwrap();
        let only = FactSet::of(&[validity]);
        let mut table = FactTable::new();
        assert!(agrees(&table) && table.absent().is_empty() && !only.is_empty());
        table.close();
        assert!(agrees(&table) && only.less(table.absent()).is_empty());
        table.set(validity.into(), Fact::new(Value::Span(1), Grade::Claimed, BasisSet::REQUEST)).unwrap();
        assert!(agrees(&table) && only.less(table.absent()) == only);
        table.forget(validity.into()).unwrap();
        table.close();
        assert!(agrees(&table) && only.less(table.absent()).is_empty());
    }

    #[test]
    fn values_must_fit() {
        let mut table = FactTable::new();
        let size = Path::from(FactId::from_path("key.size").unwrap());
        assert_eq!(table.set(size, storage("hsm", Grade::Claimed)), Err(TableError::Type));
        let attribute = FactId::from_path("certificate.subject.*").unwrap();
        let text = Fact::new(Value::Text("x".into()), Grade::Claimed, BasisSet::REQUEST);
        assert_eq!(table.set(Path::from(attribute), text.clone()), Err(TableError::Name));
        let named = Path { fact: attribute, name: Some("2.5.4.3".into()) };
        assert_eq!(table.slot(&named), &Slot::Unknown);
        table.close();
        assert_eq!((table.slot(&named), table.unnamed(attribute)), (&Slot::Absent, &Slot::Absent));
        assert_eq!(table.named().count(), 0);
        table.set(named.clone(), text).unwrap();
        assert!(table.fact(&named).is_some());
        table.forget(named.clone()).unwrap();
        assert!(table.named().eq([(&named, &Slot::Unknown)]), "what was forgotten is unknown, not absent");
    }
}
