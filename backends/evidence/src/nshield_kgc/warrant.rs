//! Warrants: certificates in DDDS that lead from Entrust's root to a module's key KLF2.
use super::ddds::Value;
use crate::spki::{Curve, ecc_spki};
use pkic_facts::crypto::{Hash, Scheme, ecdsa_der_of_fixed};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::SignedBytes;

const WHAT: &str = "warrant";
/// Certificates of one warrant: real ones have two.
const CERTIFICATES_MAX: usize = 4;

/// Takes a warrant apart: the name of a root, which nothing signs and nothing is decided by, then certificates.
pub(super) fn certificates(bytes: &[u8]) -> Result<Vec<SignedBytes>, Reject> {
    let malformed = Reject::Malformed { what: WHAT };
    let Value::List(items) = Value::read(bytes)? else { return Err(malformed) };
    let Some((Value::Symbol(_), certificates)) = items.split_first() else { return Err(malformed) };
    let (size, limit) = (certificates.len(), CERTIFICATES_MAX);
    if size > limit {
        return Err(Reject::TooLarge { what: WHAT, size, limit });
    }
    certificates.iter().map(certificate).collect()
}

fn certificate(item: &Value<'_>) -> Result<SignedBytes, Reject> {
    let (Value::Bytes(payload), Value::Bytes(signature)) = (item.field("Payload")?, item.field("Signature")?)
    else {
        return Err(Reject::Malformed { what: WHAT });
    };
    let signature = ecdsa_der_of_fixed(signature, Curve::P521.coordinate_len_bytes());
    let signature = signature.ok_or(Reject::Malformed { what: "warrant signature" })?;
    Ok(SignedBytes {
        what: "warrant Payload",
        message: payload.to_vec(),
        scheme: Scheme::Ecdsa(Hash::Sha512),
        signature,
    })
}

/// The key that a delegation certificate hands on to.
pub(super) fn delegate_key(payload: &[u8]) -> Result<Vec<u8>, Reject> {
    let payload = Value::read(payload)?;
    check_type(&payload, &["Delegation"])?;
    check_mechanism(payload.field("SigMech")?)?;
    public_key(payload.field("DelegateKey")?)
}

/// What a module information certificate says.
#[derive(Debug)]
pub(super) struct Information {
    pub(super) serial: String,
    /// The subjectPublicKeyInfo of KLF2.
    pub(super) klf2: Vec<u8>,
}

impl Information {
    pub(super) fn decode(payload: &[u8]) -> Result<Self, Reject> {
        let payload = Value::read(payload)?;
        check_type(&payload, &["ModuleInformation", "FieldUpgradeModuleInformation"])?;
        check_mechanism(payload.field("KLF2mech")?)?;
        let Value::Text(serial) = payload.field("ElectronicSerialNumber")? else {
            return Err(Reject::Malformed { what: "ElectronicSerialNumber" });
        };
        let serial = String::from_utf8(serial.to_vec());
        let serial = serial.map_err(|_| Reject::Malformed { what: "ElectronicSerialNumber" })?;
        Ok(Self { serial, klf2: public_key(payload.field("KLF2pub")?)? })
    }
}

fn check_type(payload: &Value<'_>, expected: &[&'static str]) -> Result<(), Reject> {
    let field = "WarrantCertificateType";
    let Value::Symbol(found) = payload.field(field)? else { return Err(Reject::Malformed { what: field }) };
    if expected.iter().any(|name| name.as_bytes() == *found) {
        return Ok(());
    }
    let expected = Operand::Word(expected.first().copied().unwrap_or_default());
    Err(Reject::FieldMismatch { field, expected, found: Operand::text(&String::from_utf8_lossy(found)) })
}

/// ECDSA with SHA-512 alone.
fn check_mechanism(mechanism: &Value<'_>) -> Result<(), Reject> {
    let encoding = Value::List(vec![Value::Symbol(b"EMSA1"), Value::Symbol(b"SHA512")]);
    match mechanism {
        Value::List(items) if *items == [Value::Symbol(b"ECDSA"), encoding] => Ok(()),
        _ => Err(Reject::AlgorithmUnsupported { found: Operand::Word("another mechanism of a warrant") }),
    }
}

/// `['ECDSA', 'Public', 'NISTP521', [x, y]]`.
fn public_key(key: &Value<'_>) -> Result<Vec<u8>, Reject> {
    let malformed = Reject::Malformed { what: "key of a warrant" };
    let Value::List(items) = key else { return Err(malformed) };
    let [Value::Symbol(b"ECDSA"), Value::Symbol(b"Public"), Value::Symbol(b"NISTP521"), Value::List(point)] =
        items.as_slice()
    else {
        return Err(malformed);
    };
    let [Value::Integer(x), Value::Integer(y)] = point.as_slice() else { return Err(malformed) };
    let width = Curve::P521.coordinate_len_bytes();
    if x.len() > width || y.len() > width {
        return Err(malformed);
    }
    Ok(ecc_spki(Curve::P521, x, y))
}
