//! X.509 certificates, read leniently over their own bytes and never re-encoded.
//!
//! Reading a certificate says nothing about trust: [`crate::path`] does.
use crate::crypto::{Scheme, Sha256Digest};
use crate::der;
use crate::reject::{Operand, Reject};
use pkic_vocab::limits;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use x509_parser::prelude::{FromDer, Pem};

/// Fields of a tbsCertificate (RFC 5280 section 4.1).
const TBS_FIELDS_MAX: usize = 10;

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
        for block in Pem::iter_from_buffer(bytes) {
            let block = block.map_err(|_| Reject::Malformed { what })?;
            if block.label == "CERTIFICATE" {
                found.push(Certificate::from_der(&block.contents)?);
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
        let (parsed, rest) = parse_tbs(raw).ok_or(Reject::Malformed { what })?;
        if !rest.is_empty() {
            return Err(Reject::TrailingBytes { what, extra_bytes: rest.len() });
        }
        let range = |part: &[u8]| range_in(raw, part).ok_or(Reject::Malformed { what });
        let mut extensions: Vec<Extension> = Vec::new();
        let mut seen = HashSet::new();
        for extension in parsed.extensions() {
            let oid = extension.oid.to_id_string();
            if !seen.insert(extension.oid.as_bytes()) {
                return Err(Reject::FieldRepeated { field: "extension" });
            }
            extensions.push(Extension { oid, critical: extension.critical, value: extension.value.to_vec() });
        }
        Ok(Tbs {
            issuer: range(parsed.issuer.as_raw())?,
            subject: range(parsed.subject.as_raw())?,
            spki: range(parsed.subject_pki.raw)?,
            serial: parsed.raw_serial().to_vec(),
            signature_algorithm: signature_algorithm(raw)?,
            version: parsed.version.0,
            not_before: parsed.validity.not_before.timestamp(),
            not_after: parsed.validity.not_after.timestamp(),
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
        let (_, name) = x509_parser::x509::X509Name::from_der(name).ok()?;
        name.iter_common_name().next().and_then(|cn| cn.as_str().ok()).map(str::to_owned)
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
            Ok((ca, _)) if ca.tag == 0x01 => Some(ca.content.first().is_some_and(|octet| *octet != 0)),
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

fn parse_tbs(raw: &[u8]) -> Option<(x509_parser::certificate::TbsCertificate<'_>, &[u8])> {
    use x509_parser::certificate::TbsCertificateParser;
    use x509_parser::nom::Parser;
    let mut parser = TbsCertificateParser::new().with_deep_parse_extensions(false);
    parser.parse(raw).ok().map(|(rest, tbs)| (tbs, rest))
}

/// The field `signature` of a tbsCertificate: the first SEQUENCE behind version and serial number.
fn signature_algorithm(tbs: &[u8]) -> Result<Vec<u8>, Reject> {
    let what = "tbsCertificate.signature";
    let fields = der::elements(what, der::only(what, der::SEQUENCE, tbs)?, TBS_FIELDS_MAX)?;
    let found = fields.iter().find(|field| field.tag == der::SEQUENCE);
    found.map(|field| field.raw.to_vec()).ok_or(Reject::Malformed { what })
}

/// Takes an `Extensions` apart: those of a request, of a revocation list, or of an entry in one.
///
/// # Errors
/// [`Reject::Malformed`]; [`Reject::TooLarge`] beyond `limit` extensions; [`Reject::FieldRepeated`] where one stands twice.
pub(crate) fn extensions(what: &'static str, raw: &[u8], limit: usize) -> Result<Vec<Extension>, Reject> {
    let mut found: Vec<Extension> = Vec::new();
    for element in der::elements(what, der::only(what, der::SEQUENCE, raw)?, limit)? {
        let fields = der::elements(what, der::only(what, der::SEQUENCE, element.raw)?, 3)?;
        let (oid, critical, value) = match fields.as_slice() {
            [oid, value] => (oid, false, value),
            [oid, critical, value] if critical.tag == 0x01 => (oid, critical.content != [0], value),
            _ => return Err(Reject::Malformed { what }),
        };
        if oid.tag != der::OBJECT_IDENTIFIER || value.tag != der::OCTET_STRING {
            return Err(Reject::Malformed { what });
        }
        let oid = der::oid_text(oid.content).ok_or(Reject::Malformed { what })?;
        if found.iter().any(|seen| seen.oid == oid) {
            return Err(Reject::FieldRepeated { field: "extension" });
        }
        found.push(Extension { oid, critical, value: value.content.to_vec() });
    }
    Ok(found)
}

/// Where `part`, a slice of `whole`, stands in it.
pub(crate) fn range_in(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let range = start..start.checked_add(part.len())?;
    (whole.get(range.clone())? == part).then_some(range)
}
