//! Facts as JSON, as callers and sandboxed formats write them: one reader for both. Which facts somebody may say is not
//! decided here.
use pkic_vocab::types::{RecordField, Type};
use pkic_vocab::{CATALOGUE, Value, limits};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;

/// Reads a value of a type.
///
/// A word, date, span or name is a string as policies write it; a list is an array; a record is an object.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn value_of(ty: Type, value: &serde_json::Value) -> Result<Value, String> {
    let read = match (ty, value) {
        (Type::Bool, serde_json::Value::Bool(value)) => Value::Bool(*value),
        (Type::Int, serde_json::Value::Number(number)) => {
            Value::Int(number.as_i64().ok_or_else(|| format!("`{number}` is no whole number of 64 bits"))?)
        }
        (Type::List(element), serde_json::Value::Array(values)) => {
            if values.len() > limits::FACT_LIST_LEN_MAX {
                return Err(format!("more than {} values", limits::FACT_LIST_LEN_MAX));
            }
            Value::List(values.iter().map(|value| value_of(*element, value)).collect::<Result<_, _>>()?)
        }
        (Type::Record(fields), serde_json::Value::Object(object)) => {
            if let Some(name) =
                object.keys().find(|name| fields.iter().all(|field| field.name != name.as_str()))
            {
                return Err(format!("no field `{name}`"));
            }
            let read = |field: &RecordField| {
                let given = object.get(field.name).filter(|value| !value.is_null());
                given.map(|value| value_of(field.ty, value)).transpose()
            };
            Value::Record(fields.iter().map(read).collect::<Result<_, _>>()?)
        }
        (Type::Bool | Type::Int | Type::List(_) | Type::Record(_), other) => {
            return Err(format!("`{other}` is of another type"));
        }
        (_, serde_json::Value::String(text)) => Value::parse(ty, text)?,
        (_, other) => return Err(format!("`{other}` is no string")),
    };
    if read.has_type(ty) { Ok(read) } else { Err("over a limit".to_owned()) }
}

/// A JSON object from fact paths to values, in its order, each path once.
#[derive(Debug)]
pub struct Entries(
    /// The entries. No path is looked up yet.
    pub Vec<(String, serde_json::Value)>,
);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object from fact paths to values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries: Vec<(String, serde_json::Value)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, serde_json::Value>()? {
                    if entries.iter().any(|(seen, _)| *seen == key) {
                        return Err(serde::de::Error::custom(format!("`{key}` stands twice")));
                    }
                    if entries.len() >= CATALOGUE.len() {
                        return Err(serde::de::Error::custom("more entries than there are facts"));
                    }
                    entries.push((key, value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}
