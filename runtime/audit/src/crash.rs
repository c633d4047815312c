//! Every call to the disk fails once, in every way, and what was acknowledged is there afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod sim;

use crate::{Beside, Entry, KeyKind, Log, LogError, NoteKey, Part, Spend, writer::Limits};
use pkic_facts::crypto::Sha256Digest;
use sim::{Fault, Sim};
use std::path::Path;
use std::sync::Arc;

const DIR: &str = "log";
/// Small, so that a few entries see everything that the writer does.
const LIMITS: Limits = Limits { publish_entries: 3, journal_entries: 5, journal_len_bytes: 1 << 20 };
/// Just below a full tile.
const BEFORE: u64 = 252;
/// Beyond it.
const AFTER: u64 = 262;
/// What stands beside this entry is erased, a few entries later.
const ERASED: u64 = BEFORE + 1;

fn key() -> NoteKey {
    NoteKey::from_seed("ca.example/audit", KeyKind::Log, &[7; 32]).unwrap()
}

fn entry(number: u64) -> Entry {
    Entry {
        time: number as i64,
        kind: String::from("record"),
        part: Part::Whole,
        spends: vec![Spend { id: Sha256Digest::of(&number.to_be_bytes()), expires: None }],
        sequences: Vec::new(),
        objects: Vec::new(),
        payload: format!("payload {number}").into_bytes(),
    }
}

/// What stands beside an entry; beside some nothing does.
fn beside(number: u64) -> Vec<u8> {
    if number.is_multiple_of(5) { Vec::new() } else { format!("beside {number}").into_bytes() }
}

fn open(disk: &Sim) -> Result<Log, LogError> {
    Log::open_on(Arc::new(disk.clone()), Path::new(DIR), key(), LIMITS, None)
}

fn new_log() -> Sim {
    let disk = Sim::default();
    let shared: Arc<dyn crate::disk::Disk> = Arc::new(disk.clone());
    crate::writer::Writer::create(&shared, Path::new(DIR), &key()).unwrap();
    shared.sync_dir(Path::new("")).unwrap();
    disk
}

fn filled() -> Sim {
    let disk = new_log();
    let limits = Limits { publish_entries: 300, journal_entries: 300, ..LIMITS };
    let log = Log::open_on(Arc::new(disk.clone()), Path::new(DIR), key(), limits, None).unwrap();
    (0..BEFORE).for_each(|number| assert_eq!(log.append(entry(number)).unwrap(), number));
    log.close().unwrap();
    disk
}

/// Appends until something fails, with a receipt and an object now and then, and says what was acknowledged.
fn work(disk: &Sim) -> (u64, Option<LogError>) {
    let mut acknowledged = BEFORE;
    let mut run = || {
        let log = open(disk)?;
        for number in BEFORE..AFTER {
            let mut entry = entry(number);
            if number % 4 == 0 {
                entry.objects.push(log.put_object(&entry.payload)?);
            }
            let appended = log.append_beside(entry, Beside::new(beside(number))).map(|written| written.index);
            if appended.is_ok() {
                acknowledged = number + 1;
            } else {
                let again = log.append(self::entry(AFTER));
                assert!(matches!(again, Err(LogError::Poisoned { .. })), "{again:?} after {appended:?}");
            }
            if number % 3 == 0 {
                log.receipt(appended?)?;
            } else {
                appended?;
            }
            if number == ERASED + 3 {
                log.erase_beside(ERASED)?;
            }
        }
        log.close()
    };
    let failure = run().err();
    (acknowledged, failure)
}

/// The log on this disk opens, has what was acknowledged and nothing that was never given, and goes on.
fn is_whole(disk: &Sim, acknowledged: u64, what: &str) {
    let log = open(disk).unwrap_or_else(|error| panic!("{what}: {error}"));
    let size = log.size();
    assert!((acknowledged..=AFTER).contains(&size), "{what}: {size} of {acknowledged}");
    if acknowledged > 0 {
        let spent = log.append(entry(acknowledged - 1));
        assert!(matches!(spent, Err(LogError::AlreadySpent { .. })), "{what}: {spent:?}");
    }
    assert_eq!(log.append(entry(1_000_000)).unwrap(), size, "{what}");
    log.receipt(size).unwrap();
    let reader = log.reader().unwrap();
    let verified = reader.verify().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!((verified.checkpoint.size(), verified.objects_missing), (size + 1, 0), "{what}");
    for number in (BEFORE..acknowledged).filter(|number| !beside(*number).is_empty()) {
        let found = reader.beside(number, &Sha256Digest::of(&beside(number))).unwrap();
        let is_gone = number == ERASED && acknowledged > ERASED + 3 && found.is_none();
        assert!(is_gone || found == Some(beside(number)), "{what}: beside {number}");
    }
    for record in reader.entries(BEFORE.min(size)..size) {
        let record = record.unwrap();
        let mut found = record.entry;
        found.objects.clear();
        assert_eq!(found, entry(record.index), "{what}");
    }
}

fn calls_of_work() -> (Sim, usize) {
    let disk = filled();
    let whole = disk.with_fault(None);
    let (acknowledged, failure) = work(&whole);
    assert!(acknowledged == AFTER && failure.is_none(), "{acknowledged}: {failure:?}");
    (disk, whole.calls())
}

#[test]
fn no_power_cut_loses_what_was_acknowledged() {
    let (disk, calls) = calls_of_work();
    assert!(calls > 100, "{calls} calls are too few to have seen everything");
    for at in 0..calls {
        let cut = disk.with_fault(Some((at, Fault::PowerCut)));
        let (acknowledged, failure) = work(&cut);
        assert!(failure.is_some(), "a log that is closed has done all its calls");
        is_whole(&cut.after_kill(), acknowledged, &format!("killed at call {at}"));
        for seed in 1..5 {
            let found = cut.after_power_cut(seed + 7 * at as u64);
            // And the power goes again while the log is mended.
            let mending = found.with_fault(Some((seed as usize * 5 - 5, Fault::PowerCut)));
            let what = format!("power cut at call {at}, seed {seed}");
            match open(&mending) {
                Ok(log) => drop(log),
                Err(error) => assert!(matches!(error, LogError::Io { .. }), "{what}: {error}"),
            }
            is_whole(&mending.after_power_cut(seed), acknowledged, &format!("{what}, and again"));
        }
    }
}

#[test]
fn a_full_or_failing_disk_is_told_and_loses_nothing() {
    let (disk, calls) = calls_of_work();
    for fault in [Fault::NoSpace, Fault::SyncFails, Fault::ReadOnly] {
        for at in 0..calls {
            let failing = disk.with_fault(Some((at, fault)));
            let (acknowledged, failure) = work(&failing);
            let what = format!("{fault:?} at call {at}");
            if let Some(error) = failure {
                assert!(matches!(error, LogError::Io { .. } | LogError::Poisoned { .. }), "{what}: {error}");
            }
            is_whole(&failing.after_kill(), acknowledged, &what);
            is_whole(&failing.after_power_cut(at as u64 + 1), acknowledged, &what);
        }
    }
}

#[test]
fn a_log_that_failed_is_opened_again_where_it_is() {
    let (disk, calls) = calls_of_work();
    for fault in [Fault::NoSpace, Fault::SyncFails, Fault::ReadOnly] {
        for at in 0..calls {
            let failing = disk.with_fault(Some((at, fault)));
            let what = format!("{fault:?} at call {at}");
            let Ok(log) = open(&failing) else { continue };
            let mut acknowledged = (BEFORE..AFTER)
                .take_while(|number| log.append_beside(entry(*number), Beside::new(beside(*number))).is_ok());
            let acknowledged = acknowledged.by_ref().last().map_or(BEFORE, |last| last + 1);
            if acknowledged < AFTER {
                assert!(log.reopen().is_err() || fault != Fault::ReadOnly, "{what}: nothing was mended yet");
            }
            failing.heal();
            log.reopen().unwrap_or_else(|error| panic!("{what}: {error}"));
            let size = log.size();
            assert!((acknowledged..=acknowledged + 1).contains(&size), "{what}: {size} of {acknowledged}");
            for number in size..AFTER {
                let appended = log.append_beside(entry(number), Beside::new(beside(number))).unwrap();
                assert_eq!(appended.index, number, "{what}");
            }
            log.receipt(AFTER - 1).unwrap();
            is_whole(&failing.after_power_cut(at as u64 + 1), AFTER, &format!("{what}, then a power cut"));
            log.close().unwrap();
            is_whole(&failing.after_kill(), AFTER, &what);
        }
    }
}

/// A kill leaves to the next process what the disk does not have yet.
#[test]
fn what_comes_after_a_kill_outlives_a_power_cut() {
    let (disk, calls) = calls_of_work();
    for at in 0..calls {
        let killed = disk.with_fault(Some((at, Fault::PowerCut)));
        let _ = work(&killed);
        let found = killed.after_kill();
        let log = open(&found).unwrap();
        let size = log.size();
        if size < AFTER {
            log.append_beside(entry(size), Beside::new(beside(size))).unwrap();
        }
        for seed in 1..5 {
            let what = format!("killed at call {at}, then a power cut of seed {seed}");
            is_whole(&found.after_power_cut(seed + 5 * at as u64), AFTER.min(size + 1), &what);
        }
    }
}

#[test]
fn nobody_takes_the_entry_of_another_for_their_own_when_a_log_is_opened_again() {
    let (disk, calls) = calls_of_work();
    for at in (0..calls).step_by(3) {
        let failing = disk.with_fault(Some((at, Fault::SyncFails)));
        let Ok(log) = open(&failing) else { continue };
        let append = |number| loop {
            match log.append(entry(number)) {
                Ok(index) => break Some((index, number)),
                Err(LogError::AlreadySpent { .. }) => break None,
                Err(_) => {
                    failing.heal();
                    log.reopen().unwrap();
                }
            }
        };
        let eight =
            |thread: u64| (0..8).filter_map(|number| append(1_000 * thread + number)).collect::<Vec<_>>();
        let appended = std::thread::scope(|scope| {
            let appenders: Vec<_> = (1..5).map(|thread| scope.spawn(move || eight(thread))).collect();
            appenders.into_iter().flat_map(|appender| appender.join().unwrap()).collect::<Vec<_>>()
        });
        log.publish().unwrap();
        let reader = log.reader().unwrap();
        assert_eq!(log.size(), BEFORE + 32, "a fault at call {at}");
        for (index, number) in appended {
            let found = reader.entries(index..index + 1).next().unwrap().unwrap();
            assert_eq!(found.entry, entry(number), "entry {index}, a fault at call {at}");
        }
    }
}

#[test]
fn a_log_is_made_whole_or_not_at_all() {
    for at in 0..8 {
        let disk = Sim::default().with_fault(Some((at, Fault::PowerCut)));
        let shared: Arc<dyn crate::disk::Disk> = Arc::new(disk.clone());
        let made = crate::writer::Writer::create(&shared, Path::new(DIR), &key());
        for seed in 1..9 {
            let found = disk.after_power_cut(seed);
            let shared: Arc<dyn crate::disk::Disk> = Arc::new(found.clone());
            let again = crate::writer::Writer::create(&shared, Path::new(DIR), &key());
            assert!(matches!(again, Ok(()) | Err(LogError::Exists { .. })), "{again:?}");
            if made.is_ok() {
                // The directory itself is synchronised by whoever made it: here nobody did.
                continue;
            }
            open(&found).unwrap();
        }
    }
}

#[test]
fn a_journal_is_cut_and_changed_at_every_byte() {
    use crate::journal::{Waiting, begin, record, replay, split};
    let (head, salt) = begin("a checkpoint");
    let waiting = |entry: &[u8]| Waiting::new(entry.to_vec(), Beside::new([b"of ", entry].concat()));
    let batches = [vec![waiting(b"one")], vec![waiting(b"two"), waiting(b"")], vec![waiting(b"four")]];
    let mut whole = head.clone();
    let mut ends = vec![(whole.len(), 0)];
    let mut count = 0u64;
    for batch in batches {
        whole.extend(record(salt, 10 + count, &batch).unwrap());
        count += batch.len() as u64;
        ends.push((whole.len(), usize::try_from(count).unwrap()));
    }
    let path = Path::new("journal");
    let read = |bytes: &[u8]| -> Result<(usize, bool), LogError> {
        let (_, records, salt) = split(path, bytes)?;
        let replay = replay(path, records, salt, 10)?;
        let given = [b"one".as_slice(), b"two", b"", b"four"].map(waiting);
        assert!(given.starts_with(&replay.entries));
        Ok((replay.entries.len(), replay.torn))
    };
    assert_eq!(read(&whole).unwrap(), (4, false));
    let roomy = |bytes: &[u8]| [bytes, &[0; 300]].concat();
    assert_eq!(read(&roomy(&whole)).unwrap(), (4, false));
    for cut in head.len()..whole.len() {
        let (end, count) = ends.iter().rev().copied().find(|(end, _)| *end <= cut).unwrap();
        assert_eq!(read(&whole[..cut]).unwrap(), (count, cut != end), "cut at {cut}");
        assert_eq!(read(&roomy(&whole[..cut])).unwrap(), (count, cut != end), "cut at {cut}, with room");
    }
    let last = ends[2].0;
    for (at, is_roomy) in (0..whole.len()).flat_map(|at| [(at, false), (at, true)]) {
        let mut changed = if is_roomy { roomy(&whole) } else { whole.clone() };
        changed[at] ^= 0x40;
        match read(&changed) {
            Err(LogError::Damaged { .. }) => {}
            // What was changed in the last record alone could as well be a record that was never finished.
            Ok((3, true)) if at >= last => {}
            other => panic!("changed at {at}: {other:?}"),
        }
    }
    for cut in 0..head.len() {
        assert!(matches!(read(&whole[..cut]), Err(LogError::Damaged { .. })), "cut at {cut}");
    }
}
