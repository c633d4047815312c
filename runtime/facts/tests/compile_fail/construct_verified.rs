//! A verified value cannot be written down.
use pkic_facts::verified::{Provenance, Verified};

fn forge(provenance: Provenance) -> Verified<u32> {
    Verified { value: 1, provenance }
}

fn main() {}
