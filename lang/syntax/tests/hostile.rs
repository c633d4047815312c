//! Any text is answered by the parser and the formatter, in bounded time on a small stack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]
mod nasty;

use nasty::policy::{meant, repeated, shuffled};
use nasty::{SIZE, STACK, answers, noise};

/// Parses, and formats what parses. Bytes that are no text are read as the text that is nearest to them.
fn read(bytes: &[u8]) {
    let source = nasty::cut(String::from_utf8_lossy(bytes).into_owned(), bytes.len());
    let parse = pkic_syntax::parse(&source);
    assert_eq!(parse.tree.print(&source).len(), source.len());
    if let Ok(formatted) = pkic_syntax::format(&parse) {
        assert!(!formatted.is_empty());
    }
}

#[test]
fn any_text_is_answered() {
    answers("parser, noise", noise(SIZE).into_iter().chain(shuffled(SIZE)), read);
    answers("parser, parts", repeated(SIZE), read);
    // The compiler's test gives it all of these.
    answers("parser, constructs", meant(SIZE).into_iter().step_by(4), read);
}

/// A mistake costs time for each item of its file, so that there is an end to them.
#[test]
fn the_rest_of_a_long_file_with_a_mistake_is_not_read() {
    let file = |items: usize| {
        format!("edition 2026\npolicy t \"1\"\nprofile p {{\n= =\n{}", "a == b\n".repeat(items) + "}\n")
    };
    let codes = |text: &str| pkic_syntax::parse(text).findings.iter().map(|one| one.code).collect::<Vec<_>>();
    let max = pkic_syntax::limits::RECOVERED_ITEMS_MAX;
    assert!(!codes(&file(max - 9)).contains(&"E0009"));
    let long = codes(&file(max + 9));
    assert!(long.len() == 2 && long.contains(&"E0009"), "{long:?}");
    assert_eq!(codes(&file(max + 9).replace("= =\n", "")), [""; 0]);
}

/// The formatter walks runs of comments once, however many comments they have.
#[test]
fn runs_of_comments_are_formatted_in_time() {
    let runs = ["// a\n", "    /// a\n"].map(|comment| {
        let text = format!("edition 2026\npolicy t \"1\"\nprofile p {{\n{}", comment.repeat(SIZE / 11));
        (format!("{comment:?} over and over"), (text + "key.export == never\n}\n").into_bytes())
    });
    answers("formatter", runs, |bytes| {
        let parse = pkic_syntax::parse(std::str::from_utf8(bytes).unwrap());
        assert!(pkic_syntax::format(&parse).unwrap().ends_with("\n    key.export == never\n}\n"));
    });
}

/// One byte more than a file may have.
#[test]
fn a_text_over_the_limit_is_not_read() {
    let source = "\n".repeat(SIZE + 1);
    assert_eq!(pkic_syntax::parse(&source).findings[0].code, "E0001");
    assert_ne!(pkic_syntax::parse(&source[1..]).findings[0].code, "E0001");
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
