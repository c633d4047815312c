//! Matter TLV (Matter core specification, appendix A), as far as attestation uses it: a structure of plain values, with
//! arrays of plain values in it.
use pkic_facts::reject::Reject;

/// Members of a structure, and items of an array: a certification declaration may list a hundred products.
const ITEMS_MAX: usize = 256;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Unsigned(u64),
    Octets(&'a [u8]),
    Array(Vec<Value<'a>>),
    /// Of a type that attestation does not use.
    Other,
}

/// The members of a structure that have a context tag.
#[derive(Debug)]
pub(super) struct Structure<'a>(Vec<(u8, Value<'a>)>);

impl<'a> Structure<'a> {
    /// Reads one anonymous structure with nothing behind it.
    pub(super) fn read(what: &'static str, bytes: &'a [u8]) -> Result<Self, Reject> {
        let malformed = || Reject::Malformed { what };
        let (head, mut rest) = Head::read(bytes).ok_or_else(malformed)?;
        if (head.kind, head.context_tag, head.is_tagged) != (STRUCTURE, None, false) {
            return Err(malformed());
        }
        let mut members: Vec<(u8, Value<'a>)> = Vec::new();
        let mut count = 0usize;
        loop {
            let (head, after) = Head::read(rest).ok_or_else(malformed)?;
            rest = after;
            if head.kind == END {
                break;
            }
            count = count.saturating_add(1);
            if count > ITEMS_MAX {
                return Err(Reject::TooLarge { what, size: count, limit: ITEMS_MAX });
            }
            let value = match head.kind {
                ARRAY => read_array(what, &mut rest)?,
                _ => read_plain(head.kind, &mut rest).ok_or_else(malformed)?,
            };
            let Some(tag) = head.context_tag else { continue };
            if members.iter().any(|(seen, _)| *seen == tag) {
                return Err(Reject::FieldRepeated { field: what });
            }
            members.push((tag, value));
        }
        match rest {
            [] => Ok(Self(members)),
            rest => Err(Reject::TrailingBytes { what, extra_bytes: rest.len() }),
        }
    }

    pub(super) fn get(&self, tag: u8) -> Option<&Value<'a>> {
        self.0.iter().find(|(found, _)| *found == tag).map(|(_, value)| value)
    }

    pub(super) fn octets(&self, tag: u8, field: &'static str) -> Result<&'a [u8], Reject> {
        match self.get(tag) {
            Some(Value::Octets(octets)) => Ok(octets),
            Some(_) => Err(Reject::Malformed { what: field }),
            None => Err(Reject::FieldMissing { field }),
        }
    }

    /// An unsigned number of at most 16 bits, if it is there.
    pub(super) fn number(&self, tag: u8, field: &'static str) -> Result<Option<u16>, Reject> {
        self.get(tag).map(|value| value.number(field)).transpose()
    }

    /// The items of an array; none where there is no such member.
    pub(super) fn items(&self, tag: u8, field: &'static str) -> Result<&[Value<'a>], Reject> {
        match self.get(tag) {
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(Reject::Malformed { what: field }),
            None => Ok(&[]),
        }
    }
}

impl Value<'_> {
    pub(super) fn number(&self, what: &'static str) -> Result<u16, Reject> {
        match self {
            Value::Unsigned(number) => u16::try_from(*number).map_err(|_| Reject::Malformed { what }),
            _ => Err(Reject::Malformed { what }),
        }
    }
}

const STRUCTURE: u8 = 0x15;
const ARRAY: u8 = 0x16;
const END: u8 = 0x18;

/// A control octet with its tag.
struct Head {
    kind: u8,
    context_tag: Option<u8>,
    is_tagged: bool,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<(Head, &[u8])> {
        let (control, rest) = bytes.split_first()?;
        let tag_len = [0usize, 1, 2, 4, 2, 4, 6, 8].get(usize::from(control >> 5)).copied()?;
        let (tag, rest) = rest.split_at_checked(tag_len)?;
        let context_tag = if let [tag] = tag { Some(*tag) } else { None };
        Some((Head { kind: control & 0x1f, context_tag, is_tagged: tag_len != 0 }, rest))
    }
}

fn read_array<'a>(what: &'static str, rest: &mut &'a [u8]) -> Result<Value<'a>, Reject> {
    let malformed = || Reject::Malformed { what };
    let mut items = Vec::new();
    loop {
        let (head, after) = Head::read(rest).ok_or_else(malformed)?;
        *rest = after;
        if head.kind == END {
            return Ok(Value::Array(items));
        }
        if items.len() >= ITEMS_MAX {
            return Err(Reject::TooLarge { what, size: items.len(), limit: ITEMS_MAX });
        }
        items.push(read_plain(head.kind, rest).ok_or_else(malformed)?);
    }
}

/// A value that is no container. A container where none is expected is malformed, so that nothing nests.
fn read_plain<'a>(kind: u8, rest: &mut &'a [u8]) -> Option<Value<'a>> {
    let width = |kind: u8| 1usize.checked_shl(u32::from(kind & 0x03));
    match kind {
        0x00..=0x03 => take(rest, width(kind)?).map(|_| Value::Other),
        0x04..=0x07 => number(rest, width(kind)?).map(Value::Unsigned),
        0x08 | 0x09 | 0x14 => Some(Value::Other),
        0x0a => take(rest, 4).map(|_| Value::Other),
        0x0b => take(rest, 8).map(|_| Value::Other),
        0x0c..=0x13 => {
            let length = usize::try_from(number(rest, width(kind)?)?).ok()?;
            let octets = take(rest, length)?;
            Some(if kind < 0x10 { Value::Other } else { Value::Octets(octets) })
        }
        _ => None,
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}

/// Little-endian.
fn number(rest: &mut &[u8], width: usize) -> Option<u64> {
    let octets = take(rest, width)?;
    Some(octets.iter().rev().fold(0, |value, octet| (value << 8) | u64::from(*octet)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_by_their_tag() {
        let bytes = [0x15, 0x24, 1, 7, 0x36, 2, 0x05, 0, 0x80, 0x18, 0x30, 3, 2, 9, 8, 0x18];
        let read = Structure::read("x", &bytes).unwrap();
        assert_eq!(read.number(1, "x"), Ok(Some(7)));
        assert_eq!(read.items(2, "x"), Ok(&[Value::Unsigned(0x8000)][..]));
        assert_eq!(read.octets(3, "x"), Ok(&[9, 8][..]));
        assert_eq!(read.number(4, "x"), Ok(None));
        assert!(read.number(3, "x").is_err(), "octets are no number");
    }

    #[test]
    fn what_is_no_flat_structure_is_refused() {
        let refused = |bytes: &[u8]| Structure::read("x", bytes).unwrap_err().code();
        assert_eq!(refused(&[0x15, 0x24, 1, 7, 0x18, 0]), "trailing-bytes");
        assert_eq!(refused(&[0x15, 0x24, 1, 7]), "malformed");
        assert_eq!(refused(&[0x15, 0x24, 1, 7, 0x24, 1, 7, 0x18]), "field-repeated");
        assert_eq!(refused(&[0x15, 0x35, 1, 0x18, 0x18]), "malformed");
        assert_eq!(refused(&[0x15, 0x30, 1, 9, 0, 0x18]), "malformed");
        assert_eq!(refused(&[0x16, 0x18]), "malformed");
        assert_eq!(refused(&[&[0x15][..], &[0x08; 300], &[0x18]].concat()), "too-large");
    }
}
