//! The log as anybody reads it who has its verifier key: entries, receipts, consistency. It needs no lock and no writer.
//!
//! No entry comes out of here that does not lead to a root that the key signed; memory is that of one bundle. Checking
//! every file of a log is [`Reader::verify`], in a file of its own.
use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::disk::{Disk, OsDisk};
use crate::entry::Entry;
use crate::error::LogError;
use crate::files::{CHECKPOINT, read_bundle, read_tile, read_witnessed};
use crate::note::{NOTE_LEN_BYTES_MAX, VerifierKey};
use crate::objects;
use crate::proof::{TileSource, Tiles, shows_consistency, shows_inclusion};
use crate::receipt::Receipt;
use crate::tile::{Tile, decode_bundle, decode_tile, tile_path, tile_width};
use crate::tree::{TILE_WIDTH, leaf_hash};
use pkic_facts::crypto::Sha256Digest;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

/// A log at the moment of its checkpoint.
pub struct Reader {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) key: VerifierKey,
    pub(crate) signed: SignedCheckpoint,
    pub(crate) checkpoint: Checkpoint,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({}, {:?})", self.dir.display(), self.checkpoint)
    }
}

/// An entry where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its index.
    pub index: u64,
    /// The entry.
    pub entry: Entry,
    /// Its bytes, which a receipt is verified with.
    pub bytes: Vec<u8>,
}

impl Reader {
    /// Reads and verifies the checkpoint of a log.
    ///
    /// # Errors
    /// [`LogError::Io`]; [`LogError::Note`] where the key did not sign it.
    pub fn open(dir: &Path, key: VerifierKey) -> Result<Reader, LogError> {
        Reader::open_on(Arc::new(OsDisk), dir, key)
    }

    pub(crate) fn open_on(disk: Arc<dyn Disk>, dir: &Path, key: VerifierKey) -> Result<Reader, LogError> {
        let path = dir.join(CHECKPOINT);
        let bytes = disk.read(&path, NOTE_LEN_BYTES_MAX).map_err(LogError::io("read", &path))?;
        let signed = SignedCheckpoint::parse(&bytes).map_err(LogError::note(&path))?;
        let checkpoint = signed.verify(&key).map_err(LogError::note(&path))?;
        Ok(Reader { disk, dir: dir.to_owned(), key, signed, checkpoint })
    }

    /// The checkpoint under which everything is read.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The checkpoint with its signatures.
    pub fn signed_checkpoint(&self) -> &SignedCheckpoint {
        &self.signed
    }

    /// The latest checkpoint that witnesses cosigned, if it is there and of this log: its signatures are for
    /// [`SignedCheckpoint::cosignatures`] to verify.
    ///
    /// # Errors
    /// [`LogError::Note`] where it does not hold; [`LogError::Forked`], [`LogError::Shortened`]; [`LogError::Io`].
    pub fn witnessed_checkpoint(&self) -> Result<Option<SignedCheckpoint>, LogError> {
        let Some((signed, checkpoint)) = read_witnessed(self.disk.as_ref(), &self.dir, &self.key)? else {
            return Ok(None);
        };
        self.continues(&checkpoint)?;
        Ok(Some(signed))
    }

    /// The entry at an index.
    ///
    /// # Errors
    /// [`LogError::NoEntry`]; as [`Reader::entries`].
    pub fn entry(&self, index: u64) -> Result<Record, LogError> {
        let size = self.checkpoint.size();
        let mut found = self.entries(index..index.saturating_add(1));
        found.next().unwrap_or(Err(LogError::NoEntry { index, size }))
    }

    /// The entries of a range, as far as the checkpoint goes, one bundle in memory at a time.
    ///
    /// An entry that cannot be read ends the iteration with [`LogError::Io`], [`LogError::Entry`], or
    /// [`LogError::Damaged`] where it does not lead to the root that was signed.
    pub fn entries(&self, range: Range<u64>) -> Entries<'_> {
        let end = range.end.min(self.checkpoint.size());
        Entries { reader: self, next: range.start, end, bundle: Vec::new().into_iter() }
    }

    /// The receipt of an entry under the checkpoint.
    ///
    /// # Errors
    /// [`LogError::NoEntry`], [`LogError::Io`], [`LogError::Damaged`].
    pub fn receipt(&self, index: u64) -> Result<Receipt, LogError> {
        self.receipt_under(index, &self.signed)
    }

    /// The receipt of an entry under an earlier checkpoint of this log, such as one that witnesses cosigned.
    ///
    /// # Errors
    /// [`LogError::NoEntry`] where it has not the entry; [`LogError::Note`]; [`LogError::Io`]; [`LogError::Damaged`]
    /// where the tiles do not lead to its root.
    pub fn receipt_under(&self, index: u64, signed: &SignedCheckpoint) -> Result<Receipt, LogError> {
        let checkpoint = signed.verify(&self.key).map_err(LogError::note(&self.dir))?;
        let size = checkpoint.size();
        let source = self.tiles();
        // The tiles that hold an earlier tree may be partial forms that are gone; those of this tree hold it as well.
        let mut tiles = Tiles::new(&source, self.checkpoint.size());
        let proof = tiles.inclusion_in(index, size)?;
        if !shows_inclusion(&proof, tiles.leaf(index)?, index, size, checkpoint.root()) {
            return Err(self.damaged_tiles());
        }
        Ok(Receipt::new(index, proof, signed.clone()))
    }

    /// Whether this log is what the older checkpoint became: the same entries, and perhaps more.
    ///
    /// # Errors
    /// [`LogError::Shortened`] where this log has fewer entries; [`LogError::Forked`] where its first entries are not
    /// those that were signed, or its tiles are damaged, which [`Reader::verify`] tells apart; [`LogError::Io`].
    pub fn continues(&self, older: &Checkpoint) -> Result<(), LogError> {
        let (size, found) = (older.size(), self.checkpoint.size());
        if size > found {
            return Err(LogError::Shortened { signed: size, found });
        }
        let proof = self.consistency_proof(size)?;
        if !shows_consistency(&proof, size, older.root(), found, self.checkpoint.root()) {
            let source = self.tiles();
            let found = Tiles::new(&source, found).root_of(size)?;
            return Err(LogError::Forked { size, signed: *older.root(), found });
        }
        Ok(())
    }

    /// The proof that the log begins with the tree of its first `from` entries, for [`crate::shows_consistency`]: what a
    /// witness asks for.
    ///
    /// # Errors
    /// [`LogError::NoEntry`] where the log has fewer; [`LogError::Io`].
    pub fn consistency_proof(&self, from: u64) -> Result<Vec<Sha256Digest>, LogError> {
        let size = self.checkpoint.size();
        if from > size {
            return Err(LogError::NoEntry { index: from, size });
        }
        let source = self.tiles();
        Tiles::new(&source, size).consistency(from)
    }

    /// The bytes beside an entry that have this digest; nothing where they were erased.
    ///
    /// # Errors
    /// [`LogError::Damaged`] where they were changed; [`LogError::Io`].
    pub fn beside(&self, index: u64, digest: &Sha256Digest) -> Result<Option<Vec<u8>>, LogError> {
        crate::beside::read(self.disk.as_ref(), &self.dir, index, digest)
    }

    /// The object of the side store with this digest; nothing where it is not kept.
    ///
    /// # Errors
    /// [`LogError::Damaged`] where its bytes have another digest; [`LogError::Io`].
    pub fn object(&self, digest: &Sha256Digest) -> Result<Option<Vec<u8>>, LogError> {
        objects::read(self.disk.as_ref(), &self.dir, digest)
    }

    pub(crate) fn tiles(&self) -> FileTiles<'_> {
        FileTiles { disk: self.disk.as_ref(), dir: &self.dir, at_hand: &[] }
    }

    fn damaged_tiles(&self) -> LogError {
        let what = "its tiles do not lead to the root that was signed";
        LogError::Damaged { path: self.dir.join("tile"), what }
    }

    /// The entries of a bundle, once they are seen to lead to the root.
    fn bundle(&self, number: u64) -> Result<Vec<Record>, LogError> {
        let size = self.checkpoint.size();
        let first = number.saturating_mul(TILE_WIDTH as u64);
        let width = tile_width(0, number, size).ok_or(LogError::NoEntry { index: first, size })?;
        let bytes = read_bundle(self.disk.as_ref(), &self.dir, number, width)?;
        let damaged = |what| LogError::Damaged { path: self.dir.join(tile_path(None, number, width)), what };
        let entries = decode_bundle(&bytes).filter(|entries| entries.len() >= width);
        let entries = entries.ok_or_else(|| damaged("it has not the entries that it must"))?;
        let leaves: Vec<Sha256Digest> = entries.iter().take(width).map(|entry| leaf_hash(entry)).collect();
        let source = self.tiles();
        let mut tiles = Tiles::new(&source, size);
        // Every leaf of the bundle is part of the proof of its first one, once the bundle stands for its tile.
        tiles.overlay(Tile::of(0, number, &leaves));
        let proof = tiles.inclusion(first)?;
        if !shows_inclusion(&proof, tiles.leaf(first)?, first, size, self.checkpoint.root()) {
            return Err(damaged("its entries, or the tiles above, do not lead to the root that was signed"));
        }
        let read = |(index, bytes): (u64, &[u8])| {
            let entry =
                Entry::decode(bytes).map_err(|source| LogError::Entry { index: Some(index), source })?;
            Ok(Record { index, entry, bytes: bytes.to_vec() })
        };
        (first..).zip(entries).take(width).map(read).collect()
    }
}

/// Entries of a log, in order.
pub struct Entries<'a> {
    reader: &'a Reader,
    next: u64,
    end: u64,
    bundle: vec::IntoIter<Record>,
}

impl std::fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entries({}..{})", self.next, self.end)
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Record, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        loop {
            if let Some(record) = self.bundle.find(|record| record.index >= self.next) {
                self.next = self.next.saturating_add(1);
                return Some(Ok(record));
            }
            match self.reader.bundle(self.next / TILE_WIDTH as u64) {
                Ok(records) => self.bundle = records.into_iter(),
                Err(error) => {
                    self.end = self.next;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Tiles in files, but for some that are at hand.
pub(crate) struct FileTiles<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) dir: &'a Path,
    pub(crate) at_hand: &'a [Arc<Tile>],
}

impl TileSource for FileTiles<'_> {
    fn tile(&self, level: u32, index: u64, width: usize) -> Result<Arc<Tile>, LogError> {
        if let Some(tile) = self.at_hand.iter().find(|tile| tile.level == level && tile.index == index) {
            return Ok(Arc::clone(tile));
        }
        let bytes = read_tile(self.disk, self.dir, level, index, width)?;
        let path = || self.dir.join(tile_path(Some(level), index, width));
        let what = "it has not the hashes that it must";
        let hashes = decode_tile(&bytes, width).ok_or_else(|| LogError::Damaged { path: path(), what })?;
        Ok(Arc::new(Tile::of(level, index, &hashes)))
    }
}
