//! Published lists of validations, as rows of a catalogue take their status from them.
//!
//! NIST and the Common Criteria portal publish web pages; the sec-certs project (seccerts.org) publishes what stands on
//! them as data, one file for each scheme, which is what is read here. A list says nothing about how a module shows
//! itself in evidence: that is the row's to say, and the two meet at the certificate's number.
use crate::failure::Failure;
use crate::files;
use pkic_facts::catalogue::{Day, Rows, Scheme, Standing, Validation};
use pkic_vocab::Words;
use pkic_vocab::time::parse_date;
use serde::Deserialize;
use std::path::Path;

/// Bytes of a list: the FIPS dataset of 2026 has some 200 MB.
const LIST_LEN_BYTES_MAX: usize = 512 << 20;

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    scheme: Scheme,
    number: String,
    level: Option<i64>,
    status: Standing,
    sunset: Option<Day>,
}

/// The lists that a catalogue is built with.
#[derive(Debug, Default)]
pub(super) struct Lists {
    entries: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(tag = "_type")]
enum Dataset {
    #[serde(rename = "sec_certs.dataset.fips.FIPSDataset")]
    Fips { certs: Vec<Fips> },
    #[serde(rename = "sec_certs.dataset.cc.CCDataset")]
    Cc { certs: Vec<Cc> },
}

#[derive(Deserialize)]
struct Fips {
    cert_id: u64,
    web_data: FipsPage,
}

#[derive(Deserialize)]
struct FipsPage {
    standard: Option<String>,
    level: Option<i64>,
    status: Option<String>,
    date_sunset: Option<String>,
}

#[derive(Deserialize)]
struct Cc {
    name: String,
    status: String,
    security_level: Option<Elements>,
    not_valid_after: Option<String>,
}

#[derive(Deserialize)]
struct Elements {
    elements: Vec<String>,
}

impl Lists {
    /// Reads one more list.
    ///
    /// # Errors
    /// [`Failure`] for a file that does not read as a dataset of sec-certs, or lists nothing.
    pub(super) fn read(&mut self, path: &Path) -> Result<(), Failure> {
        let bytes = files::read_bytes(path, LIST_LEN_BYTES_MAX)?;
        let dataset: Dataset = serde_json::from_slice(&bytes).map_err(|error| {
            Failure::content(path, format!("no FIPS or CC dataset of sec-certs: {error}"))
        })?;
        let entries: Vec<Listed> = match dataset {
            Dataset::Fips { certs } => certs.into_iter().filter_map(fips).collect(),
            Dataset::Cc { certs } => certs.into_iter().filter_map(common_criteria).collect(),
        };
        if entries.is_empty() {
            return Err(Failure::content(path, "it lists no certificate with its status"));
        }
        self.entries.extend(entries);
        Ok(())
    }

    /// Gives each validation the status, level and sunset of the list's entry with its number.
    ///
    /// # Errors
    /// [`Failure`] where row and list, or two lists, disagree.
    pub(super) fn fill(&self, rows: &mut Rows) -> Result<(), Failure> {
        for row in &mut rows.validations {
            let same = |entry: &&Listed| entry.scheme == row.scheme && entry.number == row.number;
            let mut found = self.entries.iter().filter(same);
            let Some(entry) = found.next() else { continue };
            if found.any(|other| other != entry) {
                return Err(disagree(row, "two lists disagree about it", "give the newer list alone"));
            }
            fill(row, entry)?;
        }
        Ok(())
    }
}

fn fill(row: &mut Validation, entry: &Listed) -> Result<(), Failure> {
    let help = "leave to the list what it says, or mend the number";
    if row.level.is_some_and(|level| entry.level.is_some_and(|listed| listed != level)) {
        return Err(disagree(row, "the list has another level for it", help));
    }
    if row.status.as_ref().is_some_and(|status| *status != entry.status) {
        return Err(disagree(row, "the list has another status for it", help));
    }
    row.level = row.level.or(entry.level);
    row.status = Some(entry.status.clone());
    let days = [row.sunset.take(), entry.sunset.clone()].into_iter().flatten();
    row.sunset = days.min_by_key(|day| day.0);
    Ok(())
}

fn disagree(row: &Validation, what: &str, help: &'static str) -> Failure {
    Failure::usage_with_help(format!("row `{}`, number `{}`: {what}", row.id, row.number), help)
}

fn fips(certificate: Fips) -> Option<Listed> {
    let FipsPage { standard, level, status, date_sunset } = certificate.web_data;
    let scheme = match standard?.as_str() {
        "FIPS 140-2" => Scheme::Fips1402,
        "FIPS 140-3" => Scheme::Fips1403,
        _ => return None,
    };
    let sunset = date_sunset.as_deref().and_then(parse_date).map(Day);
    Some(Listed {
        scheme,
        number: certificate.cert_id.to_string(),
        level,
        status: standing(&status?)?,
        sunset,
    })
}

fn common_criteria(certificate: Cc) -> Option<Listed> {
    let levels = certificate.security_level.into_iter().flat_map(|levels| levels.elements);
    let level =
        levels.filter_map(|level| level.strip_prefix("EAL")?.trim_end_matches('+').parse().ok()).min();
    let status = match certificate.status.as_str() {
        "archived" => standing("historical")?,
        other => standing(other)?,
    };
    let sunset = certificate.not_valid_after.as_deref().and_then(parse_date).map(Day);
    Some(Listed { scheme: Scheme::Cc, number: certificate.name, level, status, sunset })
}

fn standing(status: &str) -> Option<Standing> {
    Words::Validation.word(status).map(Standing)
}
