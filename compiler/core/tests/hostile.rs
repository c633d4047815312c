//! No text panics the compiler, and a program that comes out is well formed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    dead_code
)]
mod harness;
#[path = "../../../lang/syntax/tests/nasty/mod.rs"]
mod nasty;

use nasty::policy::{meant, repeated, shuffled};
use nasty::{SIZE, answers, noise};
use pkic_compiler::{Options, SourceFile, compile};
use proptest::prelude::*;

/// Everything that the pages show: each construct of the language, right and wrong.
fn corpus() -> Vec<String> {
    pkic_compiler::rules::RULES.iter().flat_map(|rule| harness::blocks(rule.page)).collect()
}

fn check(files: &[SourceFile]) {
    let compilation = compile(files, 0, &Options { at: Some(1_800_000_000) });
    let has_error = compilation.diagnostics.iter().any(|one| one.severity == pkic_compiler::Severity::Error);
    assert_eq!(compilation.program.is_none(), has_error);
    for one in &compilation.diagnostics {
        let text = &files[one.file].text;
        assert!(text.get(one.span.start as usize..one.span.end as usize).is_some(), "{one:?}");
        assert!(pkic_compiler::rules::by_code(one.code).is_some(), "{one:?}");
    }
    if let Some(program) = &compilation.program {
        assert_eq!(pkic_ir::check(program), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_policies_never_panic(
        pick in 0usize..10_000,
        other in 0usize..10_000,
        cuts in proptest::collection::vec((0usize..2_000, 0usize..40, 0usize..2_000), 0..4),
    ) {
        let corpus = corpus();
        let mut text = harness::files(&corpus[pick % corpus.len()])[0].text.clone();
        let donor = harness::files(&corpus[other % corpus.len()])[0].text.clone();
        for (at, len, from) in cuts {
            let floor = |text: &str, at: usize| {
                let mut at = at % (text.len() + 1);
                while !text.is_char_boundary(at) { at -= 1; }
                at
            };
            let start = floor(&text, at);
            let end = floor(&text, start + len.min(text.len() - start)).max(start);
            let (left, right) = { let a = floor(&donor, from); let b = floor(&donor, from + len); (a.min(b), a.max(b)) };
            text.replace_range(start..end, &donor[left..right]);
        }
        check(&[SourceFile { name: "a.pki".to_owned(), text }]);
    }
}

fn check_bytes(bytes: &[u8]) {
    let text = nasty::cut(String::from_utf8_lossy(bytes).into_owned(), bytes.len());
    check(&[SourceFile { name: "a.pki".to_owned(), text }]);
}

/// As long as a file may be. The parser's test gives it all parts at that length.
#[test]
fn any_text_is_answered() {
    let parts = repeated(SIZE / 8).into_iter().step_by(4);
    answers("compiler, text", noise(SIZE).into_iter().chain(shuffled(SIZE)).chain(parts), check_bytes);
    answers("compiler, policies", meant(SIZE).into_iter().step_by(2), check_bytes);
}

/// Policies as long as a file may be: parsed, resolved, lowered and costed, or told what is wrong with them.
#[test]
fn any_policy_is_answered() {
    answers("compiler, further policies", meant(SIZE).into_iter().skip(1).step_by(2), check_bytes);
}

/// Files beside the policy that is asked about: what uses them reads them, and nothing else does.
#[test]
fn any_neighbours_are_answered() {
    let text = |name: String, uses: &str| format!("edition 2026\npolicy {name} \"1\"\n{uses}");
    let step = |index: usize| text(format!("p{index}"), &format!("use p{} \"1\"\n", index + 1));
    let below = |index: usize| text(format!("p0.a{index}"), "use p0 \"1\"\n");
    let named = |inputs: [(&str, String); 3]| inputs.map(|(name, text)| (name.to_owned(), text.into_bytes()));
    let parts =
        |part: &dyn Fn(usize) -> String| nasty::numbered("", |index| part(index) + "\0", "", SIZE / 16);
    let inputs = named([
        ("a chain of files", parts(&step)),
        ("files below a file", text("p0".to_owned(), "use p0 \"1\"\n") + "\0" + &parts(&below)),
        ("files of one name", parts(&|_| text("p0".to_owned(), "use p0 \"1\"\n"))),
    ]);
    answers("compiler, many files", inputs, |bytes| {
        let texts = std::str::from_utf8(bytes).unwrap().split_terminator('\0');
        let file =
            |(index, text): (usize, &str)| SourceFile { name: format!("{index}.pki"), text: text.to_owned() };
        check(&texts.enumerate().map(file).collect::<Vec<_>>());
    });
}

#[test]
fn no_file_and_no_root_are_no_panic() {
    let compilation = compile(&[], 3, &Options::default());
    assert!(compilation.tests.is_empty());
}

#[test]
fn long_chains_do_not_overflow_the_stack() {
    let mut text = String::from("edition 2026 policy a \"1\"\nprofile p0 { }\n");
    for index in 1..2_000 {
        text.push_str(&format!("profile p{index} refines p{} {{ }}\n", index - 1));
        text.push_str(&format!("let l{index} : dns-name = [l{}]\n", index - 1));
    }
    let files = [SourceFile { name: "a.pki".to_owned(), text }];
    std::thread::Builder::new().stack_size(512 * 1024).spawn(move || check(&files)).unwrap().join().unwrap();
}

/// Time and memory of a check must not be a product of two lengths.
#[test]
fn wide_policies_stay_cheap() {
    let mut lines = String::from("edition 2026 policy a \"1\"\nprofile base {\n");
    for index in 0..2_000 {
        lines.push_str(&format!("l{index}: key.export == never\noblige record(evidence)\n"));
    }
    lines.push_str("}\n");
    let mut unknown = String::from("edition 2026 policy a \"1\"\n");
    for index in 0..2_000 {
        lines.push_str(&format!("profile p{index} refines base {{ }}\n"));
        unknown.push_str(&format!(
            "profile p{index} refines q{index} {{ key.a{index} == never tags [t{index}] }}\n"
        ));
    }
    let start = std::time::Instant::now();
    for text in [lines, unknown] {
        check(&[SourceFile { name: "a.pki".to_owned(), text }]);
    }
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
