//! What the rules look at: the fields of a tbsCertificate as they stand, and what is known of who signs it.
use super::SignedBy;
use der::Decode;
use pkic_facts::der::{self as wire, Element};
use pkic_vocab::limits;
use x509_cert::time::Time;

/// Extensions of one certificate: RFC 5280 defines sixteen.
pub const EXTENSIONS_MAX: usize = 64;
/// Fields of a tbsCertificate (RFC 5280 section 4.1).
const FIELDS_MAX: usize = 10;

/// Tag octet of `version`.
const VERSION: u32 = 0xa0;
/// Tag octet of `extensions`.
const EXTENSIONS: u32 = 0xa3;
/// Tag octets of `issuerUniqueID` and `subjectUniqueID`.
const UNIQUE_IDENTIFIERS: [u32; 2] = [0x81, 0x82];

/// The object identifiers of extensions that rules ask for.
pub(super) mod oids {
    pub(in crate::lint) const AUTHORITY_KEY_IDENTIFIER: &str = "2.5.29.35";
    pub(in crate::lint) const BASIC_CONSTRAINTS: &str = "2.5.29.19";
    pub(in crate::lint) const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
    pub(in crate::lint) const KEY_USAGE: &str = "2.5.29.15";
    pub(in crate::lint) const NAME_CONSTRAINTS: &str = "2.5.29.30";
    pub(in crate::lint) const SUBJECT_ALT_NAME: &str = "2.5.29.17";
    pub(in crate::lint) const SUBJECT_KEY_IDENTIFIER: &str = "2.5.29.14";
}

/// A tbsCertificate under the lint.
pub(super) struct Subject<'a> {
    pub(super) raw: &'a [u8],
    /// The content of `version`, where it stands there.
    pub(super) version: Option<&'a [u8]>,
    pub(super) serial: &'a [u8],
    /// The AlgorithmIdentifier.
    pub(super) algorithm: &'a [u8],
    /// The issuer's Name.
    pub(super) issuer: &'a [u8],
    pub(super) not_before: Element<'a>,
    pub(super) not_after: Element<'a>,
    /// The subject's Name.
    pub(super) name: &'a [u8],
    pub(super) spki: &'a [u8],
    pub(super) has_unique_identifiers: bool,
    pub(super) extensions: Vec<Extension<'a>>,
    /// Object identifiers of critical extensions that the policy declares.
    pub(super) declared: &'a [&'a str],
    pub(super) signer: Signer,
}

/// An extension as it stands.
pub(super) struct Extension<'a> {
    pub(super) oid: String,
    pub(super) critical: bool,
    /// The content of extnValue.
    pub(super) value: &'a [u8],
}

/// What is known of who signs, from their certificate.
pub(super) struct Signer {
    pub(super) is_itself: bool,
    /// The subject's Name.
    pub(super) name: Vec<u8>,
    pub(super) spki: Vec<u8>,
    pub(super) key_id: Option<Vec<u8>>,
    /// notBefore and notAfter; nothing of a root, which is its own issuer.
    pub(super) validity: Option<(i64, i64)>,
    pub(super) is_authority: bool,
    pub(super) may_sign_certificates: bool,
    pub(super) path_length: Option<usize>,
}

impl<'a> Subject<'a> {
    /// Takes the bytes apart, as far as their shape goes.
    pub(super) fn read(
        raw: &'a [u8],
        signed_by: SignedBy<'_>,
        declared: &'a [&'a str],
    ) -> Result<Subject<'a>, &'static str> {
        if raw.len() > limits::CERTIFICATE_LEN_BYTES_MAX {
            return Err("it is over the limit of certificates");
        }
        let mut fields = Fields(sequence(raw, FIELDS_MAX).ok_or("it is no SEQUENCE")?.into_iter().peekable());
        let version = fields.optional(VERSION).map(|field| field.content);
        let serial = fields.next(wire::INTEGER).ok_or("serialNumber is missing")?;
        let algorithm = fields.next(wire::SEQUENCE).ok_or("signature is missing")?;
        let issuer = fields.next(wire::SEQUENCE).ok_or("issuer is missing")?;
        let validity = fields.next(wire::SEQUENCE).and_then(|field| sequence(field.raw, 2));
        let Some([not_before, not_after]) = validity.as_deref() else { return Err("validity does not read") };
        let name = fields.next(wire::SEQUENCE).ok_or("subject is missing")?;
        let spki = fields.next(wire::SEQUENCE).ok_or("subjectPublicKeyInfo is missing")?;
        let identifiers = UNIQUE_IDENTIFIERS.map(|tag| fields.optional(tag).is_some());
        let extensions = match fields.optional(EXTENSIONS) {
            Some(field) => {
                extensions(field.content).ok_or("extensions do not read, are none, or too many")?
            }
            None => Vec::new(),
        };
        if fields.0.next().is_some() {
            return Err("fields follow that it does not have");
        }
        let mut subject = Subject {
            raw,
            version,
            serial: serial.content,
            algorithm: algorithm.raw,
            issuer: issuer.raw,
            not_before: *not_before,
            not_after: *not_after,
            name: name.raw,
            spki: spki.raw,
            has_unique_identifiers: identifiers.contains(&true),
            extensions,
            declared,
            signer: Signer::of(signed_by),
        };
        if subject.signer.is_itself {
            subject.signer = subject.as_its_own_signer();
        }
        Ok(subject)
    }

    /// The first extension with that object identifier.
    pub(super) fn extension(&self, oid: &str) -> Option<&Extension<'a>> {
        self.extensions.iter().find(|extension| extension.oid == oid)
    }

    /// Whether it is a certificate of an authority.
    pub(super) fn is_authority(&self) -> bool {
        matches!(self.basic_constraints(), Some(Some((true, _))))
    }

    /// `cA` and `pathLenConstraint`; nothing inside where the extension does not read.
    pub(super) fn basic_constraints(&self) -> Option<Option<(bool, Option<i64>)>> {
        let value = self.extension(oids::BASIC_CONSTRAINTS)?.value;
        let fields = sequence(value, 2);
        Some(fields.and_then(|fields| match fields.as_slice() {
            [] => Some((false, None)),
            [ca] if ca.tag == 0x01 => Some((ca.content != [0], None)),
            [ca, length] if ca.tag == 0x01 && length.tag == wire::INTEGER => {
                Some((ca.content != [0], Some(wire::integer("pathLenConstraint", length.content).ok()?)))
            }
            [length] if length.tag == wire::INTEGER => {
                Some((false, Some(wire::integer("pathLenConstraint", length.content).ok()?)))
            }
            _ => None,
        }))
    }

    /// The octets of `keyUsage`, without the count of unused bits; nothing inside where it does not read.
    pub(super) fn key_usage(&self) -> Option<Option<&'a [u8]>> {
        let value = self.extension(oids::KEY_USAGE)?.value;
        let bits = wire::only("keyUsage", wire::BIT_STRING, value).ok().and_then(<[u8]>::split_first);
        Some(bits.filter(|(unused, _)| **unused < 8).map(|(_, octets)| octets))
    }

    /// Whether `keyCertSign` is set.
    pub(super) fn has_key_cert_sign(&self) -> bool {
        self.key_usage().flatten().and_then(|octets| octets.first()).is_some_and(|octet| octet & 0x04 != 0)
    }

    /// The content of subjectKeyIdentifier, where it reads.
    pub(super) fn key_id(&self) -> Option<&'a [u8]> {
        let value = self.extension(oids::SUBJECT_KEY_IDENTIFIER)?.value;
        wire::only("subjectKeyIdentifier", wire::OCTET_STRING, value).ok()
    }

    fn as_its_own_signer(&self) -> Signer {
        Signer {
            is_itself: true,
            name: self.name.to_vec(),
            spki: self.spki.to_vec(),
            key_id: self.key_id().map(<[u8]>::to_vec),
            validity: None,
            is_authority: self.is_authority(),
            may_sign_certificates: self.has_key_cert_sign(),
            path_length: None,
        }
    }
}

impl Signer {
    fn of(signed_by: SignedBy<'_>) -> Signer {
        let SignedBy::Authority(certificate) = signed_by else { return Signer::unknown() };
        let tbs = certificate.tbs();
        let key_id = tbs.extension(oids::SUBJECT_KEY_IDENTIFIER);
        let key_id =
            key_id.and_then(|each| wire::only("subjectKeyIdentifier", wire::OCTET_STRING, &each.value).ok());
        Signer {
            is_itself: false,
            name: tbs.subject().to_vec(),
            spki: tbs.spki().to_vec(),
            key_id: key_id.map(<[u8]>::to_vec),
            validity: Some((tbs.not_before(), tbs.not_after())),
            is_authority: tbs.is_authority() == Some(true),
            may_sign_certificates: tbs.may_sign_certificates(),
            path_length: tbs.path_length(),
        }
    }

    /// Of a root nothing is known before it is read.
    fn unknown() -> Signer {
        Signer {
            is_itself: true,
            name: Vec::new(),
            spki: Vec::new(),
            key_id: None,
            validity: None,
            is_authority: false,
            may_sign_certificates: false,
            path_length: None,
        }
    }
}

/// The fields that are not read yet.
struct Fields<'a>(std::iter::Peekable<std::vec::IntoIter<Element<'a>>>);

impl<'a> Fields<'a> {
    fn next(&mut self, tag: u32) -> Option<Element<'a>> {
        self.0.next().filter(|field| field.tag == tag)
    }

    fn optional(&mut self, tag: u32) -> Option<Element<'a>> {
        self.0.next_if(|field| field.tag == tag)
    }
}

/// The elements of the one SEQUENCE that the bytes are.
pub(super) fn sequence(bytes: &[u8], limit: usize) -> Option<Vec<Element<'_>>> {
    wire::elements("sequence", wire::only("sequence", wire::SEQUENCE, bytes).ok()?, limit).ok()
}

fn extensions(content: &[u8]) -> Option<Vec<Extension<'_>>> {
    let list = sequence(content, EXTENSIONS_MAX).filter(|list| !list.is_empty())?;
    list.iter().map(|element| extension(element.raw)).collect()
}

fn extension(raw: &[u8]) -> Option<Extension<'_>> {
    let fields = sequence(raw, 3)?;
    let (oid, critical, value) = match fields.as_slice() {
        [oid, value] => (oid, false, value),
        [oid, critical, value] if critical.tag == 0x01 => (oid, critical.content != [0], value),
        _ => return None,
    };
    let oid = (oid.tag == wire::OBJECT_IDENTIFIER).then(|| wire::oid_text(oid.content)).flatten()?;
    (value.tag == wire::OCTET_STRING).then_some(Extension { oid, critical, value: value.content })
}

/// A moment in seconds since 1970-01-01T00:00:00Z, of a UTCTime or GeneralizedTime in its strict form.
pub(super) fn moment(time: &Element<'_>) -> Option<i64> {
    let time = Time::from_der(time.raw).ok()?;
    i64::try_from(time.to_unix_duration().as_secs()).ok()
}
