//! Rules of the extensions of a tbsCertificate, and of its subject.
use super::subject::{Extension, Subject, oids, sequence};
use crate::certificate::POISON;
use pkic_vocab::limits;

/// Extensions that pkic writes and reads, of those that may be critical, and the poison of precertificates.
const KNOWN: [&str; 9] = [
    oids::BASIC_CONSTRAINTS,
    oids::EXTENDED_KEY_USAGE,
    oids::KEY_USAGE,
    oids::NAME_CONSTRAINTS,
    oids::SUBJECT_ALT_NAME,
    "2.5.29.31",      // cRLDistributionPoints
    "2.5.29.32",      // certificatePolicies
    "2.23.133.5.4.1", // tcg-dice-TcbInfo
    POISON,
];

/// nameConstraints, policyConstraints, inhibitAnyPolicy.
const CRITICAL: [&str; 3] = [oids::NAME_CONSTRAINTS, "2.5.29.36", "2.5.29.54"];

/// Key identifiers, subjectDirectoryAttributes, freshestCRL, authorityInfoAccess, subjectInfoAccess.
const NOT_CRITICAL: [&str; 6] = [
    oids::AUTHORITY_KEY_IDENTIFIER,
    oids::SUBJECT_KEY_IDENTIFIER,
    "2.5.29.9",
    "2.5.29.46",
    "1.3.6.1.5.5.7.1.1",
    "1.3.6.1.5.5.7.1.11",
];

/// The first extension of which something is true, by its object identifier.
fn first(subject: &Subject<'_>, what: &str, is_so: impl Fn(&Extension<'_>) -> bool) -> Option<String> {
    let found = subject.extensions.iter().find(|extension| is_so(extension));
    found.map(|extension| format!("`{}` {what}", extension.oid))
}

pub(super) fn repeated(subject: &Subject<'_>) -> Option<String> {
    let count = |oid: &str| subject.extensions.iter().filter(|extension| extension.oid == oid).count();
    first(subject, "stands more than once", |extension| count(&extension.oid) > 1)
}

pub(super) fn critical_unknown(subject: &Subject<'_>) -> Option<String> {
    let known = [&KNOWN[..], &CRITICAL, &NOT_CRITICAL, subject.declared];
    let is_known = |oid: &str| known.iter().any(|list| list.contains(&oid));
    first(subject, "is critical and not known", |each| each.critical && !is_known(&each.oid))
}

pub(super) fn must_be_critical(subject: &Subject<'_>) -> Option<String> {
    first(subject, "is not critical", |each| !each.critical && CRITICAL.contains(&each.oid.as_str()))
}

pub(super) fn must_not_be_critical(subject: &Subject<'_>) -> Option<String> {
    first(subject, "is critical", |each| each.critical && NOT_CRITICAL.contains(&each.oid.as_str()))
}

fn has_name(subject: &Subject<'_>) -> bool {
    sequence(subject.name, limits::LIST_LEN_MAX).is_some_and(|rdns| !rdns.is_empty())
}

pub(super) fn subject_name(subject: &Subject<'_>) -> Option<String> {
    (subject.is_authority() && !has_name(subject)).then(|| "an authority has no subject name".to_owned())
}

pub(super) fn subject_alt_name(subject: &Subject<'_>) -> Option<String> {
    let Some(extension) = subject.extension(oids::SUBJECT_ALT_NAME) else {
        return (!has_name(subject)).then(|| "there is neither a subject name nor an alternative".to_owned());
    };
    if sequence(extension.value, limits::FACT_LIST_LEN_MAX).is_none_or(|names| names.is_empty()) {
        return Some("it does not read, or has no name, or too many".to_owned());
    }
    let is_sole = !has_name(subject) && !extension.critical;
    is_sole.then(|| "the subject name is empty, and this is not critical".to_owned())
}

pub(super) fn basic_constraints(subject: &Subject<'_>) -> Option<String> {
    let extension = subject.extension(oids::BASIC_CONSTRAINTS)?;
    match subject.basic_constraints().flatten() {
        None => Some("it does not read".to_owned()),
        Some((true, _)) if !extension.critical => Some("it says cA, and is not critical".to_owned()),
        Some(_) => None,
    }
}

pub(super) fn path_length(subject: &Subject<'_>) -> Option<String> {
    let (is_authority, length) = subject.basic_constraints().flatten()?;
    match length? {
        length if length < 0 => Some(format!("it is {length}")),
        _ if !is_authority => Some("it stands without cA".to_owned()),
        _ if !subject.has_key_cert_sign() => Some("it stands without keyCertSign".to_owned()),
        _ => None,
    }
}

pub(super) fn key_usage(subject: &Subject<'_>) -> Option<String> {
    let octets = subject.key_usage()?;
    match octets {
        None => Some("it does not read".to_owned()),
        Some(octets) if octets.iter().all(|octet| *octet == 0) => Some("it has no bit set".to_owned()),
        Some(_) => None,
    }
}

pub(super) fn key_cert_sign(subject: &Subject<'_>) -> Option<String> {
    match (subject.is_authority(), subject.has_key_cert_sign()) {
        (true, false) => Some("an authority has no keyCertSign".to_owned()),
        (false, true) => Some("keyCertSign stands with somebody who is no authority".to_owned()),
        (true, true) | (false, false) => None,
    }
}

pub(super) fn extended_key_usage(subject: &Subject<'_>) -> Option<String> {
    let extension = subject.extension(oids::EXTENDED_KEY_USAGE)?;
    let purposes = sequence(extension.value, limits::LIST_LEN_MAX);
    purposes.is_none_or(|all| all.is_empty()).then(|| "it does not read, or has no purpose".to_owned())
}

pub(super) fn name_constraints(subject: &Subject<'_>) -> Option<String> {
    let extension = subject.extension(oids::NAME_CONSTRAINTS)?;
    if !subject.is_authority() {
        return Some("they stand with somebody who is no authority".to_owned());
    }
    let parts = sequence(extension.value, 2);
    parts.is_none_or(|parts| parts.is_empty()).then(|| "they do not read, or are empty".to_owned())
}

pub(super) fn authority_key_identifier(subject: &Subject<'_>) -> Option<String> {
    let Some(extension) = subject.extension(oids::AUTHORITY_KEY_IDENTIFIER) else {
        return (!subject.signer.is_itself).then(|| "it is missing".to_owned());
    };
    let parts = sequence(extension.value, 3).unwrap_or_default();
    let Some(id) = parts.iter().find(|part| part.tag == 0x80) else {
        return Some("it names no key".to_owned());
    };
    let expected = subject.signer.key_id.as_deref();
    expected
        .is_some_and(|expected| expected != id.content)
        .then(|| "it is not the issuer's key identifier".to_owned())
}

pub(super) fn subject_key_identifier(subject: &Subject<'_>) -> Option<String> {
    if subject.extension(oids::SUBJECT_KEY_IDENTIFIER).is_none() {
        return subject.is_authority().then(|| "an authority has none".to_owned());
    }
    subject.key_id().is_none_or(<[u8]>::is_empty).then(|| "it does not read, or is empty".to_owned())
}
