//! The writer: puts batches of entries on the disk, and publishes tiles and checkpoint. It knows no threads.
//!
//! Entries go to the journal first, with one synchronisation a batch, and are acknowledged. Tiles, bundles, checkpoint
//! and what stands beside the entries are written from memory without any, because the journal can make them again. Now
//! and then, and when a log is opened, all of them are synchronised and a new journal is begun over the checkpoint of
//! that moment. So at every moment either the files or the journal have what was acknowledged, on the disk for good.
use crate::beside::{Beside, Shelf};
use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::disk::{Appender, Disk};
use crate::entry::Entry;
use crate::error::LogError;
use crate::files::{CHECKPOINT, JOURNAL, read_bundle, read_witnessed, replace, replace_for_good};
use crate::index::Index;
use crate::journal::{self, JOURNAL_LEN_BYTES_MAX, Salt, Waiting};
use crate::note::{NOTE_LEN_BYTES_MAX, NoteKey};
use crate::tile::{Tile, full_path, push_entry, tile_path, tile_width};
use crate::tree::{Edge, TILE_WIDTH, empty_root};
use pkic_facts::crypto::Sha256Digest;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// When the writer does more than it is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Entries after which tiles and checkpoint are published, even if nobody asks.
    pub(crate) publish_entries: u64,
    /// Entries after which a new journal is begun.
    pub(crate) journal_entries: u64,
    /// Bytes after which a new journal is begun.
    pub(crate) journal_len_bytes: usize,
}

impl Limits {
    /// A full tile of entries at a time, and journals that are read in a fraction of a second.
    pub(crate) const USUAL: Limits =
        Limits { publish_entries: TILE_WIDTH as u64, journal_entries: 16_384, journal_len_bytes: 64 << 20 };
}

/// The tree at a moment: all that was on the disk for good.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) size: u64,
    pub(crate) root: Sha256Digest,
    /// The tiles that no file has: those that are not full, and full ones that are not written yet.
    pub(crate) tiles: Vec<Arc<Tile>>,
    signed: OnceLock<SignedCheckpoint>,
}

impl Head {
    fn new(size: u64, root: Sha256Digest, tiles: Vec<Arc<Tile>>) -> Head {
        Head { size, root, tiles, signed: OnceLock::new() }
    }

    /// Its checkpoint: signed once, by whoever asks first.
    pub(crate) fn signed(&self, key: &NoteKey) -> &SignedCheckpoint {
        self.signed.get_or_init(|| SignedCheckpoint::sign(key, self.size, &self.root))
    }
}

pub(crate) struct Writer {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    key: Arc<NoteKey>,
    limits: Limits,
    journal: Box<dyn Appender>,
    beside: Shelf,
    salt: Salt,
    journal_len_bytes: usize,
    /// Size of the tree that the journal is over.
    base: u64,
    edge: Edge,
    /// The entries after the last full bundle.
    bundle: Vec<u8>,
    /// Full bundles that are not written yet, by path.
    full_bundles: Vec<(String, Vec<u8>)>,
    /// Full tiles that are not written yet.
    full_tiles: Vec<Arc<Tile>>,
    /// Full tiles and bundles, level and index, since the base: their partial forms can go.
    filled: Vec<(Option<u32>, u64)>,
    /// How many of `filled` have lost the partial forms of the time since the base.
    cleaned: usize,
    unsynced: BTreeSet<PathBuf>,
    published: Arc<Head>,
}

impl Writer {
    /// Makes an empty log in a directory.
    pub(crate) fn create(disk: &Arc<dyn Disk>, dir: &Path, key: &NoteKey) -> Result<(), LogError> {
        let path = dir.join(JOURNAL);
        if disk.len(&path).map_err(LogError::io("look at", &path))?.is_some() {
            return Err(LogError::Exists { path });
        }
        let signed = SignedCheckpoint::sign(key, 0, &empty_root());
        begin_journal(disk.as_ref(), dir, &signed).map(|_| ())
    }

    /// Opens a log and brings it in order: reads every entry, holds them against what the key signed, and puts on the
    /// disk for good what only the journal had.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        key: Arc<NoteKey>,
        limits: Limits,
    ) -> Result<(Writer, Index), LogError> {
        let path = dir.join(JOURNAL);
        let bytes = disk.read(&path, JOURNAL_LEN_BYTES_MAX).map_err(LogError::io("read", &path))?;
        let (base, records, salt) = journal::split(&path, &bytes)?;
        let signed = SignedCheckpoint::parse(base).map_err(LogError::note(&path))?;
        let base = signed.verify(key.verifier()).map_err(LogError::note(&path))?;
        let found = find_checkpoint(disk.as_ref(), dir, &key)?;
        let witnessed = read_witnessed(disk.as_ref(), dir, key.verifier())?;
        let is_current = found.as_ref() == Some(&base);
        let size = base.size();
        let replay = journal::replay(&path, records, salt, size)?;
        let journal_len_bytes = bytes.len().saturating_sub(records.len()).saturating_add(replay.len_bytes);
        let journal = open_journal(disk.as_ref(), &path, journal_len_bytes)?;
        let published =
            Arc::new(Head { signed: OnceLock::from(signed), ..Head::new(size, *base.root(), Vec::new()) });
        let mut writer = Writer {
            disk,
            dir: dir.to_owned(),
            key,
            limits,
            journal,
            beside: Shelf::default(),
            salt,
            journal_len_bytes,
            base: base.size(),
            edge: Edge::default(),
            bundle: Vec::new(),
            full_bundles: Vec::new(),
            full_tiles: Vec::new(),
            filled: Vec::new(),
            cleaned: 0,
            unsynced: BTreeSet::new(),
            published,
        };
        let mut known = vec![base];
        known.extend(found);
        known.extend(witnessed.map(|(_, checkpoint)| checkpoint));
        let mut opening = Opening { writer: &mut writer, index: Index::default(), known };
        opening.read_bundles(size)?;
        for waiting in replay.entries {
            opening.take(waiting)?;
        }
        let index = opening.finish()?;
        // Whoever began this journal may have ended before its name was on the disk for good.
        writer.disk.sync_dir(dir).map_err(LogError::io("synchronise", dir))?;
        if replay.torn || writer.size() > size || !is_current {
            writer.put_in_order()?;
        } else {
            let signed = writer.published.signed.clone();
            writer.published = Arc::new(Head { signed, ..writer.head() });
        }
        Ok((writer, index))
    }

    /// Entries of the log.
    pub(crate) fn size(&self) -> u64 {
        self.edge.size()
    }

    pub(crate) fn published(&self) -> &Arc<Head> {
        &self.published
    }

    /// The tree as it is.
    pub(crate) fn head(&self) -> Head {
        let partial = self.edge.partial_tiles().cloned().map(Arc::new);
        let tiles = self.full_tiles.iter().cloned().chain(partial).collect();
        Head::new(self.edge.size(), self.edge.root(), tiles)
    }

    /// Puts entries on the disk for good, with one synchronisation.
    pub(crate) fn commit(&mut self, batch: Vec<Waiting>) -> Result<(), LogError> {
        let path = self.dir.join(JOURNAL);
        let too_long = || LogError::Damaged { path: path.clone(), what: "an entry is too long for it" };
        let record = journal::record(self.salt, self.edge.size(), &batch).ok_or_else(too_long)?;
        self.journal.append(&record).map_err(LogError::io("append to", &path))?;
        self.journal.sync().map_err(LogError::io("synchronise", &path))?;
        self.journal_len_bytes = self.journal_len_bytes.saturating_add(record.len());
        batch.into_iter().for_each(|waiting| self.absorb(waiting));
        Ok(())
    }

    /// Takes what stands beside an entry off the disk: out of the journal as well, which may have it.
    pub(crate) fn erase_beside(&mut self, index: u64) -> Result<(), LogError> {
        self.put_in_order()?;
        self.beside.erase(self.disk.as_ref(), &self.dir, index)
    }

    /// Publishes and begins a new journal where it is time to.
    pub(crate) fn tidy(&mut self) -> Result<(), LogError> {
        let since = |size: u64| self.edge.size().saturating_sub(size);
        if since(self.base) >= self.limits.journal_entries
            || self.journal_len_bytes >= self.limits.journal_len_bytes
        {
            return self.put_in_order();
        }
        if since(self.published.size) >= self.limits.publish_entries {
            return self.publish();
        }
        Ok(())
    }

    /// Writes tiles, bundles and checkpoint of all entries, where that was not done.
    pub(crate) fn publish(&mut self) -> Result<(), LogError> {
        if self.published.size != self.edge.size() {
            self.publish_anew()?;
        }
        Ok(())
    }

    fn publish_anew(&mut self) -> Result<(), LogError> {
        let written = self.beside.write(self.disk.as_ref(), &self.dir, self.base)?;
        self.unsynced.extend(written);
        for (path, bytes) in std::mem::take(&mut self.full_bundles) {
            self.put(&path, &bytes)?;
        }
        for tile in std::mem::take(&mut self.full_tiles) {
            self.put(&tile.path(), &tile.encode())?;
        }
        let head = Arc::new(self.head());
        for tile in &head.tiles {
            if !self.has(tile.level, tile.index, tile.hashes().len()) {
                self.put(&tile.path(), &tile.encode())?;
            }
        }
        let last = head.size / TILE_WIDTH as u64;
        let width = tile_width(0, last, head.size).filter(|width| !self.has(0, last, *width));
        if let Some(width) = width {
            let bundle = std::mem::take(&mut self.bundle);
            self.put(&tile_path(None, last, width), &bundle)?;
            self.bundle = bundle;
        }
        self.put(CHECKPOINT, head.signed(&self.key).encode().as_bytes())?;
        self.published = head;
        self.remove_partial()
    }

    /// Whether this very tile was published. What the journal is over was synchronised as well and must stay as it is: a
    /// new file in its place would not be.
    fn has(&self, level: u32, index: u64, width: usize) -> bool {
        [self.base, self.published.size].map(|size| tile_width(level, index, size)).contains(&Some(width))
    }

    /// Publishes, synchronises everything, and begins a new journal.
    pub(crate) fn put_in_order(&mut self) -> Result<(), LogError> {
        self.publish_anew()?;
        let mut dirs = BTreeSet::new();
        for path in std::mem::take(&mut self.unsynced) {
            self.disk.sync(&path).map_err(LogError::io("synchronise", &path))?;
            let above = path.ancestors().skip(1).take_while(|above| above.starts_with(&self.dir));
            dirs.extend(above.map(Path::to_owned));
        }
        for dir in dirs {
            self.disk.sync_dir(&dir).map_err(LogError::io("synchronise", &dir))?;
        }
        let signed = self.published.signed(&self.key);
        let begun = begin_journal(self.disk.as_ref(), &self.dir, signed)?;
        (self.journal, self.salt, self.journal_len_bytes) = begun;
        self.base = self.edge.size();
        self.cleaned = 0;
        for (level, index) in std::mem::take(&mut self.filled) {
            let path = self.dir.join(format!("{}.p", full_path(level, index)));
            self.disk.remove_dir(&path).map_err(LogError::io("remove", &path))?;
        }
        Ok(())
    }

    /// Removes what stands in for tiles that are full by now, but for what the journal is over.
    fn remove_partial(&mut self) -> Result<(), LogError> {
        for (level, index) in self.filled.iter().skip(self.cleaned) {
            let path = self.dir.join(format!("{}.p", full_path(*level, *index)));
            let keep = tile_width(level.unwrap_or(0), *index, self.base).unwrap_or(0);
            let kept = path.join(keep.to_string());
            let removed = self.disk.remove_but(&path, &keep.to_string());
            removed.map_err(LogError::io("remove the files of", &path))?;
            self.unsynced.retain(|file| *file == kept || !file.starts_with(&path));
        }
        self.cleaned = self.filled.len();
        Ok(())
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), LogError> {
        let path = self.dir.join(path);
        replace(self.disk.as_ref(), &path, bytes)?;
        self.unsynced.insert(path);
        Ok(())
    }

    /// Takes an entry into tree, bundle and what stands beside them.
    fn absorb(&mut self, waiting: Waiting) {
        let mut tiles = Vec::new();
        self.beside.take(self.edge.size(), waiting.beside);
        self.edge.push(waiting.leaf, &mut tiles);
        // Its length was checked when the entry was encoded, and again by the journal.
        let _ = push_entry(&mut self.bundle, &waiting.entry);
        for tile in tiles {
            if tile.level == 0 {
                self.full_bundles.push((full_path(None, tile.index), std::mem::take(&mut self.bundle)));
                self.filled.push((None, tile.index));
            }
            self.filled.push((Some(tile.level), tile.index));
            self.full_tiles.push(Arc::new(tile));
        }
    }
}

/// A log that is being read to be written to.
struct Opening<'a> {
    writer: &'a mut Writer,
    index: Index,
    /// What the key signed: each must be the root of the entries at its size.
    known: Vec<Checkpoint>,
}

impl Opening<'_> {
    /// Reads the entries that the tiles have. Tiles that fill up on the way are on the disk.
    fn read_bundles(&mut self, size: u64) -> Result<(), LogError> {
        let mut number = 0u64;
        while let Some(width) = tile_width(0, number, size) {
            let path = self.writer.dir.join(tile_path(None, number, width));
            let bytes = read_bundle(self.writer.disk.as_ref(), &self.writer.dir, number, width)?;
            let entries = crate::tile::decode_bundle(&bytes).filter(|entries| entries.len() >= width);
            let short = || LogError::Damaged { path, what: "it has not the entries that it must" };
            for entry in entries.ok_or_else(short)?.into_iter().take(width) {
                self.take(Waiting::new(entry.to_vec(), Beside::new(Vec::new())))?;
            }
            self.writer.full_bundles.clear();
            self.writer.full_tiles.clear();
            self.writer.filled.clear();
            number = number.saturating_add(1);
        }
        Ok(())
    }

    fn take(&mut self, waiting: Waiting) -> Result<(), LogError> {
        self.compare()?;
        let index = self.writer.edge.size();
        let unread = |source| LogError::Entry { index: Some(index), source };
        self.index.apply(&Entry::decode(&waiting.entry).map_err(unread)?)?;
        self.writer.absorb(waiting);
        Ok(())
    }

    /// Holds the entries read so far against what was signed of as many.
    fn compare(&self) -> Result<(), LogError> {
        let size = self.writer.edge.size();
        for signed in self.known.iter().filter(|signed| signed.size() == size) {
            let found = self.writer.edge.root();
            if found != *signed.root() {
                return Err(LogError::Forked { size, signed: *signed.root(), found });
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Index, LogError> {
        self.compare()?;
        let found = self.writer.edge.size();
        match self.known.iter().map(Checkpoint::size).max() {
            Some(signed) if signed > found => Err(LogError::Shortened { signed, found }),
            _ => Ok(self.index),
        }
    }
}

/// The checkpoint that was published last. One that does not read is as good as none: the journal can make it again.
fn find_checkpoint(disk: &dyn Disk, dir: &Path, key: &NoteKey) -> Result<Option<Checkpoint>, LogError> {
    let path = dir.join(CHECKPOINT);
    if disk.len(&path).map_err(LogError::io("look at", &path))?.is_none() {
        return Ok(None);
    }
    let bytes = disk.read(&path, NOTE_LEN_BYTES_MAX).map_err(LogError::io("read", &path))?;
    let signed = SignedCheckpoint::parse(&bytes).and_then(|signed| signed.verify(key.verifier()));
    Ok(signed.ok())
}

fn begin_journal(
    disk: &dyn Disk,
    dir: &Path,
    base: &SignedCheckpoint,
) -> Result<(Box<dyn Appender>, Salt, usize), LogError> {
    let path = dir.join(JOURNAL);
    let (bytes, salt) = journal::begin(&base.encode());
    replace_for_good(disk, &path, &bytes)?;
    let journal = open_journal(disk, &path, bytes.len())?;
    Ok((journal, salt, bytes.len()))
}

fn open_journal(disk: &dyn Disk, path: &Path, len_bytes: usize) -> Result<Box<dyn Appender>, LogError> {
    disk.roomy_appender(path, len_bytes as u64).map_err(LogError::io("append to", path))
}
