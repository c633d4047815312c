//! A key is not trusted because somebody says so.
use pkic_facts::verified::{Provenance, TrustedKey};

fn forge(spki: Vec<u8>, provenance: Provenance) -> TrustedKey {
    TrustedKey { spki, provenance }
}

fn main() {}
