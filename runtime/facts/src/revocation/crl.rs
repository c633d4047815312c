//! Certificate revocation lists, read over their own bytes. Source: RFC 5280 section 5.
use super::{List, magnitude};
use crate::certificate::{self, range_in, time};
use crate::crypto::{Scheme, Sha256Digest, Strength, verify_signature};
use crate::der::{self, Element, GENERALIZED_TIME, UTC_TIME};
use crate::pem;
use crate::reject::{Operand, Reject};
use pkic_vocab::limits;
use std::ops::Range;

/// Tag octet of `crlExtensions`.
const CRL_EXTENSIONS: u32 = 0xa0;
/// Extensions of a list or of an entry: RFC 5280 defines seven of a list.
const EXTENSIONS_MAX: usize = 32;

/// The extension that says which certificates a list is about.
const ISSUING_DISTRIBUTION_POINT: &str = "2.5.29.28";
/// Tag of `indirectCRL` in it.
const INDIRECT_CRL: u32 = 0x84;
/// Critical extensions of a list that are understood. That of a delta list is none of them: such a list leaves out whom
/// the list before it names.
const CRITICAL_KNOWN: [&str; 3] = [ISSUING_DISTRIBUTION_POINT, "2.5.29.20", "2.5.29.35"];
/// Critical extensions of an entry that are understood: reasonCode, holdInstructionCode and invalidityDate, none of
/// which makes an entry count less. certificateIssuer, by which entries are about another issuer's certificates, is none.
const ENTRY_CRITICAL_KNOWN: [&str; 3] = ["2.5.29.21", "2.5.29.23", "2.5.29.24"];

/// A revocation list: its bytes, and where in them its parts stand.
#[derive(Debug, Clone)]
pub(super) struct Crl {
    name: String,
    raw: Vec<u8>,
    digest: Sha256Digest,
    tbs: Range<usize>,
    issuer: Range<usize>,
    scheme: Scheme,
    signature: Range<usize>,
    this_update: i64,
    next_update: i64,
    /// Whether it leaves out certificates of its issuer.
    is_partial: bool,
    /// Sorted by serial number.
    entries: Vec<Entry>,
}

/// A certificate that a list names.
#[derive(Debug, Clone)]
struct Entry {
    /// The serial number without leading zeros.
    serial: Range<usize>,
    revocation_date: i64,
}

/// Reads the lists of a file.
pub(super) fn all_from_file(name: &str, bytes: &[u8]) -> Result<Vec<Crl>, Reject> {
    let (what, limit) = ("CertificateList", limits::REVOCATION_LEN_BYTES_MAX);
    if bytes.len() > limit {
        return Err(Reject::TooLarge { what, size: bytes.len(), limit });
    }
    if bytes.first() == Some(&0x30) {
        return Ok(vec![Crl::from_der(name, bytes.to_vec())?]);
    }
    let mut found = Vec::new();
    for block in pem::blocks(bytes) {
        let block = block.map_err(|_| Reject::Malformed { what })?;
        if block.label == "X509 CRL" {
            found.push(Crl::from_der(name, block.contents()?)?);
        }
        if found.len() > limits::REVOCATION_LISTS_MAX {
            return Err(Reject::TooLarge { what, size: found.len(), limit: limits::REVOCATION_LISTS_MAX });
        }
    }
    if found.is_empty() { Err(Reject::Malformed { what }) } else { Ok(found) }
}

impl Crl {
    /// The name that it was given under.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The list in DER.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    fn from_der(name: &str, raw: Vec<u8>) -> Result<Crl, Reject> {
        let what = "CertificateList";
        let range = |part: &[u8]| range_in(&raw, part).ok_or(Reject::Malformed { what });
        let (tbs, rest) = der::read("tbsCertList", der::only(what, der::SEQUENCE, &raw)?)?;
        let (algorithm, rest) = der::read("signatureAlgorithm", rest)?;
        let signature = match der::only("signatureValue", der::BIT_STRING, rest)?.split_first() {
            Some((0, octets)) => range(octets)?,
            _ => return Err(Reject::Malformed { what: "signatureValue" }),
        };
        let fields = Fields::read(tbs.raw)?;
        if fields.signature.raw != algorithm.raw {
            let (expected, found) = (Operand::bytes(algorithm.raw), Operand::bytes(fields.signature.raw));
            return Err(Reject::FieldMismatch { field: "tbsCertList.signature", expected, found });
        }
        let next_update = fields.next_update.ok_or(Reject::FieldMissing { field: "nextUpdate" })?;
        let mut entries = Vec::new();
        let mut rest = fields.revoked;
        while !rest.is_empty() {
            let (entry, after) = der::expect("revokedCertificates", der::SEQUENCE, rest)?;
            entries.push(read_entry(&raw, entry)?);
            if entries.len() > limits::REVOCATION_ENTRIES_MAX {
                let (size, limit) = (entries.len(), limits::REVOCATION_ENTRIES_MAX);
                return Err(Reject::TooLarge { what: "revokedCertificates", size, limit });
            }
            rest = after;
        }
        let octets = |entry: &Entry| raw.get(entry.serial.clone()).unwrap_or_default();
        entries.sort_unstable_by(|a, b| octets(a).cmp(octets(b)));
        Ok(Crl {
            name: name.to_owned(),
            digest: Sha256Digest::of(&raw),
            tbs: range(tbs.raw)?,
            issuer: range(fields.issuer.raw)?,
            scheme: Scheme::from_algorithm_identifier(algorithm.raw)?,
            signature,
            this_update: fields.this_update,
            next_update,
            is_partial: check_extensions(fields.extensions)?,
            entries,
            raw,
        })
    }

    /// The issuer's name, in the bytes that it came in.
    pub(super) fn issuer(&self) -> &[u8] {
        self.raw.get(self.issuer.clone()).unwrap_or_default()
    }

    /// Whether that key signed the list.
    pub(super) fn is_signed_by(&self, spki: &[u8], strength: Strength) -> bool {
        let part = |range: &Range<usize>| self.raw.get(range.clone()).unwrap_or_default();
        verify_signature(spki, self.scheme, strength, part(&self.tbs), part(&self.signature)).is_ok()
    }

    /// When the list says that the certificate with that number was revoked.
    pub(super) fn find(&self, serial: &[u8]) -> Option<i64> {
        let octets = |entry: &Entry| self.raw.get(entry.serial.clone()).unwrap_or_default();
        let index = self.entries.binary_search_by(|entry| octets(entry).cmp(serial)).ok()?;
        self.entries.get(index).map(|entry| entry.revocation_date)
    }

    /// Whether it leaves out certificates of its issuer, so that not being named means nothing.
    pub(super) fn is_partial(&self) -> bool {
        self.is_partial
    }

    pub(super) fn describe(&self) -> List {
        List {
            kind: "crl",
            name: self.name.clone(),
            digest: self.digest,
            from: self.this_update,
            until: self.next_update,
        }
    }
}

/// A tbsCertList, its entries not yet read.
struct Fields<'a> {
    signature: Element<'a>,
    issuer: Element<'a>,
    this_update: i64,
    next_update: Option<i64>,
    revoked: &'a [u8],
    extensions: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(tbs: &'a [u8]) -> Result<Fields<'a>, Reject> {
        let what = "tbsCertList";
        let (mut field, mut rest) = der::read(what, der::only(what, der::SEQUENCE, tbs)?)?;
        let is_v2 = field.tag == der::INTEGER;
        if is_v2 {
            if field.content != [1] {
                return Err(Reject::Malformed { what: "version" });
            }
            (field, rest) = der::read(what, rest)?;
        }
        let signature = field;
        let (issuer, rest) = der::read("issuer", rest)?;
        if signature.tag != der::SEQUENCE || issuer.tag != der::SEQUENCE {
            return Err(Reject::Malformed { what });
        }
        let (this_update, rest) = der::read("thisUpdate", rest)?;
        let (next_update, rest) = optional(what, rest, |tag| [UTC_TIME, GENERALIZED_TIME].contains(&tag))?;
        let (revoked, rest) = optional(what, rest, |tag| tag == der::SEQUENCE)?;
        let (extensions, rest) = optional(what, rest, |tag| tag == CRL_EXTENSIONS)?;
        if !rest.is_empty() {
            return Err(Reject::TrailingBytes { what, extra_bytes: rest.len() });
        }
        if extensions.is_some() && !is_v2 {
            return Err(Reject::Malformed { what: "version" });
        }
        Ok(Fields {
            signature,
            issuer,
            this_update: time("thisUpdate", &this_update)?,
            next_update: next_update.map(|field| time("nextUpdate", &field)).transpose()?,
            revoked: revoked.map(|field| field.content).unwrap_or_default(),
            extensions: extensions.map(|field| field.content),
        })
    }
}

/// The first element where it is of that kind, and what follows.
fn optional<'a>(
    what: &'static str,
    bytes: &'a [u8],
    is_it: fn(u32) -> bool,
) -> Result<(Option<Element<'a>>, &'a [u8]), Reject> {
    if bytes.is_empty() {
        return Ok((None, bytes));
    }
    let (element, rest) = der::read(what, bytes)?;
    Ok(if is_it(element.tag) { (Some(element), rest) } else { (None, bytes) })
}

fn read_entry(raw: &[u8], entry: &[u8]) -> Result<Entry, Reject> {
    let what = "revokedCertificates";
    let malformed = || Reject::Malformed { what };
    let (serial, rest) = der::expect(what, der::INTEGER, entry)?;
    let (date, rest) = der::read(what, rest)?;
    // The octet that keeps a number of full length positive comes on top.
    if serial.is_empty() || serial.len() > limits::SERIAL_LEN_BYTES_MAX.saturating_add(1) {
        return Err(malformed());
    }
    if !rest.is_empty() {
        let extensions = certificate::extensions(what, rest, EXTENSIONS_MAX)?;
        let is_known = |oid: &str| ENTRY_CRITICAL_KNOWN.contains(&oid);
        if let Some(unknown) = extensions.into_iter().find(|each| each.critical && !is_known(&each.oid)) {
            return Err(Reject::CriticalExtension { oid: unknown.oid });
        }
    }
    let serial = range_in(raw, magnitude(serial)).ok_or_else(malformed)?;
    Ok(Entry { serial, revocation_date: time("revocationDate", &date)? })
}

/// Refuses what this build does not understand, and says whether the list leaves certificates of its issuer out.
fn check_extensions(extensions: Option<&[u8]>) -> Result<bool, Reject> {
    let Some(extensions) = extensions else { return Ok(false) };
    let extensions = certificate::extensions("crlExtensions", extensions, EXTENSIONS_MAX)?;
    let is_known = |oid: &str| CRITICAL_KNOWN.contains(&oid);
    if let Some(unknown) = extensions.iter().find(|each| each.critical && !is_known(&each.oid)) {
        return Err(Reject::CriticalExtension { oid: unknown.oid.clone() });
    }
    let Some(point) = extensions.iter().find(|each| each.oid == ISSUING_DISTRIBUTION_POINT) else {
        return Ok(false);
    };
    let what = "issuingDistributionPoint";
    let fields = der::elements(what, der::only(what, der::SEQUENCE, &point.value)?, EXTENSIONS_MAX)?;
    match fields.iter().find(|field| field.tag == INDIRECT_CRL) {
        Some(field) if field.content != [0] => {
            let (expected, found) = (Operand::Word("false"), Operand::Word("true"));
            Err(Reject::FieldMismatch { field: "indirectCRL", expected, found })
        }
        _ => Ok(true),
    }
}
