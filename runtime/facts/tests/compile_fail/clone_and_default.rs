//! Proof is not copied, and there is no proof by default.
use pkic_facts::path::VerifiedPath;
use pkic_facts::verified::{TrustedKey, Verified};

fn cloned(value: &Verified<u32>, key: &TrustedKey, path: &VerifiedPath) -> (Verified<u32>, TrustedKey, VerifiedPath) {
    (value.clone(), key.clone(), path.clone())
}

fn by_default() -> (Verified<u32>, TrustedKey) {
    (Default::default(), Default::default())
}

fn main() {}
