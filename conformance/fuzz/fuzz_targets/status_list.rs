//! Android's status list: any bytes are answered, and none speaks for paths of another format.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pkic_facts::revocation::{Fetched, RevocationData};

fuzz_target!(|bytes: &[u8]| {
    let mut data = RevocationData::default();
    let fetched = Fetched { name: "status", bytes, at: 0, age_s_max: i64::MAX, formats: &["android-key"] };
    if data.add_status_list(&fetched).is_ok() {
        assert!(data.lists().all(|list| list.kind == "status-list") && data.digest().is_some());
        pkic_fuzz::assert_not_good(data);
    }
});
