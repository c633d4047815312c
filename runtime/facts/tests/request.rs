//! Certification requests: what is proven, what is claimed, what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(missing_docs, unreachable_pub)]

mod support;

use pkic_facts::facts::Facts;
use pkic_facts::request::CertificationRequest;
use pkic_vocab::{FactId, FactTable, Grade, Slot, Value, limits};
use proptest::prelude::*;
use rcgen::{CustomExtension, KeyPair};
use support::params;

fn made() -> Vec<u8> {
    let mut params = params("device");
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0])];
    params.serialize_request(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn shown(table: &FactTable, path: &str) -> Option<(Grade, String)> {
    match table.get(FactId::from_path(path).unwrap()) {
        Slot::Known(fact) => Some((fact.grade, fact.value.to_string())),
        _ => None,
    }
}

#[test]
fn possession_is_checked_and_the_rest_is_claimed() {
    let request = CertificationRequest::from_bytes(&made()).unwrap();
    assert!(request.is_possession_proven());
    assert_eq!(request.extension("1.2.3").unwrap().value, [5, 0]);
    assert!(request.extension("1.2.4").is_none());
    let facts = Facts::of_request(&request).unwrap();
    assert_eq!(shown(facts.table(), "request.proof-of-possession"), Some((Grade::Observed, "true".into())));
    assert_eq!(shown(facts.table(), "key.algorithm"), Some((Grade::Claimed, "ecdsa-p256".into())));
    assert_eq!(shown(facts.table(), "key.size"), Some((Grade::Claimed, "256".into())));
    assert_eq!(shown(facts.table(), "key.storage"), None);
    assert!(facts.provenance().is_none());
}

#[test]
fn a_changed_request_proves_nothing() {
    let mut bytes = made();
    *bytes.last_mut().unwrap() ^= 1;
    let request = CertificationRequest::from_bytes(&bytes).unwrap();
    assert!(!request.is_possession_proven());
    let facts = Facts::of_request(&request).unwrap();
    assert_eq!(shown(facts.table(), "request.proof-of-possession"), Some((Grade::Observed, "false".into())));
}

#[test]
fn size_and_rest_are_checked() {
    let code = |bytes: &[u8]| CertificationRequest::from_bytes(bytes).unwrap_err().code();
    assert_eq!(code(&vec![0x30; limits::CSR_LEN_BYTES_MAX + 1]), "too-large");
    assert_eq!(code(&[made(), vec![0]].concat()), "trailing-bytes");
    assert_eq!(code(b""), "malformed");
}

/// The doors set the grade: a claim never displaces what is known better, and never rises.
#[test]
fn claims_stay_claims() {
    let mut facts = Facts::new();
    let word = |name: &str| Value::Word(pkic_vocab::Words::Storage.word(name).unwrap());
    facts.claim("key.storage", word("hsm")).unwrap();
    assert_eq!(shown(facts.table(), "key.storage"), Some((Grade::Claimed, "hsm".into())));
    facts.observe("key.storage", word("software")).unwrap();
    facts.claim("key.storage", word("hsm")).unwrap();
    assert_eq!(shown(facts.table(), "key.storage"), Some((Grade::Observed, "software".into())));
    facts.observe("key.storage", word("hsm")).unwrap();
    assert_eq!(shown(facts.table(), "key.storage"), None, "two observations that disagree are no value");
    assert_eq!(facts.claim("key.storage", Value::Bool(true)).unwrap_err().code(), "value-unfit");
    assert_eq!(facts.claim("no.such.fact", Value::Bool(true)).unwrap_err().code(), "value-unfit");
}

/// What a request, a certificate, a policy or evidence says is nobody else's to say.
#[test]
fn reserved_facts_are_no_callers_to_say() {
    let request = CertificationRequest::from_bytes(&made()).unwrap();
    let mut facts = Facts::of_request(&request).unwrap();
    let before = facts.table().clone();
    let reserved = ["request.public-key", "request.proof-of-possession", "certificate.validity"];
    let of_evidence = pkic_vocab::CATALOGUE.iter().map(|def| def.path);
    let of_evidence: Vec<&str> = of_evidence.filter(|path| path.starts_with("evidence.")).collect();
    assert!(of_evidence.len() > 3);
    for path in reserved.into_iter().chain(of_evidence) {
        assert_eq!(facts.claim(path, Value::Bool(true)).unwrap_err().code(), "fact-reserved", "{path}");
        assert_eq!(facts.observe(path, Value::Bool(true)).unwrap_err().code(), "fact-reserved", "{path}");
    }
    assert_eq!(facts.table(), &before);
    assert_eq!(facts.request_key(), Some(pkic_facts::crypto::Sha256Digest::of(request.spki())));
    assert!(!facts.is_bound(), "a request alone binds no evidence");
    assert_eq!((Facts::new().request_key(), Facts::new().is_bound()), (None, false));
}

#[test]
fn every_flip_and_truncation_loses_possession() {
    let bytes = made();
    for at in 0..bytes.len() {
        assert!(CertificationRequest::from_bytes(&bytes[..at]).is_err());
        for bit in 0..8 {
            let mut mutant = bytes.clone();
            mutant[at] ^= 1 << bit;
            let proven =
                CertificationRequest::from_bytes(&mutant).is_ok_and(|request| request.is_possession_proven());
            assert!(!proven, "bit {bit} of byte {at}");
        }
    }
}

proptest! {
    #[test]
    fn junk_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = CertificationRequest::from_bytes(&bytes);
        let _ = pkic_facts::certificate::Certificate::all_from_file(&bytes);
        let framed = [&[0x30, 0x82, (bytes.len() >> 8) as u8, bytes.len() as u8][..], &bytes].concat();
        let _ = CertificationRequest::from_bytes(&framed);
        let _ = pkic_facts::certificate::Certificate::from_der(&framed);
        let _ = pkic_facts::crypto::PublicKey::from_spki(&framed);
        let _ = pkic_facts::der::is_strict(&framed);
    }
}
