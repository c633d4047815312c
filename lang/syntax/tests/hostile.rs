//! Any input is answered in bounded time on a small stack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

use std::time::{Duration, Instant};

/// The largest file with optimisation; an eighth of it without, to keep the test short.
const SIZE: usize = if cfg!(debug_assertions) { 1 << 17 } else { 1 << 20 };
const STACK: usize = 512 * 1024;
/// Two seconds with optimisation; without, a bound that still tells linear from quadratic.
const LIMIT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 2 });

fn answer(name: &str, source: String) {
    let label = name.to_string();
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        let start = Instant::now();
        let parse = pkic_syntax::parse(&source);
        let elapsed = start.elapsed();
        assert_eq!(parse.tree.print(&source).len(), source.len(), "{label}");
        assert!(elapsed < LIMIT, "{label}: {elapsed:?}");
        parse.findings.len()
    });
    let findings = worker.unwrap().join().unwrap_or_else(|_| panic!("{name}"));
    assert!(findings > 0, "{name}");
}

fn filled(prefix: &str, part: &str) -> String {
    let mut text = String::from(prefix);
    while text.len() + part.len() <= SIZE {
        text.push_str(part);
    }
    text
}

#[test]
fn repeated_parts() {
    let block = "edition 2026\npolicy t \"1\"\nprofile p {\n".to_string();
    for part in [
        "(",
        "[",
        "{",
        "!",
        "\"",
        "|",
        "}",
        "]",
        ")",
        "a.",
        "a && ",
        "a || ",
        "profile p {",
        "profile p {\n",
        "/",
        "//",
        "\\",
        "-",
        "\0",
        "é",
        "a",
        "a ",
        "a\n",
        "1",
        "1.",
        "@",
        "= ",
        "when a { ",
        "when a {\n",
        "one of a {\n",
        "x: (",
        "x: !",
        "[a,",
        "\n",
        " ",
        "= \n",
        "{}\n",
        "from 2027-01-01 ",
        "| a ",
        "|\n",
        "a == b ",
        "a == = }\n",
        "when a { = } ",
        "when a {\n = }\n",
        "\"\n",
        "/// x\n",
        "\u{1}",
        "\u{4}\n",
        "a.all(b, ",
        "a in [b] ",
        "a in { b }\n",
        "contents { a }\n",
        "contents {",
        "oblige a(b, ",
        "use a \"b\"\n",
        "use a\n",
        "source x {\n",
        "test \"x\" {\n| at |\n",
        "prefer ",
        "authority.a == b\nwhen a {\n",
        "source when z {\n",
        "l: y ==\nsource when z {\n",
    ] {
        answer(&format!("{part:?}"), filled("", part));
        answer(&format!("{block:?} {part:?}"), filled(&block, part));
        let line = format!("{}\n", part.repeat(12_000 / part.len()));
        answer(&format!("lines of {part:?}"), filled(&block, &line));
    }
}

#[test]
fn random_text() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let bytes: Vec<u8> = (0..SIZE / 2).map(|_| (random() >> 32) as u8).collect();
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    let end = (0..=SIZE.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
    text.truncate(end);
    answer("bytes", text);
    let words = [
        "profile",
        "p",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "when",
        "==",
        "in",
        "a.b",
        "\n",
        "\n    ",
        "\"x\"",
        "47d",
        "2027-01-01",
        "@",
        "&&",
        "||",
        "!",
        "one",
        "of",
        "|",
        ",",
        "from",
        "contents",
        ":",
        "cites",
        "// c\n",
        "/// d\n",
        "_",
        "=",
        "edition",
        "test",
        "..",
        "1",
    ];
    for round in 0..4 {
        let mut text = String::from("edition 2026\npolicy t \"1\"\n");
        while text.len() < SIZE - 32 {
            text.push_str(words[(random() % words.len() as u64) as usize]);
            text.push(if round % 2 == 0 { ' ' } else { '\n' });
        }
        answer("words", text);
    }
}

#[test]
fn the_deepest_nesting_that_is_allowed() {
    let head = "edition 2026\npolicy t \"1\"\nprofile p {\n";
    let parens = format!("{head}    x: {}a{}\n}}\n", "(".repeat(15), ")".repeat(15));
    let whens = format!("{head}{}a == b{}\n}}\n", "when a {\n".repeat(15), "\n}".repeat(15));
    let lists = format!("{head}    a in {}b{}\n}}\n", "[".repeat(15), "]".repeat(15));
    let mixed = format!(
        "{head}{}x: {}a{}{}\n}}\n",
        "when a {\n".repeat(7),
        "!(".repeat(8),
        ")".repeat(8),
        "\n}".repeat(7)
    );
    for source in [parens, whens, lists, mixed] {
        let deeper = source
            .replace("(a", "((a")
            .replace("a)", "a))")
            .replace("[b]", "[[b]]")
            .replace("a == b", "when a {\na == b }");
        let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || {
            assert_eq!(pkic_syntax::parse(&source).findings, []);
            assert_eq!(pkic_syntax::parse(&deeper).findings[0].code, "E0003");
        });
        worker.unwrap().join().unwrap();
    }
}
