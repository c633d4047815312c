//! What stands beside an entry: bytes that the tree does not cover, and that can be erased.
//!
//! What is written of people must be able to go, and what is in a tree stays for ever. So an entry holds a digest of
//! such bytes, and they stand in `beside/`, one file for the entries of one bundle. The journal has them until that file
//! is on the disk for good. A file is a run of frames: index of the entry and length of the bytes, big-endian in 8 and 4
//! octets; SHA-256 of the bytes; the bytes. A frame whose entry never came is of no account: the digest tells it from
//! the one that did.
use crate::disk::{Appender, Disk};
use crate::error::LogError;
use crate::files::replace_for_good;
use crate::tree::TILE_WIDTH;
use pkic_facts::crypto::Sha256Digest;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes beside one entry.
pub const BESIDE_LEN_BYTES_MAX: usize = 256 << 10;
/// Octets before the bytes of a frame.
const HEAD_LEN_BYTES: usize = 8 + 4 + 32;
/// Bytes of a file: a bundle's entries, each with as much as it may have, and as many that never came.
const FILE_LEN_BYTES_MAX: usize = 2 * TILE_WIDTH * (BESIDE_LEN_BYTES_MAX + HEAD_LEN_BYTES);

/// Bytes that are to stand beside an entry, with the digest for the entry to hold. Empty ones are not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    bytes: Vec<u8>,
    digest: Sha256Digest,
}

impl Beside {
    /// These bytes. [`crate::Log::append_beside`] takes at most [`BESIDE_LEN_BYTES_MAX`].
    pub fn new(bytes: Vec<u8>) -> Beside {
        Beside { digest: Sha256Digest::of(&bytes), bytes }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Their SHA-256.
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }
}

/// The files, as the writer of the log fills them.
#[derive(Default)]
pub(crate) struct Shelf {
    /// What the journal has and no file, in the order of the entries.
    waiting: Vec<(u64, Beside)>,
    open: Option<(u64, Box<dyn Appender>)>,
}

impl Shelf {
    pub(crate) fn take(&mut self, index: u64, beside: Beside) {
        if !beside.bytes.is_empty() {
            self.waiting.push((index, beside));
        }
    }

    /// Writes what waits, and says into which files: none of it is synchronised. The journal is over the first `base`
    /// entries.
    pub(crate) fn write(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        base: u64,
    ) -> Result<BTreeSet<PathBuf>, LogError> {
        let mut written = BTreeSet::new();
        let waiting = std::mem::take(&mut self.waiting);
        for frames in waiting.chunk_by(|(one, _), (next, _)| number(*one) == number(*next)) {
            let number = frames.first().map_or(0, |(index, _)| number(*index));
            let path = path(dir, number);
            if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
                prepare(disk, &path, base)?;
                self.open = Some((number, disk.appender(&path).map_err(LogError::io("append to", &path))?));
            }
            let Some((_, file)) = &mut self.open else { continue };
            let mut bytes = Vec::new();
            frames
                .iter()
                .for_each(|(index, beside)| push_frame(&mut bytes, *index, &beside.digest, &beside.bytes));
            file.append(&bytes).map_err(LogError::io("append to", &path))?;
            written.insert(path);
        }
        Ok(written)
    }

    /// Takes what stands beside an entry off the disk. Nothing waits, and the journal has none of it.
    pub(crate) fn erase(&mut self, disk: &dyn Disk, dir: &Path, index: u64) -> Result<(), LogError> {
        let path = path(dir, number(index));
        let Some(bytes) = read_file(disk, &path)? else { return Ok(()) };
        let mut kept = Vec::new();
        let others = frames(&bytes).filter(|(of, ..)| *of != index);
        others.for_each(|(of, digest, bytes)| push_frame(&mut kept, of, &Sha256Digest(digest), bytes));
        self.open = None;
        replace_for_good(disk, &path, &kept)
    }
}

/// Makes the file, or takes out of it what was not written to its end, which would hide what follows, and the entries
/// after `base`, which the journal has.
fn prepare(disk: &dyn Disk, path: &Path, base: u64) -> Result<(), LogError> {
    let Some(bytes) = read_file(disk, path)? else {
        return disk.write(path, &[]).map_err(LogError::io("write", path));
    };
    let mut kept = Vec::new();
    let good =
        frames(&bytes).filter(|(index, digest, bytes)| *index < base && Sha256Digest::of(bytes).0 == *digest);
    good.for_each(|(index, digest, bytes)| push_frame(&mut kept, index, &Sha256Digest(digest), bytes));
    if kept == bytes { Ok(()) } else { replace_for_good(disk, path, &kept) }
}

/// The bytes beside an entry that have this digest; nothing where they were erased. Bytes that have another digest than
/// was written with them were changed, and are not taken for erased.
pub(crate) fn read(
    disk: &dyn Disk,
    dir: &Path,
    index: u64,
    digest: &Sha256Digest,
) -> Result<Option<Vec<u8>>, LogError> {
    let path = path(dir, number(index));
    let Some(bytes) = read_file(disk, &path)? else { return Ok(None) };
    let mut is_changed = false;
    for (_, _, bytes) in frames(&bytes).filter(|(of, said, _)| *of == index && *said == digest.0) {
        if Sha256Digest::of(bytes) == *digest {
            return Ok(Some(bytes.to_vec()));
        }
        is_changed = true;
    }
    match is_changed {
        true => {
            Err(LogError::Damaged { path, what: "its bytes have not the digest that they were written with" })
        }
        false => Ok(None),
    }
}

fn read_file(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<u8>>, LogError> {
    match disk.read(path, FILE_LEN_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(LogError::io("read", path)),
    }
}

/// The frames of a file, up to the first that was not written to its end.
fn frames(mut bytes: &[u8]) -> impl Iterator<Item = (u64, [u8; 32], &[u8])> {
    std::iter::from_fn(move || {
        let (index, rest) = bytes.split_first_chunk::<8>()?;
        let (len_bytes, rest) = rest.split_first_chunk::<4>()?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        let len_bytes = usize::try_from(u32::from_be_bytes(*len_bytes)).ok()?;
        let (content, rest) = rest.split_at_checked(len_bytes)?;
        bytes = rest;
        Some((u64::from_be_bytes(*index), *digest, content))
    })
}

fn push_frame(to: &mut Vec<u8>, index: u64, digest: &Sha256Digest, bytes: &[u8]) {
    let len_bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    to.extend_from_slice(&index.to_be_bytes());
    to.extend_from_slice(&len_bytes.to_be_bytes());
    to.extend_from_slice(&digest.0);
    to.extend_from_slice(bytes);
}

/// The number of the bundle that an entry is in.
fn number(index: u64) -> u64 {
    index / TILE_WIDTH as u64
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(crate::tile::full_path(None, number).replacen("tile/entries", "beside", 1))
}
