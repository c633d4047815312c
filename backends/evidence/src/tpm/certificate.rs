//! The certificate of a TPM's endorsement or attestation key, alone.
//!
//! The TPM's maker (or, of an attestation key, whoever activated it; or the operator of a cloud) certifies that the key is in a TPM of that vendor,
//! model and firmware. That is what the facts say, and of that key only: *such a TPM exists*. No other key is linked to it. An endorsement key decrypts, so
//! no request can be signed with it; an attestation key could sign a request through TPM2_Hash, and then the certificate is about that request's key. Every
//! other request is refused at binding. How the key came into the TPM and whether it may leave, no field says.
//!
//! The item is certificate files: the key's (padding of an NV index is trimmed) and, if wanted, its issuers'. It has neither nonce nor
//! time. Nuvoton's certificates have names that are no DER, and subjects are empty with a critical subjectAltName: signatures are checked over the bytes as they
//! stand. Google's newer certificates have no key purpose; their key usage and instance extension say what they are, and such TPMs are virtual whatever
//! chip the host has.
//!
//! Source: TCG EK Credential Profile 2.5, sections 3.1 and 3.2; TCG PC Client Platform TPM Profile, section 7.8 (storage in NV);
//! Google Compute Engine, Retrieving endorsement keys.
use super::ek::{Device, ENDORSEMENT_KEY_PURPOSE, Role, without_padding};
use super::members::{attestation_key_profile, reach};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::x509::Files;
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{KeyPurpose, PathProfile};
use pkic_facts::reject::{Operand, Reject};

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "TCG EK Credential Profile 2.5",
    proves: "a TPM of that make has this endorsement or attestation key",
    leaves_open: "anything of another key",
    unsigned: "padding behind a certificate that was read from the TPM's memory",
    detect: |input| find_chain(input).is_ok(),
    appraise,
};

const NAME: &str = "tpm2-certificate";

/// The role takes the place of the key purpose: [`TpmKey::of_certificate`] asks for one.
const PROFILE: PathProfile = PathProfile { key_purpose: KeyPurpose::Any, ..attestation_key_profile(NAME) };

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let path = reach(&find_chain(input)?, &PROFILE, input)?;
    input.conclude(&path.decode_leaf(TpmKey::of_certificate)?)
}

/// The certificate of a TPM's key, then the others.
fn find_chain(input: &Input<'_>) -> Result<Vec<Certificate>, Reject> {
    let mut certificates = Vec::new();
    let files = input.evidence.reading(Files::read);
    for (found, part) in files.0.iter().zip(input.evidence.parts()) {
        match found {
            Ok(found) => certificates.extend_from_slice(found),
            // A certificate with the padding of an NV index reads here alone.
            Err(_) => certificates.extend(certificates_of(part)?),
        }
    }
    leaf_first(certificates)
}

/// The certificates of a file: PEM, or one in DER with or without the padding of an NV index.
pub(super) fn certificates_of(part: &[u8]) -> Result<Vec<Certificate>, Reject> {
    match part.first() {
        Some(0x30) => Ok(vec![Certificate::from_der(without_padding(part)?.0)?]),
        _ => Certificate::all_from_file(part),
    }
}

/// The one certificate of a TPM's key, then the others.
pub(super) fn leaf_first(certificates: Vec<Certificate>) -> Result<Vec<Certificate>, Reject> {
    let field = "certificate of a TPM's key";
    let is_leaf = |certificate: &Certificate| {
        Role::of(certificate.tbs()).is_some() && certificate.tbs().is_authority() != Some(true)
    };
    let (mut chain, issuers): (Vec<_>, Vec<_>) = certificates.into_iter().partition(is_leaf);
    match chain.len() {
        0 => Err(Reject::FieldMissing { field }),
        1 => {
            chain.extend(issuers);
            Ok(chain)
        }
        _ => Err(Reject::FieldRepeated { field }),
    }
}

/// A key of a TPM, as its certificate names it.
#[derive(Debug)]
struct TpmKey {
    spki: Vec<u8>,
    device: Device,
}

impl TpmKey {
    fn of_certificate(tbs: &Tbs) -> Result<Self, Reject> {
        let device = match Role::of(tbs) {
            Some(Role::Attestation) => Device::of_attestation_key(tbs)?,
            Some(Role::Endorsement) => Device::from_tbs(tbs)?,
            None => {
                let found = tbs.key_purposes().into_iter().next().map_or(Operand::Absent, Operand::Oid);
                return Err(Reject::KeyPurpose { expected: ENDORSEMENT_KEY_PURPOSE, found });
            }
        };
        Ok(Self { spki: tbs.spki().to_vec(), device })
    }
}

impl Statement for TpmKey {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nothing
    }

    fn emit(&self, to: &mut Emission) {
        self.device.emit(to);
    }
}
