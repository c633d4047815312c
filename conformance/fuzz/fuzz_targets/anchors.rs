//! The anchor folder: any listing and any certificate file are answered.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pkic_facts::anchors::{AnchorFile, AnchorSet};

fuzz_target!(|input: (&str, &[u8])| {
    let (listing, bytes) = input;
    let _ = AnchorSet::load(&[AnchorFile { name: "a.pem", bytes }], listing);
});
