//! That day's inputs: what a CA held of others when it decided, kept once for all orders that it was the same for.
//!
//! An object of the log names them with their digests, and each is an object itself: the anchor set, every list of
//! revocation, catalogues, statements (design D16). A record names the day alone.
use super::kept::decode;
use crate::trust::{Held, Trusted};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkic_audit::{Log, LogError};
use pkic_facts::anchors::{AnchorSet, AnchorSources};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::revocation::{Fetched, ListSource, RevocationData};
use pkic_vocab::words::Words;
use serde::{Deserialize, Serialize};

/// The object that a record names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Day {
    version: u32,
    /// SHA-256 of [`Anchors`]; nothing for an empty set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    anchors: Option<String>,
    crls: Vec<Named>,
    status_lists: Vec<NamedStatusList>,
    catalogues: Vec<Named>,
    statements: Vec<Named>,
}

/// The files of an anchor set, base64.
#[derive(Serialize, Deserialize)]
struct Anchors {
    listing: String,
    files: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Named {
    /// Its name in messages.
    file: String,
    digest: String,
    /// The highest sequence number that had been seen of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_seen: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct NamedStatusList {
    file: String,
    digest: String,
    fetched_at: i64,
    age_s_max: i64,
    formats: Vec<String>,
}

/// An object of the log that a replay needs and does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What it is.
    pub what: &'static str,
    /// Its digest, as the record has it.
    pub digest: String,
}

/// Why that day's inputs cannot be had.
pub(super) enum Unread {
    Missing(Missing),
    /// In words: the log's files are damaged, or it is no record of this version.
    Damaged(String),
}

/// Hands out the object with a digest; nothing where it is not kept.
pub type Objects<'a> = dyn Fn(&Sha256Digest) -> Result<Option<Vec<u8>>, String> + 'a;

impl Day {
    /// Keeps what a CA holds of others, and says under which digest.
    pub(crate) fn keep(trusted: &Trusted, log: &Log) -> Result<Sha256Digest, LogError> {
        let sources = trusted.anchors.sources();
        let anchors = match *sources == AnchorSources::default() {
            true => None,
            false => Some(log.put_object(&json(&Anchors::of(sources)))?.to_string()),
        };
        let (mut crls, mut status_lists) = (Vec::new(), Vec::new());
        for list in trusted.anchors.revocation().sources() {
            match list {
                ListSource::Crl { name, der } => {
                    let digest = log.put_object(der)?.to_string();
                    crls.push(Named { file: name.to_owned(), digest, last_seen: None });
                }
                ListSource::StatusList(list) => {
                    let digest = log.put_object(list.bytes)?;
                    status_lists.push(NamedStatusList::of(&list, digest));
                }
            }
        }
        let held = |held: &Held| {
            let digest = log.put_object(&held.bytes)?.to_string();
            Ok(Named { file: held.file.clone(), digest, last_seen: held.last_seen })
        };
        let catalogues = trusted.catalogues.iter().map(held).collect::<Result<_, LogError>>()?;
        let statements = trusted.statements.iter().map(held).collect::<Result<_, LogError>>()?;
        let day = Day { version: super::VERSION, anchors, crls, status_lists, catalogues, statements };
        log.put_object(&json(&day))
    }

    /// Reads what a CA held that day.
    pub(super) fn read(digest: &str, objects: &Objects<'_>) -> Result<Trusted, Unread> {
        let day: Day = parse("that day's inputs", &object("that day's inputs", digest, objects)?)?;
        let anchors = match &day.anchors {
            None => AnchorSet::default(),
            Some(digest) => parse::<Anchors>("the anchor set", &object("the anchor set", digest, objects)?)?
                .read()
                .map_err(Unread::Damaged)?,
        };
        let mut revocation = RevocationData::default();
        for named in &day.crls {
            let der = object("a revocation list", &named.digest, objects)?;
            revocation.add_crls(&named.file, &der).map_err(|reject| Unread::Damaged(reject.to_string()))?;
        }
        for named in &day.status_lists {
            named.add_to(&mut revocation, &object("a status list", &named.digest, objects)?)?;
        }
        let held = |what, named: &Named| {
            let bytes = object(what, &named.digest, objects)?;
            Ok(Held { file: named.file.clone(), bytes, last_seen: named.last_seen })
        };
        let catalogues = day.catalogues.iter().map(|named| held("a catalogue", named));
        let statements = day.statements.iter().map(|named| held("a statement", named));
        Ok(Trusted {
            anchors: anchors.with_revocation(revocation),
            catalogues: catalogues.collect::<Result<_, _>>()?,
            statements: statements.collect::<Result<_, _>>()?,
            plugins: Vec::new(),
        })
    }
}

impl Anchors {
    fn of(sources: &AnchorSources) -> Anchors {
        let file = |(name, bytes): &(String, Vec<u8>)| (name.clone(), STANDARD.encode(bytes));
        Anchors { listing: sources.listing.clone(), files: sources.files.iter().map(file).collect() }
    }

    fn read(self) -> Result<AnchorSet, String> {
        let file = |(name, text): (String, String)| Ok((name, decode("the anchor set", &text)?));
        let files = self.files.into_iter().map(file).collect::<Result<_, String>>()?;
        AnchorSources { listing: self.listing, files }.load().map_err(|error| error.to_string())
    }
}

impl NamedStatusList {
    fn of(list: &Fetched<'_>, digest: Sha256Digest) -> NamedStatusList {
        NamedStatusList {
            file: list.name.to_owned(),
            digest: digest.to_string(),
            fetched_at: list.at,
            age_s_max: list.age_s_max,
            formats: list.formats.iter().map(|format| (*format).to_owned()).collect(),
        }
    }

    fn add_to(&self, revocation: &mut RevocationData, bytes: &[u8]) -> Result<(), Unread> {
        let formats = self.formats.iter().map(|name| {
            let word = Words::Format.word(name).map(|word| word.name());
            word.ok_or_else(|| Unread::Damaged(format!("there is no format `{name}`")))
        });
        let formats = formats.collect::<Result<Vec<&'static str>, _>>()?;
        let (at, age_s_max) = (self.fetched_at, self.age_s_max);
        let fetched = Fetched { name: &self.file, bytes, at, age_s_max, formats: &formats };
        revocation.add_status_list(&fetched).map_err(|reject| Unread::Damaged(reject.to_string()))
    }
}

/// The object with that digest, which it has: whoever hands it out is not believed.
fn object(what: &'static str, text: &str, objects: &Objects<'_>) -> Result<Vec<u8>, Unread> {
    let damaged = || Unread::Damaged(format!("{what}: its bytes have not the digest {text}"));
    let digest = Sha256Digest::from_text(text).ok_or_else(damaged)?;
    match objects(&digest).map_err(Unread::Damaged)? {
        None => Err(Unread::Missing(Missing { what, digest: text.to_owned() })),
        Some(bytes) if Sha256Digest::of(&bytes) != digest => Err(damaged()),
        Some(bytes) => Ok(bytes),
    }
}

fn parse<T: serde::de::DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, Unread> {
    serde_json::from_slice(bytes).map_err(|error| Unread::Damaged(format!("{what}: {error}")))
}

/// What is written here is text, lists and numbers, which JSON always has a form for.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
