//! A permit cannot be copied, nor the bytes that it leaves.
use pkic_runtime::permit::{Permit, TbsBytes};

fn attempt(permit: &Permit, bytes: &TbsBytes) -> (Permit, TbsBytes) {
    (permit.clone(), bytes.clone())
}

fn main() {}
