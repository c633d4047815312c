//! The payload of a catalogue: what reads is written again to the same bytes.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pkic_facts::catalogue::Rows;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(rows) = Rows::from_payload(bytes) {
        let written = rows.to_payload();
        assert_eq!(written.as_deref(), Ok(bytes));
    }
});
