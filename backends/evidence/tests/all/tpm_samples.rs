//! Real TPM samples that prove nothing by themselves: each must be unproven or refused, and for its own reason.

use crate::support;
use crate::tpm_support;

use pkic_evidence::tpm::ek::Device;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::{Certificate, Encoding};
use serde_json::Value;
use tpm_support::Case;

/// The sample's bytes, or nothing where samples are not here; with `CI=true` they must be.
fn sample(path: &str) -> Option<Vec<u8>> {
    let found = support::samples_folder().and_then(|folder| std::fs::read(folder.join(path)).ok());
    if found.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "no {path}");
        eprintln!("skipped: the sample {path} is not here");
    }
    found
}

fn vendor_anchors() -> Option<AnchorSet> {
    let names = ["tpm-ek/tpm-ca-certificates.pem", "tpm-ek/tpm-intermediate-ca-certificates.pem"];
    let files = [sample(names[0])?, sample(names[1])?];
    let files: Vec<AnchorFile<'_>> =
        names.iter().zip(&files).map(|(name, bytes)| AnchorFile { name, bytes }).collect();
    Some(AnchorSet::load(&files, "").unwrap())
}

/// Real endorsement keys reach their vendors' roots, one of them over a certificate that is not DER, and still prove nothing: such a
/// TPM exists, and no credential was activated in it.
#[test]
fn real_endorsement_keys_reach_their_vendors_and_prove_nothing() {
    let Some(anchors) = vendor_anchors() else { return };
    for (file, encoding, expected) in [
        ("stm_st33_ek_ecc", Encoding::Der, ["id:53544D20", "ST33HTPHAHB4", "id:00490004", "stmicro"]),
        (
            "nuvoton_npct75x_ek_bad_set_order",
            Encoding::NonDer,
            ["id:4E544300", "NPCT75x", "id:00070002", "nuvoton"],
        ),
    ] {
        let Some(bytes) = sample(&format!("tpm-ek/{file}.der")) else { return };
        let certificate = Certificate::from_der(&bytes).unwrap();
        assert_eq!(certificate.encoding(), encoding, "{file}");
        let device = Device::from_tbs(certificate.tbs()).unwrap();
        let found = [
            device.manufacturer.as_deref().unwrap(),
            device.model.as_deref().unwrap(),
            device.version.as_deref().unwrap(),
            device.vendor().unwrap(),
        ];
        assert_eq!(found, expected, "{file}");
        assert!(!device.is_named_virtual());
        let mut case = Case::creation();
        case.set_list("ek-chain", &[&bytes]);
        assert_eq!(case.answer(), ("refused", "path", "issuer-unknown"), "{file} under the recorded root");
        case.anchors = anchors.clone();
        assert_eq!(case.answer(), ("refused", "binding", "key-mismatch"), "{file} with another key's record");
        case.activation = None;
        assert_eq!(case.answer(), ("unproven", "format", "field-missing"), "{file}");
    }
}

/// An endorsement key certificate of swtpm names itself software, whoever made its issuer an anchor.
#[test]
fn a_software_tpm_names_itself() {
    let Some(bytes) = sample("tpm-ek/swtpm_ek.der") else { return };
    let device = Device::from_tbs(Certificate::from_der(&bytes).unwrap().tbs()).unwrap();
    assert!(device.is_named_virtual());
}

/// go-attestation's record of a virtual TPM: the attestation key certifies itself, and nothing stands behind it.
#[test]
fn an_attestation_key_that_certifies_itself_is_no_evidence() {
    use base64::Engine as _;
    let Some(bytes) = sample("tpm-quote/windows_gcp_shielded_vm.json") else { return };
    let json: Value = serde_json::from_slice(&bytes).unwrap();
    let member = |name: &str| {
        let text = json["AK"][name].as_str().or_else(|| json["AIK"][name].as_str()).unwrap();
        base64::engine::general_purpose::STANDARD.decode(text).unwrap()
    };
    let mut case = Case::creation();
    case.activation = None;
    case.remove("ek-chain");
    case.remove("activation-secret");
    for (name, from) in [
        ("attest", "CreateAttestation"),
        ("signature", "CreateSignature"),
        ("public", "Public"),
        ("ak-public", "Public"),
        ("creation-data", "CreateData"),
    ] {
        case.set(name, &member(from));
    }
    assert_eq!(case.answer(), ("unproven", "path", "key-not-enrolled"));
}
