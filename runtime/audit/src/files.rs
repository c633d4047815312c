//! The files of a log by name, and the one way in which they are written and read.
use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::disk::Disk;
use crate::error::LogError;
use crate::note::{NOTE_LEN_BYTES_MAX, VerifierKey};
use crate::tile::{BUNDLE_LEN_BYTES_MAX, full_path, tile_path};
use crate::tree::TILE_WIDTH;
use std::io;
use std::path::{Path, PathBuf};

/// The checkpoint (C2SP tlog-tiles, Checkpoints).
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The latest checkpoint that witnesses cosigned.
pub(crate) const WITNESSED: &str = "checkpoint.witnessed";
/// What was acknowledged and may not be in tiles yet.
pub(crate) const JOURNAL: &str = "journal";
/// Whoever writes the log holds its lock.
pub(crate) const LOCK: &str = "lock";

/// Writes a file so that its name has either what it had or all of `bytes`, whenever this process ends. What a power
/// cut leaves is another matter: [`replace_for_good`].
pub(crate) fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), LogError> {
    let draft = draft(path);
    disk.write(&draft, bytes).map_err(LogError::io("write", &draft))?;
    disk.rename(&draft, path).map_err(LogError::io("rename to", path))
}

/// Writes a file so that its name has either what it had or all of `bytes`, whatever happens, and all of `bytes` once
/// this returns.
pub(crate) fn replace_for_good(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), LogError> {
    let draft = draft(path);
    disk.write(&draft, bytes).map_err(LogError::io("write", &draft))?;
    disk.sync(&draft).map_err(LogError::io("synchronise", &draft))?;
    disk.rename(&draft, path).map_err(LogError::io("rename to", path))?;
    let dir = path.parent().unwrap_or(path);
    disk.sync_dir(dir).map_err(LogError::io("synchronise", dir))
}

fn draft(path: &Path) -> PathBuf {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".tmp");
    PathBuf::from(draft)
}

/// The entry bundle with at least `width` entries: the full one where the partial one is gone.
pub(crate) fn read_bundle(
    disk: &dyn Disk,
    dir: &Path,
    index: u64,
    width: usize,
) -> Result<Vec<u8>, LogError> {
    read_wide(disk, dir, None, index, width, BUNDLE_LEN_BYTES_MAX)
}

/// The bytes of the tile with at least `width` hashes: the full one where the partial one is gone.
pub(crate) fn read_tile(
    disk: &dyn Disk,
    dir: &Path,
    level: u32,
    index: u64,
    width: usize,
) -> Result<Vec<u8>, LogError> {
    read_wide(disk, dir, Some(level), index, width, TILE_WIDTH * 32)
}

/// Source: C2SP tlog-tiles, Partial Tiles: a partial tile may go once the full one is there.
fn read_wide(
    disk: &dyn Disk,
    dir: &Path,
    level: Option<u32>,
    index: u64,
    width: usize,
    len_max: usize,
) -> Result<Vec<u8>, LogError> {
    let path = dir.join(tile_path(level, index, width));
    match disk.read(&path, len_max) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && width < TILE_WIDTH => {
            let full = dir.join(full_path(level, index));
            disk.read(&full, len_max).map_err(|_| LogError::io("read", &path)(error))
        }
        read => read.map_err(LogError::io("read", &path)),
    }
}

/// The checkpoint that witnesses cosigned, with what it says; nothing where there is none.
pub(crate) fn read_witnessed(
    disk: &dyn Disk,
    dir: &Path,
    key: &VerifierKey,
) -> Result<Option<(SignedCheckpoint, Checkpoint)>, LogError> {
    let path = dir.join(WITNESSED);
    if disk.len(&path).map_err(LogError::io("look at", &path))?.is_none() {
        return Ok(None);
    }
    let bytes = disk.read(&path, NOTE_LEN_BYTES_MAX).map_err(LogError::io("read", &path))?;
    let signed = SignedCheckpoint::parse(&bytes).map_err(LogError::note(&path))?;
    let checkpoint = signed.verify(key).map_err(LogError::note(&path))?;
    Ok(Some((signed, checkpoint)))
}
