//! What the mint's types forbid: each file of `compile_fail/` tries one way around it, and does not compile.
#![allow(missing_docs)]

#[test]
fn no_way_around_the_mint_compiles() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/*.rs");
}
