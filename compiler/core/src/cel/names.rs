//! Facts and constants in the spelling of CEL.
use core::fmt::Write as _;
use pkic_vocab::names::Dn;
use pkic_vocab::time::{DAY_S, civil_from_days};
use pkic_vocab::{CATALOGUE, Path, Value};

/// A fact as a CEL select expression: `key.storage`, `module.fips_140_3.level`, `certificate.subject["2.5.4.3"]`.
///
/// A fact whose path is the beginning of others cannot be both a value and a map, so it gets a field of its own:
/// `certificate.subject.value`.
pub fn fact(path: &Path) -> String {
    let def = path.fact.def();
    let text = def.path.strip_suffix(".*").unwrap_or(def.path).replace('-', "_");
    match &path.name {
        Some(name) => format!("{text}[{}]", quoted(name)),
        None if is_beginning(def.path) => text + ".value",
        None => text,
    }
}

/// That a fact has no value, where the host gives all that it knows of its kind.
pub(super) fn is_absent(path: &Path) -> String {
    let text = fact(path);
    match (&path.name, text.split_once('[')) {
        (Some(name), Some((map, _))) => format!("!({} in {map})", quoted(name)),
        _ => format!("!has({text})"),
    }
}

/// A fact as the host functions name it, in the policy's own spelling: `key.storage`, `reference.firmware`.
pub(super) fn fact_name(path: &Path) -> String {
    let text = path.fact.def().path;
    match (&path.name, text.strip_suffix('*')) {
        (Some(name), Some(stem)) => format!("{stem}{name}"),
        _ => text.to_owned(),
    }
}

fn is_beginning(path: &str) -> bool {
    CATALOGUE.iter().any(|def| def.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The distinguished name in the form in which a host presents names to CEL: RFC 4514 order, attribute types as
/// dotted identifiers, values in lower case with single spaces, so that equal names are equal strings.
pub fn dn(name: &Dn) -> String {
    let rdns = name.rdns().iter().rev().map(|rdn| {
        let attributes: Vec<String> = rdn
            .iter()
            .map(|attribute| {
                let mut text = format!("{}=", attribute.oid);
                for c in attribute.normal().chars() {
                    if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
                        text.push('\\');
                    }
                    text.push(c);
                }
                text
            })
            .collect();
        attributes.join("+")
    });
    rdns.collect::<Vec<String>>().join(",")
}

/// A value as a CEL literal; `None` for one that CEL cannot write (an endless span, a record).
pub(super) fn literal(value: &Value) -> Option<String> {
    Some(match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Date(moment) => timestamp(*moment),
        Value::Span(i64::MAX) | Value::Record(_) => return None,
        Value::Span(seconds) => duration(*seconds),
        Value::Word(word) => quoted(word.name()),
        Value::Dn(name) => quoted(&dn(name)),
        Value::Name(text)
        | Value::Oid(text)
        | Value::DnsName(text)
        | Value::Uri(text)
        | Value::Ip(text)
        | Value::Email(text)
        | Value::Text(text) => quoted(text),
        Value::Bytes(_) => quoted(&value.to_string()),
        Value::List(values) => list(values)?,
    })
}

/// Values as a CEL list; `None` where one of them has no literal.
pub(super) fn list(values: &[Value]) -> Option<String> {
    let literals: Option<Vec<String>> = values.iter().map(literal).collect();
    Some(format!("[{}]", literals?.join(", ")))
}

/// `duration("4060800s")`.
pub(super) fn duration(seconds: i64) -> String {
    format!("duration(\"{seconds}s\")")
}

/// `timestamp("2027-03-15T00:00:00Z")`.
pub(super) fn timestamp(moment: i64) -> String {
    let (year, month, day) = civil_from_days(moment.div_euclid(DAY_S));
    let second = moment.rem_euclid(DAY_S);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("timestamp(\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z\")")
}

/// A CEL string literal.
pub(super) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                literal.push('\\');
                literal.push(c);
            }
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(literal, "\\U{:08x}", u32::from(c));
            }
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;
    use pkic_vocab::FactId;

    #[test]
    fn every_fact_has_a_spelling_of_its_own_that_parses() {
        let mut seen = Vec::new();
        for id in FactId::all() {
            let name = id.def().is_keyed().then(|| "1.2.3".to_owned());
            let text = fact(&Path { fact: id, name });
            assert_eq!(super::super::parse::check(&text), Ok(()), "{text}");
            assert!(!seen.contains(&text), "{text} stands for two facts");
            for other in &seen {
                let (short, long) = if text.len() < other.len() { (&text, other) } else { (other, &text) };
                let nested = long.strip_prefix(short.as_str()).is_some_and(|rest| rest.starts_with('.'));
                assert!(!nested, "{short} is a value and holds {long}");
            }
            seen.push(text);
        }
    }

    #[test]
    fn names_that_are_equal_are_written_alike() {
        let text = |name: &str| dn(&Dn::parse(name).unwrap());
        assert_eq!(text("OU=Plant  1, O=ACME"), text("ou=plant 1,o=acme"));
        assert_ne!(text("CN=a\\, b, O=c"), text("CN=a, CN=b, O=c"));
    }

    #[test]
    fn text_cannot_leave_its_quotes() {
        assert_eq!(quoted("a\" || true || \"\n"), r#""a\" || true || \"\U0000000a""#);
    }
}
