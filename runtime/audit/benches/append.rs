//! Appends, beside a bare write and synchronisation of the same bytes to one file; and opening a long log.
//!
//! Every thread appends 32 entries. The peer of `append` is one thread that writes as many batches as the log would
//! need at best, each of as many entries as there are threads, with one synchronisation each.
#![allow(clippy::unwrap_used, missing_docs)]

use divan::Bencher;
use divan::counter::ItemsCount;
use pkic_audit::{Entry, KeyKind, Log, NoteKey, Part, Reader, Spend};
use pkic_facts::crypto::Sha256Digest;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

const EACH: u64 = 32;
const PAYLOAD_LEN_BYTES: usize = 2048;
const THREADS: [u64; 3] = [1, 8, 32];
const LONG: u64 = 100_000;

fn main() {
    divan::main();
}

struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pkic-audit-bench-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Dir(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn key() -> NoteKey {
    NoteKey::from_seed("ca.example/audit", KeyKind::Log, &[7; 32]).unwrap()
}

fn entry(number: u64) -> Entry {
    Entry {
        time: 1_800_000_000,
        kind: String::from("outcome"),
        part: Part::Whole,
        spends: vec![Spend { id: Sha256Digest::of(&number.to_be_bytes()), expires: None }],
        sequences: Vec::new(),
        objects: Vec::new(),
        payload: vec![u8::try_from(number % 251).unwrap(); PAYLOAD_LEN_BYTES],
    }
}

fn append_from(log: &Log, threads: u64, each: u64, next: &AtomicU64) {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..each {
                    log.append(entry(next.fetch_add(1, Ordering::Relaxed))).unwrap();
                }
            });
        }
    });
}

#[divan::bench(args = THREADS, sample_count = 10, sample_size = 1)]
fn append(bencher: Bencher<'_, '_>, threads: u64) {
    let dir = Dir::new();
    Log::create(&dir.0, &key()).unwrap();
    let log = Log::open(&dir.0, key()).unwrap();
    let next = AtomicU64::new(0);
    bencher.counter(ItemsCount::new(threads * EACH)).bench_local(|| append_from(&log, threads, EACH, &next));
}

#[divan::bench(args = THREADS, sample_count = 10, sample_size = 1)]
fn bare_write_and_sync(bencher: Bencher<'_, '_>, threads: u64) {
    let dir = Dir::new();
    let mut file = File::options().append(true).create(true).open(dir.0.join("bare")).unwrap();
    let bytes = entry(0).encode().unwrap().repeat(usize::try_from(threads).unwrap());
    bencher.counter(ItemsCount::new(threads * EACH)).bench_local(|| {
        for _ in 0..EACH {
            file.write_all(&bytes).unwrap();
            file.sync_data().unwrap();
        }
    });
}

/// A log of 100,000 entries, which takes a while to write.
fn long() -> Dir {
    let dir = Dir::new();
    Log::create(&dir.0, &key()).unwrap();
    let log = Log::open(&dir.0, key()).unwrap();
    append_from(&log, 512, LONG.div_ceil(512), &AtomicU64::new(0));
    log.close().unwrap();
    dir
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn open_100_000_entries(bencher: Bencher<'_, '_>) {
    let dir = long();
    bencher.bench_local(|| Log::open(&dir.0, key()).unwrap());
    let verified = Reader::open(&dir.0, key().verifier().clone()).unwrap().verify().unwrap();
    assert!(verified.checkpoint.size() >= LONG);
}
