//! Evidence inside a request, of any format, without an anchor: any bytes are answered, and nothing is ever verified.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkic_fuzz::appraise_inside(bytes));
