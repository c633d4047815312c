//! Revocation lists: any bytes are answered, and none makes a path good whose issuer did not sign it.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pkic_facts::revocation::RevocationData;

fuzz_target!(|bytes: &[u8]| {
    let mut data = RevocationData::default();
    if data.add_crls("a.crl", bytes).is_ok() {
        assert!(data.lists().all(|list| list.kind == "crl") && data.digest().is_some());
        pkic_fuzz::assert_not_good(data);
    }
});
