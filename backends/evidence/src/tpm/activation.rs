//! Credential activation, the registrar's half: a secret that only the TPM with a given endorsement key can read, and only
//! if an object with a given Name is loaded in it. Whoever returns the secret has shown that both are in one TPM.
//!
//! Randomness is an input, except for the padding of RSA-OAEP, which aws-lc draws itself.
//!
//! Source: TPM 2.0 Library, Part 1, section 24 (credential protection), section 11.4.10 (KDFa and KDFe), annexes B.10.4 and C.6.4
//! (secret sharing with RSA and ECC); TCG EK Credential Profile 2.5, annex B (which algorithms go with which endorsement key).
use super::structures::digest_len_bytes;
use super::wire::Reader;
use crate::spki::{padded, rsa_spki};
use aws_lc_rs::agreement;
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, rsa};
use pkic_facts::crypto::{Hash, KeyKind, PublicKey};
use pkic_facts::reject::Reject;

/// Largest secret of a credential: a `TPM2B_DIGEST` of SHA-256, the `nameAlg` of the smallest endorsement keys.
pub const SECRET_LEN_BYTES_MAX: usize = 32;
/// Largest Name: `TPM2B_NAME` with SHA-512.
const NAME_LEN_BYTES_MAX: usize = 66;
/// The label of the seed's encryption; its final zero octet is part of it.
const IDENTITY: &[u8] = b"IDENTITY\0";
const STORAGE: &[u8] = b"STORAGE\0";
const INTEGRITY: &[u8] = b"INTEGRITY\0";

/// Why no credential was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivationError {
    /// The cryptographic provider refused the endorsement key or the operation.
    Crypto {
        /// The operation.
        operation: &'static str,
    },
    /// The endorsement key is no RSA, P-256, P-384 or P-521 key in a subjectPublicKeyInfo.
    EndorsementKey(Reject),
    /// The name of the attestation key is empty or too long.
    Name {
        /// Its length in bytes.
        len_bytes: usize,
    },
    /// The randomness has another length than [`EndorsementKey::randomness_len_bytes`], or is no private key of the curve: draw again.
    Randomness {
        /// Its length in bytes.
        len_bytes: usize,
        /// The length needed in bytes.
        needed_len_bytes: usize,
    },
    /// The secret is empty or longer than [`SECRET_LEN_BYTES_MAX`].
    Secret {
        /// Its length in bytes.
        len_bytes: usize,
    },
}

impl core::fmt::Display for ActivationError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Crypto { operation } => write!(f, "{operation} failed"),
            Self::EndorsementKey(reject) => write!(f, "the endorsement key is not usable: {reject}"),
            Self::Name { len_bytes } => write!(f, "a Name of {len_bytes} bytes is none of a TPM object"),
            Self::Randomness { len_bytes, needed_len_bytes } => {
                write!(f, "{len_bytes} random bytes do not make a seed, {needed_len_bytes} are needed")
            }
            Self::Secret { len_bytes } => {
                write!(f, "a secret has 1 to {SECRET_LEN_BYTES_MAX} bytes, this one has {len_bytes}")
            }
        }
    }
}

impl std::error::Error for ActivationError {}

/// An endorsement key's public part, with the algorithms that the TCG's templates give a key of its kind and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndorsementKey {
    kind: KeyKind,
    octets: Vec<u8>,
    name_alg: Hash,
    symmetric_key_len_bytes: usize,
}

/// A credential for `TPM2_ActivateCredential`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The contents of `TPM2B_ID_OBJECT`.
    pub id_object: Vec<u8>,
    /// The contents of `TPM2B_ENCRYPTED_SECRET`.
    pub encrypted_secret: Vec<u8>,
}

impl EndorsementKey {
    /// The endorsement key with this subjectPublicKeyInfo, as its certificate has it.
    ///
    /// # Errors
    /// [`ActivationError::EndorsementKey`] where it is no such key; other RSA sizes than 2048, 3072 and 4096 have no template.
    pub fn from_spki(spki: &[u8]) -> Result<Self, ActivationError> {
        let key = PublicKey::from_spki(spki).map_err(ActivationError::EndorsementKey)?;
        let bits = key.bits().map_err(ActivationError::EndorsementKey)?;
        let (name_alg, symmetric_key_len_bytes) = match (key.kind, bits) {
            (KeyKind::Rsa, 2048) | (KeyKind::P256, _) => (Hash::Sha256, 16),
            (KeyKind::Rsa, 3072 | 4096) | (KeyKind::P384, _) => (Hash::Sha384, 32),
            (KeyKind::P521, _) => (Hash::Sha512, 32),
            _ => {
                return Err(ActivationError::EndorsementKey(Reject::Malformed { what: "endorsement key" }));
            }
        };
        Ok(Self { kind: key.kind, octets: key.octets.to_vec(), name_alg, symmetric_key_len_bytes })
    }

    /// How many random bytes [`make_credential`] needs for this key.
    pub const fn randomness_len_bytes(&self) -> usize {
        match self.kind {
            KeyKind::P256 => 32,
            KeyKind::P384 => 48,
            KeyKind::P521 => 66,
            _ => digest_len_bytes(self.name_alg),
        }
    }

    /// The seed, and what carries it to the TPM.
    fn share_seed(&self, randomness: &[u8]) -> Result<(Vec<u8>, Vec<u8>), ActivationError> {
        if randomness.len() != self.randomness_len_bytes() {
            return Err(self.unfit(randomness));
        }
        match self.kind {
            KeyKind::P256 => self.agree_on_seed(&agreement::ECDH_P256, randomness),
            KeyKind::P384 => self.agree_on_seed(&agreement::ECDH_P384, randomness),
            KeyKind::P521 => self.agree_on_seed(&agreement::ECDH_P521, randomness),
            _ => Ok((randomness.to_vec(), self.encrypt_seed(randomness)?)),
        }
    }

    /// Part 1, annex B.10.4: RSA-OAEP with the key's `nameAlg`.
    fn encrypt_seed(&self, seed: &[u8]) -> Result<Vec<u8>, ActivationError> {
        let failed = |_| ActivationError::Crypto { operation: "RSA-OAEP" };
        let algorithm = match self.name_alg {
            Hash::Sha384 => &rsa::OAEP_SHA384_MGF1SHA384,
            Hash::Sha512 => &rsa::OAEP_SHA512_MGF1SHA512,
            _ => &rsa::OAEP_SHA256_MGF1SHA256,
        };
        let spki = rsa_spki(&self.octets);
        let key = rsa::PublicEncryptingKey::from_der(&spki)
            .map_err(|_| ActivationError::Crypto { operation: "reading the RSA key" })?;
        let key = rsa::OaepPublicEncryptingKey::new(key).map_err(failed)?;
        let mut ciphertext = vec![0; key.ciphertext_size()];
        Ok(key.encrypt(algorithm, seed, &mut ciphertext, Some(IDENTITY)).map_err(failed)?.to_vec())
    }

    /// Part 1, annex C.6.4: one-pass ECDH with an ephemeral key, then KDFe.
    fn agree_on_seed(
        &self,
        curve: &'static agreement::Algorithm,
        private: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), ActivationError> {
        let failed = |_| ActivationError::Crypto { operation: "ECDH" };
        let ephemeral =
            agreement::PrivateKey::from_private_key(curve, private).map_err(|_| self.unfit(private))?;
        let ephemeral_point = ephemeral.compute_public_key().map_err(failed)?;
        let width = self.randomness_len_bytes();
        let (ephemeral_x, ephemeral_y) = coordinates(ephemeral_point.as_ref(), width)?;
        let (own_x, _) = coordinates(&self.octets, width)?;
        let peer = agreement::UnparsedPublicKey::new(curve, &self.octets);
        let failed = ActivationError::Crypto { operation: "ECDH" };
        let z = agreement::agree(&ephemeral, peer, failed, |z| Ok(padded(z, width)))?;
        let seed = kdf_e(self.name_alg, &z, &ephemeral_x, &own_x)?;
        Ok((seed, [sized(&ephemeral_x), sized(&ephemeral_y)].concat()))
    }

    fn unfit(&self, randomness: &[u8]) -> ActivationError {
        ActivationError::Randomness {
            len_bytes: randomness.len(),
            needed_len_bytes: self.randomness_len_bytes(),
        }
    }
}

/// Makes a credential that gives up `secret` only to the TPM of `endorsement_key`, if an object named `name` is loaded there.
///
/// `randomness` must be fresh from a random generator and used once; with it anybody can read the secret.
///
/// # Errors
/// [`ActivationError`]: the key, a length, or the provider.
pub fn make_credential(
    endorsement_key: &EndorsementKey,
    name: &[u8],
    secret: &[u8],
    randomness: &[u8],
) -> Result<Credential, ActivationError> {
    if name.is_empty() || name.len() > NAME_LEN_BYTES_MAX {
        return Err(ActivationError::Name { len_bytes: name.len() });
    }
    if secret.is_empty() || secret.len() > SECRET_LEN_BYTES_MAX {
        return Err(ActivationError::Secret { len_bytes: secret.len() });
    }
    let (seed, encrypted_secret) = endorsement_key.share_seed(randomness)?;
    let hash = endorsement_key.name_alg;
    let symmetric_key = kdf_a(hash, &seed, STORAGE, name, endorsement_key.symmetric_key_len_bytes)?;
    let encrypted_identity = encrypt_cfb(&symmetric_key, sized(secret))?;
    let integrity_key = kdf_a(hash, &seed, INTEGRITY, &[], digest_len_bytes(hash))?;
    let integrity = mac(hash, &integrity_key, &[&encrypted_identity, name])?;
    Ok(Credential { id_object: [sized(&integrity), encrypted_identity].concat(), encrypted_secret })
}

impl Credential {
    /// The file that `tpm2_activatecredential` of tpm2-tools reads: magic, version 1, and both structures with their sizes.
    pub fn to_tpm2_tools(&self) -> Vec<u8> {
        let header = [0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1];
        [header.to_vec(), sized(&self.id_object), sized(&self.encrypted_secret)].concat()
    }

    /// Reads such a file.
    ///
    /// # Errors
    /// [`Reject`]: anything but exactly one such file.
    pub fn from_tpm2_tools(bytes: &[u8]) -> Result<Self, Reject> {
        let what = "tpm2-tools credential";
        let mut reader = Reader::new(bytes);
        if (reader.u32(what)?, reader.u32(what)?) != (0xbadc_c0de, 1) {
            return Err(Reject::Malformed { what });
        }
        let id_object = reader.sized("TPM2B_ID_OBJECT", 132)?.to_vec();
        let encrypted_secret = reader.sized("TPM2B_ENCRYPTED_SECRET", 512)?.to_vec();
        reader.finish(what)?;
        Ok(Self { id_object, encrypted_secret })
    }
}

/// KDFa without second context: SP 800-108 in counter mode over HMAC.
fn kdf_a(
    hash: Hash,
    key: &[u8],
    label: &[u8],
    context: &[u8],
    len_bytes: usize,
) -> Result<Vec<u8>, ActivationError> {
    let bits = u32::try_from(len_bytes.saturating_mul(8))
        .map_err(|_| ActivationError::Crypto { operation: "KDFa" })?
        .to_be_bytes();
    let mut out = Vec::new();
    for counter in 1u32..=u32::from(u8::MAX) {
        if out.len() >= len_bytes {
            break;
        }
        out.extend(mac(hash, key, &[&counter.to_be_bytes(), label, context, &bits])?);
    }
    out.truncate(len_bytes);
    Ok(out)
}

/// KDFe for one digest's worth of bits: SP 800-56A over a hash function, label `IDENTITY`.
fn kdf_e(hash: Hash, z: &[u8], party_u: &[u8], party_v: &[u8]) -> Result<Vec<u8>, ActivationError> {
    if hash == Hash::Sha1 {
        return Err(ActivationError::Crypto { operation: "KDFe" });
    }
    Ok(hash.digest(&[&1u32.to_be_bytes(), z, IDENTITY, party_u, party_v].concat()))
}

fn mac(hash: Hash, key: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, ActivationError> {
    let algorithm = match hash {
        Hash::Sha1 => return Err(ActivationError::Crypto { operation: "HMAC with SHA-1" }),
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
        Hash::Sha512 => hmac::HMAC_SHA512,
    };
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    for part in parts {
        context.update(part);
    }
    Ok(context.sign().as_ref().to_vec())
}

/// AES-CFB with an initialisation vector of zeros: the key is used once.
fn encrypt_cfb(key: &[u8], mut text: Vec<u8>) -> Result<Vec<u8>, ActivationError> {
    let failed = |_| ActivationError::Crypto { operation: "AES-CFB" };
    let algorithm = if key.len() == 16 { &AES_128 } else { &AES_256 };
    let key = UnboundCipherKey::new(algorithm, key).map_err(failed)?;
    let key = EncryptingKey::cfb128(key).map_err(failed)?;
    key.less_safe_encrypt(&mut text, EncryptionContext::Iv128(FixedLength::from([0; 16]))).map_err(failed)?;
    Ok(text)
}

/// The coordinates of an uncompressed point.
fn coordinates(point: &[u8], width: usize) -> Result<(Vec<u8>, Vec<u8>), ActivationError> {
    let malformed = || ActivationError::EndorsementKey(Reject::Malformed { what: "elliptic-curve point" });
    let Some((4, rest)) = point.split_first() else { return Err(malformed()) };
    let (x, y) = rest.split_at_checked(width).ok_or_else(malformed)?;
    if y.len() == width { Ok((x.to_vec(), y.to_vec())) } else { Err(malformed()) }
}

/// A `TPM2B`. What goes in here is bounded far below 65,536 bytes.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let size = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&size.to_be_bytes(), bytes].concat()
}
