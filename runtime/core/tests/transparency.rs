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

use bench::{Bench, NOW};
use pkic_audit::Reader;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use pkic_runtime::ca::{Ca, IssueError};
use pkic_runtime::certificate::{POISON, SCT_LIST, is_pair, precertificate};
use pkic_runtime::record::{Intent, Outcome, Precertified};
use pkic_runtime::transparency::{TimestampError, TransparencyLog};
use pkic_runtime::trust::Trusted;
use rcgen::{KeyPair, PublicKeyData, SigningKey};
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
"#;

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

/// The tbsCertificate of a precertificate without its poison, which stands last: by cutting, and so not by our own code.
fn unpoisoned(tbs: &[u8]) -> Vec<u8> {
    let poison = [0x30, 0x13, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x03];
    let poison = [&poison[..], &[0x01, 0x01, 0xff, 0x04, 0x02, 0x05, 0x00]].concat();
    assert!(tbs.ends_with(&poison));
    let reaches_end = |at: &usize| {
        let (head, len) = length(tbs, *at);
        tbs[*at] == 0xa3 && at + head + len == tbs.len()
    };
    let extensions = (0..tbs.len() - poison.len()).find(reaches_end).unwrap();
    let list = extensions + length(tbs, extensions).0;
    let mut cut = tbs[..tbs.len() - poison.len()].to_vec();
    for at in [0, extensions, list] {
        let (head, len) = length(tbs, at);
        let shorter = len - poison.len();
        match head {
            2 => cut[at + 1] = u8::try_from(shorter).unwrap(),
            3 => cut[at + 2] = u8::try_from(shorter).ok().filter(|len| *len > 127).unwrap(),
            _ => {
                assert!(shorter > 255);
                cut[at + 2..at + 4].copy_from_slice(&u16::try_from(shorter).unwrap().to_be_bytes());
            }
        }
    }
    cut
}

/// Octets of tag and length of the element there, and of its content.
fn length(der: &[u8], at: usize) -> (usize, usize) {
    let octet = |index: usize| usize::from(*der.get(at + index).unwrap_or(&0));
    match octet(1) {
        0x82 => (4, octet(2) << 8 | octet(3)),
        0x81 => (3, octet(2)),
        short => (2, short),
    }
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
        let tbs_len = u32::try_from(tbs.len()).unwrap().to_be_bytes();
        let message =
            [&[0, 0][..], &at_ms.to_be_bytes(), &[0, 1], &issuer_key, &tbs_len[1..], &tbs, &[0, 0]].concat();
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

fn logging(bench: &Bench, logs: Vec<Box<dyn TransparencyLog>>) -> (Ca, pkic_runtime::authority::Authority) {
    let (ca, _, issuing) = bench.hierarchy();
    drop(ca);
    (bench.open_with(POLICY, Trusted::default()).logging_to(logs), issuing)
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
