//! Values of facts and constants, and how they are read from and shown as text.
use crate::hex::Hex;
use crate::names::{self, Dn};
use crate::time;
use crate::types::Type;
use crate::words::Word;
use crate::{limits, oids};
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// A value. Its type is one of [`Type`]; [`Value::has_type`] compares the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Seconds since 1970-01-01T00:00:00Z.
    Date(i64),
    /// Seconds; `i64::MAX` is `forever`.
    Span(i64),
    /// A word of an enumeration. An inner word of a tree says that the leaf below it is not known.
    Word(Word),
    /// A declared name.
    Name(String),
    /// A dotted object identifier.
    Oid(String),
    /// A distinguished name.
    Dn(Dn),
    /// A DNS name in lower-case A-labels, without a final dot.
    DnsName(String),
    /// A URI.
    Uri(String),
    /// An IP address in canonical text form (RFC 5952).
    Ip(String),
    /// A mail address.
    Email(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// A list of values of one type.
    List(Vec<Value>),
    /// A record: one entry per field of the type, in its order; `None` is an unknown field.
    Record(Vec<Option<Value>>),
}

impl Value {
    /// Whether this is a value of that type, within the limits of [`limits`].
    pub fn has_type(&self, ty: Type) -> bool {
        match (self, ty) {
            (Value::Bool(_), Type::Bool)
            | (Value::Int(_), Type::Int)
            | (Value::Date(_), Type::Date)
            | (Value::Span(_), Type::Span)
            | (Value::Dn(_), Type::Dn) => true,
            (Value::Word(word), Type::Word(words)) => word.words() == words,
            (Value::Bytes(bytes), Type::Bytes) => bytes.len() <= limits::TEXT_LEN_BYTES_MAX,
            (Value::Name(text), Type::Name(_))
            | (Value::DnsName(text), Type::DnsName)
            | (Value::Uri(text), Type::Uri)
            | (Value::Ip(text), Type::Ip)
            | (Value::Email(text), Type::Email)
            | (Value::Oid(text), Type::Oid)
            | (Value::Text(text), Type::Text) => text.len() <= limits::TEXT_LEN_BYTES_MAX,
            (Value::List(values), Type::List(element)) => {
                values.len() <= limits::FACT_LIST_LEN_MAX
                    && values.iter().all(|value| value.has_type(*element))
            }
            (Value::Record(values), Type::Record(fields)) => {
                values.len() == fields.len()
                    && values
                        .iter()
                        .zip(fields)
                        .all(|(value, field)| value.as_ref().is_none_or(|value| value.has_type(field.ty)))
            }
            _ => false,
        }
    }

    /// Reads a scalar of type `ty` from the text that a policy, a test table or a JSON claim gives.
    ///
    /// # Errors
    /// A sentence that says what was expected, where the text is no value of that type.
    pub fn parse(ty: Type, text: &str) -> Result<Value, String> {
        let expected = |what: &str| Err(alloc::format!("`{text}` is no {what}"));
        if text.len() > limits::TEXT_LEN_BYTES_MAX {
            return Err(alloc::format!("text of more than {} bytes", limits::TEXT_LEN_BYTES_MAX));
        }
        match ty {
            Type::Bool => match text {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => expected("bool: write `true` or `false`"),
            },
            Type::Int => text.parse().map(Value::Int).or_else(|_| expected("whole number of 64 bits")),
            Type::Date => match time::parse_date(text) {
                Some(moment) => Ok(Value::Date(moment)),
                None => expected("date: write `2027-03-15` or `2027-03-15T00:00:00Z`"),
            },
            Type::Span => match parse_exact_span(text) {
                Some(seconds) => Ok(Value::Span(seconds)),
                None => expected("exact span: write a number with s, min, h or d"),
            },
            Type::Word(words) => match words.word(text) {
                Some(word) => Ok(Value::Word(word)),
                None => expected(words.name()),
            },
            Type::Name(_) => Ok(Value::Name(text.to_owned())),
            Type::Oid => match oids::by_name(text).or(Some(text)).filter(|oid| oids::is_dotted(oid)) {
                Some(oid) => Ok(Value::Oid(oid.to_owned())),
                None => expected("object identifier"),
            },
            Type::Dn => {
                Dn::parse(text).map(Value::Dn).map_or_else(|| expected("distinguished name (RFC 4514)"), Ok)
            }
            Type::DnsName => {
                names::dns_name(text).map(Value::DnsName).map_or_else(|| expected("DNS name in A-labels"), Ok)
            }
            Type::Uri => names::uri(text).map(Value::Uri).map_or_else(|| expected("absolute URI"), Ok),
            Type::Ip => names::ip(text).map(Value::Ip).map_or_else(|| expected("IP address"), Ok),
            Type::Email => names::email(text).map(Value::Email).map_or_else(|| expected("mail address"), Ok),
            Type::Bytes => {
                parse_hex(text).map(Value::Bytes).map_or_else(|| expected("run of hexadecimal digits"), Ok)
            }
            Type::Text => Ok(Value::Text(text.to_owned())),
            Type::List(_) | Type::Record(_) => expected("single value"),
        }
    }
}

fn parse_exact_span(text: &str) -> Option<i64> {
    if text == "forever" {
        return Some(i64::MAX);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(digits)?;
    let span = time::Span::of(count.parse().ok()?, unit)?;
    span.is_exact().then_some(span.min_s)
}

fn parse_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => {
                let nibble =
                    |digit: u8| (digit as char).to_digit(16).and_then(|value| u8::try_from(value).ok());
                Some(nibble(*high)? << 4 | nibble(*low)?)
            }
            _ => None,
        })
        .collect()
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Date(moment) => f.write_str(&time::format_date(*moment)),
            Value::Span(seconds) => f.write_str(&time::format_span(*seconds)),
            Value::Word(word) => f.write_str(word.name()),
            Value::Oid(oid) => f.write_str(oids::name_of(oid).unwrap_or(oid)),
            Value::Dn(dn) => write!(f, "\"{dn}\""),
            Value::Name(text) => f.write_str(text),
            Value::Ip(text)
            | Value::DnsName(text)
            | Value::Uri(text)
            | Value::Email(text)
            | Value::Text(text) => {
                write!(f, "{text:?}")
            }
            Value::Bytes(bytes) => Hex(bytes).fmt(f),
            Value::List(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Value::Record(fields) => {
                let shown: Vec<String> = fields
                    .iter()
                    .map(|field| field.as_ref().map_or_else(|| "unknown".to_string(), ToString::to_string))
                    .collect();
                write!(f, "({})", shown.join(", "))
            }
        }
    }
}
