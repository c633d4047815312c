//! The log as many threads write it: one of them at a time writes for all that wait.
//!
//! Whoever appends finds an order under the lock, where ids are spent, and waits until its entry is on the disk for
//! good. Of those that wait one leads: it takes all entries that stand in line and writes them with one
//! synchronisation, while the next ones queue up behind it. There is no thread, no timer and no clock in here.
use crate::beside::BESIDE_LEN_BYTES_MAX;
use crate::checkpoint::SignedCheckpoint;
use crate::disk::{Disk, OsDisk};
use crate::entry::Entry;
use crate::error::LogError;
use crate::files::{LOCK, WITNESSED, read_witnessed, replace_for_good};
use crate::index::{Index, View};
use crate::note::{KeyKind, NoteKey, VerifierKey};
use crate::objects::Objects;
use crate::proof::{Tiles, shows_inclusion};
use crate::reader::{FileTiles, Reader};
use crate::receipt::Receipt;
use crate::writer::{Limits, Published, Waiting, Writer};
use pkic_facts::crypto::Sha256Digest;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A log that this process writes. Threads share it by reference.
pub struct Log {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    key: Arc<NoteKey>,
    objects: Objects,
    state: Mutex<State>,
    changed: Condvar,
    /// Held as long as the log is open.
    _lock: Option<File>,
}

struct State {
    index: Index,
    /// Entries that have an index and are not written.
    waiting: Vec<Waiting>,
    /// Nobody has it but the thread that leads.
    writer: Option<Writer>,
    /// Entries that are on the disk for good.
    durable: u64,
    published: Arc<Published>,
    /// Why nothing is written any more.
    failure: Option<Arc<LogError>>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log({}, {})", self.dir.display(), self.key.verifier().name())
    }
}

impl Log {
    /// Makes an empty log in a directory, which is made as well; its name is that of the key. [`Log::open`] opens it.
    ///
    /// # Errors
    /// [`LogError::Exists`] where a log is there; [`LogError::Note`] where the key is a witness's; [`LogError::Locked`];
    /// [`LogError::Io`].
    pub fn create(dir: &Path, key: &NoteKey) -> Result<(), LogError> {
        if key.verifier().kind() != KeyKind::Log {
            return Err(LogError::note(dir)(crate::error::NoteError::Key));
        }
        fs::create_dir_all(dir).map_err(LogError::io("make", dir))?;
        let _lock = lock(dir)?;
        let disk: Arc<dyn Disk> = Arc::new(OsDisk);
        Writer::create(&disk, dir, key)?;
        let above = dir.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        disk.sync_dir(above).map_err(LogError::io("synchronise", above))
    }

    /// Opens a log to write to it: reads all its entries, holds them against every checkpoint that it finds, and mends
    /// what a crash left unfinished.
    ///
    /// # Errors
    /// [`LogError::Locked`] where somebody else writes it; [`LogError::Forked`], [`LogError::Shortened`],
    /// [`LogError::Damaged`] where the files are not those that the key signed; [`LogError::Note`] where the key is not
    /// the log's; [`LogError::Entry`]; [`LogError::Io`].
    pub fn open(dir: &Path, key: NoteKey) -> Result<Log, LogError> {
        let lock = lock(dir)?;
        Log::open_on(Arc::new(OsDisk), dir, key, Limits::USUAL, Some(lock))
    }

    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        key: NoteKey,
        limits: Limits,
        lock: Option<File>,
    ) -> Result<Log, LogError> {
        let key = Arc::new(key);
        let (writer, index) = Writer::open(Arc::clone(&disk), dir, Arc::clone(&key), limits)?;
        let state = State {
            index,
            waiting: Vec::new(),
            durable: writer.size(),
            published: Arc::clone(writer.published()),
            writer: Some(writer),
            failure: None,
        };
        let objects = Objects::new(Arc::clone(&disk), dir);
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Ok(Log { disk, dir: dir.to_owned(), key, objects, state, changed, _lock: lock })
    }

    /// Appends an entry and returns its index, once it is on the disk for good.
    ///
    /// # Errors
    /// As [`Log::append_with`].
    pub fn append(&self, entry: Entry) -> Result<u64, LogError> {
        self.append_with(|_| Ok(entry))
    }

    /// Appends the entry that `write` makes and returns its index, once it is on the disk for good. Nobody else appends
    /// while `write` looks at the log, so that what it decides by is what the entry follows; it should be quick, and
    /// must not call this log. Of two that spend one id, one gets [`LogError::AlreadySpent`].
    ///
    /// # Errors
    /// What `write` returns, and then nothing is written; [`LogError::AlreadySpent`], [`LogError::SequenceLower`],
    /// [`LogError::NotOpen`], [`LogError::ObjectUnknown`], [`LogError::Entry`] where the entry cannot follow, and then
    /// nothing is written either; [`LogError::Poisoned`] with the cause where the disk fails, and ever after: then the
    /// entry may be in the log when it is opened again, or not.
    pub fn append_with<E: From<LogError>>(
        &self,
        write: impl FnOnce(View<'_>) -> Result<Entry, E>,
    ) -> Result<u64, E> {
        self.append_beside(&[], write)
    }

    /// As [`Log::append_with`], with bytes that stand beside the entry and that the tree does not cover: the entry
    /// should hold their SHA-256. They are on the disk for good before the entry is, and [`Log::erase_beside`] takes them
    /// away. At most [`crate::BESIDE_LEN_BYTES_MAX`].
    ///
    /// # Errors
    /// As [`Log::append_with`]; [`LogError::ObjectTooLong`].
    pub fn append_beside<E: From<LogError>>(
        &self,
        beside: &[u8],
        write: impl FnOnce(View<'_>) -> Result<Entry, E>,
    ) -> Result<u64, E> {
        if beside.len() > BESIDE_LEN_BYTES_MAX {
            return Err(LogError::ObjectTooLong { len_bytes: beside.len() }.into());
        }
        let mut state = self.lock_state();
        state.check()?;
        let entry = write(View(&state.index))?;
        for digest in &entry.objects {
            if !self.objects.is_kept(digest)? {
                return Err(LogError::ObjectUnknown { digest: *digest }.into());
            }
        }
        let bytes = entry.encode().map_err(|source| LogError::Entry { index: None, source })?;
        let index = state.index.apply(&entry)?;
        state.waiting.push(Waiting { entry: bytes, beside: beside.to_vec() });
        while state.durable <= index {
            state = self.step(state, Duty::Commit)?;
        }
        Ok(index)
    }

    /// What `look` finds in the log as it is, nobody appending meanwhile: the edition of a bundle that was seen last, or
    /// whether an id is spent, before work is put into an entry. Entries that are just being written count; only
    /// [`Log::append_with`] decides by what still holds when its entry follows. It must not call this log.
    pub fn view<T>(&self, look: impl FnOnce(View<'_>) -> T) -> T {
        look(View(&self.lock_state().index))
    }

    /// The receipt of an entry: an inclusion proof under a checkpoint whose tiles are written, for [`Receipt::verify`].
    ///
    /// # Errors
    /// [`LogError::NoEntry`]; [`LogError::Damaged`] where the tiles on the disk do not lead to the root; [`LogError::Io`],
    /// [`LogError::Poisoned`].
    pub fn receipt(&self, index: u64) -> Result<Receipt, LogError> {
        let mut state = self.lock_state();
        if index >= state.durable {
            return Err(LogError::NoEntry { index, size: state.durable });
        }
        while state.published.size <= index {
            state = self.step(state, Duty::Publish)?;
        }
        let published = Arc::clone(&state.published);
        drop(state);
        let source = FileTiles { disk: self.disk.as_ref(), dir: &self.dir, partial: &published.partial };
        let mut tiles = Tiles::new(&source, published.size);
        let proof = tiles.inclusion(index)?;
        let (leaf, root) = (tiles.leaf(index)?, published.root);
        if !shows_inclusion(&proof, leaf, index, published.size, &root) {
            let path = self.dir.join("tile");
            return Err(LogError::Damaged {
                path,
                what: "its tiles do not lead to the root that was signed",
            });
        }
        Ok(Receipt::new(index, proof, published.signed.clone()))
    }

    /// Writes tiles and checkpoint of all entries that are on the disk for good, so that readers see them. Receipts,
    /// every 256th entry and the end of the log do so by themselves.
    ///
    /// # Errors
    /// [`LogError::Poisoned`].
    pub fn publish(&self) -> Result<SignedCheckpoint, LogError> {
        let mut state = self.lock_state();
        let size = state.durable;
        while state.published.size < size {
            state = self.step(state, Duty::Publish)?;
        }
        Ok(state.published.signed.clone())
    }

    /// Keeps bytes in the side store for good, at most [`crate::OBJECT_LEN_BYTES_MAX`], and returns the digest that an
    /// entry may then name. The same bytes are kept once.
    ///
    /// # Errors
    /// [`LogError::ObjectTooLong`], [`LogError::Io`].
    pub fn put_object(&self, bytes: &[u8]) -> Result<Sha256Digest, LogError> {
        self.objects.put(bytes)
    }

    /// Takes what stands beside an entry off the disk. The entry stays, with the digest of what is gone.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::Poisoned`].
    pub fn erase_beside(&self, index: u64) -> Result<(), LogError> {
        let mut state = self.lock_state();
        loop {
            state.check()?;
            match state.writer.as_mut() {
                Some(writer) => return writer.erase_beside(index),
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Keeps a checkpoint that witnesses cosigned, with the signatures of these witnesses alone, and returns how many
    /// there are on it. An older checkpoint than the one that is kept changes nothing.
    ///
    /// # Errors
    /// [`LogError::Note`] where it does not hold; [`LogError::Forked`], [`LogError::Shortened`] where it is not of this
    /// log as it is; [`LogError::Io`].
    pub fn add_cosignatures(&self, note: &[u8], witnesses: &[VerifierKey]) -> Result<usize, LogError> {
        let path = self.dir.join(WITNESSED);
        let given = SignedCheckpoint::parse(note).map_err(LogError::note(&path))?;
        let checkpoint = given.verify(self.key.verifier()).map_err(LogError::note(&path))?;
        given.cosignatures(witnesses).map_err(LogError::note(&path))?;
        self.publish()?;
        self.reader()?.continues(&checkpoint)?;
        // The lock keeps two of these from overwriting each other.
        let _state = self.lock_state();
        let mut kept = given.only_from(self.key.verifier(), witnesses);
        if let Some((before, of)) = read_witnessed(self.disk.as_ref(), &self.dir, self.key.verifier())? {
            let size = of.size();
            if size > checkpoint.size() {
                kept = before;
            } else if size == checkpoint.size() {
                kept.merge(&before);
            }
        }
        replace_for_good(self.disk.as_ref(), &path, kept.encode().as_bytes())?;
        kept.cosignatures(witnesses).map(|found| found.len()).map_err(LogError::note(&path))
    }

    /// A reader of what is published.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn reader(&self) -> Result<Reader, LogError> {
        Reader::open_on(Arc::clone(&self.disk), &self.dir, self.key.verifier().clone())
    }

    /// Entries that are on the disk for good.
    pub fn size(&self) -> u64 {
        self.lock_state().durable
    }

    /// The entries that no other has closed, in order: after a crash, what was begun and not finished.
    pub fn open_entries(&self) -> Vec<u64> {
        self.lock_state().index.open_entries()
    }

    /// Publishes everything, synchronises it, and ends. A log that is dropped instead loses nothing, and says nothing
    /// of what went wrong.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::Poisoned`].
    pub fn close(self) -> Result<(), LogError> {
        let mut state = self.lock_state();
        state.check()?;
        state.writer.as_mut().map_or(Ok(()), Writer::put_in_order)
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        // A caller's closure that panics has changed nothing yet.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leads, if nobody does, and waits for whoever does otherwise.
    fn step<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        duty: Duty,
    ) -> Result<MutexGuard<'a, State>, LogError> {
        state.check()?;
        let Some(mut writer) = state.writer.take() else {
            return Ok(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
        };
        let batch = match duty {
            Duty::Commit => std::mem::take(&mut state.waiting),
            Duty::Publish => Vec::new(),
        };
        drop(state);
        let committed = if batch.is_empty() { Ok(()) } else { writer.commit(&batch) };
        let durable = committed.is_ok().then(|| writer.size());
        let done = committed.and_then(|()| match duty {
            Duty::Commit => writer.tidy(),
            Duty::Publish => writer.publish(),
        });
        let mut state = self.lock_state();
        state.durable = durable.unwrap_or(state.durable);
        state.published = Arc::clone(writer.published());
        state.writer = Some(writer);
        // What was acknowledged stays so, whatever else failed; nothing is written after a failure.
        state.failure = done.err().map(Arc::new);
        self.changed.notify_all();
        Ok(state)
    }
}

/// What a leader is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    Commit,
    Publish,
}

impl State {
    fn check(&self) -> Result<(), LogError> {
        match &self.failure {
            Some(cause) => Err(LogError::Poisoned { cause: Arc::clone(cause) }),
            None => Ok(()),
        }
    }
}

impl Drop for Log {
    /// Publishes what is left, as far as it can.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.failure.is_none()
            && let Some(writer) = &mut state.writer
        {
            let _ = writer.publish();
        }
    }
}

fn lock(dir: &Path) -> Result<File, LogError> {
    let path = dir.join(LOCK);
    let options = File::options().create(true).truncate(false).write(true).open(&path);
    let file = options.map_err(LogError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::Locked { path }),
        Err(TryLockError::Error(error)) => Err(LogError::io("lock", &path)(error)),
    }
}
