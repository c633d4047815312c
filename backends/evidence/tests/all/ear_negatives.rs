//! Synthetic results of a verifier, each with one thing wrong, and the stage that must refuse it.

use crate::support;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pkic_evidence::Appraisal;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::crypto::Sha256Digest;
use pkic_vocab::{FactId, Grade, Slot};
use rcgen::KeyPair;
use serde_json::{Value, json};
use support::made::{NOW, key, request, sign_fixed, spki};
use support::{appraise_with, stage_and_code};

/// What a verifier says, and the key that it signs with.
struct Case {
    verifier: KeyPair,
    device: KeyPair,
    claims: Value,
}

impl Case {
    fn new() -> Case {
        let device = key();
        let claims = json!({
            "eat_profile": "tag:github.com,2023:veraison/ear",
            "iat": NOW - 60,
            "eat_nonce": URL_SAFE_NO_PAD.encode(b"our nonce"),
            "ear.verifier-id": {"developer": "Verifier GmbH", "build": "1"},
            "submods": {"device": {
                "ear.status": "affirming",
                "ear.appraisal-policy-id": "policy://devices/1",
                "ear.veraison.key-attestation": {"akpub": URL_SAFE_NO_PAD.encode(spki(&device))},
            }},
        });
        Case { verifier: key(), device, claims }
    }

    fn with(change: impl Fn(&mut Value)) -> Case {
        let mut case = Case::new();
        change(&mut case.claims);
        case
    }

    fn token(&self) -> Vec<u8> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&json!({"alg": "ES256"})), part(&self.claims));
        let signature = URL_SAFE_NO_PAD.encode(sign_fixed(&self.verifier, message.as_bytes()));
        format!("{message}.{signature}").into_bytes()
    }

    /// The verifier's key as a file, enrolled for results unless `formats` says otherwise.
    fn anchors(&self, formats: &str) -> AnchorSet {
        let key = spki(&self.verifier);
        let pem =
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&key));
        let digest = Sha256Digest::of(&key);
        let listing = format!(
            "[[key]]\nname = \"verifier\"\nspki = \"{digest}\"\npurpose = \"test\"\nformats = [{formats}]\n"
        );
        AnchorSet::load(&[AnchorFile { name: "verifier.pem", bytes: pem.as_bytes() }], &listing).unwrap()
    }

    fn appraise(&self) -> Appraisal {
        let request = request(&self.device);
        let anchors = self.anchors("\"ear\"");
        appraise_with(&[self.token()], Some(&request), &anchors, Some(b"our nonce"), NOW, None)
    }
}

fn refusal(case: &Case) -> (&'static str, &'static str) {
    stage_and_code(&case.appraise())
}

#[test]
fn what_a_verifier_says_is_witnessed_and_no_more() {
    let answer = Case::new().appraise();
    assert_eq!(
        (answer.verdict.name(), answer.freshness()),
        ("verified", Some("nonce")),
        "{:?}",
        answer.verdict
    );
    let table = answer.facts.table();
    for path in ["evidence.verifier.status", "evidence.bound", "evidence.format"] {
        let Slot::Known(fact) = table.get(FactId::from_path(path).unwrap()) else { panic!("{path}") };
        assert_eq!(
            (fact.grade, fact.basis.names().collect::<Vec<_>>()),
            (Grade::Witnessed, vec!["verifier"])
        );
    }
    assert!(table.known().all(|(_, fact)| fact.grade < Grade::Attested));
}

#[test]
fn each_wrong_thing_is_refused_by_its_stage() {
    let device = |claims: &mut Value, member: &str, value: Value| claims["submods"]["device"][member] = value;
    for (case, refused) in [
        (Case::with(|claims| claims["eat_nonce"] = json!("b3RoZXI")), ("freshness", "nonce-mismatch")),
        (Case::with(|claims| claims["iat"] = json!(NOW + 3600)), ("freshness", "created-later")),
        (Case::with(|claims| claims["exp"] = json!(NOW - 1)), ("freshness", "stale")),
        (Case::with(|claims| claims["iat"] = Value::Null), ("format", "field-missing")),
        (Case::with(|claims| claims["submods"] = json!({})), ("format", "field-missing")),
        (
            Case::with(|claims| claims["submods"]["second"] = claims["submods"]["device"].clone()),
            ("format", "field-repeated"),
        ),
        (Case::with(|claims| device(claims, "ear.status", json!("fine"))), ("format", "field-mismatch")),
        (Case::with(|claims| device(claims, "ear.status", json!(128))), ("format", "field-mismatch")),
        (
            Case::with(|claims| device(claims, "ear.veraison.key-attestation", json!({}))),
            ("binding", "key-mismatch"),
        ),
        (Case { device: key(), ..Case::new() }, ("binding", "key-mismatch")),
    ] {
        assert_eq!(refusal(&case), refused, "{}", case.claims);
    }
}

#[test]
fn only_an_enrolled_verifier_counts() {
    let case = Case::new();
    let request = request(&case.device);
    let appraise = |token: &[u8], anchors: &AnchorSet| {
        appraise_with(&[token.to_vec()], Some(&request), anchors, Some(b"our nonce"), NOW, None)
    };
    assert_eq!(appraise(&case.token(), &case.anchors("\"psa-token\"")).verdict.name(), "unproven");
    let other = Case::new();
    let answer = appraise(&case.token(), &other.anchors("\"ear\""));
    assert_eq!(answer.verdict.reason().unwrap().code(), "signature-invalid");
    let mut own_key = case.token();
    let at = own_key.iter().rposition(|byte| *byte == b'.').unwrap() + 5;
    own_key[at] = if own_key[at] == b'A' { b'B' } else { b'A' };
    let answer = appraise(&own_key, &case.anchors("\"ear\""));
    assert_eq!(answer.verdict.reason().unwrap().code(), "signature-invalid");
}
