//! A path that was not searched is no path.
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::path::VerifiedPath;
use pkic_facts::revocation::Revocation;
use pkic_facts::verified::trail::Chain;
use std::sync::Arc;

fn forge(evidence: Sha256Digest, chain: Arc<Chain>) -> VerifiedPath {
    VerifiedPath { evidence, chain, now: 0, not_after: None, revocation: Revocation::Good }
}

fn main() {}
