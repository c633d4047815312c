//! Fields of the `contents` record: what a certificate may hold, and which fact each field is.
use crate::catalogue::FactId;

/// Where a field stands in a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The validity of the tbsCertificate.
    Validity,
    /// An attribute of the subject, with its type.
    Subject(&'static str),
    /// A kind of subject alternative name.
    SubjectAltName,
    /// An extension, with its OID.
    Extension(&'static str),
}

/// Who can fill a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filler {
    /// Policy or request.
    Draft,
    /// The issuing CA alone, at issuance: a decision for an outside CA leaves it open and says so.
    Issuer,
}

/// A field that `contents` may name.
pub struct FieldDef {
    /// Name below `contents`: `subject.common-name`. `subject.private` stands for any declared attribute.
    pub name: &'static str,
    /// Path of its fact.
    pub fact: &'static str,
    /// Where it stands.
    pub place: Place,
    /// Who can fill it.
    pub filler: Filler,
}

const fn field(name: &'static str, fact: &'static str, place: Place) -> FieldDef {
    FieldDef { name, fact, place, filler: Filler::Draft }
}

const fn issued(name: &'static str, fact: &'static str, oid: &'static str) -> FieldDef {
    FieldDef { name, fact, place: Place::Extension(oid), filler: Filler::Issuer }
}

/// OID of the subject alternative name extension.
pub const SUBJECT_ALT_NAME: &str = "2.5.29.17";

/// Every field, in the order of a certificate. Declared attributes and extensions come on top of these.
pub const FIELDS: &[FieldDef] = &[
    field("validity", "certificate.validity", Place::Validity),
    field("subject.common-name", "certificate.subject.common-name", Place::Subject("2.5.4.3")),
    field("subject.organization", "certificate.subject.organization", Place::Subject("2.5.4.10")),
    field(
        "subject.organizational-unit",
        "certificate.subject.organizational-unit",
        Place::Subject("2.5.4.11"),
    ),
    field("subject.country", "certificate.subject.country", Place::Subject("2.5.4.6")),
    field("subject.state", "certificate.subject.state", Place::Subject("2.5.4.8")),
    field("subject.locality", "certificate.subject.locality", Place::Subject("2.5.4.7")),
    field("subject.serial-number", "certificate.subject.serial-number", Place::Subject("2.5.4.5")),
    field("subject.user-id", "certificate.subject.user-id", Place::Subject("0.9.2342.19200300.100.1.1")),
    field("san.dns", "certificate.san.dns", Place::SubjectAltName),
    field("san.ip", "certificate.san.ip", Place::SubjectAltName),
    field("san.uri", "certificate.san.uri", Place::SubjectAltName),
    field("san.email", "certificate.san.email", Place::SubjectAltName),
    field("san.hardware-module-name", "certificate.san.hardware-module-name", Place::SubjectAltName),
    field("basic-constraints.ca", "certificate.basic-constraints.ca", Place::Extension("2.5.29.19")),
    field(
        "basic-constraints.path-length",
        "certificate.basic-constraints.path-length",
        Place::Extension("2.5.29.19"),
    ),
    field("key-usage", "certificate.key-usage", Place::Extension("2.5.29.15")),
    field("extended-key-usage", "certificate.extended-key-usage", Place::Extension("2.5.29.37")),
    field("certificate-policies", "certificate.certificate-policies", Place::Extension("2.5.29.32")),
    field("name-constraints", "certificate.name-constraints", Place::Extension("2.5.29.30")),
    field("subject-key-identifier", "certificate.subject-key-identifier", Place::Extension("2.5.29.14")),
    issued("authority-key-identifier", "certificate.authority-key-identifier", "2.5.29.35"),
    issued("authority-information-access", "certificate.authority-information-access", "1.3.6.1.5.5.7.1.1"),
    issued("crl-distribution-points", "certificate.crl-distribution-points", "2.5.29.31"),
    issued("sct-list", "certificate.sct-list", "1.3.6.1.4.1.11129.2.4.2"),
    issued("related-certificate", "certificate.related-certificate", "1.3.6.1.5.5.7.1.36"),
    issued("tcg-dice-tcb-info", "certificate.tcg-dice-tcb-info", "2.23.133.5.4.1"),
];

/// Path of the fact that holds a declared attribute, keyed by its dotted OID.
pub const ATTRIBUTE_FACT: &str = "certificate.subject.*";
/// Path of the fact that holds a declared extension's value, keyed by its dotted OID.
pub const EXTENSION_FACT: &str = "certificate.extension.*";
/// The fact of [`ATTRIBUTE_FACT`].
pub const ATTRIBUTE: FactId = FactId::of(ATTRIBUTE_FACT);
/// The fact of [`EXTENSION_FACT`].
pub const EXTENSION: FactId = FactId::of(EXTENSION_FACT);
/// The fact that holds the extensions for which there is no field: none may be there.
pub const OTHER_EXTENSIONS: FactId = FactId::of("certificate.other-extensions");
/// The fact that holds the extensions that are marked critical.
pub const CRITICAL: FactId = FactId::of("certificate.critical");
/// The facts of [`FIELDS`], in their order.
pub static FIELD_FACTS: [FactId; FIELDS.len()] = field_facts();

const fn field_facts() -> [FactId; FIELDS.len()] {
    let mut facts = [CRITICAL; FIELDS.len()];
    let (mut fields, mut places): (&[FieldDef], &mut [FactId]) = (FIELDS, &mut facts);
    while let ([field, more_fields @ ..], [place, more_places @ ..]) = (fields, places) {
        *place = FactId::of(field.fact);
        (fields, places) = (more_fields, more_places);
    }
    facts
}

impl FieldDef {
    /// The field of that name.
    pub fn from_name(name: &str) -> Option<&'static FieldDef> {
        FIELDS.iter().find(|field| field.name == name)
    }

    /// The fact that it is.
    pub fn fact_id(&self) -> Option<FactId> {
        FactId::from_path(self.fact)
    }

    /// OID of the extension that it stands in, if it does.
    pub const fn extension(&self) -> Option<&'static str> {
        match self.place {
            Place::Extension(oid) => Some(oid),
            Place::SubjectAltName => Some(SUBJECT_ALT_NAME),
            Place::Validity | Place::Subject(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_a_fact() {
        for (field, fact) in FIELDS.iter().zip(FIELD_FACTS) {
            assert_eq!(field.fact_id(), Some(fact), "{} has no fact", field.name);
        }
        for (fact, path) in [(ATTRIBUTE, ATTRIBUTE_FACT), (EXTENSION, EXTENSION_FACT)] {
            assert_eq!(fact.def().path, path);
        }
    }
}
