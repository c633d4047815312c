//! Normal forms of names, and what stands `under` what.
use crate::value::Value;
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::net::IpAddr;

/// A distinguished name in a normal form that makes equal what RFC 5280 section 7.1 compares as equal for the
/// characters of ASCII: case and runs of spaces do not matter. Other characters compare as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dn {
    /// Relative distinguished names, the most significant first; each its attributes, sorted.
    rdns: Vec<Vec<Attribute>>,
}

/// One attribute of a distinguished name.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Dotted OID of the attribute type.
    pub oid: String,
    /// The value as it was written.
    pub value: String,
    normal: String,
}

/// Short names of attribute types (RFC 4514 section 3, RFC 5280 appendix A).
const ATTRIBUTE_NAMES: [(&str, &str); 12] = [
    ("CN", "2.5.4.3"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("T", "2.5.4.12"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("E", "1.2.840.113549.1.9.1"),
];

impl Attribute {
    /// An attribute of that type and value.
    pub fn new(oid: &str, value: &str) -> Attribute {
        let squeezed: Vec<String> = value.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
        Attribute { oid: oid.to_owned(), value: value.to_owned(), normal: squeezed.join(" ") }
    }

    /// The value in the form that is compared.
    pub fn normal(&self) -> &str {
        &self.normal
    }
}

impl PartialEq for Attribute {
    fn eq(&self, other: &Attribute) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Attribute {}

impl PartialOrd for Attribute {
    fn partial_cmp(&self, other: &Attribute) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Attribute {
    fn cmp(&self, other: &Attribute) -> Ordering {
        (&self.oid, &self.normal).cmp(&(&other.oid, &other.normal))
    }
}

impl Dn {
    /// A name from its relative distinguished names, the most significant first, as in a certificate.
    pub fn from_rdns(mut rdns: Vec<Vec<Attribute>>) -> Dn {
        for rdn in &mut rdns {
            rdn.sort();
        }
        Dn { rdns }
    }

    /// The relative distinguished names, the most significant first.
    pub fn rdns(&self) -> &[Vec<Attribute>] {
        &self.rdns
    }

    /// Reads the text form of RFC 4514, in which the least significant part comes first: `CN=a, O=b`.
    pub fn parse(text: &str) -> Option<Dn> {
        let mut rdns = Vec::new();
        if text.trim().is_empty() {
            return Some(Dn { rdns });
        }
        for part in split_unescaped(text, ',') {
            let attributes: Option<Vec<Attribute>> =
                split_unescaped(&part, '+').iter().map(|attribute| parse_attribute(attribute)).collect();
            rdns.push(attributes?);
        }
        rdns.reverse();
        Some(Dn::from_rdns(rdns))
    }

    /// Whether this name is `base`, or begins with all its most significant parts.
    pub fn is_under(&self, base: &Dn) -> bool {
        self.rdns.starts_with(&base.rdns)
    }
}

fn split_unescaped(text: &str, separator: char) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut escaped = false;
    for c in text.chars() {
        if c == separator && !escaped {
            parts.push(core::mem::take(&mut part));
        } else {
            part.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(part);
    parts
}

fn parse_attribute(text: &str) -> Option<Attribute> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim();
    let upper = name.to_ascii_uppercase();
    let oid = ATTRIBUTE_NAMES.iter().find(|(short, _)| *short == upper).map_or(name, |(_, oid)| *oid);
    let value = unescape(value.trim())?;
    (crate::oids::is_dotted(oid) && !value.is_empty()).then(|| Attribute::new(oid, &value))
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().filter(|next| !next.is_ascii_hexdigit())? } else { c });
    }
    Some(plain)
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rdn) in self.rdns.iter().rev().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            for (index, attribute) in rdn.iter().enumerate() {
                let short = ATTRIBUTE_NAMES.iter().find(|(_, oid)| *oid == attribute.oid);
                write!(
                    f,
                    "{}{}=",
                    if index == 0 { "" } else { "+" },
                    short.map_or(attribute.oid.as_str(), |(name, _)| name)
                )?;
                let is_special = |c: char| matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=');
                for run in attribute.value.split_inclusive(is_special) {
                    let plain = run.strip_suffix(is_special).unwrap_or(run);
                    let special = run.get(plain.len()..).unwrap_or_default();
                    f.write_str(plain)?;
                    f.write_str(if special.is_empty() { "" } else { "\\" })?;
                    f.write_str(special)?;
                }
            }
        }
        Ok(())
    }
}

/// The normal form of a DNS name: lower-case A-labels without a final dot; the first label may be `*`.
///
/// Source: RFC 1034 section 3.5, RFC 5890 section 2.3.1, RFC 6125 section 6.4.3. At most 253 octets.
pub fn dns_name(text: &str) -> Option<String> {
    let lower = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if lower.is_empty() || lower.len() > 253 {
        return None;
    }
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let rest = lower.strip_prefix("*.").unwrap_or(&lower);
    rest.split('.').all(label_ok).then_some(lower)
}

/// An absolute URI: scheme and authority in lower case, no white space, no user information, no dot segments.
///
/// Source: RFC 3986 sections 3 and 6.2.2.
pub fn uri(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(':')?;
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if !scheme_ok || rest.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let Some(rest) = rest.strip_prefix("//") else {
        return Some(alloc::format!("{scheme}:{rest}"));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    if authority.contains('@') || path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return None;
    }
    Some(alloc::format!("{scheme}://{}{path}", authority.to_ascii_lowercase()))
}

/// The canonical text of an IP address (RFC 5952).
pub fn ip(text: &str) -> Option<String> {
    text.parse::<IpAddr>().ok().map(|address| address.to_string())
}

/// A mail address with its domain in lower case: one `@`, no white space.
pub fn email(text: &str) -> Option<String> {
    let (local, domain) = text.split_once('@')?;
    let domain = dns_name(domain)?;
    let local_ok = !local.is_empty() && local.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@');
    local_ok.then(|| alloc::format!("{local}@{domain}"))
}

/// Whether `name` is `base` or stands below it. `None` where the values are of types without a hierarchy.
///
/// DNS names match on whole labels, URIs on the authority and whole path segments, distinguished names and object
/// identifiers on whole leading parts.
pub fn is_under(name: &Value, base: &Value) -> Option<bool> {
    match (name, base) {
        (Value::DnsName(name), Value::DnsName(base)) => Some(has_suffix(name, base)),
        (Value::Dn(name), Value::Dn(base)) => Some(name.is_under(base)),
        (Value::Oid(name), Value::Oid(base)) => Some(has_prefix(name, base, '.')),
        (Value::Uri(name), Value::Uri(base)) => {
            let base = base.strip_suffix('/').unwrap_or(base);
            Some(has_prefix(name, base, '/'))
        }
        _ => None,
    }
}

fn has_suffix(name: &str, base: &str) -> bool {
    name.strip_suffix(base).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn has_prefix(name: &str, base: &str, separator: char) -> bool {
    name.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_on_whole_parts() {
        let under = |name: &str, base: &str| {
            is_under(&Value::DnsName(dns_name(name).unwrap()), &Value::DnsName(dns_name(base).unwrap()))
                .unwrap()
        };
        assert!(under("www.Bank.example", "bank.example") && under("bank.example.", "bank.example"));
        assert!(under("*.bank.example", "bank.example"));
        assert!(!under("evilbank.example", "bank.example") && !under("bank.example.evil", "bank.example"));
        let under = |name: &str, base: &str| {
            is_under(&Value::Uri(uri(name).unwrap()), &Value::Uri(uri(base).unwrap())).unwrap()
        };
        assert!(under("spiffe://Bank.example/ns/payments", "spiffe://bank.example"));
        assert!(under("spiffe://bank.example/ns/payments/a", "spiffe://bank.example/ns/payments/"));
        assert!(!under("spiffe://bank.example.evil/x", "spiffe://bank.example"));
        assert!(!under("spiffe://bank.example/ns/payments-test", "spiffe://bank.example/ns/payments"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", ".", "a..b", "-a.example", "a b", "bücher.example", "a.*.b", "*"] {
            assert_eq!(dns_name(text), None, "{text}");
        }
        for text in ["spiffe://u@bank.example/x", "no-scheme", "http://a/../b", "http:", "1a://x"] {
            assert_eq!(uri(text), None, "{text}");
        }
        assert_eq!(ip("::0001"), Some("::1".to_owned()));
        assert_eq!(ip("1.2.3"), None);
        assert_eq!(email("a@b@c.example"), None);
    }

    #[test]
    fn distinguished_names_compare_without_case_and_order_within_an_rdn() {
        let dn = |text: &str| Dn::parse(text).unwrap();
        assert_eq!(dn("OU=Plant-1, O=ACME  Corp"), dn("ou=plant-1,o=acme corp"));
        assert_eq!(dn("CN=a+OU=b, O=c"), dn("OU=b+CN=a, O=c"));
        assert_ne!(dn("CN=a, O=c"), dn("O=c, CN=a"));
        assert!(dn("CN=x, OU=plant-1, O=Acme").is_under(&dn("OU=plant-1, O=Acme")));
        assert!(!dn("OU=plant-1, O=Acme, C=US").is_under(&dn("OU=plant-1, O=Acme")));
        assert_eq!(dn("CN=a\\, b, O=c").to_string(), "CN=a\\, b, O=c");
        assert_eq!(Dn::parse("no equals sign"), None);
    }
}
