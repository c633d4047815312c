//! What the evidence targets share.
use pkic_evidence::appraise::{Appraisal, Input, Verdict, appraise as appraise_detected, appraise_as};
use pkic_facts::anchors::AnchorSet;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;

/// Any moment will do: 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;

/// Appraises an item of evidence as a format, without an anchor.
pub fn appraise(format: &str, parts: &[&[u8]]) {
    let (Some(format), Ok(evidence)) = (pkic_evidence::formats::by_name(format), Evidence::new("fuzz", parts)) else {
        return;
    };
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
