//! What the log says of one authority's certificates: which were issued, which of them count no more.
//!
//! It is read from the log's entries each time, so that it cannot differ from them. That takes the time of reading the
//! log; its memory grows with the certificates of the authority, some hundred bytes each.
use crate::crl::{Reason, Revoked};
use crate::record::{Intent, ListIntent, Outcome, Revocation};
use pkic_audit::{LogError, Reader};
use pkic_facts::crypto::Sha256Digest;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;

/// The certificates of one authority, by the hexadecimal digits of their serial numbers.
#[derive(Debug, Default)]
pub struct Ledger {
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
    /// Reads all that the log has of an authority.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn read(reader: &Reader, authority: &str) -> Result<Ledger, LedgerError> {
        let mut ledger = Ledger::default();
        let mut serials: BTreeMap<u64, String> = BTreeMap::new();
        for record in reader.entries(0..u64::MAX) {
            let record = record?;
            let (index, entry) = (record.index, &record.entry);
            match entry.kind.as_str() {
                "intent" => {
                    let intent: Intent = payload(index, &entry.payload)?;
                    if intent.decided.authority == authority {
                        serials.insert(index, intent.serial.clone());
                        let (profile, state) = (intent.decided.profile, State::Open);
                        ledger.certificates.insert(
                            intent.serial,
                            Certified { intent: index, profile, state, certificate: None },
                        );
                    }
                }
                "issued" | "failed" | "void" => {
                    let outcome: Outcome = payload(index, &entry.payload)?;
                    let state = match entry.kind.as_str() {
                        "issued" => State::Issued,
                        "failed" => State::Failed,
                        _ => State::MayExist,
                    };
                    let serial = serials.remove(&outcome.intent);
                    if let Some(held) = serial.and_then(|serial| ledger.certificates.get_mut(&serial)) {
                        held.state = state;
                        held.certificate = outcome.certificate.as_deref().and_then(Sha256Digest::from_text);
                    }
                }
                "revoked" => {
                    let revocation: Revocation = payload(index, &entry.payload)?;
                    let reason = revocation.reason.as_deref().and_then(Reason::from_name);
                    if revocation.decided.authority == authority
                        && let Some(held) = ledger.certificates.get_mut(&revocation.serial)
                    {
                        held.state = State::Revoked { at: revocation.decided.at, reason };
                    }
                }
                "list-intent" => {
                    let list: ListIntent = payload(index, &entry.payload)?;
                    if list.decided.authority == authority {
                        ledger.list_number = ledger.list_number.max(list.number);
                    }
                }
                _ => {}
            }
        }
        Ok(ledger)
    }

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
