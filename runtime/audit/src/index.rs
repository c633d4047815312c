//! What the log remembers of its entries: ids spent, editions seen, entries open, the latest time.
//!
//! It is rebuilt from the entries when a log is opened, and never stored. Its size grows with the ids that do not
//! expire, and with nothing else that an entry holds.
use crate::entry::{Entry, Part, Sequence, Spend};
use crate::error::LogError;
use pkic_facts::crypto::Sha256Digest;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Index {
    size: u64,
    latest: Option<i64>,
    spent: BTreeMap<[u8; 32], u64>,
    expiring: BTreeSet<(i64, [u8; 32])>,
    sequences: BTreeMap<String, u64>,
    open: BTreeSet<u64>,
}

impl Index {
    /// Takes the next entry, or says why it cannot follow and changes nothing.
    pub(crate) fn apply(&mut self, entry: &Entry) -> Result<u64, LogError> {
        self.check(entry)?;
        let index = self.size;
        self.size = self.size.saturating_add(1);
        self.latest = self.latest.max(Some(entry.time));
        for Spend { id, expires } in &entry.spends {
            self.spent.insert(id.0, index);
            self.expiring.extend(expires.map(|moment| (moment, id.0)));
        }
        for Sequence { name, sequence } in &entry.sequences {
            self.sequences.insert(name.clone(), *sequence);
        }
        match entry.part {
            Part::Whole => false,
            Part::Opens => self.open.insert(index),
            Part::Closes(opened) => self.open.remove(&opened),
        };
        self.forget_expired();
        Ok(index)
    }

    fn check(&self, entry: &Entry) -> Result<(), LogError> {
        for (place, Spend { id, .. }) in entry.spends.iter().enumerate() {
            let twice = entry.spends.iter().take(place).any(|other| other.id == *id);
            let spent = self.spent.get(&id.0).copied().or(twice.then_some(self.size));
            if let Some(index) = spent {
                return Err(LogError::AlreadySpent { id: *id, index });
            }
        }
        for (place, Sequence { name, sequence }) in entry.sequences.iter().enumerate() {
            let before = entry.sequences.iter().take(place).filter(|other| other.name == *name);
            let seen = before.map(|other| other.sequence).chain(self.sequences.get(name).copied()).max();
            if let Some(seen) = seen.filter(|seen| seen > sequence) {
                return Err(LogError::SequenceLower { name: name.clone(), seen, given: *sequence });
            }
        }
        match entry.part {
            Part::Closes(index) if !self.open.contains(&index) => Err(LogError::NotOpen { index }),
            _ => Ok(()),
        }
    }

    /// An id goes once the log has an entry that was written after its end.
    fn forget_expired(&mut self) {
        let Some(latest) = self.latest else { return };
        while self.expiring.first().is_some_and(|(moment, _)| *moment < latest) {
            if let Some((_, id)) = self.expiring.pop_first() {
                self.spent.remove(&id);
            }
        }
    }

    /// Whether no entry waits for another to close it.
    pub(crate) fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    pub(crate) fn open_entries(&self) -> Vec<u64> {
        self.open.iter().copied().collect()
    }
}

/// The log as whoever appends sees it: nobody else appends while it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a>(pub(crate) &'a Index);

impl View<'_> {
    /// The index of the next entry.
    pub fn next_index(&self) -> u64 {
        self.0.size
    }

    /// The latest time of all entries, in seconds since 1970-01-01T00:00:00Z; nothing where there is none. Whoever takes
    /// the time should refuse one before it.
    pub fn last_time(&self) -> Option<i64> {
        self.0.latest
    }

    /// The entry that spent this id; nothing where none did, or the id has expired since.
    pub fn spent_by(&self, id: &Sha256Digest) -> Option<u64> {
        self.0.spent.get(&id.0).copied()
    }

    /// The highest sequence number under this name.
    pub fn sequence(&self, name: &str) -> Option<u64> {
        self.0.sequences.get(name).copied()
    }

    /// Whether the entry waits for another to close it.
    pub fn is_open(&self, index: u64) -> bool {
        self.0.open.contains(&index)
    }
}
