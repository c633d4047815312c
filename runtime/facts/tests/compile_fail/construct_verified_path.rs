//! A path that was not searched is no path.
use pkic_facts::anchors::AnchorRef;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::path::VerifiedPath;
use pkic_facts::revocation::Revocation;

fn forge(evidence: Sha256Digest, leaf: Certificate, anchor: AnchorRef) -> VerifiedPath {
    let (issuers, revocation) = (Vec::new(), Revocation::Good);
    VerifiedPath { evidence, leaf, issuers, anchor, now: 0, not_after: None, revocation }
}

fn main() {}
