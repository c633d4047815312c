//! Which mechanism makes a signature of which scheme, and what it is given.
use crate::failure::Answer;
use cryptoki::mechanism::dsa::{HedgeType, SignAdditionalContext};
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use der::asn1::{Any, ObjectIdentifier, OctetString};
use der::{Encode, Sequence};
use pkic_backend::error::{Problem, StoreError};
use pkic_facts::crypto::{Hash, Scheme};
use x509_cert::spki::AlgorithmIdentifierOwned;

/// What the mechanism takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// The message.
    Message,
    /// Its digest.
    Digest(Hash),
    /// Its digest in a DigestInfo.
    DigestInfo(Hash),
}

/// One way to sign by a scheme.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) mechanism: Mechanism<'static>,
    input: Input,
    /// Whether the mechanism takes the message in parts.
    has_parts: bool,
}

/// DigestInfo. Source: RFC 8017 section 9.2.
#[derive(Sequence)]
struct DigestInfo {
    digest_algorithm: AlgorithmIdentifierOwned,
    digest: OctetString,
}

impl Way {
    /// The first way to sign by a scheme for which the token has a mechanism. Where the key wants a login of its own for
    /// each signature, which comes between the beginning and the message, it takes a mechanism that has parts.
    pub(crate) fn of(scheme: Scheme, mechanisms: &[MechanismType], wants_login: bool) -> Option<Way> {
        let is_here = |way: &Way| mechanisms.contains(&way.mechanism.mechanism_type());
        ways(scheme).into_iter().find(|way| is_here(way) && (way.has_parts || !wants_login))
    }

    /// What the mechanism is given of a message.
    pub(crate) fn input(&self, message: &[u8]) -> Answer<Vec<u8>> {
        match self.input {
            Input::Message => Ok(message.to_vec()),
            Input::Digest(hash) => Ok(hash.digest(message)),
            Input::DigestInfo(hash) => digest_info(hash, message).ok_or_else(|| {
                let what = "the digest has no DigestInfo";
                StoreError::new(Problem::Unsupported, "RSA", what, "use SHA-256, SHA-384 or SHA-512").into()
            }),
        }
    }
}

fn ways(scheme: Scheme) -> Vec<Way> {
    let whole = |mechanism, input| Way { mechanism, input, has_parts: false };
    let parts = |mechanism| Way { mechanism, input: Input::Message, has_parts: true };
    match scheme {
        Scheme::RsaPkcs1(hash) => {
            let combined = match hash {
                Hash::Sha256 => Mechanism::Sha256RsaPkcs,
                Hash::Sha384 => Mechanism::Sha384RsaPkcs,
                Hash::Sha512 => Mechanism::Sha512RsaPkcs,
                Hash::Sha1 => return Vec::new(),
            };
            vec![parts(combined), whole(Mechanism::RsaPkcs, Input::DigestInfo(hash))]
        }
        Scheme::RsaPss(hash) => {
            let Some(params) = pss(hash) else { return Vec::new() };
            let combined = match hash {
                Hash::Sha256 => Mechanism::Sha256RsaPkcsPss(params),
                Hash::Sha384 => Mechanism::Sha384RsaPkcsPss(params),
                Hash::Sha512 => Mechanism::Sha512RsaPkcsPss(params),
                Hash::Sha1 => return Vec::new(),
            };
            vec![whole(Mechanism::RsaPkcsPss(params), Input::Digest(hash)), parts(combined)]
        }
        Scheme::Ecdsa(hash) => {
            let combined = match hash {
                Hash::Sha256 => Mechanism::EcdsaSha256,
                Hash::Sha384 => Mechanism::EcdsaSha384,
                Hash::Sha512 => Mechanism::EcdsaSha512,
                Hash::Sha1 => return Vec::new(),
            };
            vec![whole(Mechanism::Ecdsa, Input::Digest(hash)), parts(combined)]
        }
        Scheme::Ed25519 => {
            let params = EddsaParams::new(EddsaSignatureScheme::Pure);
            vec![whole(Mechanism::Eddsa(params), Input::Message)]
        }
        Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87 => {
            let context = SignAdditionalContext::new(HedgeType::Preferred, None);
            vec![whole(Mechanism::MlDsa(context), Input::Message)]
        }
        Scheme::DsaSha256 | Scheme::HssLms => Vec::new(),
    }
}

/// The same hash function for message and mask, and a salt of its length. Source: RFC 4055 section 3.1.
fn pss(hash: Hash) -> Option<PkcsPssParams> {
    let (hash_alg, mgf, s_len) = match hash {
        Hash::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, 32),
        Hash::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, 48),
        Hash::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, 64),
        Hash::Sha1 => return None,
    };
    Some(PkcsPssParams { hash_alg, mgf, s_len: s_len.into() })
}

fn digest_info(hash: Hash, message: &[u8]) -> Option<Vec<u8>> {
    let oid = match hash {
        Hash::Sha256 => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"),
        Hash::Sha384 => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"),
        Hash::Sha512 => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"),
        Hash::Sha1 => return None,
    };
    let digest_algorithm = AlgorithmIdentifierOwned { oid, parameters: Some(Any::null()) };
    let digest = OctetString::new(hash.digest(message)).ok()?;
    DigestInfo { digest_algorithm, digest }.to_der().ok()
}
