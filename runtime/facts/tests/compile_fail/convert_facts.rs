//! Facts are not made from a table that anybody may fill.
use pkic_facts::facts::Facts;
use pkic_vocab::FactTable;

fn by_conversion(table: FactTable) -> Facts {
    Facts::from(table)
}

fn main() {}
