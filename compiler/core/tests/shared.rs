//! The seven policies that the language was tried on, where they are at hand beside the workspace.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
#![allow(clippy::print_stderr)]
use pkic_compiler::{Options, SourceFile, compile};

fn policies() -> Vec<SourceFile> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/policies");
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<SourceFile> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|ext| ext == "pki"))
        .map(|entry| SourceFile {
            name: entry.file_name().to_string_lossy().into_owned(),
            text: std::fs::read_to_string(entry.path()).unwrap(),
        })
        .collect();
    files.sort_by(|left, right| left.name.cmp(&right.name));
    files
}

/// Code and line of every finding in the root.
fn findings(files: &[SourceFile], root: usize) -> Vec<String> {
    let compilation = compile(files, root, &Options::default());
    let mut found = Vec::new();
    for one in &compilation.diagnostics {
        let text = &files[one.file].text;
        let line = text[..one.span.start as usize].matches('\n').count() + 1;
        eprintln!("{}:{line}: {} {} help: {:?}", files[one.file].name, one.code, one.message, one.help);
        found.push(format!("{}:{line} {}", files[one.file].name, one.code));
    }
    found
}

/// What these policies leave undefined, and how it is mended.
const EDITS: [(&str, &str, &str); 3] = [
    ("1-std-profiles.pki", "adopt cabf-tls-validity", "adopt std.mandates.cabf-tls-validity"),
    ("1-std-profiles.pki", "== authority.matter-vid", "== authority.subject.matter-vid"),
    ("5-tests.pki", "request idevid", "request acme.devices.idevid"),
];

#[test]
fn shared_policies_show_what_they_leave_undefined() {
    let files = policies();
    if files.is_empty() {
        eprintln!("skipped: ../shared/policies is not at hand");
        return;
    }
    let std = ["1-std-profiles.pki:36 E0103", "1-std-profiles.pki:195 E0101"];
    for root in 0..files.len() {
        let found = findings(&files, root);
        match files[root].name.as_str() {
            "2-mandates.pki" => assert_eq!(found, Vec::<String>::new()),
            "5-tests.pki" => assert_eq!(found.iter().filter(|one| one.starts_with("5-tests.pki")).count(), 4),
            _ => assert_eq!(found, std),
        }
    }
}

#[test]
fn shared_policies_compile_with_small_edits() {
    let mut files = policies();
    for (name, from, to) in EDITS {
        for file in files.iter_mut().filter(|file| file.name == name) {
            assert!(file.text.contains(from), "{name} has no `{from}`");
            file.text = file.text.replace(from, to);
        }
    }
    for file in files.iter_mut().filter(|file| file.name == "1-std-profiles.pki") {
        file.text = file.text.replacen("source ", "use std.mandates \"2026.11.0\"\n\nsource ", 1);
    }
    for root in 0..files.len() {
        eprintln!("== {}", files[root].name);
        let found = findings(&files, root);
        let compilation = compile(&files, root, &Options::default());
        assert!(found.iter().all(|one| !one.contains(" E")), "{}: {found:?}", files[root].name);
        let program = compilation.program.unwrap();
        assert_eq!(pkic_ir::check(&program), Ok(()), "{}", files[root].name);
        if files[root].name == "5-tests.pki" {
            assert_eq!(compilation.tests.len(), 6);
            assert_eq!(compilation.tests[3].rows.len(), 6);
        }
    }
}
