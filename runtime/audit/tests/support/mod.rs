//! What the tests of the log share: directories of their own, keys, entries.
use pkic_audit::{Entry, KeyKind, Log, NoteKey, Part, Sequence, Spend, VerifierKey};
use pkic_facts::crypto::Sha256Digest;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A directory that goes with its owner.
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new() -> Dir {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pkic-audit-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }

    pub fn log(&self) -> PathBuf {
        self.0.join("log")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub const NAME: &str = "ca.example/audit";

pub fn key() -> NoteKey {
    NoteKey::from_seed(NAME, KeyKind::Log, &[7; 32]).unwrap()
}

pub fn verifier() -> VerifierKey {
    key().verifier().clone()
}

pub fn witness(name: &str, seed: u8) -> NoteKey {
    NoteKey::from_seed(name, KeyKind::Witness, &[seed; 32]).unwrap()
}

pub fn entry(number: u64) -> Entry {
    let payload = format!("record {number} ").repeat(1 + usize::try_from(number % 5).unwrap()).into_bytes();
    Entry {
        time: 1_800_000_000 + i64::try_from(number).unwrap(),
        kind: String::from("outcome"),
        part: Part::Whole,
        spends: Vec::new(),
        sequences: Vec::new(),
        objects: Vec::new(),
        payload,
    }
}

pub fn spending(number: u64, id: &[u8], expires: Option<i64>) -> Entry {
    Entry { spends: vec![Spend { id: Sha256Digest::of(id), expires }], ..entry(number) }
}

pub fn numbered(number: u64, name: &str, sequence: u64) -> Entry {
    Entry { sequences: vec![Sequence { name: name.to_owned(), sequence }], ..entry(number) }
}

/// A new log with entries `0..count`.
pub fn log_of(dir: &Path, count: u64) -> Log {
    Log::create(dir, &key()).unwrap();
    let log = Log::open(dir, key()).unwrap();
    fill(&log, 0, count);
    log
}

/// Appends entries `from..to` from 32 threads, so that they share synchronisations; entries are in any order.
pub fn fill(log: &Log, from: u64, to: u64) {
    let next = AtomicU64::new(from);
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                while let number = next.fetch_add(1, Ordering::Relaxed)
                    && number < to
                {
                    log.append(entry(number)).unwrap();
                }
            });
        }
    });
}
