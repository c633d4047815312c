//! What the log says of certificates: which were issued by an authority, which of them count no more.
//!
//! It is read from the log's entries and nothing else, so that it cannot differ from them: all of them when it is asked
//! first, and those that came since then later on. Its memory grows with the certificates, some hundred bytes each.
use crate::crl::{Reason, Revoked};
use crate::record::{Intent, ListIntent, Outcome, Revocation};
use pkic_audit::{Entry, LogError, Reader, Record};
use pkic_facts::crypto::Sha256Digest;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;

/// The certificates of all authorities.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Index of the first entry that was not read.
    next: u64,
    /// Authority and serial number of intents that have no outcome yet, by their index.
    open: BTreeMap<u64, (String, String)>,
    authorities: BTreeMap<String, Standing>,
}

/// How the certificates of one authority stand.
#[derive(Debug, Default)]
pub struct Standing {
    /// By the hexadecimal digits of their serial numbers.
    certificates: BTreeMap<String, Certified>,
    /// Highest number of a list of this authority.
    list_number: u64,
}

/// A certificate that was issued, or may have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// Index of its intent.
    pub intent: u64,
    /// Qualified name of its profile.
    pub profile: String,
    /// What came of it.
    pub state: State,
    /// SHA-256 of the certificate in DER, where it was released.
    pub certificate: Option<Sha256Digest>,
}

/// What came of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The intent has no outcome yet.
    Open,
    /// It was released.
    Issued,
    /// It was not signed, or not released.
    Failed,
    /// Nobody knows: pkic ended before the outcome was recorded.
    MayExist,
    /// It counts no more.
    Revoked {
        /// Since when.
        at: i64,
        /// Why.
        reason: Option<Reason>,
    },
}

/// Why the ledger cannot be read.
#[derive(Debug)]
pub enum LedgerError {
    /// The log cannot be read.
    Log(LogError),
    /// An entry is no record of this version.
    Record {
        /// Its index.
        index: u64,
        /// What is wrong.
        what: String,
    },
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LedgerError::Log(error) => error.fmt(f),
            LedgerError::Record { index, what } => {
                write!(f, "the entry {index} does not read as a record: {what}")
            }
        }
    }
}

impl std::error::Error for LedgerError {}

impl From<LogError> for LedgerError {
    fn from(error: LogError) -> LedgerError {
        LedgerError::Log(error)
    }
}

impl Ledger {
    /// Reads what the log has that was not read before.
    ///
    /// # Errors
    /// [`LedgerError`]; what comes before the entry in question was read.
    pub fn follow(&mut self, reader: &Reader) -> Result<(), LedgerError> {
        for record in reader.entries(self.next..u64::MAX) {
            let Record { index, entry, .. } = record?;
            self.take(index, &entry)?;
            self.next = index.saturating_add(1);
        }
        Ok(())
    }

    fn take(&mut self, index: u64, entry: &Entry) -> Result<(), LedgerError> {
        match entry.kind.as_str() {
            "intent" => {
                let intent: Intent = payload(index, &entry.payload)?;
                let (authority, profile, state) =
                    (intent.decided.authority, intent.decided.profile, State::Open);
                let certified = Certified { intent: index, profile, state, certificate: None };
                let standing = self.authorities.entry(authority.clone()).or_default();
                standing.certificates.insert(intent.serial.clone(), certified);
                self.open.insert(index, (authority, intent.serial));
            }
            "issued" => self.close(State::Issued, &payload(index, &entry.payload)?),
            "failed" => self.close(State::Failed, &payload(index, &entry.payload)?),
            "void" => self.close(State::MayExist, &payload(index, &entry.payload)?),
            "revoked" => {
                let revocation: Revocation = payload(index, &entry.payload)?;
                let reason = revocation.reason.as_deref().and_then(Reason::from_name);
                if let Some(held) = self.certified(&revocation.decided.authority, &revocation.serial) {
                    held.state = State::Revoked { at: revocation.decided.at, reason };
                }
            }
            "list-intent" => {
                let list: ListIntent = payload(index, &entry.payload)?;
                let standing = self.authorities.entry(list.decided.authority).or_default();
                standing.list_number = standing.list_number.max(list.number);
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, state: State, outcome: &Outcome) {
        let Some((authority, serial)) = self.open.remove(&outcome.intent) else { return };
        if let Some(held) = self.certified(&authority, &serial) {
            held.certificate = outcome.certificate.as_deref().and_then(Sha256Digest::from_text);
            // It can be revoked while nobody knows yet what came of it.
            if held.state == State::Open {
                held.state = state;
            }
        }
    }

    fn certified(&mut self, authority: &str, serial: &str) -> Option<&mut Certified> {
        self.authorities.get_mut(authority)?.certificates.get_mut(serial)
    }

    /// How the certificates of an authority stand; nothing where it issued none.
    pub fn of(&self, authority: &str) -> Option<&Standing> {
        self.authorities.get(authority)
    }
}

impl Standing {
    /// The certificate of that serial number.
    pub fn certificate(&self, serial: &str) -> Option<&Certified> {
        self.certificates.get(serial)
    }

    /// The highest number of a list that was signed, or begun.
    pub fn list_number(&self) -> u64 {
        self.list_number
    }

    /// The certificates that count no more.
    pub fn revoked(&self) -> Vec<Revoked> {
        let revoked = self.certificates.iter().filter_map(|(serial, held)| match held.state {
            State::Revoked { at, reason } => Some(Revoked { serial: from_hex(serial)?, at, reason }),
            _ => None,
        });
        revoked.collect()
    }
}

fn payload<T: DeserializeOwned>(index: u64, bytes: &[u8]) -> Result<T, LedgerError> {
    serde_json::from_slice(bytes).map_err(|error| LedgerError::Record { index, what: error.to_string() })
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let at = (0..digits.len()).step_by(2);
    at.map(|at| u8::from_str_radix(digits.get(at..at.checked_add(2)?)?, 16).ok()).collect()
}
