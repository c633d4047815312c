//! The decoder of the certificate to be signed: any bytes are answered.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut table = pkic_vocab::FactTable::new();
    if pkic_runtime::decode::certificate_facts(bytes, &mut table).is_err() {
        assert_eq!(table.known().count(), 0, "a refused certificate has no facts");
    }
});
