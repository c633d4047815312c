//! A manifest's keys become anchors by the operator's hand, and the evidence that they signed is then verified.
//!
//! Manifest and evidence are Parsec's samples, read as `real_samples.rs` says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(clippy::print_stderr, dead_code, unreachable_pub)]
mod samples;
mod work;

use work::Work;

const ENROL: &str = "evidence enrol corim.cbor --purpose test --for parsec-tpm -o anchors/parsec.pem";
const SHOW: &str = "evidence show evidence.cbor --anchors anchors --at 2024-01-01";

fn parsec(name: &str) -> Option<Work> {
    let folder = samples::folder("parsec-tpm")?;
    let work = Work::new(name);
    work.write("corim.cbor", std::fs::read(folder.join("corim-parsec-tpm-valid.cbor")).unwrap());
    work.write("evidence.cbor", std::fs::read(folder.join("evidence.cbor")).unwrap());
    std::fs::create_dir(work.0.join("anchors")).unwrap();
    Some(work)
}

#[test]
fn evidence_under_a_key_of_a_manifest_is_verified_once_it_is_listed() {
    let Some(work) = parsec("enrol") else { return };
    let (code, listing) = work.pkic(ENROL);
    assert_eq!(code, 0, "{listing}");
    assert!(listing.contains("purpose = \"test\"\nformats = [\"parsec-tpm\"]"), "{listing}");
    let (_, text) = work.pkic(SHOW);
    assert!(text.starts_with("UNPROVEN"), "printing enrols nobody: {text}");
    work.write("anchors/anchors.toml", &listing);
    let (code, text) = work.pkic(SHOW);
    assert!(code == 0 && text.starts_with("VERIFIED"), "{text}");
    work.write("anchors/anchors.toml", listing.replace("parsec-tpm", "psa-token"));
    let (_, text) = work.pkic(SHOW);
    assert!(text.starts_with("UNPROVEN"), "for another format: {text}");
}

#[test]
fn a_manifest_that_does_not_count_enrols_nobody() {
    let (Some(work), Some(folder)) = (parsec("enrol-not"), samples::folder("corim")) else { return };
    work.write("signed.cbor", std::fs::read(folder.join("signed-good-corim.cbor")).unwrap());
    work.write("empty.cbor", std::fs::read(folder.join("unsigned-good-corim.cbor")).unwrap());
    let mut cut = std::fs::read(work.0.join("corim.cbor")).unwrap();
    cut.pop();
    work.write("cut.cbor", cut);
    work.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out other.key");
    work.openssl("pkey -in other.key -pubout -out other.pem");
    for (arguments, said) in [
        (ENROL.replace("corim.cbor", "cut.cbor"), "cut.cbor"),
        (ENROL.replace("corim.cbor", "signed.cbor"), "--signer"),
        (ENROL.replace("corim.cbor", "signed.cbor --signer other.pem --at 2023-11-14"), "signature"),
        (format!("{ENROL} --signer other.pem"), "signature of the CoRIM"),
        (format!("{ENROL} --signer key.pem"), "not one public key"),
        (ENROL.replace("corim.cbor", "empty.cbor"), "endorses no attestation key"),
        (ENROL.replace("parsec-tpm", "parsec"), "pkic evidence formats"),
        (ENROL.replace("--purpose test", "--purpose real"), "a purpose is one of production"),
    ] {
        let (code, text) = work.pkic(&arguments);
        assert!(code == 2 && text.contains(said), "{arguments}: {code} {text}");
        assert!(!work.0.join("anchors/parsec.pem").exists(), "{arguments}");
    }
}
