//! A draft's bytes cannot be replaced after it was made, nor a program given a seal.
use pkic_runtime::bundle::{Loaded, Seal};
use pkic_runtime::draft::Draft;

fn attempt(draft: &mut Draft, loaded: &mut Loaded, seal: Seal) {
    draft.tbs = Vec::new();
    draft.pending.clear();
    loaded.seal = Some(seal);
}

fn main() {}
