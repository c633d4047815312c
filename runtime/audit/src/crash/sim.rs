//! A disk in memory that forgets, when the power goes, what was not synchronised: each such thing by itself, or half.
use crate::disk::{Appender, Disk, with_room};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The call is half done, and none comes after it.
    PowerCut,
    /// Nothing can be written from there on; a file gets half of its bytes.
    NoSpace,
    /// Nothing can be synchronised from there on.
    SyncFails,
    /// Nothing can be changed from there on.
    ReadOnly,
}

/// A directory among the names.
const DIRECTORY: usize = usize::MAX;

#[derive(Debug, Clone, Default)]
struct File {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Whether it was written in place since it was synchronised, over what it had.
    is_overwritten: bool,
    /// A synchronisation failed: the system holds for clean what is not on the disk, and does not try again.
    is_given_up: bool,
}

/// Bytes that a disk writes at once. Smaller than any real one's, so that short records are torn as well.
const SECTOR_LEN_BYTES: usize = 16;

#[derive(Debug, Clone, Default)]
struct State {
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    calls: usize,
    fault: Option<(usize, Fault)>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Sim(Arc<Mutex<State>>);

/// What a call changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Write,
    Sync,
    Name,
}

/// Whether a call that writes gets through, or half of it.
enum Through {
    All,
    Half(io::Error),
}

impl File {
    fn sync(&mut self, allowed: io::Result<Through>) -> io::Result<()> {
        self.is_given_up |= allowed.is_err();
        if !self.is_given_up {
            self.durable = self.now.clone();
            self.is_overwritten = false;
        }
        allowed.map(|_| ())
    }

    /// Writes over what is there from `at`, with room behind it.
    fn overwrite(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if end > self.now.len() {
            self.now.resize(usize::try_from(with_room(end as u64)).unwrap(), 0);
        }
        self.now[at..end].copy_from_slice(bytes);
        self.is_overwritten = true;
    }
}

impl State {
    fn call(&mut self, call: Call) -> io::Result<Through> {
        let number = self.calls;
        self.calls += 1;
        let Some((at, fault)) = self.fault.filter(|(at, _)| number >= *at) else { return Ok(Through::All) };
        let half = |kind| match call {
            Call::Write => Ok(Through::Half(io::Error::from(kind))),
            Call::Sync | Call::Name => Err(io::Error::from(kind)),
        };
        match (fault, call) {
            (Fault::PowerCut, _) if number == at => half(ErrorKind::BrokenPipe),
            (Fault::PowerCut, _) => Err(io::Error::from(ErrorKind::BrokenPipe)),
            (Fault::NoSpace, Call::Write) => half(ErrorKind::StorageFull),
            (Fault::SyncFails, Call::Sync) => Err(io::Error::from(ErrorKind::TimedOut)),
            (Fault::ReadOnly, _) => Err(io::Error::from(ErrorKind::ReadOnlyFilesystem)),
            (Fault::NoSpace | Fault::SyncFails, _) => Ok(Through::All),
        }
    }

    fn file(&mut self, path: &Path) -> io::Result<&mut File> {
        let inode = self.names.get(path).copied().ok_or(ErrorKind::NotFound)?;
        self.files.get_mut(inode).ok_or(io::Error::from(ErrorKind::IsADirectory))
    }
}

impl Sim {
    /// The same disk with a fault at a call, and its calls counted from now on.
    pub(super) fn with_fault(&self, fault: Option<(usize, Fault)>) -> Sim {
        let state = self.0.lock().unwrap().clone();
        Sim(Arc::new(Mutex::new(State { calls: 0, fault, ..state })))
    }

    /// Takes the fault away, under whoever has the disk open.
    pub(super) fn heal(&self) {
        self.0.lock().unwrap().fault = None;
    }

    pub(super) fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    /// The disk that the next process finds after this one was killed: everything that was written.
    pub(super) fn after_kill(&self) -> Sim {
        self.with_fault(None)
    }

    /// A disk that may be found after the power went.
    pub(super) fn after_power_cut(&self, seed: u64) -> Sim {
        let state = self.0.lock().unwrap().clone();
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let files = state.files.iter().map(|file| random.content(file)).collect::<Vec<_>>();
        let mut names = BTreeMap::new();
        let all = state.names.keys().chain(state.durable_names.keys()).cloned();
        for path in all.collect::<std::collections::BTreeSet<_>>() {
            let (now, durable) = (state.names.get(&path), state.durable_names.get(&path));
            let chosen = if now == durable || random.below(2) == 0 { now } else { durable };
            // A name is lost with the directory that it is in; directories come before what is in them.
            let above = path.parent().is_none_or(|above| above == Path::new("") || names.contains_key(above));
            if let Some(inode) = chosen.filter(|_| above) {
                names.insert(path, *inode);
            }
        }
        let file = |bytes: Vec<u8>| File { now: bytes.clone(), durable: bytes, ..File::default() };
        let files = files.into_iter().map(file).collect();
        Sim(Arc::new(Mutex::new(State {
            files,
            names: names.clone(),
            durable_names: names,
            calls: 0,
            fault: None,
        })))
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    /// What a file has of bytes that were not synchronised: none, all, the first, or zeros in place of the last.
    fn content(&mut self, file: &File) -> Vec<u8> {
        let File { now, durable, is_overwritten, .. } = file;
        if now == durable {
            return now.clone();
        }
        if *is_overwritten {
            return self.sectors(now, durable);
        }
        let kept = if now.starts_with(durable) { durable.len() } else { 0 };
        let cut = kept + self.below(now.len() - kept + 1);
        match self.below(4) {
            0 => durable.clone(),
            1 => now.clone(),
            2 => now[..cut].to_vec(),
            _ => now[..cut].iter().copied().chain(std::iter::repeat_n(0, now.len() - cut)).collect(),
        }
    }
}

impl Random {
    /// What a file has that was written in place: of each sector what it had, or what was written, and the new length or
    /// the old one.
    fn sectors(&mut self, now: &[u8], durable: &[u8]) -> Vec<u8> {
        let mut found = durable.to_vec();
        if self.below(2) == 0 {
            found.resize(now.len(), 0);
        }
        // Now and then all of what was written is lost, or nothing of it.
        let (lost, of) = [(1, 1), (0, 1), (1, 2), (1, 8)][self.below(4)];
        for (to, from) in found.chunks_mut(SECTOR_LEN_BYTES).zip(now.chunks(SECTOR_LEN_BYTES)) {
            if self.below(of) >= lost {
                let len = to.len().min(from.len());
                to[..len].copy_from_slice(&from[..len]);
            }
        }
        found
    }
}

impl Disk for Sim {
    fn read(&self, path: &Path, len_max: usize) -> io::Result<Vec<u8>> {
        let bytes = self.0.lock().unwrap().file(path)?.now.clone();
        if bytes.len() > len_max { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        Ok(self.0.lock().unwrap().file(path).ok().map(|file| file.now.len() as u64))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let through = state.call(Call::Write)?;
        for above in path.ancestors().skip(1).filter(|above| *above != Path::new("")) {
            state.names.entry(above.to_owned()).or_insert(DIRECTORY);
        }
        if !state.names.contains_key(path) {
            let inode = state.files.len();
            state.files.push(File::default());
            state.names.insert(path.to_owned(), inode);
        }
        let file = state.file(path)?;
        file.is_given_up = false;
        match through {
            Through::All => {
                file.now = bytes.to_vec();
                file.is_overwritten = false;
                Ok(())
            }
            Through::Half(error) => {
                file.now = bytes[..bytes.len() / 2].to_vec();
                Err(error)
            }
        }
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let allowed = state.call(Call::Sync);
        state.file(path)?.sync(allowed)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.call(Call::Name)?;
        let inode = state.names.remove(from).ok_or(ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.call(Call::Sync)?;
        let State { names, durable_names, .. } = &mut *state;
        let child = |name: &PathBuf| name.parent() == Some(path);
        durable_names.retain(|name, _| !child(name));
        durable_names
            .extend(names.iter().filter(|(name, _)| child(name)).map(|(name, inode)| (name.clone(), *inode)));
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.call(Call::Name)?;
        state.names.retain(|name, _| !name.starts_with(path));
        Ok(())
    }

    fn remove_but(&self, path: &Path, keep: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.call(Call::Name)?;
        state.names.retain(|name, _| name.parent() != Some(path) || name.ends_with(keep));
        Ok(())
    }

    fn appender(&self, path: &Path) -> io::Result<Box<dyn Appender>> {
        let mut state = self.0.lock().unwrap();
        state.call(Call::Name)?;
        let inode = state.names.get(path).copied().ok_or(ErrorKind::NotFound)?;
        Ok(Box::new(SimAppender { sim: self.clone(), inode, end: None }))
    }

    fn roomy_appender(&self, path: &Path, end: u64) -> io::Result<Box<dyn Appender>> {
        let mut state = self.0.lock().unwrap();
        state.call(Call::Name)?;
        let inode = state.names.get(path).copied().ok_or(ErrorKind::NotFound)?;
        let end = usize::try_from(end).unwrap();
        assert!(
            end <= state.files[inode].now.len(),
            "nothing is left open between what is there and what comes"
        );
        Ok(Box::new(SimAppender { sim: self.clone(), inode, end: Some(end) }))
    }
}

struct SimAppender {
    sim: Sim,
    inode: usize,
    /// Where the next bytes go, of a file with room behind them.
    end: Option<usize>,
}

impl Appender for SimAppender {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.sim.0.lock().unwrap();
        let through = state.call(Call::Write)?;
        let (bytes, done) = match through {
            Through::All => (bytes, Ok(())),
            Through::Half(error) => (&bytes[..bytes.len() / 2], Err(error)),
        };
        let file = &mut state.files[self.inode];
        match &mut self.end {
            None => file.now.extend_from_slice(bytes),
            Some(end) => {
                file.overwrite(*end, bytes);
                *end += bytes.len();
            }
        }
        done
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.sim.0.lock().unwrap();
        let allowed = state.call(Call::Sync);
        state.files[self.inode].sync(allowed)
    }
}
