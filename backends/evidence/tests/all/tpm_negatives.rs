//! Recorded TPM attestation with one thing changed: each must be refused, and by the stage that is there for it.

use crate::tpm_support;

use pkic_evidence::tpm::structures::Signature;
use pkic_vocab::{FactId, Slot};
use tpm_support::{Case, NOW, anchors, record, recorded, sign};

const VERIFIED: (&str, &str, &str) = ("verified", "", "");

fn certify() -> Case {
    Case::certify("certify-ec", "app-ec")
}

/// What every negative below differs from.
#[test]
fn the_recordings_verify_unchanged() {
    assert_eq!(certify().answer(), VERIFIED);
    assert_eq!(Case::creation().answer(), VERIFIED);
}

#[test]
fn another_magic_value_is_no_attestation() {
    let mut case = certify();
    case.change("attest", |attest| attest[0] = 0xfe);
    assert_eq!(case.answer(), ("refused", "signature", "signature-invalid"));
}

/// The magic value keeps a restricted key from signing attestations that the host made up, so it counts under a good signature too.
#[test]
fn the_magic_value_and_type_count_under_a_good_signature() {
    let (mut case, key) = Case::certify("certify-ec", "app-ec").under_enrolled_key();
    let attest = case.member("attest");
    case.set("signature", &sign(&key, &attest));
    assert_eq!(case.answer(), VERIFIED);
    assert_eq!(case.appraise().anchor().unwrap().name, "enrolled");
    for (at, code) in [(0, "field-mismatch"), (4, "field-mismatch"), (5, "field-mismatch")] {
        let mut other = attest.clone();
        other[at] ^= 0x01;
        case.set("signature", &sign(&key, &other));
        case.set("attest", &other);
        assert_eq!(case.answer(), ("refused", "format", code), "byte {at}");
    }
    let longer = [attest.as_slice(), &[0]].concat();
    case.set("signature", &sign(&key, &longer));
    case.set("attest", &longer);
    assert_eq!(case.answer(), ("refused", "parse", "trailing-bytes"));
}

/// Where nothing names the TPM, no module is known, and the key is in some TPM.
#[test]
fn an_enrolled_key_says_nothing_about_the_module() {
    let (mut case, key) = Case::certify("certify-ec", "app-ec").under_enrolled_key();
    case.set("signature", &sign(&key, &case.member("attest")));
    let appraisal = case.appraise();
    let is_known = |path: &str| {
        let id = FactId::from_path(path).unwrap();
        matches!(appraisal.facts.table().get(id), Slot::Known(_))
    };
    assert!(is_known("key.origin") && is_known("key.export") && is_known("key.storage"));
    assert!(!is_known("module.vendor") && !is_known("module.model") && !is_known("module.firmware"));
}

#[test]
fn a_flipped_signature_does_not_verify() {
    let mut case = certify();
    case.change("signature", |signature| *signature.last_mut().unwrap() ^= 1);
    assert_eq!(case.answer(), ("refused", "signature", "signature-invalid"));
}

#[test]
fn the_name_of_another_key_does_not_match() {
    let mut case = certify();
    case.container["public"] = Case::certify("certify-rsa", "app-rsa").container["public"].clone();
    assert_eq!(case.answer(), ("refused", "signature", "digest-mismatch"));
}

#[test]
fn attributes_cannot_be_improved_beside_the_signature() {
    let mut case = Case::certify("certify-imported", "app-imported");
    assert_eq!(case.answer(), VERIFIED);
    // TPMT_PUBLIC: size (2), type (2), nameAlg (2), objectAttributes (4): sets fixedTPM, fixedParent and sensitiveDataOrigin.
    case.change("public", |public| public[9] |= 0x32);
    assert_eq!(case.answer(), ("refused", "signature", "digest-mismatch"));
}

#[test]
fn the_key_of_another_request_is_not_bound() {
    let mut case = certify();
    case.request = recorded("app-rsa.csr");
    assert_eq!(case.answer(), ("refused", "binding", "key-mismatch"));
}

#[test]
fn a_quote_is_no_certification() {
    let mut case = Case::certify("quote", "app-ec");
    case.nonce = Some(tpm_support::NONCE.to_vec());
    assert_eq!(case.answer(), ("refused", "format", "field-mismatch"));
}

#[test]
fn the_two_formats_are_not_taken_for_each_other() {
    let mut case = Case::creation();
    case.container["format"] = "tpm2-certify".into();
    assert_eq!(case.answer(), ("refused", "format", "field-mismatch"));
    let mut case = certify();
    case.container["format"] = "tpm2-certify-creation".into();
    assert_eq!(case.answer(), ("refused", "format", "field-mismatch"));
}

#[test]
fn another_nonce_or_one_byte_less_is_stale() {
    for nonce in [b"another".to_vec(), tpm_support::NONCE[1..].to_vec(), Vec::new()] {
        let mut case = Case::creation();
        case.nonce = Some(nonce);
        assert_eq!(case.answer(), ("refused", "freshness", "nonce-mismatch"));
    }
}

/// tpm2_certify puts a constant where the nonce belongs: never a match, whatever we asked for.
#[test]
fn the_constant_of_the_tools_is_no_nonce() {
    let mut case = certify();
    case.nonce = Some(vec![0x00, 0xff, 0x55, 0xaa]);
    assert_eq!(case.appraise().freshness(), Some("constant"));
}

#[test]
fn a_certificate_without_the_purpose_is_no_attestation_key() {
    let mut case = certify();
    case.set_list("ak-chain", &[&recorded("ak-ec-certificate-no-eku.der")]);
    assert_eq!(case.answer(), ("refused", "path", "key-purpose"));
}

#[test]
fn an_endorsement_key_certificate_is_no_attestation_key_certificate() {
    let mut case = certify();
    case.set_list("ak-chain", &[&recorded("ek-rsa.der"), &recorded("ek-issuer.der")]);
    assert_eq!(case.answer(), ("refused", "path", "key-purpose"));
}

#[test]
fn a_root_that_comes_along_is_no_anchor() {
    let mut case = certify();
    case.anchors = anchors(&["ek-root.der"]);
    case.set_list("ak-chain", &[&recorded("ak-ec-certificate.der"), &recorded("ak-ca.der")]);
    assert_eq!(case.answer(), ("refused", "path", "issuer-unknown"));
    let mut case = Case::creation();
    case.anchors = anchors(&["ak-ca.der"]);
    let chain = [recorded("ek-rsa.der"), recorded("ek-issuer.der"), recorded("ek-root.der")];
    case.set_list("ek-chain", &chain.each_ref().map(Vec::as_slice));
    assert_eq!(case.answer(), ("refused", "path", "issuer-unknown"));
}

#[test]
fn a_certificate_of_another_attestation_key_does_not_fit() {
    let mut case = certify();
    case.set_list("ak-chain", &[&recorded("ak-rsa-certificate.der")]);
    assert_eq!(case.answer(), ("refused", "format", "field-mismatch"), "it contradicts `ak-public`");
    case.remove("ak-public");
    assert_eq!(case.answer(), ("refused", "signature", "algorithm-key-mismatch"));
}

#[test]
fn dates_of_the_chain_count() {
    let mut case = certify();
    case.now = NOW - 365 * 86_400;
    assert_eq!(case.answer(), ("refused", "path", "outside-validity"));
}

#[test]
fn a_bare_attestation_key_proves_nothing() {
    assert_eq!(Case::certify("certify-bare", "app-ec").answer(), ("unproven", "path", "key-not-enrolled"));
    let mut case = certify();
    case.remove("ak-chain");
    assert_eq!(case.answer(), ("unproven", "path", "key-not-enrolled"));
    case.remove("ak-public");
    assert_eq!(case.answer(), ("refused", "format", "field-missing"));
}

/// The key signs whatever the host gives it, so its TPMS_ATTEST may be the host's own.
#[test]
fn an_unrestricted_key_attests_nothing() {
    assert_eq!(Case::certify("certify-loose", "app-ec").answer(), ("refused", "profile", "property-refused"));
    let mut case = Case::certify("creation-loose", "app-ec");
    case.nonce = Some(tpm_support::NONCE.to_vec());
    case.activation = Some(record("ek-rsa", "ak-loose", "activation-loose"));
    assert_eq!(case.answer(), ("refused", "profile", "property-refused"));
}

/// Pretending that the key is restricted gives another Name than the one that was activated.
#[test]
fn an_unrestricted_key_cannot_be_dressed_up() {
    let mut case = Case::certify("creation-loose", "app-ec");
    case.nonce = Some(tpm_support::NONCE.to_vec());
    case.activation = Some(record("ek-rsa", "ak-loose", "activation-loose"));
    case.change("ak-public", |public| public[7] |= 0x01);
    assert_eq!(case.answer(), ("refused", "signature", "digest-mismatch"));
}

#[test]
fn an_endorsement_key_certificate_alone_proves_nothing() {
    let mut case = Case::creation();
    case.activation = None;
    assert_eq!(case.answer(), ("unproven", "format", "field-missing"));
    let mut case = Case::creation();
    case.remove("activation-secret");
    assert_eq!(case.answer(), ("unproven", "format", "field-missing"));
}

#[test]
fn a_credential_for_others_does_not_activate() {
    let mut case = Case::creation();
    case.change("activation-secret", |secret| secret[0] ^= 1);
    assert_eq!(case.answer(), ("refused", "freshness", "nonce-mismatch"));
    let mut case = Case::creation();
    case.activation = Some(record("ek-rsa", "ak-rsa", "activation-ec"));
    assert_eq!(case.answer(), ("refused", "signature", "digest-mismatch"));
    let mut case = Case::creation();
    case.activation = Some(record("ek-ecc", "ak-ec", "activation-ec"));
    assert_eq!(case.answer(), ("refused", "binding", "key-mismatch"));
}

#[test]
fn creation_data_must_be_what_was_certified() {
    let mut case = Case::creation();
    case.change("creation-data", |data| *data.last_mut().unwrap() ^= 1);
    assert_eq!(case.answer().0, "refused");
    let mut case = Case::creation();
    // TPM2B_CREATION_DATA: size, then TPML_PCR_SELECTION, pcrDigest and the locality.
    let (other, own) =
        (Case::certify("creation-rsa", "app-rsa").member("creation-data"), case.member("creation-data"));
    assert_eq!(other, own, "two keys made alike have equal creation data, so the Name must tell them apart");
    case.change("creation-data", |data| {
        let locality = data.iter().position(|octet| *octet == 0x01).unwrap();
        data[locality] = 0x02;
    });
    assert_eq!(case.answer(), ("refused", "signature", "digest-mismatch"));
    case.remove("creation-data");
    assert_eq!(case.answer(), ("refused", "format", "field-missing"));
}

#[test]
fn padding_behind_an_endorsement_key_certificate_is_trimmed_and_nothing_else() {
    let padded = |byte: u8, count: usize| [recorded("ek-rsa.der"), vec![byte; count]].concat();
    for (certificate, expected) in [
        (padded(0xff, 100), VERIFIED),
        (padded(0x00, 100), VERIFIED),
        (padded(0x30, 100), ("refused", "parse", "trailing-bytes")),
        ([padded(0xff, 10), vec![0]].concat(), ("refused", "parse", "trailing-bytes")),
    ] {
        let mut case = Case::creation();
        case.set_list("ek-chain", &[&certificate, &recorded("ek-issuer.der")]);
        assert_eq!(case.answer(), expected);
    }
}

#[test]
fn trailing_bytes_are_refused_everywhere() {
    for (name, code) in [
        ("signature", "trailing-bytes"),
        ("public", "trailing-bytes"),
        ("creation-data", "trailing-bytes"),
        ("attest", "signature-invalid"),
    ] {
        let mut case = Case::creation();
        // Without its size in front a structure ends where its fields end.
        case.change(name, |bytes| {
            let has_size = usize::from(u16::from_be_bytes([bytes[0], bytes[1]])) == bytes.len() - 2;
            bytes.drain(..if has_size { 2 } else { 0 });
        });
        assert_eq!(case.answer(), VERIFIED, "{name} without size");
        case.change(name, |bytes| bytes.push(0));
        assert_eq!(case.answer().2, code, "{name}");
    }
}

#[test]
fn the_container_is_closed() {
    let mut case = certify();
    case.container["note"] = "AAAA".into();
    assert_eq!(case.answer(), ("refused", "format", "field-mismatch"));
    for name in ["attest", "signature", "public"] {
        let mut case = certify();
        case.remove(name);
        assert_eq!(case.answer(), ("refused", "format", "field-missing"), "{name}");
        case.container[name] = "not base64!".into();
        assert_eq!(case.answer(), ("refused", "parse", "malformed"), "{name}");
        case.container[name] = serde_json::json!({ "a": [1] });
        assert_eq!(case.answer(), ("refused", "parse", "malformed"), "{name}");
        case.set(name, &vec![0; (64 << 10) + 3]);
        assert_eq!(case.answer(), ("refused", "parse", "too-large"), "{name}");
    }
    let mut case = certify();
    let certificate = recorded("ak-ec-certificate.der");
    case.set_list("ak-chain", &[certificate.as_slice(); 11]);
    assert_eq!(case.answer(), ("refused", "parse", "too-large"));
}

/// An RSA signature where ECDSA was announced, and the other way round.
#[test]
fn the_scheme_of_the_signature_must_fit_the_key() {
    let mut case = certify();
    case.container["signature"] = Case::certify("certify-rsa", "app-rsa").container["signature"].clone();
    assert!(matches!(Signature::read(&case.member("signature")), Ok(Signature::RsaSsa { .. })));
    assert_eq!(case.answer(), ("refused", "signature", "algorithm-key-mismatch"));
}
