//! A permit has no maker outside, and its bytes cannot be replaced.
use pkic_facts::crypto::Sha256Digest;
use pkic_runtime::permit::{Permit, TbsBytes};

fn attempt(mut permit: Permit, tbs: Vec<u8>) -> TbsBytes {
    permit.tbs = tbs.clone();
    let _ = Permit::new(tbs.clone());
    TbsBytes { tbs, signer: Sha256Digest([0; 32]) }
}

fn main() {}
