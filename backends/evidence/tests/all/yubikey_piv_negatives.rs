//! Synthetic Yubico PIV attestations, each with one thing wrong, and the stage that must refuse it.

use crate::support;

use pkic_evidence::Appraisal;
use pkic_facts::request::CertificationRequest;
use support::synthetic::{Made, Token};
use support::{appraise_with, attested, stage_and_code, verified_fact};

fn appraised(made: &Made) -> Appraisal {
    let parts = [made.request.clone()];
    appraise_with(&parts, Some(&made.request), &made.anchors, None, 1_800_000_000, None)
}

/// Stage and code of the refusal, after checking that it yields no facts.
fn refusal(token: Token) -> (&'static str, &'static str) {
    stage_and_code(&appraised(&token.make()))
}

fn fact(token: Token, path: &str) -> Option<String> {
    verified_fact(&appraised(&token.make()), path)
}

#[test]
fn the_unchanged_one_is_verified() {
    let answer = appraised(&Token::default().make());
    assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
    assert_eq!(answer.anchor().unwrap().purpose, pkic_vocab::Purpose::Simulator);
    assert_eq!(answer.freshness(), Some("none"));
    assert_eq!(attested(answer.facts.table())["evidence.bound"].1, "true");
}

#[test]
fn each_wrong_thing_is_refused_by_its_stage() {
    let good = Token::default;
    assert_eq!(refusal(Token { is_f9_user_loaded: true, ..good() }), ("path", "link-signature"));
    assert_eq!(refusal(Token { has_unknown_critical: true, ..good() }), ("path", "critical-extension"));
    assert_eq!(refusal(Token { is_request_for_other_key: true, ..good() }), ("binding", "key-mismatch"));
    assert_eq!(refusal(Token { device_firmware: vec![5, 7, 2], ..good() }), ("format", "field-mismatch"));
    assert_eq!(refusal(Token { device: "Yubico OpenPGP".into(), ..good() }), ("format", "field-mismatch"));
    assert_eq!(
        refusal(Token { slot: "YubiKey PIV Attestation f9".into(), ..good() }),
        ("format", "field-mismatch")
    );
    assert_eq!(refusal(Token { slot: "somebody".into(), ..good() }), ("format", "field-mismatch"));
    assert_eq!(refusal(Token { policies: None, ..good() }), ("format", "field-missing"));
    assert_eq!(refusal(Token { policies: Some(vec![2]), ..good() }), ("parse", "malformed"));
    let short = Token { firmware: vec![5, 7], ..good() };
    assert_eq!(refusal(short), ("parse", "malformed"));
    assert_eq!(refusal(Token { serial: Some(vec![4, 1, 0]), ..good() }), ("parse", "malformed"));
    assert_eq!(refusal(Token { form_factor: Some(vec![]), ..good() }), ("parse", "malformed"));
}

#[test]
fn a_request_that_proves_no_possession_binds_nothing() {
    let mut made = Token::default().make();
    *made.request.last_mut().unwrap() ^= 1;
    let answer = appraised(&made);
    let reject = answer.verdict.reason().unwrap();
    assert_eq!((reject.stage().name(), reject.code()), ("binding", "possession-unproven"));
    assert!(attested(answer.facts.table()).is_empty());
}

#[test]
fn the_anchors_of_another_chain_do_not_help() {
    let made = Made { anchors: Token::default().make().anchors, ..Token::default().make() };
    let reject = appraised(&made).verdict.reason().unwrap().code();
    assert_eq!(reject, "link-signature", "same name, other key");
}

#[test]
fn an_unlisted_root_has_no_purpose() {
    let answer = appraised(&Token { purpose: None, ..Token::default() }.make());
    assert_eq!(attested(answer.facts.table())["evidence.anchor.purpose"].1, "unspecified");
}

#[test]
fn what_the_token_does_not_say_is_absent() {
    assert_eq!(fact(Token { serial: None, ..Token::default() }, "module.serial"), None);
    assert_eq!(fact(Token { form_factor: None, ..Token::default() }, "module.model"), None);
    assert_eq!(fact(Token { form_factor: Some(vec![0x7f]), ..Token::default() }, "module.model"), None);
    assert_eq!(fact(Token { policies: Some(vec![9, 9]), ..Token::default() }, "key.user-presence"), None);
}

#[test]
fn the_fips_series_is_a_model_and_no_certification() {
    let answer = appraised(&Token { form_factor: Some(vec![0x81]), ..Token::default() }.make());
    let facts = attested(answer.facts.table());
    assert_eq!(facts["module.model"].1, "YubiKey FIPS USB-A Keychain");
    assert!(facts.keys().all(|path| !path.starts_with("module.fips") && path != "module.mode"), "{facts:?}");
}

#[test]
fn a_nonce_that_the_format_cannot_carry_is_not_answered() {
    let made = Token::default().make();
    let parts = [made.request.clone()];
    let nonce = Some(&b"ours"[..]);
    let answer = appraise_with(&parts, Some(&made.request), &made.anchors, nonce, 0, None);
    assert_eq!((answer.verdict.name(), answer.freshness()), ("verified", Some("none")));
}

/// Evidence in one request says nothing about another request, even one for the same key.
#[test]
fn evidence_of_another_request_is_not_found() {
    let made = Token::default().make();
    let other = Token::default().make();
    let answer =
        appraise_with(&[made.request], Some(&other.request), &made.anchors, None, 1_800_000_000, None);
    assert_eq!(answer.verdict.reason().unwrap().code(), "format-unknown");
    assert!(CertificationRequest::from_bytes(&other.request).unwrap().is_possession_proven());
}
