//! What a LiquidSecurity module answers to a request for attestation: one or two objects with their attributes.
//!
//! All integers are big-endian. A header of four 32-bit words, of which the third is the length of the whole answer and the
//! fourth that of the attribute buffer; handles; the buffer; the signature. The buffer starts with four 16-bit words, of
//! which the third and fourth are where in it the first and the second object stand; a key without a second half has 0 for
//! it. An object is three 32-bit words (handle, number of attributes, length of them) and its attributes, each two 32-bit
//! words (type, length) and the value. Every length and offset is the sender's, and none is believed.
//!
//! Types are those of PKCS#11 as far as it has them; the others are Marvell's own. The answers of firmware before 3.2 have
//! other layouts and are not read.
//!
//! Source: Marvell, LiquidSecurity HSM software key attestation; PKCS#11 v3.1, section 4.
use crate::pkcs11::Protection;
use crate::spki::{Curve, ecc_spki, rsa_key_spki};
use crate::tpm::wire::Reader;
use pkic_facts::crypto::{Scheme, Sha256Digest};
use pkic_facts::facts::Emission;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::SignedBytes;
use pkic_vocab::words::Words;
use std::ops::Range;

/// Bytes of the signature at the end: partition keys are RSA of 2048 bits.
const SIGNATURE_LEN_BYTES: usize = 256;
/// Bytes of the header.
const HEADER_LEN_BYTES: usize = 16;
/// Bytes of the header of the attribute buffer.
const BUFFER_HEADER_LEN_BYTES: usize = 8;
/// Attributes of one object: a key pair of firmware 3 has 35 each.
const ATTRIBUTES_MAX: usize = 128;

const WHAT: &str = "attestation response";

const CLASS: u32 = 0x0000;
const KEY_TYPE: u32 = 0x0100;
const SENSITIVE: u32 = 0x0103;
/// The modulus; of an EC key, the point.
const MODULUS: u32 = 0x0120;
/// The length of the modulus in bits; of an EC key, the curve by its number in OpenSSL.
const MODULUS_BITS: u32 = 0x0121;
const PUBLIC_EXPONENT: u32 = 0x0122;
const EXTRACTABLE: u32 = 0x0162;
const LOCAL: u32 = 0x0163;
const NEVER_EXTRACTABLE: u32 = 0x0164;
const ALWAYS_SENSITIVE: u32 = 0x0165;
/// `OBJ_ATTR_EKCV`: SHA-256 of the subjectPublicKeyInfo, in both halves of a pair.
const EXTENDED_CHECK_VALUE: u32 = 0x1003;

const CKO_PUBLIC_KEY: u64 = 2;
const CKO_PRIVATE_KEY: u64 = 3;
const CKO_SECRET_KEY: u64 = 4;

/// The signed part of an answer, with its signature.
///
/// PKCS#1 v1.5 padding is checked in full. Firmware 1 and 2 pad in a way of their own, for which a public tool compares the
/// last 32 bytes alone: that check is open to forgery, so such answers are refused.
///
/// # Errors
/// [`Reject::Malformed`] where there is not even a signature.
pub(crate) fn signed(answer: &[u8], scheme: Scheme) -> Result<SignedBytes, Reject> {
    let malformed = Reject::Malformed { what: WHAT };
    let len = answer.len().checked_sub(SIGNATURE_LEN_BYTES).ok_or(malformed.clone())?;
    let (message, signature) = answer.split_at_checked(len).ok_or(malformed)?;
    Ok(SignedBytes { what: WHAT, message: message.to_vec(), scheme, signature: signature.to_vec() })
}

/// The objects of an answer.
#[derive(Debug)]
pub(crate) struct Response {
    objects: Vec<Object>,
}

impl Response {
    /// Reads the signed part.
    pub(crate) fn read(message: &[u8]) -> Result<Self, Reject> {
        let malformed = || Reject::Malformed { what: WHAT };
        let mut header = Reader::new(message);
        header.take(WHAT, 8)?;
        let (total, buffer) = (length(header.u32(WHAT)?)?, length(header.u32(WHAT)?)?);
        if message.len().checked_add(SIGNATURE_LEN_BYTES) != Some(total) {
            return Err(malformed());
        }
        let start = message.len().checked_sub(buffer).ok_or_else(malformed)?;
        if start < HEADER_LEN_BYTES {
            return Err(malformed());
        }
        let (_, buffer) = message.split_at_checked(start).ok_or_else(malformed)?;
        let mut header = Reader::new(buffer);
        header.take(WHAT, 4)?;
        let offsets = [usize::from(header.u16(WHAT)?), usize::from(header.u16(WHAT)?)];
        let mut objects = Vec::new();
        for (index, offset) in offsets.into_iter().enumerate() {
            match offset {
                0 if index == 1 => {}
                0..BUFFER_HEADER_LEN_BYTES => return Err(malformed()),
                offset => {
                    let (_, object) = buffer.split_at_checked(offset).ok_or_else(malformed)?;
                    objects.push(Object::read(object)?);
                }
            }
        }
        Ok(Self { objects })
    }
}

/// The attributes of one object: their values one behind the other, and where the value of each type stands.
#[derive(Clone, Debug, Default)]
struct Object {
    bytes: Vec<u8>,
    values: Vec<(u32, Range<usize>)>,
}

impl Object {
    fn read(bytes: &[u8]) -> Result<Self, Reject> {
        let mut reader = Reader::new(bytes);
        reader.take(WHAT, 4)?;
        let (count, len) = (length(reader.u32(WHAT)?)?, length(reader.u32(WHAT)?)?);
        if count > ATTRIBUTES_MAX {
            return Err(Reject::TooLarge { what: "attributes", size: count, limit: ATTRIBUTES_MAX });
        }
        let mut reader = Reader::new(reader.take(WHAT, len)?);
        let mut object = Self { bytes: Vec::with_capacity(len), values: Vec::with_capacity(count) };
        for _ in 0..count {
            let (kind, len) = (reader.u32(WHAT)?, length(reader.u32(WHAT)?)?);
            if object.get(kind).is_some() {
                return Err(Reject::FieldRepeated { field: "attribute" });
            }
            object.push(kind, reader.take(WHAT, len)?);
        }
        reader.finish(WHAT)?;
        Ok(object)
    }

    fn push(&mut self, kind: u32, value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.values.push((kind, start..self.bytes.len()));
    }

    fn get(&self, kind: u32) -> Option<&[u8]> {
        let (_, value) = self.values.iter().find(|(other, _)| *other == kind)?;
        self.bytes.get(value.clone())
    }

    /// An unsigned integer of up to eight bytes.
    fn number(&self, kind: u32, field: &'static str) -> Result<u64, Reject> {
        let octets = self.get(kind).ok_or(Reject::FieldMissing { field })?;
        if octets.is_empty() || octets.len() > 8 {
            return Err(Reject::Malformed { what: field });
        }
        Ok(octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)))
    }

    /// A boolean, where it is there. One that is absent is neither true nor false.
    fn flag(&self, kind: u32, what: &'static str) -> Result<Option<bool>, Reject> {
        match self.get(kind) {
            None => Ok(None),
            Some([0]) => Ok(Some(false)),
            Some([1]) => Ok(Some(true)),
            Some(_) => Err(Reject::Malformed { what }),
        }
    }
}

fn length(word: u32) -> Result<usize, Reject> {
    usize::try_from(word).map_err(|_| Reject::Malformed { what: WHAT })
}

/// What is attested of a private key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    spki: Vec<u8>,
    is_local: Option<bool>,
    protection: Protection,
}

impl Key {
    /// The private key of an answer about one key pair, or about the private half of one.
    pub(crate) fn of_pair(response: &Response) -> Result<Self, Reject> {
        let mut private = None;
        let mut public = None;
        for object in &response.objects {
            let slot = match object.number(CLASS, "CKA_CLASS")? {
                CKO_PRIVATE_KEY => &mut private,
                CKO_PUBLIC_KEY => &mut public,
                other => return Err(other_class(other)),
            };
            if slot.replace(object).is_some() {
                return Err(Reject::FieldRepeated { field: "CKA_CLASS" });
            }
        }
        match private {
            Some(private) => Self::of_halves(private, public),
            None => Err(other_class(CKO_PUBLIC_KEY)),
        }
    }

    /// The private key of one answer, with the public half of another.
    pub(crate) fn of_two(private: &Response, public: &Response) -> Result<Self, Reject> {
        let objects = private.objects.iter().chain(&public.objects).cloned().collect();
        Self::of_pair(&Response { objects })
    }

    /// What the halves say of the public key must be the same, and the private half itself must say enough to tell it from
    /// every other key: the properties are those of the private half, the key may be known from the public one.
    fn of_halves(private: &Object, public: Option<&Object>) -> Result<Self, Reject> {
        let known = [
            (KEY_TYPE, "CKA_KEY_TYPE"),
            (MODULUS, "CKA_MODULUS"),
            (MODULUS_BITS, "CKA_MODULUS_BITS"),
            (PUBLIC_EXPONENT, "CKA_PUBLIC_EXPONENT"),
            (EXTENDED_CHECK_VALUE, "OBJ_ATTR_EKCV"),
        ];
        let mut either = Object::default();
        for (kind, field) in known {
            let values = (private.get(kind), public.and_then(|public| public.get(kind)));
            if let (Some(expected), Some(found)) = values
                && expected != found
            {
                let (expected, found) = (Operand::bytes(expected), Operand::bytes(found));
                return Err(Reject::FieldMismatch { field, expected, found });
            }
            if let Some(value) = values.0.or(values.1) {
                either.push(kind, value);
            }
        }
        let spki = spki(&either)?;
        if private.get(MODULUS).is_none() {
            let field = "OBJ_ATTR_EKCV";
            let expected = Sha256Digest::of(&spki);
            let found = private.get(EXTENDED_CHECK_VALUE).ok_or(Reject::FieldMissing { field })?;
            if found != expected.0 {
                let (expected, found) = (Operand::Digest(expected), Operand::bytes(found));
                return Err(Reject::FieldMismatch { field, expected, found });
            }
        }
        Ok(Self {
            spki,
            is_local: private.flag(LOCAL, "CKA_LOCAL")?,
            protection: Protection {
                is_extractable: private.flag(EXTRACTABLE, "CKA_EXTRACTABLE")?,
                was_never_extractable: private.flag(NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE")?,
                is_sensitive: private.flag(SENSITIVE, "CKA_SENSITIVE")?,
                was_always_sensitive: private.flag(ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE")?,
            },
        })
    }

    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Says the facts of the key. One that was not generated here was imported, unwrapped or derived, and nobody says which.
    pub(crate) fn emit(&self, to: &mut Emission) {
        if self.is_local == Some(true) {
            to.statement_word("key.origin", Words::Origin, "generated");
        }
        self.protection.emit(to);
    }
}

/// A symmetric key is attested as well, and there is nothing in its statement that a request could be compared with.
fn other_class(class: u64) -> Reject {
    let found = match class {
        CKO_PUBLIC_KEY => Operand::Word("CKO_PUBLIC_KEY"),
        CKO_SECRET_KEY => Operand::Word("CKO_SECRET_KEY"),
        other => Operand::Number(i128::from(other)),
    };
    Reject::PropertyRefused { field: "CKA_CLASS", expected: Operand::Word("CKO_PRIVATE_KEY"), found }
}

fn spki(object: &Object) -> Result<Vec<u8>, Reject> {
    let modulus = object.get(MODULUS).ok_or(Reject::FieldMissing { field: "CKA_MODULUS" })?;
    match object.number(KEY_TYPE, "CKA_KEY_TYPE")? {
        0 => {
            let field = "CKA_PUBLIC_EXPONENT";
            let exponent = object.get(PUBLIC_EXPONENT).ok_or(Reject::FieldMissing { field })?;
            Ok(rsa_key_spki(modulus, exponent))
        }
        3 => {
            let curve = match object.number(MODULUS_BITS, "CKA_MODULUS_BITS")? {
                415 => Curve::P256,
                715 => Curve::P384,
                716 => Curve::P521,
                other => {
                    return Err(Reject::AlgorithmUnsupported { found: Operand::Number(i128::from(other)) });
                }
            };
            let malformed = Reject::Malformed { what: "EC point" };
            let width = curve.coordinate_len_bytes();
            match modulus.split_first().map(|(form, point)| (form, point.split_at_checked(width))) {
                Some((4, Some((x, y)))) if y.len() == width => Ok(ecc_spki(curve, x, y)),
                _ => Err(malformed),
            }
        }
        other => Err(Reject::AlgorithmUnsupported { found: Operand::Number(i128::from(other)) }),
    }
}
