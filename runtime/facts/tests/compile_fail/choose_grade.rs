//! No door takes a grade: a claim stays a claim.
use pkic_facts::facts::Facts;
use pkic_vocab::{Grade, Value};

fn raise(facts: &mut Facts) {
    let _ = facts.claim("key.origin", Value::Bool(true), Grade::Attested);
}

fn main() {}
