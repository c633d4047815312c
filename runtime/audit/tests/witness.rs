//! Asking witnesses: one that keeps to C2SP tlog-witness, and some that lie, refuse or know more of the log than the log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(missing_docs, unreachable_pub, dead_code)]

mod support;
#[path = "support/witness.rs"]
mod tlog_witness;

use pkic_audit::{Answer, Cosignature, Log, Reader, VerifierKey, Witness, WitnessError};
use std::cell::RefCell;
use std::fs;
use support::{Dir, fill, key, log_of, verifier};
use tlog_witness::Seer;

/// A witness at the other end of a function, which may change what comes back.
struct Near<'a> {
    key: VerifierKey,
    seer: RefCell<Seer>,
    change: &'a dyn Fn(&Seer, Answer) -> Result<Answer, String>,
    /// The first line of each request.
    asked: RefCell<Vec<String>>,
}

impl<'a> Near<'a> {
    fn new(name: &str, seed: u8) -> Near<'a> {
        let seer = Seer::new(name, seed, &verifier().to_string());
        let key = VerifierKey::parse(&seer.key()).unwrap();
        Near { key, seer: RefCell::new(seer), change: &|_, answer| Ok(answer), asked: RefCell::default() }
    }

    fn changing(change: &'a dyn Fn(&Seer, Answer) -> Result<Answer, String>) -> Near<'a> {
        Near { change, ..Near::new("witness.example/w", 3) }
    }
}

impl Witness for Near<'_> {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn add_checkpoint(&self, body: Vec<u8>) -> Result<Answer, String> {
        let first = String::from_utf8_lossy(&body).lines().next().unwrap().to_owned();
        self.asked.borrow_mut().push(first);
        let (status, media_type, body) = self.seer.borrow_mut().add_checkpoint(&body);
        (self.change)(&self.seer.borrow(), Answer { status, media_type: media_type.to_owned(), body })
    }
}

fn ask(log: &Log, witness: &Near<'_>) -> Result<Cosignature, WitnessError> {
    let mut found = log.ask_witnesses(&[witness]).unwrap();
    assert_eq!(found.len(), 1);
    found.pop().unwrap()
}

fn witnessed(log: &Log, keys: &[VerifierKey]) -> (u64, Vec<String>) {
    let signed = log.reader().unwrap().witnessed_checkpoint().unwrap().unwrap();
    let found = signed.cosignatures(keys).unwrap().into_iter().map(|found| found.witness).collect();
    (signed.verify(&verifier()).unwrap().size(), found)
}

#[test]
fn a_witness_follows_the_log_and_what_it_cosigned_is_kept() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 3);
    let (one, two) = (Near::new("witness.example/one", 3), Near::new("witness.example/two", 4));
    let keys = [one.key.clone(), two.key.clone()];
    assert_eq!(ask(&log, &one).unwrap().time, 1_800_000_000);
    assert_eq!(witnessed(&log, &keys), (3, vec!["witness.example/one".to_owned()]));
    // Every shape of proof: over partial and full tiles, and on either side of powers of two.
    let mut from = 3;
    for to in [4, 7, 8, 255, 256, 257, 300] {
        fill(&log, from, to);
        from = to;
        ask(&log, &one).unwrap();
        assert_eq!(witnessed(&log, &keys), (to, vec!["witness.example/one".to_owned()]));
    }
    assert_eq!(
        *one.asked.borrow(),
        ["old 0", "old 3", "old 4", "old 7", "old 8", "old 255", "old 256", "old 257"],
        "each is asked once, with what it is known to have seen"
    );
    // A second one cosigns the same checkpoint, and both are kept; asked again, nothing changes.
    ask(&log, &two).unwrap();
    ask(&log, &one).unwrap();
    assert_eq!(witnessed(&log, &keys).1.len(), 2);
    // Both follow in one go, and neither is asked twice.
    fill(&log, 300, 305);
    let found = log.ask_witnesses(&[&two, &one]).unwrap();
    let found: Vec<String> = found.into_iter().map(|found| found.unwrap().witness).collect();
    assert_eq!(found, ["witness.example/two", "witness.example/one"]);
    assert_eq!(two.asked.borrow()[..], ["old 0", "old 300"]);
    assert_eq!(one.asked.borrow()[8..], ["old 300", "old 300"]);
    // What is known of the witness is lost: it tells its size itself.
    fs::remove_file(dir.log().join("checkpoint.witnessed")).unwrap();
    fill(&log, 305, 310);
    ask(&log, &one).unwrap();
    assert_eq!(one.asked.borrow()[10..], ["old 0", "old 305"]);
    assert_eq!(witnessed(&log, &keys), (310, vec!["witness.example/one".to_owned()]));
}

#[test]
fn a_log_that_was_cut_or_forked_is_told_by_its_witness() {
    let near = Near::new("witness.example/w", 3);
    // Logs of one key; each has other entries.
    let with = |first: u64, count: u64| {
        let dir = Dir::new();
        let log = log_of(&dir.log(), 0);
        fill(&log, first, first + count);
        ask(&log, &near)
    };
    with(0, 20).unwrap();
    for (first, count) in [(100, 20), (200, 25)] {
        let forked = with(first, count).unwrap_err();
        assert!(matches!(forked, WitnessError::Contradicted { seen: 20 }), "{forked}");
    }
    let cut = with(0, 10).unwrap_err();
    assert!(matches!(cut, WitnessError::Ahead { seen: 20, size: 10 }), "{cut}");
}

#[test]
fn an_answer_that_is_no_cosignature_of_that_witness_is_not_kept() {
    let other = Seer::new("witness.example/w", 9, &verifier().to_string());
    let with = |answer: &Answer, body: &[u8]| Ok(Answer { body: body.to_vec(), ..answer.clone() });
    let flipped = |at: usize| {
        move |_: &Seer, mut answer: Answer| {
            let line = String::from_utf8(answer.body.clone()).unwrap();
            let (head, text) = line.trim_end().rsplit_once(' ').unwrap();
            let mut bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap();
            bytes[at] ^= 1;
            let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
            answer.body = format!("{head} {text}\n").into_bytes();
            Ok(answer)
        }
    };
    let of_other_text =
        |seer: &Seer, answer: Answer| with(&answer, seer.cosign("ca.example/audit\n1\nAAAA\n").as_bytes());
    type Change<'a> = &'a dyn Fn(&Seer, Answer) -> Result<Answer, String>;
    let status = |status: u16| move |_: &Seer, answer: Answer| Ok(Answer { status, ..answer });
    let size = |text: &'static str| {
        move |_: &Seer, _: Answer| {
            let media_type = "text/x.tlog.size".to_owned();
            Ok(Answer { status: 409, media_type, body: text.as_bytes().to_vec() })
        }
    };
    let no_answer = |_: &Seer, _: Answer| Err("it did not answer in time".to_owned());
    let cases: [(&str, Change<'_>, &str); 14] = [
        ("other key id", &flipped(0), "did not sign this"),
        ("other time", &flipped(11), "does not hold"),
        ("other signature", &flipped(40), "does not hold"),
        ("other text", &of_other_text, "does not hold"),
        (
            "other witness",
            &move |_, answer| with(&answer, other.cosign("x\n").as_bytes()),
            "did not sign this",
        ),
        ("nothing", &move |_, answer| with(&answer, b""), "did not sign this"),
        ("no line", &move |_, answer| with(&answer, b"thank you\n"), "does not read as"),
        (
            "too much",
            &move |_, answer| with(&answer, &b"\xe2\x80\x94 a AAAAAAAA\n".repeat(100)),
            "longer than any",
        ),
        ("key unknown", &status(403), "status 403 (it has another key"),
        ("log unknown", &status(404), "status 404 (it does not know this log"),
        ("failing", &status(500), "status 500"),
        ("no size", &size("many\n"), "status 409"),
        ("a size that is none", &size("007\n"), "status 409"),
        ("silent", &no_answer, "did not answer in time"),
    ];
    for (name, change, what) in cases {
        let dir = Dir::new();
        let log = log_of(&dir.log(), 5);
        let error = ask(&log, &Near::changing(change)).unwrap_err();
        assert!(error.to_string().contains(what), "{name}: {error}");
        assert!(!dir.log().join("checkpoint.witnessed").exists(), "{name}");
    }
}

#[test]
fn a_witness_that_tells_another_size_each_time_is_left_alone() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 9);
    let told = RefCell::new(0);
    let change = |_: &Seer, _: Answer| {
        *told.borrow_mut() += 1;
        let media_type = "text/x.tlog.size".to_owned();
        Ok(Answer { status: 409, media_type, body: format!("{}\n", told.borrow()).into_bytes() })
    };
    let error = ask(&log, &Near::changing(&change)).unwrap_err();
    assert!(matches!(error, WitnessError::Restless), "{error}");
    assert_eq!(*told.borrow(), 3);
    drop(log);
    Reader::open(&dir.log(), key().verifier().clone()).unwrap().verify().unwrap();
}
