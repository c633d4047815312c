//! What the evidence targets share.
use pkic_evidence::appraise::{Input, Verdict, appraise_as};
use pkic_facts::anchors::AnchorSet;
use pkic_facts::verified::Evidence;

/// Appraises bytes as a format, without an anchor: nothing may be verified then.
pub fn appraise(format: &str, bytes: &[u8]) {
    let (Some(format), Ok(evidence)) = (pkic_evidence::formats::by_name(format), Evidence::new("fuzz", bytes)) else {
        return;
    };
    let anchors = AnchorSet::default();
    let input = Input { evidence: &evidence, request: None, anchors: &anchors, now: 1_767_225_600, nonce: Some(b"nonce"), activation: None };
    let appraisal = appraise_as(format, &input);
    assert_ne!(appraisal.verdict, Verdict::Verified, "verified without an anchor");
    assert!(appraisal.facts.provenance().is_none(), "attested facts without an anchor");
}
