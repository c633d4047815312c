//! COSE (RFC 9052): signed messages and keys.
use crate::cbor;
use crate::spki::{Curve, ecc_spki, ed25519_spki, ml_dsa_spki, rsa_key_spki};
use ciborium::Value;
use pkic_facts::crypto::{Hash, Scheme, ecdsa_der_of_fixed};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{Evidence, SignedBytes};
use std::sync::Arc;

/// A COSE_Sign1, taken apart (RFC 9052 section 4.2). Nothing is checked.
#[derive(Debug)]
pub(crate) struct Sign1 {
    protected: Vec<u8>,
    header: Value,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// `COSE_Sign1`.
const SIGN1_TAG: u64 = 18;

impl Sign1 {
    /// Reads a message, with its tag or without.
    ///
    /// # Errors
    /// [`Reject::Malformed`], also where the payload is detached; [`Reject::TrailingBytes`].
    pub(crate) fn read(what: &'static str, bytes: &[u8]) -> Result<Self, Reject> {
        Self::of_value(what, cbor::read(what, bytes)?)
    }

    /// Takes a message from CBOR that was read already.
    ///
    /// # Errors
    /// [`Reject::Malformed`].
    pub(crate) fn of_value(what: &'static str, value: Value) -> Result<Self, Reject> {
        let malformed = || Reject::Malformed { what };
        let message = match value {
            Value::Tag(SIGN1_TAG, message) => *message,
            other => other,
        };
        let items = message.into_array().map_err(|_| malformed())?;
        let [Value::Bytes(protected), unprotected, Value::Bytes(payload), Value::Bytes(signature)] =
            <[Value; 4]>::try_from(items).map_err(|_| malformed())?
        else {
            return Err(malformed());
        };
        let header =
            if protected.is_empty() { Value::Map(Vec::new()) } else { cbor::read(what, &protected)? };
        if !header.is_map() || !unprotected.is_map() {
            return Err(malformed());
        }
        Ok(Self { protected, header, payload, signature })
    }

    /// A header parameter that the signature covers.
    pub(crate) fn protected(&self, label: i64) -> Option<&Value> {
        cbor::number_field(&self.header, label)
    }

    /// The payload. Not yet trusted.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The bytes that are signed, the algorithm of the protected header, and the signature as X.509 has it. What the
    /// mint decodes is the whole `Sig_structure`: [`payload_of`] finds the payload in it.
    ///
    /// # Errors
    /// [`Reject::AlgorithmUnsupported`]; [`Reject::Malformed`] where an ECDSA signature has not the length of its curve;
    /// [`Reject::FieldMismatch`] where headers are marked critical: none is understood (RFC 9052 section 3.1).
    pub(crate) fn signed(&self, what: &'static str) -> Result<SignedBytes, Reject> {
        if self.protected(2).is_some() {
            let (expected, found) = (Operand::Absent, Operand::Word("a header that must be understood"));
            return Err(Reject::FieldMismatch { field: "crit", expected, found });
        }
        let alg = self.protected(1).and_then(Value::as_integer).map(i128::from);
        let alg = alg.ok_or(Reject::AlgorithmUnsupported { found: Operand::Absent })?;
        let scheme = scheme(alg)?;
        let signature = match (scheme, alg) {
            (Scheme::Ecdsa(_), -7) => ecdsa_der_of_fixed(&self.signature, 32),
            (Scheme::Ecdsa(_), -35) => ecdsa_der_of_fixed(&self.signature, 48),
            (Scheme::Ecdsa(_), _) => ecdsa_der_of_fixed(&self.signature, 66),
            _ => Some(self.signature.clone()),
        };
        let structure = Value::Array(vec![
            Value::Text(CONTEXT.to_owned()),
            Value::Bytes(self.protected.clone()),
            Value::Bytes(Vec::new()),
            Value::Bytes(self.payload.clone()),
        ]);
        let mut message = Vec::new();
        ciborium::into_writer(&structure, &mut message).map_err(|_| Reject::Malformed { what })?;
        Ok(SignedBytes {
            what: "Sig_structure",
            message,
            scheme,
            signature: signature.ok_or(Reject::Malformed { what })?,
        })
    }
}

/// A COSE_Sign1 with its payload as CBOR. Nothing is checked.
#[derive(Debug)]
pub(crate) struct Message {
    /// A tag around it that says what it is for.
    pub(crate) tag: Option<u64>,
    pub(crate) sign1: Sign1,
    /// What the payload is, where it is CBOR.
    pub(crate) claims: Result<Value, Reject>,
}

impl Message {
    /// A part of an item, from 0. Many formats have such messages: whichever asks first reads it for all.
    ///
    /// # Errors
    /// Those of [`Sign1::read`]; [`Reject::FieldMissing`] where there is no such part.
    pub(crate) fn of_part(evidence: &Evidence, index: usize) -> Result<Arc<Self>, Reject> {
        let messages = evidence.reading(Messages::read);
        messages.0.get(index).cloned().unwrap_or(Err(Reject::FieldMissing { field: WHAT }))
    }

    /// # Errors
    /// [`Reject::Malformed`].
    pub(crate) fn of_value(value: Value) -> Result<Self, Reject> {
        let (tag, value) = match value {
            Value::Tag(tag, value) if tag != SIGN1_TAG => (Some(tag), *value),
            value => (None, value),
        };
        let sign1 = Sign1::of_value(WHAT, value)?;
        Ok(Self { tag, claims: cbor::read("payload of COSE_Sign1", &sign1.payload), sign1 })
    }

    /// The value of an integer label in the payload.
    pub(crate) fn claim(&self, label: i64) -> Option<&Value> {
        self.claims.as_ref().ok().and_then(|claims| cbor::number_field(claims, label))
    }
}

const WHAT: &str = "COSE_Sign1";

/// The parts of an item, as far as each is a message.
struct Messages(Vec<Result<Arc<Message>, Reject>>);

impl Messages {
    fn read(evidence: &Evidence) -> Self {
        let read = |part: &Vec<u8>| match may_be_message(part) {
            true => Message::of_value(cbor::read(WHAT, part)?).map(Arc::new),
            false => Err(Reject::Malformed { what: WHAT }),
        };
        Self(evidence.parts().iter().map(read).collect())
    }
}

/// Whether the first byte is that of an array or a small tag, as of every COSE message: it saves reading the rest.
pub(crate) fn may_be_message(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0x84 | 0x98..=0x9b | 0x9f | 0xd0..=0xdb))
}

/// Context of a COSE_Sign1 in the `Sig_structure` (RFC 9052 section 4.4).
const CONTEXT: &str = "Signature1";

/// The payload in a `Sig_structure`: what a decoder of a COSE_Sign1 reads.
///
/// # Errors
/// [`Reject::Malformed`].
pub(crate) fn payload_of(what: &'static str, structure: &[u8]) -> Result<Vec<u8>, Reject> {
    match cbor::read(what, structure)?.into_array().map(<[Value; 4]>::try_from) {
        Ok(Ok([Value::Text(context), _, _, Value::Bytes(payload)])) if context == CONTEXT => Ok(payload),
        _ => Err(Reject::Malformed { what }),
    }
}

/// The signature scheme of a registered algorithm (RFC 9053, RFC 8812, RFC 9964).
///
/// # Errors
/// [`Reject::AlgorithmUnsupported`].
pub(crate) fn scheme(alg: i128) -> Result<Scheme, Reject> {
    match alg {
        -7 => Ok(Scheme::Ecdsa(Hash::Sha256)),
        -35 => Ok(Scheme::Ecdsa(Hash::Sha384)),
        -36 => Ok(Scheme::Ecdsa(Hash::Sha512)),
        -8 | -19 => Ok(Scheme::Ed25519),
        -37 => Ok(Scheme::RsaPss(Hash::Sha256)),
        -38 => Ok(Scheme::RsaPss(Hash::Sha384)),
        -39 => Ok(Scheme::RsaPss(Hash::Sha512)),
        -48 => Ok(Scheme::MlDsa44),
        -49 => Ok(Scheme::MlDsa65),
        -50 => Ok(Scheme::MlDsa87),
        -257 => Ok(Scheme::RsaPkcs1(Hash::Sha256)),
        -258 => Ok(Scheme::RsaPkcs1(Hash::Sha384)),
        -259 => Ok(Scheme::RsaPkcs1(Hash::Sha512)),
        -65_535 => Ok(Scheme::RsaPkcs1(Hash::Sha1)),
        other => Err(Reject::AlgorithmUnsupported { found: Operand::Number(other) }),
    }
}

/// The subjectPublicKeyInfo of a COSE_Key of type OKP (1), EC2 (2), RSA (3) or AKP (7).
///
/// # Errors
/// [`Reject::Malformed`], [`Reject::AlgorithmUnsupported`].
pub(crate) fn key_spki(key: &Value) -> Result<Vec<u8>, Reject> {
    let what = "COSE_Key";
    let integer = |label| cbor::number_field(key, label).and_then(Value::as_integer).map(i128::from);
    let octets = |label| {
        let value = cbor::number_field(key, label).and_then(Value::as_bytes);
        value.map(Vec::as_slice).ok_or(Reject::Malformed { what })
    };
    match (integer(1), integer(-1)) {
        (Some(1), Some(6)) => Ok(ed25519_spki(octets(-2)?)),
        (Some(2), Some(curve)) => {
            let curve = match curve {
                1 => Curve::P256,
                2 => Curve::P384,
                3 => Curve::P521,
                other => return Err(Reject::AlgorithmUnsupported { found: Operand::Number(other) }),
            };
            Ok(ecc_spki(curve, octets(-2)?, octets(-3)?))
        }
        (Some(3), None) => Ok(rsa_key_spki(octets(-1)?, octets(-2)?)),
        (Some(7), None) => ml_dsa_spki(integer(3).unwrap_or_default(), octets(-1)?),
        _ => Err(Reject::Malformed { what }),
    }
}
