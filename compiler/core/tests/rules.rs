//! Every rule has a page, and every page shows what it says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    dead_code
)]
mod harness;

use harness::{blocks, compiled, expected, found};
use pkic_compiler::rules::{RULES, by_code};
use std::collections::BTreeSet;
use std::path::Path;

/// Rules without an example: it would be as long as the limit that it passes, or can't be seen.
const WITHOUT_EXAMPLE: [&str; 10] =
    ["E0001", "E0002", "E0004", "E0006", "E0007", "E0008", "E0009", "E0013", "E0308", "W0413"];

#[test]
fn failing_examples_fail_as_they_say_and_mended_ones_compile() {
    let mut wrong = Vec::new();
    for rule in RULES {
        let blocks = blocks(rule.page);
        if WITHOUT_EXAMPLE.contains(&rule.code) {
            assert!(blocks.is_empty(), "{} has an example after all", rule.code);
            continue;
        }
        let [failing, mended] = blocks.as_slice() else {
            panic!("{} has {} blocks", rule.code, blocks.len())
        };
        let (files, compilation) = compiled(failing);
        let (found_codes, expected_codes) = (found(&files, &compilation), expected(&files));
        if found_codes != expected_codes || expected_codes.iter().any(|code| !code.ends_with(rule.code)) {
            let messages: Vec<&str> =
                compilation.diagnostics.iter().map(|one| one.message.as_str()).collect();
            wrong.push(format!(
                "{}: found {found_codes:?}, expected {expected_codes:?}: {messages:?}",
                rule.code
            ));
        }
        let (files, compilation) = compiled(mended);
        if !compilation.diagnostics.is_empty() {
            let first = &compilation.diagnostics[0];
            wrong.push(format!("{}, mended: {:?} {}", rule.code, found(&files, &compilation), first.message));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules_are_sorted_and_cover_the_parser() {
    for pair in RULES.windows(2) {
        assert!(pair[0].code < pair[1].code, "{} stands before {}", pair[0].code, pair[1].code);
    }
    for code in pkic_syntax::codes::CODES {
        let rule = by_code(code.code).unwrap_or_else(|| panic!("{} has no page", code.code));
        assert_eq!(rule.name, code.name, "{}", code.code);
    }
    for rule in RULES {
        assert!(rule.page.starts_with(&format!("# {} {}\n", rule.code, rule.name)), "{}", rule.code);
        let is_warning = rule.severity == pkic_compiler::Severity::Warning;
        assert_eq!(is_warning, rule.code.starts_with('W'), "{}", rule.code);
    }
}

/// Codes in quotes, in the text of the passes.
fn emitted(dir: &Path, codes: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            emitted(&path, codes);
        } else if path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("rules.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for (at, _) in text.match_indices('"') {
                let code = text.get(at + 1..at + 7).unwrap_or_default();
                let digits = code.get(1..5).unwrap_or_default();
                let is_code = code.starts_with(['E', 'W']) && code.ends_with('"');
                if is_code && digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    codes.insert(code[..5].to_owned());
                }
            }
        }
    }
}

#[test]
fn every_code_that_is_emitted_has_a_page_and_every_page_a_code() {
    let mut codes = BTreeSet::new();
    emitted(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut codes);
    assert!(codes.len() > 30, "only {} codes were seen", codes.len());
    codes.extend(pkic_syntax::codes::CODES.iter().map(|code| code.code.to_owned()));
    let pages: BTreeSet<String> = RULES.iter().map(|rule| rule.code.to_owned()).collect();
    assert_eq!(codes, pages);
}
