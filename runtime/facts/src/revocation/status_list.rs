//! The status list that Google publishes for Android's attestation certificates.
//!
//! It is fetched over HTTPS and signed by nobody: the moment of fetching is the deployment's word, and so is what was
//! fetched. It names serial numbers without their issuer, so it speaks for paths of Android's formats alone, and for
//! each of their certificates. Numbers are written in lowercase hexadecimal, in older entries in decimal: digits alone
//! may be either, and name both.
//! Source: Android Key Attestation, certificate revocation status list (android.googleapis.com/attestation/status).
use super::{List, magnitude};
use crate::crypto::Sha256Digest;
use crate::reject::Reject;
use pkic_vocab::limits;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::fmt;

/// Decimal digits of the largest serial number of [`limits::SERIAL_LEN_BYTES_MAX`] octets.
const DECIMAL_LEN_MAX: usize = 49;

/// A status list as it was fetched.
#[derive(Debug, Clone, Copy)]
pub struct Fetched<'a> {
    /// Its name in reports.
    pub name: &'a str,
    /// The bytes of the answer.
    pub bytes: &'a [u8],
    /// When it was fetched, in seconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// How long it counts from then on, in seconds; at most [`limits::STATUS_LIST_AGE_S_MAX`].
    pub age_s_max: i64,
    /// The formats whose paths it speaks for.
    pub formats: &'a [&'static str],
}

/// A status list that was read.
#[derive(Debug, Clone)]
pub(super) struct StatusList {
    name: String,
    raw: Vec<u8>,
    digest: Sha256Digest,
    formats: Vec<&'static str>,
    at: i64,
    age_s_max: i64,
    until: i64,
    /// Serial numbers without leading zeros, sorted.
    entries: Vec<(Vec<u8>, &'static str)>,
}

#[derive(Deserialize)]
struct Document {
    entries: Entries,
}

struct Entries(Vec<(Vec<u8>, &'static str)>);

#[derive(Deserialize)]
struct Entry {
    status: Status,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Revoked,
    Suspended,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Status::Revoked => "revoked",
            Status::Suspended => "suspended",
        }
    }
}

impl StatusList {
    pub(super) fn read(fetched: &Fetched<'_>) -> Result<StatusList, Reject> {
        let (what, size, limit) = ("status list", fetched.bytes.len(), limits::REVOCATION_LEN_BYTES_MAX);
        if size > limit {
            return Err(Reject::TooLarge { what, size, limit });
        }
        let document: Document =
            serde_json::from_slice(fetched.bytes).map_err(|_| Reject::Malformed { what })?;
        let Entries(mut entries) = document.entries;
        let (size, limit) = (entries.len(), limits::REVOCATION_ENTRIES_MAX);
        if size > limit {
            return Err(Reject::TooLarge { what, size, limit });
        }
        entries.sort_unstable();
        let age_s = fetched.age_s_max.clamp(0, limits::STATUS_LIST_AGE_S_MAX);
        Ok(StatusList {
            name: fetched.name.to_owned(),
            raw: fetched.bytes.to_vec(),
            digest: Sha256Digest::of(fetched.bytes),
            formats: fetched.formats.to_vec(),
            at: fetched.at,
            age_s_max: age_s,
            until: fetched.at.saturating_add(age_s),
            entries,
        })
    }

    /// It, as it was fetched.
    pub(super) fn fetched(&self) -> Fetched<'_> {
        let (at, age_s_max) = (self.at, self.age_s_max);
        Fetched { name: &self.name, bytes: &self.raw, at, age_s_max, formats: &self.formats }
    }

    /// Whether it speaks for paths of that format.
    pub(super) fn serves(&self, format: &str) -> bool {
        self.formats.contains(&format)
    }

    /// The status of the certificate with that number, where the list names it.
    pub(super) fn find(&self, serial: &[u8]) -> Option<&'static str> {
        let index = self.entries.binary_search_by(|(named, _)| named.as_slice().cmp(serial)).ok()?;
        self.entries.get(index).map(|(_, status)| *status)
    }

    pub(super) fn describe(&self) -> List {
        List {
            kind: "status-list",
            name: self.name.clone(),
            digest: self.digest,
            from: self.at,
            until: self.until,
        }
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object from serial numbers to their status")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut named = std::collections::HashSet::new();
        let mut entries = Vec::new();
        while let Some((serial, entry)) = map.next_entry::<String, Entry>()? {
            let numbers = numbers(&serial).ok_or_else(|| serde::de::Error::custom("no serial number"))?;
            entries.extend(numbers.into_iter().map(|number| (number, entry.status.name())));
            if !named.insert(serial) {
                return Err(serde::de::Error::custom("a serial number stands twice"));
            }
        }
        Ok(Entries(entries))
    }
}

/// The numbers that a key of the list may mean: nothing where it is not written as the list's schema has it.
fn numbers(text: &str) -> Option<Vec<Vec<u8>>> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.is_empty() || text.starts_with('0') || !text.bytes().all(is_hex) {
        return None;
    }
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= DECIMAL_LEN_MAX;
    let of_hex = (text.len() <= limits::SERIAL_LEN_BYTES_MAX.checked_mul(2)?).then(|| number(text, 16));
    let found: Vec<Vec<u8>> = of_hex.into_iter().chain(is_decimal.then(|| number(text, 10))).collect();
    (!found.is_empty()).then_some(found)
}

/// The octets of a number written to that base, which is at most 16.
fn number(text: &str, base: u16) -> Vec<u8> {
    let mut octets: Vec<u8> = Vec::new();
    for digit in text.chars().filter_map(|digit| digit.to_digit(16)) {
        let mut carry = u16::try_from(digit).unwrap_or_default();
        for octet in &mut octets {
            // At most 255 * 16 + 15.
            let [high, low] = u16::from(*octet).saturating_mul(base).saturating_add(carry).to_be_bytes();
            (*octet, carry) = (low, u16::from(high));
        }
        if let Ok(octet @ 1..) = u8::try_from(carry) {
            octets.push(octet);
        }
    }
    octets.reverse();
    magnitude(&octets).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_both_bases() {
        assert_eq!(numbers("ff"), Some(vec![vec![0xff]]));
        assert_eq!(numbers("100"), Some(vec![vec![1, 0], vec![100]]));
        assert_eq!(numbers("256").unwrap()[1], [1, 0]);
        assert_eq!(numbers("6681152659205225093").unwrap()[1], 6_681_152_659_205_225_093u64.to_be_bytes());
        let largest = "1461501637330902918203684832716283019655932542975";
        assert_eq!(numbers(largest).unwrap(), [vec![0xff; 20]]);
        for wrong in ["", "0", "0a", "FF", "0xff", "-1", "f f", "1.0", &"f".repeat(41), &"9".repeat(50)] {
            assert_eq!(numbers(wrong), None, "{wrong}");
        }
    }
}
