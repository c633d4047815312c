//! The second mint: TPM 2.0 credential activation.
//!
//! An endorsement key decrypts and does not sign, so it cannot vouch for an attestation key by a signature. Instead the
//! registrar encrypts a secret under the endorsement key together with the *Name* of the attestation key; a TPM
//! that has both keys, and no other, gives the secret back.
//! Source: TPM 2.0 Library part 1, section 24 (credential protection).
use super::{Provenance, TrustedKey};
use crate::crypto::{Hash, KeyKind, PublicKey, Sha256Digest};
use crate::path::VerifiedPath;
use crate::reject::{Operand, Reject};
use aws_lc_rs::{cipher, constant_time, hmac};

/// Bytes of seed and key for a Name algorithm of SHA-256 with AES-128, which every EK template of the TCG's
/// EK Credential Profile with SHA-256 has.
const KEY_LEN_BYTES: usize = 16;
/// The longest secret: a TPM takes at most the size of its Name digest.
pub const SECRET_LEN_BYTES_MAX: usize = 32;
/// Bytes of the seed: the size of the endorsement key's Name digest.
pub const SEED_LEN_BYTES: usize = 32;

/// What the registrar remembers of a challenge, with the answer to it.
///
/// This is the registrar's own record: seed and secret are random bytes of its making. It is never read from what a
/// requester sends, but for `returned`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// SHA-256 of the subjectPublicKeyInfo of the endorsement key that the seed was encrypted to.
    pub endorsement_key: Sha256Digest,
    /// The seed that was encrypted to the endorsement key.
    pub seed: [u8; SEED_LEN_BYTES],
    /// The secret inside the credential.
    pub secret: Vec<u8>,
    /// The credential (TPM2B_ID_OBJECT without its size) that was sent.
    pub credential: Vec<u8>,
    /// The attestation key's public area (TPMT_PUBLIC).
    pub public_area: Vec<u8>,
    /// What the TPM answered.
    pub returned: Vec<u8>,
}

/// A decoder of TPMT_PUBLIC that gives the key's subjectPublicKeyInfo; it refuses what is no restricted signing key.
pub type DecodePublicArea = fn(&[u8]) -> Result<Vec<u8>, Reject>;

/// Trusts the attestation key of an answered challenge as far as the endorsement key's path.
///
/// The credential is computed again from seed, secret and the Name of `public_area`, so a transcript that was made
/// for another attestation key does not pass.
///
/// # Errors
/// [`Reject::KeyMismatch`] where the challenge was for another endorsement key; [`Reject::DigestMismatch`] where the
/// credential was made for another Name; [`Reject::NonceMismatch`] where the answer is not the secret; those of
/// `decode`.
pub fn activate(
    endorsement_key: &VerifiedPath,
    transcript: &Transcript,
    decode: DecodePublicArea,
) -> Result<TrustedKey, Reject> {
    let expected = endorsement_key.leaf().tbs().spki_digest();
    if expected != transcript.endorsement_key {
        return Err(Reject::KeyMismatch { request_key: expected, attested_key: transcript.endorsement_key });
    }
    let name = name_of(&transcript.public_area)?;
    let credential = credential(&transcript.seed, &transcript.secret, &name)?;
    if credential != transcript.credential {
        let (expected, found) = (Operand::bytes(&credential), Operand::bytes(&transcript.credential));
        return Err(Reject::DigestMismatch { what: "TPM2B_ID_OBJECT", expected, found });
    }
    if constant_time::verify_slices_are_equal(&transcript.secret, &transcript.returned).is_err() {
        // Digests, since a refusal stands in a log and the secret does not belong there.
        let digest = |bytes: &[u8]| Operand::Digest(Sha256Digest::of(bytes));
        let (expected, found) = (digest(&transcript.secret), digest(&transcript.returned));
        return Err(Reject::NonceMismatch { expected, found });
    }
    Ok(TrustedKey {
        spki: decode(&transcript.public_area)?,
        provenance: Provenance { ..TrustedKey::of_path(endorsement_key).provenance },
    })
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

/// What goes to the TPM: the two inputs of TPM2_ActivateCredential, each without its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// `credentialBlob`: integrity and encrypted secret.
    pub credential: Vec<u8>,
    /// `secret`: the seed, encrypted to the endorsement key.
    pub encrypted_seed: Vec<u8>,
}

/// Makes a challenge for the TPM that holds `endorsement_key` and the key named `name`.
///
/// `seed` and `secret` are fresh random bytes of the caller's, who keeps them for the [`Transcript`].
///
/// # Errors
/// [`Reject::AlgorithmUnsupported`] where the endorsement key is not RSA (the L-1 template);
/// [`Reject::TooLarge`] for a secret beyond [`SECRET_LEN_BYTES_MAX`].
pub fn challenge(
    endorsement_key: &VerifiedPath,
    name: &[u8],
    seed: &[u8; SEED_LEN_BYTES],
    secret: &[u8],
) -> Result<Challenge, Reject> {
    use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
    let spki = endorsement_key.leaf().tbs().spki();
    let key = PublicKey::from_spki(spki)?;
    let unsupported = Reject::AlgorithmUnsupported { found: Operand::Word("ecdh endorsement key") };
    if key.kind != KeyKind::Rsa {
        return Err(unsupported);
    }
    let malformed = Reject::Malformed { what: "endorsement key" };
    let key = PublicEncryptingKey::from_der(spki).map_err(|_| malformed.clone())?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_| malformed.clone())?;
    let mut encrypted_seed = vec![0u8; key.ciphertext_size()];
    key.encrypt(&OAEP_SHA256_MGF1SHA256, seed, &mut encrypted_seed, Some(b"IDENTITY\0"))
        .map_err(|_| malformed)?;
    Ok(Challenge { credential: credential(seed, secret, name)?, encrypted_seed })
}

/// `TPMS_ID_OBJECT`: the HMAC over the encrypted secret and the Name, then the encrypted secret.
fn credential(seed: &[u8; SEED_LEN_BYTES], secret: &[u8], name: &[u8]) -> Result<Vec<u8>, Reject> {
    let what = "credential secret";
    let size = secret.len();
    if size > SECRET_LEN_BYTES_MAX || size == 0 {
        return Err(Reject::TooLarge { what, size, limit: SECRET_LEN_BYTES_MAX });
    }
    let width = u16::try_from(size).map_err(|_| Reject::Malformed { what })?;
    let mut encrypted = [&width.to_be_bytes(), secret].concat();
    let storage = key_derivation(seed, b"STORAGE\0", name, 128);
    let key = storage.get(..KEY_LEN_BYTES).ok_or(Reject::Malformed { what })?;
    encrypt_cfb(key, &mut encrypted).ok_or(Reject::Malformed { what })?;
    let integrity_key = hmac::Key::new(hmac::HMAC_SHA256, &key_derivation(seed, b"INTEGRITY\0", &[], 256));
    let integrity = hmac::sign(&integrity_key, &[encrypted.as_slice(), name].concat());
    Ok([&[0x00, 0x20], integrity.as_ref(), &encrypted].concat())
}

/// `KDFa` with SHA-256 for at most 256 bits: one HMAC. Source: TPM 2.0 Library part 1, section 11.4.10.2.
fn key_derivation(seed: &[u8], label: &[u8], context_u: &[u8], bits: u32) -> Vec<u8> {
    let input = [&1u32.to_be_bytes(), label, context_u, &bits.to_be_bytes()].concat();
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, seed), &input).as_ref().to_vec()
}

/// AES-128 in CFB mode with an initialization vector of zeros, as the standard prescribes: each key encrypts once.
fn encrypt_cfb(key: &[u8], in_out: &mut [u8]) -> Option<()> {
    let key = cipher::UnboundCipherKey::new(&cipher::AES_128, key).ok()?;
    let iv = cipher::EncryptionContext::Iv128(aws_lc_rs::iv::FixedLength::from([0u8; 16]));
    cipher::EncryptingKey::cfb128(key).ok()?.less_safe_encrypt(in_out, iv).ok()?;
    Some(())
}
