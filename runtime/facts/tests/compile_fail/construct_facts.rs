//! Facts cannot be written down.
use pkic_facts::facts::Facts;
use pkic_vocab::FactTable;

fn forge(table: FactTable) -> Facts {
    Facts { table, origin: None, attested: None }
}

fn main() {}
