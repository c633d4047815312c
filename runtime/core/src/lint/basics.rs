//! Rules of the fields of a tbsCertificate, and of who signs it.
use super::subject::{Subject, moment};
use crate::draft;
use ::der::Encode;
use pkic_facts::crypto::{Hash, KeyKind, PublicKey, Scheme};
use pkic_facts::der as wire;
use pkic_vocab::limits::SERIAL_LEN_BYTES_MAX;
use pkic_vocab::time::{FOREVER_DATE, format_date};

/// 2050-01-01T00:00:00Z: the first moment that is a GeneralizedTime.
const GENERALIZED_FROM: i64 = 2_524_608_000;
/// Tag octet of UTCTime.
const UTC_TIME: u32 = 0x17;
/// An empty Name.
const EMPTY_NAME: [u8; 2] = [0x30, 0x00];

pub(super) fn der(subject: &Subject<'_>) -> Option<String> {
    let inside = subject.extensions.iter().find(|extension| !wire::is_strict(extension.value));
    match inside {
        _ if !wire::is_strict(subject.raw) => Some("the bytes are no strict DER".to_owned()),
        Some(extension) => Some(format!("the value of `{}` is no strict DER", extension.oid)),
        None => None,
    }
}

pub(super) fn version(subject: &Subject<'_>) -> Option<String> {
    (subject.version != Some(&[0x02, 0x01, 0x02])).then(|| "it does not say version 3".to_owned())
}

pub(super) fn serial_number(subject: &Subject<'_>) -> Option<String> {
    match subject.serial {
        [] => Some("it is empty".to_owned()),
        octets if octets.len() > SERIAL_LEN_BYTES_MAX => {
            Some(format!("it has {} octets, the limit is {SERIAL_LEN_BYTES_MAX}", octets.len()))
        }
        [first, ..] if first & 0x80 != 0 => Some("it is negative".to_owned()),
        octets if octets.iter().all(|octet| *octet == 0) => Some("it is 0".to_owned()),
        _ => None,
    }
}

pub(super) fn signature_algorithm(subject: &Subject<'_>) -> Option<String> {
    let Ok(key) = PublicKey::from_spki(&subject.signer.spki) else {
        return Some("the issuer's key is of an unknown kind".to_owned());
    };
    let usual = draft::signature_algorithm(Some(key.kind)).ok().and_then(|usual| usual.to_der().ok());
    if usual.is_some_and(|usual| usual == subject.algorithm) {
        return None;
    }
    let scheme = match Scheme::from_algorithm_identifier(subject.algorithm) {
        Ok(scheme) => scheme,
        Err(reject) => return Some(reject.to_string()),
    };
    let is_of_key = match (key.kind, scheme) {
        (KeyKind::Rsa, Scheme::RsaPss(Hash::Sha256 | Hash::Sha384 | Hash::Sha512)) => true,
        // RFC 4055 section 5: the parameters are NULL.
        (KeyKind::Rsa, Scheme::RsaPkcs1(Hash::Sha256 | Hash::Sha384 | Hash::Sha512)) => {
            subject.algorithm.ends_with(&[0x05, 0x00])
        }
        _ => false,
    };
    (!is_of_key).then(|| format!("{} does not go with the issuer's key in this form", scheme.name()))
}

pub(super) fn issuer_name(subject: &Subject<'_>) -> Option<String> {
    if subject.issuer == EMPTY_NAME {
        return Some("it is empty".to_owned());
    }
    (subject.issuer != subject.signer.name).then(|| "it is not the subject of who signs".to_owned())
}

pub(super) fn validity_form(subject: &Subject<'_>) -> Option<String> {
    for (name, time) in [("notBefore", &subject.not_before), ("notAfter", &subject.not_after)] {
        match moment(time) {
            None => return Some(format!("{name} is no UTCTime or GeneralizedTime in seconds and Zulu")),
            Some(at) if (time.tag == UTC_TIME) != (at < GENERALIZED_FROM) => {
                return Some(format!("{name}, {}, is in the form of the other half", format_date(at)));
            }
            Some(_) => {}
        }
    }
    None
}

/// notBefore and notAfter, where both read: that they do is a rule of its own.
fn validity(subject: &Subject<'_>) -> Option<(i64, i64)> {
    Some((moment(&subject.not_before)?, moment(&subject.not_after)?))
}

pub(super) fn validity_order(subject: &Subject<'_>) -> Option<String> {
    let (from, to) = validity(subject)?;
    (to < from).then(|| format!("notAfter, {}, is before notBefore, {}", format_date(to), format_date(from)))
}

pub(super) fn validity_within_issuer(subject: &Subject<'_>) -> Option<String> {
    let (from, to) = validity(subject)?;
    let (first, last) = subject.signer.validity?;
    if from < first {
        return Some(format!("it begins at {}, the issuer's at {}", format_date(from), format_date(first)));
    }
    // A certificate without a well-defined end says so, whatever its issuer's end is.
    let is_too_long = to > last && to != FOREVER_DATE;
    is_too_long.then(|| format!("it ends at {}, the issuer's at {}", format_date(to), format_date(last)))
}

pub(super) fn public_key(subject: &Subject<'_>) -> Option<String> {
    let key = PublicKey::from_spki(subject.spki).and_then(|key| key.bits());
    key.err().map(|reject| reject.to_string())
}

pub(super) fn unique_identifiers(subject: &Subject<'_>) -> Option<String> {
    subject.has_unique_identifiers.then(|| "there is one".to_owned())
}

pub(super) fn issuer_authority(subject: &Subject<'_>) -> Option<String> {
    let signer = &subject.signer;
    if signer.is_itself {
        return (!signer.is_authority).then(|| "who signs itself is no authority".to_owned());
    }
    if !signer.is_authority {
        return Some("the issuer's basicConstraints do not say cA".to_owned());
    }
    (!signer.may_sign_certificates).then(|| "the issuer's keyUsage has no keyCertSign".to_owned())
}

pub(super) fn issuer_path_length(subject: &Subject<'_>) -> Option<String> {
    let (room, is_authority) = (subject.signer.path_length?, subject.is_authority());
    if is_authority && room == 0 {
        return Some("it is an authority, and the issuer's pathLenConstraint is 0".to_owned());
    }
    let length = subject.basic_constraints().flatten().and_then(|(_, length)| length)?;
    let is_longer = usize::try_from(length).is_ok_and(|length| length >= room);
    (is_authority && is_longer).then(|| format!("it has {length}, the issuer's certificate {room}"))
}
