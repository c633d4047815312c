//! Every word of the vocabulary can be written as a value, even where the language has the same word.
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
use pkic_vocab::Words;

#[test]
fn words_of_the_vocabulary_are_values() {
    let mut reserved = Vec::new();
    for words in Words::ALL {
        for word in words.words() {
            let first = word.name.split('.').next().unwrap();
            if pkic_syntax::is_reserved(first) {
                reserved.push(word.name);
            }
            let (_, compilation) = compiled(&format!("let some : {} = [{}]\n", words.name(), word.name));
            assert!(compilation.program.is_some(), "{}: {:?}", word.name, compilation.diagnostics);
        }
    }
    assert_eq!(reserved, ["test", "critical"]);
}

#[test]
fn the_most_severe_advisory_is_a_value() {
    for condition in [
        "key.advisories.all(a, a.severity < critical)",
        "key.advisories.exists(a, a.severity == critical || a.severity in [high, critical])",
    ] {
        let (_, compilation) = compiled(&format!("profile p {{ x: {condition} contents {{ validity }} }}\n"));
        assert!(compilation.diagnostics.is_empty(), "{:?}", compilation.diagnostics);
    }
}
