//! A process that writes a log is killed again and again; nothing that it was told is written is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

mod support;

use pkic_audit::{Entry, Log, Reader};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use support::{Dir, entry, key, verifier};

const DIR: &str = "PKIC_AUDIT_TEST_DIR";
const THREADS: u64 = 4;

/// What the killed process does: it appends from some threads, and says each index once it has it.
#[test]
fn child_that_appends() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let log = Log::open(std::path::Path::new(&dir), key()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let log = &log;
            scope.spawn(move || {
                for number in 0.. {
                    let given = Entry { payload: format!("{thread} {number}").into_bytes(), ..entry(number) };
                    let index = log.append(given).unwrap();
                    if number % 3 == 0 {
                        log.receipt(index).unwrap();
                    }
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "logged {index} {thread} {number}").unwrap();
                }
            });
        }
    });
}

#[test]
fn nothing_acknowledged_is_lost_by_kill() {
    let dir = Dir::new();
    Log::create(&dir.log(), &key()).unwrap();
    let mut told: BTreeMap<u64, String> = BTreeMap::new();
    for round in 0..12u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_appends", "--nocapture", "--test-threads=1"])
            .env(DIR, dir.log())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = 1 + round * 7;
        for line in lines {
            let line = line.unwrap();
            // The first may follow what the test harness says.
            let Some((_, logged)) = line.split_once("logged ") else { continue };
            let (index, payload) = logged.split_once(' ').unwrap();
            told.insert(index.parse().unwrap(), payload.to_owned());
            left = left.saturating_sub(1);
            if left == 0 {
                // What comes after was told as well, before the end.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let log = Log::open(&dir.log(), key()).unwrap();
        assert!(log.size() > *told.keys().last().unwrap());
        log.close().unwrap();
        let reader = Reader::open(&dir.log(), verifier()).unwrap();
        reader.verify().unwrap();
        for record in reader.entries(0..u64::MAX).map(Result::unwrap) {
            if let Some(payload) = told.get(&record.index) {
                assert_eq!(String::from_utf8(record.entry.payload).unwrap(), *payload, "round {round}");
            }
        }
    }
    assert!(told.len() > 12 * 13, "{} entries are too few to have been killed under way", told.len());
}
