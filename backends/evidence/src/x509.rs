//! What the formats that are certificates share: reading those of an item, picking the one that a format is about, and
//! the parts of names and extensions that they ask for.
use crate::appraise::Input;
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::der;
use pkic_facts::path::{PathInput, PathProfile, VerifiedPath, verify_path};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::Evidence;

/// Bytes of an item that is certificates alone: the largest sample, five of RSA-4096, has 7 kB.
const ITEM_LEN_BYTES_MAX: usize = 64 << 10;
/// Attributes of a name, and relative names in it: the largest sample has six.
const ATTRIBUTES_MAX: usize = 32;
/// Policies of a certificate: the largest sample has one.
const POLICIES_MAX: usize = 32;

/// certificatePolicies.
pub(crate) const CERTIFICATE_POLICIES: &str = "2.5.29.32";
/// The certificates of every part, in PEM or DER, in their order. One that stands twice counts once: a leaf is often in the
/// file of its chain as well.
///
/// # Errors
/// [`Reject::TooLarge`]; those of [`Certificate::all_from_file`].
pub(crate) fn certificates(input: &Input<'_>) -> Result<Vec<Certificate>, Reject> {
    input.evidence.reading(Distinct::read).0.clone()
}

/// The certificates of every part, in their order, each as often as it stands there.
///
/// # Errors
/// Those of [`Certificate::all_from_file`].
pub(crate) fn of_every_part(input: &Input<'_>) -> Result<Vec<Certificate>, Reject> {
    let mut found = Vec::new();
    for part in &input.evidence.reading(Files::read).0 {
        found.extend_from_slice(part.as_deref().map_err(Reject::clone)?);
    }
    Ok(found)
}

/// The certificates of each part.
pub(crate) struct Files(pub(crate) Vec<Result<Vec<Certificate>, Reject>>);

impl Files {
    pub(crate) fn read(evidence: &Evidence) -> Self {
        Self(evidence.parts().iter().map(|part| Certificate::all_from_file(part)).collect())
    }
}

/// The certificates of all parts, each once.
struct Distinct(Result<Vec<Certificate>, Reject>);

impl Distinct {
    fn read(evidence: &Evidence) -> Self {
        let size = evidence.parts().iter().map(Vec::len).sum();
        let files = || evidence.reading(Files::read).0.clone();
        Self(check_size(size).and_then(|()| distinct(files())))
    }
}

fn check_size(size: usize) -> Result<(), Reject> {
    let limit = ITEM_LEN_BYTES_MAX;
    if size > limit { Err(Reject::TooLarge { what: "certificates", size, limit }) } else { Ok(()) }
}

fn distinct(
    files: impl IntoIterator<Item = Result<Vec<Certificate>, Reject>>,
) -> Result<Vec<Certificate>, Reject> {
    let mut found: Vec<Certificate> = Vec::new();
    for file in files {
        for certificate in file? {
            if !found.contains(&certificate) {
                found.push(certificate);
            }
        }
    }
    Ok(found)
}

/// The same of some parts.
///
/// # Errors
/// Those of [`certificates`].
pub(crate) fn certificates_of(parts: &[&[u8]]) -> Result<Vec<Certificate>, Reject> {
    check_size(parts.iter().map(|part| part.len()).sum())?;
    distinct(parts.iter().map(|part| Certificate::all_from_file(part)))
}

/// Whether the item is certificates and one of them is such.
pub(crate) fn has(input: &Input<'_>, is_wanted: fn(&Tbs) -> bool) -> bool {
    let found = input.evidence.reading(Distinct::read);
    found.0.as_ref().is_ok_and(|found| found.iter().any(|certificate| is_wanted(certificate.tbs())))
}

/// The path to an anchor of the one certificate that a format is about, through the others.
///
/// # Errors
/// [`Reject::FieldMissing`] and [`Reject::FieldRepeated`] with what is wanted; those of [`verify_path`].
pub(crate) fn path_of(
    input: &Input<'_>,
    found: Vec<Certificate>,
    is_wanted: fn(&Tbs) -> bool,
    field: &'static str,
    profile: &PathProfile,
) -> Result<VerifiedPath, Reject> {
    let (wanted, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|certificate| is_wanted(certificate.tbs()));
    path_through(input, &one(wanted, field)?, &others, profile)
}

/// The path of a certificate to an anchor, through these.
///
/// # Errors
/// Those of [`verify_path`].
pub(crate) fn path_through(
    input: &Input<'_>,
    leaf: &Certificate,
    carried: &[Certificate],
    profile: &PathProfile,
) -> Result<VerifiedPath, Reject> {
    let Input { evidence, anchors, now, .. } = *input;
    verify_path(&PathInput { evidence, leaf, carried, anchors, profile, now })
}

/// The one value of a list.
///
/// # Errors
/// [`Reject::FieldMissing`] where there is none; [`Reject::FieldRepeated`] where there are more.
pub(crate) fn one<T>(found: Vec<T>, field: &'static str) -> Result<T, Reject> {
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(value), None) => Ok(value),
        (Some(_), Some(_)) => Err(Reject::FieldRepeated { field }),
        (None, _) => Err(Reject::FieldMissing { field }),
    }
}

/// Two values of a format that must be one.
///
/// # Errors
/// [`Reject::FieldMismatch`].
pub(crate) fn same(field: &'static str, expected: &[u8], found: &[u8]) -> Result<(), Reject> {
    if expected == found {
        return Ok(());
    }
    Err(Reject::FieldMismatch { field, expected: Operand::bytes(expected), found: Operand::bytes(found) })
}

/// The value of an extension that must be there.
///
/// # Errors
/// [`Reject::FieldMissing`].
pub(crate) fn extension<'a>(tbs: &'a Tbs, oid: &str, field: &'static str) -> Result<&'a [u8], Reject> {
    let extension = tbs.extension(oid).ok_or(Reject::FieldMissing { field })?;
    Ok(&extension.value)
}

/// The octets of a BIT STRING whose bits are all used.
///
/// # Errors
/// [`Reject::Malformed`].
pub(crate) fn bit_octets<'a>(what: &'static str, value: &'a [u8]) -> Result<&'a [u8], Reject> {
    match der::only(what, der::BIT_STRING, value)?.split_first() {
        Some((0, octets)) => Ok(octets),
        _ => Err(Reject::Malformed { what }),
    }
}

/// The text of a name's attribute.
///
/// # Errors
/// [`Reject::Malformed`]; [`Reject::FieldRepeated`] where the attribute stands twice.
pub(crate) fn attribute(name: &[u8], oid: &str, field: &'static str) -> Result<Option<String>, Reject> {
    let what = "Name";
    let mut found = None;
    for relative in der::elements(what, der::only(what, der::SEQUENCE, name)?, ATTRIBUTES_MAX)? {
        for attribute in der::elements(what, relative.content, ATTRIBUTES_MAX)? {
            let (kind, value) = der::expect(what, der::OBJECT_IDENTIFIER, attribute.content)?;
            if der::oid_text(kind).as_deref() != Some(oid) {
                continue;
            }
            let (value, _) = der::read(what, value)?;
            let text = str::from_utf8(value.content).map_err(|_| Reject::Malformed { what })?;
            if found.replace(text.to_owned()).is_some() {
                return Err(Reject::FieldRepeated { field });
            }
        }
    }
    Ok(found)
}

/// The policy identifiers of a certificate; none where there is no such extension.
///
/// # Errors
/// [`Reject::Malformed`], [`Reject::TooLarge`].
pub(crate) fn policies(tbs: &Tbs) -> Result<Vec<String>, Reject> {
    let what = "certificatePolicies";
    let Some(extension) = tbs.extension(CERTIFICATE_POLICIES) else { return Ok(Vec::new()) };
    let policies = der::elements(what, der::only(what, der::SEQUENCE, &extension.value)?, POLICIES_MAX)?;
    let policy = |policy: &der::Element<'_>| {
        let (oid, _) = der::expect(what, der::OBJECT_IDENTIFIER, policy.content)?;
        der::oid_text(oid).ok_or(Reject::Malformed { what })
    };
    policies.iter().map(policy).collect()
}

/// The key identifier of the issuer, as the certificate gives it.
///
/// # Errors
/// [`Reject::Malformed`].
pub(crate) fn authority_key_id(tbs: &Tbs) -> Result<Option<Vec<u8>>, Reject> {
    let what = "authorityKeyIdentifier";
    let Some(extension) = tbs.extension("2.5.29.35") else { return Ok(None) };
    let fields = der::elements(what, der::only(what, der::SEQUENCE, &extension.value)?, 3)?;
    Ok(fields.iter().find(|field| field.tag == 0x80).map(|field| field.content.to_vec()))
}
