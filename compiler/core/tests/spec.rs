//! The reference of the language is true: its examples compile, fail and decide as they say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[path = "spec/check.rs"]
mod check;
#[path = "spec/decide.rs"]
mod decide;
#[path = "spec/pages.rs"]
mod pages;

use pages::{folder, pages, read};
use pkic_vocab::limits;

#[test]
fn rules_are_numbered_in_order_and_have_examples() {
    let mut chapters = Vec::new();
    for page in pages().iter().filter(|page| page.name != "README.md") {
        let chapter: u32 = page.name.split('-').next().unwrap().parse().unwrap();
        chapters.push(chapter);
        let numbers: Vec<(u32, u32)> = page.rules.iter().map(|rule| rule.number).collect();
        let expected: Vec<(u32, u32)> = (1..).map(|rule| (chapter, rule)).take(numbers.len()).collect();
        assert_eq!(numbers, expected, "{}", page.name);
        for rule in &page.rules {
            assert!(!rule.examples.is_empty(), "R{}.{} has no example", rule.number.0, rule.number.1);
        }
    }
    assert_eq!(chapters, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn rules_that_are_pointed_at_exist() {
    let pages = pages();
    let exists = |number: &str| pages.iter().any(|page| page.text.contains(&format!("### R{number} ")));
    for page in &pages {
        for (before, _) in page.text.match_indices("(R") {
            let number = page.text[before + 2..].split(')').next().unwrap();
            assert!(exists(number), "{} points at R{number}", page.name);
        }
    }
}

#[test]
fn axioms_are_numbered_in_order() {
    let meaning = read(&folder().join("8-meaning.md"));
    let numbers = meaning.lines().filter_map(|line| line.strip_prefix("- **A")?.split('*').next());
    let numbers: Vec<usize> = numbers.map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<usize>>());
    assert!(!numbers.is_empty());
}

#[test]
fn examples_are_as_they_say() {
    let pages = pages();
    let examples = || pages.iter().flat_map(|page| &page.rules).flat_map(|rule| &rule.examples);
    assert!(examples().count() > 80, "only {} examples were found", examples().count());
    let mistakes: Vec<String> = examples().flat_map(check::mistakes).collect();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn there_is_one_grammar() {
    let grammar = folder().join("../syntax/src/pki.pest");
    assert!(read(&grammar).contains("file = {"));
    let links =
        pages().iter().map(|page| page.text.matches("(../syntax/src/pki.pest)").count()).sum::<usize>();
    assert_eq!(links, 1);
    for page in pages() {
        assert!(!page.text.contains("::=") && !page.text.contains(" = {"), "{} has a grammar", page.name);
    }
}

#[test]
fn limits_are_the_ones_that_are_applied() {
    let numbers = [
        ("FILE_BYTES_MAX", pkic_syntax::limits::FILE_BYTES_MAX),
        ("NESTING_MAX", pkic_syntax::limits::NESTING_MAX),
        ("LIST_ELEMENTS_MAX", pkic_syntax::limits::LIST_ELEMENTS_MAX),
        ("TEST_ROWS_MAX", pkic_syntax::limits::TEST_ROWS_MAX),
        ("NAME_BYTES_MAX", pkic_syntax::limits::NAME_BYTES_MAX),
        ("STRING_BYTES_MAX", pkic_syntax::limits::STRING_BYTES_MAX),
        ("FACT_LIST_LEN_MAX", limits::FACT_LIST_LEN_MAX),
        ("PROFILE_REQUIREMENTS_MAX", limits::PROFILE_REQUIREMENTS_MAX),
        ("PROFILES_MAX", limits::PROFILES_MAX),
        ("REFINES_DEPTH_MAX", limits::REFINES_DEPTH_MAX),
    ];
    let meaning = read(&folder().join("8-meaning.md"));
    let rows: Vec<&str> = meaning.lines().filter(|line| line.ends_with("_MAX` |")).collect();
    assert_eq!(rows.len(), numbers.len());
    for (row, (name, number)) in rows.iter().zip(numbers) {
        assert!(row.ends_with(&format!("| {number} | `{name}` |")), "{row} but {name} is {number}");
    }
}
