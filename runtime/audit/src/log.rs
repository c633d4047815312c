//! The log as many threads write it: one of them at a time writes for all that wait.
//!
//! Whoever appends finds an order under the lock, where ids are spent, and waits until its entry is on the disk for
//! good. Of those that wait one leads: it takes all entries that stand in line and writes them with one
//! synchronisation, while the next ones queue up behind it. There is no thread, no timer and no clock in here.
//!
//! A receipt needs no file: its checkpoint is over what is on the disk for good, in the journal if nowhere else. Readers
//! see that checkpoint when 256 entries have come, and at once when the log falls quiet: nobody writes, and no entry is
//! open.
use crate::beside::{BESIDE_LEN_BYTES_MAX, Beside};
use crate::checkpoint::SignedCheckpoint;
use crate::disk::{Disk, OsDisk};
use crate::entry::Entry;
use crate::error::LogError;
use crate::files::{LOCK, WITNESSED, read_witnessed, replace_for_good};
use crate::index::{Index, View};
use crate::journal::Waiting;
use crate::note::{KeyKind, NoteKey, VerifierKey};
use crate::objects::Objects;
use crate::proof::{Tiles, shows_inclusion};
use crate::reader::{FileTiles, Reader};
use crate::receipt::Receipt;
use crate::writer::{Head, Limits, Writer};
use pkic_facts::crypto::Sha256Digest;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// A log that this process writes. Threads share it by reference.
pub struct Log {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    key: Arc<NoteKey>,
    limits: Limits,
    objects: Objects,
    state: Mutex<State>,
    /// Whoever waits for the writer, and for no entry of their own.
    writer_is_back: Condvar,
    /// Held as long as the log is open.
    _lock: Option<Lock>,
}

struct State {
    index: Index,
    /// Entries that have an index and are not written.
    waiting: Vec<Waiting>,
    /// Those whose entries are waiting: all are told when these are written, one of them when it may lead.
    batch: Arc<Batch>,
    /// Nobody has it but the thread that leads.
    writer: Option<Writer>,
    /// The tree of what is on the disk for good.
    head: Arc<Head>,
    published: Arc<Head>,
    /// Whether a receipt was given that readers do not see yet.
    is_owed: bool,
    /// Why nothing is written any more.
    failure: Option<Arc<LogError>>,
}

/// Those whose entries are written together.
#[derive(Default)]
struct Batch {
    told: Condvar,
    /// Why their entries were not written, or nobody knows: it outlives the failure of the log.
    failure: OnceLock<Arc<LogError>>,
}

/// An entry that is on the disk for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its index.
    pub index: u64,
    /// Its bytes, which a receipt is verified with.
    pub bytes: Vec<u8>,
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
        sync_above(disk.as_ref(), dir)
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
        // Whoever made it may have ended before its name was on the disk for good.
        sync_above(&OsDisk, dir)?;
        Log::open_on(Arc::new(OsDisk), dir, key, Limits::USUAL, Some(lock))
    }

    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        key: NoteKey,
        limits: Limits,
        lock: Option<Lock>,
    ) -> Result<Log, LogError> {
        let key = Arc::new(key);
        let (writer, index) = Writer::open(Arc::clone(&disk), dir, Arc::clone(&key), limits)?;
        let objects = Objects::new(Arc::clone(&disk), dir);
        let (state, writer_is_back) = (Mutex::new(State::new(writer, index)), Condvar::new());
        Ok(Log { disk, dir: dir.to_owned(), key, limits, objects, state, writer_is_back, _lock: lock })
    }

    /// Opens the log again where a write failed and all others are refused since ([`LogError::Poisoned`]), as
    /// [`Log::open`] does, and never without the lock. What was acknowledged is in it; an entry that failed is, or is
    /// not. It reads all entries, and everybody waits for it. A log that did not fail stays as it is.
    ///
    /// # Errors
    /// As [`Log::open`]; the log stays refused then.
    pub fn reopen(&self) -> Result<(), LogError> {
        let mut state = self.lock_state();
        // Whoever leads comes back with its writer.
        while state.writer.is_none() {
            state = self.writer_is_back.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.failure.is_some() {
            let (disk, key) = (Arc::clone(&self.disk), Arc::clone(&self.key));
            let (writer, index) = Writer::open(disk, &self.dir, key, self.limits)?;
            *state = State::new(writer, index);
        }
        Ok(())
    }

    /// Appends an entry and returns its index, once it is on the disk for good. Of two that spend one id, one gets
    /// [`LogError::AlreadySpent`].
    ///
    /// # Errors
    /// [`LogError::AlreadySpent`], [`LogError::SequenceLower`], [`LogError::NotOpen`], [`LogError::ObjectUnknown`],
    /// [`LogError::Entry`] where the entry cannot follow, and then nothing is written; [`LogError::Poisoned`] with the
    /// cause where the disk fails, and until [`Log::reopen`]: then the entry may be in the log, or not.
    pub fn append(&self, entry: Entry) -> Result<u64, LogError> {
        self.append_beside(entry, Beside::new(Vec::new())).map(|written| written.index)
    }

    /// As [`Log::append`], with bytes that stand beside the entry and that the tree does not cover: the entry should hold
    /// their digest. They are on the disk for good when the entry is, and [`Log::erase_beside`] takes them away.
    ///
    /// # Errors
    /// As [`Log::append`]; [`LogError::ObjectTooLong`] beyond [`crate::BESIDE_LEN_BYTES_MAX`].
    pub fn append_beside(&self, entry: Entry, beside: Beside) -> Result<Written, LogError> {
        let prepared = self.prepare(&entry, beside)?;
        let state = self.lock_state();
        state.check()?;
        self.append_prepared(state, &entry, prepared)
    }

    /// Appends the entry that `write` makes and returns its index, once it is on the disk for good. Nobody else appends
    /// while `write` looks at the log, so that what it decides by is what the entry follows; it should be quick, and
    /// must not call this log.
    ///
    /// # Errors
    /// What `write` returns, and then nothing is written; as [`Log::append`].
    pub fn append_with<E: From<LogError>>(
        &self,
        write: impl FnOnce(View<'_>) -> Result<Entry, E>,
    ) -> Result<u64, E> {
        let state = self.lock_state();
        state.check()?;
        let entry = write(View(&state.index))?;
        let prepared = self.prepare(&entry, Beside::new(Vec::new()))?;
        Ok(self.append_prepared(state, &entry, prepared)?.index)
    }

    /// All that can be done for an entry without the lock.
    fn prepare(&self, entry: &Entry, beside: Beside) -> Result<Waiting, LogError> {
        if beside.bytes().len() > BESIDE_LEN_BYTES_MAX {
            return Err(LogError::ObjectTooLong { len_bytes: beside.bytes().len() });
        }
        for digest in &entry.objects {
            if !self.objects.is_kept(digest)? {
                return Err(LogError::ObjectUnknown { digest: *digest });
            }
        }
        let bytes = entry.encode().map_err(|source| LogError::Entry { index: None, source })?;
        Ok(Waiting::new(bytes, beside))
    }

    fn append_prepared<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        entry: &Entry,
        prepared: Waiting,
    ) -> Result<Written, LogError> {
        let index = state.index.apply(entry)?;
        let bytes = prepared.entry.clone();
        state.waiting.push(prepared);
        let batch = Arc::clone(&state.batch);
        while batch.check().map(|()| state.head.size <= index)? {
            state = self.step(state, Duty::Commit(&batch))?;
        }
        self.settle(state)?;
        Ok(Written { index, bytes })
    }

    /// What `look` finds in the log as it is, nobody appending meanwhile: the edition of a bundle that was seen last, or
    /// whether an id is spent, before work is put into an entry. Entries that are just being written count; only
    /// [`Log::append_with`] decides by what still holds when its entry follows. It must not call this log.
    pub fn view<T>(&self, look: impl FnOnce(View<'_>) -> T) -> T {
        look(View(&self.lock_state().index))
    }

    /// The receipt of an entry: an inclusion proof under a checkpoint of what is on the disk for good, for
    /// [`Receipt::verify`].
    ///
    /// # Errors
    /// [`LogError::NoEntry`]; [`LogError::Damaged`] where the tiles on the disk do not lead to the root; [`LogError::Io`],
    /// [`LogError::Poisoned`].
    pub fn receipt(&self, index: u64) -> Result<Receipt, LogError> {
        let head = {
            let state = self.lock_state();
            state.check()?;
            Arc::clone(&state.head)
        };
        let source = FileTiles { disk: self.disk.as_ref(), dir: &self.dir, at_hand: &head.tiles };
        let mut tiles = Tiles::new(&source, head.size);
        let proof = tiles.inclusion(index)?;
        if !shows_inclusion(&proof, tiles.leaf(index)?, index, head.size, &head.root) {
            let path = self.dir.join("tile");
            return Err(LogError::Damaged {
                path,
                what: "its tiles do not lead to the root that was signed",
            });
        }
        let receipt = Receipt::new(index, proof, head.signed(&self.key).clone());
        let mut state = self.lock_state();
        state.is_owed |= state.published.size < head.size;
        self.settle(state)?;
        Ok(receipt)
    }

    /// Writes tiles and checkpoint of all entries that are on the disk for good, so that readers see them. Every 256th
    /// entry, the end of the log, and a log that falls quiet after a receipt do so by themselves.
    ///
    /// # Errors
    /// [`LogError::Poisoned`].
    pub fn publish(&self) -> Result<SignedCheckpoint, LogError> {
        let state = self.lock_state();
        let size = state.head.size;
        let state = self.publish_to(state, size)?;
        Ok(state.published.signed(&self.key).clone())
    }

    fn publish_to<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        size: u64,
    ) -> Result<MutexGuard<'a, State>, LogError> {
        while state.published.size < size {
            state = self.step(state, Duty::Publish)?;
        }
        Ok(state)
    }

    /// Shows readers what receipts are about, where nobody is about to write more.
    fn settle<'a>(&'a self, mut state: MutexGuard<'a, State>) -> Result<(), LogError> {
        if state.is_owed && state.waiting.is_empty() && state.index.is_settled() {
            state.is_owed = false;
            let size = state.head.size;
            drop(self.publish_to(state, size)?);
        }
        Ok(())
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
        let mut done = false;
        let mut state = self.lock_state();
        while !done {
            state = self.step(state, Duty::Erase(index, &mut done))?;
        }
        state.check()
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
        self.lock_state().head.size
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
        duty: Duty<'_>,
    ) -> Result<MutexGuard<'a, State>, LogError> {
        state.check()?;
        let Some(mut writer) = state.writer.take() else {
            let told = if let Duty::Commit(batch) = &duty { &batch.told } else { &self.writer_is_back };
            return Ok(told.wait(state).unwrap_or_else(PoisonError::into_inner));
        };
        let (entries, batch) = match &duty {
            Duty::Commit(_) => (std::mem::take(&mut state.waiting), std::mem::take(&mut state.batch)),
            Duty::Publish | Duty::Erase(..) => (Vec::new(), Arc::default()),
        };
        drop(state);
        let committed = if entries.is_empty() { Ok(()) } else { writer.commit(entries) };
        let is_committed = committed.is_ok();
        let head = (is_committed && matches!(duty, Duty::Commit(_))).then(|| Arc::new(writer.head()));
        let done = committed.and_then(|()| match duty {
            Duty::Commit(_) => writer.tidy(),
            Duty::Publish => writer.publish(),
            Duty::Erase(index, done) => {
                *done = true;
                writer.erase_beside(index)
            }
        });
        let mut state = self.lock_state();
        state.head = head.unwrap_or_else(|| Arc::clone(&state.head));
        state.published = Arc::clone(writer.published());
        state.writer = Some(writer);
        // What was acknowledged stays so, whatever else failed; nothing is written after a failure.
        state.failure = done.err().map(Arc::new);
        if let Some(cause) = &state.failure {
            if !is_committed {
                batch.fail(cause);
            }
            state.batch.fail(cause);
        } else {
            state.batch.told.notify_one();
        }
        batch.told.notify_all();
        self.writer_is_back.notify_all();
        Ok(state)
    }
}

/// What a leader is to do.
enum Duty<'a> {
    /// Write what waits; the caller's entry is of this batch.
    Commit(&'a Batch),
    Publish,
    /// Take away what stands beside an entry, and say that it was tried.
    Erase(u64, &'a mut bool),
}

impl Batch {
    fn check(&self) -> Result<(), LogError> {
        match self.failure.get() {
            Some(cause) => Err(LogError::Poisoned { cause: Arc::clone(cause) }),
            None => Ok(()),
        }
    }

    fn fail(&self, cause: &Arc<LogError>) {
        let _ = self.failure.set(Arc::clone(cause));
        self.told.notify_all();
    }
}

impl State {
    /// Of a log that was just read.
    fn new(writer: Writer, index: Index) -> State {
        State {
            index,
            waiting: Vec::new(),
            batch: Arc::default(),
            head: Arc::clone(writer.published()),
            published: Arc::clone(writer.published()),
            writer: Some(writer),
            is_owed: false,
            failure: None,
        }
    }

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

fn sync_above(disk: &dyn Disk, dir: &Path) -> Result<(), LogError> {
    let above = dir.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    disk.sync_dir(above).map_err(LogError::io("synchronise", above))
}

/// The lock on a log: one process writes it, once.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    /// A program that another thread is starting has the file open until it runs: to close ours alone would leave the log
    /// locked until then.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

fn lock(dir: &Path) -> Result<Lock, LogError> {
    let path = dir.join(LOCK);
    let options = File::options().create(true).truncate(false).write(true).open(&path);
    let file = options.map_err(LogError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(LogError::Locked { path }),
        Err(TryLockError::Error(error)) => Err(LogError::io("lock", &path)(error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_log_that_was_closed_is_free_whoever_has_its_files_open() {
        let dir = std::env::temp_dir().join(format!("pkic-audit-lock-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let held = lock(&dir).unwrap();
        assert!(matches!(lock(&dir), Err(LogError::Locked { .. })));
        let inherited = held.0.try_clone().unwrap();
        drop(held);
        let again = lock(&dir);
        drop(inherited);
        fs::remove_dir_all(&dir).unwrap();
        assert!(again.is_ok(), "{again:?}");
    }
}
