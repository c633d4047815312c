//! `TPM2_Certify` inside a certification request: the statement `tcg-attest-tpm-certify` in the attribute `id-aa-evidence`.
//!
//! The item of evidence is the request itself. Of the bundle's statements there must be exactly one of this type; its signature has no
//! algorithm beside it, so the attestation key's kind decides, with SHA-256. The key to be certified must prove possession like any
//! other: good evidence in a request that somebody changed after signing is worth nothing.
//!
//! Source: draft-ietf-lamps-csr-attestation, section 4 and appendix A.2 (TcgAttestTpmCertify); the attribute has its temporary identifier.
use super::certify::{Certified, Certifying, certified_name, conclude};
use super::ek::{ATTESTATION_KEY_PURPOSE, Device};
use super::key::{Certification, Key};
use super::members::{attestation_key_profile, reach};
use super::public::Public;
use super::structures::Attest;
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Hash, KeyKind, PublicKey, Scheme, Strength};
use pkic_facts::der::{self, Element};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::{SignedBytes, TrustedKey, join, mint};

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "draft-ietf-lamps-csr-attestation, statement tcg-attest-tpm-certify",
    detect: |input| find_bundle(input).is_ok(),
    appraise,
};

const NAME: &str = "lamps-csr-attestation";
/// `id-aa-evidence`, temporary.
const ID_AA_EVIDENCE: &str = "1.2.840.113549.1.9.16.2.59";
/// `tcg-attest-tpm-certify`.
const TCG_ATTEST_TPM_CERTIFY: &str = "2.23.133.20.1";
/// Statements, and certificates, in one bundle: the sample has one and two.
const BUNDLE_LEN_MAX: usize = 16;

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let bundle = find_bundle(input)?;
    let path = reach(&bundle.certificates, &attestation_key_profile(NAME), input)?;
    let device = path.decode_leaf(Device::of_attestation_key)?;
    let key = TrustedKey::of_path(&path);
    let scheme = scheme_of(key.spki())?;
    let signed = SignedBytes { message: bundle.attest, scheme, signature: bundle.signature };
    let attest = mint(&signed, &key, Strength::Current, Attest::read)?;
    let public = attest.preimage(certified_name, &bundle.public, Key::from_public_area)?;
    let loaded =
        join(&attest, &public, |attest, key| Ok(Certified::new(attest, key, Certification::Loaded)))?;
    conclude::<InRequest>(input, &loaded, Some(&device))
}

/// The statement of a bundle with the certificates beside it, the attestation key's first.
struct Bundle {
    attest: Vec<u8>,
    signature: Vec<u8>,
    public: Vec<u8>,
    certificates: Vec<Certificate>,
}

fn find_bundle(input: &Input<'_>) -> Result<Bundle, Reject> {
    let what = "EvidenceBundle";
    let item = CertificationRequest::from_bytes(input.evidence.bytes())?;
    let missing = || Reject::FieldMissing { field: "id-aa-evidence" };
    let request = input.request.filter(|request| **request == item).ok_or_else(missing)?;
    let attribute = request.attribute(ID_AA_EVIDENCE).ok_or_else(missing)?;
    let [value] = attribute.values.as_slice() else {
        return Err(Reject::FieldRepeated { field: "id-aa-evidence" });
    };
    let (statements, certificates) =
        der::expect(what, der::SEQUENCE, der::only(what, der::SEQUENCE, value)?)?;
    let certificates = match certificates {
        [] => Vec::new(),
        list => der::elements(what, der::only(what, der::SEQUENCE, list)?, BUNDLE_LEN_MAX)?,
    };
    let certificates =
        certificates.iter().map(|item| Certificate::from_der(item.raw)).collect::<Result<Vec<_>, _>>()?;
    let mut found = None;
    for statement in der::elements(what, statements, BUNDLE_LEN_MAX)? {
        let (oid, rest) = der::expect(what, der::OBJECT_IDENTIFIER, statement.content)?;
        if der::oid_text(oid).as_deref() != Some(TCG_ATTEST_TPM_CERTIFY) {
            continue;
        }
        if found.replace(der::expect(what, der::SEQUENCE, rest)?.0).is_some() {
            return Err(Reject::FieldRepeated { field: "tcg-attest-tpm-certify" });
        }
    }
    read_statement(found.ok_or(Reject::FieldMissing { field: "tcg-attest-tpm-certify" })?, certificates)
}

/// `TcgAttestTpmCertify`: TPMS_ATTEST, the signature's octets, TPMT_PUBLIC of the certified key.
fn read_statement(statement: &[u8], certificates: Vec<Certificate>) -> Result<Bundle, Reject> {
    let what = "TcgAttestTpmCertify";
    let fields = der::elements(what, statement, 3)?;
    let [attest, signature, public] = fields.as_slice() else { return Err(Reject::Malformed { what }) };
    let octets = |field: &Element<'_>| match field.tag {
        der::OCTET_STRING => Ok(field.content.to_vec()),
        _ => Err(Reject::Malformed { what }),
    };
    let is_leaf = |certificate: &Certificate| {
        certificate.tbs().key_purposes().iter().any(|purpose| purpose == ATTESTATION_KEY_PURPOSE)
    };
    let (mut sorted, issuers): (Vec<_>, Vec<_>) = certificates.into_iter().partition(is_leaf);
    sorted.extend(issuers);
    Ok(Bundle {
        attest: octets(attest)?,
        signature: octets(signature)?,
        public: Public::read(&octets(public)?)?.bytes().to_vec(),
        certificates: sorted,
    })
}

/// The structure names no algorithm: RSASSA or ECDSA by the key, with SHA-256.
fn scheme_of(spki: &[u8]) -> Result<Scheme, Reject> {
    match PublicKey::from_spki(spki)?.kind {
        KeyKind::Rsa => Ok(Scheme::RsaPkcs1(Hash::Sha256)),
        KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => Ok(Scheme::Ecdsa(Hash::Sha256)),
        _ => Err(Reject::AlgorithmUnsupported { found: Operand::Word("no algorithm of a TPM") }),
    }
}

/// The line of this format.
#[derive(Debug)]
struct InRequest;

impl Certifying for InRequest {
    const NAME: &'static str = NAME;
}
