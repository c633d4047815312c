//! docs/evidence.md against the build: every format has its row, and the items that it counts are verified.

use crate::support;

use pkic_evidence::formats::FORMATS;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use support::Expectation;

/// The cells of each row, the name without its quotes.
fn rows() -> Vec<Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/evidence.md");
    let text = std::fs::read_to_string(page).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 6, "{row}");
        cells
            .into_iter()
            .map(|cell| cell.strip_prefix('`').map_or(cell, |name| name.trim_end_matches('`')).to_owned())
            .collect()
    })
    .collect()
}

/// How many different items an expectation says are verified, by format.
fn verified() -> BTreeMap<String, usize> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected");
    let mut items: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let expectation: Expectation = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        if expectation.expect.verdict == "verified" {
            let parts = expectation.evidence.iter().map(|part| part.sha256.clone()).collect();
            items.entry(expectation.format).or_default().insert(parts);
        }
    }
    items.into_iter().map(|(format, items)| (format, items.len())).collect()
}

#[test]
fn every_format_is_documented_with_what_was_verified() {
    let rows = rows();
    let documented: Vec<[&str; 3]> = rows.iter().map(|row| [row[0].as_str(), &row[1], &row[2]]).collect();
    let built: Vec<[&str; 3]> =
        FORMATS.iter().map(|format| [format.name, format.proves, format.leaves_open]).collect();
    assert_eq!(documented, built, "docs/evidence.md has a row for each format, in the order of the table");
    let verified = verified();
    for (name, counted) in rows.iter().map(|row| (&row[0], &row[5])) {
        let words = counted.split(|c: char| !c.is_ascii_alphanumeric());
        let sum: usize = words.filter_map(|word| word.parse::<usize>().ok()).sum();
        let found = verified.get(name).copied().unwrap_or(0);
        assert_eq!(sum, found, "{name}: the page counts `{counted}`");
    }
}

#[test]
fn every_format_says_what_no_signature_covers() {
    for format in FORMATS {
        assert!(!format.unsigned.is_empty() && !format.unsigned.ends_with('.'), "{}", format.name);
    }
}

/// Formats that policies may name and this crate does not read: what would rest on the first is unknown, and the second
/// is what every sandboxed format is called.
const UNREAD: [&str; 2] = ["tcg-csr-idevid", "plugin"];

/// Every other word of the vocabulary for a format is one that this build reads, and the other way round.
#[test]
fn the_vocabulary_has_just_these_formats() {
    let words = pkic_vocab::Words::Format.all().map(|word| word.name());
    let words: BTreeSet<&str> = words.filter(|word| !UNREAD.contains(word)).collect();
    let formats: BTreeSet<&str> = FORMATS.iter().map(|format| format.name).collect();
    assert_eq!(words, formats);
}
