//! The side store: what is too large for an entry, or the same in many, kept once under its digest.
//!
//! An object is on the disk for good before an entry can name it. The tree covers its digest, so it needs no other
//! protection; that it may be erased later, where people's data must be, is why entries hold digests alone.
use crate::disk::Disk;
use crate::error::LogError;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::envelope::ENVELOPE_LEN_BYTES_MAX;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of one object: a bundle in its envelope is the largest thing that a decision rests on.
pub const OBJECT_LEN_BYTES_MAX: usize = ENVELOPE_LEN_BYTES_MAX;
/// Digests that are remembered as kept: 2 MiB of them. More than that are looked up on the disk again.
const KNOWN_MAX: usize = 1 << 16;

pub(crate) struct Objects {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    known: Mutex<BTreeSet<[u8; 32]>>,
    drafts: AtomicU64,
}

impl Objects {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path) -> Objects {
        let known = Mutex::new(BTreeSet::new());
        Objects { disk, dir: dir.to_owned(), known, drafts: AtomicU64::new(0) }
    }

    /// Keeps the bytes for good and says under which digest.
    pub(crate) fn put(&self, bytes: &[u8]) -> Result<Sha256Digest, LogError> {
        if bytes.len() > OBJECT_LEN_BYTES_MAX {
            return Err(LogError::ObjectTooLong { len_bytes: bytes.len() });
        }
        let digest = Sha256Digest::of(bytes);
        if self.is_kept(&digest)? {
            return Ok(digest);
        }
        let path = self.dir.join(path(&digest));
        // Each caller has a draft of its own, so that two with the same bytes do not write into one file.
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let draft = path.with_extension(format!("{number}.tmp"));
        self.disk.write(&draft, bytes).map_err(LogError::io("write", &draft))?;
        self.disk.sync(&draft).map_err(LogError::io("synchronise", &draft))?;
        self.disk.rename(&draft, &path).map_err(LogError::io("rename to", &path))?;
        self.sync_names(&path)?;
        self.remember(&digest);
        Ok(digest)
    }

    /// Whether an object is on the disk for good.
    pub(crate) fn is_kept(&self, digest: &Sha256Digest) -> Result<bool, LogError> {
        if self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest.0) {
            return Ok(true);
        }
        let path = self.dir.join(path(digest));
        if self.disk.len(&path).map_err(LogError::io("look at", &path))?.is_none() {
            return Ok(false);
        }
        // A name is given only to bytes that were synchronised; whether the name was is not known.
        self.sync_names(&path)?;
        self.remember(digest);
        Ok(true)
    }

    fn sync_names(&self, path: &Path) -> Result<(), LogError> {
        for dir in path.ancestors().skip(1).take_while(|above| above.starts_with(&self.dir)) {
            self.disk.sync_dir(dir).map_err(LogError::io("synchronise", dir))?;
        }
        Ok(())
    }

    fn remember(&self, digest: &Sha256Digest) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(digest.0);
    }
}

/// The bytes under a digest, which they have; nothing where they are not kept.
pub(crate) fn read(disk: &dyn Disk, dir: &Path, digest: &Sha256Digest) -> Result<Option<Vec<u8>>, LogError> {
    let path = dir.join(path(digest));
    let bytes = match disk.read(&path, OBJECT_LEN_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(LogError::io("read", &path))?,
    };
    if Sha256Digest::of(&bytes) != *digest {
        return Err(LogError::Damaged { path, what: "its bytes have not the digest of its name" });
    }
    Ok(Some(bytes))
}

fn path(digest: &Sha256Digest) -> String {
    let digits: String = digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let (first, rest) = digits.split_at_checked(2).unwrap_or((&digits, ""));
    format!("objects/sha256/{first}/{rest}")
}
