//! Bundles, signed and unsigned: any bytes are answered, and what opens as signed was signed by the key of the seed.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pkic_facts::crypto::Sha256Digest;
use pkic_runtime::bundle::{Trust, Unsigned, open};

/// The key that signed the seed `signed`, whose policy is `example.devices`.
const SIGNER: &str = "sha256:048c0649b0ddb64093c82b299cf6d9840cbbad789ed3264228c96f0945945779";
const PROGRAM: &str = "sha256:b527ee75327b47ccf2ac53b39da69eab63314b64c65a7c518386a3206895cee4";

fuzz_target!(|bytes: &[u8]| {
    let signers = Sha256Digest::from_text(SIGNER);
    let trust = Trust {
        policy: "example.devices",
        signers: signers.as_slice(),
        last_seen: None,
        unsigned: Unsigned::Accept,
        now: 1_798_761_600,
    };
    if let Ok(loaded) = open(bytes, &trust)
        && loaded.seal().is_some()
    {
        assert_eq!(loaded.digest().to_string(), PROGRAM, "a program that nobody signed");
    }
});
