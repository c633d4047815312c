//! Certificate revocation lists: the tbsCertList that would be signed, and the signature put around it.
//!
//! Lists are full, direct and of version 2 (RFC 5280 section 5): no delta lists, no list for another issuer's
//! certificates, no scope. Who may revoke what, and the last number used, are the caller's to know.
use crate::certificate::{self, AssemblyError};
use crate::draft::{signature_algorithm, time};
use der::asn1::{Any, ObjectIdentifier, OctetString, Uint};
use der::oid::AssociatedOid;
use der::{Decode, Encode, Sequence};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{PublicKey, Scheme, Sha256Digest};
use pkic_facts::der as wire;
use pkic_vocab::hex::Hex;
use pkic_vocab::limits;
use pkic_vocab::time::format_date;
use std::fmt;
use x509_cert::certificate::Rfc5280;
use x509_cert::crl::RevokedCert;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CrlNumber, CrlReason};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::Time;

/// Why a certificate was revoked. `unspecified` is said by giving none, and `removeFromCRL` is for delta lists.
/// Source: RFC 5280 section 5.3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The private key of the certificate is, or may be, in other hands.
    KeyCompromise,
    /// The private key of the authority that the certificate is for is, or may be, in other hands.
    CaCompromise,
    /// The subject's name or other attributes have changed.
    AffiliationChanged,
    /// Another certificate stands in its place.
    Superseded,
    /// What it was issued for has ended.
    CessationOfOperation,
    /// It does not count for the time being.
    CertificateHold,
    /// A privilege that it says was withdrawn.
    PrivilegeWithdrawn,
    /// The key of an attribute authority is, or may be, in other hands.
    AaCompromise,
}

impl Reason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Reason; 8] = [
        Reason::KeyCompromise,
        Reason::CaCompromise,
        Reason::AffiliationChanged,
        Reason::Superseded,
        Reason::CessationOfOperation,
        Reason::CertificateHold,
        Reason::PrivilegeWithdrawn,
        Reason::AaCompromise,
    ];

    /// Its name on the command line and in records.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::KeyCompromise => "key-compromise",
            Reason::CaCompromise => "ca-compromise",
            Reason::AffiliationChanged => "affiliation-changed",
            Reason::Superseded => "superseded",
            Reason::CessationOfOperation => "cessation-of-operation",
            Reason::CertificateHold => "certificate-hold",
            Reason::PrivilegeWithdrawn => "privilege-withdrawn",
            Reason::AaCompromise => "aa-compromise",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.name() == name)
    }

    fn code(self) -> CrlReason {
        match self {
            Reason::KeyCompromise => CrlReason::KeyCompromise,
            Reason::CaCompromise => CrlReason::CaCompromise,
            Reason::AffiliationChanged => CrlReason::AffiliationChanged,
            Reason::Superseded => CrlReason::Superseded,
            Reason::CessationOfOperation => CrlReason::CessationOfOperation,
            Reason::CertificateHold => CrlReason::CertificateHold,
            Reason::PrivilegeWithdrawn => CrlReason::PrivilegeWithdrawn,
            Reason::AaCompromise => CrlReason::AaCompromise,
        }
    }
}

/// A certificate that does not count any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number, big-endian, with or without leading zeros; at most 20 octets as an INTEGER.
    pub serial: Vec<u8>,
    /// Since when, in seconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Why, where that is said.
    pub reason: Option<Reason>,
}

/// What a list is made of.
#[derive(Debug, Clone, Copy)]
pub struct ListInput<'a> {
    /// The certificate of the authority whose list it is: its certificates are listed, and its key signs.
    pub issuer: &'a Certificate,
    /// Number of the list; each list of an authority has a higher one than the list before. RFC 5280 section 5.2.3.
    pub number: u64,
    /// The moment of the list, in seconds since 1970-01-01T00:00:00Z.
    pub this_update: i64,
    /// The moment by which the next list is there, in seconds since 1970-01-01T00:00:00Z.
    pub next_update: i64,
    /// The certificates, in any order, each once; at most [`limits::REVOCATION_ENTRIES_MAX`].
    pub revoked: &'a [Revoked],
}

/// What a list says besides its times, for people who approve it: the same as long as nothing more is revoked, or listed.
/// A line for the issuer's key, one for the number, and one for each certificate, by serial number.
pub fn text(issuer_spki: Sha256Digest, number: u64, revoked: &[Revoked]) -> String {
    let mut lines: Vec<String> = revoked
        .iter()
        .map(|revoked| {
            let serial = Hex(&revoked.serial);
            let reason = revoked.reason.map_or("unspecified", Reason::name);
            format!("revoked: {serial} {} {reason}\n", format_date(revoked.at))
        })
        .collect();
    lines.sort_unstable();
    format!("pkic list 1\nissuer: {issuer_spki}\nnumber: {number}\n{}", lines.concat())
}

/// Why no list can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListError {
    /// The issuer's certificate does not let its key sign lists: no `cA`, or no `cRLSign`.
    IssuerMayNotSign,
    /// The issuer's certificate has no subjectKeyIdentifier, which the list has to name.
    IssuerKeyIdMissing,
    /// The issuer's certificate does not read, or its key is of a kind that signs no lists.
    Issuer,
    /// The next list is not after this one.
    NextUpdate {
        /// The moment of the list.
        this_update: i64,
        /// The moment of the next.
        next_update: i64,
    },
    /// A certificate is revoked after the moment of the list.
    RevokedLater {
        /// Its serial number, big-endian.
        serial: Vec<u8>,
        /// Since when.
        at: i64,
    },
    /// A serial number is empty or too long.
    Serial {
        /// The serial number, big-endian.
        serial: Vec<u8>,
    },
    /// A certificate is named more than once.
    SerialRepeated {
        /// Its serial number, big-endian.
        serial: Vec<u8>,
    },
    /// A moment is before 1970 or after 9999.
    TimeOutOfRange {
        /// The moment.
        at: i64,
    },
    /// There are too many certificates.
    TooMany {
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The list is over the limit of lists, or cannot be encoded.
    TooLarge {
        /// The limit in bytes.
        limit_bytes: usize,
    },
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListError::IssuerMayNotSign => {
                f.write_str("the issuer's certificate does not allow signing lists")
            }
            ListError::IssuerKeyIdMissing => f.write_str("the issuer's certificate has no key identifier"),
            ListError::Issuer => f.write_str("the issuer's name or key is of a kind that signs no lists"),
            ListError::NextUpdate { this_update, next_update } => {
                let (this, next) = (format_date(*this_update), format_date(*next_update));
                write!(f, "the next list, at {next}, is not after this one, at {this}")
            }
            ListError::RevokedLater { serial, at } => {
                write!(f, "`{}` is revoked after the list, at {}", shown(serial), format_date(*at))
            }
            ListError::Serial { serial } => write!(f, "`{}` is no serial number", shown(serial)),
            ListError::SerialRepeated { serial } => write!(f, "`{}` is named more than once", shown(serial)),
            ListError::TimeOutOfRange { at } => write!(f, "{} is outside 1970 to 9999", format_date(*at)),
            ListError::TooMany { found, limit } => write!(f, "{found} certificates, the limit is {limit}"),
            ListError::TooLarge { limit_bytes } => write!(f, "the list has more than {limit_bytes} bytes"),
        }
    }
}

impl std::error::Error for ListError {}

/// As much of a serial number as a message has room for.
fn shown(serial: &[u8]) -> Hex<'_> {
    Hex(serial.get(..32).unwrap_or(serial))
}

/// TBSCertList (RFC 5280 section 5.1.2), with the issuer's name as it stands in the issuer's certificate.
#[derive(Sequence)]
struct TbsCertList {
    version: u8,
    signature: AlgorithmIdentifierOwned,
    issuer: Any,
    this_update: Time,
    next_update: Time,
    #[asn1(optional = "true")]
    revoked_certificates: Option<Vec<RevokedCert<Rfc5280>>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    crl_extensions: Vec<Extension>,
}

/// A tbsCertList that would be signed. [`draft`] alone makes it.
#[derive(Debug, PartialEq, Eq)]
pub struct ListDraft {
    tbs: Vec<u8>,
    issuer: Sha256Digest,
    this_update: i64,
    next_update: i64,
}

impl ListDraft {
    /// The exact bytes.
    pub fn tbs(&self) -> &[u8] {
        &self.tbs
    }

    /// SHA-256 of the bytes.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.tbs)
    }

    /// SHA-256 of the issuer's subjectPublicKeyInfo.
    pub fn issuer(&self) -> Sha256Digest {
        self.issuer
    }

    /// The moment of the list.
    pub fn this_update(&self) -> i64 {
        self.this_update
    }

    /// The moment by which the next list is there.
    pub fn next_update(&self) -> i64 {
        self.next_update
    }

    /// The bytes, out of the draft.
    pub(crate) fn into_tbs(self) -> Vec<u8> {
        self.tbs
    }
}

/// Writes the tbsCertList that would be signed: its entries sorted by serial number, with CRL number and the key
/// identifier of the issuer.
///
/// # Errors
/// [`ListError`]; the limits are checked before anything is written.
pub fn draft(input: &ListInput<'_>) -> Result<ListDraft, ListError> {
    let limit = limits::REVOCATION_ENTRIES_MAX;
    if input.revoked.len() > limit {
        return Err(ListError::TooMany { found: input.revoked.len(), limit });
    }
    let (this_update, next_update) = (input.this_update, input.next_update);
    if next_update <= this_update {
        return Err(ListError::NextUpdate { this_update, next_update });
    }
    let tbs = input.issuer.tbs();
    if tbs.is_authority() != Some(true) || !tbs.may_sign_lists() {
        return Err(ListError::IssuerMayNotSign);
    }
    let key = PublicKey::from_spki(tbs.spki()).map_err(|_| ListError::Issuer)?;
    let key_id = tbs.extension("2.5.29.14").ok_or(ListError::IssuerKeyIdMissing)?;
    let key_id = wire::only("subjectKeyIdentifier", wire::OCTET_STRING, &key_id.value);
    let entries = entries(input)?;
    let limit_bytes = limits::REVOCATION_LEN_BYTES_MAX;
    let too_large = |_| ListError::TooLarge { limit_bytes };
    let list = TbsCertList {
        version: 1,
        signature: signature_algorithm(Some(key.kind)).map_err(|_| ListError::Issuer)?,
        issuer: Any::from_der(tbs.subject()).map_err(|_| ListError::Issuer)?,
        this_update: moment(this_update)?,
        next_update: moment(next_update)?,
        revoked_certificates: (!entries.is_empty()).then_some(entries),
        crl_extensions: extensions(key_id.map_err(|_| ListError::Issuer)?, input.number)
            .map_err(too_large)?,
    };
    let bytes = list.to_der().map_err(too_large)?;
    if bytes.len() > limit_bytes {
        return Err(ListError::TooLarge { limit_bytes });
    }
    Ok(ListDraft { tbs: bytes, issuer: tbs.spki_digest(), this_update, next_update })
}

/// The CertificateList in DER: the tbsCertList, the AlgorithmIdentifier that stands in it, and the signature.
///
/// # Errors
/// As for [`certificate::signed`].
pub fn signed(tbs: &[u8], scheme: Scheme, signature: &[u8]) -> Result<Vec<u8>, AssemblyError> {
    certificate::assemble("tbsCertList", limits::REVOCATION_LEN_BYTES_MAX, tbs, scheme, signature)
}

fn moment(at: i64) -> Result<Time, ListError> {
    time(at).map_err(|_| ListError::TimeOutOfRange { at })
}

fn entries(input: &ListInput<'_>) -> Result<Vec<RevokedCert<Rfc5280>>, ListError> {
    let mut entries: Vec<RevokedCert<Rfc5280>> = Vec::with_capacity(input.revoked.len());
    for revoked in input.revoked {
        if revoked.at > input.this_update {
            return Err(ListError::RevokedLater { serial: revoked.serial.clone(), at: revoked.at });
        }
        entries.push(entry(revoked)?);
    }
    // Shorter numbers are smaller: leading zeros are gone.
    let order = |entry: &RevokedCert<Rfc5280>| {
        let octets = entry.serial_number.as_bytes();
        (octets.len(), octets.to_vec())
    };
    entries.sort_by_cached_key(order);
    let pairs = entries.iter().zip(entries.iter().skip(1));
    match pairs.into_iter().find(|(a, b)| a.serial_number == b.serial_number) {
        Some((twice, _)) => {
            Err(ListError::SerialRepeated { serial: twice.serial_number.as_bytes().to_vec() })
        }
        None => Ok(entries),
    }
}

fn entry(revoked: &Revoked) -> Result<RevokedCert<Rfc5280>, ListError> {
    let unfit = || ListError::Serial { serial: revoked.serial.clone() };
    let zeros = revoked.serial.iter().take_while(|octet| **octet == 0).count();
    let octets = revoked.serial.get(zeros..).filter(|octets| !octets.is_empty()).ok_or_else(unfit)?;
    let reason = revoked.reason.map(|reason| extension(CrlReason::OID, &reason.code())).transpose();
    Ok(RevokedCert {
        serial_number: SerialNumber::new(octets).map_err(|_| unfit())?,
        revocation_date: moment(revoked.at)?,
        crl_entry_extensions: reason.map_err(|_| unfit())?.map(|reason| vec![reason]),
    })
}

/// authorityKeyIdentifier and cRLNumber, neither critical. Source: RFC 5280 sections 5.2.1 and 5.2.3.
fn extensions(key_id: &[u8], number: u64) -> Result<Vec<Extension>, der::Error> {
    let key_id = AuthorityKeyIdentifier {
        key_identifier: Some(OctetString::new(key_id)?),
        authority_cert_issuer: None,
        authority_cert_serial_number: None,
    };
    let number = CrlNumber(Uint::new(&number.to_be_bytes())?);
    Ok(vec![extension(AuthorityKeyIdentifier::OID, &key_id)?, extension(CrlNumber::OID, &number)?])
}

fn extension(extn_id: ObjectIdentifier, value: &impl Encode) -> Result<Extension, der::Error> {
    Ok(Extension { extn_id, critical: false, extn_value: OctetString::new(value.to_der()?)? })
}
