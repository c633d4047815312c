//! X.509 certificates, read leniently over their own bytes and never re-encoded.
//!
//! Reading a certificate says nothing about trust: [`crate::path`] does.
use crate::crypto::{Scheme, Sha256Digest};
use crate::der::{self, Element};
use crate::pem;
use crate::reject::{Operand, Reject};
use pkic_vocab::limits;
use std::ops::Range;
use std::sync::Arc;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

/// Fields of a tbsCertificate (RFC 5280 section 4.1).
const TBS_FIELDS_MAX: usize = 10;
/// Extensions of a certificate: its length is the limit, and each of them has more than one byte.
const EXTENSIONS_MAX: usize = limits::CERTIFICATE_LEN_BYTES_MAX;
/// Tag octet of `version`.
const VERSION: u32 = 0xa0;
/// Tag octets of `issuerUniqueID` and `subjectUniqueID`.
const UNIQUE_IDS: [u32; 2] = [0x81, 0x82];
/// Tag octet of `extensions`.
const EXTENSIONS: u32 = 0xa3;
/// The content octets of `id-at-commonName`.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const NAME: &str = "Name";
/// Tag octets of UTF8String, NumericString, PrintableString and IA5String.
const TEXTS: [u32; 4] = [0x0c, 0x12, 0x13, 0x16];

/// A certificate: its bytes, and where in them its parts stand. A copy shares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate(Arc<Parts>);

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    raw: Vec<u8>,
    tbs: Tbs,
    signature_algorithm: Vec<u8>,
    signature: Vec<u8>,
}

/// A tbsCertificate: the part of a certificate that its issuer signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tbs {
    raw: Vec<u8>,
    issuer: Range<usize>,
    subject: Range<usize>,
    spki: Range<usize>,
    serial: Vec<u8>,
    signature_algorithm: Vec<u8>,
    version: u32,
    not_before: i64,
    not_after: i64,
    extensions: Vec<Extension>,
}

/// An extension of a certificate or of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its object identifier in dotted form.
    pub oid: String,
    /// Whether it is marked critical.
    pub critical: bool,
    /// The content of extnValue.
    pub value: Vec<u8>,
}

/// Whether a certificate is strict DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Strict DER.
    Der,
    /// BER that is not DER: the signature was made over these bytes all the same.
    NonDer,
}

impl Certificate {
    /// Reads one certificate in DER.
    ///
    /// # Errors
    /// [`Reject::TooLarge`] beyond [`limits::CERTIFICATE_LEN_BYTES_MAX`], checked first; [`Reject::Malformed`];
    /// [`Reject::TrailingBytes`]; [`Reject::FieldMismatch`] where the two signature algorithms differ.
    pub fn from_der(raw: &[u8]) -> Result<Certificate, Reject> {
        let what = "Certificate";
        let limit = limits::CERTIFICATE_LEN_BYTES_MAX;
        if raw.len() > limit {
            return Err(Reject::TooLarge { what, size: raw.len(), limit });
        }
        let body = der::only(what, der::SEQUENCE, raw)?;
        let (tbs, rest) = der::read("tbsCertificate", body)?;
        let (algorithm, rest) = der::read("signatureAlgorithm", rest)?;
        let signature = match der::only("signatureValue", der::BIT_STRING, rest)?.split_first() {
            Some((0, octets)) => octets.to_vec(),
            _ => return Err(Reject::Malformed { what: "signatureValue" }),
        };
        let tbs = Tbs::from_der(tbs.raw)?;
        if tbs.signature_algorithm != algorithm.raw {
            let (expected, found) = (Operand::bytes(algorithm.raw), Operand::bytes(&tbs.signature_algorithm));
            return Err(Reject::FieldMismatch { field: "tbsCertificate.signature", expected, found });
        }
        let (raw, signature_algorithm) = (raw.to_vec(), algorithm.raw.to_vec());
        Ok(Certificate(Arc::new(Parts { raw, tbs, signature_algorithm, signature })))
    }

    /// Reads all certificates of a file: PEM blocks with any text between them, or one DER certificate.
    ///
    /// # Errors
    /// Those of [`Certificate::from_der`] for the first certificate that does not read; [`Reject::TooLarge`] beyond
    /// [`limits::PATH_CANDIDATES_MAX`] certificates or [`limits::EVIDENCE_LEN_BYTES_MAX`] bytes.
    pub fn all_from_file(bytes: &[u8]) -> Result<Vec<Certificate>, Reject> {
        let (what, limit) = ("certificate file", limits::EVIDENCE_LEN_BYTES_MAX);
        if bytes.len() > limit {
            return Err(Reject::TooLarge { what, size: bytes.len(), limit });
        }
        if bytes.first() == Some(&0x30) {
            return Ok(vec![Certificate::from_der(bytes)?]);
        }
        let mut found = Vec::new();
        for block in pem::blocks(bytes) {
            let block = block.map_err(|_| Reject::Malformed { what })?;
            if block.label == "CERTIFICATE" {
                found.push(Certificate::from_der(&block.contents()?)?);
            }
            if found.len() > limits::PATH_CANDIDATES_MAX {
                return Err(Reject::TooLarge { what, size: found.len(), limit: limits::PATH_CANDIDATES_MAX });
            }
        }
        if found.is_empty() { Err(Reject::Malformed { what }) } else { Ok(found) }
    }

    /// The certificate in the bytes that it came in.
    pub fn raw(&self) -> &[u8] {
        &self.0.raw
    }

    /// The part that the issuer signed.
    pub fn tbs(&self) -> &Tbs {
        &self.0.tbs
    }

    /// The algorithm of the issuer's signature.
    ///
    /// # Errors
    /// [`Reject::AlgorithmUnsupported`] where pkic does not verify it.
    pub fn scheme(&self) -> Result<Scheme, Reject> {
        Scheme::from_algorithm_identifier(&self.0.signature_algorithm)
    }

    /// The issuer's signature over [`Tbs::raw`].
    pub fn signature(&self) -> &[u8] {
        &self.0.signature
    }

    /// Whether the bytes are strict DER.
    pub fn encoding(&self) -> Encoding {
        if der::is_strict(&self.0.raw) { Encoding::Der } else { Encoding::NonDer }
    }
}

impl Tbs {
    /// Reads one tbsCertificate. The extensions are taken apart no further than object identifier and value.
    ///
    /// # Errors
    /// [`Reject::Malformed`], [`Reject::TrailingBytes`]; [`Reject::FieldRepeated`] where an extension stands twice.
    pub fn from_der(raw: &[u8]) -> Result<Tbs, Reject> {
        let what = "tbsCertificate";
        let malformed = || Reject::Malformed { what };
        let fields = der::elements(what, der::only(what, der::SEQUENCE, raw)?, TBS_FIELDS_MAX)?;
        let (version, fields) = match fields.as_slice() {
            [version, fields @ ..] if version.tag == VERSION => {
                let number = der::integer(what, der::only(what, der::INTEGER, version.content)?)?;
                (u32::try_from(number).map_err(|_| malformed())?, fields)
            }
            fields => (0, fields),
        };
        let [serial, algorithm, issuer, validity, subject, spki, further @ ..] = fields else {
            return Err(malformed());
        };
        let is_sequence = |field: &&Element<'_>| field.tag == der::SEQUENCE;
        if serial.tag != der::INTEGER || ![algorithm, issuer, validity, subject, spki].iter().all(is_sequence)
        {
            return Err(malformed());
        }
        let extensions = match further {
            [ids @ .., last] if last.tag == EXTENSIONS && are_unique_ids(ids) => {
                extensions(what, last.content, EXTENSIONS_MAX)?
            }
            ids if are_unique_ids(ids) => Vec::new(),
            _ => return Err(malformed()),
        };
        let moments = der::elements("validity", validity.content, 2)?;
        let [not_before, not_after] = moments.as_slice() else { return Err(malformed()) };
        let range = |part: &Element<'_>| range_in(raw, part.raw).ok_or_else(malformed);
        Ok(Tbs {
            issuer: range(issuer)?,
            subject: range(subject)?,
            spki: range(spki)?,
            serial: serial.content.to_vec(),
            signature_algorithm: algorithm.raw.to_vec(),
            version,
            not_before: time("notBefore", not_before)?,
            not_after: time("notAfter", not_after)?,
            extensions,
            raw: raw.to_vec(),
        })
    }

    /// The bytes that the issuer signed.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The issuer's name, in the bytes that it came in.
    pub fn issuer(&self) -> &[u8] {
        self.raw.get(self.issuer.clone()).unwrap_or_default()
    }

    /// The subject's name, in the bytes that it came in.
    pub fn subject(&self) -> &[u8] {
        self.raw.get(self.subject.clone()).unwrap_or_default()
    }

    /// The subjectPublicKeyInfo, in the bytes that it came in.
    pub fn spki(&self) -> &[u8] {
        self.raw.get(self.spki.clone()).unwrap_or_default()
    }

    /// SHA-256 of the subjectPublicKeyInfo.
    pub fn spki_digest(&self) -> Sha256Digest {
        Sha256Digest::of(self.spki())
    }

    /// The content octets of the serial number.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The version field: 0 is v1, 2 is v3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// notBefore, in seconds since 1970-01-01T00:00:00Z.
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// notAfter, in seconds since 1970-01-01T00:00:00Z.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// All extensions, in their order.
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// The extension with that dotted object identifier.
    pub fn extension(&self, oid: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.oid == oid)
    }

    /// The first common name of a distinguished name of this certificate, where it is text.
    pub fn common_name(name: &[u8]) -> Option<String> {
        let mut relative_names = der::only(NAME, der::SEQUENCE, name).ok()?;
        while !relative_names.is_empty() {
            let (mut attributes, behind) = der::expect(NAME, der::SET, relative_names).ok()?;
            while !attributes.is_empty() {
                let (attribute, others) = der::expect(NAME, der::SEQUENCE, attributes).ok()?;
                match der::expect(NAME, der::OBJECT_IDENTIFIER, attribute).ok()? {
                    (COMMON_NAME, value) => return text(value),
                    _ => attributes = others,
                }
            }
            relative_names = behind;
        }
        None
    }

    /// A distinguished name of this certificate for a person, such as `C=SE, O=Yubico AB`; it may have no attribute.
    pub fn name_text(name: &[u8]) -> Option<String> {
        x509_parser::x509::X509Name::from_der(name).ok().map(|(_, name)| name.to_string())
    }

    /// `basicConstraints.cA`, or nothing where there is no such extension or it does not decode.
    pub fn is_authority(&self) -> Option<bool> {
        let value = &self.extension("2.5.29.19")?.value;
        let body = der::only("basicConstraints", der::SEQUENCE, value).ok()?;
        match der::read("basicConstraints", body) {
            Ok((ca, _)) if ca.tag == der::BOOLEAN => {
                Some(ca.content.first().is_some_and(|octet| *octet != 0))
            }
            _ => Some(false),
        }
    }

    /// `basicConstraints.pathLenConstraint`, where there is one; a negative or oversized one counts as 0.
    pub fn path_length(&self) -> Option<usize> {
        let value = &self.extension("2.5.29.19")?.value;
        let body = der::only("basicConstraints", der::SEQUENCE, value).ok()?;
        let fields = der::elements("basicConstraints", body, 2).ok()?;
        let length = fields.iter().find(|field| field.tag == der::INTEGER)?;
        let length = der::integer("pathLenConstraint", length.content).ok();
        Some(length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0))
    }

    /// Whether `keyUsage` allows signing certificates: `keyCertSign` is set, or there is no such extension.
    pub fn may_sign_certificates(&self) -> bool {
        self.has_usage(0x04)
    }

    /// Whether `keyUsage` allows signing revocation lists: `cRLSign` is set, or there is no such extension.
    pub fn may_sign_lists(&self) -> bool {
        self.has_usage(0x02)
    }

    fn has_usage(&self, bit: u8) -> bool {
        let Some(extension) = self.extension("2.5.29.15") else { return true };
        match der::only("keyUsage", der::BIT_STRING, &extension.value) {
            Ok([_, bits, ..]) => bits & bit != 0,
            _ => false,
        }
    }

    /// The extended key usages, in dotted form; empty where there is no such extension or it does not decode.
    pub fn key_purposes(&self) -> Vec<String> {
        let decode = || {
            let value = &self.extension("2.5.29.37")?.value;
            let body = der::only("extKeyUsage", der::SEQUENCE, value).ok()?;
            let purposes = der::elements("extKeyUsage", body, limits::LIST_LEN_MAX).ok()?;
            purposes.iter().map(|purpose| der::oid_text(purpose.content)).collect::<Option<Vec<String>>>()
        };
        decode().unwrap_or_default()
    }
}

/// The text of an attribute, where it is text.
fn text(value: &[u8]) -> Option<String> {
    let (value, _) = der::read(NAME, value).ok()?;
    let text = TEXTS.contains(&value.tag).then_some(value.content)?;
    std::str::from_utf8(text).ok().map(str::to_owned)
}

/// `issuerUniqueID` and `subjectUniqueID`, each once at most and in this order. Nothing reads them.
fn are_unique_ids(fields: &[Element<'_>]) -> bool {
    fields.iter().all(|field| UNIQUE_IDS.contains(&field.tag)) && fields.is_sorted_by(|a, b| a.tag < b.tag)
}

/// A `Time`: UTCTime or GeneralizedTime.
///
/// # Errors
/// [`Reject::Malformed`].
pub(crate) fn time(what: &'static str, field: &Element<'_>) -> Result<i64, Reject> {
    let malformed = Reject::Malformed { what };
    if ![der::UTC_TIME, der::GENERALIZED_TIME].contains(&field.tag) {
        return Err(malformed);
    }
    match ASN1Time::from_der(field.raw) {
        Ok(([], time)) => Ok(time.timestamp()),
        _ => Err(malformed),
    }
}

/// Takes an `Extensions` apart: those of a certificate, of a request, of a revocation list, or of an entry in one.
///
/// # Errors
/// [`Reject::Malformed`]; [`Reject::TooLarge`] beyond `limit` extensions; [`Reject::FieldRepeated`] where one stands twice.
pub(crate) fn extensions(what: &'static str, raw: &[u8], limit: usize) -> Result<Vec<Extension>, Reject> {
    let mut found: Vec<Extension> = Vec::new();
    for element in der::elements(what, der::only(what, der::SEQUENCE, raw)?, limit)? {
        let body = der::only(what, der::SEQUENCE, element.raw)?;
        let (oid, rest) = der::expect(what, der::OBJECT_IDENTIFIER, body)?;
        let (critical, value) = match der::read(what, rest)? {
            (critical, rest) if critical.tag == der::BOOLEAN => (critical.content != [0], rest),
            _ => (false, rest),
        };
        let value = der::only(what, der::OCTET_STRING, value)?;
        let oid = der::oid_text(oid).ok_or(Reject::Malformed { what })?;
        found.push(Extension { oid, critical, value: value.to_vec() });
    }
    // Sorted, since a hostile certificate has thousands.
    let mut oids: Vec<&str> = found.iter().map(|extension| extension.oid.as_str()).collect();
    oids.sort_unstable();
    if !oids.is_sorted_by(|a, b| a < b) {
        return Err(Reject::FieldRepeated { field: "extension" });
    }
    Ok(found)
}

/// Where `part`, a slice of `whole`, stands in it.
pub(crate) fn range_in(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let range = start..start.checked_add(part.len())?;
    (whole.get(range.clone())? == part).then_some(range)
}
