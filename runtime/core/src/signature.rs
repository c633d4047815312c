//! How the key of an authority signs: its scheme, and the AlgorithmIdentifier that says so.
use crate::unfit::Unfit;
use der::Encode;
use der::asn1::{Any, ObjectIdentifier};
use pkic_facts::crypto::{KeyKind, Scheme};
use x509_cert::spki::AlgorithmIdentifierOwned;

/// The AlgorithmIdentifier of what a key of that kind signs. Source: RFC 4055 section 5, RFC 5758 section 3.2, RFC 8410
/// section 3, RFC 9881 section 2.
pub(crate) fn algorithm(kind: KeyKind) -> Result<AlgorithmIdentifierOwned, Unfit> {
    let (dotted, parameters) = match kind {
        KeyKind::Rsa => ("1.2.840.113549.1.1.11", Some(Any::null())),
        KeyKind::P256 => ("1.2.840.10045.4.3.2", None),
        KeyKind::P384 => ("1.2.840.10045.4.3.3", None),
        KeyKind::P521 => ("1.2.840.10045.4.3.4", None),
        KeyKind::Ed25519 => ("1.3.101.112", None),
        KeyKind::MlDsa44 => ("2.16.840.1.101.3.4.3.17", None),
        KeyKind::MlDsa65 => ("2.16.840.1.101.3.4.3.18", None),
        KeyKind::MlDsa87 => ("2.16.840.1.101.3.4.3.19", None),
        KeyKind::Dsa | KeyKind::HssLms => {
            return Err(Unfit::new("signature", "no certificate is signed with a key of this kind"));
        }
    };
    let unfit = |_| Unfit::new("signature", "an object identifier cannot be encoded");
    Ok(AlgorithmIdentifierOwned { oid: ObjectIdentifier::new(dotted).map_err(unfit)?, parameters })
}

/// The scheme that [`algorithm`] names.
pub(crate) fn scheme(kind: KeyKind) -> Result<Scheme, Unfit> {
    let unfit = |what| Unfit::new("signature", what);
    let raw = algorithm(kind)?.to_der().map_err(|_| unfit("its algorithm cannot be encoded"))?;
    Scheme::from_algorithm_identifier(&raw).map_err(|_| unfit("its algorithm is not supported"))
}
