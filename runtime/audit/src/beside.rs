//! What stands beside an entry: bytes that the tree does not cover, and that can be erased.
//!
//! What is written of people must be able to go, and what is in a tree stays for ever. So an entry holds a digest of
//! such bytes, and they stand in `beside/`, one file for the entries of one bundle: on the disk for good before the entry
//! is, with one synchronisation for all that wait. A file is a run of frames: index of the entry and length of the bytes,
//! big-endian in 8 and 4 octets; SHA-256 of the bytes; the bytes. A frame whose entry never came is of no account: the
//! digest tells it from the one that did.
use crate::disk::{Appender, Disk};
use crate::error::LogError;
use crate::files::replace_for_good;
use crate::tree::TILE_WIDTH;
use pkic_facts::crypto::Sha256Digest;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes beside one entry.
pub const BESIDE_LEN_BYTES_MAX: usize = 256 << 10;
/// Octets before the bytes of a frame.
const HEAD_LEN_BYTES: usize = 8 + 4 + 32;
/// Bytes of a file: a bundle's entries, each with as much as it may have, and as many that never came.
const FILE_LEN_BYTES_MAX: usize = 2 * TILE_WIDTH * (BESIDE_LEN_BYTES_MAX + HEAD_LEN_BYTES);

/// The file that is being written.
#[derive(Default)]
pub(crate) struct Beside {
    open: Option<(u64, Box<dyn Appender>)>,
}

/// An entry's bytes.
pub(crate) struct Frame<'a> {
    pub(crate) index: u64,
    pub(crate) bytes: &'a [u8],
}

impl Beside {
    /// Puts frames, in the order of their entries, on the disk for good.
    pub(crate) fn append(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        frames: &[Frame<'_>],
    ) -> Result<(), LogError> {
        let mut rest = frames;
        while let Some(first) = rest.first() {
            let number = number(first.index);
            let until =
                rest.iter().position(|frame| self::number(frame.index) != number).unwrap_or(rest.len());
            let (of_file, after) = rest.split_at_checked(until).unwrap_or((rest, &[]));
            self.append_to(disk, dir, number, of_file)?;
            rest = after;
        }
        Ok(())
    }

    fn append_to(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        number: u64,
        frames: &[Frame<'_>],
    ) -> Result<(), LogError> {
        let path = path(dir, number);
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            prepare(disk, dir, &path)?;
            self.open = Some((number, disk.appender(&path).map_err(LogError::io("append to", &path))?));
        }
        let Some((_, file)) = &mut self.open else { return Ok(()) };
        let bytes: Vec<u8> = frames.iter().flat_map(encode).collect();
        file.append(&bytes).map_err(LogError::io("append to", &path))?;
        file.sync().map_err(LogError::io("synchronise", &path))
    }

    /// Takes what stands beside an entry off the disk.
    pub(crate) fn erase(&mut self, disk: &dyn Disk, dir: &Path, index: u64) -> Result<(), LogError> {
        let path = path(dir, number(index));
        let Some(bytes) = read_file(disk, &path)? else { return Ok(()) };
        let kept = frames(&bytes).filter(|(of, ..)| *of != index);
        let kept: Vec<u8> = kept.flat_map(|(index, _, bytes)| encode(&Frame { index, bytes })).collect();
        self.open = None;
        replace_for_good(disk, &path, &kept)
    }
}

/// Makes the file, or cuts off what was not written to its end: what follows would not be read.
fn prepare(disk: &dyn Disk, dir: &Path, path: &Path) -> Result<(), LogError> {
    let Some(bytes) = read_file(disk, path)? else {
        replace_for_good(disk, path, &[])?;
        let above = path.ancestors().skip(1).take_while(|above| above.starts_with(dir));
        return above
            .into_iter()
            .try_for_each(|dir| disk.sync_dir(dir).map_err(LogError::io("synchronise", dir)));
    };
    let whole: usize = frames(&bytes).map(|(.., content)| content.len().saturating_add(HEAD_LEN_BYTES)).sum();
    match bytes.get(..whole) {
        Some(good) if whole < bytes.len() => replace_for_good(disk, path, good),
        _ => Ok(()),
    }
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

fn encode(frame: &Frame<'_>) -> Vec<u8> {
    let len_bytes = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
    let digest = Sha256Digest::of(frame.bytes).0;
    [&frame.index.to_be_bytes()[..], &len_bytes.to_be_bytes(), &digest, frame.bytes].concat()
}

/// The number of the bundle that an entry is in.
fn number(index: u64) -> u64 {
    index / TILE_WIDTH as u64
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(crate::tile::full_path(None, number).replacen("tile/entries", "beside", 1))
}
