//! The rows of a catalogue, in the one form that its source files (TOML) and its sealed payload (JSON) share.
//!
//! A value that a row cannot have does not read: words are of their enumeration, dates are dates, digests are digests.
use crate::crypto::Sha256Digest;
use crate::reject::Reject;
use pkic_vocab::time::{format_date, parse_date};
use pkic_vocab::words::Words;
use pkic_vocab::{Word, limits};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Declares a row value that is written as text.
macro_rules! text_values {
    ($($(#[$doc:meta])* $name:ident($inner:ty), $what:literal, $read:expr, $show:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub $inner);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<$name, String> {
                let read: fn(&str) -> Option<$inner> = $read;
                read(&text).map($name).ok_or_else(|| format!("`{text}` is no {}", $what))
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                let show: fn(&$inner) -> String = $show;
                show(&value.0)
            }
        }
    )+};
}

text_values! {
    /// A day, as the moment at which it begins, in seconds since 1970-01-01T00:00:00Z.
    Day(i64), "date: write `2026-09-21`", |text| parse_date(text).filter(|_| text.len() == 10), |day| format_date(*day);
    /// A word of [`Words::Storage`].
    Storage(Word), "word of `storage`", |text| Words::Storage.word(text), |word| word.name().to_owned();
    /// A word of [`Words::Vendor`].
    Vendor(Word), "word of `vendor`", |text| Words::Vendor.word(text), |word| word.name().to_owned();
    /// A word of [`Words::Algorithm`].
    Algorithm(Word), "word of `algorithm`", |text| Words::Algorithm.word(text), |word| word.name().to_owned();
    /// A word of [`Words::Severity`].
    Severity(Word), "word of `severity`", |text| Words::Severity.word(text), |word| word.name().to_owned();
    /// A word of [`Words::Validation`].
    Standing(Word), "word of `validation-status`", |text| Words::Validation.word(text), |word| word.name().to_owned();
    /// A word of [`Words::Format`].
    Format(Word), "evidence format", |text| Words::Format.word(text), |word| word.name().to_owned();
    /// SHA-256 of a subjectPublicKeyInfo, `sha256:` and 64 hexadecimal digits.
    KeyDigest(Sha256Digest), "key digest", Sha256Digest::from_text, |digest| digest.to_string();
    /// A firmware version.
    Firmware(Version), "firmware version: write `5.4.3`, or `id:00070055` as TPMs do", Version::from_text, Version::to_text;
}

/// A firmware version, comparable with those of its own way of writing alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// Numbers between dots: `5.4.3`.
    Dotted(Vec<u32>),
    /// tpmVersion of an endorsement key certificate: eight hexadecimal digits, major and minor (TCG EK Credential
    /// Profile 2.6, section 3.1.2).
    Tcg(u32),
}

impl Version {
    /// Numbers in one version.
    const PARTS_MAX: usize = 8;

    /// Reads a version.
    pub fn from_text(text: &str) -> Option<Version> {
        if let Some(digits) = text.strip_prefix("id:") {
            let is_hex = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            return if is_hex { u32::from_str_radix(digits, 16).ok().map(Version::Tcg) } else { None };
        }
        let part = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?;
        let parts: Vec<u32> = text.split('.').map(part).collect::<Option<_>>()?;
        (parts.len() <= Version::PARTS_MAX).then_some(Version::Dotted(parts))
    }

    /// The version as it is written.
    fn to_text(&self) -> String {
        match self {
            Version::Dotted(parts) => parts.iter().map(u32::to_string).collect::<Vec<_>>().join("."),
            Version::Tcg(number) => format!("id:{number:08X}"),
        }
    }

    /// The order of two versions, `5.4` being `5.4.0`; nothing for two ways of writing.
    fn compare(&self, other: &Version) -> Option<Ordering> {
        match (self, other) {
            (Version::Tcg(own), Version::Tcg(other)) => Some(own.cmp(other)),
            (Version::Dotted(own), Version::Dotted(other)) => {
                let at = |parts: &[u32], index: usize| parts.get(index).copied().unwrap_or(0);
                let own_parts = (0..Version::PARTS_MAX).map(|index| at(own, index));
                Some(own_parts.cmp((0..Version::PARTS_MAX).map(|index| at(other, index))))
            }
            (Version::Tcg(_), Version::Dotted(_)) | (Version::Dotted(_), Version::Tcg(_)) => None,
        }
    }
}

/// A range of firmware versions: one version, or a half-open interval of which either end may be open.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Range {
    /// The version itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Firmware>,
    /// The first version of the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Firmware>,
    /// The first version behind the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Firmware>,
}

impl Range {
    /// Whether it holds a version; nothing where the two cannot be compared.
    fn holds(&self, version: &Version) -> Option<bool> {
        let order = |bound: &Option<Firmware>| match bound {
            Some(bound) => version.compare(&bound.0).map(Some),
            None => Some(None),
        };
        let is = order(&self.is)?.is_none_or(Ordering::is_eq);
        let from = order(&self.from)?.is_none_or(Ordering::is_ge);
        let below = order(&self.below)?.is_none_or(Ordering::is_lt);
        Some(is && from && below)
    }
}

/// Whether any of some ranges holds a version: nothing where some cannot be compared and none of the others does.
pub(super) fn any_holds(ranges: &[Range], version: &str) -> Option<bool> {
    let version = Version::from_text(version)?;
    let held: Vec<Option<bool>> = ranges.iter().map(|range| range.holds(&version)).collect();
    match held.contains(&Some(true)) {
        true => Some(true),
        false if held.contains(&None) => None,
        false => Some(false),
    }
}

/// Which modules a row is about: all that is written must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Identity {
    /// `module.vendor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<Vendor>,
    /// `module.manufacturer`, to the letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// `module.model`, to the letter, or its beginning where a `*` ends it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// `module.aaguid`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aaguids: Vec<String>,
    /// SubjectPublicKeyInfo of the anchor that the evidence hangs on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<KeyDigest>,
    /// `evidence.format`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<Format>,
    /// `module.firmware`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub firmware: Vec<Range>,
}

/// A source: what was read, and on which day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Source {
    /// Title and place.
    pub title: String,
    /// The day on which it said so.
    pub dated: Day,
}

/// Where a key lives in modules of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Class {
    /// Its name, once in a catalogue.
    pub id: String,
    /// The modules.
    #[serde(rename = "match")]
    pub of: Identity,
    /// Where their keys live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// Who makes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<Vendor>,
    /// Who says so.
    pub source: Source,
}

/// The scheme of a validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// FIPS 140-2, by the CMVP.
    #[serde(rename = "fips-140-2")]
    Fips1402,
    /// FIPS 140-3, by the CMVP.
    #[serde(rename = "fips-140-3")]
    Fips1403,
    /// Common Criteria.
    Cc,
    /// FIDO authenticator certification.
    Fido,
    /// The Commission's list of qualified signature creation devices.
    Qscd,
}

/// A validation or certification of modules of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Validation {
    /// Its name, once in a catalogue.
    pub id: String,
    /// The scheme.
    pub scheme: Scheme,
    /// Number or identifier of the certificate in the scheme's list.
    pub number: String,
    /// The modules.
    #[serde(rename = "match")]
    pub of: Identity,
    /// FIPS 140 level, evaluation assurance level, or FIDO level. A sealed row of those schemes has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<i64>,
    /// Status in the list. A sealed row has it; a source may leave it to the list that it is built with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Standing>,
    /// From this day on an active validation is historical, whatever the status says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset: Option<Day>,
    /// Protection profiles that the certificate claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    /// Who says so.
    pub source: Source,
}

/// A published weakness of modules of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Advisory {
    /// Its identifier, such as a CVE number: once in a catalogue.
    pub id: String,
    /// The name that people know it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// The modules; `firmware` are the affected versions, and every other version is not affected.
    #[serde(rename = "match")]
    pub of: Identity,
    /// Algorithms of the keys that it affects; all where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<Algorithm>,
    /// Who says so.
    pub source: Source,
}

/// All rows of a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rows {
    /// Where keys live.
    #[serde(default, rename = "class", skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// Validations and certifications.
    #[serde(default, rename = "validation", skip_serializing_if = "Vec::is_empty")]
    pub validations: Vec<Validation>,
    /// Published weaknesses.
    #[serde(default, rename = "advisory", skip_serializing_if = "Vec::is_empty")]
    pub advisories: Vec<Advisory>,
}

/// What keeps rows from being a catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// Id of the row; empty for the rows as a whole.
    pub row: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub help: &'static str,
}

impl Rows {
    /// The payload of a sealed catalogue: the rows in order of their ids, in JSON without spaces.
    ///
    /// # Errors
    /// [`RowError`] for the first row that says nothing, is about every module, stands twice, or is not complete.
    pub fn to_payload(mut self) -> Result<Vec<u8>, RowError> {
        self.classes.sort_by(|one, other| one.id.cmp(&other.id));
        self.validations.sort_by(|one, other| one.id.cmp(&other.id));
        self.advisories.sort_by(|one, other| one.id.cmp(&other.id));
        self.check()?;
        let help = "leave out what JSON cannot write";
        serde_json::to_vec(&self).map_err(|error| RowError {
            row: String::new(),
            what: error.to_string(),
            help,
        })
    }

    /// Reads the payload of a sealed catalogue.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for what [`Rows::to_payload`] does not write.
    pub fn from_payload(bytes: &[u8]) -> Result<Rows, Reject> {
        let malformed = Reject::Malformed { what: "catalogue" };
        let rows: Rows = serde_json::from_slice(bytes).map_err(|_| malformed.clone())?;
        match rows.clone().to_payload() {
            Ok(payload) if payload == bytes => Ok(rows),
            _ => Err(malformed),
        }
    }

    /// Adds all rows of others.
    pub fn append(&mut self, others: Rows) {
        self.classes.extend(others.classes);
        self.validations.extend(others.validations);
        self.advisories.extend(others.advisories);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.classes.len().saturating_add(self.validations.len()).saturating_add(self.advisories.len())
    }

    /// Checks what the types leave open.
    fn check(&self) -> Result<(), RowError> {
        let error =
            |row: &str, what: &str, help| Err(RowError { row: row.to_owned(), what: what.to_owned(), help });
        if self.count() > limits::CATALOGUE_ROWS_MAX {
            return error("", "more rows than a catalogue may have", "split it");
        }
        let classes = self.classes.iter().map(|row| (&row.id, &row.of));
        let validations = self.validations.iter().map(|row| (&row.id, &row.of));
        let advisories = self.advisories.iter().map(|row| (&row.id, &row.of));
        let mut rows: Vec<(&String, &Identity)> = classes.chain(validations).chain(advisories).collect();
        for (id, of) in &rows {
            if id.is_empty() || id.len() > 255 {
                return error(
                    id,
                    "the id is empty or longer than 255 bytes",
                    "give each row a short id of its own",
                );
            }
            let names_any = of.vendor.is_some() || of.manufacturer.is_some();
            if !names_any && of.models.is_empty() && of.aaguids.is_empty() && of.anchors.is_empty() {
                return error(
                    id,
                    "it is about every module",
                    "name a vendor, manufacturer, model, aaguid or anchor",
                );
            }
            if of.firmware.contains(&Range::default()) || of.models.iter().any(|model| model == "*") {
                return error(id, "a condition that always holds", "leave it out");
            }
        }
        rows.sort_by_key(|(id, _)| *id);
        if let Some([(id, _), _]) = rows.array_windows().find(|[(one, _), (other, _)]| one == other) {
            return error(id, "the id stands twice", "give each row an id of its own");
        }
        for row in &self.classes {
            if row.storage.is_none() && row.vendor.is_none() {
                return error(&row.id, "it says nothing", "say `storage` or `vendor`");
            }
        }
        self.validations.iter().try_for_each(check_validation)
    }
}

fn check_validation(row: &Validation) -> Result<(), RowError> {
    let error = |what: &str, help| Err(RowError { row: row.id.clone(), what: what.to_owned(), help });
    if row.of.models.is_empty() && row.of.aaguids.is_empty() && row.of.manufacturer.is_none() {
        return error("a validation names its modules", "name models, aaguids or a manufacturer");
    }
    if row.status.is_none() {
        return error("no status", "say it, or build with the list of the scheme");
    }
    let levels = match row.scheme {
        Scheme::Fips1402 | Scheme::Fips1403 => 1..=4,
        Scheme::Cc => 1..=7,
        Scheme::Fido => 1..=3,
        Scheme::Qscd => return Ok(()),
    };
    match row.level {
        Some(level) if levels.contains(&level) => Ok(()),
        _ => error(
            "no level of its scheme",
            "FIPS 140 has levels 1 to 4, Common Criteria EAL 1 to 7, FIDO levels 1 to 3",
        ),
    }
}
