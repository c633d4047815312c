//! The IR decoder: what it takes is canonical and checked.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(program) = pkic_ir::Program::decode(bytes) {
        assert_eq!(program.encode(), bytes, "a program has one encoding");
    }
});
