//! The journal: what was acknowledged and is not yet in tiles that are on the disk for good.
//!
//! It begins with the checkpoint of what is, then has one record for each batch of entries, with what stands beside them.
//! A batch is acknowledged once its record is synchronised, and the next record is begun only then. So an incomplete
//! record can be nothing but the last one, which nobody was told of; anything else that does not read is damage, and is
//! told. The check value of a record is over the hashes of its entries, which the tree needs anyway.
//!
//! Behind the records may be zeros: room for the next ones, which is no record and no damage. No record begins with one.
use crate::beside::Beside;
use crate::error::LogError;
use crate::tile::push_entry;
use crate::tree::{digest, leaf_hash};
use pkic_facts::crypto::Sha256Digest;
use std::path::Path;

/// The first line of a journal.
const HEAD: &[u8] = b"pkic audit journal 2\n";
/// How a record begins.
const MAGIC: [u8; 4] = *b"PKJR";
/// Octets of a check value.
const CHECK_LEN_BYTES: usize = 16;
/// Octets of a record before its body: magic, length of the body, index of the first entry, check value.
const RECORD_HEAD_LEN_BYTES: usize = 4 + 8 + 8 + CHECK_LEN_BYTES;
/// Octets of a record that say how long an entry is, and what stands beside it.
const LENGTHS_LEN_BYTES: usize = 2 + 4;
/// Bytes of a journal that is read: far above where a new one is begun.
pub(crate) const JOURNAL_LEN_BYTES_MAX: usize = 1 << 30;

/// What ties records to their journal: none of another one is ever taken for one of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Salt([u8; 32]);

impl Salt {
    fn check(self, parts: [&[u8]; 2]) -> [u8; CHECK_LEN_BYTES] {
        let [first, second] = parts;
        let hash = digest(&[&self.0, first, second]);
        let mut check = [0; CHECK_LEN_BYTES];
        check.iter_mut().zip(hash.0).for_each(|(to, from)| *to = from);
        check
    }
}

/// The beginning of a journal over the checkpoint `base`, and its salt.
pub(crate) fn begin(base: &str) -> (Vec<u8>, Salt) {
    let salt = Salt(digest(&[HEAD, base.as_bytes()]).0);
    let len = (base.len() as u64).to_be_bytes();
    let check = salt.check([&len, base.as_bytes()]);
    ([HEAD, &len, base.as_bytes(), &check].concat(), salt)
}

/// An entry that has an index and is not written, with its hash and what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) entry: Vec<u8>,
    pub(crate) leaf: Sha256Digest,
    pub(crate) beside: Beside,
}

impl Waiting {
    pub(crate) fn new(entry: Vec<u8>, beside: Beside) -> Waiting {
        Waiting { leaf: leaf_hash(&entry), entry, beside }
    }
}

/// The check value of a record: over the place and the hashes of what it holds.
fn check_of(salt: Salt, first_index: u64, batch: &[Waiting]) -> [u8; CHECK_LEN_BYTES] {
    let hashes: Vec<u8> =
        batch.iter().flat_map(|waiting| [waiting.leaf.0, waiting.beside.digest().0]).flatten().collect();
    salt.check([&first_index.to_be_bytes(), &hashes])
}

/// The record of a batch; nothing where an entry is too long.
pub(crate) fn record(salt: Salt, first_index: u64, batch: &[Waiting]) -> Option<Vec<u8>> {
    let body_len_bytes = batch.iter().try_fold(0usize, |len, Waiting { entry, beside, .. }| {
        len.checked_add(LENGTHS_LEN_BYTES)?.checked_add(entry.len())?.checked_add(beside.bytes().len())
    })?;
    let around_len_bytes = RECORD_HEAD_LEN_BYTES.checked_add(CHECK_LEN_BYTES)?;
    let mut record = Vec::with_capacity(body_len_bytes.checked_add(around_len_bytes)?);
    record.extend_from_slice(&MAGIC);
    record.extend_from_slice(&(body_len_bytes as u64).to_be_bytes());
    record.extend_from_slice(&first_index.to_be_bytes());
    let check = salt.check([&record, &[]]);
    record.extend_from_slice(&check);
    for Waiting { entry, beside, .. } in batch {
        push_entry(&mut record, entry)?;
        record.extend_from_slice(&u32::try_from(beside.bytes().len()).ok()?.to_be_bytes());
        record.extend_from_slice(beside.bytes());
    }
    record.extend_from_slice(&check_of(salt, first_index, batch));
    Some(record)
}

/// What a journal holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Replay {
    /// The entries after the base, in order.
    pub(crate) entries: Vec<Waiting>,
    /// Length of the records that have them.
    pub(crate) len_bytes: usize,
    /// Whether a record follows that was never finished.
    pub(crate) torn: bool,
}

/// The checkpoint that a journal is over, and its records.
pub(crate) fn split<'a>(path: &Path, bytes: &'a [u8]) -> Result<(&'a [u8], &'a [u8], Salt), LogError> {
    let parse = || {
        let (len, rest) = bytes.strip_prefix(HEAD)?.split_first_chunk::<8>()?;
        let (base, rest) = rest.split_at_checked(usize::try_from(u64::from_be_bytes(*len)).ok()?)?;
        let (check, records) = rest.split_first_chunk::<CHECK_LEN_BYTES>()?;
        let salt = Salt(digest(&[HEAD, base]).0);
        (salt.check([len, base]) == *check).then_some((base, records, salt))
    };
    parse().ok_or_else(|| damaged(path, "its beginning does not hold"))
}

/// Reads the records of a journal whose first entry has the index `first_index`.
pub(crate) fn replay(
    path: &Path,
    mut records: &[u8],
    salt: Salt,
    first_index: u64,
) -> Result<Replay, LogError> {
    let len_bytes = records.len();
    let mut entries: Vec<Waiting> = Vec::new();
    while !is_room(records) {
        let index = first_index.saturating_add(entries.len() as u64);
        let Some((found, len, rest)) = record_head(records, salt) else {
            let later = (1..records.len()).filter_map(|from| record_head(records.get(from..)?, salt));
            if later.into_iter().any(|(found, ..)| found > index) {
                return Err(damaged(path, "a record does not read, and others follow"));
            }
            break;
        };
        if found != index {
            return Err(damaged(path, "a record is missing"));
        }
        let Some((body, rest)) = rest.split_at_checked(len) else { break };
        let Some((check, rest)) = rest.split_first_chunk::<CHECK_LEN_BYTES>() else { break };
        let Some(batch) = read_body(body).filter(|batch| check_of(salt, index, batch) == *check) else {
            if is_room(rest) {
                break;
            }
            return Err(damaged(path, "a record was changed, and others follow"));
        };
        entries.extend(batch);
        records = rest;
    }
    // What follows and is no room is a record that was never finished.
    let len_bytes = len_bytes.saturating_sub(records.len());
    Ok(Replay { entries, len_bytes, torn: !is_room(records) })
}

fn is_room(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Index of the first entry, length of the body and what follows, where a record begins here.
fn record_head(bytes: &[u8], salt: Salt) -> Option<(u64, usize, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<RECORD_HEAD_LEN_BYTES>()?;
    let (fields, check) = head.split_last_chunk::<CHECK_LEN_BYTES>()?;
    let (len, index) = fields.strip_prefix(&MAGIC)?.split_first_chunk::<8>()?;
    if salt.check([fields, &[]]) != *check {
        return None;
    }
    let index = u64::from_be_bytes(index.try_into().ok()?);
    Some((index, usize::try_from(u64::from_be_bytes(*len)).ok()?, rest))
}

fn read_body(mut body: &[u8]) -> Option<Vec<Waiting>> {
    let mut batch = Vec::new();
    while !body.is_empty() {
        let (len, rest) = body.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (beside, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
        batch.push(Waiting::new(entry.to_vec(), Beside::new(beside.to_vec())));
        body = rest;
    }
    Some(batch)
}

fn damaged(path: &Path, what: &'static str) -> LogError {
    LogError::Damaged { path: path.to_owned(), what }
}
