//! Reading CBOR (RFC 8949) of bounded depth. A map in which a label stands twice has no value for it.
use ciborium::Value;
use pkic_facts::reject::Reject;

/// Levels of nesting: an EAT with submodules inside a conceptual message wrapper has nine.
const DEPTH_MAX: usize = 16;

/// Reads one item with nothing behind it.
///
/// # Errors
/// [`Reject::Malformed`], [`Reject::TrailingBytes`].
pub(crate) fn read(what: &'static str, mut bytes: &[u8]) -> Result<Value, Reject> {
    let value = read_item(what, &mut bytes)?;
    match bytes {
        [] => Ok(value),
        rest => Err(Reject::TrailingBytes { what, extra_bytes: rest.len() }),
    }
}

/// Reads one item and leaves what is behind it.
///
/// # Errors
/// [`Reject::Malformed`].
pub(crate) fn read_item(what: &'static str, bytes: &mut &[u8]) -> Result<Value, Reject> {
    ciborium::de::from_reader_with_recursion_limit(bytes, DEPTH_MAX).map_err(|_| Reject::Malformed { what })
}

/// The value of a text label in a map.
pub(crate) fn field<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    only(map, |key| key.as_text() == Some(name))
}

/// The value of an integer label in a map.
pub(crate) fn number_field(map: &Value, label: i64) -> Option<&Value> {
    only(map, |key| key.as_integer() == Some(label.into()))
}

fn only(map: &Value, is_label: impl Fn(&Value) -> bool) -> Option<&Value> {
    let mut values = map.as_map()?.iter().filter(|(key, _)| is_label(key));
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value)
}

/// The byte string of a text label in a map.
///
/// # Errors
/// [`Reject::FieldMissing`] where it is absent, no byte string, or stands twice.
pub(crate) fn bytes<'a>(map: &'a Value, name: &'static str) -> Result<&'a [u8], Reject> {
    let value = field(map, name).and_then(Value::as_bytes);
    value.map(Vec::as_slice).ok_or(Reject::FieldMissing { field: name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_stands_twice_has_no_value() {
        let map = read("map", &[0xa3, 0x61, b'a', 1, 0x61, b'b', 2, 0x61, b'a', 3]).unwrap();
        assert_eq!(field(&map, "b").and_then(Value::as_integer), Some(2.into()));
        assert_eq!(field(&map, "a"), None);
        assert!(read("map", &[0xa0, 0]).is_err(), "a byte is left over");
        assert!(read("map", &[&[0x81; 100][..], &[0]].concat()).is_err(), "too deep");
    }
}
