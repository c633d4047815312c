//! A certification request that a store's key signs for itself: what binds evidence and statements to the signer's key.
use crate::signature;
use crate::unfit::Unfit;
use der::asn1::{Any, BitString, ObjectIdentifier, SetOfVec, Utf8StringRef};
use der::{Decode, Encode, Sequence};
use pkic_facts::crypto::{KeyKind, Scheme};
use pkic_vocab::hex::Hex;
use x509_cert::attr::Attribute;
use x509_cert::spki::AlgorithmIdentifierOwned;

/// CertificationRequestInfo (RFC 2986 section 4.1).
#[derive(Sequence)]
struct Info {
    version: u8,
    subject: Any,
    spki: Any,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true")]
    attributes: SetOfVec<Attribute>,
}

/// CertificationRequest (RFC 2986 section 4.2).
#[derive(Sequence)]
struct Request {
    info: Info,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

/// A request of that subject for that key, signed by `sign`. A nonce stands in it as challengePassword, in hexadecimal
/// digits.
///
/// # Errors
/// [`Unfit`] where a part cannot be encoded; what `sign` says.
pub(crate) fn request<E: From<Unfit>>(
    subject: &[u8],
    spki: &[u8],
    kind: KeyKind,
    nonce: Option<&[u8]>,
    sign: impl FnOnce(Scheme, &[u8]) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    let unfit = |_| Unfit::new("request", "it cannot be encoded");
    let mut attributes = SetOfVec::new();
    if let Some(nonce) = nonce {
        attributes.insert(challenge_password(nonce)?).map_err(unfit)?;
    }
    let subject = Any::from_der(subject).map_err(unfit)?;
    let info = Info { version: 0, subject, spki: Any::from_der(spki).map_err(unfit)?, attributes };
    let signed = info.to_der().map_err(unfit)?;
    let signature = sign(signature::scheme(kind)?, &signed)?;
    let signature = BitString::from_bytes(&signature).map_err(unfit)?;
    let request = Request { info, algorithm: signature::algorithm(kind)?, signature };
    Ok(request.to_der().map_err(unfit)?)
}

/// The attribute challengePassword (RFC 2985 section 5.4.1).
fn challenge_password(nonce: &[u8]) -> Result<Attribute, Unfit> {
    let unfit = |_| Unfit::new("challengePassword", "it cannot be encoded");
    let digits = Hex(nonce).to_string();
    let text = Utf8StringRef::new(&digits).map_err(unfit)?;
    let mut values = SetOfVec::new();
    values.insert(Any::encode_from(&text).map_err(unfit)?).map_err(unfit)?;
    let oid = ObjectIdentifier::new("1.2.840.113549.1.9.7");
    let oid = oid.map_err(|_| Unfit::new("challengePassword", "its identifier cannot be encoded"))?;
    Ok(Attribute { oid, values })
}
