//! Precertificate and certificate under one permit, with a log that signs real timestamps with a key of its own, and
//! with logs that lie.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod bench;
#[path = "support/rfc6962.rs"]
mod rfc6962;

use bench::{Bench, NOW};
use pkic_audit::Reader;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use pkic_runtime::authority::Authority;
use pkic_runtime::authorize::Refusal;
use pkic_runtime::ca::{Ca, IssueError};
use pkic_runtime::certificate::{POISON, SCT_LIST, is_pair, precertificate};
use pkic_runtime::record::{Intent, Outcome, Precertified};
use pkic_runtime::transparency::{TimestampError, TransparencyLog};
use pkic_runtime::trust::Trusted;
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use rfc6962::{message, unpoisoned};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const POLICY: &str = r#"
/// Servers that browsers meet.
profile logged {
    role tls-server
    operations [issue]
    issued-by [issuing]
    key.storage in any
    request.proof-of-possession == true
    oblige ct(logs: 2)
    contents {
        validity <= 30d default 7d
        subject.common-name ?
        san.dns
        key-usage critical == [digital-signature]
        extended-key-usage == [server-auth]
        authority-key-identifier
        sct-list ?
    }
}
/// The certificate has to say that it is logged.
profile demanding {
    role tls-server
    operations [issue]
    issued-by [issuing]
    key.storage in any
    request.proof-of-possession == true
    OBLIGE
    contents {
        validity <= 30d default 7d
        san.dns
        key-usage critical == [digital-signature]
        extended-key-usage == [server-auth]
        authority-key-identifier
        SCT-LIST
    }
}
"#;

/// The policy, with what `demanding` obliges and what its contents say of the list.
fn policy(oblige: &str, sct_list: &str) -> String {
    POLICY.replace("OBLIGE", oblige).replace("SCT-LIST", sct_list)
}

/// How a log answers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    Honest,
    Silent,
    OtherKey,
    OtherCertificate,
    OtherIssuer,
    Ahead,
    Broken,
    Longer,
}

struct TestLog {
    name: &'static str,
    key: KeyPair,
    spki: Vec<u8>,
    manner: Manner,
    asked: Arc<AtomicUsize>,
}

fn log(name: &'static str, manner: Manner) -> (Box<dyn TransparencyLog>, Arc<AtomicUsize>) {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let spki = key.subject_public_key_info();
    (Box::new(TestLog { name, key, spki, manner, asked: Arc::clone(&asked) }), asked)
}

impl TransparencyLog for TestLog {
    fn name(&self) -> &str {
        self.name
    }

    fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// RFC 6962 section 3.2, octet by octet.
    fn add_pre_chain(&self, chain: &[&[u8]]) -> Result<Vec<u8>, String> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.manner == Manner::Silent {
            return Err("it did not answer in time".to_owned());
        }
        let precertificate = Certificate::from_der(chain[0]).unwrap();
        let issuer = Certificate::from_der(chain[1]).unwrap();
        let mut tbs = unpoisoned(precertificate.tbs().raw());
        let mut issuer_key = issuer.tbs().spki_digest().0;
        let mut at_ms = u64::try_from(NOW).unwrap() * 1000;
        match self.manner {
            Manner::OtherCertificate => *tbs.last_mut().unwrap() ^= 1,
            Manner::OtherIssuer => issuer_key[0] ^= 1,
            Manner::Ahead => at_ms += 3_600_000,
            _ => {}
        }
        let message = message(&tbs, &issuer_key, at_ms);
        let other = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let key = if self.manner == Manner::OtherKey { &other } else { &self.key };
        let mut signature = key.sign(&message).unwrap();
        if self.manner == Manner::Broken {
            *signature.last_mut().unwrap() ^= 1;
        }
        let id = Sha256Digest::of(&key.subject_public_key_info());
        let len = u16::try_from(signature.len()).unwrap().to_be_bytes();
        let mut answer = [&[0][..], &id.0, &at_ms.to_be_bytes(), &[0, 0], &[4, 3], &len, &signature].concat();
        if self.manner == Manner::Longer {
            answer.push(0);
        }
        Ok(answer)
    }
}

fn logging(bench: &Bench, logs: Vec<Box<dyn TransparencyLog>>) -> (Ca, Authority) {
    demanding(bench, logs, "oblige ct(logs: 2)", "sct-list")
}

fn demanding(
    bench: &Bench,
    logs: Vec<Box<dyn TransparencyLog>>,
    oblige: &str,
    sct_list: &str,
) -> (Ca, Authority) {
    let (ca, _, issuing) = bench.hierarchy();
    drop(ca);
    (bench.open_with(&policy(oblige, sct_list), Trusted::default()).logging_to(logs), issuing)
}

#[test]
fn one_permit_covers_precertificate_and_certificate_and_openssl_shows_the_timestamps() {
    let bench = Bench::new();
    let ((first, _), (second, _), (third, spare)) =
        (log("a", Manner::Honest), log("b", Manner::Honest), log("c", Manner::Honest));
    let (ca, issuing) = logging(&bench, vec![first, second, third]);
    let issued = bench.issue(&ca, &issuing, "bench.logged", "www.example").unwrap();
    assert_eq!(spare.load(Ordering::SeqCst), 0, "two were enough");
    bench.write("leaf.pem", &bench::pem("CERTIFICATE", &issued.certificate));
    let shown = bench.openssl("x509 -in leaf.pem -noout -text");
    assert!(shown.contains("CT Precertificate SCTs"), "{shown}");
    assert_eq!(shown.matches("Signed Certificate Timestamp:").count(), 2, "{shown}");

    ca.log().publish().unwrap();
    let reader = Reader::open(&bench.log_directory(), bench.log_key()).unwrap();
    let records: Vec<_> = reader.entries(issued.index..u64::MAX).map(Result::unwrap).collect();
    let kinds: Vec<&str> = records.iter().map(|record| record.entry.kind.as_str()).collect();
    assert_eq!(kinds, ["intent", "precertificate", "issued"]);
    let intent: Intent = serde_json::from_slice(&records[0].entry.payload).unwrap();
    let recorded: Precertified = serde_json::from_slice(&records[1].entry.payload).unwrap();
    let outcome: Outcome = serde_json::from_slice(&records[2].entry.payload).unwrap();
    assert_eq!(outcome.certificate, Some(Sha256Digest::of(&issued.certificate).to_string()));
    assert_eq!(recorded.intent, issued.index);
    let digest = Sha256Digest::from_text(&recorded.precertificate).unwrap();
    let before = reader.beside(issued.index + 1, &digest).unwrap().unwrap();
    let (before, last) =
        (Certificate::from_der(&before).unwrap(), Certificate::from_der(&issued.certificate).unwrap());
    assert!(is_pair(before.tbs().raw(), last.tbs().raw()));
    assert!(before.tbs().extension(POISON).is_some() && last.tbs().extension(SCT_LIST).is_some());
    assert_eq!(intent.precertificate, Some(Sha256Digest::of(before.tbs().raw()).to_string()));
    let decided = unpoisoned(before.tbs().raw());
    assert_eq!(intent.tbs, Sha256Digest::of(&decided).to_string());
    assert_eq!(precertificate(&decided).unwrap(), before.tbs().raw());
}

#[test]
fn a_log_that_lies_or_is_silent_gives_no_certificate_and_the_next_request_works() {
    for manner in [
        Manner::Silent,
        Manner::OtherKey,
        Manner::OtherCertificate,
        Manner::OtherIssuer,
        Manner::Ahead,
        Manner::Broken,
        Manner::Longer,
    ] {
        let bench = Bench::new();
        let ((honest, _), (lying, _)) = (log("honest", Manner::Honest), log("lying", manner));
        let (ca, issuing) = logging(&bench, vec![honest, lying]);
        let error = bench.issue(&ca, &issuing, "bench.logged", "www.example").unwrap_err();
        let IssueError::Timestamps { wanted: 2, given: 1, why } = &error else {
            panic!("{manner:?}: {error}")
        };
        let [(name, why)] = why.as_slice() else { panic!("{manner:?}: {why:?}") };
        assert_eq!(name, "lying");
        let is_expected = match manner {
            Manner::Silent => matches!(why, TimestampError::Unanswered(_)),
            Manner::OtherKey => matches!(why, TimestampError::Log(_)),
            Manner::Ahead => matches!(why, TimestampError::Ahead(_)),
            Manner::Longer => *why == TimestampError::Malformed,
            _ => *why == TimestampError::Signature,
        };
        assert!(is_expected, "{manner:?}: {why:?}");
        assert!(error.to_string().contains("lying: "), "{error}");
        assert_eq!(ca.log().open_entries(), Vec::<u64>::new());
        bench.issue(&ca, &issuing, "bench.server", "www.example").unwrap();
    }
}

#[test]
fn a_precertificate_whose_certificate_came_to_nothing_can_be_revoked() {
    let bench = Bench::new();
    let (ca, issuing) = logging(&bench, vec![log("a", Manner::Honest).0, log("b", Manner::Silent).0]);
    let at = ca.log().size();
    bench.issue(&ca, &issuing, "bench.logged", "www.example").unwrap_err();
    ca.log().publish().unwrap();
    let reader = Reader::open(&bench.log_directory(), bench.log_key()).unwrap();
    let intent: Intent = serde_json::from_slice(&reader.entry(at).unwrap().entry.payload).unwrap();
    assert_eq!(reader.entry(at + 1).unwrap().entry.kind, "precertificate");
    ca.revoke(&issuing, &bench.act("bench.revocation"), &intent.serial, None).unwrap();
}

#[test]
fn a_ca_that_has_not_as_many_logs_as_are_obliged_signs_nothing() {
    let bench = Bench::new();
    let (ca, issuing) = logging(&bench, vec![log("a", Manner::Honest).0]);
    let size = ca.log().size();
    let error = bench.issue(&ca, &issuing, "bench.logged", "www.example").unwrap_err();
    assert!(error.to_string().contains("timestamps of 2 logs"), "{error}");
    assert_eq!(ca.log().size(), size, "no intent was written");
}

#[test]
fn contents_that_demand_timestamps_are_met_by_the_logs_that_are_obliged() {
    let bench = Bench::new();
    let two = || vec![log("a", Manner::Honest).0, log("b", Manner::Honest).0];
    let (ca, issuing) = logging(&bench, two());
    let issued = bench.issue(&ca, &issuing, "bench.demanding", "www.example").unwrap();
    let last = Certificate::from_der(&issued.certificate).unwrap();
    assert!(last.tbs().extension(SCT_LIST).is_some());
    assert_eq!(issued.account.report.pending, ["certificate.sct-list"]);
    let size = ca.log().size();
    let error = bench.issue(&ca.logging_to(Vec::new()), &issuing, "bench.demanding", "www.example");
    let error = error.unwrap_err();
    assert!(matches!(error, IssueError::Timestamps { wanted: 2, given: 0, .. }), "{error}");
    assert!(bench.open_log().size() == size, "no intent was written");
}

#[test]
fn contents_that_demand_timestamps_of_nobody_are_refused() {
    for oblige in ["", "from 2099-01-01 oblige ct(logs: 2)", "before 2020-01-01 oblige ct(logs: 2)"] {
        let bench = Bench::new();
        let logs = vec![log("a", Manner::Honest).0, log("b", Manner::Honest).0];
        let (ca, issuing) = demanding(&bench, logs, oblige, "sct-list");
        let size = ca.log().size();
        let error = bench.issue(&ca, &issuing, "bench.demanding", "www.example").unwrap_err();
        let IssueError::Refused(refusal, index) = &error else { panic!("{oblige}: {error}") };
        assert_eq!((refusal.as_ref(), *index), (&Refusal::TimestampsUnobliged, size), "{oblige}");
        assert!(error.to_string().contains("no `oblige ct` is in force"), "{error}");
    }
}

/// What the list would make of the certificate is known before anything is signed for it.
#[test]
fn timestamps_that_the_contents_do_not_grant_are_refused_before_anything_is_signed() {
    for sct_list in ["", "sct-list critical"] {
        let bench = Bench::new();
        let (first, asked) = log("a", Manner::Honest);
        let logs = vec![first, log("b", Manner::Honest).0];
        let (ca, issuing) = demanding(&bench, logs, "oblige ct(logs: 2)", sct_list);
        let size = ca.log().size();
        let error = bench.issue(&ca, &issuing, "bench.demanding", "www.example").unwrap_err();
        let IssueError::Timestamped(failing) = &error else { panic!("{sct_list}: {error}") };
        assert!(failing.iter().any(|id| id.contains("sct-list")), "{failing:?}");
        assert_eq!((ca.log().size(), asked.load(Ordering::SeqCst)), (size, 0), "{sct_list}");
    }
}
