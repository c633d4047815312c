//! Writing the bytes of a draft. All DER comes from the encoders of `der` and `x509-cert`.
use super::DraftInput;
use crate::extension::HARDWARE_MODULE_NAME;
use crate::name::is_printable;
use crate::signature;
use crate::unfit::Unfit;
use der::asn1::{
    Any, GeneralizedTime, Ia5String, Int, ObjectIdentifier, OctetString, PrintableStringRef, UtcTime,
    Utf8StringRef,
};
use der::flagset::FlagSet;
use der::{DateTime, Decode, Encode, Sequence};
use pkic_facts::crypto::KeyKind;
use pkic_ir::Field;
use pkic_vocab::Value;
use pkic_vocab::fields::{FIELDS, Place, SUBJECT_ALT_NAME};
use std::net::IpAddr;
use std::time::Duration;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::certpolicy::PolicyInformation;
use x509_cert::ext::pkix::constraints::name::{GeneralSubtree, NameConstraints};
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName, HardwareModuleName, OtherName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints,
    CertificatePolicies, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::Time;

/// TBSCertificate of version 3 (RFC 5280 section 4.1), with its names and key as raw elements.
#[derive(Sequence)]
struct TbsCertificate {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: u8,
    serial_number: Int,
    signature: AlgorithmIdentifierOwned,
    issuer: Any,
    validity: Validity,
    subject: Any,
    subject_public_key_info: Any,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Vec<Extension>>,
}

/// Validity (RFC 5280 section 4.1.2.5).
#[derive(Sequence)]
struct Validity {
    not_before: Time,
    not_after: Time,
}

/// The algorithm of what nobody signs: `id-alg-unsigned` (RFC 9925 section 3). It stands where the issuer is pending.
const UNSIGNED: &str = "1.3.6.1.5.5.7.6.36";

/// A field of `contents` with its value.
type Filled<'a> = (&'a Field, Value);

/// The bytes of the tbsCertificate.
///
/// # Errors
/// [`Unfit`] for a value that its field cannot hold.
pub(super) fn tbs_certificate(
    input: &DraftInput<'_>,
    fields: &[Filled<'_>],
    not_before: i64,
    not_after: i64,
) -> Result<Vec<u8>, Unfit> {
    let encoding = |part: &'static str| move |_| Unfit::new(part, "it cannot be encoded");
    let subject = subject(fields)?;
    let issuer = match input.issuer {
        Some(issuer) => Any::from_der(issuer.subject()),
        None => Any::encode_from(&RdnSequence::default()),
    };
    let extensions = extensions(input, fields, subject.is_empty())?;
    let tbs = TbsCertificate {
        version: 2,
        serial_number: Int::new(input.serial.octets()).map_err(encoding("serialNumber"))?,
        signature: signature_algorithm(input.issuer.map(|issuer| issuer.kind()))?,
        issuer: issuer.map_err(encoding("issuer"))?,
        validity: Validity { not_before: time(not_before)?, not_after: time(not_after)? },
        subject: Any::encode_from(&subject).map_err(encoding("subject"))?,
        subject_public_key_info: Any::from_der(input.spki).map_err(encoding("subjectPublicKeyInfo"))?,
        extensions: (!extensions.is_empty()).then_some(extensions),
    };
    tbs.to_der().map_err(encoding("tbsCertificate"))
}

/// The algorithm that the issuer's key signs with; without an issuer the one of what nobody signs.
pub(crate) fn signature_algorithm(kind: Option<KeyKind>) -> Result<AlgorithmIdentifierOwned, Unfit> {
    match kind {
        Some(kind) => signature::algorithm(kind),
        None => Ok(AlgorithmIdentifierOwned { oid: oid("signature", UNSIGNED)?, parameters: None }),
    }
}

/// A Time, in the form that RFC 5280 section 4.1.2.5 prescribes.
pub(crate) fn time(moment: i64) -> Result<Time, Unfit> {
    let unfit = || Unfit::new("validity", "the moment is outside 1970 to 9999");
    let seconds = u64::try_from(moment).map_err(|_| unfit())?;
    let moment = DateTime::from_unix_duration(Duration::from_secs(seconds)).map_err(|_| unfit())?;
    if moment.year() <= UtcTime::MAX_YEAR {
        return UtcTime::from_date_time(moment).map(Time::UtcTime).map_err(|_| unfit());
    }
    Ok(Time::GeneralTime(GeneralizedTime::from_date_time(moment)))
}

fn oid(part: &str, dotted: &str) -> Result<ObjectIdentifier, Unfit> {
    ObjectIdentifier::new(dotted).map_err(|_| Unfit::new(part, "an object identifier cannot be encoded"))
}

/// Types of subject attributes, the most significant first; declared ones stand before the serial number.
const SUBJECT_ORDER: [&str; 5] = ["2.5.4.6", "2.5.4.8", "2.5.4.7", "2.5.4.10", "2.5.4.11"];
/// Types of subject attributes that come last.
const SUBJECT_ORDER_LAST: [&str; 3] = ["2.5.4.5", "0.9.2342.19200300.100.1.1", "2.5.4.3"];

/// Most characters of an attribute, where its type has an upper bound. Source: RFC 5280 appendix A.1.
const UPPER_BOUNDS: [(&str, usize); 8] = [
    ("2.5.4.3", 64),
    ("2.5.4.5", 64),
    ("2.5.4.6", 2),
    ("2.5.4.7", 128),
    ("2.5.4.8", 128),
    ("2.5.4.10", 64),
    ("2.5.4.11", 64),
    ("1.2.840.113549.1.9.1", 255),
];

fn subject(fields: &[Filled<'_>]) -> Result<RdnSequence, Unfit> {
    let mut attributes: Vec<(usize, &str, &str)> = Vec::new();
    for (field, value) in fields {
        let Some(oid) = attribute_type(field) else { continue };
        let Value::Text(text) = value else {
            return Err(Unfit::new(&field.name, "it is no text"));
        };
        let first = SUBJECT_ORDER.iter().position(|known| *known == oid);
        let last =
            SUBJECT_ORDER_LAST.iter().position(|known| *known == oid).map(|place| place.saturating_add(10));
        attributes.push((first.or(last).unwrap_or(SUBJECT_ORDER.len()), oid, text));
    }
    attributes.sort_unstable();
    let mut name = RdnSequence::default();
    for (_, oid, text) in attributes {
        let rdn = RelativeDistinguishedName::try_from(vec![attribute(oid, text)?]);
        name.push(rdn.map_err(|_| Unfit::new(oid, "it cannot be encoded"))?);
    }
    Ok(name)
}

/// The dotted type of the subject attribute that a field is, if it is one.
fn attribute_type(field: &Field) -> Option<&str> {
    let path = field.path.fact.def().path;
    match FIELDS.iter().find(|def| def.fact == path).map(|def| def.place) {
        Some(Place::Subject(oid)) => Some(oid),
        Some(_) => None,
        None if path == pkic_vocab::fields::ATTRIBUTE_FACT => field.path.name.as_deref(),
        None => None,
    }
}

/// One attribute, in the string type of its definition: PrintableString for countryName and serialNumber, IA5String
/// for domainComponent and emailAddress, else UTF8String. Source: RFC 5280 appendix A.1 and section 4.1.2.4.
fn attribute(dotted: &str, text: &str) -> Result<AttributeTypeAndValue, Unfit> {
    let unfit = |why| Unfit::new(dotted, why);
    let bound = UPPER_BOUNDS.iter().find(|(known, _)| *known == dotted).map(|(_, bound)| *bound);
    if text.is_empty() || bound.is_some_and(|bound| text.chars().count() > bound) {
        return Err(unfit("it is empty, or longer than its type allows"));
    }
    let value = match dotted {
        "2.5.4.6" | "2.5.4.5" => {
            if !text.bytes().all(is_printable) {
                return Err(unfit("it has characters that a PrintableString does not"));
            }
            PrintableStringRef::new(text).and_then(|text| Any::encode_from(&text))
        }
        "0.9.2342.19200300.100.1.25" | "1.2.840.113549.1.9.1" => {
            Ia5String::new(text).and_then(|text| Any::encode_from(&text))
        }
        _ => Utf8StringRef::new(text).and_then(|text| Any::encode_from(&text)),
    };
    Ok(AttributeTypeAndValue {
        oid: oid(dotted, dotted)?,
        value: value.map_err(|_| unfit("it cannot be encoded"))?,
    })
}

/// All extensions, in the order in which `contents` first names them.
///
/// Alternative names that stand alone are critical, whatever the field says (RFC 5280 section 4.2.1.6).
fn extensions(
    input: &DraftInput<'_>,
    fields: &[Filled<'_>],
    is_subject_empty: bool,
) -> Result<Vec<Extension>, Unfit> {
    let mut extensions: Vec<Extension> = Vec::new();
    let mut done: Vec<&str> = Vec::new();
    for (field, _) in fields {
        let Some(dotted) = field.extension.as_deref() else { continue };
        if done.contains(&dotted) {
            continue;
        }
        done.push(dotted);
        let parts: Vec<&Filled<'_>> =
            fields.iter().filter(|(part, _)| part.extension.as_deref() == Some(dotted)).collect();
        let stands_alone = dotted == SUBJECT_ALT_NAME && is_subject_empty;
        let critical = stands_alone || parts.iter().any(|(part, _)| part.critical);
        if let Some(value) = extension_value(input, dotted, &parts)? {
            let extn_value =
                OctetString::new(value).map_err(|_| Unfit::new(dotted, "it cannot be encoded"))?;
            extensions.push(Extension { extn_id: oid(dotted, dotted)?, critical, extn_value });
        }
    }
    Ok(extensions)
}

/// The content of extnValue; nothing where there is nothing to say.
fn extension_value(
    input: &DraftInput<'_>,
    dotted: &str,
    parts: &[&Filled<'_>],
) -> Result<Option<Vec<u8>>, Unfit> {
    let value =
        |path: &str| parts.iter().find(|(part, _)| part.path.fact.def().path == path).map(|(_, value)| value);
    let encoder = Encoder { dotted };
    let only = parts.first().map(|(_, value)| value);
    match (dotted, only) {
        (SUBJECT_ALT_NAME, _) => encoder.subject_alt_name(parts),
        ("2.5.29.19", _) => encoder.basic_constraints(
            value("certificate.basic-constraints.ca"),
            value("certificate.basic-constraints.path-length"),
        ),
        (_, None) => Ok(None),
        (_, Some(Value::List(values))) if values.is_empty() => Ok(None),
        ("2.5.29.14", Some(value)) => encoder.done(&SubjectKeyIdentifier(encoder.octets(value)?)),
        ("2.5.29.15", Some(value)) => encoder.done(&KeyUsage(encoder.key_usage(value)?)),
        ("2.5.29.30", Some(value)) => encoder.name_constraints(value),
        ("2.5.29.31", Some(value)) => encoder.crl_distribution_points(value),
        ("2.5.29.32", Some(value)) => {
            let policy = |policy_identifier| PolicyInformation { policy_identifier, policy_qualifiers: None };
            encoder.done(&CertificatePolicies(encoder.oids(value)?.into_iter().map(policy).collect()))
        }
        ("2.5.29.35", Some(value)) => encoder.done(&AuthorityKeyIdentifier {
            key_identifier: Some(encoder.octets(value)?),
            authority_cert_issuer: None,
            authority_cert_serial_number: None,
        }),
        ("2.5.29.37", Some(value)) => encoder.done(&ExtendedKeyUsage(encoder.oids(value)?)),
        ("1.3.6.1.5.5.7.1.1", Some(_)) => encoder.authority_information_access(input),
        (_, Some(Value::Bytes(bytes))) => Ok(Some(bytes.clone())),
        (_, Some(_)) => Err(encoder.unfit("its value is of another type")),
    }
}

struct Encoder<'a> {
    dotted: &'a str,
}

type Encoded = Result<Option<Vec<u8>>, Unfit>;

impl Encoder<'_> {
    fn unfit(&self, why: &'static str) -> Unfit {
        Unfit::new(self.dotted, why)
    }

    fn done(&self, value: &impl Encode) -> Encoded {
        value.to_der().map(Some).map_err(|_| self.unfit("it cannot be encoded"))
    }

    fn members<'v>(&self, value: &'v Value) -> Result<&'v [Value], Unfit> {
        match value {
            Value::List(values) => Ok(values),
            _ => Err(self.unfit("its value is no list")),
        }
    }

    fn octets(&self, value: &Value) -> Result<OctetString, Unfit> {
        match value {
            Value::Bytes(bytes) => {
                OctetString::new(bytes.clone()).map_err(|_| self.unfit("it cannot be encoded"))
            }
            _ => Err(self.unfit("its value is no run of bytes")),
        }
    }

    fn oids(&self, value: &Value) -> Result<Vec<ObjectIdentifier>, Unfit> {
        let read = |value: &Value| match value {
            Value::Oid(dotted) => oid(self.dotted, dotted),
            _ => Err(self.unfit("a value is no object identifier")),
        };
        self.members(value)?.iter().map(read).collect()
    }

    fn key_usage(&self, value: &Value) -> Result<FlagSet<KeyUsages>, Unfit> {
        let mut bits = FlagSet::<KeyUsages>::default();
        for value in self.members(value)? {
            let Value::Word(word) = value else { return Err(self.unfit("a value is no key usage")) };
            let bit = FlagSet::<KeyUsages>::full().into_iter().nth(usize::from(word.index()));
            bits |= bit.ok_or_else(|| self.unfit("a value is no key usage"))?;
        }
        Ok(bits)
    }

    fn basic_constraints(&self, ca: Option<&Value>, path_length: Option<&Value>) -> Encoded {
        let ca = match ca {
            Some(Value::Bool(ca)) => *ca,
            None if path_length.is_none() => return Ok(None),
            None | Some(_) => return Err(self.unfit("pathLenConstraint stands without cA")),
        };
        let path_len_constraint = match path_length {
            None => None,
            Some(Value::Int(length)) if ca => {
                Some(u8::try_from(*length).map_err(|_| self.unfit("pathLenConstraint is out of range"))?)
            }
            Some(_) => return Err(self.unfit("pathLenConstraint stands without cA")),
        };
        self.done(&BasicConstraints { ca, path_len_constraint })
    }

    fn ia5(&self, text: &str) -> Result<Ia5String, Unfit> {
        Ia5String::new(text).map_err(|_| self.unfit("a name is not in ASCII"))
    }

    fn name_constraints(&self, value: &Value) -> Encoded {
        let mut subtrees = Vec::new();
        for value in self.members(value)? {
            subtrees.push(GeneralSubtree { base: self.general_name(value)?, minimum: 0, maximum: None });
        }
        self.done(&NameConstraints { permitted_subtrees: Some(subtrees), excluded_subtrees: None })
    }

    fn crl_distribution_points(&self, value: &Value) -> Encoded {
        let mut points = Vec::new();
        for value in self.members(value)? {
            let name = DistributionPointName::FullName(vec![self.general_name(value)?]);
            points.push(DistributionPoint {
                distribution_point: Some(name),
                reasons: None,
                crl_issuer: None,
            });
        }
        self.done(&CrlDistributionPoints(points))
    }

    fn authority_information_access(&self, input: &DraftInput<'_>) -> Encoded {
        let Some(issuer) = input.issuer else { return Ok(None) };
        let mut descriptions = Vec::new();
        for (method, uris) in
            [("1.3.6.1.5.5.7.48.2", &issuer.ca_issuers), ("1.3.6.1.5.5.7.48.1", &issuer.ocsp)]
        {
            for uri in uris {
                let access_location = GeneralName::UniformResourceIdentifier(self.ia5(uri)?);
                descriptions
                    .push(AccessDescription { access_method: oid(self.dotted, method)?, access_location });
            }
        }
        self.done(&AuthorityInfoAccessSyntax(descriptions))
    }

    /// All names, by kind in the order of the vocabulary.
    fn subject_alt_name(&self, parts: &[&Filled<'_>]) -> Encoded {
        let mut names = Vec::new();
        for def in FIELDS.iter().filter(|def| def.place == Place::SubjectAltName) {
            let lists = parts.iter().filter(|(part, _)| part.path.fact.def().path == def.fact);
            for (_, value) in lists {
                for value in self.members(value)? {
                    names.push(self.general_name(value)?);
                }
            }
        }
        if names.is_empty() { Ok(None) } else { self.done(&SubjectAltName(names)) }
    }

    fn general_name(&self, value: &Value) -> Result<GeneralName, Unfit> {
        match value {
            Value::DnsName(name) => Ok(GeneralName::DnsName(self.ia5(name)?)),
            Value::Email(name) => Ok(GeneralName::Rfc822Name(self.ia5(name)?)),
            Value::Uri(name) => Ok(GeneralName::UniformResourceIdentifier(self.ia5(name)?)),
            Value::Ip(name) => {
                let address = name.parse::<IpAddr>().map_err(|_| self.unfit("a name is no IP address"))?;
                Ok(GeneralName::from(address))
            }
            Value::Text(name) => self.hardware_module_name(name),
            _ => Err(self.unfit("a name is of a kind that cannot be written")),
        }
    }

    fn hardware_module_name(&self, name: &str) -> Result<GeneralName, Unfit> {
        let unfit =
            || self.unfit("a hardware module name is `type:serial`, the serial in hexadecimal digits");
        let (kind, serial) = name.split_once(':').ok_or_else(unfit)?;
        let serial = match Value::parse(pkic_vocab::Type::Bytes, serial) {
            Ok(value) => self.octets(&value)?,
            Err(_) => return Err(unfit()),
        };
        let module = HardwareModuleName { hw_type: oid(self.dotted, kind)?, hw_serial_num: serial };
        Ok(GeneralName::OtherName(OtherName {
            type_id: oid(self.dotted, HARDWARE_MODULE_NAME)?,
            value: Any::encode_from(&module).map_err(|_| unfit())?,
        }))
    }
}
