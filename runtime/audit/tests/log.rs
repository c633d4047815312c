//! What a log promises to those who write it, read it, and check it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(missing_docs, unreachable_pub, clippy::result_large_err)]

mod support;

use pkic_audit::{
    BESIDE_LEN_BYTES_MAX, Beside, Entry, EntryError, Log, LogError, NoteError, Part, Reader, Receipt,
    SignedCheckpoint, Verified, shows_consistency,
};
use pkic_facts::crypto::Sha256Digest;
use std::collections::BTreeSet;
use std::fs;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Dir, entry, fill, key, log_of, numbered, spending, verifier, witness};

fn verify(dir: &Dir) -> Result<Verified, LogError> {
    Reader::open(&dir.log(), verifier()).unwrap().verify()
}

#[test]
fn what_was_appended_is_read_back_in_order_and_verifies() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 600);
    log.publish().unwrap();
    let reader = Reader::open(&dir.log(), verifier()).unwrap();
    let records: Vec<_> = reader.entries(0..u64::MAX).map(Result::unwrap).collect();
    assert_eq!(records.len(), 600);
    assert!(records.iter().zip(0u64..).all(|(record, index)| record.index == index));
    let payloads: BTreeSet<_> = records.iter().map(|record| record.entry.payload.clone()).collect();
    assert_eq!(payloads, (0..600).map(|number| entry(number).payload).collect());
    assert_eq!(
        reader.entries(250..260).map(|record| record.unwrap().index).collect::<Vec<_>>(),
        [250, 251, 252, 253, 254, 255, 256, 257, 258, 259]
    );
    assert!(matches!(reader.entry(600), Err(LogError::NoEntry { index: 600, size: 600 })));
    assert_eq!(verify(&dir).unwrap().checkpoint.size(), 600);
    drop(log);
    let again = Log::open(&dir.log(), key()).unwrap();
    assert_eq!((again.size(), again.view(|view| view.last_time())), (600, Some(entry(599).time)));
    fill(&again, 600, 700);
    again.close().unwrap();
    assert_eq!(verify(&dir).unwrap().checkpoint.size(), 700);
}

#[test]
fn of_two_that_spend_one_id_one_wins() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 0);
    let (start, won) = (Barrier::new(16), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for number in 0..16 {
            let (log, start, won) = (&log, &start, &won);
            scope.spawn(move || {
                start.wait();
                match log.append(spending(number, b"nonce", None)) {
                    Ok(_) => won.fetch_add(1, Ordering::Relaxed),
                    Err(error) => {
                        assert!(matches!(error, LogError::AlreadySpent { index: 0, .. }), "{error}");
                        0
                    }
                };
            });
        }
    });
    assert_eq!((won.into_inner(), log.size()), (1, 1));
    drop(log);
    let log = Log::open(&dir.log(), key()).unwrap();
    let again = log.append(spending(1, b"nonce", None));
    assert!(matches!(again, Err(LogError::AlreadySpent { index: 0, .. })), "spent ids outlive the process");
    let id = Sha256Digest::of(b"twice in one");
    let mut twice = spending(2, b"twice in one", None);
    twice.spends.push(twice.spends[0]);
    assert!(matches!(log.append(twice), Err(LogError::AlreadySpent { id: found, .. }) if found == id));
}

#[test]
fn an_id_is_forgotten_after_its_end_and_no_sooner() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 0);
    let end = entry(10).time;
    log.append(spending(0, b"nonce", Some(end))).unwrap();
    log.append(entry(10)).unwrap();
    assert!(matches!(log.append(spending(10, b"nonce", Some(end))), Err(LogError::AlreadySpent { .. })));
    log.append(entry(11)).unwrap();
    log.append(spending(12, b"nonce", None)).unwrap();
}

#[test]
fn sequences_never_go_down() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 0);
    log.append(numbered(0, "bundle acme", 7)).unwrap();
    log.append(numbered(1, "bundle acme", 7)).unwrap();
    log.append(numbered(2, "catalogue acme", 1)).unwrap();
    drop(log);
    let log = Log::open(&dir.log(), key()).unwrap();
    let lower = log.append(numbered(3, "bundle acme", 6));
    assert!(matches!(lower, Err(LogError::SequenceLower { seen: 7, given: 6, .. })));
    let mut both = numbered(3, "bundle acme", 9);
    both.sequences.push(numbered(3, "bundle acme", 8).sequences.remove(0));
    assert!(matches!(log.append(both), Err(LogError::SequenceLower { seen: 9, given: 8, .. })));
    log.append(numbered(4, "bundle acme", 8)).unwrap();
}

#[test]
fn an_intent_is_closed_once_and_what_is_open_is_found_again() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 0);
    let intent = |number| Entry { part: Part::Opens, kind: String::from("intent"), ..entry(number) };
    let outcome = |number, index| Entry { part: Part::Closes(index), ..entry(number) };
    let (first, second) = (log.append(intent(0)).unwrap(), log.append(intent(1)).unwrap());
    log.append(outcome(2, first)).unwrap();
    assert!(matches!(log.append(outcome(3, first)), Err(LogError::NotOpen { index: 0 })));
    assert!(matches!(log.append(outcome(3, 2)), Err(LogError::NotOpen { index: 2 })));
    drop(log);
    let log = Log::open(&dir.log(), key()).unwrap();
    assert_eq!(log.open_entries(), [second]);
    assert_eq!(verify(&dir).unwrap().open, [second]);
}

#[test]
fn whoever_appends_sees_the_log_as_the_entry_follows_it() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 3);
    let refused: Result<u64, LogError> = log.append_with(|view| {
        assert_eq!((view.next_index(), view.last_time()), (3, Some(entry(2).time)));
        Err(LogError::NoEntry { index: 9, size: view.next_index() })
    });
    assert!(matches!(refused, Err(LogError::NoEntry { index: 9, size: 3 })));
    assert_eq!(log.size(), 3);
    // Each takes a number that it finds free: none is taken twice.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..4 {
                    let appended: Result<u64, LogError> = log.append_with(|view| {
                        let next = view.sequence("serial").map_or(1, |serial| serial + 1);
                        Ok(numbered(view.next_index(), "serial", next))
                    });
                    appended.unwrap();
                }
            });
        }
    });
    assert_eq!(log.view(|view| (view.sequence("serial"), view.next_index())), (Some(32), 35));
}

#[test]
fn a_receipt_proves_its_entry_and_no_other() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 600);
    log.publish().unwrap();
    let bytes = |index| Reader::open(&dir.log(), verifier()).unwrap().entry(index).unwrap().bytes;
    for index in [0, 1, 255, 256, 257, 511, 512, 598, 599] {
        let text = log.receipt(index).unwrap().encode();
        let receipt = Receipt::decode(text.as_bytes()).unwrap();
        assert_eq!(receipt.encode(), text);
        let checkpoint = receipt.verify(&bytes(index), &verifier()).unwrap();
        assert_eq!((checkpoint.size(), receipt.index()), (600, index));
        let other = receipt.verify(&bytes((index + 1) % 600), &verifier());
        assert_eq!(other, Err(NoteError::NotIncluded { index, size: 600 }));
        let reader = Reader::open(&dir.log(), verifier()).unwrap();
        assert_eq!(reader.receipt(index).unwrap(), receipt);
    }
    let receipt = log.receipt(3).unwrap();
    let stranger = support::witness(support::NAME, 9);
    assert!(matches!(receipt.verify(&bytes(3), stranger.verifier()), Err(NoteError::Unsigned { .. })));
    let moved = Receipt::decode(receipt.encode().replace("\nindex 3\n", "\nindex 2\n").as_bytes()).unwrap();
    assert_eq!(moved.verify(&bytes(3), &verifier()), Err(NoteError::NotIncluded { index: 2, size: 600 }));
    assert!(matches!(log.receipt(600), Err(LogError::NoEntry { index: 600, size: 600 })));
}

#[test]
fn consistency_is_proved_between_any_two_sizes() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 0);
    let mut seen = Vec::new();
    for size in [0, 1, 2, 3, 7, 8, 255, 256, 257, 300, 512, 513] {
        fill(&log, log.size(), size);
        seen.push(log.publish().unwrap().verify(&verifier()).unwrap());
        let reader = log.reader().unwrap();
        for older in &seen {
            reader.continues(older).unwrap();
            let proof = reader.consistency_proof(older.size()).unwrap();
            let shows =
                |root| shows_consistency(&proof, older.size(), root, size, reader.checkpoint().root());
            assert!(shows(older.root()));
            assert!(!shows(&Sha256Digest::of(b"another root")), "{} of {size}", older.size());
        }
    }
}

#[test]
fn a_forked_or_shortened_log_is_told() {
    let (one, two) = (Dir::new(), Dir::new());
    let log = log_of(&one.log(), 20);
    let other = Log::create(&two.log(), &key()).and_then(|()| Log::open(&two.log(), key())).unwrap();
    for number in 100..130 {
        other.append(entry(number)).unwrap();
    }
    let forked = other.publish().unwrap().verify(&verifier()).unwrap();
    let ours = log.publish().unwrap().verify(&verifier()).unwrap();
    assert!(matches!(other.reader().unwrap().continues(&ours), Err(LogError::Forked { size: 20, .. })));
    assert!(matches!(
        log.reader().unwrap().continues(&forked),
        Err(LogError::Shortened { signed: 30, found: 20 })
    ));
    for number in 200..210 {
        log.append(entry(number)).unwrap();
    }
    log.publish().unwrap();
    let same_size = log.reader().unwrap().continues(&forked);
    assert!(matches!(same_size, Err(LogError::Forked { size: 30, .. })), "{same_size:?}");
    drop((log, other));
    // A checkpoint that our key signed and that the entries do not bear out stops the writer.
    fs::copy(two.log().join("checkpoint"), one.log().join("checkpoint")).unwrap();
    assert!(matches!(Log::open(&one.log(), key()), Err(LogError::Forked { size: 30, .. })));
}

#[test]
fn an_old_copy_of_the_journal_is_told() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 5);
    let journal = dir.log().join("journal");
    let old = fs::read(&journal).unwrap();
    fill(&log, 5, 10);
    drop(log);
    fs::write(&journal, old).unwrap();
    let opened = Log::open(&dir.log(), key());
    assert!(matches!(opened, Err(LogError::Shortened { signed: 10, found: 5 })), "{opened:?}");
}

#[test]
fn every_changed_file_is_told() {
    let dir = Dir::new();
    log_of(&dir.log(), 300).close().unwrap();
    verify(&dir).unwrap();
    let files =
        ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"];
    for file in files {
        let path = dir.log().join(file);
        let good = fs::read(&path).unwrap();
        for change in [1, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[change] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(verify(&dir).is_err(), "{file} changed at {change}");
            fs::write(&path, &bad[..change]).unwrap();
            assert!(verify(&dir).is_err(), "{file} cut at {change}");
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(verify(&dir), Err(LogError::Io { .. })), "{file} removed");
        fs::write(&path, &good).unwrap();
    }
    let bundle = dir.log().join("tile/entries/000");
    let mut bytes = fs::read(&bundle).unwrap();
    let at = bytes.windows(6).position(|window| window == b"record").unwrap();
    bytes[at] = b'R';
    fs::write(&bundle, bytes).unwrap();
    let reader = Reader::open(&dir.log(), verifier()).unwrap();
    assert!(matches!(reader.entry(200), Err(LogError::Damaged { .. })), "nothing is read that is not signed");
    assert!(matches!(Log::open(&dir.log(), key()), Err(LogError::Forked { size: 300, .. })));
}

#[test]
fn witnesses_are_counted_by_their_keys() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 10);
    let mut note = log.publish().unwrap();
    let (one, two, three) = (witness("w1.example", 1), witness("w2.example", 2), witness("w3.example", 3));
    let alias = witness("alias.example", 1);
    for (witness, time) in [(&one, 100), (&two, 200), (&alias, 300)] {
        note.cosign(witness, time).unwrap();
    }
    let known =
        |keys: &[&pkic_audit::NoteKey]| keys.iter().map(|key| key.verifier().clone()).collect::<Vec<_>>();
    let names = |note: &SignedCheckpoint, keys: &[&pkic_audit::NoteKey]| {
        note.cosignatures(&known(keys)).unwrap().into_iter().map(|found| found.witness).collect::<Vec<_>>()
    };
    assert_eq!(names(&note, &[&one, &two, &three]), ["w1.example", "w2.example"]);
    assert_eq!(names(&note, &[&one, &alias]), ["w1.example"], "one key under two names is one witness");
    assert_eq!(names(&note, &[&three]), Vec::<String>::new());
    assert_eq!(log.add_cosignatures(note.encode().as_bytes(), &known(&[&one])).unwrap(), 1);
    assert_eq!(log.add_cosignatures(note.encode().as_bytes(), &known(&[&two])).unwrap(), 1);
    fill(&log, 10, 300);
    log.publish().unwrap();
    let reader = log.reader().unwrap();
    let kept = reader.witnessed_checkpoint().unwrap().unwrap();
    assert_eq!(names(&kept, &[&one, &two, &three]), ["w1.example", "w2.example"]);
    let receipt = reader.receipt_under(4, &kept).unwrap();
    assert_eq!(receipt.verify(&reader.entry(4).unwrap().bytes, &verifier()).unwrap().size(), 10);
    assert_eq!(receipt.cosignatures(&known(&[&two])).unwrap()[0].time, 200);
    assert!(matches!(reader.receipt_under(10, &kept), Err(LogError::NoEntry { index: 10, size: 10 })));
    let forged = note.encode().replace("\n10\n", "\n11\n");
    let forged = SignedCheckpoint::parse(forged.as_bytes()).unwrap();
    assert!(matches!(forged.cosignatures(&known(&[&one])), Err(NoteError::Signature { .. })));
    assert!(matches!(forged.verify(&verifier()), Err(NoteError::Signature { .. })));
}

#[test]
fn objects_are_kept_once_before_an_entry_names_them() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 0);
    let digest = log.put_object(b"a bundle").unwrap();
    assert_eq!(log.put_object(b"a bundle").unwrap(), digest);
    let naming = |number, digest| Entry { objects: vec![digest], ..entry(number) };
    log.append(naming(0, digest)).unwrap();
    let unknown = log.append(naming(1, Sha256Digest::of(b"never put")));
    assert!(matches!(unknown, Err(LogError::ObjectUnknown { .. })));
    drop(log);
    let log = Log::open(&dir.log(), key()).unwrap();
    log.append(naming(1, digest)).unwrap();
    log.publish().unwrap();
    let reader = log.reader().unwrap();
    assert_eq!(reader.object(&digest).unwrap().as_deref(), Some(b"a bundle".as_slice()));
    let digits = digest.to_string();
    let path = dir.log().join("objects/sha256").join(&digits[7..9]).join(&digits[9..]);
    fs::write(&path, b"another bundle").unwrap();
    assert!(matches!(reader.verify(), Err(LogError::Damaged { .. })));
    fs::remove_file(&path).unwrap();
    let verified = reader.verify().unwrap();
    assert_eq!((verified.objects_kept, verified.objects_missing), (0, 1));
}

#[test]
fn one_writer_at_a_time_and_no_log_over_another() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 1);
    assert!(matches!(Log::open(&dir.log(), key()), Err(LogError::Locked { .. })));
    assert!(matches!(Log::create(&dir.log(), &key()), Err(LogError::Locked { .. })));
    drop(log);
    assert!(matches!(Log::create(&dir.log(), &key()), Err(LogError::Exists { .. })));
    let stranger = pkic_audit::NoteKey::from_seed(support::NAME, pkic_audit::KeyKind::Log, &[8; 32]).unwrap();
    assert!(matches!(Log::open(&dir.log(), stranger), Err(LogError::Note { .. })));
    assert!(matches!(Log::open(&dir.0.join("none"), key()), Err(LogError::Io { .. })));
    let log = Log::open(&dir.log(), key()).unwrap();
    let long = Entry { payload: vec![0; 65_535], ..entry(1) };
    let source = |error| match error {
        LogError::Entry { source, .. } => source,
        other => panic!("{other}"),
    };
    assert!(matches!(source(log.append(long).unwrap_err()), EntryError::TooLong { .. }));
    let kind = Entry { kind: String::from("Not A Word"), ..entry(1) };
    assert_eq!(source(log.append(kind).unwrap_err()), EntryError::Kind);
    assert_eq!(log.append(entry(1)).unwrap(), 1, "a refused entry takes no index");
}

#[test]
fn what_stands_beside_an_entry_can_be_erased_and_the_entry_stays() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 0);
    let texts: Vec<Vec<u8>> = (0..300).map(|number| format!("of a person {number}").into_bytes()).collect();
    for (number, text) in (0..).zip(&texts) {
        let index = log.append_beside(entry(number), Beside::new(text.clone())).unwrap().index;
        assert_eq!(index, number);
    }
    log.publish().unwrap();
    let reader = log.reader().unwrap();
    let find = |index: u64| {
        let text = &texts[usize::try_from(index).unwrap()];
        (reader.beside(index, &Sha256Digest::of(text)).unwrap(), Some(text.clone()))
    };
    for index in [0, 255, 256, 299] {
        let (found, expected) = find(index);
        assert_eq!(found, expected);
        assert_eq!(reader.beside(index, &Sha256Digest::of(b"another")).unwrap(), None);
        log.erase_beside(index).unwrap();
        assert_eq!(find(index).0, None);
        assert!(find(index.saturating_sub(1).max(1)).0.is_some() || index <= 1 || index == 256);
        reader.entry(index).unwrap();
    }
    let index = log.append_beside(entry(300), Beside::new(b"later".to_vec())).unwrap().index;
    log.publish().unwrap();
    assert_eq!(reader.beside(index, &Sha256Digest::of(b"later")).unwrap(), Some(b"later".to_vec()));
    let long = vec![0; BESIDE_LEN_BYTES_MAX + 1];
    let refused = log.append_beside(entry(301), Beside::new(long));
    assert!(matches!(refused, Err(LogError::ObjectTooLong { .. })), "{refused:?}");
    reader.verify().unwrap();
}

#[test]
fn readers_see_what_a_receipt_is_about_when_the_log_falls_quiet() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 0);
    let part = |part, number| Entry { part, ..entry(number) };
    let first = log.append_beside(part(Part::Opens, 0), Beside::new(b"of one".to_vec())).unwrap();
    let second = log.append(part(Part::Opens, 1)).unwrap();
    log.append(part(Part::Closes(first.index), 2)).unwrap();
    let receipt = log.receipt(first.index).unwrap();
    assert_eq!(receipt.verify(&first.bytes, &verifier()).unwrap().size(), 3);
    assert_eq!(Reader::open(&dir.log(), verifier()).unwrap().checkpoint().size(), 0, "one is still open");
    log.append(part(Part::Closes(second), 3)).unwrap();
    let reader = Reader::open(&dir.log(), verifier()).unwrap();
    assert_eq!(reader.checkpoint().size(), 4);
    let beside = reader.beside(first.index, &Sha256Digest::of(b"of one")).unwrap();
    assert_eq!(beside, Some(b"of one".to_vec()));
}

#[test]
fn what_is_erased_is_in_no_file_of_the_log() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 0);
    for (number, text) in (0..).zip([&b"of a person"[..], b"of another"]) {
        log.append_beside(entry(number), Beside::new(text.to_vec())).unwrap();
    }
    let holds = |text: &[u8]| {
        let files = ["journal", "beside/000"].map(|file| fs::read(dir.log().join(file)).unwrap_or_default());
        files.iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text))
    };
    assert!(holds(b"of a person"));
    log.erase_beside(0).unwrap();
    assert!(!holds(b"of a person"));
    log.append_beside(entry(2), Beside::new(b"of a third".to_vec())).unwrap();
    log.close().unwrap();
    assert!(holds(b"of another") && holds(b"of a third"));
}
