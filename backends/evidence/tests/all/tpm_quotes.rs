//! Quotes: the recording with one thing changed, and real ones whose attestation keys are enrolled here.

use crate::support;
use crate::tpm_support;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::attested;
use tpm_support::{Case, NONCE, record, recorded, sign};

const VERIFIED: (&str, &str, &str) = ("verified", "", "");

fn fact(case: &Case, path: &str) -> Option<String> {
    attested(case.appraise().facts.table()).get(path).map(|(_, value)| value.clone())
}

#[test]
fn the_recording_verifies_and_shows_its_registers() {
    let case = Case::quote();
    assert_eq!(case.answer(), VERIFIED);
    let zeros = "00".repeat(32);
    let expected = format!("[(pcr0, {zeros}), (pcr7, {zeros})]");
    assert_eq!(fact(&case, "platform.measurements"), Some(expected));
    assert_eq!(fact(&case, "node.pcr.boot"), None, "two registers are not the boot");
    assert_eq!(fact(&case, "key.origin"), None, "nothing is said of how the attestation key came to be");
}

#[test]
fn registers_are_believed_only_by_their_digest() {
    let mut case = Case::quote();
    case.change("pcr-values", |values| values[40] ^= 1);
    assert_eq!(case.answer(), ("refused", "signature", "digest-mismatch"));
    case.change("pcr-values", |values| values.truncate(63));
    assert_eq!(case.answer(), ("refused", "signature", "digest-mismatch"));
    case.remove("pcr-values");
    assert_eq!(case.answer(), VERIFIED);
    assert_eq!(fact(&case, "platform.measurements"), None);
}

#[test]
fn a_quote_binds_no_request() {
    let mut case = Case::quote();
    case.request = recorded("app-ec.csr");
    assert_eq!(case.answer(), ("refused", "binding", "key-mismatch"));
}

#[test]
fn another_nonce_is_stale() {
    let mut case = Case::quote();
    case.nonce = Some(NONCE[1..].to_vec());
    assert_eq!(case.answer(), ("refused", "freshness", "nonce-mismatch"));
}

#[test]
fn a_certification_is_no_quote() {
    let mut case = Case::certify("certify-ec", "app-ec");
    case.container["format"] = "tpm2-quote".into();
    assert_eq!(case.answer(), ("refused", "format", "field-mismatch"), "the container has a member too many");
    case.remove("public");
    assert_eq!(case.answer(), ("refused", "format", "field-mismatch"));
}

#[test]
fn an_attestation_key_that_nobody_vouches_for_proves_nothing() {
    let mut case = Case::quote();
    case.remove("ak-chain");
    assert_eq!(case.answer(), ("unproven", "path", "key-not-enrolled"));
    case.set_list("ek-chain", &[&recorded("ek-rsa.der"), &recorded("ek-issuer.der")]);
    assert_eq!(case.answer(), ("unproven", "format", "field-missing"));
    case.activation = Some(record("ek-rsa", "ak-ec", "activation-ec"));
    assert_eq!(case.answer(), ("unproven", "format", "field-missing"), "no answer to the credential");
    case.set("activation-secret", &recorded("activation-ec.challenge"));
    assert_eq!(case.answer(), VERIFIED);
}

#[test]
fn a_certificate_of_another_attestation_key_does_not_fit() {
    let mut case = Case::quote();
    case.set_list("ak-chain", &[&recorded("ak-rsa-certificate.der")]);
    assert_eq!(case.answer(), ("refused", "format", "field-mismatch"));
    case.remove("ak-public");
    assert_eq!(case.answer(), ("refused", "signature", "algorithm-key-mismatch"));
}

/// TPMS_ATTEST of a quote: no signer, our nonce, a clock, no firmware version, then selection and digest.
fn quote(banks: &[(u16, [u8; 3])], values: &[u8]) -> Vec<u8> {
    let mut bytes = b"\xffTCG\x80\x18\x00\x00".to_vec();
    bytes.extend(u16::try_from(NONCE.len()).unwrap().to_be_bytes());
    bytes.extend(NONCE);
    bytes.extend([0; 25]);
    bytes.extend(u32::try_from(banks.len()).unwrap().to_be_bytes());
    for (bank, bits) in banks {
        bytes.extend([bank.to_be_bytes().as_slice(), &[3], bits].concat());
    }
    bytes.extend([0, 32]);
    bytes.extend(digest(&SHA256, values).as_ref());
    bytes
}

/// Quotes of other selections, signed by a key that the test holds.
fn other(banks: &[(u16, [u8; 3])], values: &[u8]) -> Case {
    let (mut case, key) = Case::quote().under_enrolled_key();
    let attest = quote(banks, values);
    case.set("signature", &sign(&key, &attest));
    case.set("attest", &attest);
    case.set("pcr-values", values);
    case
}

#[test]
fn the_boot_is_registers_0_to_7_of_one_current_bank() {
    const SHA1_BANK: u16 = 0x0004;
    const SHA256_BANK: u16 = 0x000b;
    let boot = other(&[(SHA256_BANK, [0xff, 0, 0])], &[1; 256]);
    assert_eq!(boot.answer(), VERIFIED);
    assert!(fact(&boot, "node.pcr.boot").is_some());
    for (banks, len) in [
        (&[(SHA256_BANK, [0xff, 1, 0])][..], 9 * 32),
        (&[(SHA256_BANK, [0x7f, 0, 0])], 7 * 32),
        (&[(SHA1_BANK, [0xff, 0, 0])], 8 * 20),
        (&[(SHA256_BANK, [0xff, 0, 0]), (SHA1_BANK, [0xff, 0, 0])], 8 * 52),
        (&[], 0),
    ] {
        let case = other(banks, &vec![1; len]);
        assert_eq!(case.answer(), VERIFIED, "{banks:?}");
        assert_eq!(fact(&case, "node.pcr.boot"), None, "{banks:?}");
    }
}

#[test]
fn values_must_be_as_many_as_were_selected() {
    let bank = [(0x000b, [0xff, 0, 0])];
    assert_eq!(other(&bank, &[1; 255]).answer(), ("refused", "parse", "malformed"));
    assert_eq!(other(&bank, &[1; 257]).answer(), ("refused", "parse", "trailing-bytes"));
    assert_eq!(
        other(&[(0x0012, [1, 0, 0])], &[1; 32]).answer(),
        ("refused", "signature", "algorithm-unsupported")
    );
    let wide = quote(&[(0x000b, [1, 0, 0])], &[1; 32]);
    let (mut case, key) = Case::quote().under_enrolled_key();
    let many = [&wide[..wide.len() - 44], &[0, 0, 0, 17], &wide[wide.len() - 40..]].concat();
    case.set("signature", &sign(&key, &many));
    case.set("attest", &many);
    assert_eq!(case.answer(), ("refused", "parse", "too-large"), "17 banks");
}

fn sample(path: &str) -> Option<Vec<u8>> {
    let found = support::samples_folder().and_then(|folder| std::fs::read(folder.join(path)).ok());
    if found.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "no {path}");
        eprintln!("skipped: the sample {path} is not here");
    }
    found
}

/// A real quote in pkic's container, without anchors.
fn real(attest: &[u8], signature: &[u8], ak_public: &[u8], values: &[u8]) -> Case {
    let text = |bytes: &[u8]| Value::String(STANDARD.encode(bytes));
    Case {
        container: json!({
            "format": "tpm2-quote",
            "attest": text(attest),
            "signature": text(signature),
            "ak-public": text(ak_public),
            "pcr-values": text(values),
        }),
        nonce: None,
        ..Case::quote()
    }
}

/// go-attestation's record of a Windows machine: SHA-1 throughout, no nonce, and nothing behind the attestation key.
#[test]
fn the_quote_of_a_windows_machine_counts_once_its_key_is_enrolled() {
    let Some(bytes) = sample("tpm-quote/windows_gcp_shielded_vm.json") else { return };
    let json: Value = serde_json::from_slice(&bytes).unwrap();
    let member = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let mut registers: Vec<&Value> = json["Log"]["PCRs"].as_array().unwrap().iter().collect();
    registers.sort_by_key(|register| register["Index"].as_u64());
    let values: Vec<u8> = registers.iter().flat_map(|register| member(&register["Digest"])).collect();
    let (quote, ak) = (&json["Quote"], &json["AK"]);
    let mut case =
        real(&member(&quote["Quote"]), &member(&quote["Signature"]), &member(&ak["Public"]), &values);
    assert_eq!(case.answer(), ("unproven", "path", "key-not-enrolled"));
    case.enrol();
    assert_eq!(case.answer(), VERIFIED);
    assert_eq!(fact(&case, "module.weak-hash").as_deref(), Some("true"));
    assert_eq!(fact(&case, "evidence.freshness").as_deref(), Some("none"));
    assert_eq!(digest(&SHA1_FOR_LEGACY_USE_ONLY, &values).as_ref().len(), 20);
    assert_eq!(fact(&case, "platform.measurements").unwrap().matches("pcr").count(), 24);
}

/// Fields of a protobuf message that are byte strings, in their order, with their numbers; numbers are left out.
fn fields(mut message: &[u8]) -> Vec<(u64, &[u8])> {
    let mut found = Vec::new();
    let varint = |message: &mut &[u8]| {
        let len = message.iter().position(|octet| octet & 0x80 == 0).unwrap() + 1;
        let (head, tail) = message.split_at(len);
        *message = tail;
        head.iter().rev().fold(0u64, |value, octet| value << 7 | u64::from(octet & 0x7f))
    };
    while !message.is_empty() {
        let tag = varint(&mut message);
        let value = varint(&mut message);
        if tag & 7 == 2 {
            let (head, tail) = message.split_at(usize::try_from(value).unwrap());
            found.push((tag >> 3, head));
            message = tail;
        }
    }
    found
}

/// go-tpm-tools' record of a Google machine: the challenge was 9009.
#[test]
fn the_quotes_of_a_google_machine_count_for_their_challenge() {
    let Some(bytes) = sample("tpm-quote/gce-cos-85-nonce9009.pb") else { return };
    let message = fields(&bytes);
    let ak_public = message.iter().find(|(number, _)| *number == 1).unwrap().1;
    let mut verified = 0;
    for (_, quote) in message.iter().filter(|(number, _)| *number == 2) {
        let member = |number| fields(quote).into_iter().find(|(found, _)| *found == number).unwrap().1;
        // A map entry without a key is that of register 0; entries stand in any order.
        let mut registers: Vec<(u64, Vec<u8>)> = Vec::new();
        for (_, entry) in fields(member(3)).into_iter().filter(|(number, _)| *number == 2) {
            let register = if entry[0] == 0x08 { u64::from(entry[1]) } else { 0 };
            registers.push((register, fields(entry)[0].1.to_vec()));
        }
        registers.sort();
        let values: Vec<u8> = registers.into_iter().flat_map(|(_, value)| value).collect();
        let mut case = real(member(1), member(2), ak_public, &values);
        assert_eq!(case.answer(), ("unproven", "path", "key-not-enrolled"));
        case.enrol();
        case.nonce = Some(vec![0x90, 0x09]);
        assert_eq!(case.answer(), VERIFIED);
        assert_eq!(fact(&case, "evidence.freshness").as_deref(), Some("nonce"));
        case.nonce = Some(vec![0x90, 0x08]);
        assert_eq!(case.answer(), ("refused", "freshness", "nonce-mismatch"));
        verified += 1;
    }
    assert!(verified >= 2, "the record has a quote for each bank");
}
