//! Synthetic certificates of TPM keys, each differing from a good one in one thing.

use pkic_evidence::appraise::{Input, appraise, appraise_as};
use pkic_evidence::formats::by_name;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};

/// 2026-12-01; certificates of rcgen are valid from 1975 to 4096.
const NOW: i64 = 1_796_083_200;
const VERIFIED: (&str, &str, &str) = ("verified", "", "");

const EK: &[u8] = &[0x30, 0x07, 0x06, 0x05, 0x67, 0x81, 0x05, 0x08, 0x01];
const AK: &[u8] = &[0x30, 0x07, 0x06, 0x05, 0x67, 0x81, 0x05, 0x08, 0x03];
const BOTH: &[u8] =
    &[0x30, 0x0e, 0x06, 0x05, 0x67, 0x81, 0x05, 0x08, 0x01, 0x06, 0x05, 0x67, 0x81, 0x05, 0x08, 0x03];
const SERVER: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
/// An identity of a compute instance: five fields of which none is read, then the security properties.
const PRODUCTION: &[u8] = &[0x30, 0x09, 0xa0, 0x07, 0x30, 0x05, 0xa1, 0x03, 0x01, 0x01, 0xff];
const NO_PRODUCTION: &[u8] = &[0x30, 0x09, 0xa0, 0x07, 0x30, 0x05, 0xa1, 0x03, 0x01, 0x01, 0x00];
const INSTANCE_OID: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 1, 21];

/// What a synthetic certificate says, and who signs it. The default is a good endorsement key.
struct Made {
    purpose: Option<&'static [u8]>,
    usage: Option<u8>,
    instance: Option<&'static [u8]>,
    more: Vec<CustomExtension>,
    is_authority: bool,
    is_issuer_authority: bool,
    is_signed_by_namesake: bool,
}

impl Default for Made {
    fn default() -> Made {
        Made {
            purpose: Some(EK),
            usage: None,
            instance: None,
            more: Vec::new(),
            is_authority: false,
            is_issuer_authority: true,
            is_signed_by_namesake: false,
        }
    }
}

struct Case {
    parts: Vec<Vec<u8>>,
    anchors: AnchorSet,
    key: KeyPair,
}

fn named(name: &str, is_authority: bool) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = if is_authority { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    params
}

fn extension(oid: &[u64], content: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(oid, content.to_vec())
}

impl Made {
    fn make(&self) -> Case {
        let [root_key, namesake_key, issuer_key, key] = [(); 4].map(|()| KeyPair::generate().unwrap());
        let root_params = named("TPM root", true);
        let root = root_params.self_signed(&root_key).unwrap();
        let signer = if self.is_signed_by_namesake { &namesake_key } else { &root_key };
        let issuer_params = named("TPM issuer", self.is_issuer_authority);
        let issuer =
            issuer_params.signed_by(&issuer_key, &Issuer::from_params(&root_params, signer)).unwrap();
        let mut params = named("", self.is_authority);
        params.distinguished_name = DistinguishedName::new();
        if let Some(purpose) = self.purpose {
            params.custom_extensions.push(extension(&[2, 5, 29, 37], purpose));
        }
        if let Some(usage) = self.usage {
            params.custom_extensions.push(extension(&[2, 5, 29, 15], &[0x03, 0x02, 0x00, usage]));
        }
        if let Some(instance) = self.instance {
            params.custom_extensions.push(extension(INSTANCE_OID, instance));
        }
        params.custom_extensions.extend(self.more.iter().cloned());
        let leaf = params.signed_by(&key, &Issuer::from_params(&issuer_params, &issuer_key)).unwrap();
        let file = AnchorFile { name: "root.der", bytes: root.der() };
        Case {
            parts: vec![leaf.der().to_vec(), issuer.der().to_vec()],
            anchors: AnchorSet::load(&[file], "").unwrap(),
            key,
        }
    }

    fn answer(&self) -> (&'static str, &'static str, &'static str) {
        self.make().answer(None)
    }
}

impl Case {
    fn answer(&self, request: Option<&[u8]>) -> (&'static str, &'static str, &'static str) {
        let parts: Vec<&[u8]> = self.parts.iter().map(Vec::as_slice).collect();
        let evidence = Evidence::new("certificate", &parts).unwrap();
        let request = request.map(|bytes| CertificationRequest::from_bytes(bytes).unwrap());
        let anchors = &self.anchors;
        let input = Input {
            evidence: &evidence,
            request: request.as_ref(),
            anchors,
            now: NOW,
            nonce: None,
            activation: None,
        };
        let appraisal = appraise_as(by_name("tpm2-certificate").unwrap(), &input);
        let reason = appraisal.verdict.reason();
        assert_eq!(appraisal.facts.provenance().is_some(), reason.is_none());
        if reason.is_none() {
            assert_eq!(appraise(&input).format, Some("tpm2-certificate"));
        }
        let stage = appraisal.verdict.stage().map_or("", |stage| stage.name());
        (appraisal.verdict.name(), stage, reason.map_or("", |reject| reject.code()))
    }
}

fn request(key: &KeyPair) -> Vec<u8> {
    named("subscriber", false).serialize_request(key).unwrap().der().to_vec()
}

#[test]
fn certificates_of_both_roles_verify() {
    assert_eq!(Made::default().answer(), VERIFIED);
    assert_eq!(Made { purpose: Some(AK), ..Made::default() }.answer(), VERIFIED);
    for usage in [0x80, 0x20, 0x08] {
        let instance =
            Made { purpose: None, usage: Some(usage), instance: Some(PRODUCTION), ..Made::default() };
        assert_eq!(instance.answer(), VERIFIED, "{usage:#x}");
    }
}

#[test]
fn a_certificate_without_a_role_is_none_of_a_tpm_key() {
    let missing = ("refused", "format", "field-missing");
    for purpose in [None, Some(SERVER), Some(BOTH)] {
        assert_eq!(Made { purpose, ..Made::default() }.answer(), missing);
    }
    assert_eq!(Made { is_authority: true, ..Made::default() }.answer(), missing, "an authority");
    let of_instance =
        |purpose, usage, instance| Made { purpose, usage, instance, ..Made::default() }.answer();
    assert_eq!(
        of_instance(None, Some(0x80), Some(NO_PRODUCTION)),
        missing,
        "a machine that is not in production"
    );
    assert_eq!(of_instance(None, Some(0xa0), Some(PRODUCTION)), missing, "two usages");
    assert_eq!(of_instance(None, None, Some(PRODUCTION)), missing, "no usage");
    assert_eq!(of_instance(Some(SERVER), Some(0x80), Some(PRODUCTION)), missing, "another purpose");
    assert_eq!(
        of_instance(None, Some(0x80), Some(&[0x30, 0x80])),
        missing,
        "an extension that does not read"
    );
}

/// An attestation key with a hardwareModuleName is a device identity, and appraised as one.
#[test]
fn a_device_identity_is_not_taken() {
    let oid = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x04";
    let name = [&[0x30, 0x0e, 0xa0, 0x0c][..], oid, &[0xa0, 0x00]].concat();
    let more = vec![extension(&[2, 5, 29, 17], &name)];
    assert_eq!(
        Made { purpose: Some(AK), more, ..Made::default() }.answer(),
        ("refused", "format", "field-missing")
    );
}

#[test]
fn two_keys_are_one_too_many() {
    let mut case = Made::default().make();
    case.parts.push(Made::default().make().parts[0].clone());
    assert_eq!(case.answer(None), ("refused", "format", "field-repeated"));
}

#[test]
fn a_root_of_the_same_name_is_another_root() {
    let made = Made { is_signed_by_namesake: true, ..Made::default() };
    assert_eq!(made.answer(), ("refused", "path", "link-signature"));
}

#[test]
fn a_certificate_of_another_chain_does_not_fit() {
    let mut case = Made::default().make();
    case.parts[0] = Made::default().make().parts[0].clone();
    assert_eq!(case.answer(None), ("refused", "path", "link-signature"));
    case.parts.remove(1);
    assert_eq!(case.answer(None), ("refused", "path", "issuer-unknown"));
}

#[test]
fn an_issuer_must_be_an_authority() {
    let made = Made { is_issuer_authority: false, ..Made::default() };
    assert_eq!(made.answer(), ("refused", "path", "not-an-authority"));
}

#[test]
fn an_unknown_critical_extension_is_refused() {
    let mut critical = extension(&[1, 3, 6, 1, 4, 1, 99999, 1], &[5, 0]);
    critical.set_criticality(true);
    let made = Made { more: vec![critical], ..Made::default() };
    assert_eq!(made.answer(), ("refused", "path", "critical-extension"));
}

#[test]
fn an_attestation_key_whose_issuer_believed_the_user_is_refused() {
    // certificatePolicies with szOID_ENROLL_EKVERIFYCREDS.
    let policies = b"\x30\x0d\x30\x0b\x06\x09\x2b\x06\x01\x04\x01\x82\x37\x15\x20";
    let made =
        Made { purpose: Some(AK), more: vec![extension(&[2, 5, 29, 32], policies)], ..Made::default() };
    assert_eq!(made.answer(), ("refused", "profile", "property-refused"));
}

#[test]
fn only_padding_may_follow() {
    let mut case = Made::default().make();
    case.parts[0].extend([0xff; 40]);
    assert_eq!(case.answer(None), VERIFIED);
    case.parts[0].push(0);
    assert_eq!(case.answer(None), ("refused", "parse", "trailing-bytes"));
}

#[test]
fn it_is_about_no_other_key() {
    let case = Made { purpose: Some(AK), ..Made::default() }.make();
    let other = request(&KeyPair::generate().unwrap());
    assert_eq!(case.answer(Some(&other)), ("refused", "binding", "key-mismatch"));
    assert_eq!(case.answer(Some(&request(&case.key))), VERIFIED, "the attestation key's own request");
    let mut forged = request(&case.key);
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(case.answer(Some(&forged)), ("refused", "binding", "possession-unproven"));
}
