//! What a requester says cannot be attested, whatever type it has.
use pkic_facts::facts::{Carried, Emission, Facts, Statement};
use pkic_facts::verified::Evidence;

struct Claim;

impl Statement for Claim {
    const FORMAT: &'static str = "yubikey-piv";

    fn attested_key(&self) -> &[u8] {
        &[]
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nothing
    }

    fn emit(&self, _: &mut Emission) {}
}

fn raise(facts: &mut Facts, evidence: &Evidence, claim: &Claim) {
    let _ = facts.attest(evidence, claim, None);
}

fn main() {}
