//! Facts for a person: path, value, and how well it is known.
use crate::output::inert;
use pkic_vocab::{BasisSet, Fact, FactTable, Path, Purpose};

/// Path, value, and how it is known, for the facts that are asked for.
pub(crate) fn fact_rows(table: &FactTable, is_shown: impl Fn(&Fact) -> bool) -> Vec<Vec<String>> {
    table
        .known()
        .filter(|(_, fact)| is_shown(fact))
        .map(|(path, fact)| vec![path_name(&path), inert(&fact.value.to_string()), known_as(fact)])
        .collect()
}

/// `attested by statement (simulator anchor)`.
fn known_as(fact: &Fact) -> String {
    let mut text = fact.grade.name().to_owned();
    if fact.basis != BasisSet::EMPTY {
        let names: Vec<&str> = fact.basis.names().collect();
        text.push_str(&format!(" by {}", names.join(", ")));
    }
    if fact.purpose != Purpose::Production {
        text.push_str(&format!(" ({} anchor)", fact.purpose.name()));
    }
    text
}

/// The path with its declared name in place of `*`.
pub(crate) fn path_name(path: &Path) -> String {
    match &path.name {
        Some(name) => format!("{}{name}", path.fact.def().path.trim_end_matches('*')),
        None => path.fact.def().path.to_owned(),
    }
}
