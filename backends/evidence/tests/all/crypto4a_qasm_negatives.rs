//! Crypto4A messages with one thing wrong, and the stage that must refuse it.
//!
//! Nothing here makes an HSS signature: messages are the sample's, with a part of them exchanged, or synthetic ones whose
//! HSS signature is of something else, so that what is refused before it shows.

use crate::support;

use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use pkic_facts::der;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P384_SHA384, SigningKey,
};
use support::{Case, appraise_with, attested, cases, stage_and_code};

const NOW: i64 = 1_800_000_000;

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82][..], &length, content].concat()
}

fn sample() -> Option<Case> {
    cases().into_iter().find(|case| case.name == "crypto4a-qasm-ec256")
}

/// Version, claims, signatures and certificates of the sample, each as it stands.
fn parts(message: &[u8]) -> Vec<Vec<u8>> {
    let body = der::only("message", der::SEQUENCE, message).unwrap();
    der::elements("message", body, 4).unwrap().iter().map(|part| part.raw.to_vec()).collect()
}

fn blocks(signatures: &[u8]) -> Vec<Vec<u8>> {
    let body = der::only("signatures", der::SEQUENCE, signatures).unwrap();
    der::elements("signatures", body, 4).unwrap().iter().map(|block| block.raw.to_vec()).collect()
}

fn refusal_of(case: &Case, message: Vec<u8>) -> (&'static str, &'static str) {
    stage_and_code(&case.appraise(&[message], None))
}

#[test]
fn both_signatures_are_asked_for() {
    let Some(case) = sample() else { return };
    let whole = parts(&case.parts[0]);
    let of = |signatures: &[&Vec<u8>]| {
        let signatures: Vec<u8> = signatures.iter().flat_map(|block| block.to_vec()).collect();
        element(
            0x30,
            &[&whole[0], &whole[1], &element(0x30, &signatures), &whole[3]].map(Vec::as_slice).concat(),
        )
    };
    let [ecdsa, hss] = <[Vec<u8>; 2]>::try_from(blocks(&whole[2])).unwrap();
    assert_eq!(case.appraise(&[of(&[&ecdsa, &hss])], None).verdict.name(), "verified");
    assert_eq!(case.appraise(&[of(&[&hss, &ecdsa])], None).verdict.name(), "verified", "order says nothing");
    assert_eq!(refusal_of(&case, of(&[&ecdsa])), ("format", "field-missing"));
    assert_eq!(refusal_of(&case, of(&[&hss])), ("format", "field-missing"));
    assert_eq!(refusal_of(&case, of(&[&ecdsa, &ecdsa])), ("format", "field-repeated"));
    let mut changed = hss.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(refusal_of(&case, of(&[&ecdsa, &changed])), ("signature", "signature-invalid"));
    let mut changed = ecdsa.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(refusal_of(&case, of(&[&changed, &hss])), ("signature", "signature-invalid"));
}

#[test]
fn the_authority_must_be_there() {
    let Some(case) = sample() else { return };
    let whole = parts(&case.parts[0]);
    let without = element(0x30, &whole[..3].concat());
    assert_eq!(refusal_of(&case, without), ("path", "issuer-unknown"));
}

#[test]
fn every_claim_is_signed() {
    let Some(case) = sample() else { return };
    let whole = parts(&case.parts[0]);
    let body = der::only("claims", der::SEQUENCE, &whole[1]).unwrap();
    let (_, claims) = der::read("claims", body).unwrap();
    let claims: Vec<&[u8]> = {
        let list = der::only("claims", der::SEQUENCE, claims).unwrap();
        der::elements("claims", list, 64).unwrap().iter().map(|claim| claim.raw).collect()
    };
    for left_out in 0..claims.len() {
        let kept: Vec<u8> = claims
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != left_out)
            .flat_map(|(_, claim)| claim.to_vec())
            .collect();
        let claims = element(0x30, &[&[2, 1, 1][..], &element(0x30, &kept)].concat());
        let message = element(0x30, &[&whole[0], &claims, &whole[2], &whole[3]].map(Vec::as_slice).concat());
        assert_eq!(
            refusal_of(&case, message),
            ("signature", "signature-invalid"),
            "without claim {left_out}"
        );
    }
}

#[test]
fn a_message_in_pem_is_the_same() {
    use base64::Engine as _;
    let Some(case) = sample() else { return };
    let text = base64::engine::general_purpose::STANDARD.encode(&case.parts[0]);
    let lines: Vec<String> =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into()).collect();
    let label = "ATTESTATION MESSAGE";
    let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"));
    let answer = case.appraise(&[pem.into_bytes()], None);
    assert_eq!(attested(answer.facts.table()), case.expectation.expect.facts);
}

/// What is wrong with the signer of a synthetic message.
#[derive(Default)]
struct Signer {
    is_purpose_other: bool,
    is_authority_leaf: bool,
    is_by_other: bool,
    has_other_anchor: bool,
    claims: Option<Vec<u8>>,
}

impl Signer {
    fn refusal(&self) -> (&'static str, &'static str) {
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let (root_key, middle_key, leaf_key, other) = (key(), key(), key(), key());
        let named = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let mut root_params = named("C4A_RCA");
        root_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let mut middle_params = named("C4A_SCA");
        middle_params.is_ca =
            if self.is_authority_leaf { IsCa::NoCa } else { IsCa::Ca(BasicConstraints::Constrained(0)) };
        let mut leaf_params = named("Assertion Authority EC");
        let arc = if self.is_purpose_other { 2 } else { 1 };
        leaf_params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 39901, 4, 1, arc])];
        let root = root_params.self_signed(&root_key).unwrap();
        let middle =
            middle_params.signed_by(&middle_key, &Issuer::from_params(&root_params, &root_key)).unwrap();
        let leaf =
            leaf_params.signed_by(&leaf_key, &Issuer::from_params(&middle_params, &middle_key)).unwrap();
        let claims = self.claims.clone().unwrap_or_else(|| claims(&[claim([1, 4], None)]));
        let signature = (if self.is_by_other { &other } else { &leaf_key }).sign(&claims).unwrap();
        let signer = element(0x30, &element(0xa2, leaf.der()));
        let algorithm = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03";
        let bits = element(3, &[&[0][..], &signature].concat());
        let block = element(0x30, &[&signer[..], algorithm, &bits].concat());
        let certificates = element(0xa0, middle.der());
        let message = [&[2, 1, 1][..], &claims, &element(0x30, &block), &certificates].concat();
        let anchor = if self.has_other_anchor { root_params.self_signed(&other).unwrap() } else { root };
        let spki = Certificate::from_der(anchor.der()).unwrap().tbs().spki_digest();
        let listing = format!("[[anchor]]\nname = \"root\"\nspki = \"{spki}\"\npurpose = \"simulator\"\n");
        let anchors =
            AnchorSet::load(&[AnchorFile { name: "root.der", bytes: anchor.der() }], &listing).unwrap();
        let answer = appraise_with(&[element(0x30, &message)], None, &anchors, None, NOW, None);
        let reject = answer.verdict.reason().unwrap();
        (reject.stage().name(), reject.code())
    }
}

fn claim(predicate: [u8; 2], rest: Option<&[u8]>) -> Vec<u8> {
    let oid = [&[6, 11, 0x2b, 6, 1, 4, 1, 0x82, 0xb7, 0x5d, 6][..], &predicate].concat();
    element(0x30, &[&oid[..], rest.unwrap_or_default()].concat())
}

fn claims(claims: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &[&[2, 1, 1][..], &element(0x30, &claims.concat())].concat())
}

#[test]
fn each_wrong_signer_is_refused_by_its_stage() {
    let good = Signer::default;
    assert_eq!(
        good().refusal(),
        ("format", "field-missing"),
        "all is well but that there is no HSS signature"
    );
    assert_eq!(Signer { is_purpose_other: true, ..good() }.refusal(), ("path", "key-purpose"));
    assert_eq!(Signer { is_authority_leaf: true, ..good() }.refusal(), ("path", "not-an-authority"));
    assert_eq!(Signer { is_by_other: true, ..good() }.refusal(), ("signature", "signature-invalid"));
    assert_eq!(Signer { has_other_anchor: true, ..good() }.refusal(), ("path", "link-signature"));
}

#[test]
fn claims_that_do_not_decode_are_refused() {
    let refusal = |first: Vec<u8>| Signer { claims: Some(claims(&[first])), ..Signer::default() }.refusal();
    let malformed = ("parse", "malformed");
    assert_eq!(refusal(claim([2, 1], Some(&[0xa0, 2, 0x80, 0]))), malformed, "a short UUID");
    assert_eq!(refusal(claim([2, 1], Some(&[0xa1, 2, 0x89, 0]))), malformed, "a complement of no kind");
    assert_eq!(refusal(claim([1, 1], Some(&[0xa1, 3, 0x81, 1, 0xff]))), malformed, "a text that is none");
    assert_eq!(refusal(claim([2, 4], Some(&[0xa1, 2, 0x83, 0]))), malformed, "a number without octets");
    assert_eq!(refusal(claim([2, 4], Some(&[0xa1, 3, 0x83, 1, 4].repeat(2)))), malformed, "two complements");
    assert_eq!(refusal(claim([2, 4], Some(&[0xa2, 0]))), malformed, "a field of no kind");
}
