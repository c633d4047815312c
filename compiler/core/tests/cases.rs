//! Policies and what is wrong with them: every file in cases/.
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

use harness::{compiled, expected, found};

#[test]
fn every_case_gives_the_codes_on_its_lines() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
    let mut count = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let page = std::fs::read_to_string(entry.path()).unwrap();
        for section in page.split("\n## ").skip(1) {
            let name = section.lines().next().unwrap_or_default();
            for block in harness::blocks(section) {
                count += 1;
                let (files, compilation) = compiled(&block);
                let (found, expected) = (found(&files, &compilation), expected(&files));
                if found != expected {
                    let messages: Vec<&str> =
                        compilation.diagnostics.iter().map(|one| one.message.as_str()).collect();
                    wrong.push(format!("{name}: found {found:?}, expected {expected:?}: {messages:?}"));
                }
            }
        }
    }
    assert!(count > 20, "only {count} cases were seen");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
