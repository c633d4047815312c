//! DDDS, the encoding of nShield warrants, as far as warrants use it.
//!
//! One octet says the kind and, for most, the length. What warrants do not use is refused: its length is not known.
//! Source: Entrust, nShield app note "Warrants"; the octets themselves are read off the warrants that Entrust publishes.
use pkic_facts::reject::Reject;

const WHAT: &str = "warrant";
/// A module information certificate has three levels.
const DEPTH_MAX: usize = 8;

/// A value, borrowed from the bytes that it stands in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A number below 32.
    Small(u8),
    /// A number, big-endian.
    Integer(&'a [u8]),
    Text(&'a [u8]),
    Symbol(&'a [u8]),
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    Map(Vec<(Value<'a>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// Reads one value with nothing behind it.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Reject> {
        match read(bytes, 0)? {
            (value, []) => Ok(value),
            (_, rest) => Err(Reject::TrailingBytes { what: WHAT, extra_bytes: rest.len() }),
        }
    }

    /// The value of a symbol in a map; one that stands twice has none.
    pub(super) fn field(&self, name: &'static str) -> Result<&Value<'a>, Reject> {
        let Value::Map(pairs) = self else { return Err(Reject::Malformed { what: WHAT }) };
        let mut found = pairs.iter().filter(|(key, _)| *key == Value::Symbol(name.as_bytes()));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(value),
            (None, _) => Err(Reject::FieldMissing { field: name }),
            (Some(_), Some(_)) => Err(Reject::FieldRepeated { field: name }),
        }
    }
}

fn read(bytes: &[u8], depth: usize) -> Result<(Value<'_>, &[u8]), Reject> {
    let malformed = Reject::Malformed { what: WHAT };
    if depth > DEPTH_MAX {
        return Err(malformed);
    }
    let (kind, rest) = bytes.split_first().ok_or(malformed.clone())?;
    let short = usize::from(kind & 0x0f);
    match kind {
        0x00..=0x1f => Ok((Value::Small(*kind), rest)),
        0x20..=0x2f => take(rest, short).map(|(text, rest)| (Value::Text(text), rest)),
        0x30..=0x3f => take(rest, short).map(|(symbol, rest)| (Value::Symbol(symbol), rest)),
        0x90..=0x9f => read_many(rest, short, depth).map(|(items, rest)| (Value::List(items), rest)),
        0xb0..=0xbf => {
            let (items, rest) = read_many(rest, short.saturating_mul(2), depth)?;
            let mut items = items.into_iter();
            let mut pairs = Vec::new();
            while let (Some(key), Some(value)) = (items.next(), items.next()) {
                pairs.push((key, value));
            }
            Ok((Value::Map(pairs), rest))
        }
        0xc4 => take_counted(rest, 1).map(|(symbol, rest)| (Value::Symbol(symbol), rest)),
        0xc5 => take_counted(rest, 1).map(|(block, rest)| (Value::Bytes(block), rest)),
        0xd5 => take_counted(rest, 2).map(|(block, rest)| (Value::Bytes(block), rest)),
        0xf4 => match read(rest, depth.saturating_add(1))? {
            (Value::Bytes(octets), rest) => Ok((Value::Integer(octets), rest)),
            _ => Err(malformed),
        },
        _ => Err(malformed),
    }
}

fn read_many(mut rest: &[u8], count: usize, depth: usize) -> Result<(Vec<Value<'_>>, &[u8]), Reject> {
    let mut items = Vec::new();
    for _ in 0..count {
        let (item, after) = read(rest, depth.saturating_add(1))?;
        items.push(item);
        rest = after;
    }
    Ok((items, rest))
}

/// Octets behind a big-endian count of that width.
fn take_counted(bytes: &[u8], width: usize) -> Result<(&[u8], &[u8]), Reject> {
    let (count, rest) = take(bytes, width)?;
    take(rest, count.iter().fold(0usize, |count, octet| (count << 8) | usize::from(*octet)))
}

fn take(bytes: &[u8], count: usize) -> Result<(&[u8], &[u8]), Reject> {
    bytes.split_at_checked(count).ok_or(Reject::Malformed { what: WHAT })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_bounded() {
        let map = Value::read(b"\xb2\x31a\x05\x31b\x92\x21x\xf4\xc5\x02\x01\x02").unwrap();
        assert_eq!(map.field("a"), Ok(&Value::Small(5)));
        assert_eq!(map.field("b"), Ok(&Value::List(vec![Value::Text(b"x"), Value::Integer(&[1, 2])])));
        assert_eq!(map.field("c").unwrap_err().code(), "field-missing");
        assert_eq!(
            Value::read(b"\xb2\x31a\x05\x31a\x05").unwrap().field("a").unwrap_err().code(),
            "field-repeated"
        );
        assert_eq!(Value::read(&[5, 5]).unwrap_err().code(), "trailing-bytes");
        for bytes in [&b""[..], b"\xd5\xff", b"\xd5\xff\xff", b"\x9f", b"\xf4\x05", b"\xff", &[0x91; 99]] {
            assert_eq!(Value::read(bytes).unwrap_err().code(), "malformed", "{bytes:02x?}");
        }
    }
}
