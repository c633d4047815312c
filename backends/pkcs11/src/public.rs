//! The public half of a key, wherever its token keeps it: as subjectPublicKeyInfo in DER.
//!
//! What the private object itself says comes first, then a public key of the same CKA_ID, then a certificate of it. A
//! public half that is not the key's own is found out by the caller, with whom no signature verifies.
use crate::failure::Answer;
use crate::object::{self, PrivateKey};
use cryptoki::object::{
    Attribute, AttributeType, KeyType, MlDsaParameterSetType, ObjectClass, ObjectHandle, ParameterSetType,
};
use cryptoki::session::Session;
use der::asn1::{Any, BitString, ObjectIdentifier, OctetStringRef, PrintableStringRef, UintRef};
use der::{Decode, Encode, Sequence};
use pkic_backend::error::{Problem, StoreError};
use pkic_facts::crypto::PublicKey;
use x509_cert::Certificate;
use x509_cert::spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};

/// RFC 8017, appendix A.1.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// RFC 5480, section 2.1.1.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// RFC 8410, section 3.
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// RFC 5480, section 2.1.1.1.
pub(crate) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// RFC 5480, section 2.1.1.1.
pub(crate) const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// RFC 5480, section 2.1.1.1.
pub(crate) const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
/// RFC 9881, section 2.
const ML_DSA: [(MlDsaParameterSetType, ObjectIdentifier); 3] = [
    (MlDsaParameterSetType::ML_DSA_44, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17")),
    (MlDsaParameterSetType::ML_DSA_65, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18")),
    (MlDsaParameterSetType::ML_DSA_87, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19")),
];

/// The object that tells a key's public half.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    Certificate(ObjectHandle),
    Key(ObjectHandle),
}

/// The public half of a private key, and where it stands; nothing where the token has none that pkic reads.
pub(crate) fn of_key(session: &Session, key: &PrivateKey) -> Answer<Option<(Source, Vec<u8>)>> {
    let own = Source::Key(key.handle);
    if let Some(spki) = read(session, own, key.key_type)? {
        return Ok(Some((own, spki)));
    }
    let same = match (key.id.is_empty(), key.label.is_empty()) {
        (false, _) => Attribute::Id(key.id.clone()),
        (true, false) => Attribute::Label(key.label.clone()),
        (true, true) => return Ok(None),
    };
    let of_class = |class| object::find(session, &[Attribute::Class(class), same.clone()]);
    let keys = of_class(ObjectClass::PUBLIC_KEY)?.into_iter().map(Source::Key);
    if let Some(found) = only(session, keys, key)? {
        return Ok(Some(found));
    }
    let certificates = of_class(ObjectClass::CERTIFICATE)?.into_iter().map(Source::Certificate);
    only(session, certificates, key)
}

/// The public half at a source, read now.
pub(crate) fn read(session: &Session, source: Source, key_type: KeyType) -> Answer<Option<Vec<u8>>> {
    let octets = |object, of| object::octets(session, object, of);
    let spki = match source {
        Source::Certificate(object) => {
            octets(object, AttributeType::Value)?.and_then(|der| of_certificate(&der))
        }
        Source::Key(object) => match parts(session, object, key_type)? {
            Some(spki) => Some(spki),
            None => octets(object, AttributeType::PublicKeyInfo)?,
        },
    };
    Ok(spki.filter(|spki| PublicKey::from_spki(spki).is_ok()))
}

/// The public half that all sources agree on; those of other types of key do not count.
fn only(
    session: &Session,
    sources: impl Iterator<Item = Source>,
    key: &PrivateKey,
) -> Answer<Option<(Source, Vec<u8>)>> {
    let mut found: Option<(Source, Vec<u8>)> = None;
    for source in sources {
        if let Source::Key(object) = source
            && object::read(session, object, AttributeType::KeyType)?
                != Some(Attribute::KeyType(key.key_type))
        {
            continue;
        }
        let Some(spki) = read(session, source, key.key_type)? else { continue };
        match &found {
            Some((_, other)) if *other != spki => {
                let what = "the token has several public halves under the key's id, which differ";
                let help = "give every key an id of its own";
                let at = String::from_utf8_lossy(&key.label);
                return Err(StoreError::new(Problem::KeyAmbiguous, at, what, help).into());
            }
            Some(_) => {}
            None => found = Some((source, spki)),
        }
    }
    Ok(found)
}

/// The public half out of a key object's own parts.
fn parts(session: &Session, object: ObjectHandle, key_type: KeyType) -> Answer<Option<Vec<u8>>> {
    use AttributeType::{Class, EcParams, EcPoint, Modulus, ParameterSet, PublicExponent, Value};
    let read = |of: &[AttributeType]| object::read_all(session, object, of);
    Ok(match key_type {
        KeyType::RSA => {
            let said = read(&[Modulus, PublicExponent])?;
            let modulus = object::octets_of(&said, Modulus);
            modulus.zip(object::octets_of(&said, PublicExponent)).and_then(|(n, e)| rsa(n, e))
        }
        KeyType::EC | KeyType::EC_EDWARDS => {
            let said = read(&[EcPoint, EcParams])?;
            let point = object::octets_of(&said, EcPoint);
            point.zip(object::octets_of(&said, EcParams)).and_then(|(point, params)| elliptic(params, point))
        }
        KeyType::ML_DSA => {
            // CKA_VALUE of a private key is the private key.
            if object::read(session, object, Class)? != Some(Attribute::Class(ObjectClass::PUBLIC_KEY)) {
                return Ok(None);
            }
            match read(&[ParameterSet, Value])?.as_slice() {
                [Attribute::ParameterSet(set), Attribute::Value(value)] => ml_dsa(*set, value),
                _ => None,
            }
        }
        _ => None,
    })
}

fn of_certificate(der: &[u8]) -> Option<Vec<u8>> {
    Certificate::from_der(der).ok()?.tbs_certificate().subject_public_key_info().to_der().ok()
}

fn spki(oid: ObjectIdentifier, parameters: Option<Any>, octets: &[u8]) -> Option<Vec<u8>> {
    let algorithm = AlgorithmIdentifier { oid, parameters };
    let subject_public_key = BitString::from_bytes(octets).ok()?;
    SubjectPublicKeyInfo { algorithm, subject_public_key }.to_der().ok()
}

/// RSAPublicKey. Source: RFC 8017 appendix A.1.1.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let (modulus, public_exponent) = (UintRef::new(modulus).ok()?, UintRef::new(exponent).ok()?);
    spki(RSA, Some(Any::null()), &RsaPublicKey { modulus, public_exponent }.to_der().ok()?)
}

/// The curve is an OID, or a name for Ed25519; the point stands in an OCTET STRING, or, as older modules have it, bare.
/// Source: PKCS #11 3.2, sections 6.3.3 and 6.3.5.
fn elliptic(params: &[u8], point: &[u8]) -> Option<Vec<u8>> {
    let oid = match ObjectIdentifier::from_der(params) {
        Ok(oid) => oid,
        Err(_) => match PrintableStringRef::from_der(params).ok()?.as_str() {
            "edwards25519" | "Ed25519" => ED25519,
            _ => return None,
        },
    };
    // Uncompressed points of X9.62, and the 32 octets of RFC 8032.
    let length = match oid {
        P256 => 65,
        P384 => 97,
        P521 => 133,
        ED25519 => 32,
        _ => return None,
    };
    let point = match point.len() == length {
        true => point,
        false => <&OctetStringRef>::from_der(point).ok()?.as_bytes(),
    };
    match oid {
        _ if point.len() != length => None,
        ED25519 => spki(ED25519, None, point),
        _ if point.first() != Some(&0x04) => None,
        curve => spki(EC, Some(Any::encode_from(&curve).ok()?), point),
    }
}

fn ml_dsa(set: ParameterSetType, value: &[u8]) -> Option<Vec<u8>> {
    let (_, oid) = ML_DSA.iter().find(|(known, _)| ParameterSetType::from(*known) == set)?;
    spki(*oid, None, value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use pkic_facts::crypto::KeyKind;

    #[test]
    fn a_point_is_read_wrapped_and_bare_and_no_other_way() {
        let params = P256.to_der().unwrap();
        let bare: Vec<u8> = std::iter::once(4).chain(0..64).collect();
        let wrapped = OctetStringRef::new(&bare).unwrap().to_der().unwrap();
        let spki = elliptic(&params, &bare).unwrap();
        assert_eq!(
            PublicKey::from_spki(&spki).map(|key| (key.kind, key.octets)),
            Ok((KeyKind::P256, &bare[..]))
        );
        assert_eq!(elliptic(&params, &wrapped), Some(spki));
        let compressed: Vec<u8> = std::iter::once(2).chain(0..64).collect();
        for other in [&compressed[..], &bare[..64], &wrapped[..66], &[]] {
            assert_eq!(elliptic(&params, other), None, "{other:?}");
        }
        assert_eq!(elliptic(&P384.to_der().unwrap(), &bare), None);
        assert_eq!(elliptic(&[0x05, 0x00], &bare), None);
    }

    #[test]
    fn ed25519_is_read_by_its_oid_and_by_its_name() {
        let point: Vec<u8> = (0..32).collect();
        let named = PrintableStringRef::new("edwards25519").unwrap().to_der().unwrap();
        let spki = elliptic(&ED25519.to_der().unwrap(), &point).unwrap();
        assert_eq!(PublicKey::from_spki(&spki).unwrap().kind, KeyKind::Ed25519);
        assert_eq!(elliptic(&named, &OctetStringRef::new(&point).unwrap().to_der().unwrap()), Some(spki));
        assert_eq!(elliptic(&PrintableStringRef::new("edwards448").unwrap().to_der().unwrap(), &point), None);
    }

    #[test]
    fn a_parameter_set_of_ml_dsa_is_its_oid() {
        let kinds = [KeyKind::MlDsa44, KeyKind::MlDsa65, KeyKind::MlDsa87];
        for ((set, _), kind) in ML_DSA.into_iter().zip(kinds) {
            let spki = ml_dsa(set.into(), &[7; 1312]).unwrap();
            assert_eq!(
                PublicKey::from_spki(&spki).map(|key| (key.kind, key.octets)),
                Ok((kind, &[7; 1312][..]))
            );
        }
    }

    #[test]
    fn an_rsa_modulus_with_its_highest_bit_set_stays_positive() {
        let key = rsa(&[0xff; 256], &[1, 0, 1]).unwrap();
        let key = PublicKey::from_spki(&key).unwrap();
        assert_eq!((key.kind, key.bits()), (KeyKind::Rsa, Ok(2048)));
    }
}
