//! A table that anybody may fill is not what appraisal makes.
use pkic_eval::Ask;
use pkic_runtime::authorize::{SignerFacts, authorize};
use pkic_runtime::bundle::Loaded;
use pkic_runtime::draft::Draft;
use pkic_runtime::issuer::Issuer;
use pkic_vocab::FactTable;

fn attempt(loaded: &Loaded, table: FactTable, draft: Draft, issuer: &Issuer, signer: &SignerFacts, ask: &Ask<'_>) {
    let _ = authorize(loaded, table, draft, issuer, signer, ask, 0);
}

fn main() {}
