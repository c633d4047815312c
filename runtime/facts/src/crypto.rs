//! Signature checks and digests, by aws-lc-rs, but for DSA and HSS, which it does not have.
//!
//! Everything is called with what it needs: there is no default provider and no global. A check takes the key's raw
//! subjectPublicKeyInfo, the scheme that the signature's AlgorithmIdentifier names, and the very bytes signed.
use crate::der;
use crate::reject::{Operand, Reject};
use aws_lc_rs::digest as aws_digest;
use aws_lc_rs::signature::{self as aws, VerificationAlgorithm};
use pkic_vocab::hex::Hex;
use std::fmt;

mod dsa;
mod hss;

/// A SHA-256 digest, shown as `sha256:` and lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest(pub [u8; 32]);

impl Sha256Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Sha256Digest {
        let mut digest = [0u8; 32];
        for (to, from) in digest.iter_mut().zip(aws_digest::digest(&aws_digest::SHA256, bytes).as_ref()) {
            *to = *from;
        }
        Sha256Digest(digest)
    }

    /// The digest that `sha256:` with 64 hexadecimal digits stands for.
    pub fn from_text(text: &str) -> Option<Sha256Digest> {
        let digits = text.strip_prefix("sha256:")?.as_bytes();
        let mut digest = [0u8; 32];
        if digits.len() != 64 {
            return None;
        }
        for (to, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = *pair else { return None };
            let high = char::from(high).to_digit(16)?;
            let low = char::from(low).to_digit(16)?;
            *to = u8::try_from(high * 16 + low).ok()?;
        }
        Some(Sha256Digest(digest))
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        Hex(&self.0).fmt(f)
    }
}

/// A hash function that evidence uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-1, which is weak: a format's profile must allow it.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The digest of these bytes.
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Hash::Sha1 => &aws_digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &aws_digest::SHA256,
            Hash::Sha384 => &aws_digest::SHA384,
            Hash::Sha512 => &aws_digest::SHA512,
        };
        aws_digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    /// The name in records and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Hash::Sha1 => "sha1",
            Hash::Sha256 => "sha256",
            Hash::Sha384 => "sha384",
            Hash::Sha512 => "sha512",
        }
    }

    fn from_oid(oid: &str) -> Option<Hash> {
        match oid {
            "1.3.14.3.2.26" => Some(Hash::Sha1),
            "2.16.840.1.101.3.4.2.1" => Some(Hash::Sha256),
            "2.16.840.1.101.3.4.2.2" => Some(Hash::Sha384),
            "2.16.840.1.101.3.4.2.3" => Some(Hash::Sha512),
            _ => None,
        }
    }
}

/// A signature algorithm with its hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Hash),
    /// RSASSA-PSS; MGF1 has the same hash function and the salt its length.
    RsaPss(Hash),
    /// ECDSA with a DER signature; the key gives the curve.
    Ecdsa(Hash),
    /// Ed25519.
    Ed25519,
    /// ML-DSA-44 (FIPS 204).
    MlDsa44,
    /// ML-DSA-65 (FIPS 204).
    MlDsa65,
    /// ML-DSA-87 (FIPS 204).
    MlDsa87,
    /// DSA with SHA-256 (FIPS 186-4), the signature in DER: nShield modules sign with it. No AlgorithmIdentifier leads
    /// here, so that no request proves possession with it.
    DsaSha256,
    /// HSS with LMS (RFC 8554): Crypto4A modules sign with it. No AlgorithmIdentifier leads here either.
    HssLms,
}

impl Scheme {
    /// The scheme that an AlgorithmIdentifier names, in DER.
    ///
    /// # Errors
    /// [`Reject::Malformed`] where it is none; [`Reject::AlgorithmUnsupported`] where pkic does not verify it.
    pub fn from_algorithm_identifier(raw: &[u8]) -> Result<Scheme, Reject> {
        let what = "AlgorithmIdentifier";
        let body = der::only(what, der::SEQUENCE, raw)?;
        let (oid, parameters) = der::expect(what, der::OBJECT_IDENTIFIER, body)?;
        let oid = der::oid_text(oid).ok_or(Reject::Malformed { what })?;
        match oid.as_str() {
            "1.2.840.113549.1.1.5" => Ok(Scheme::RsaPkcs1(Hash::Sha1)),
            "1.2.840.113549.1.1.11" => Ok(Scheme::RsaPkcs1(Hash::Sha256)),
            "1.2.840.113549.1.1.12" => Ok(Scheme::RsaPkcs1(Hash::Sha384)),
            "1.2.840.113549.1.1.13" => Ok(Scheme::RsaPkcs1(Hash::Sha512)),
            "1.2.840.113549.1.1.10" => pss_scheme(parameters).ok_or(unsupported(&oid)),
            "1.2.840.10045.4.1" => Ok(Scheme::Ecdsa(Hash::Sha1)),
            "1.2.840.10045.4.3.2" => Ok(Scheme::Ecdsa(Hash::Sha256)),
            "1.2.840.10045.4.3.3" => Ok(Scheme::Ecdsa(Hash::Sha384)),
            "1.2.840.10045.4.3.4" => Ok(Scheme::Ecdsa(Hash::Sha512)),
            "1.3.101.112" => Ok(Scheme::Ed25519),
            "2.16.840.1.101.3.4.3.17" => Ok(Scheme::MlDsa44),
            "2.16.840.1.101.3.4.3.18" => Ok(Scheme::MlDsa65),
            "2.16.840.1.101.3.4.3.19" => Ok(Scheme::MlDsa87),
            _ => Err(unsupported(&oid)),
        }
    }

    /// The name in records and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::RsaPkcs1(Hash::Sha1) => "rsa-pkcs1-sha1",
            Scheme::RsaPkcs1(Hash::Sha256) => "rsa-pkcs1-sha256",
            Scheme::RsaPkcs1(Hash::Sha384) => "rsa-pkcs1-sha384",
            Scheme::RsaPkcs1(Hash::Sha512) => "rsa-pkcs1-sha512",
            Scheme::RsaPss(Hash::Sha1) => "rsa-pss-sha1",
            Scheme::RsaPss(Hash::Sha256) => "rsa-pss-sha256",
            Scheme::RsaPss(Hash::Sha384) => "rsa-pss-sha384",
            Scheme::RsaPss(Hash::Sha512) => "rsa-pss-sha512",
            Scheme::Ecdsa(Hash::Sha1) => "ecdsa-sha1",
            Scheme::Ecdsa(Hash::Sha256) => "ecdsa-sha256",
            Scheme::Ecdsa(Hash::Sha384) => "ecdsa-sha384",
            Scheme::Ecdsa(Hash::Sha512) => "ecdsa-sha512",
            Scheme::Ed25519 => "ed25519",
            Scheme::MlDsa44 => "ml-dsa-44",
            Scheme::MlDsa65 => "ml-dsa-65",
            Scheme::MlDsa87 => "ml-dsa-87",
            Scheme::DsaSha256 => "dsa-sha256",
            Scheme::HssLms => "hss-lms",
        }
    }

    /// Whether the scheme hashes with SHA-1.
    pub const fn is_weak(self) -> bool {
        matches!(self, Scheme::RsaPkcs1(Hash::Sha1) | Scheme::RsaPss(Hash::Sha1) | Scheme::Ecdsa(Hash::Sha1))
    }
}

/// What weak cryptography a format's profile puts up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// RSA of 2048 bits or more; no SHA-1.
    Current,
    /// SHA-1 as well: Windows attestation keys sign with it.
    Sha1Tolerated,
    /// SHA-1 and RSA of 1024 bits as well: devices made before 2012.
    LegacyTolerated,
}

/// The kind of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA.
    Rsa,
    /// ECDSA or ECDH on P-256.
    P256,
    /// ECDSA or ECDH on P-384.
    P384,
    /// ECDSA or ECDH on P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// ML-DSA-44.
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
    /// DSA.
    Dsa,
    /// HSS with LMS.
    HssLms,
}

/// A public key as it stands in a subjectPublicKeyInfo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey<'a> {
    /// Its kind.
    pub kind: KeyKind,
    /// The octets of subjectPublicKey: RSAPublicKey in DER, an elliptic-curve point, or a raw key. For DSA, the whole
    /// subjectPublicKeyInfo: its parameters are part of the key.
    pub octets: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// Reads a subjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`Reject::Malformed`], [`Reject::TrailingBytes`], or [`Reject::AlgorithmUnsupported`] for a key of another kind.
    pub fn from_spki(spki: &'a [u8]) -> Result<PublicKey<'a>, Reject> {
        let what = "subjectPublicKeyInfo";
        let body = der::only(what, der::SEQUENCE, spki)?;
        let (algorithm, rest) = der::expect(what, der::SEQUENCE, body)?;
        let (oid, parameters) = der::expect(what, der::OBJECT_IDENTIFIER, algorithm)?;
        let oid = der::oid_text(oid).ok_or(Reject::Malformed { what })?;
        let curve = match der::read(what, parameters) {
            Ok((curve, [])) if curve.tag == der::OBJECT_IDENTIFIER => der::oid_text(curve.content),
            _ => None,
        };
        let kind = match (oid.as_str(), curve.as_deref()) {
            ("1.2.840.113549.1.1.1", None) => KeyKind::Rsa,
            ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7")) => KeyKind::P256,
            ("1.2.840.10045.2.1", Some("1.3.132.0.34")) => KeyKind::P384,
            ("1.2.840.10045.2.1", Some("1.3.132.0.35")) => KeyKind::P521,
            ("1.3.101.112", None) => KeyKind::Ed25519,
            ("2.16.840.1.101.3.4.3.17", None) => KeyKind::MlDsa44,
            ("2.16.840.1.101.3.4.3.18", None) => KeyKind::MlDsa65,
            ("2.16.840.1.101.3.4.3.19", None) => KeyKind::MlDsa87,
            ("1.2.840.10040.4.1", None) => return Ok(PublicKey { kind: KeyKind::Dsa, octets: spki }),
            ("1.2.840.113549.1.9.16.3.17", None) => KeyKind::HssLms,
            _ => return Err(unsupported(&oid)),
        };
        match der::only(what, der::BIT_STRING, rest)?.split_first() {
            Some((0, octets)) => Ok(PublicKey { kind, octets }),
            _ => Err(Reject::Malformed { what }),
        }
    }

    /// The length of an RSA modulus, or the size of the curve or parameter set, in bits.
    ///
    /// # Errors
    /// [`Reject::Malformed`] where an RSA key is no RSAPublicKey, or a DSA key has no parameters.
    pub fn bits(&self) -> Result<usize, Reject> {
        match self.kind {
            KeyKind::Rsa => {
                let what = "RSAPublicKey";
                let (modulus, _) =
                    der::expect(what, der::INTEGER, der::only(what, der::SEQUENCE, self.octets)?)?;
                let first = modulus.iter().position(|octet| *octet != 0).ok_or(Reject::Malformed { what })?;
                let (_, significant) = modulus.split_at_checked(first).ok_or(Reject::Malformed { what })?;
                let zeros = significant.first().map_or(0, |octet| octet.leading_zeros() as usize);
                Ok(significant.len().saturating_mul(8).saturating_sub(zeros))
            }
            KeyKind::P256 | KeyKind::Ed25519 => Ok(256),
            KeyKind::P384 => Ok(384),
            KeyKind::P521 => Ok(521),
            KeyKind::Dsa => dsa::modulus_bits(self.octets),
            KeyKind::MlDsa44 | KeyKind::MlDsa65 | KeyKind::MlDsa87 | KeyKind::HssLms => {
                Ok(self.octets.len().saturating_mul(8))
            }
        }
    }
}

/// Checks that `signature` over `message` was made with the private key of `spki`.
///
/// # Errors
/// [`Reject::AlgorithmWeak`] where `strength` does not put up with scheme or key; [`Reject::AlgorithmKeyMismatch`]
/// where the key is of another kind than the scheme; [`Reject::SignatureInvalid`] where the signature does not verify;
/// the errors of [`PublicKey::from_spki`].
pub fn verify_signature(
    spki: &[u8],
    scheme: Scheme,
    strength: Strength,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Reject> {
    let key = PublicKey::from_spki(spki)?;
    let bits = key.bits()?;
    if scheme.is_weak() && strength == Strength::Current {
        return Err(Reject::AlgorithmWeak { scheme: scheme.name(), key_bits: None });
    }
    let bits_min = if strength == Strength::LegacyTolerated { 1024 } else { 2048 };
    if key.kind == KeyKind::Rsa && bits < bits_min {
        return Err(Reject::AlgorithmWeak { scheme: scheme.name(), key_bits: Some(bits) });
    }
    let invalid = || Reject::SignatureInvalid { scheme: scheme.name(), key: Sha256Digest::of(spki) };
    let is_valid = match (key.kind, scheme) {
        (KeyKind::Dsa, Scheme::DsaSha256) => Some(dsa::is_valid(spki, message, signature)),
        (KeyKind::HssLms, Scheme::HssLms) => Some(hss::is_valid(key.octets, message, signature)),
        _ => None,
    };
    if let Some(is_valid) = is_valid {
        return if is_valid { Ok(()) } else { Err(invalid()) };
    }
    let algorithm = algorithm_for(key.kind, scheme, bits).ok_or_else(|| Reject::AlgorithmKeyMismatch {
        scheme: scheme.name(),
        key_algorithm: Operand::Word(key_kind_name(key.kind)),
    })?;
    algorithm.verify_sig(key.octets, message, signature).map_err(|_| invalid())
}

/// The DER form of an ECDSA signature that stands as `r` and `s` of a fixed width, as COSE and JOSE write it.
pub fn ecdsa_der_of_fixed(signature: &[u8], width_bytes: usize) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(width_bytes)?;
    if s.len() != width_bytes || width_bytes > 66 {
        return None;
    }
    let integer = |octets: &[u8]| {
        let zeros =
            octets.iter().take_while(|octet| **octet == 0).count().min(octets.len().saturating_sub(1));
        let mut content: Vec<u8> = octets.iter().skip(zeros).copied().collect();
        if content.first().is_some_and(|octet| octet & 0x80 != 0) {
            content.insert(0, 0);
        }
        element(0x02, &content)
    };
    Some(element(0x30, &[integer(r), integer(s)].concat()))
}

/// One DER element of at most 255 octets of content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
    let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [head.as_slice(), content].concat()
}

fn algorithm_for(kind: KeyKind, scheme: Scheme, bits: usize) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (kind, scheme) {
        (KeyKind::Rsa, Scheme::RsaPkcs1(hash)) => return rsa_pkcs1(hash, bits),
        (KeyKind::Rsa, Scheme::RsaPss(Hash::Sha256)) => &aws::RSA_PSS_2048_8192_SHA256,
        (KeyKind::Rsa, Scheme::RsaPss(Hash::Sha384)) => &aws::RSA_PSS_2048_8192_SHA384,
        (KeyKind::Rsa, Scheme::RsaPss(Hash::Sha512)) => &aws::RSA_PSS_2048_8192_SHA512,
        (KeyKind::P256, Scheme::Ecdsa(Hash::Sha1)) => &aws::ECDSA_P256_SHA1_ASN1,
        (KeyKind::P256, Scheme::Ecdsa(Hash::Sha256)) => &aws::ECDSA_P256_SHA256_ASN1,
        (KeyKind::P256, Scheme::Ecdsa(Hash::Sha384)) => &aws::ECDSA_P256_SHA384_ASN1,
        (KeyKind::P256, Scheme::Ecdsa(Hash::Sha512)) => &aws::ECDSA_P256_SHA512_ASN1,
        (KeyKind::P384, Scheme::Ecdsa(Hash::Sha256)) => &aws::ECDSA_P384_SHA256_ASN1,
        (KeyKind::P384, Scheme::Ecdsa(Hash::Sha384)) => &aws::ECDSA_P384_SHA384_ASN1,
        (KeyKind::P384, Scheme::Ecdsa(Hash::Sha512)) => &aws::ECDSA_P384_SHA512_ASN1,
        (KeyKind::P521, Scheme::Ecdsa(Hash::Sha256)) => &aws::ECDSA_P521_SHA256_ASN1,
        (KeyKind::P521, Scheme::Ecdsa(Hash::Sha384)) => &aws::ECDSA_P521_SHA384_ASN1,
        (KeyKind::P521, Scheme::Ecdsa(Hash::Sha512)) => &aws::ECDSA_P521_SHA512_ASN1,
        (KeyKind::Ed25519, Scheme::Ed25519) => &aws::ED25519,
        (KeyKind::MlDsa44, Scheme::MlDsa44) => &aws::ML_DSA_44,
        (KeyKind::MlDsa65, Scheme::MlDsa65) => &aws::ML_DSA_65,
        (KeyKind::MlDsa87, Scheme::MlDsa87) => &aws::ML_DSA_87,
        _ => return None,
    })
}

fn rsa_pkcs1(hash: Hash, bits: usize) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (hash, bits < 2048) {
        (Hash::Sha1, true) => &aws::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (Hash::Sha256, true) => &aws::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        (Hash::Sha512, true) => &aws::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        (Hash::Sha384, true) => return None,
        (Hash::Sha1, false) => &aws::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (Hash::Sha256, false) => &aws::RSA_PKCS1_2048_8192_SHA256,
        (Hash::Sha384, false) => &aws::RSA_PKCS1_2048_8192_SHA384,
        (Hash::Sha512, false) => &aws::RSA_PKCS1_2048_8192_SHA512,
    })
}

/// `RSASSA-PSS-params` with one hash function, MGF1 over the same, its length of salt, and trailer field 1.
/// Source: RFC 4055 section 3.1. The SHA-1 defaults are not accepted.
fn pss_scheme(parameters: &[u8]) -> Option<Scheme> {
    let what = "RSASSA-PSS-params";
    let fields = der::elements(what, der::only(what, der::SEQUENCE, parameters).ok()?, 4).ok()?;
    let (mut hash, mut mask, mut salt_len) = (None, None, None);
    for field in fields {
        match field.tag {
            0xa0 => hash = hash_of(field.content),
            0xa1 => {
                let body = der::only(what, der::SEQUENCE, field.content).ok()?;
                let (oid, hash) = der::expect(what, der::OBJECT_IDENTIFIER, body).ok()?;
                mask = (der::oid_text(oid)? == "1.2.840.113549.1.1.8").then(|| hash_of(hash)).flatten();
            }
            0xa2 => salt_len = der::integer(what, der::only(what, der::INTEGER, field.content).ok()?).ok(),
            0xa3 if der::only(what, der::INTEGER, field.content).ok()? == [1] => {}
            _ => return None,
        }
    }
    let salt_expected = match hash? {
        Hash::Sha1 => return None,
        Hash::Sha256 => 32,
        Hash::Sha384 => 48,
        Hash::Sha512 => 64,
    };
    (mask == hash && salt_len == Some(salt_expected)).then_some(Scheme::RsaPss(hash?))
}

fn hash_of(algorithm_identifier: &[u8]) -> Option<Hash> {
    let body = der::only("AlgorithmIdentifier", der::SEQUENCE, algorithm_identifier).ok()?;
    let (oid, _) = der::expect("AlgorithmIdentifier", der::OBJECT_IDENTIFIER, body).ok()?;
    Hash::from_oid(&der::oid_text(oid)?)
}

const fn key_kind_name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Rsa => "rsa",
        KeyKind::P256 => "p256",
        KeyKind::P384 => "p384",
        KeyKind::P521 => "p521",
        KeyKind::Ed25519 => "ed25519",
        KeyKind::MlDsa44 => "ml-dsa-44",
        KeyKind::MlDsa65 => "ml-dsa-65",
        KeyKind::MlDsa87 => "ml-dsa-87",
        KeyKind::Dsa => "dsa",
        KeyKind::HssLms => "hss-lms",
    }
}

fn unsupported(oid: &str) -> Reject {
    Reject::AlgorithmUnsupported { found: Operand::Oid(oid.to_owned()) }
}
