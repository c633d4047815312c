//! Facts cannot be made of a table, nor their table changed.
use pkic_facts::facts::Facts;
use pkic_runtime::appraise::Appraised;
use pkic_vocab::FactTable;

fn attempt(appraised: &mut Appraised, table: FactTable) {
    appraised.facts.table = table.clone();
    appraised.facts = Facts::from(table);
}

fn main() {}
