//! The draft: the tbsCertificate that would be signed, made from the policy and never by copying the request.
//!
//! Every field that `contents` grants takes the one value that the policy permits, else the requested value, written
//! anew, else the policy's default. What the request asks for beyond that is left out and reported. Whether the
//! values are permitted is not judged here: the decision reads these very bytes (design D13, D14).
use crate::issuer::Issuer;
use crate::unfit::Unfit;
use crate::wishes::Wishes;
use pkic_facts::crypto::{PublicKey, Sha256Digest};
use pkic_ir::{Constant, Field, Profile};
use pkic_vocab::fields::Filler;
use pkic_vocab::time::{FOREVER_DATE, format_date};
use pkic_vocab::types::Type;
use pkic_vocab::{Path, Value};
use std::fmt;

mod write;

pub(crate) use write::{signature_algorithm, time};

/// Path of the fact that holds the timestamps of logs.
const TIMESTAMPS: &str = "certificate.sct-list";

/// The serial number of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serial {
    octets: [u8; 20],
    origin: SerialOrigin,
}

/// Where a serial number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SerialOrigin {
    /// Derived from the inputs of a decision, so that a decision can be repeated. It can never be issued.
    Derived,
    /// Drawn at random by the issuing CA.
    Random,
}

impl Serial {
    /// The serial of a decision without issuance: 20 octets of SHA-256 over program digest, request digest and now.
    pub fn derived(program: Sha256Digest, request: Sha256Digest, now: i64) -> Serial {
        let bytes = [program.0.as_slice(), request.0.as_slice(), &now.to_be_bytes()].concat();
        Serial::from_octets(&Sha256Digest::of(&bytes).0, SerialOrigin::Derived)
    }

    /// The serial of a certificate to be issued. The caller draws the 20 octets from a cryptographic generator.
    ///
    /// 158 of their bits are kept: positive, and never shorter than 20 octets. Source: RFC 5280 section 4.1.2.2;
    /// CA/Browser Forum TLS BR 7.1 asks for 64 bits.
    pub fn random(octets: &[u8; 20]) -> Serial {
        Serial::from_octets(octets, SerialOrigin::Random)
    }

    /// The serial of a certificate that was issued before, to draft it again.
    pub(crate) fn recorded(octets: [u8; 20]) -> Serial {
        Serial { octets, origin: SerialOrigin::Derived }
    }

    /// The octets of the INTEGER.
    pub fn octets(&self) -> &[u8; 20] {
        &self.octets
    }

    /// Where it comes from.
    pub fn origin(&self) -> SerialOrigin {
        self.origin
    }

    fn from_octets(from: &[u8], origin: SerialOrigin) -> Serial {
        let mut octets = [0u8; 20];
        for (to, from) in octets.iter_mut().zip(from) {
            *to = *from;
        }
        if let Some(first) = octets.first_mut() {
            *first = (*first & 0x3f) | 0x40;
        }
        Serial { octets, origin }
    }
}

/// What a draft is made of.
#[derive(Debug, Clone, Copy)]
pub struct DraftInput<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// What the request asks for.
    pub wishes: &'a Wishes,
    /// The subjectPublicKeyInfo of the request, as it stands there.
    pub spki: &'a [u8],
    /// The issuer, where it is known.
    pub issuer: Option<&'a Issuer>,
    /// The serial number.
    pub serial: Serial,
    /// The first second of validity, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
}

/// A tbsCertificate that would be signed.
#[derive(Debug, PartialEq, Eq)]
pub struct Draft {
    tbs: Vec<u8>,
    profile: String,
    issuer: Option<Sha256Digest>,
    serial: SerialOrigin,
    now: i64,
    left_out: Vec<LeftOut>,
    pending: Vec<Pending>,
}

/// Something that the request asks for and the certificate does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Path of the fact, or the part of the request that no fact can stand for.
    pub what: String,
    /// Why.
    pub why: LeftOutWhy,
}

/// Why a wish is not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOutWhy {
    /// `contents` of the profile does not name it.
    NotGranted,
    /// The policy permits one value, and it is another.
    Fixed,
    /// The CA alone fills it.
    IssuerFills,
    /// It cannot be read as a fact.
    Unfit(&'static str),
}

impl fmt::Display for LeftOutWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LeftOutWhy::NotGranted => "the profile's contents do not name it",
            LeftOutWhy::Fixed => "the policy permits one value, and it is another",
            LeftOutWhy::IssuerFills => "the issuing authority alone fills it",
            LeftOutWhy::Unfit(why) => why,
        })
    }
}

/// Something that only issuance can fill in. A draft with any of it can be decided on and, but for
/// [`Pending::Timestamps`], never signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pending {
    /// Issuer name and signature algorithm.
    Issuer,
    /// The serial number is derived, not random.
    Serial,
    /// A field of `contents`, by its path.
    Field(Path),
    /// The timestamps of logs, which have to see the precertificate first: a CA that asks logs may sign such a draft.
    Timestamps,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pending::Issuer => f.write_str("certificate.issuer"),
            Pending::Serial => f.write_str("serial-number"),
            Pending::Field(path) => f.write_str(path.fact.def().path),
            Pending::Timestamps => f.write_str(TIMESTAMPS),
        }
    }
}

/// Why no draft can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DraftError {
    /// A value cannot be written: its field and why.
    Value(Unfit),
    /// The profile does not say how long its certificates are valid.
    ValidityUnknown,
    /// notBefore or notAfter is before 1970 or after 9999.
    TimeOutOfRange {
        /// The validity in seconds.
        validity_s: i64,
        /// The first second of validity.
        now: i64,
    },
}

impl fmt::Display for DraftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DraftError::Value(unfit) => write!(f, "a field cannot be written: {unfit}"),
            DraftError::ValidityUnknown => {
                f.write_str("the profile gives `validity` neither a bound nor a default")
            }
            DraftError::TimeOutOfRange { validity_s, now } => {
                write!(f, "{validity_s} s from {} is outside 1970 to 9999", format_date(*now))
            }
        }
    }
}

impl std::error::Error for DraftError {}

impl Draft {
    /// Makes a draft.
    ///
    /// # Errors
    /// [`DraftError`] where a value or time cannot be written.
    pub fn new(input: &DraftInput<'_>) -> Result<Draft, DraftError> {
        let mut left_out: Vec<LeftOut> = input.wishes.unfit.iter().map(LeftOut::unfit).collect();
        let mut pending = Vec::new();
        if input.issuer.is_none() {
            pending.push(Pending::Issuer);
        }
        if input.serial.origin() == SerialOrigin::Derived {
            pending.push(Pending::Serial);
        }
        for (path, _) in &input.wishes.wanted {
            if !input.profile.contents.iter().any(|field| field.path == *path) {
                left_out.push(LeftOut::because(path, LeftOutWhy::NotGranted));
            }
        }
        let mut filled: Vec<(&Field, Value)> = Vec::new();
        for field in &input.profile.contents {
            match fill(field, input)? {
                Filled::Value(value, why) => {
                    filled.push((field, value));
                    left_out.extend(why.map(|why| LeftOut::because(&field.path, why)));
                }
                Filled::Nothing => {}
                Filled::Pending if field.path.fact.def().path == TIMESTAMPS => {
                    pending.push(Pending::Timestamps)
                }
                Filled::Pending => pending.push(Pending::Field(field.path.clone())),
            }
        }
        let (not_before, not_after) = validity(input.profile, input.now)?;
        let tbs = write::tbs_certificate(input, &filled, not_before, not_after).map_err(DraftError::Value)?;
        Ok(Draft {
            tbs,
            profile: input.profile.name.clone(),
            issuer: input.issuer.map(Issuer::spki),
            serial: input.serial.origin(),
            now: input.now,
            left_out,
            pending,
        })
    }

    /// The exact bytes.
    pub fn tbs(&self) -> &[u8] {
        &self.tbs
    }

    /// SHA-256 of the bytes.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.tbs)
    }

    /// Name of the profile that it was made for.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// SHA-256 of the issuer's subjectPublicKeyInfo, where the issuer is known.
    pub fn issuer(&self) -> Option<Sha256Digest> {
        self.issuer
    }

    /// The moment that it was made for.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// What the request asks for and the certificate does not say.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// What only issuance can fill in.
    pub fn pending(&self) -> &[Pending] {
        &self.pending
    }

    /// The bytes, out of the draft.
    pub(crate) fn into_tbs(self) -> Vec<u8> {
        self.tbs
    }
}

impl LeftOut {
    fn unfit(unfit: &Unfit) -> LeftOut {
        LeftOut { what: unfit.part.clone(), why: LeftOutWhy::Unfit(unfit.why) }
    }

    fn because(path: &Path, why: LeftOutWhy) -> LeftOut {
        LeftOut { what: show_path(path), why }
    }
}

/// The path with its declared name in place of the star.
pub(crate) fn show_path(path: &Path) -> String {
    match &path.name {
        None => path.fact.def().path.to_owned(),
        Some(name) => format!("{}{name}", path.fact.def().path.trim_end_matches('*')),
    }
}

enum Filled {
    Value(Value, Option<LeftOutWhy>),
    Nothing,
    Pending,
}

/// The value of one field.
fn fill(field: &Field, input: &DraftInput<'_>) -> Result<Filled, DraftError> {
    let def = field.path.fact.def();
    if def.path == "certificate.validity" || (def.is_keyed() && field.path.name.is_none()) {
        return Ok(Filled::Nothing);
    }
    let wish = input.wishes.value(&field.path);
    if field.filler == Filler::Issuer {
        let why = wish.map(|_| LeftOutWhy::IssuerFills);
        return Ok(match issuer_value(def.path, input) {
            Some(value) => Filled::Value(value, why),
            None if field.min == 0 => Filled::Nothing,
            None => Filled::Pending,
        });
    }
    if def.path == "certificate.subject-key-identifier" {
        return Ok(Filled::Value(
            Value::Bytes(key_identifier(input.spki)?),
            wish.map(|_| LeftOutWhy::IssuerFills),
        ));
    }
    if let Some(fixed) = field.fixed.as_ref().and_then(|constant| constant_value(constant, def.ty)) {
        let why = wish.filter(|wish| **wish != fixed).map(|_| LeftOutWhy::Fixed);
        return Ok(Filled::Value(fixed, why));
    }
    let default = || field.default.as_ref().and_then(|constant| constant_value(constant, def.ty));
    Ok(wish.cloned().or_else(default).map_or(Filled::Nothing, |value| Filled::Value(value, None)))
}

fn issuer_value(path: &str, input: &DraftInput<'_>) -> Option<Value> {
    let issuer = input.issuer?;
    let uris = |uris: &mut dyn Iterator<Item = &String>| {
        let uris: Vec<Value> = uris.cloned().map(Value::Uri).collect();
        (!uris.is_empty()).then_some(Value::List(uris))
    };
    match path {
        "certificate.authority-key-identifier" => issuer.key_id().map(|id| Value::Bytes(id.to_vec())),
        "certificate.authority-information-access" => uris(&mut issuer.ca_issuers.iter().chain(&issuer.ocsp)),
        "certificate.crl-distribution-points" => uris(&mut issuer.crl_distribution_points.iter()),
        _ => None,
    }
}

/// The leftmost 160 bits of SHA-256 of subjectPublicKey. Source: RFC 7093 section 2, method 1.
fn key_identifier(spki: &[u8]) -> Result<Vec<u8>, DraftError> {
    let unfit = |_| DraftError::Value(Unfit::new("subjectPublicKeyInfo", "its key is of an unknown kind"));
    let key = PublicKey::from_spki(spki).map_err(unfit)?;
    Ok(Sha256Digest::of(key.octets).0.iter().copied().take(20).collect())
}

/// The value that a constant of the policy stands for on a fact of that type.
fn constant_value(constant: &Constant, ty: Type) -> Option<Value> {
    let value = match (constant, ty) {
        (Constant::Value(value @ Value::List(_)), Type::List(_)) => value.clone(),
        (Constant::Value(value), Type::List(_)) => Value::List(vec![value.clone()]),
        (Constant::Value(value), _) => value.clone(),
        (Constant::Words { named, .. }, Type::List(_)) => {
            Value::List(named.iter().copied().map(Value::Word).collect())
        }
        (Constant::Words { named, .. }, _) => match named.as_slice() {
            [word] => Value::Word(*word),
            _ => return None,
        },
        (Constant::List(values), Type::List(_)) => Value::List(values.clone()),
        (Constant::List(values), _) => match values.as_slice() {
            [value] => value.clone(),
            _ => return None,
        },
        (Constant::Span(span), _) => Value::Span(span.min_s),
    };
    value.has_type(ty).then_some(value)
}

/// notBefore and notAfter: the one permitted span, else the default, else the largest that the policy permits. Of a
/// calendar span the shorter reading counts. Validity includes both ends (RFC 5280 section 4.1.2.5).
pub(crate) fn validity(profile: &Profile, now: i64) -> Result<(i64, i64), DraftError> {
    let field = profile.contents.iter().find(|field| field.path.fact.def().path == "certificate.validity");
    let field = field.ok_or(DraftError::ValidityUnknown)?;
    let stated = field.fixed.as_ref().or(field.default.as_ref());
    let stated = stated.and_then(|constant| match constant_value(constant, Type::Span) {
        Some(Value::Span(seconds)) => Some(seconds),
        _ => None,
    });
    let validity_s = stated.or(field.span_s_max).ok_or(DraftError::ValidityUnknown)?;
    let out_of_range = DraftError::TimeOutOfRange { validity_s, now };
    let not_after = if validity_s == i64::MAX {
        Some(FOREVER_DATE)
    } else {
        validity_s.checked_sub(1).and_then(|seconds| now.checked_add(seconds))
    };
    match not_after {
        Some(not_after) if now >= 0 && not_after >= now && not_after <= FOREVER_DATE => Ok((now, not_after)),
        _ => Err(out_of_range),
    }
}
