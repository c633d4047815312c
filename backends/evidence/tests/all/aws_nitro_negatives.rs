//! Synthetic Nitro attestation documents, each with one thing wrong, and the stage that must refuse it.

use crate::support;

use ciborium::Value as Cbor;
use pkic_evidence::Appraisal;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::der;
use rcgen::{
    Certificate, CertificateParams, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384, PublicKeyData as _,
    SigningKey as _, date_time_ymd,
};
use std::time::Duration;
use support::chain::{authority_of, named};
use support::{appraise_with, attested, stage_and_code, verified_fact};

/// 2027-01-01, when the certificate of the enclave begins. It lives three hours.
const BEGIN: i64 = 1_798_761_600;
const LIFE: Duration = Duration::from_secs(3 * 3600);
/// Where registers, certificates and the like stand in the payload.
type Payload = Vec<(Cbor, Cbor)>;

/// An enclave with its chain, and what its document says. The default is a good one.
struct Case {
    /// The certificate of the enclave bears its issuer's name, and another key signed it.
    is_leaf_forged: bool,
    /// An authority with the name and another key stands in for one of the chain.
    is_authority_swapped: bool,
    /// The key of another enclave signs the document.
    is_document_forged: bool,
    is_request_for_other_key: bool,
    has_request: bool,
    has_chain: bool,
    is_root_trusted: bool,
    alg: i64,
    nonce: Option<&'static [u8]>,
    now: i64,
    /// Changes the payload before it is signed.
    alter: fn(&mut Payload),
    /// Changes the message after it was signed.
    tamper: fn(&mut Vec<u8>),
}

impl Default for Case {
    fn default() -> Case {
        Case {
            is_leaf_forged: false,
            is_authority_swapped: false,
            is_document_forged: false,
            is_request_for_other_key: false,
            has_request: true,
            has_chain: true,
            is_root_trusted: true,
            alg: -35,
            nonce: Some(b"ours"),
            now: BEGIN + 600,
            alter: |_| {},
            tamper: |_| {},
        }
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap()
}

fn issued(
    params: &CertificateParams,
    key: &KeyPair,
    issuer: &CertificateParams,
    by: &KeyPair,
) -> Certificate {
    params.signed_by(key, &Issuer::from_params(issuer, by)).unwrap()
}

fn text(text: &str) -> Cbor {
    Cbor::Text(text.to_owned())
}

fn set(payload: &mut Payload, name: &str, value: Option<Cbor>) {
    payload.retain(|(held, _)| held.as_text() != Some(name));
    payload.extend(value.map(|value| (text(name), value)));
}

fn registers(value: fn(u8) -> Vec<u8>) -> Payload {
    (0..16).map(|index| (Cbor::from(index), Cbor::Bytes(value(index)))).collect()
}

fn encoded(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// An ECDSA signature as COSE has it: both integers at full width.
fn fixed(signature: &[u8]) -> Vec<u8> {
    let body = der::only("signature", der::SEQUENCE, signature).unwrap();
    let integers = der::elements("signature", body, 2).unwrap();
    let wide = |integer: &[u8]| {
        let padded = [vec![0; 48], integer.to_vec()].concat();
        padded[padded.len() - 48..].to_vec()
    };
    integers.iter().flat_map(|integer| wide(integer.content)).collect()
}

impl Case {
    fn appraise(&self) -> Appraisal {
        let keys: Vec<KeyPair> = (0..6).map(|_| key()).collect();
        let [root_key, zone_key, instance_key, enclave_key, other_key, subject] = keys.as_slice() else {
            unreachable!()
        };
        let (root, zone, instance) =
            (authority_of("aws.nitro-enclaves"), authority_of("zone"), authority_of("i-0"));
        let root_certificate = root.self_signed(root_key).unwrap();
        let zone_certificate = issued(&zone, zone_key, &root, root_key);
        let listed_key = if self.is_authority_swapped { other_key } else { instance_key };
        let instance_certificate = issued(&instance, listed_key, &zone, zone_key);
        let mut enclave = named("i-0-enc1");
        enclave.not_before = date_time_ymd(2027, 1, 1);
        enclave.not_after = enclave.not_before + LIFE;
        let signer = if self.is_leaf_forged { other_key } else { instance_key };
        let leaf = issued(&enclave, enclave_key, &instance, signer);
        let chain = [&root_certificate, &zone_certificate, &instance_certificate];
        let chain = chain.iter().filter(|_| self.has_chain);
        let mut payload: Payload = vec![
            (text("module_id"), text("i-0-enc1")),
            (text("digest"), text("SHA384")),
            (text("timestamp"), Cbor::from((BEGIN + 60) * 1000)),
            (text("pcrs"), Cbor::Map(registers(|index| vec![index + 1; 48]))),
            (text("certificate"), Cbor::Bytes(leaf.der().to_vec())),
            (text("cabundle"), Cbor::Array(chain.map(|one| Cbor::Bytes(one.der().to_vec())).collect())),
            (text("public_key"), Cbor::Bytes(subject.subject_public_key_info())),
            (text("user_data"), Cbor::Null),
            (text("nonce"), Cbor::Bytes(b"ours".to_vec())),
        ];
        (self.alter)(&mut payload);
        let protected = encoded(&Cbor::Map(vec![(Cbor::from(1), Cbor::from(self.alg))]));
        let payload = encoded(&Cbor::Map(payload));
        let bytes = |bytes: &[u8]| Cbor::Bytes(bytes.to_vec());
        let structure = [text("Signature1"), bytes(&protected), bytes(&[]), bytes(&payload)];
        let signer = if self.is_document_forged { other_key } else { enclave_key };
        let signature = fixed(&signer.sign(&encoded(&Cbor::Array(structure.to_vec()))).unwrap());
        let message = [bytes(&protected), Cbor::Map(Vec::new()), bytes(&payload), bytes(&signature)];
        let mut message = encoded(&Cbor::Array(message.to_vec()));
        (self.tamper)(&mut message);
        let request_key = if self.is_request_for_other_key { other_key } else { subject };
        let request = named("subscriber").serialize_request(request_key).unwrap().der().to_vec();
        let trusted =
            if self.is_root_trusted { root_certificate } else { root.self_signed(other_key).unwrap() };
        let file = AnchorFile { name: "root.der", bytes: trusted.der() };
        let anchors = AnchorSet::load(&[file], "").unwrap();
        let request = self.has_request.then_some(request.as_slice());
        appraise_with(&[message], request, &anchors, self.nonce, self.now, None)
    }

    /// Stage and code of the refusal, after checking that it yields no facts.
    fn refusal(&self) -> (&'static str, &'static str) {
        let answer = self.appraise();
        assert_eq!(answer.format, Some("aws-nitro"));
        stage_and_code(&answer)
    }

    fn fact(&self, path: &str) -> Option<String> {
        verified_fact(&self.appraise(), path)
    }
}

fn altered(alter: fn(&mut Payload)) -> Case {
    Case { alter, ..Case::default() }
}

#[test]
fn the_unchanged_one_is_verified() {
    let answer = Case::default().appraise();
    assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
    assert_eq!(answer.freshness(), Some("nonce"));
    let facts = attested(answer.facts.table());
    assert_eq!(facts["evidence.bound"].1, "true");
    assert_eq!(facts["key.storage"].1, "tee.nitro");
    assert_eq!(facts["platform.debug"].1, "false");
    assert!(!facts.contains_key("key.origin") && !facts.contains_key("key.export"), "{facts:?}");
    assert_eq!(answer.facts.not_after(), Some(BEGIN + LIFE.as_secs() as i64));
}

#[test]
fn each_wrong_chain_is_refused_by_its_stage() {
    let good = Case::default;
    assert_eq!(Case { is_leaf_forged: true, ..good() }.refusal(), ("path", "link-signature"));
    assert_eq!(Case { is_authority_swapped: true, ..good() }.refusal(), ("path", "link-signature"));
    assert_eq!(Case { is_root_trusted: false, ..good() }.refusal(), ("path", "link-signature"));
    assert_eq!(Case { has_chain: false, ..good() }.refusal(), ("path", "issuer-unknown"));
    assert_eq!(Case { is_document_forged: true, ..good() }.refusal(), ("signature", "signature-invalid"));
    assert_eq!(Case { is_request_for_other_key: true, ..good() }.refusal(), ("binding", "key-mismatch"));
    assert_eq!(Case { alg: -38, ..good() }.refusal(), ("signature", "algorithm-unsupported"));
    assert_eq!(Case { alg: -7, ..good() }.refusal(), ("parse", "malformed"), "a signature of another width");
    let tamper = |message: &mut Vec<u8>| *message.last_mut().unwrap() ^= 1;
    assert_eq!(Case { tamper, ..good() }.refusal(), ("signature", "signature-invalid"));
}

/// The time that counts is ours: a document that gives a time within its own validity is old all the same.
#[test]
fn an_old_document_is_refused() {
    let at = |now| Case { now, ..Case::default() };
    assert_eq!(at(BEGIN - 1).refusal(), ("path", "outside-validity"));
    assert_eq!(at(BEGIN + 3 * 3600 + 1).refusal(), ("path", "outside-validity"));
    assert_eq!(at(BEGIN + 3 * 3600).appraise().verdict.name(), "verified");
    let before = altered(|payload| set(payload, "timestamp", Some(Cbor::from((BEGIN - 1) * 1000))));
    assert_eq!(before.refusal(), ("format", "field-mismatch"));
    let after = altered(|payload| set(payload, "timestamp", Some(Cbor::from(u64::MAX))));
    assert_eq!(after.refusal(), ("format", "field-mismatch"));
    let negative = altered(|payload| set(payload, "timestamp", Some(Cbor::from(-1))));
    assert_eq!(negative.refusal(), ("format", "field-missing"));
}

#[test]
fn a_nonce_is_compared_and_a_time_is_none() {
    let other = Case { nonce: Some(b"theirs"), ..Case::default() };
    assert_eq!(other.refusal(), ("freshness", "nonce-mismatch"));
    let unasked = Case { nonce: None, ..Case::default() };
    assert_eq!(unasked.fact("evidence.freshness").as_deref(), Some("none"));
    for absent in [
        |payload: &mut Payload| set(payload, "nonce", None),
        |payload: &mut Payload| set(payload, "nonce", Some(Cbor::Bytes(Vec::new()))),
    ] {
        assert_eq!(altered(absent).fact("evidence.freshness").as_deref(), Some("time"));
    }
}

#[test]
fn a_public_key_is_whatever_the_image_says() {
    let raw = |payload: &mut Payload| set(payload, "public_key", Some(Cbor::Bytes(vec![7; 32])));
    assert_eq!(altered(raw).refusal(), ("binding", "key-mismatch"));
    let none = |payload: &mut Payload| set(payload, "public_key", Some(Cbor::Null));
    assert_eq!(altered(none).refusal(), ("format", "field-missing"));
    let unasked = Case { has_request: false, ..altered(none) };
    assert_eq!(unasked.fact("key.storage"), None, "it is about no key");
    assert_eq!(unasked.fact("platform.debug").as_deref(), Some("false"));
}

#[test]
fn a_debugging_enclave_says_so() {
    let debug = altered(|payload| set(payload, "pcrs", Some(Cbor::Map(registers(|_| vec![0; 48])))));
    assert_eq!(debug.fact("platform.debug").as_deref(), Some("true"));
    assert_eq!(debug.fact("key.storage"), None, "what holds the key is not measured");
    let one = altered(|payload| {
        let some = registers(|index| vec![u8::from(index == 2); 48]);
        set(payload, "pcrs", Some(Cbor::Map(some)));
    });
    assert_eq!(one.fact("platform.debug").as_deref(), Some("false"));
}

#[test]
fn each_wrong_field_is_refused_by_its_stage() {
    let malformed = ("parse", "malformed");
    let refusal = |alter: fn(&mut Payload)| altered(alter).refusal();
    assert_eq!(refusal(|payload| set(payload, "digest", Some(text("SHA256")))), ("format", "field-mismatch"));
    assert_eq!(refusal(|payload| set(payload, "timestamp", None)), ("format", "field-missing"));
    assert_eq!(refusal(|payload| set(payload, "certificate", None)), ("format", "field-missing"));
    assert_eq!(refusal(|payload| set(payload, "pcrs", None)), malformed);
    assert_eq!(refusal(|payload| set(payload, "nonce", Some(text("ours")))), malformed);
    let long = |payload: &mut Payload| set(payload, "public_key", Some(Cbor::Bytes(vec![0; 1025])));
    assert_eq!(refusal(long), ("parse", "too-large"));
    let many = |payload: &mut Payload| set(payload, "cabundle", Some(Cbor::Array(vec![Cbor::Null; 9])));
    assert_eq!(refusal(many), ("parse", "too-large"));
    assert_eq!(refusal(|payload| set(payload, "cabundle", Some(Cbor::Null))), malformed);
    assert_eq!(
        refusal(|payload| set_registers(payload, |all| drop(all.remove(1)))),
        ("format", "field-missing")
    );
    assert_eq!(
        refusal(|payload| set_registers(payload, |all| all[3].1 = Cbor::Bytes(vec![0; 47]))),
        malformed
    );
    assert_eq!(refusal(|payload| set_registers(payload, |all| all[3].0 = Cbor::from(32))), malformed);
    assert_eq!(refusal(|payload| set_registers(payload, |all| all[3].0 = text("pcr3"))), malformed);
    let twice = |payload: &mut Payload| set_registers(payload, |all| all[3].0 = Cbor::from(4));
    assert_eq!(refusal(twice), ("format", "field-repeated"));
    let many = |payload: &mut Payload| {
        set_registers(payload, |all| *all = [all.clone(), all.clone(), all.clone()].concat())
    };
    assert_eq!(refusal(many), ("parse", "too-large"));
}

fn set_registers(payload: &mut Payload, alter: fn(&mut Payload)) {
    let mut all = registers(|index| vec![index + 1; 48]);
    alter(&mut all);
    set(payload, "pcrs", Some(Cbor::Map(all)));
}
