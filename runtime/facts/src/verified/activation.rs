//! The second mint: TPM 2.0 credential activation.
//!
//! An endorsement key decrypts and does not sign, so it cannot vouch for an attestation key by a signature. Instead the
//! registrar encrypts a secret under the endorsement key together with the *Name* of the attestation key; a TPM
//! that has both keys, and no other, gives the secret back.
//! Source: TPM 2.0 Library part 1, section 24 (credential protection).
use super::TrustedKey;
use super::trail::Step;
use crate::crypto::{Hash, Sha256Digest};
use crate::path::VerifiedPath;
use crate::reject::{Operand, Reject};
use aws_lc_rs::constant_time;

/// The shortest secret that counts: 128 bits, so that it cannot be guessed.
pub const SECRET_LEN_BYTES_MIN: usize = 16;

/// What the registrar remembers of a credential that it made.
///
/// This is the registrar's own record, kept where requesters cannot write. Read from a requester's message it
/// would prove nothing: whoever knows the secret beforehand needs no TPM.
#[derive(Clone, PartialEq, Eq)]
pub struct Activation {
    /// SHA-256 of the subjectPublicKeyInfo of the endorsement key that the credential was encrypted to.
    pub endorsement_key: Sha256Digest,
    /// The Name of the attestation key that the credential was made for.
    pub name: Vec<u8>,
    /// The secret inside the credential: fresh random bytes, used once.
    pub secret: Vec<u8>,
}

impl std::fmt::Debug for Activation {
    /// Shows everything but the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Activation")
            .field("endorsement_key", &self.endorsement_key)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A decoder of TPMT_PUBLIC that gives the key's subjectPublicKeyInfo; it refuses what is no restricted signing key.
pub type DecodePublicArea = fn(&[u8]) -> Result<Vec<u8>, Reject>;

/// Trusts the attestation key of an answered credential as far as the endorsement key's path.
///
/// The Name is computed from `public_area`, and `decode` reads those very bytes.
///
/// # Errors
/// [`Reject::KeyMismatch`] where the credential was made for another endorsement key; [`Reject::DigestMismatch`] where
/// it was made for another Name; [`Reject::NonceMismatch`] where `returned` is not the secret, or the secret is
/// shorter than [`SECRET_LEN_BYTES_MIN`]; those of [`name_of`] and of `decode`.
pub fn activate(
    endorsement_key: &VerifiedPath,
    record: &Activation,
    public_area: &[u8],
    returned: &[u8],
    decode: DecodePublicArea,
) -> Result<TrustedKey, Reject> {
    let attested_key = endorsement_key.leaf().tbs().spki_digest();
    if attested_key != record.endorsement_key {
        return Err(Reject::KeyMismatch { request_key: record.endorsement_key, attested_key });
    }
    let name = name_of(public_area)?;
    if name != record.name {
        let (expected, found) = (Operand::bytes(&record.name), Operand::bytes(&name));
        return Err(Reject::DigestMismatch { what: "TPMT_PUBLIC", expected, found });
    }
    let is_returned = constant_time::verify_slices_are_equal(&record.secret, returned).is_ok();
    if !is_returned || record.secret.len() < SECRET_LEN_BYTES_MIN {
        // Digests, since a refusal stands in a log and the secret does not belong there.
        let digest = |bytes: &[u8]| Operand::Digest(Sha256Digest::of(bytes));
        let (expected, found) = (digest(&record.secret), digest(returned));
        return Err(Reject::NonceMismatch { expected, found });
    }
    let step = Step::Activated(name.into());
    let provenance = TrustedKey::of_path(endorsement_key).provenance.and(step);
    Ok(TrustedKey { spki: decode(public_area)?, provenance })
}

/// The Name of an object with that public area: its Name algorithm and the digest of the area.
///
/// # Errors
/// [`Reject::Malformed`] where the area is shorter than its head; [`Reject::AlgorithmUnsupported`] for a Name algorithm
/// other than SHA-256, SHA-384 and SHA-512. Source: TPM 2.0 Library part 1, section 16.
pub fn name_of(public_area: &[u8]) -> Result<Vec<u8>, Reject> {
    let algorithm = public_area.get(2..4).ok_or(Reject::Malformed { what: "TPMT_PUBLIC" })?;
    let hash = match algorithm {
        [0x00, 0x0b] => Hash::Sha256,
        [0x00, 0x0c] => Hash::Sha384,
        [0x00, 0x0d] => Hash::Sha512,
        other => return Err(Reject::AlgorithmUnsupported { found: Operand::bytes(other) }),
    };
    Ok([algorithm, &hash.digest(public_area)].concat())
}
