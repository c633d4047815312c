//! Text to program: any policy is answered, and what compiles passes the decoder's checks.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pkic_compiler::{Options, SourceFile, compile};

fuzz_target!(|text: &str| {
    let file = SourceFile { name: "a.pki".to_owned(), text: text.to_owned() };
    if let Some(program) = compile(&[file], 0, &Options::default()).program {
        let bytes = program.encode();
        assert_eq!(pkic_ir::Program::decode(&bytes).as_ref(), Ok(&program), "the decoder refuses what was compiled");
    }
});
