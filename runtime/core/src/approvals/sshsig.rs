//! SSH signatures, as `ssh-keygen -Y sign` makes them: read by `ssh-key`, verified by `pkic_facts::crypto`.
//!
//! Source: OpenSSH PROTOCOL.sshsig, PROTOCOL.u2f, RFC 4253, RFC 5656, RFC 8332 and RFC 8709.
use super::Why;
use der::asn1::{Any, BitString, ObjectIdentifier, Uint};
use der::{Encode, Sequence};
use pkic_facts::crypto::{Hash, Scheme, Strength, ecdsa_der_of_fixed, verify_signature};
use pkic_facts::reject::Reject;
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, LineEnding, Mpint, PublicKey, SshSig};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

/// Bytes of one armored signature: that of a key of RSA 16384, the largest that OpenSSH makes, has 6 kB.
pub const SIGNATURE_LEN_BYTES_MAX: usize = 16 << 10;

/// Reads an armored signature that was made in a namespace.
///
/// # Errors
/// [`Why::TooLarge`], checked first; [`Why::Malformed`]; [`Why::NamespaceMismatch`].
pub(super) fn read(armored: &[u8], namespace: &'static str) -> Result<SshSig, Why> {
    let (size_bytes, limit_bytes) = (armored.len(), SIGNATURE_LEN_BYTES_MAX);
    if size_bytes > limit_bytes {
        return Err(Why::TooLarge { size_bytes, limit_bytes });
    }
    let signature = SshSig::from_pem(armored).map_err(|_| Why::Malformed)?;
    let is_plain = signature.version() == SshSig::VERSION && signature.reserved().is_empty();
    if !is_plain || !is_canonical(armored, &signature) {
        return Err(Why::Malformed);
    }
    if signature.namespace() != namespace {
        let found = signature.namespace().chars().take(64).collect();
        return Err(Why::NamespaceMismatch { expected: namespace, found });
    }
    Ok(signature)
}

/// Whether the signature is written as we would write it: the reader takes lengths that reach too far. It does not
/// write ECDSA signatures of security keys as OpenSSH does, so these are taken as they read.
fn is_canonical(armored: &[u8], signature: &SshSig) -> bool {
    if signature.algorithm() == Algorithm::SkEcdsaSha2NistP256 {
        return true;
    }
    let written = signature.to_pem(LineEnding::LF).unwrap_or_default();
    let lines = |text: &[u8]| -> Vec<u8> { text.iter().copied().filter(|octet| *octet != b'\r').collect() };
    lines(armored).trim_ascii() == written.trim().as_bytes()
}

/// The key of an OpenSSH public key line.
pub(super) fn key_of_line(line: &str) -> Option<KeyData> {
    PublicKey::from_openssh(line).ok().map(|key| key.key_data().clone())
}

/// The fingerprint that `ssh-keygen -l` shows.
pub(super) fn fingerprint(key: &KeyData) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Checks the signature over a message, with the key that stands in it.
///
/// # Errors
/// [`Why::AlgorithmUnsupported`], [`Why::AlgorithmWeak`], [`Why::UserAbsent`] or [`Why::SignatureInvalid`].
pub(super) fn verify(signature: &SshSig, message: &[u8]) -> Result<(), Why> {
    let key = signature.public_key();
    let shown = || fingerprint(key);
    let invalid = || Why::SignatureInvalid { key: shown() };
    let unsupported = || Why::AlgorithmUnsupported { found: signature.algorithm().to_string() };
    let blob = signed_blob(signature, message).ok_or_else(invalid)?;
    let octets = signature.signature_bytes();
    let (scheme, octets, blob) = match (key, signature.algorithm()) {
        (KeyData::Ed25519(_), Algorithm::Ed25519) => (Scheme::Ed25519, octets.to_vec(), blob),
        (KeyData::Rsa(_), Algorithm::Rsa { hash: Some(hash) }) => {
            (Scheme::RsaPkcs1(hash_of(hash).ok_or_else(unsupported)?), octets.to_vec(), blob)
        }
        (KeyData::Ecdsa(point), Algorithm::Ecdsa { curve }) if point.curve() == curve => {
            let (_, hash, width_bytes) = curve_of(curve);
            (Scheme::Ecdsa(hash), ecdsa(octets, width_bytes).ok_or_else(invalid)?, blob)
        }
        (KeyData::SkEd25519(sk), Algorithm::SkEd25519) => {
            let (octets, blob) = of_security_key(signature, sk.application(), &blob)?;
            (Scheme::Ed25519, octets.to_vec(), blob)
        }
        (KeyData::SkEcdsaSha2NistP256(sk), Algorithm::SkEcdsaSha2NistP256) => {
            let (octets, blob) = of_security_key(signature, sk.application(), &blob)?;
            (Scheme::Ecdsa(Hash::Sha256), ecdsa(octets, 32).ok_or_else(invalid)?, blob)
        }
        _ => return Err(unsupported()),
    };
    let spki = spki(key).ok_or_else(unsupported)?;
    match verify_signature(&spki, scheme, Strength::Current, &blob, &octets) {
        Ok(()) => Ok(()),
        Err(Reject::AlgorithmWeak { .. }) => Err(Why::AlgorithmWeak { key: shown() }),
        Err(_) => Err(invalid()),
    }
}

/// What the key signs in place of the message. Source: PROTOCOL.sshsig section 3.
fn signed_blob(signature: &SshSig, message: &[u8]) -> Option<Vec<u8>> {
    let hash = signature.hash_alg();
    let digest = hash_of(hash)?.digest(message);
    let mut blob = b"SSHSIG".to_vec();
    for part in [signature.namespace().as_bytes(), b"", hash.as_str().as_bytes(), &digest] {
        blob.extend(u32::try_from(part.len()).ok()?.to_be_bytes());
        blob.extend(part);
    }
    Some(blob)
}

fn hash_of(hash: HashAlg) -> Option<Hash> {
    match hash {
        HashAlg::Sha256 => Some(Hash::Sha256),
        HashAlg::Sha512 => Some(Hash::Sha512),
        _ => None,
    }
}

/// Bits of the flags of a security key: its user was there.
const USER_PRESENT: u8 = 0x01;
/// Octets of flags and counter behind the signature of a security key.
const TRAILER_LEN_BYTES: usize = 5;

/// The signature of a security key, and what it signed: the application's digest, flags, counter, and the digest of
/// what it was given. Source: PROTOCOL.u2f.
fn of_security_key<'a>(
    signature: &'a SshSig,
    application: &str,
    blob: &[u8],
) -> Result<(&'a [u8], Vec<u8>), Why> {
    let whole = signature.signature_bytes();
    let parts = whole.len().checked_sub(TRAILER_LEN_BYTES).and_then(|at| whole.split_at_checked(at));
    let (octets, trailer) = parts.ok_or(Why::Malformed)?;
    if trailer.first().is_none_or(|flags| flags & USER_PRESENT == 0) {
        return Err(Why::UserAbsent { key: fingerprint(signature.public_key()) });
    }
    let (application, blob) = (Hash::Sha256.digest(application.as_bytes()), Hash::Sha256.digest(blob));
    Ok((octets, [&application, trailer, &blob].concat()))
}

/// The DER form of `mpint r, mpint s`. Source: RFC 5656 section 3.1.2.
fn ecdsa(octets: &[u8], width_bytes: usize) -> Option<Vec<u8>> {
    let (mut rest, mut fixed) = (octets, Vec::new());
    for _ in 0..2 {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let (number, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
        let number = Mpint::from_bytes(number).ok()?;
        let number = number.as_positive_bytes()?;
        fixed.resize(fixed.len().checked_add(width_bytes.checked_sub(number.len())?)?, 0);
        fixed.extend(number);
        rest = after;
    }
    if rest.is_empty() { ecdsa_der_of_fixed(&fixed, width_bytes) } else { None }
}

/// The curve's object identifier, the hash function that SSH signs with on it, and the width of its numbers.
/// Source: RFC 5656 section 6.2.1.
fn curve_of(curve: EcdsaCurve) -> (&'static str, Hash, usize) {
    match curve {
        EcdsaCurve::NistP256 => ("1.2.840.10045.3.1.7", Hash::Sha256, 32),
        EcdsaCurve::NistP384 => ("1.3.132.0.34", Hash::Sha384, 48),
        EcdsaCurve::NistP521 => ("1.3.132.0.35", Hash::Sha512, 66),
    }
}

/// RSAPublicKey (RFC 8017 appendix A.1.1).
#[derive(Sequence)]
struct RsaPublicKey {
    modulus: Uint,
    public_exponent: Uint,
}

/// The subjectPublicKeyInfo of an SSH key; nothing for a kind that is not verified.
fn spki(key: &KeyData) -> Option<Vec<u8>> {
    let curve = |curve: EcdsaCurve| {
        let oid = ObjectIdentifier::new(curve_of(curve).0).ok()?;
        Any::encode_from(&oid).ok()
    };
    let (algorithm, parameters, octets) = match key {
        KeyData::Ed25519(key) => ("1.3.101.112", None, key.as_ref().to_vec()),
        KeyData::SkEd25519(key) => ("1.3.101.112", None, key.public_key().as_ref().to_vec()),
        KeyData::Ecdsa(point) => {
            let parameters = curve(point.curve())?;
            ("1.2.840.10045.2.1", Some(parameters), point.as_sec1_bytes().to_vec())
        }
        KeyData::SkEcdsaSha2NistP256(key) => {
            let parameters = curve(EcdsaCurve::NistP256)?;
            ("1.2.840.10045.2.1", Some(parameters), key.ec_point().as_bytes().to_vec())
        }
        KeyData::Rsa(key) => {
            let key = RsaPublicKey {
                modulus: Uint::new(key.n.as_positive_bytes()?).ok()?,
                public_exponent: Uint::new(key.e.as_positive_bytes()?).ok()?,
            };
            ("1.2.840.113549.1.1.1", Some(Any::null()), key.to_der().ok()?)
        }
        _ => return None,
    };
    let algorithm = AlgorithmIdentifierOwned { oid: ObjectIdentifier::new(algorithm).ok()?, parameters };
    let subject_public_key = BitString::from_bytes(&octets).ok()?;
    SubjectPublicKeyInfoOwned { algorithm, subject_public_key }.to_der().ok()
}
