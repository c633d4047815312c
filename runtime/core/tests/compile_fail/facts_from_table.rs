//! Facts cannot be made of a table, nor their table changed, nor what was appraised be put together by hand.
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::facts::Facts;
use pkic_runtime::appraise::Appraised;
use pkic_vocab::FactTable;

fn attempt(appraised: &mut Appraised, table: FactTable) {
    *appraised.facts() = Facts::from(table);
}

fn assemble(facts: Facts, csr: Sha256Digest) -> Appraised {
    let (items, catalogues, statements, revocation) = (Vec::new(), Vec::new(), Vec::new(), (Vec::new(), None));
    Appraised { facts, items, csr, anchors: None, catalogues, statements, revocation, challenge: None }
}

fn main() {}
