//! Conceptual message wrappers: a media type with the bytes of that type, alone or in collections.
//!
//! A wrapper signs nothing and proves nothing. What is inside is handed to the format of its media type. Of a
//! collection, an item is taken only where it is the only evidence of a known type: which of several is meant, nobody
//! says. Signed collections are not read: their signature is no attester's.
//!
//! The item is a record or collection in JSON or CBOR, or a CBOR tag; or a certificate or a request with the extension
//! `id-pe-cmw`; or, by way of [`crate::lamps_csr_attestation`], a statement in a request. Further parts go along.
//!
//! Source: RFC 9999, sections 3 and 4; RFC 9277, section 4.3 (tags of content formats); IANA CoAP Content-Formats.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::carriage::appraise_inside;
use crate::cbor;
use crate::formats::Format;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value as Cbor;
use pkic_facts::certificate::Certificate;
use pkic_facts::der;
use pkic_facts::reject::Reject;
use pkic_facts::request::CertificationRequest;
use serde_json::Value as Json;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "RFC 9999",
    proves: "carries other evidence",
    leaves_open: "by itself nothing",
    unsigned: "the wrapper: media type, indicator and names in a collection",
    detect: |input| message(input).and_then(|message| items(&message)).is_ok(),
    appraise,
};

const NAME: &str = "cmw";
/// `id-pe-cmw`.
pub(crate) const ID_PE_CMW: &str = "1.3.6.1.5.5.7.1.35";
/// Records of one message, at all levels: the largest example of the specification has four.
const ITEMS_MAX: usize = 64;
/// Collections inside one another.
const DEPTH_MAX: usize = 4;
/// Label of a collection's own type.
const COLLECTION_TYPE: &str = "__cmwc_t";

/// Evidence formats by media type, without its parameters; of several formats, what the item looks like decides.
const MEDIA_TYPES: &[(&str, &[&str])] = &[
    ("application/eat+cwt", &["psa-token", "eat"]),
    ("application/eat-cwt", &["psa-token", "eat"]),
    ("application/eat+jwt", &["eat"]),
    ("application/psa-attestation-token", &["psa-token"]),
    ("application/eat-collection", &["arm-cca"]),
    ("application/vnd.parallaxsecond.key-attestation.cca", &["arm-cca"]),
    ("application/vnd.parallaxsecond.key-attestation.tpm", &["parsec-tpm"]),
];

/// Media types by CoAP content format.
const CONTENT_FORMATS: &[(u64, &str)] = &[
    (263, "application/eat+cwt"),
    (264, "application/eat+jwt"),
    (273, CMW_CBOR),
    (274, CMW_JSON),
    (10_003, "application/eat+cwt"),
    (10_004, "application/eat+cwt"),
];

const CMW_CBOR: &str = "application/cmw+cbor";
const CMW_JSON: &str = "application/cmw+json";

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let further: Vec<&[u8]> = input.evidence.parts().iter().skip(1).map(Vec::as_slice).collect();
    appraise_message(&message(input)?, &further, input)
}

/// Appraises the one item of a known type in a message, with further parts that came beside it.
///
/// # Errors
/// [`Reject::FormatUnknown`] where there is none; [`Reject::FieldRepeated`] where there are several.
pub(crate) fn appraise_message(
    message: &[u8],
    further: &[&[u8]],
    input: &Input<'_>,
) -> Result<Appraised, NotVerified> {
    let items = items(message)?;
    let mut known = items.iter().filter_map(|item| Some((item, item.formats()?)));
    match (known.next(), known.next()) {
        (Some((item, formats)), None) => appraise_inside(input, &item.value, further, formats),
        (Some(_), Some(_)) => Err(Reject::FieldRepeated { field: "evidence of a known type" }.into()),
        (None, _) => Err(Reject::FormatUnknown.into()),
    }
}

/// The wrapper in an extension or statement: `CMW`, a CHOICE of text and octets.
///
/// # Errors
/// [`Reject::Malformed`], [`Reject::TrailingBytes`].
pub(crate) fn of_choice(value: &[u8]) -> Result<Vec<u8>, Reject> {
    let what = "CMW";
    match der::read(what, value)? {
        (choice, []) if matches!(choice.tag, der::OCTET_STRING | UTF8_STRING) => Ok(choice.content.to_vec()),
        (_, rest) if !rest.is_empty() => Err(Reject::TrailingBytes { what, extra_bytes: rest.len() }),
        _ => Err(Reject::Malformed { what }),
    }
}

const UTF8_STRING: u32 = 0x0c;

/// The message itself, or the one in the extension of the certificate or request that the item is.
fn message(input: &Input<'_>) -> Result<Vec<u8>, Reject> {
    let bytes = input.evidence.bytes();
    if let Ok(request) = CertificationRequest::from_bytes(bytes) {
        let missing = Reject::FieldMissing { field: "id-pe-cmw" };
        return of_choice(&request.extension(ID_PE_CMW).ok_or(missing)?.value);
    }
    match Certificate::all_from_file(bytes).as_deref() {
        Ok([certificate]) => {
            let missing = Reject::FieldMissing { field: "id-pe-cmw" };
            of_choice(&certificate.tbs().extension(ID_PE_CMW).ok_or(missing)?.value)
        }
        _ => Ok(bytes.to_vec()),
    }
}

/// A record.
struct Item {
    media_type: String,
    value: Vec<u8>,
    is_evidence: bool,
}

impl Item {
    /// The formats that the item may be of, where its type is known.
    fn formats(&self) -> Option<&'static [&'static str]> {
        let known = MEDIA_TYPES.iter().find(|(name, _)| self.is_evidence && *name == self.media_type);
        known.map(|(_, formats)| *formats)
    }
}

/// Every record of a message, in its order.
fn items(message: &[u8]) -> Result<Vec<Item>, Reject> {
    let mut found = Vec::new();
    read_message(message, 0, &mut found)?;
    Ok(found)
}

fn malformed() -> Reject {
    Reject::Malformed { what: "CMW" }
}

fn read_message(message: &[u8], depth: usize, found: &mut Vec<Item>) -> Result<(), Reject> {
    let first = message.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        Some(b'{' | b'[') => {
            let value = serde_json::from_slice(message).map_err(|_| malformed())?;
            read_json(&value, depth, found)
        }
        _ => read_cbor(&cbor::read("CMW", message)?, depth, found),
    }
}

/// One level deeper, as long as there are levels.
fn below(depth: usize) -> Result<usize, Reject> {
    match depth.saturating_add(1) {
        size if size > DEPTH_MAX => Err(Reject::TooLarge { what: "depth of CMW", size, limit: DEPTH_MAX }),
        depth => Ok(depth),
    }
}

fn read_json(value: &Json, depth: usize, found: &mut Vec<Item>) -> Result<(), Reject> {
    if let Json::Object(labels) = value {
        let mut members = labels.iter().filter(|(label, _)| *label != COLLECTION_TYPE).peekable();
        members.peek().ok_or_else(malformed)?;
        return members.try_for_each(|(_, member)| read_json(member, below(depth)?, found));
    }
    let (kind, value, indicator) = match value.as_array().map(Vec::as_slice) {
        Some([kind, value]) => (kind, value, None),
        Some([kind, value, indicator]) => (kind, value, Some(indicator.as_u64().ok_or_else(malformed)?)),
        _ => return Err(malformed()),
    };
    let value = value.as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).ok_or_else(malformed)?;
    let kind = match kind {
        Json::String(name) => media_type(name),
        kind => content_format(kind.as_u64().ok_or_else(malformed)?),
    };
    take(kind, value, indicator, depth, found)
}

fn read_cbor(value: &Cbor, depth: usize, found: &mut Vec<Item>) -> Result<(), Reject> {
    let number = |value: &Cbor| value.as_integer().and_then(|value| u64::try_from(value).ok());
    match value {
        Cbor::Map(members) => {
            let is_type = |label: &Cbor| label.as_text() == Some(COLLECTION_TYPE);
            let mut members = members.iter().filter(|(label, _)| !is_type(label)).peekable();
            members.peek().ok_or_else(malformed)?;
            members.try_for_each(|(_, member)| read_cbor(member, below(depth)?, found))
        }
        Cbor::Tag(tag, value) => {
            let format = content_format_of_tag(*tag).ok_or_else(malformed)?;
            match value.as_ref() {
                Cbor::Bytes(value) => take(content_format(format), value.clone(), None, depth, found),
                collection @ Cbor::Map(_) if content_format(format) == CMW_CBOR => {
                    read_cbor(collection, depth, found)
                }
                _ => Err(malformed()),
            }
        }
        Cbor::Array(fields) => {
            let (kind, value, indicator) = match fields.as_slice() {
                [kind, Cbor::Bytes(value)] => (kind, value, None),
                [kind, Cbor::Bytes(value), indicator] => {
                    (kind, value, Some(number(indicator).ok_or_else(malformed)?))
                }
                _ => return Err(malformed()),
            };
            let kind = match kind {
                Cbor::Text(name) => media_type(name),
                kind => content_format(number(kind).ok_or_else(malformed)?),
            };
            take(kind, value.clone(), indicator, depth, found)
        }
        _ => Err(malformed()),
    }
}

/// Takes a record, or what is in it where it is a wrapper itself. Bit 2 of the indicator says evidence; without an
/// indicator it may be anything.
fn take(
    media_type: String,
    value: Vec<u8>,
    indicator: Option<u64>,
    depth: usize,
    found: &mut Vec<Item>,
) -> Result<(), Reject> {
    if matches!(media_type.as_str(), CMW_CBOR | CMW_JSON) {
        return read_message(&value, below(depth)?, found);
    }
    if found.len() >= ITEMS_MAX {
        return Err(Reject::TooLarge { what: "CMW", size: found.len().saturating_add(1), limit: ITEMS_MAX });
    }
    found.push(Item { media_type, value, is_evidence: indicator.is_none_or(|bits| bits & 0x04 != 0) });
    Ok(())
}

/// A media type without its parameters.
fn media_type(name: &str) -> String {
    name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn content_format(number: u64) -> String {
    let known = CONTENT_FORMATS.iter().find(|(known, _)| *known == number);
    known.map_or(String::new(), |(_, name)| (*name).to_owned())
}

/// The content format of a tag: 255 of them in every 256 tags from 1668546817 on.
fn content_format_of_tag(tag: u64) -> Option<u64> {
    let offset = tag.checked_sub(1_668_546_817)?;
    let (high, low) = (offset / 256, offset % 256);
    let number = high.checked_mul(255)?.checked_add(low)?;
    (low < 255 && number <= u64::from(u16::MAX)).then_some(number)
}
