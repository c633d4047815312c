//! A path that was not searched is no path.
use pkic_facts::anchors::AnchorRef;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::path::VerifiedPath;

fn forge(evidence: Sha256Digest, leaf: Certificate, anchor: AnchorRef) -> VerifiedPath {
    VerifiedPath { evidence, leaf, anchor, now: 0, not_after: None, certificates: 1 }
}

fn main() {}
