//! What the targets of evidence and of revocation share.
use pkic_evidence::appraise::{Appraisal, Input, Verdict, appraise as appraise_detected, appraise_as};
use pkic_evidence::formats::{Format, by_name};
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Strength;
use pkic_facts::path::{CaBit, KeyPurpose, PathInput, PathProfile, Validity, verify_path};
use pkic_facts::request::CertificationRequest;
use pkic_facts::revocation::{Revocation, RevocationData};
use pkic_facts::verified::Evidence;
use std::sync::OnceLock;

/// Any moment will do: 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;

/// What stands between two parts of an item.
const NEXT_PART: &[u8] = b"\n-- next part --\n";

/// Appraises an item of evidence as the format that `PKIC_FORMAT` names, without an anchor.
pub fn appraise_named(bytes: &[u8]) {
    static FORMAT: OnceLock<&Format> = OnceLock::new();
    let format = FORMAT.get_or_init(|| {
        let name = std::env::var("PKIC_FORMAT").unwrap_or_default();
        by_name(&name).unwrap_or_else(|| panic!("PKIC_FORMAT names no format: {name:?}"))
    });
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(NEXT_PART.len()).position(|window| window == NEXT_PART) {
        parts.push(&rest[..at]);
        rest = &rest[at + NEXT_PART.len()..];
    }
    parts.push(rest);
    let Ok(evidence) = Evidence::new("fuzz", &parts) else { return };
    check(&appraise_as(format, &input(&evidence, None, &AnchorSet::default())));
}

/// Appraises a request that is itself the item of evidence, without an anchor.
pub fn appraise_inside(bytes: &[u8]) {
    let Ok(request) = CertificationRequest::from_bytes(bytes) else { return };
    let Ok(evidence) = Evidence::new("fuzz", &[bytes]) else { return };
    check(&appraise_detected(&input(&evidence, Some(&request), &AnchorSet::default())));
}

fn input<'a>(
    evidence: &'a Evidence,
    request: Option<&'a CertificationRequest>,
    anchors: &'a AnchorSet,
) -> Input<'a> {
    Input { evidence, request, anchors, now: NOW, nonce: Some(b"nonce"), activation: None }
}

/// Nothing may be verified where nobody is trusted.
fn check(appraisal: &Appraisal) {
    assert_ne!(appraisal.verdict, Verdict::Verified, "verified without an anchor");
    assert!(appraisal.facts.provenance().is_none(), "attested facts without an anchor");
}

/// An attestation key's certificate that was recorded from swtpm, and its issuer, which has signed no list.
const LEAF: &[u8] = include_bytes!("../../../backends/evidence/tests/recorded/swtpm/ak-ec-certificate.der");
const ISSUER: &[u8] = include_bytes!("../../../backends/evidence/tests/recorded/swtpm/ak-ca.der");
const PROFILE: PathProfile = PathProfile {
    format: "tpm2-certify",
    certificates_max: 1,
    ca_bit: CaBit::Ignored,
    key_purpose: KeyPurpose::Any,
    validity: Validity::Ignored,
    critical_known: &[],
    strength: Strength::Current,
};

/// No list makes the recorded path good.
pub fn assert_not_good(data: RevocationData) {
    let anchors = AnchorSet::load(&[AnchorFile { name: "ak-ca.der", bytes: ISSUER }], "");
    let (Ok(anchors), Ok(leaf)) = (anchors, Certificate::from_der(LEAF)) else { unreachable!("both are committed") };
    let Ok(evidence) = Evidence::new("fuzz", &[LEAF]) else { unreachable!("it is small") };
    let anchors = anchors.with_revocation(data);
    let path = verify_path(&PathInput {
        evidence: &evidence,
        leaf: &leaf,
        carried: &[],
        anchors: &anchors,
        profile: &PROFILE,
        now: NOW,
    });
    assert!(path.is_ok_and(|path| path.revocation() != Revocation::Good), "a list of somebody else counts");
}
