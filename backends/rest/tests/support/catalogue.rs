//! The shipped catalogue, joined to what a store observes.
#![allow(dead_code, unreachable_pub, unused_imports)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use pkic_facts::catalogue::{Catalogue, Trust};
use pkic_facts::envelope::peek;
use pkic_facts::facts::Facts;
use std::path::Path;

/// The starter catalogue at the moment it was made.
pub fn starter() -> Catalogue {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let bytes = std::fs::read(root.join("stdlib-profiles/catalogue/starter.pkic")).unwrap();
    let peeked = peek(&bytes).unwrap();
    let trust = Trust { names: &["starter"], signers: &[peeked.signer], age_s_max: None };
    Catalogue::open(&bytes, &trust, None, peeked.manifest.created).unwrap()
}

/// Every fact that is known, with its grade.
pub fn shown(facts: &Facts) -> Vec<String> {
    let known = facts.table().known();
    known
        .map(|(path, fact)| format!("{} = {}, {}", path.fact.def().path, fact.value, fact.grade.name()))
        .collect()
}
