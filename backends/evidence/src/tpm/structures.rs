//! The TPM structures that key attestation rests on, read from their wire form.
//!
//! Pure and bounded: no allocation beyond the input's size, no trailing bytes, no panics. Nothing here is trusted: a structure says
//! what it says once its signature has been checked.
//!
//! Source: TPM 2.0 Library, Part 2: Structures (revision 1.59).

use super::wire::{Reader, without_size_prefix};
use crate::spki;
use pkic_facts::crypto::{Hash, Scheme};
use pkic_facts::reject::{Operand, Reject};

/// `TPM_GENERATED_VALUE`: a restricted key never signs other data that starts so; without it the host could have made the bytes.
const GENERATED: u32 = 0xFF54_4347;

/// Largest digest, `TPM2B_DIGEST`: SHA-512.
pub(super) const DIGEST_LEN_MAX: usize = 64;
/// Largest `TPM2B_NAME` and `TPM2B_DATA`: `sizeof(TPMT_HA)` with SHA-512.
const NAME_LEN_MAX: usize = 66;
/// Largest RSA modulus or signature: 4096 bits (`MAX_RSA_KEY_BYTES`).
pub(super) const RSA_LEN_MAX: usize = 512;
/// Largest ECC coordinate: P-521 (`MAX_ECC_KEY_BYTES`).
const ECC_LEN_MAX: usize = 66;
/// Largest `TPML_PCR_SELECTION.count`: `HASH_COUNT` of the reference implementation, rounded up.
const PCR_BANKS_MAX: u32 = 16;
/// Largest `TPMS_PCR_SELECTION.sizeofSelect`: `PCR_SELECT_MAX` is 3 in the PC Client profile; 32 PCRs are legal.
const PCR_SELECT_LEN_MAX: usize = 4;

pub(super) const TPM_ALG_RSASSA: u16 = 0x0014;
pub(super) const TPM_ALG_RSAPSS: u16 = 0x0016;
pub(super) const TPM_ALG_ECDSA: u16 = 0x0018;

/// The hash function with this `TPM_ALG_ID`.
///
/// # Errors
/// [`Reject::AlgorithmUnsupported`] for every identifier but those of SHA-1, SHA-256, SHA-384 and SHA-512.
pub fn hash_from_id(id: u16) -> Result<Hash, Reject> {
    match id {
        0x0004 => Ok(Hash::Sha1),
        0x000B => Ok(Hash::Sha256),
        0x000C => Ok(Hash::Sha384),
        0x000D => Ok(Hash::Sha512),
        other => Err(unsupported(other)),
    }
}

/// The `TPM_ALG_ID` of a hash function.
pub const fn hash_id(hash: Hash) -> u16 {
    match hash {
        Hash::Sha1 => 0x0004,
        Hash::Sha256 => 0x000B,
        Hash::Sha384 => 0x000C,
        Hash::Sha512 => 0x000D,
    }
}

/// A Name taken apart: its hash function and the digest.
///
/// # Errors
/// [`Reject::Malformed`] where the digest has another length than the hash function's; [`Reject::AlgorithmUnsupported`].
pub fn hash_of_name(name: &[u8]) -> Result<(Hash, &[u8]), Reject> {
    let mut reader = Reader::new(name);
    let hash = hash_from_id(reader.u16("TPM2B_NAME")?)?;
    let digest = reader.take("TPM2B_NAME", digest_len_bytes(hash))?;
    reader.finish("TPM2B_NAME")?;
    Ok((hash, digest))
}

/// The length of a digest, in bytes.
pub const fn digest_len_bytes(hash: Hash) -> usize {
    match hash {
        Hash::Sha1 => 20,
        Hash::Sha256 => 32,
        Hash::Sha384 => 48,
        Hash::Sha512 => 64,
    }
}

pub(super) fn unsupported(id: u16) -> Reject {
    Reject::AlgorithmUnsupported { found: Operand::Number(i128::from(id)) }
}

/// What a TPM signed: `TPMS_ATTEST`. The magic value was checked when this exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attest {
    /// `TPMS_ATTEST.extraData`: the caller's qualifying data, empty if none was given.
    pub extra_data: Vec<u8>,
    /// `TPMS_ATTEST.clockInfo`.
    pub clock: ClockInfo,
    /// `TPMS_ATTEST.firmwareVersion`: obfuscated by the TPM unless the signing key is in the endorsement or platform hierarchy.
    pub firmware_version: u64,
    /// What is attested, by `TPMS_ATTEST.type`.
    pub attested: Attested,
}

/// `TPMS_CLOCK_INFO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockInfo {
    /// Milliseconds that the TPM has been powered.
    pub clock_ms: u64,
    /// Times that the TPM was reset.
    pub reset_count: u32,
    /// Times that the TPM was restarted or resumed since the last reset.
    pub restart_count: u32,
    /// Whether no larger value of the clock was ever reported.
    pub safe: bool,
}

/// `TPMU_ATTEST`, of the types read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attested {
    /// `TPM_ST_ATTEST_CERTIFY`: an object with this Name is loaded in this TPM.
    Certify {
        /// `TPMS_CERTIFY_INFO.name`.
        name: Vec<u8>,
    },
    /// `TPM_ST_ATTEST_CREATION`: this TPM created the object with this Name.
    Creation {
        /// `TPMS_CREATION_INFO.objectName`.
        object_name: Vec<u8>,
        /// `TPMS_CREATION_INFO.creationHash`.
        creation_hash: Vec<u8>,
    },
    /// `TPM_ST_ATTEST_QUOTE`: PCR values; says nothing about any key.
    Quote {
        /// `TPMS_QUOTE_INFO.pcrSelect`.
        selection: Vec<PcrSelection>,
        /// `TPMS_QUOTE_INFO.pcrDigest`: of the registers' values, one behind the other, by the hash function of the signature.
        pcr_digest: Vec<u8>,
    },
}

/// Registers of one bank: `TPMS_PCR_SELECTION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcrSelection {
    /// The `TPM_ALG_ID` of the bank's hash function.
    pub bank: u16,
    /// The registers' numbers, lowest first.
    pub registers: Vec<usize>,
}

impl Attest {
    /// Reads a whole `TPMS_ATTEST` of type CERTIFY, CREATION or QUOTE.
    ///
    /// # Errors
    /// Anything but exactly one such structure; [`Reject::FieldMismatch`] where the magic value or the type is another.
    pub fn read(bytes: &[u8]) -> Result<Self, Reject> {
        let mut reader = Reader::new(bytes);
        let magic = reader.u32("TPMS_ATTEST.magic")?;
        if magic != GENERATED {
            return Err(Reject::FieldMismatch {
                field: "TPMS_ATTEST.magic",
                expected: Operand::bytes(&GENERATED.to_be_bytes()),
                found: Operand::bytes(&magic.to_be_bytes()),
            });
        }
        let kind = reader.u16("TPMS_ATTEST.type")?;
        reader.sized("TPMS_ATTEST.qualifiedSigner", NAME_LEN_MAX)?;
        let extra_data = reader.sized("TPMS_ATTEST.extraData", NAME_LEN_MAX)?.to_vec();
        let clock = read_clock_info(&mut reader)?;
        let firmware_version = reader.u64("TPMS_ATTEST.firmwareVersion")?;
        let attested = match kind {
            0x8017 => {
                let name = reader.sized("TPMS_CERTIFY_INFO.name", NAME_LEN_MAX)?.to_vec();
                reader.sized("TPMS_CERTIFY_INFO.qualifiedName", NAME_LEN_MAX)?;
                Attested::Certify { name }
            }
            0x801A => Attested::Creation {
                object_name: reader.sized("TPMS_CREATION_INFO.objectName", NAME_LEN_MAX)?.to_vec(),
                creation_hash: reader.sized("TPMS_CREATION_INFO.creationHash", DIGEST_LEN_MAX)?.to_vec(),
            },
            0x8018 => Attested::Quote {
                selection: read_pcr_selection(&mut reader)?,
                pcr_digest: reader.sized("TPMS_QUOTE_INFO.pcrDigest", DIGEST_LEN_MAX)?.to_vec(),
            },
            other => {
                return Err(Reject::FieldMismatch {
                    field: "TPMS_ATTEST.type",
                    expected: Operand::Word(
                        "TPM_ST_ATTEST_CERTIFY, TPM_ST_ATTEST_CREATION or TPM_ST_ATTEST_QUOTE",
                    ),
                    found: Operand::bytes(&other.to_be_bytes()),
                });
            }
        };
        reader.finish("TPMS_ATTEST")?;
        Ok(Self { extra_data, clock, firmware_version, attested })
    }
}

fn read_clock_info(reader: &mut Reader<'_>) -> Result<ClockInfo, Reject> {
    let clock_ms = reader.u64("TPMS_CLOCK_INFO.clock")?;
    let reset_count = reader.u32("TPMS_CLOCK_INFO.resetCount")?;
    let restart_count = reader.u32("TPMS_CLOCK_INFO.restartCount")?;
    // TPMI_YES_NO is 0 or 1; the vectors of WebAuthn have another octet there, and nothing hangs on it.
    let safe = reader.u8("TPMS_CLOCK_INFO.safe")? != 0;
    Ok(ClockInfo { clock_ms, reset_count, restart_count, safe })
}

fn read_pcr_selection(reader: &mut Reader<'_>) -> Result<Vec<PcrSelection>, Reject> {
    let what = "TPML_PCR_SELECTION";
    let count = reader.u32(what)?;
    if count > PCR_BANKS_MAX {
        return Err(Reject::TooLarge { what, size: count as usize, limit: PCR_BANKS_MAX as usize });
    }
    (0..count).map(|_| read_bank(reader)).collect()
}

fn read_bank(reader: &mut Reader<'_>) -> Result<PcrSelection, Reject> {
    let bank = reader.u16("TPMS_PCR_SELECTION.hash")?;
    let len = usize::from(reader.u8("TPMS_PCR_SELECTION.sizeofSelect")?);
    if len > PCR_SELECT_LEN_MAX {
        let what = "TPMS_PCR_SELECTION.sizeofSelect";
        return Err(Reject::TooLarge { what, size: len, limit: PCR_SELECT_LEN_MAX });
    }
    // The lowest bit of the first octet is register 0.
    let bits = reader.take("TPMS_PCR_SELECTION.pcrSelect", len)?;
    let bits = bits.iter().flat_map(|octet| (0..8).map(move |bit| octet & (1 << bit) != 0));
    Ok(PcrSelection {
        bank,
        registers: bits.enumerate().filter(|(_, is_set)| *is_set).map(|(at, _)| at).collect(),
    })
}

/// A signature made by a TPM: `TPMT_SIGNATURE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// `TPM_ALG_ECDSA`; the integers may lack leading zeros.
    Ecdsa {
        /// The hash.
        hash: Hash,
        /// The integer r, big-endian.
        r: Vec<u8>,
        /// The integer s, big-endian.
        s: Vec<u8>,
    },
    /// `TPM_ALG_RSAPSS`.
    RsaPss {
        /// The hash.
        hash: Hash,
        /// The signature.
        signature: Vec<u8>,
    },
    /// `TPM_ALG_RSASSA`: PKCS#1 v1.5.
    RsaSsa {
        /// The hash.
        hash: Hash,
        /// The signature.
        signature: Vec<u8>,
    },
}

impl Signature {
    /// Reads a whole `TPMT_SIGNATURE`.
    ///
    /// # Errors
    /// Anything but exactly one RSASSA, RSAPSS or ECDSA signature.
    pub fn read(bytes: &[u8]) -> Result<Self, Reject> {
        let mut reader = Reader::new(bytes);
        let algorithm = reader.u16("TPMT_SIGNATURE.sigAlg")?;
        let field = "TPMT_SIGNATURE.hash";
        let hash = |reader: &mut Reader<'_>| hash_from_id(reader.u16(field)?);
        let signature = match algorithm {
            TPM_ALG_RSASSA => Self::RsaSsa {
                hash: hash(&mut reader)?,
                signature: reader.sized("TPMS_SIGNATURE_RSA.sig", RSA_LEN_MAX)?.to_vec(),
            },
            TPM_ALG_RSAPSS => Self::RsaPss {
                hash: hash(&mut reader)?,
                signature: reader.sized("TPMS_SIGNATURE_RSA.sig", RSA_LEN_MAX)?.to_vec(),
            },
            TPM_ALG_ECDSA => Self::Ecdsa {
                hash: hash(&mut reader)?,
                r: reader.sized("TPMS_SIGNATURE_ECC.signatureR", ECC_LEN_MAX)?.to_vec(),
                s: reader.sized("TPMS_SIGNATURE_ECC.signatureS", ECC_LEN_MAX)?.to_vec(),
            },
            other => return Err(unsupported(other)),
        };
        reader.finish("TPMT_SIGNATURE")?;
        Ok(signature)
    }

    /// The algorithm with its hash function.
    pub const fn scheme(&self) -> Scheme {
        match self {
            Self::Ecdsa { hash, .. } => Scheme::Ecdsa(*hash),
            Self::RsaPss { hash, .. } => Scheme::RsaPss(*hash),
            Self::RsaSsa { hash, .. } => Scheme::RsaPkcs1(*hash),
        }
    }

    /// The signature as X.509 has it: `ECDSA-Sig-Value` in DER (RFC 3279 section 2.2.3), or the RSA octets.
    pub fn octets(&self) -> Vec<u8> {
        match self {
            Self::Ecdsa { r, s, .. } => spki::element(0x30, &[&spki::integer(r), &spki::integer(s)]),
            Self::RsaPss { signature, .. } | Self::RsaSsa { signature, .. } => signature.clone(),
        }
    }
}

/// How an object came into being: `TPMS_CREATION_DATA`, with the bytes that `creationHash` is computed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreationData {
    bytes: Vec<u8>,
    outside_info: Vec<u8>,
}

impl CreationData {
    /// Reads a whole `TPMS_CREATION_DATA`; `TPM2B_CREATION_DATA` is taken as well.
    ///
    /// # Errors
    /// Anything but exactly one such structure.
    pub fn read(bytes: &[u8]) -> Result<Self, Reject> {
        let bytes = without_size_prefix(bytes);
        let mut reader = Reader::new(bytes);
        read_pcr_selection(&mut reader)?;
        reader.sized("TPMS_CREATION_DATA.pcrDigest", DIGEST_LEN_MAX)?;
        reader.u8("TPMS_CREATION_DATA.locality")?;
        reader.u16("TPMS_CREATION_DATA.parentNameAlg")?;
        reader.sized("TPMS_CREATION_DATA.parentName", NAME_LEN_MAX)?;
        reader.sized("TPMS_CREATION_DATA.parentQualifiedName", NAME_LEN_MAX)?;
        let outside_info = reader.sized("TPMS_CREATION_DATA.outsideInfo", NAME_LEN_MAX)?.to_vec();
        reader.finish("TPMS_CREATION_DATA")?;
        Ok(Self { bytes: bytes.to_vec(), outside_info })
    }

    /// The structure without its size: what `TPMS_CREATION_INFO.creationHash` is the digest of.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `TPMS_CREATION_DATA.outsideInfo`: data that the creator passed in.
    pub fn outside_info(&self) -> &[u8] {
        &self.outside_info
    }
}
