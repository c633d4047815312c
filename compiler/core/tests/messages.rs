//! The messages that the language was designed with: what they say, where, and how they mend it.
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

use harness::compiled;
use pkic_compiler::{Compilation, Diagnostic, SourceFile};

fn only(block: &str) -> (Vec<SourceFile>, Diagnostic) {
    let (files, compilation) = compiled(block);
    let Compilation { mut diagnostics, .. } = compilation;
    assert_eq!(diagnostics.len(), 1, "{diagnostics:?}");
    (files, diagnostics.remove(0))
}

/// The text that a diagnostic points at.
fn pointed<'f>(files: &'f [SourceFile], one: &Diagnostic) -> &'f str {
    &files[one.file].text[one.span.start as usize..one.span.end as usize]
}

/// The file with the fix made.
fn mended(files: &[SourceFile], one: &Diagnostic) -> String {
    let fix = one.fix.as_ref().unwrap();
    let mut text = files[fix.file].text.clone();
    text.replace_range(fix.span.start as usize..fix.span.end as usize, &fix.text);
    text
}

#[test]
fn unknown_fact() {
    let (files, one) = only("profile p {\n    key.exportable == never\n}\n");
    assert_eq!((one.code, one.message.as_str()), ("E0101", "unknown fact `key.exportable`"));
    assert_eq!(one.help.as_deref(), Some("did you mean `key.export`? (never, domain, wrapped, plain)"));
    assert_eq!(pointed(&files, &one), "key.exportable");
}

#[test]
fn braces_for_values_have_a_safe_fix() {
    let (files, one) = only("profile p {\n    key.storage in { tpm, se }\n}\n");
    assert_eq!(one.code, "E0107");
    assert!(one.fix.as_ref().unwrap().safe);
    assert!(compiled(&mended(&files, &one)).1.diagnostics.is_empty());
}

#[test]
fn a_record_is_spelled_out() {
    let test = |given: &str| {
        format!(
            "profile p {{ role workload }}\ntest \"t\" {{\n    request p issue from \"a\"\n    with {given}\n    expect permit\n}}\n"
        )
    };
    let (files, one) = only(&test("key.advisories = [fixed]"));
    assert_eq!((one.code, one.message.as_str()), ("E0201", "a member of this list is a record"));
    assert_eq!(
        one.help.as_deref(),
        Some("write its fields in parentheses: `(id = …, status = …, severity = …)`")
    );
    assert_eq!(pointed(&files, &one), "fixed");
    let (files, one) = only(&test("key.advisories = [(sevrity = high)]"));
    assert_eq!((one.code, one.message.as_str()), ("E0102", "`sevrity` is no field of the record"));
    assert_eq!(one.help.as_deref(), Some("did you mean `severity`?"));
    assert_eq!(pointed(&files, &one), "sevrity");
}

#[test]
fn layout_does_not_change_a_program() {
    let spread =
        "profile p {\n  good:evidence.anchor.name in[ \"a\" ] // why\n  contents{ validity<=90d }\n}\n";
    let neat =
        "profile p {\n    good: evidence.anchor.name in [\"a\"]\n    contents { validity <= 90d }\n}\n";
    let texts = [spread, neat].map(|block| {
        let program = compiled(block).1.program.unwrap();
        let lines = program.requirements.iter().map(|one| one.text.clone());
        let fields = program.profiles.iter().flat_map(|one| &one.contents).map(|one| one.text.clone());
        lines.chain(fields).collect::<Vec<_>>()
    });
    assert_eq!(texts[0], ["good: evidence.anchor.name in [\"a\"]", "validity <= 90d"]);
    assert_eq!(texts[0], texts[1]);
}

#[test]
fn missing_unit() {
    let (files, one) = only("profile p {\n    certificate.validity <= 200\n}\n");
    assert_eq!((one.code, one.message.as_str()), ("E0204", "`200` has no unit"));
    assert_eq!(one.help.as_deref(), Some("`200d`; units are s, min, h, d, mo, y"));
    assert!(!one.fix.as_ref().unwrap().safe, "days are a guess");
    assert!(mended(&files, &one).contains("<= 200d"));
}

#[test]
fn storage_not_stated() {
    let page = pkic_compiler::rules::by_code("E0302").unwrap().page;
    let (files, one) = only(&harness::blocks(page)[0]);
    assert_eq!(one.message, "profile `kiosk-tls` does not say where its key may be");
    assert_eq!(
        one.help.as_deref(),
        Some("`key.storage in [...]`, or `key.storage in any` for policy on trust")
    );
    assert_eq!(pointed(&files, &one), "kiosk-tls");
}

#[test]
fn draft_adopted() {
    let page = pkic_compiler::rules::by_code("E0411").unwrap().page;
    let (files, one) = only(&harness::blocks(page)[0]);
    assert_eq!(one.message, "`retire` cites a draft (A draft, 2024-11)");
    assert_eq!(one.help.as_deref(), Some("adopt retire as advice"));
    assert_eq!(one.related.len(), 1);
    assert!(compiled(&mended(&files, &one)).1.diagnostics.is_empty());
}

#[test]
fn exception_permits_nothing() {
    let page = pkic_compiler::rules::by_code("E0405").unwrap().page;
    let (_, one) = only(&harness::blocks(page)[0]);
    assert_eq!(
        one.message,
        "exception `retrofit` permits nothing: mandate `example.hardware` (key.storage) still refuses every request that it waives"
    );
    assert_eq!(one.notes, ["mandates are not waivable"]);
}

#[test]
fn every_safe_fix_leads_to_a_policy_without_that_finding() {
    let mut count = 0;
    for rule in pkic_compiler::rules::RULES {
        for block in harness::blocks(rule.page) {
            let (files, compilation) = compiled(&block);
            for one in
                compilation.diagnostics.iter().filter(|one| one.fix.as_ref().is_some_and(|fix| fix.safe))
            {
                count += 1;
                if one.file != 0 || files.len() > 1 {
                    continue;
                }
                let again = compiled(&mended(&files, one)).1;
                assert!(
                    again.diagnostics.iter().all(|other| other.code != one.code),
                    "{}: the fix does not mend it",
                    one.code
                );
            }
        }
    }
    assert!(count > 5, "only {count} fixes were seen");
}

#[test]
fn messages_are_in_house_style() {
    for rule in pkic_compiler::rules::RULES {
        for block in harness::blocks(rule.page) {
            for one in compiled(&block).1.diagnostics {
                let first = one.message.chars().next().unwrap();
                assert!(!first.is_uppercase(), "{}: {}", one.code, one.message);
                assert!(!one.message.ends_with('.'), "{}: {}", one.code, one.message);
                assert!(
                    one.help.is_some() || one.code == "E0208" || one.code.starts_with("E00"),
                    "{} has no help: {}",
                    one.code,
                    one.message
                );
            }
        }
    }
}
