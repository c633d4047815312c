//! Parsec tokens made of the recordings and of structures that a test signs, each differing from good ones in one thing.

use crate::tpm_support;

use ciborium::Value;
use pkic_evidence::appraise::{Input, appraise};
use pkic_evidence::tpm::public::Public;
use pkic_facts::anchors::AnchorSet;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use tpm_support::{Case, NONCE, NOW, recorded, sign};

type Answer = (&'static str, &'static str, &'static str);
const VERIFIED: Answer = ("verified", "", "");

/// Tokens with everything that their appraisal needs.
struct Tokens {
    tokens: Vec<(Value, Value)>,
    key: Option<Vec<u8>>,
    anchors: AnchorSet,
    request: Vec<u8>,
    nonce: Option<Vec<u8>>,
}

fn bytes(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn token(members: &[(&str, Value)]) -> Value {
    let version = (text("tpmVer"), text("2.0"));
    Value::Map(
        std::iter::once(version)
            .chain(members.iter().map(|(name, value)| (text(name), value.clone())))
            .collect(),
    )
}

fn kat(attest: &[u8], signature: &[u8], public: &[u8]) -> Value {
    token(&[("sig", bytes(signature)), ("certInfo", bytes(attest)), ("pubArea", bytes(public))])
}

fn pat(attest: &[u8], signature: &[u8]) -> Value {
    token(&[("sig", bytes(signature)), ("attestInfo", bytes(attest))])
}

/// `extraData` of a TPMS_ATTEST made afresh: the recorded certification has the constant of tpm2-tools there.
fn with_nonce(attest: &[u8], nonce: &[u8]) -> Vec<u8> {
    let signer_len = usize::from(attest[7]);
    let at = 8 + signer_len;
    let old_len = usize::from(attest[at + 1]);
    let len = u16::try_from(nonce.len()).unwrap().to_be_bytes();
    [&attest[..at], &len, nonce, &attest[at + 2 + old_len..]].concat()
}

impl Tokens {
    /// A key and a platform, both signed by a key that is enrolled here.
    fn good() -> Tokens {
        Tokens::with(|key, certified, quoted| {
            let certified = with_nonce(certified, NONCE);
            ((certified.clone(), sign(key, &certified)), (quoted.to_vec(), sign(key, quoted)))
        })
    }

    fn with(
        make: impl Fn(
            &aws_lc_rs::signature::EcdsaKeyPair,
            &[u8],
            &[u8],
        ) -> ((Vec<u8>, Vec<u8>), (Vec<u8>, Vec<u8>)),
    ) -> Tokens {
        let (case, key) = Case::certify("certify-ec", "app-ec").under_enrolled_key();
        let (certified, quoted) = (case.member("attest"), Case::quote().member("attest"));
        let ((certified, by), (quoted, platform_by)) = make(&key, &certified, &quoted);
        Tokens {
            tokens: vec![
                (text("kat"), kat(&certified, &by, Public::read(&case.member("public")).unwrap().bytes())),
                (text("pat"), pat(&quoted, &platform_by)),
            ],
            key: Some(Public::read(&case.member("ak-public")).unwrap().spki()),
            anchors: case.anchors.clone(),
            request: recorded("app-ec.csr"),
            nonce: Some(NONCE.to_vec()),
        }
    }

    fn answer(&self) -> Answer {
        let mut tokens = Vec::new();
        ciborium::into_writer(&Value::Map(self.tokens.clone()), &mut tokens).unwrap();
        let parts: Vec<&[u8]> = std::iter::once(tokens.as_slice()).chain(self.key.as_deref()).collect();
        let evidence = Evidence::new("tokens", &parts).unwrap();
        let request = CertificationRequest::from_bytes(&self.request).unwrap();
        let appraisal = appraise(&Input {
            evidence: &evidence,
            request: Some(&request),
            anchors: &self.anchors,
            now: NOW,
            nonce: self.nonce.as_deref(),
            activation: None,
        });
        let reason = appraisal.verdict.reason();
        assert_eq!(appraisal.facts.provenance().is_some(), reason.is_none());
        let stage = appraisal.verdict.stage().map_or("", |stage| stage.name());
        (appraisal.verdict.name(), stage, reason.map_or("", |reject| reject.code()))
    }
}

#[test]
fn good_tokens_verify() {
    assert_eq!(Tokens::good().answer(), VERIFIED);
    let mut alone = Tokens::good();
    alone.tokens.truncate(1);
    assert_eq!(alone.answer(), VERIFIED, "a platform token is not needed");
}

#[test]
fn a_platform_under_another_key_is_another_platform() {
    let mut tokens = Tokens::good();
    tokens.tokens[1] = Tokens::good().tokens[1].clone();
    assert_eq!(tokens.answer(), ("refused", "signature", "signature-invalid"));
}

#[test]
fn a_platform_of_another_challenge_does_not_stand_beside_a_key() {
    let tokens = Tokens::with(|key, certified, quoted| {
        let (certified, quoted) = (with_nonce(certified, NONCE), with_nonce(quoted, &NONCE[1..]));
        let (by, platform_by) = (sign(key, &certified), sign(key, &quoted));
        ((certified, by), (quoted, platform_by))
    });
    assert_eq!(tokens.answer(), ("refused", "format", "field-mismatch"));
}

#[test]
fn a_token_is_of_its_own_type() {
    let tokens = Tokens::with(|key, certified, _| {
        let certified = with_nonce(certified, NONCE);
        let signed = (certified.clone(), sign(key, &certified));
        (signed.clone(), signed)
    });
    assert_eq!(tokens.answer(), ("refused", "format", "field-mismatch"), "a certification is no platform");
    let tokens = Tokens::with(|key, _, quoted| {
        let signed = (quoted.to_vec(), sign(key, quoted));
        (signed.clone(), signed)
    });
    assert_eq!(tokens.answer(), ("refused", "format", "field-mismatch"), "a quote certifies no key");
}

#[test]
fn the_public_area_must_have_the_certified_name() {
    let mut tokens = Tokens::good();
    let other = Case::certify("certify-rsa", "app-rsa").member("public");
    let Value::Map(members) = &mut tokens.tokens[0].1 else { panic!() };
    members[3].1 = bytes(&other);
    assert_eq!(tokens.answer(), ("refused", "signature", "digest-mismatch"));
    let Value::Map(members) = &mut tokens.tokens[0].1 else { panic!() };
    members.remove(3);
    assert_eq!(tokens.answer(), ("refused", "format", "field-missing"));
}

#[test]
fn another_request_or_nonce_is_refused() {
    let mut tokens = Tokens::good();
    tokens.request = recorded("app-rsa.csr");
    assert_eq!(tokens.answer(), ("refused", "binding", "key-mismatch"));
    let mut tokens = Tokens::good();
    tokens.nonce = Some(NONCE[1..].to_vec());
    assert_eq!(tokens.answer(), ("refused", "freshness", "nonce-mismatch"));
}

#[test]
fn a_key_that_nobody_enrolled_proves_nothing() {
    let mut tokens = Tokens::good();
    tokens.key = Tokens::good().key;
    assert_eq!(tokens.answer(), ("unproven", "path", "key-not-enrolled"));
    tokens.key = None;
    assert_eq!(tokens.answer(), ("unproven", "format", "field-missing"));
}

#[test]
fn another_version_or_a_repeated_token_is_refused() {
    let mut tokens = Tokens::good();
    let Value::Map(members) = &mut tokens.tokens[0].1 else { panic!() };
    members[0].1 = text("1.2");
    assert_eq!(tokens.answer(), ("refused", "format", "field-mismatch"));
    let mut tokens = Tokens::good();
    tokens.tokens[1] = tokens.tokens[0].clone();
    assert_eq!(
        tokens.answer(),
        ("refused", "format", "field-missing"),
        "of two tokens of one name, neither counts"
    );
}

fn under_certificates(chain: &[&[u8]]) -> Tokens {
    let case = Case::certify("certify-ec", "app-ec");
    let mut certified = kat(&case.member("attest"), &case.member("signature"), &case.member("public"));
    let Value::Map(members) = &mut certified else { panic!() };
    members.push((text("x5c"), Value::Array(chain.iter().map(|der| bytes(der)).collect())));
    Tokens {
        tokens: vec![(text("kat"), certified)],
        key: None,
        anchors: AnchorSet::load(
            &[pkic_facts::anchors::AnchorFile { name: "ak-ca.der", bytes: &recorded("ak-ca.der") }],
            "",
        )
        .unwrap(),
        request: recorded("app-ec.csr"),
        nonce: None,
    }
}

#[test]
fn certificates_are_held_to_what_attestation_keys_have() {
    let good = recorded("ak-ec-certificate.der");
    assert_eq!(under_certificates(&[&good]).answer(), VERIFIED);
    let without_purpose = recorded("ak-ec-certificate-no-eku.der");
    assert_eq!(under_certificates(&[&without_purpose]).answer(), ("refused", "path", "key-purpose"));
    let other = recorded("ak-rsa-certificate.der");
    assert_eq!(under_certificates(&[&other]).answer(), ("refused", "signature", "algorithm-key-mismatch"));
    assert_eq!(under_certificates(&[good.as_slice(); 11]).answer(), ("refused", "parse", "too-large"));
    let mut elsewhere = under_certificates(&[&good]);
    elsewhere.anchors = tpm_support::anchors(&["ek-root.der"]);
    assert_eq!(elsewhere.answer(), ("refused", "path", "issuer-unknown"));
}
