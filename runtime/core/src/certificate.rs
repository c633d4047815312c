//! Certificates as bytes: a signature put around a tbsCertificate, and the pair of precertificate and certificate.
//!
//! What was decided on is cut and joined as it stands and never re-encoded. Nothing here signs or verifies, and
//! nothing asks a log for its timestamps.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::asn1::{Any, BitString, Null, ObjectIdentifier, OctetString};
use der::{Encode, Tag, TagNumber};
use pkic_facts::crypto::Scheme;
use pkic_facts::der::{self as wire, Element};
use pkic_vocab::limits;
use std::fmt;
use x509_cert::ext::Extension;

/// Digits of a line of PEM (RFC 7468 section 2).
const PEM_LINE_LEN: usize = 64;

/// The poison extension of precertificates. Source: RFC 6962 section 3.1.
pub const POISON: &str = "1.3.6.1.4.1.11129.2.4.3";
/// The extension that holds signed certificate timestamps. Source: RFC 6962 section 3.3.
pub const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";

/// `id-alg-unsigned`, as DER writes an OBJECT IDENTIFIER without parameters. Source: RFC 9925 section 3.
const UNSIGNED: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x06, 0x24];

/// Tag octet of `extensions` in a tbsCertificate.
const EXTENSIONS: u32 = 0xa3;
/// Extensions of one certificate: RFC 5280 defines sixteen.
const EXTENSIONS_MAX: usize = 64;
/// Fields of a tbsCertificate or tbsCertList (RFC 5280 sections 4.1 and 5.1).
const FIELDS_MAX: usize = 10;

/// Why bytes were not put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssemblyError {
    /// An extension that must not stand there does.
    ExtensionPresent {
        /// Its object identifier.
        oid: &'static str,
    },
    /// The bytes do not decode as what they should be.
    Malformed {
        /// What they should be.
        what: &'static str,
    },
    /// The bytes name another signature algorithm than the signature has.
    SchemeMismatch {
        /// The algorithm inside, where pkic knows it.
        inside: Option<&'static str>,
        /// The algorithm of the signature.
        signature: &'static str,
    },
    /// The bytes are over their limit.
    TooLarge {
        /// What they are.
        what: &'static str,
        /// Their size in bytes.
        size_bytes: usize,
        /// The limit in bytes.
        limit_bytes: usize,
    },
}

impl fmt::Display for AssemblyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AssemblyError::ExtensionPresent { oid } => {
                write!(f, "the extension `{oid}` stands there already")
            }
            AssemblyError::Malformed { what } => write!(f, "{what} does not decode"),
            AssemblyError::SchemeMismatch { inside, signature } => {
                let inside = inside.unwrap_or("an unknown algorithm");
                write!(f, "the bytes name {inside}, and the signature is {signature}")
            }
            AssemblyError::TooLarge { what, size_bytes, limit_bytes } => {
                write!(f, "{what} has {size_bytes} bytes, the limit is {limit_bytes}")
            }
        }
    }
}

impl std::error::Error for AssemblyError {}

/// The Certificate in DER: the tbsCertificate, the AlgorithmIdentifier that stands in it, and the signature.
///
/// The signature is as X.509 carries it: ECDSA in DER. Whether it verifies is not checked here.
///
/// # Errors
/// [`AssemblyError::SchemeMismatch`] where the tbsCertificate names another algorithm than `scheme`;
/// [`AssemblyError::TooLarge`]; [`AssemblyError::Malformed`], also for an empty signature.
pub fn signed(tbs: &[u8], scheme: Scheme, signature: &[u8]) -> Result<Vec<u8>, AssemblyError> {
    assemble("tbsCertificate", limits::CERTIFICATE_LEN_BYTES_MAX, tbs, scheme, signature)
}

/// A certificate in PEM (RFC 7468).
pub fn pem(certificate: &[u8]) -> String {
    let digits = STANDARD.encode(certificate);
    let mut text = "-----BEGIN CERTIFICATE-----".to_owned();
    for (at, digit) in digits.char_indices() {
        if at % PEM_LINE_LEN == 0 {
            text.push('\n');
        }
        text.push(digit);
    }
    text + "\n-----END CERTIFICATE-----\n"
}

/// An unsigned certificate around a tbsCertificate that names `id-alg-unsigned` (RFC 9925): its signature is empty.
///
/// # Errors
/// [`AssemblyError::SchemeMismatch`] where the tbsCertificate names a signature algorithm; [`AssemblyError::Malformed`].
pub fn unsigned(tbs: &[u8]) -> Result<Vec<u8>, AssemblyError> {
    let what = "tbsCertificate";
    let malformed = || AssemblyError::Malformed { what };
    let body = wire::only(what, wire::SEQUENCE, tbs).map_err(|_| malformed())?;
    let fields = wire::elements(what, body, FIELDS_MAX).map_err(|_| malformed())?;
    let algorithm = fields.iter().find(|field| field.tag == wire::SEQUENCE).ok_or_else(malformed)?;
    if algorithm.content != UNSIGNED {
        let inside = Scheme::from_algorithm_identifier(algorithm.raw).ok().map(Scheme::name);
        return Err(AssemblyError::SchemeMismatch { inside, signature: "none" });
    }
    let empty = BitString::from_bytes(&[]).and_then(|bits| bits.to_der()).map_err(|_| malformed())?;
    element(Tag::Sequence, [tbs, algorithm.raw, &empty].concat()).ok_or_else(malformed)
}

/// `SEQUENCE { tbs, AlgorithmIdentifier, BIT STRING }`, of a certificate or of a revocation list.
pub(crate) fn assemble(
    what: &'static str,
    limit_bytes: usize,
    tbs: &[u8],
    scheme: Scheme,
    signature: &[u8],
) -> Result<Vec<u8>, AssemblyError> {
    let malformed = || AssemblyError::Malformed { what };
    check_size(what, limit_bytes, tbs)?;
    let body = wire::only(what, wire::SEQUENCE, tbs).map_err(|_| malformed())?;
    let fields = wire::elements(what, body, FIELDS_MAX).map_err(|_| malformed())?;
    let algorithm = fields.iter().find(|field| field.tag == wire::SEQUENCE).ok_or_else(malformed)?;
    let inside = Scheme::from_algorithm_identifier(algorithm.raw).ok();
    if inside != Some(scheme) {
        let inside = inside.map(Scheme::name);
        return Err(AssemblyError::SchemeMismatch { inside, signature: scheme.name() });
    }
    if signature.is_empty() {
        return Err(AssemblyError::Malformed { what: "the signature" });
    }
    let signature = BitString::from_bytes(signature).and_then(|bits| bits.to_der());
    let signature = signature.map_err(|_| AssemblyError::Malformed { what: "the signature" })?;
    element(Tag::Sequence, [tbs, algorithm.raw, &signature].concat()).ok_or_else(malformed)
}

/// The tbsCertificate of the precertificate: the same with the critical poison extension after all others, so that
/// no client takes it for a certificate. Source: RFC 6962 section 3.1.
///
/// # Errors
/// [`AssemblyError::ExtensionPresent`] where poison or timestamps stand there already; [`AssemblyError::Malformed`];
/// [`AssemblyError::TooLarge`].
pub fn precertificate(tbs: &[u8]) -> Result<Vec<u8>, AssemblyError> {
    let parts = Parts::read(tbs)?;
    parts.require_absent(POISON)?;
    parts.require_absent(SCT_LIST)?;
    let poison = Null.to_der().ok().and_then(|null| extension(POISON, true, null));
    let poison = poison.ok_or(AssemblyError::Malformed { what: "the poison extension" })?;
    parts.with(&poison)
}

/// The tbsCertificate with the timestamps of logs after all other extensions, made from the one without poison or
/// from that of the precertificate.
///
/// `sct_list` is the SignedCertificateTimestampList as logs and TLS write it, its length first. Source: RFC 6962
/// section 3.3.
///
/// # Errors
/// [`AssemblyError::ExtensionPresent`] where timestamps stand there already; [`AssemblyError::Malformed`], also for
/// a list that is empty or whose lengths are wrong; [`AssemblyError::TooLarge`].
pub fn with_scts(tbs: &[u8], sct_list: &[u8]) -> Result<Vec<u8>, AssemblyError> {
    let malformed = AssemblyError::Malformed { what: "SignedCertificateTimestampList" };
    let parts = Parts::read(tbs)?.without(POISON);
    parts.require_absent(SCT_LIST)?;
    if !is_sct_list(sct_list) {
        return Err(malformed);
    }
    let octets =
        OctetString::new(sct_list).and_then(|octets| octets.to_der()).map_err(|_| malformed.clone())?;
    parts.with(&extension(SCT_LIST, false, octets).ok_or(malformed)?)
}

/// Whether these are the tbsCertificates of a precertificate and of its certificate: strict DER, equal byte for byte
/// but for the critical poison in the one and the timestamps in the other. Source: RFC 6962 section 3.1.
///
/// Precertificates that a signing certificate of their own issues have another issuer, and are no pair here.
pub fn is_pair(precertificate: &[u8], certificate: &[u8]) -> bool {
    let (Ok(pre), Ok(last)) = (Parts::read(precertificate), Parts::read(certificate)) else { return false };
    let poison = Null.to_der().ok().and_then(|null| extension(POISON, true, null));
    let is_poisoned = poison.is_some_and(|poison| pre.extensions.iter().any(|each| each.raw == poison));
    let has = |parts: &Parts<'_>, oid: &str| parts.extensions.iter().any(|each| is_of(each, oid));
    let has_timestamps = last.extensions.iter().any(|each| timestamps(each).is_some_and(is_sct_list));
    let are_strict = wire::is_strict(precertificate) && wire::is_strict(certificate);
    let are_marked = is_poisoned && !has(&pre, SCT_LIST) && has_timestamps && !has(&last, POISON);
    are_strict && are_marked && pre.without(POISON) == last.without(SCT_LIST)
}

/// A tbsCertificate, taken apart as far as its list of extensions.
#[derive(Debug, PartialEq, Eq)]
struct Parts<'a> {
    /// Every field before the extensions, as it stands.
    head: &'a [u8],
    extensions: Vec<Element<'a>>,
}

impl<'a> Parts<'a> {
    fn read(tbs: &'a [u8]) -> Result<Parts<'a>, AssemblyError> {
        let what = "tbsCertificate";
        let malformed = AssemblyError::Malformed { what };
        check_size(what, limits::CERTIFICATE_LEN_BYTES_MAX, tbs)?;
        let read = || {
            let body = wire::only(what, wire::SEQUENCE, tbs)?;
            let fields = wire::elements(what, body, FIELDS_MAX)?;
            let (head, extensions) = match fields.last() {
                Some(last) if last.tag == EXTENSIONS => {
                    let list = wire::only(what, wire::SEQUENCE, last.content)?;
                    let head_len = body.len().saturating_sub(last.raw.len());
                    (body.get(..head_len), wire::elements(what, list, EXTENSIONS_MAX)?)
                }
                _ => (Some(body), Vec::new()),
            };
            Ok::<_, pkic_facts::reject::Reject>(head.map(|head| Parts { head, extensions }))
        };
        let parts = read().ok().flatten().ok_or_else(|| malformed.clone())?;
        // `[0] { INTEGER 2 }`: extensions stand in version 3 alone.
        if parts.head.starts_with(&[0xa0, 0x03, 0x02, 0x01, 0x02]) { Ok(parts) } else { Err(malformed) }
    }

    fn require_absent(&self, oid: &'static str) -> Result<(), AssemblyError> {
        match self.extensions.iter().any(|each| is_of(each, oid)) {
            true => Err(AssemblyError::ExtensionPresent { oid }),
            false => Ok(()),
        }
    }

    /// All of it but the extensions of that kind.
    fn without(mut self, oid: &str) -> Parts<'a> {
        self.extensions.retain(|each| !is_of(each, oid));
        self
    }

    /// The bytes, with one more extension behind the others.
    fn with(&self, extension: &[u8]) -> Result<Vec<u8>, AssemblyError> {
        let malformed = AssemblyError::Malformed { what: "extensions" };
        let mut list: Vec<u8> = self.extensions.iter().flat_map(|each| each.raw).copied().collect();
        list.extend_from_slice(extension);
        let tag = Tag::ContextSpecific { constructed: true, number: TagNumber(3) };
        let list = element(Tag::Sequence, list).and_then(|list| element(tag, list));
        let whole = list.and_then(|list| element(Tag::Sequence, [self.head, &list].concat()));
        let whole = whole.ok_or(malformed)?;
        // One more may be one too many: what is made here must be readable here.
        Parts::read(&whole)?;
        Ok(whole)
    }
}

fn check_size(what: &'static str, limit_bytes: usize, bytes: &[u8]) -> Result<(), AssemblyError> {
    if bytes.len() > limit_bytes {
        return Err(AssemblyError::TooLarge { what, size_bytes: bytes.len(), limit_bytes });
    }
    Ok(())
}

/// Whether an Extension has that object identifier.
fn is_of(extension: &Element<'_>, oid: &str) -> bool {
    let id = wire::expect("extnID", wire::OBJECT_IDENTIFIER, extension.content);
    id.is_ok_and(|(id, _)| wire::oid_text(id).as_deref() == Some(oid))
}

/// The list inside an extension of timestamps that is not critical.
fn timestamps<'a>(extension: &Element<'a>) -> Option<&'a [u8]> {
    let fields =
        wire::elements("extension", extension.content, 3).ok().filter(|_| is_of(extension, SCT_LIST))?;
    match fields.as_slice() {
        [_, value] => {
            let octets = wire::only("extnValue", wire::OCTET_STRING, value.raw).ok()?;
            wire::only("SignedCertificateTimestampList", wire::OCTET_STRING, octets).ok()
        }
        _ => None,
    }
}

fn extension(oid: &str, critical: bool, value: Vec<u8>) -> Option<Vec<u8>> {
    let extn_value = OctetString::new(value).ok()?;
    let extension = Extension { extn_id: ObjectIdentifier::new(oid).ok()?, critical, extn_value };
    extension.to_der().ok()
}

/// One element with that content.
fn element(tag: Tag, content: Vec<u8>) -> Option<Vec<u8>> {
    Any::new(tag, content).and_then(|any| any.to_der()).ok()
}

/// Whether the bytes are a list of at least one timestamp, each of at least one octet, with the right lengths.
fn is_sct_list(bytes: &[u8]) -> bool {
    fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).filter(|(part, _)| !part.is_empty())
    }
    let Some((mut list, [])) = prefixed(bytes) else { return false };
    while let Some((_, rest)) = prefixed(list) {
        list = rest;
    }
    list.is_empty()
}
