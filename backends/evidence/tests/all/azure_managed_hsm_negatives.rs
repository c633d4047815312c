//! Synthetic Azure Managed HSM attestations, each with one thing wrong, and the stage that must refuse it.

use crate::marvell_support;
use crate::support;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use marvell_support::{
    Case, EKCV, EXTRACTABLE, LOCAL, MODULUS, Made, NEVER_EXTRACTABLE, NOW, private_half, public_half, with,
};
use pkic_evidence::Appraisal;
use serde_json::{Value, json};
use support::{appraise_with, stage_and_code, verified_fact};

/// A pool whose root the operator has listed.
fn pool() -> Case {
    Case { owner_root: "Synthetic pool root", objects: vec![private_half()], ..Case::default() }
}

/// The service's document about a key: an answer for each half.
fn document(case: &Case, made: &Made) -> Value {
    let url = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({
        "key": {"kid": "https://pool.managedhsm.azure.net/keys/name/version", "kty": "RSA-HSM"},
        "attributes": {"exportable": false, "attestation": {
            "version": "MRVL-1",
            "certificatePemFile": url(&made.certificates),
            "privateKeyAttestation": url(&made.answer),
            "publicKeyAttestation": url(&case.sign(&[public_half()])),
        }},
    })
}

fn appraised(document: &Value, made: &Made) -> Appraisal {
    let parts = [document.to_string().into_bytes()];
    appraise_with(&parts, Some(&made.request), &made.anchors, Some(b"ours"), NOW, None)
}

fn reason(answer: &Appraisal) -> (&'static str, &'static str) {
    assert_eq!(answer.format, Some("azure-managed-hsm"));
    stage_and_code(answer)
}

fn refusal(case: &Case) -> (&'static str, &'static str) {
    let made = case.make();
    reason(&appraised(&document(case, &made), &made))
}

fn fact(case: &Case, path: &str) -> Option<String> {
    let made = case.make();
    verified_fact(&appraised(&document(case, &made), &made), path)
}

/// The attestation with one member changed, or taken away.
fn changed(member: &str, value: Option<Value>) -> Appraisal {
    let case = pool();
    let made = case.make();
    let mut document = document(&case, &made);
    let attestation = document["attributes"]["attestation"].as_object_mut().unwrap();
    match value {
        Some(value) => attestation.insert(member.to_owned(), value),
        None => attestation.remove(member),
    };
    appraised(&document, &made)
}

#[test]
fn the_unchanged_one_is_verified() {
    assert_eq!(fact(&pool(), "evidence.bound").as_deref(), Some("true"));
    assert_eq!(fact(&pool(), "evidence.freshness").as_deref(), Some("none"));
    assert_eq!(fact(&pool(), "key.storage").as_deref(), Some("cloud-kms.managed-hsm"));
    assert_eq!(fact(&pool(), "key.export").as_deref(), Some("domain"));
    assert_eq!(fact(&pool(), "key.origin").as_deref(), Some("generated"));
    assert_eq!(fact(&pool(), "module.vendor").as_deref(), Some("marvell"));
}

/// The document, its `attributes` or their `attestation`, with or without padding.
#[test]
fn every_cut_of_the_document_is_read() {
    let case = pool();
    let made = case.make();
    let whole = document(&case, &made);
    for cut in [&whole["attributes"], &whole["attributes"]["attestation"]] {
        assert_eq!(appraised(cut, &made).verdict.name(), "verified");
    }
    let padded = Value::String(URL_SAFE.encode(&made.certificates));
    let mut document = whole;
    document["attributes"]["attestation"]["certificatePemFile"] = padded;
    assert_eq!(appraised(&document, &made).verdict.name(), "verified");
}

/// A self-signed certificate in the bundle makes nobody an owner, and a listed owner must have signed.
#[test]
fn an_owner_is_one_whom_we_listed() {
    let unlisted = || Case { purposes: [Some("production"), None], ..pool() };
    assert_eq!(fact(&unlisted(), "key.storage").as_deref(), Some("hsm"));
    assert_eq!(fact(&unlisted(), "evidence.anchor.name").as_deref(), Some("synthetic production"));
    let without = Case { has_owner_chain: false, ..pool() };
    assert_eq!(fact(&without, "key.storage").as_deref(), Some("hsm"));
    let of_google = Case { owner_root: marvell_support::GOOGLE_ROOT, ..pool() };
    assert_eq!(fact(&of_google, "key.storage").as_deref(), Some("hsm"), "Google's module is no pool");
    let other_card = Case { is_owner_card_for_other_key: true, ..pool() };
    assert_eq!(refusal(&other_card), ("format", "field-mismatch"));
    let other_partition = Case { is_owner_partition_for_other_key: true, ..pool() };
    assert_eq!(refusal(&other_partition), ("format", "field-mismatch"));
}

#[test]
fn each_wrong_chain_is_refused_by_its_stage() {
    assert_eq!(refusal(&Case { is_card_forged: true, ..pool() }), ("path", "link-signature"));
    assert_eq!(refusal(&Case { is_partition_forged: true, ..pool() }), ("path", "link-signature"));
    assert_eq!(refusal(&Case { purposes: [None, Some("test")], ..pool() }), ("path", "issuer-unknown"));
    assert_eq!(refusal(&Case { is_answer_forged: true, ..pool() }), ("signature", "signature-invalid"));
    assert_eq!(refusal(&Case { is_request_for_other_key: true, ..pool() }), ("binding", "key-mismatch"));
}

/// Only the last 32 bytes of what the signature opens to are compared by a public tool: padding counts here.
#[test]
fn a_signature_without_its_padding_is_none() {
    let case = pool();
    let mut made = case.make();
    let at = made.answer.len() - 256;
    made.answer[at..].copy_from_slice(&[0; 256]);
    made.answer[at + 255] = 1;
    assert_eq!(reason(&appraised(&document(&case, &made), &made)), ("signature", "signature-invalid"));
}

#[test]
fn keys_for_release_are_exportable() {
    let released = with(with(private_half(), EXTRACTABLE, Some(&[1])), NEVER_EXTRACTABLE, Some(&[0]));
    let case = Case { objects: vec![released], ..pool() };
    assert_eq!(fact(&case, "key.export").as_deref(), Some("wrapped"));
    let imported = with(private_half(), LOCAL, Some(&[0]));
    assert_eq!(fact(&Case { objects: vec![imported], ..pool() }, "key.origin"), None);
}

/// Two answers are joined by the key alone: the private one must tell it from every other.
#[test]
fn halves_of_two_keys_are_refused() {
    let objects = |private| Case { objects: vec![private], ..pool() };
    let bare = with(with(private_half(), MODULUS, None), EKCV, None);
    assert_eq!(refusal(&objects(bare)), ("format", "field-missing"));
    let of_other = with(with(private_half(), MODULUS, None), EKCV, Some(&[7; 32]));
    assert_eq!(refusal(&objects(of_other)), ("format", "field-mismatch"));
    assert_eq!(refusal(&objects(public_half())), ("format", "field-repeated"), "public in both places");
    let by_check_value = with(private_half(), MODULUS, None);
    assert_eq!(fact(&objects(by_check_value), "evidence.bound").as_deref(), Some("true"));
}

/// A second file would be part of the item and of nothing else.
#[test]
fn a_document_stands_alone() {
    let case = pool();
    let made = case.make();
    let part = document(&case, &made).to_string().into_bytes();
    let answer = appraise_with(&[part.clone(), part], Some(&made.request), &made.anchors, None, NOW, None);
    assert_eq!(answer.verdict.reason().unwrap().code(), "format-unknown");
}

#[test]
fn each_wrong_member_is_refused_by_its_stage() {
    assert_eq!(changed("publicKeyAttestation", None).verdict.name(), "verified");
    assert_eq!(changed("publicKeyAttestation", Some(Value::Null)).verdict.name(), "verified");
    assert_eq!(reason(&changed("publicKeyAttestation", Some(json!("AAAA")))), ("parse", "malformed"));
    assert_eq!(reason(&changed("publicKeyAttestation", Some(json!(7)))), ("parse", "malformed"));
    assert_eq!(reason(&changed("version", None)), ("format", "field-mismatch"));
    assert_eq!(reason(&changed("version", Some(json!("MRVL-2")))), ("format", "field-mismatch"));
    assert_eq!(reason(&changed("privateKeyAttestation", Some(json!("+/+/")))), ("parse", "malformed"));
    let long = Value::String("A".repeat(100_000));
    assert_eq!(reason(&changed("privateKeyAttestation", Some(long))), ("parse", "too-large"));
    assert_eq!(reason(&changed("privateKeyAttestation", Some(Value::Null))), ("format", "field-missing"));
    assert_eq!(reason(&changed("certificatePemFile", Some(json!("AAAA")))), ("parse", "malformed"));
}
