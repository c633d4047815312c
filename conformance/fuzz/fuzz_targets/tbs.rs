//! What reads the certificate to be signed: any bytes are answered, and what is made of them is what it should be.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pkic_facts::der::is_strict;
use pkic_runtime::certificate::{is_pair, precertificate, with_scts};
use pkic_runtime::lint::{SignedBy, lint};

/// A list of one timestamp of one octet.
const TIMESTAMPS: &[u8] = &[0, 3, 0, 1, 9];

fuzz_target!(|bytes: &[u8]| {
    let mut table = pkic_vocab::FactTable::new();
    if pkic_runtime::decode::certificate_facts(bytes, &mut table).is_err() {
        assert_eq!(table.known().count(), 0, "a refused certificate has no facts");
    }
    if lint(bytes, SignedBy::Itself, &[]).is_empty() {
        assert!(is_strict(bytes), "a clean certificate is strict DER");
    }
    if let (Ok(pre), Ok(last)) = (precertificate(bytes), with_scts(bytes, TIMESTAMPS)) {
        assert_eq!(is_pair(&pre, &last), is_strict(&pre) && is_strict(&last), "they were made as a pair");
    }
});
