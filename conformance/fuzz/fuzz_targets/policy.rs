//! Text to tree and back: never panics, never hangs, and the formatter changes nothing but layout.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parse = pkic_syntax::parse(text);
    if let Ok(formatted) = pkic_syntax::format(&parse) {
        let again = pkic_syntax::parse(&formatted);
        assert!(pkic_syntax::ast_eq(&parse.file, &again.file), "the formatter changed the meaning");
        assert_eq!(pkic_syntax::format(&again).as_deref(), Ok(formatted.as_str()), "the formatter is not idempotent");
    }
});
