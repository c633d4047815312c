//! The value behind a proof cannot be exchanged.
use pkic_facts::verified::Verified;

fn swap(verified: &mut Verified<u32>) {
    *verified.value() = 7;
}

fn main() {}
