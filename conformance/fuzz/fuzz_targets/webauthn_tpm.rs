//! Evidence of format `webauthn-tpm`, without an anchor: any bytes are answered, and nothing is ever verified.
#![no_main]
libfuzzer_sys::fuzz_target!(|parts: (&[u8], &[u8])| pkic_fuzz::appraise("webauthn-tpm", &[parts.0, parts.1]));
