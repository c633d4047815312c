//! A reader of tag-length-value structures that never re-encodes, and the check whether bytes are strict DER.
//!
//! Real evidence is often BER that calls itself DER: the reader takes definite lengths in any width, and
//! [`is_strict`] tells afterwards.
use crate::reject::Reject;

/// Tag octet of BOOLEAN.
pub const BOOLEAN: u32 = 0x01;
/// Tag octet of INTEGER.
pub const INTEGER: u32 = 0x02;
/// Tag octet of BIT STRING.
pub const BIT_STRING: u32 = 0x03;
/// Tag octet of OCTET STRING.
pub const OCTET_STRING: u32 = 0x04;
/// Tag octet of OBJECT IDENTIFIER.
pub const OBJECT_IDENTIFIER: u32 = 0x06;
/// Tag octet of UTCTime.
pub const UTC_TIME: u32 = 0x17;
/// Tag octet of GeneralizedTime.
pub const GENERALIZED_TIME: u32 = 0x18;
/// Tag octet of SEQUENCE.
pub const SEQUENCE: u32 = 0x30;
/// Tag octet of SET.
pub const SET: u32 = 0x31;

/// Levels of nesting that [`is_strict`] follows: the deepest sample (Android rootOfTrust) has eight.
const DEPTH_MAX: usize = 32;

/// One element: its tag, its content, and its bytes as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octets, big-endian: `0x30` is SEQUENCE, `0xbf853e` is `[702]` constructed.
    pub tag: u32,
    /// The content octets.
    pub content: &'a [u8],
    /// Identifier, length and content octets as they stand.
    pub raw: &'a [u8],
}

/// Reads the first element and returns it with the bytes behind it.
///
/// # Errors
/// [`Reject::Malformed`] where the bytes end early, the length is indefinite or wider than four octets, or the tag is
/// wider than four octets.
pub fn read<'a>(what: &'static str, bytes: &'a [u8]) -> Result<(Element<'a>, &'a [u8]), Reject> {
    let malformed = || Reject::Malformed { what };
    let (tag, after_tag) = read_tag(bytes).ok_or_else(malformed)?;
    let (length, body) = read_length(after_tag).ok_or_else(malformed)?;
    let (content, rest) = body.split_at_checked(length).ok_or_else(malformed)?;
    let raw_len = bytes.len().checked_sub(rest.len()).ok_or_else(malformed)?;
    let raw = bytes.get(..raw_len).ok_or_else(malformed)?;
    Ok((Element { tag, content, raw }, rest))
}

/// Reads the first element, which must have that tag.
///
/// # Errors
/// [`Reject::Malformed`] as for [`read`], or where the tag is another.
pub fn expect<'a>(what: &'static str, tag: u32, bytes: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Reject> {
    let (element, rest) = read(what, bytes)?;
    if element.tag == tag { Ok((element.content, rest)) } else { Err(Reject::Malformed { what }) }
}

/// The content of the one element that the bytes are.
///
/// # Errors
/// As for [`expect`], and [`Reject::TrailingBytes`] where more bytes follow.
pub fn only<'a>(what: &'static str, tag: u32, bytes: &'a [u8]) -> Result<&'a [u8], Reject> {
    let (content, rest) = expect(what, tag, bytes)?;
    if rest.is_empty() { Ok(content) } else { Err(Reject::TrailingBytes { what, extra_bytes: rest.len() }) }
}

/// The elements that follow one another in `bytes`.
///
/// # Errors
/// [`Reject::Malformed`] as for [`read`]; [`Reject::TooLarge`] beyond `limit` elements.
pub fn elements<'a>(what: &'static str, bytes: &'a [u8], limit: usize) -> Result<Vec<Element<'a>>, Reject> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (element, after) = read(what, rest)?;
        found.push(element);
        if found.len() > limit {
            return Err(Reject::TooLarge { what, size: found.len(), limit });
        }
        rest = after;
    }
    Ok(found)
}

/// An INTEGER of at most eight octets.
///
/// # Errors
/// [`Reject::Malformed`] where `content` is empty or wider.
pub fn integer(what: &'static str, content: &[u8]) -> Result<i64, Reject> {
    if content.is_empty() || content.len() > 8 {
        return Err(Reject::Malformed { what });
    }
    let start = if content.first().is_some_and(|byte| byte & 0x80 != 0) { -1i64 } else { 0 };
    Ok(content.iter().fold(start, |value, byte| (value << 8) | i64::from(*byte)))
}

/// The dotted form of an object identifier's content octets, if they are one with arcs of at most 64 bits.
pub fn oid_text(content: &[u8]) -> Option<String> {
    // No octet makes more than three digits and a dot, but that the first makes one of each besides.
    let mut text = String::with_capacity(content.len().checked_mul(4)?.checked_add(2)?);
    let mut arc: u64 = 0;
    let mut is_open = true;
    for byte in content {
        arc = arc.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
        is_open = byte & 0x80 != 0;
        if is_open {
            continue;
        }
        if text.is_empty() {
            let root = (arc / 40).min(2);
            push_decimal(&mut text, root);
            arc = arc.checked_sub(root * 40)?;
        }
        text.push('.');
        push_decimal(&mut text, arc);
        arc = 0;
    }
    (!is_open).then_some(text)
}

/// Every certificate has a dozen identifiers with half a dozen arcs each: this is what `to_string` does, and quicker.
fn push_decimal(text: &mut String, mut number: u64) {
    if number < 10 {
        return text.push(char::from(b'0'.saturating_add(number as u8)));
    }
    let mut digits = [b'0'; 20];
    let mut unused = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0'.saturating_add((number % 10) as u8);
        number /= 10;
        unused = unused.saturating_sub(1);
        if number == 0 {
            break;
        }
    }
    text.extend(digits.iter().skip(unused).map(|digit| char::from(*digit)));
}

/// Whether `bytes` are one element in strict DER as far as that shows without a schema: shortest lengths and tags,
/// BOOLEAN octets, shortest INTEGER, SET order, and no explicit `critical FALSE` in an extension.
pub fn is_strict(bytes: &[u8]) -> bool {
    matches!(read("der", bytes), Ok((element, rest)) if rest.is_empty() && is_strict_element(&element, 0))
}

fn is_strict_element(element: &Element<'_>, depth: usize) -> bool {
    if depth > DEPTH_MAX || !has_shortest_header(element) {
        return false;
    }
    match (element.tag, element.content) {
        (0x01, content) => matches!(content, [0x00] | [0xff]),
        (INTEGER, content) => !matches!(content, [] | [0x00, 0x00..=0x7f, ..] | [0xff, 0x80..=0xff, ..]),
        (tag, content) if is_constructed(tag) => {
            let Ok(children) = elements("der", content, usize::MAX) else { return false };
            (tag != SET || children.is_sorted_by(|a, b| a.raw <= b.raw))
                && !is_explicit_default(&children)
                && children.iter().all(|child| is_strict_element(child, depth.saturating_add(1)))
        }
        _ => true,
    }
}

/// `Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue }` with the default written out.
fn is_explicit_default(children: &[Element<'_>]) -> bool {
    matches!(children, [oid, critical, value]
        if oid.tag == OBJECT_IDENTIFIER && critical.raw == [0x01, 0x01, 0x00] && value.tag == OCTET_STRING)
}

fn is_constructed(tag: u32) -> bool {
    tag.to_be_bytes().into_iter().find(|byte| *byte != 0).is_some_and(|byte| byte & 0x20 != 0)
}

fn has_shortest_header(element: &Element<'_>) -> bool {
    let tag_len = (4usize).saturating_sub(element.tag.leading_zeros() as usize / 8).max(1);
    let length = element.content.len();
    let length_len = if length < 0x80 {
        1
    } else {
        1usize.saturating_add(size_of::<usize>().saturating_sub(length.leading_zeros() as usize / 8))
    };
    let tag_is_shortest =
        tag_len == 1 || element.tag.to_be_bytes().get(5usize.saturating_sub(tag_len)) != Some(&0x80);
    element.raw.len() == tag_len.saturating_add(length_len).saturating_add(length) && tag_is_shortest
}

fn read_tag(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (first, mut rest) = bytes.split_first()?;
    let mut tag = u32::from(*first);
    if first & 0x1f != 0x1f {
        return Some((tag, rest));
    }
    for _ in 0..3 {
        let (next, after) = rest.split_first()?;
        tag = (tag << 8) | u32::from(*next);
        rest = after;
        if next & 0x80 == 0 {
            return Some((tag, rest));
        }
    }
    None
}

fn read_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return Some((usize::from(*first), rest));
    }
    let width = usize::from(first & 0x7f);
    if width == 0 || width > 4 {
        return None;
    }
    let (octets, rest) = rest.split_at_checked(width)?;
    let length = octets
        .iter()
        .try_fold(0usize, |value, byte| value.checked_mul(256)?.checked_add(usize::from(*byte)))?;
    Some((length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_identifiers_have_dotted_form() {
        assert_eq!(oid_text(&[0x55, 0x1d, 0x0f]).as_deref(), Some("2.5.29.15"));
        assert_eq!(
            oid_text(&[0x2b, 6, 1, 4, 1, 0x82, 0xc4, 0x0a, 3, 7]).as_deref(),
            Some("1.3.6.1.4.1.41482.3.7")
        );
        assert_eq!(oid_text(&[0x88, 0x37, 0x00]).as_deref(), Some("2.999.0"));
        let widest = [0x2a, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(oid_text(&widest).as_deref(), Some("1.2.18446744073709551615"));
        assert_eq!(oid_text(&[0x2a, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), None);
        assert_eq!(oid_text(&[0x55, 0x9d]), None);
        assert_eq!(oid_text(&[]), None);
    }

    #[test]
    fn strictness_is_seen() {
        assert!(is_strict(&[0x30, 0x03, 0x01, 0x01, 0xff]));
        assert!(!is_strict(&[0x30, 0x03, 0x01, 0x01, 0x01]), "BOOLEAN of another octet");
        assert!(!is_strict(&[0x30, 0x81, 0x03, 0x01, 0x01, 0xff]), "long form of a short length");
        assert!(!is_strict(&[0x31, 0x06, 0x02, 0x01, 0x02, 0x02, 0x01, 0x01]), "SET out of order");
        assert!(!is_strict(&[0x02, 0x02, 0x00, 0x01]), "INTEGER with a needless octet");
        assert!(!is_strict(&[0x30, 0x03, 0x01, 0x01, 0xff, 0x00]), "trailing byte");
        assert!(is_strict(&[0xbf, 0x85, 0x3e, 0x03, 0x02, 0x01, 0x00]), "high tag");
        assert!(!is_strict(&[0x30, 0x0a, 0x06, 0x01, 0x2a, 0x01, 0x01, 0x00, 0x04, 0x02, 0x05, 0x00]));
    }

    #[test]
    fn integers_keep_their_sign() {
        assert_eq!(integer("x", &[0xff]), Ok(-1));
        assert_eq!(integer("x", &[0x00, 0xff]), Ok(255));
        assert!(integer("x", &[]).is_err());
        assert!(integer("x", &[1; 9]).is_err());
    }
}
