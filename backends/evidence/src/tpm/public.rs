//! An object's public area, its Name, and its key as a subjectPublicKeyInfo.
//!
//! Source: TPM 2.0 Library, Part 2, section 12.2 (`TPMT_PUBLIC`) and Part 1, section 16 (Names).
use super::structures::{
    DIGEST_LEN_MAX, RSA_LEN_MAX, TPM_ALG_ECDSA, TPM_ALG_RSAPSS, TPM_ALG_RSASSA, hash_from_id, hash_id,
    unsupported,
};
use super::wire::{Reader, without_size_prefix};
use crate::spki::{Curve, ecc_spki, rsa_key_spki};
use pkic_facts::crypto::Hash;
use pkic_facts::reject::{Operand, Reject};

const TPM_ALG_RSA: u16 = 0x0001;
const TPM_ALG_AES: u16 = 0x0006;
const TPM_ALG_NULL: u16 = 0x0010;
const TPM_ALG_SM4: u16 = 0x0013;
const TPM_ALG_RSAES: u16 = 0x0015;
const TPM_ALG_OAEP: u16 = 0x0017;
const TPM_ALG_ECDH: u16 = 0x0019;
const TPM_ALG_ECDAA: u16 = 0x001A;
const TPM_ALG_SM2: u16 = 0x001B;
const TPM_ALG_ECSCHNORR: u16 = 0x001C;
const TPM_ALG_ECMQV: u16 = 0x001D;
const TPM_ALG_ECC: u16 = 0x0023;
const TPM_ALG_CAMELLIA: u16 = 0x0026;
const TPM_ALG_CFB: u16 = 0x0043;

/// An object's public area: `TPMT_PUBLIC`, with the bytes that its Name is computed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    bytes: Vec<u8>,
    name_alg: Hash,
    attributes: ObjectAttributes,
    auth_policy: Vec<u8>,
    symmetric: Option<Symmetric>,
    key: PublicKey,
}

/// The public key in a [`Public`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// An ECC point; coordinates may lack leading zeros.
    Ecc {
        /// The curve.
        curve: Curve,
        /// The x coordinate, big-endian.
        x: Vec<u8>,
        /// The y coordinate, big-endian.
        y: Vec<u8>,
    },
    /// An RSA key.
    Rsa {
        /// The modulus, big-endian.
        modulus: Vec<u8>,
        /// The public exponent; the wire's 0 is read as 65537.
        exponent: u32,
    },
}

/// The symmetric algorithm that protects what a storage key wraps: `TPMT_SYM_DEF_OBJECT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symmetric {
    /// The `TPM_ALG_ID`.
    pub algorithm: u16,
    /// The key size in bits.
    pub key_bits: u16,
    /// The `TPM_ALG_ID` of the mode.
    pub mode: u16,
}

impl Symmetric {
    /// Whether this is AES in CFB mode.
    pub const fn is_aes_cfb(self) -> bool {
        self.algorithm == TPM_ALG_AES && self.mode == TPM_ALG_CFB
    }
}

/// `TPMA_OBJECT`: what may be done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectAttributes(u32);

impl ObjectAttributes {
    const RESERVED: u32 = 0xFFF0_F009;

    /// `fixedTPM`: the object cannot be duplicated to another TPM.
    pub const fn fixed_tpm(self) -> bool {
        self.0 & (1 << 1) != 0
    }

    /// `fixedParent`: the object cannot be moved under another parent.
    pub const fn fixed_parent(self) -> bool {
        self.0 & (1 << 4) != 0
    }

    /// `sensitiveDataOrigin`: the TPM generated the private part.
    pub const fn sensitive_data_origin(self) -> bool {
        self.0 & (1 << 5) != 0
    }

    /// `userWithAuth`: the object's authorisation value is enough to use it.
    pub const fn user_with_auth(self) -> bool {
        self.0 & (1 << 6) != 0
    }

    /// `encryptedDuplication`: the object may leave only under an inner wrapping key and for a given new parent.
    pub const fn encrypted_duplication(self) -> bool {
        self.0 & (1 << 11) != 0
    }

    /// `restricted`: the key signs nothing that could pass for a TPM structure unless the TPM made it.
    pub const fn restricted(self) -> bool {
        self.0 & (1 << 16) != 0
    }

    /// `decrypt`: the private part decrypts.
    pub const fn decrypt(self) -> bool {
        self.0 & (1 << 17) != 0
    }

    /// `sign`: the private part signs.
    pub const fn sign(self) -> bool {
        self.0 & (1 << 18) != 0
    }

    /// The attribute that keeps this from being an attestation key, and whether it is set; `None` if none does.
    ///
    /// Such a key is restricted, signs, does not decrypt, and was never outside its TPM.
    pub const fn not_an_attestation_key(self) -> Option<(&'static str, bool)> {
        if !self.restricted() {
            Some(("TPMA_OBJECT.restricted", false))
        } else if !self.sign() {
            Some(("TPMA_OBJECT.sign", false))
        } else if self.decrypt() {
            Some(("TPMA_OBJECT.decrypt", true))
        } else if !self.fixed_tpm() {
            Some(("TPMA_OBJECT.fixedTPM", false))
        } else if !self.fixed_parent() {
            Some(("TPMA_OBJECT.fixedParent", false))
        } else if !self.sensitive_data_origin() {
            Some(("TPMA_OBJECT.sensitiveDataOrigin", false))
        } else {
            None
        }
    }
}

impl Public {
    /// Reads a whole `TPMT_PUBLIC` of an RSA or NIST ECC key; `TPM2B_PUBLIC` is taken as well.
    ///
    /// # Errors
    /// Anything but exactly one such structure.
    pub fn read(bytes: &[u8]) -> Result<Self, Reject> {
        let bytes = without_size_prefix(bytes);
        let mut reader = Reader::new(bytes);
        let kind = reader.u16("TPMT_PUBLIC.type")?;
        let name_alg = hash_from_id(reader.u16("TPMT_PUBLIC.nameAlg")?)?;
        let attributes = reader.u32("TPMT_PUBLIC.objectAttributes")?;
        if attributes & ObjectAttributes::RESERVED != 0 {
            return Err(Reject::Malformed { what: "TPMT_PUBLIC.objectAttributes" });
        }
        let auth_policy = reader.sized("TPMT_PUBLIC.authPolicy", DIGEST_LEN_MAX)?.to_vec();
        let symmetric = read_symmetric(&mut reader)?;
        let key = match kind {
            TPM_ALG_RSA => read_rsa_key(&mut reader)?,
            TPM_ALG_ECC => read_ecc_key(&mut reader)?,
            other => return Err(unsupported(other)),
        };
        reader.finish("TPMT_PUBLIC")?;
        let attributes = ObjectAttributes(attributes);
        Ok(Self { bytes: bytes.to_vec(), name_alg, attributes, auth_policy, symmetric, key })
    }

    /// The object's Name: the identifier of `nameAlg`, then the digest of the public area.
    ///
    /// Source: TPM 2.0 Library, Part 1, section 16.
    pub fn name(&self) -> Vec<u8> {
        let mut name = hash_id(self.name_alg).to_be_bytes().to_vec();
        name.extend(self.name_alg.digest(&self.bytes));
        name
    }

    /// The structure without its size: what the Name is computed over.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `TPMT_PUBLIC.nameAlg`.
    pub const fn name_alg(&self) -> Hash {
        self.name_alg
    }

    /// `TPMT_PUBLIC.objectAttributes`.
    pub const fn attributes(&self) -> ObjectAttributes {
        self.attributes
    }

    /// `TPMT_PUBLIC.authPolicy`: empty if the object has no policy.
    pub fn auth_policy(&self) -> &[u8] {
        &self.auth_policy
    }

    /// The symmetric algorithm of a storage key, `None` for a signing key.
    pub const fn symmetric(&self) -> Option<Symmetric> {
        self.symmetric
    }

    /// The public key.
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The public key as a subjectPublicKeyInfo in DER, as a request has it.
    ///
    /// Source: RFC 3279 section 2.3.1 (RSA), RFC 5480 section 2 (ECC, named curve, uncompressed point).
    pub fn spki(&self) -> Vec<u8> {
        match &self.key {
            PublicKey::Ecc { curve, x, y } => ecc_spki(*curve, x, y),
            PublicKey::Rsa { modulus, exponent } => rsa_key_spki(modulus, &exponent.to_be_bytes()),
        }
    }
}

fn read_symmetric(reader: &mut Reader<'_>) -> Result<Option<Symmetric>, Reject> {
    let algorithm = reader.u16("TPMT_SYM_DEF_OBJECT.algorithm")?;
    match algorithm {
        TPM_ALG_NULL => Ok(None),
        TPM_ALG_AES | TPM_ALG_SM4 | TPM_ALG_CAMELLIA => Ok(Some(Symmetric {
            algorithm,
            key_bits: reader.u16("TPMT_SYM_DEF_OBJECT.keyBits")?,
            mode: reader.u16("TPMT_SYM_DEF_OBJECT.mode")?,
        })),
        other => Err(unsupported(other)),
    }
}

fn read_rsa_key(reader: &mut Reader<'_>) -> Result<PublicKey, Reject> {
    let field = "TPMS_RSA_PARMS.scheme";
    match reader.u16(field)? {
        TPM_ALG_NULL | TPM_ALG_RSAES => {}
        TPM_ALG_RSASSA | TPM_ALG_RSAPSS | TPM_ALG_OAEP => {
            hash_from_id(reader.u16(field)?)?;
        }
        other => return Err(unsupported(other)),
    }
    let key_bits = reader.u16("TPMS_RSA_PARMS.keyBits")?;
    let exponent = match reader.u32("TPMS_RSA_PARMS.exponent")? {
        0 => 65_537,
        given => given,
    };
    let modulus = reader.sized("TPM2B_PUBLIC_KEY_RSA", RSA_LEN_MAX)?.to_vec();
    let leading_bit_set = modulus.first().is_some_and(|byte| byte & 0x80 != 0);
    if !leading_bit_set || modulus.len().checked_mul(8) != Some(usize::from(key_bits)) {
        return Err(Reject::FieldMismatch {
            field: "TPMS_RSA_PARMS.keyBits",
            expected: Operand::Number(modulus.len().saturating_mul(8) as i128),
            found: Operand::Number(i128::from(key_bits)),
        });
    }
    Ok(PublicKey::Rsa { modulus, exponent })
}

fn read_ecc_key(reader: &mut Reader<'_>) -> Result<PublicKey, Reject> {
    let field = "TPMS_ECC_PARMS.scheme";
    match reader.u16(field)? {
        TPM_ALG_NULL => {}
        TPM_ALG_ECDSA | TPM_ALG_ECDH | TPM_ALG_SM2 | TPM_ALG_ECSCHNORR | TPM_ALG_ECMQV => {
            hash_from_id(reader.u16(field)?)?;
        }
        TPM_ALG_ECDAA => {
            hash_from_id(reader.u16(field)?)?;
            reader.u16("TPMS_SCHEME_ECDAA.count")?;
        }
        other => return Err(unsupported(other)),
    }
    let curve = curve_from_id(reader.u16("TPMS_ECC_PARMS.curveID")?)?;
    let field = "TPMS_ECC_PARMS.kdf";
    if reader.u16(field)? != TPM_ALG_NULL {
        hash_from_id(reader.u16(field)?)?;
    }
    let len_max = curve.coordinate_len_bytes();
    let x = reader.sized("TPMS_ECC_POINT.x", len_max)?.to_vec();
    let y = reader.sized("TPMS_ECC_POINT.y", len_max)?.to_vec();
    Ok(PublicKey::Ecc { curve, x, y })
}

/// The curve of a `TPMI_ECC_CURVE`.
fn curve_from_id(id: u16) -> Result<Curve, Reject> {
    match id {
        0x0003 => Ok(Curve::P256),
        0x0004 => Ok(Curve::P384),
        0x0005 => Ok(Curve::P521),
        other => Err(unsupported(other)),
    }
}
