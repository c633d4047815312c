//! A decoder cannot look at anything but the signed bytes.
use pkic_facts::crypto::Strength;
use pkic_facts::reject::Reject;
use pkic_facts::verified::{SignedBytes, TrustedKey, Verified, mint};

fn smuggle(signed: &SignedBytes, key: &TrustedKey, unsigned: Vec<u8>) -> Result<Verified<Vec<u8>>, Reject> {
    mint(signed, key, Strength::Current, |_| Ok(unsigned.clone()))
}

fn main() {}
