//! The statement `tcg-attest-tpm-certify`: `TPM2_Certify` inside a certification request.
//!
//! Its signature has no algorithm beside it, so the attestation key's kind decides, with SHA-256. The attestation key's
//! certificate is one of those beside the statement. [`crate::lamps_csr_attestation`] finds the statement in the request.
//!
//! Source: draft-ietf-lamps-csr-attestation-10, appendix A.2 (TcgAttestTpmCertify).
use super::certify::{Certified, Certifying, certified_name, conclude};
use super::ek::{ATTESTATION_KEY_PURPOSE, Device};
use super::key::{Certification, Key};
use super::members::{attestation_key_profile, reach};
use super::public::Public;
use super::structures::Attest;
use crate::appraise::{Appraised, Input, NotVerified};
use crate::lamps_csr_attestation::NAME;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Hash, KeyKind, PublicKey, Scheme, Strength};
use pkic_facts::der::{self, Element};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{SignedBytes, TrustedKey, join, mint};

/// Appraises a statement, with the certificates beside it.
///
/// # Errors
/// Those of the path, the mint and [`Input::conclude`].
pub(crate) fn appraise(
    statement: &[u8],
    certificates: &[Certificate],
    input: &Input<'_>,
) -> Result<Appraised, NotVerified> {
    let statement = Statement::read(statement)?;
    let path = reach(&leaf_first(certificates), &attestation_key_profile(NAME), input)?;
    let device = path.decode_leaf(Device::of_attestation_key)?;
    let key = TrustedKey::of_path(&path);
    let scheme = scheme_of(key.spki())?;
    let signed = SignedBytes {
        what: "TPMS_ATTEST",
        message: statement.attest,
        scheme,
        signature: statement.signature,
    };
    let attest = mint(&signed, &key, Strength::Current, Attest::read)?;
    let public = attest.preimage(certified_name, &statement.public, Key::from_public_area)?;
    let loaded =
        join(&attest, &public, |attest, key| Ok(Certified::new(attest, key, Certification::Loaded)))?;
    conclude::<InRequest>(input, &loaded, Some(&device))
}

/// The attestation key's certificate, then the others.
fn leaf_first(certificates: &[Certificate]) -> Vec<Certificate> {
    let is_leaf = |certificate: &Certificate| {
        certificate.tbs().key_purposes().iter().any(|purpose| purpose == ATTESTATION_KEY_PURPOSE)
    };
    let (mut sorted, issuers): (Vec<_>, Vec<_>) = certificates.iter().cloned().partition(is_leaf);
    sorted.extend(issuers);
    sorted
}

/// `TcgAttestTpmCertify`: TPMS_ATTEST, the signature's octets, TPMT_PUBLIC of the certified key.
struct Statement {
    attest: Vec<u8>,
    signature: Vec<u8>,
    public: Vec<u8>,
}

impl Statement {
    fn read(statement: &[u8]) -> Result<Self, Reject> {
        let what = "TcgAttestTpmCertify";
        let fields = der::elements(what, der::only(what, der::SEQUENCE, statement)?, 3)?;
        let [attest, signature, public] = fields.as_slice() else { return Err(Reject::Malformed { what }) };
        let octets = |field: &Element<'_>| match field.tag {
            der::OCTET_STRING => Ok(field.content.to_vec()),
            _ => Err(Reject::Malformed { what }),
        };
        Ok(Self {
            attest: octets(attest)?,
            signature: octets(signature)?,
            public: Public::read(&octets(public)?)?.bytes().to_vec(),
        })
    }
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
