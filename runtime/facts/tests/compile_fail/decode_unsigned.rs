//! A sandboxed format is given what was verified, never a payload that somebody brings.
use pkic_facts::facts::{Facts, Payload, PayloadDecoder};
use pkic_facts::verified::Evidence;

fn by_the_back_door(facts: &mut Facts, evidence: &Evidence, payload: &Payload, decoder: &dyn PayloadDecoder) {
    let _ = facts.attest_decoded(evidence, payload, decoder, None);
}

fn main() {}
