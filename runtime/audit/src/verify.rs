//! Checking a whole log from its files, with nothing but the verifier key.
use crate::checkpoint::Checkpoint;
use crate::entry::Entry;
use crate::error::LogError;
use crate::files::{read_bundle, read_tile};
use crate::index::Index;
use crate::reader::Reader;
use crate::tile::{Tile, decode_bundle, decode_tile, tile_path, tile_width};
use crate::tree::{Edge, leaf_hash};
use pkic_facts::crypto::Sha256Digest;
use std::collections::BTreeSet;

/// What a log was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The checkpoint that every entry and tile leads to.
    pub checkpoint: Checkpoint,
    /// Objects that entries name and that are kept, each once.
    pub objects_kept: u64,
    /// Objects that entries name and that are not kept any more.
    pub objects_missing: u64,
    /// The entries that no other closed.
    pub open: Vec<u64>,
}

impl Reader {
    /// Reads every entry, every tile and every object, and holds them against the checkpoint; also that no id was
    /// spent twice, no sequence went down, and no entry was closed that was not open. Memory grows with the ids spent
    /// and the objects named, 32 bytes each and what a set adds.
    ///
    /// # Errors
    /// [`LogError::Damaged`] with the file that is not what the entries make it; [`LogError::Forked`] where entries and
    /// tiles agree and the key signed something else; [`LogError::AlreadySpent`], [`LogError::SequenceLower`],
    /// [`LogError::NotOpen`] where the writer broke its own rules; [`LogError::Entry`]; [`LogError::Io`].
    pub fn verify(&self) -> Result<Verified, LogError> {
        let size = self.checkpoint.size();
        let mut edge = Edge::default();
        let mut index = Index::default();
        let mut objects = ObjectCount { reader: self, seen: BTreeSet::new(), kept: 0, missing: 0 };
        let mut full = Vec::new();
        let mut number = 0u64;
        while let Some(width) = tile_width(0, number, size) {
            let bytes = read_bundle(self.disk.as_ref(), &self.dir, number, width)?;
            let path = || self.dir.join(tile_path(None, number, width));
            let short = || LogError::Damaged { path: path(), what: "it has not the entries that it must" };
            let entries = decode_bundle(&bytes).filter(|entries| entries.len() >= width).ok_or_else(short)?;
            for bytes in entries.into_iter().take(width) {
                let at = Some(edge.size());
                let entry = Entry::decode(bytes).map_err(|source| LogError::Entry { index: at, source })?;
                index.apply(&entry)?;
                entry.objects.iter().try_for_each(|digest| objects.count(digest))?;
                edge.push(leaf_hash(bytes), &mut full);
            }
            full.drain(..).try_for_each(|tile| self.compare(&tile))?;
            number = number.saturating_add(1);
        }
        edge.partial_tiles().try_for_each(|tile| self.compare(tile))?;
        let (signed, found) = (*self.checkpoint.root(), edge.root());
        if found != signed {
            return Err(LogError::Forked { size, signed, found });
        }
        let ObjectCount { kept, missing, .. } = objects;
        Ok(Verified {
            checkpoint: self.checkpoint.clone(),
            objects_kept: kept,
            objects_missing: missing,
            open: index.open_entries(),
        })
    }

    /// Holds a tile's file against what the entries make of it.
    fn compare(&self, tile: &Tile) -> Result<(), LogError> {
        let width = tile.hashes().len();
        let bytes = read_tile(self.disk.as_ref(), &self.dir, tile.level, tile.index, width)?;
        if decode_tile(&bytes, width).as_deref() != Some(tile.hashes()) {
            let what = "its hashes are not those of the entries below";
            return Err(LogError::Damaged { path: self.dir.join(tile.path()), what });
        }
        Ok(())
    }
}

struct ObjectCount<'a> {
    reader: &'a Reader,
    seen: BTreeSet<[u8; 32]>,
    kept: u64,
    missing: u64,
}

impl ObjectCount<'_> {
    fn count(&mut self, digest: &Sha256Digest) -> Result<(), LogError> {
        if self.seen.insert(digest.0) {
            match self.reader.object(digest)? {
                Some(_) => self.kept = self.kept.saturating_add(1),
                None => self.missing = self.missing.saturating_add(1),
            }
        }
        Ok(())
    }
}
