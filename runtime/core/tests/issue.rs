//! A CA on a software store and a real log: what it issues, what it refuses, and what the record says of both.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod bench;

use bench::{Bench, DAY};
use pkic_audit::{LogError, Reader};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use pkic_runtime::authority::{Authority, AuthorityError};
use pkic_runtime::authorize::Refusal;
use pkic_runtime::ca::{Ca, IssueError, Place};
use pkic_runtime::challenge::Nonce;
use pkic_runtime::crl::Reason;
use pkic_runtime::record::{Intent, Level, Outcome, Particulars, Recorded, Unkept, replay};

#[test]
fn a_hierarchy_is_made_and_issues_and_openssl_verifies_it() {
    let bench = Bench::new();
    let (ca, root, issuing) = bench.hierarchy();
    let issued = bench.issue(&ca, &issuing, "bench.server", "www.example").unwrap();
    bench.write("root.pem", &bench::pem("CERTIFICATE", root.certificate()));
    bench.write("issuing.pem", &bench::pem("CERTIFICATE", issuing.certificate()));
    bench.write("leaf.pem", &bench::pem("CERTIFICATE", &issued.certificate));
    let run = bench
        .openssl("verify -attime 1800000100 -x509_strict -CAfile root.pem -untrusted issuing.pem leaf.pem");
    assert!(run.contains("leaf.pem: OK"), "{run}");
}

#[test]
fn what_is_issued_has_a_receipt_and_an_outcome_before_it_is_released() {
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    let issued = bench.issue(&ca, &issuing, "bench.server", "www.example").unwrap();
    let checkpoint = issued.receipt.verify(&issued.entry, &bench.log_key()).unwrap();
    assert!(checkpoint.size() > issued.index);
    ca.log().publish().unwrap();
    let reader = Reader::open(&bench.log_directory(), bench.log_key()).unwrap();
    let records: Vec<_> = reader.entries(issued.index..u64::MAX).map(Result::unwrap).collect();
    let kinds: Vec<&str> = records.iter().map(|record| record.entry.kind.as_str()).collect();
    assert_eq!(kinds, ["intent", "issued"]);
    let outcome: Outcome = serde_json::from_slice(&records[1].entry.payload).unwrap();
    assert_eq!(outcome.certificate, Some(Sha256Digest::of(&issued.certificate).to_string()));
    assert_eq!(outcome.intent, issued.index);
}

#[test]
fn a_record_replays_to_the_same_decision_and_bytes_and_says_nothing_of_people() {
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    let issued = bench.issue(&ca, &issuing, "bench.server", "jane.example").unwrap();
    ca.log().publish().unwrap();
    let reader = Reader::open(&bench.log_directory(), bench.log_key()).unwrap();
    let entry = reader.entry(issued.index).unwrap().entry;
    assert!(!String::from_utf8_lossy(&entry.payload).contains("jane.example"));
    let intent: Intent = serde_json::from_slice(&entry.payload).unwrap();
    let digest = Sha256Digest::from_text(&intent.particulars).unwrap();
    let beside = reader.beside(issued.index, &digest).unwrap().unwrap();
    let particulars: Particulars = serde_json::from_slice(&beside).unwrap();
    let objects = |digest: &Sha256Digest| reader.object(digest).map_err(|error| error.to_string());
    let recorded = Recorded {
        loaded: ca.loaded(),
        intent: &intent,
        particulars: Some(&particulars),
        issuer: issuing.certificate(),
        objects: &objects,
        plugins: &[],
    };
    let replayed = replay(&recorded).unwrap();
    assert_eq!((replayed.differences, replayed.erased.len()), (vec![], 0));
    assert_eq!(replayed.level, Level::Facts(Unkept::Evidence));
    assert!(replayed.is_tbs_redrafted);
    let certificate = Certificate::from_der(&issued.certificate).unwrap();
    assert_eq!(Sha256Digest::of(certificate.tbs().raw()).to_string(), intent.tbs);

    ca.log().erase_beside(issued.index).unwrap();
    assert_eq!(reader.beside(issued.index, &digest).unwrap(), None);
    let erased = replay(&Recorded { particulars: None, ..recorded }).unwrap();
    assert!(!erased.is_tbs_redrafted && !erased.erased.is_empty());
    let mut other = intent.clone();
    other.decided.at += DAY * 400;
    let moved = replay(&Recorded { intent: &other, ..recorded }).unwrap();
    assert!(!moved.differences.is_empty(), "another moment gives another certificate");
}

#[test]
fn a_nonce_is_spent_once() {
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    bench.issue_with(&ca, &issuing, Nonce::Remembered(b"handed out once")).unwrap();
    let again = bench.issue_with(&ca, &issuing, Nonce::Remembered(b"handed out once")).unwrap_err();
    assert!(matches!(again, IssueError::Log(LogError::AlreadySpent { .. })), "{again}");
    bench.issue_with(&ca, &issuing, Nonce::Remembered(b"another")).unwrap();
    drop(ca);
    let (ca, _) = bench.open(Place::Lab).unwrap();
    let after = bench.issue_with(&ca, &issuing, Nonce::Remembered(b"another")).unwrap_err();
    assert!(matches!(after, IssueError::Log(LogError::AlreadySpent { .. })), "{after}");
}

#[test]
fn a_certificate_that_was_released_can_be_fetched_again_until_it_is_erased() {
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    let issued = bench.issue(&ca, &issuing, "bench.server", "www.example").unwrap();
    ca.log().publish().unwrap();
    let reader = Reader::open(&bench.log_directory(), bench.log_key()).unwrap();
    let digest = Sha256Digest::of(&issued.certificate);
    let outcome = issued.index + 1;
    assert_eq!(reader.beside(outcome, &digest).unwrap(), Some(issued.certificate));
    ca.log().erase_beside(outcome).unwrap();
    assert_eq!(reader.beside(outcome, &digest).unwrap(), None);
    reader.verify().unwrap();
}

#[test]
fn what_the_policy_refuses_is_recorded_and_signed_by_nobody() {
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    let size = ca.log().size();
    let error = bench.issue(&ca, &issuing, "bench.hardware-server", "www.example").unwrap_err();
    let IssueError::Refused(refusal, index) = error else { panic!("{error}") };
    let Refusal::Policy { failing, .. } = *refusal else { panic!("{refusal}") };
    assert_eq!(failing, ["key.export", "key.storage"]);
    assert_eq!((index, ca.log().size()), (size, size + 1));
}

#[test]
fn a_certificate_is_revoked_once_and_stands_on_the_list() {
    let bench = Bench::new();
    let (ca, root, issuing) = bench.hierarchy();
    let issued = bench.issue(&ca, &issuing, "bench.server", "www.example").unwrap();
    let serial = bench::serial(&issued.certificate);
    let act = bench.act("bench.revocation");
    ca.revoke(&issuing, &act, &serial, Some(Reason::KeyCompromise)).unwrap();
    let again = ca.revoke(&issuing, &act, &serial, None).unwrap_err();
    assert!(again.to_string().contains("revoked already"), "{again}");
    let unknown = ca.revoke(&root, &act, &serial, None).unwrap_err();
    assert!(unknown.to_string().contains("issued no certificate"), "{unknown}");
    let first = ca.sign_list(&issuing, &bench.act("bench.revocation-list")).unwrap();
    let second = ca.sign_list(&issuing, &bench.act("bench.revocation-list")).unwrap();
    assert_eq!((first.number, first.count, second.number), (1, 1, 2));
    bench.write("issuing.pem", &bench::pem("CERTIFICATE", issuing.certificate()));
    bench.write("root.pem", &bench::pem("CERTIFICATE", root.certificate()));
    bench.write("list.pem", &bench::pem("X509 CRL", &second.list));
    bench.write("leaf.pem", &bench::pem("CERTIFICATE", &issued.certificate));
    bench.openssl("crl -in list.pem -CAfile issuing.pem -noout -verify");
    let run = bench.openssl_any("verify -attime 1800000100 -crl_check -CRLfile list.pem -CAfile root.pem -untrusted issuing.pem leaf.pem");
    assert!(run.contains("certificate revoked"), "{run}");
}

#[test]
fn a_store_that_answers_wrong_gives_no_certificate_and_the_next_request_works() {
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    for (fault, what) in bench::FAULTS {
        let (faulty, fuse) = bench.faulty(&issuing, *fault);
        let error = bench.issue(&ca, &faulty, "bench.server", "www.example").unwrap_err();
        assert!(matches!(error, IssueError::Authority(_)), "{what}: {error}");
        assert!(error.to_string().contains(what), "{what}: {error}");
        fuse.mend();
        bench.issue(&ca, &faulty, "bench.server", "www.example").unwrap();
    }
    ca.log().publish().unwrap();
    let reader = Reader::open(&bench.log_directory(), bench.log_key()).unwrap();
    assert_eq!(ca.log().open_entries(), Vec::<u64>::new());
    reader.verify().unwrap();
}

#[test]
fn a_clock_that_was_set_back_issues_nothing() {
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    bench.issue(&ca, &issuing, "bench.server", "www.example").unwrap();
    bench.set_clock(bench::NOW - 10);
    let error = bench.issue(&ca, &issuing, "bench.server", "www.example").unwrap_err();
    assert!(matches!(error, IssueError::ClockBack { .. }), "{error}");
    bench.set_clock(bench::NOW + 10);
    bench.issue(&ca, &issuing, "bench.server", "www.example").unwrap();
}

#[test]
fn a_lab_policy_loads_in_a_lab_alone() {
    let bench = Bench::new();
    let error = bench.open(Place::Production).unwrap_err();
    assert!(matches!(error, IssueError::LabUnwanted), "{error}");
}

#[test]
fn another_key_under_the_authority_s_name_is_no_authority() {
    let bench = Bench::new();
    let (_, root, issuing) = bench.hierarchy();
    let error = bench.authority("bench.issuing", root.certificate(), "issuing.pem").unwrap_err();
    assert!(matches!(error, AuthorityError::Key { .. }), "{error}");
    assert!(bench.authority("bench.issuing", issuing.certificate(), "issuing.pem").is_ok());
}

/// The intent of an order whose thread panicked while its certificate was being signed.
fn left_open(bench: &Bench, ca: &Ca, issuing: &Authority) -> u64 {
    let (stuck, _fuse) = bench.faulty(issuing, bench::Fault::Panic);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = bench.issue(ca, &stuck, "bench.server", "www.example");
    }));
    assert!(panicked.is_err());
    let [intent] = ca.log().open_entries()[..] else { panic!("one intent is open") };
    intent
}

#[test]
fn an_intent_that_a_crash_left_open_is_void_and_never_signed() {
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    left_open(&bench, &ca, &issuing);
    drop(ca);
    let (ca, closed) = bench.open(Place::Lab).unwrap();
    assert_eq!((closed, ca.log().open_entries().len()), (1, 0));
}

#[test]
fn what_was_revoked_before_its_outcome_was_known_stays_revoked() {
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    let intent = left_open(&bench, &ca, &issuing);
    ca.log().publish().unwrap();
    let entry = ca.log().reader().unwrap().entry(intent).unwrap().entry;
    let serial = serde_json::from_slice::<Intent>(&entry.payload).unwrap().serial;
    ca.revoke(&issuing, &bench.act("bench.revocation"), &serial, None).unwrap();
    assert_eq!(ca.resume().unwrap(), 1);
    assert_eq!(ca.sign_list(&issuing, &bench.act("bench.revocation-list")).unwrap().count, 1);
}

#[test]
fn of_many_who_revoke_one_does_and_no_two_lists_have_one_number() {
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    let issued = bench.issue(&ca, &issuing, "bench.server", "www.example").unwrap();
    let serial = bench::serial(&issued.certificate);
    let revoke = || ca.revoke(&issuing, &bench.act("bench.revocation"), &serial, None).is_ok();
    let list = || ca.sign_list(&issuing, &bench.act("bench.revocation-list")).unwrap().number;
    let (revoked, mut numbers) = std::thread::scope(|scope| {
        let acts: Vec<_> = (0..6).map(|_| scope.spawn(|| (revoke(), list()))).collect();
        acts.into_iter().map(|act| act.join().unwrap()).unzip::<bool, u64, Vec<_>, Vec<_>>()
    });
    assert_eq!(revoked.iter().filter(|revoked| **revoked).count(), 1);
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
}
