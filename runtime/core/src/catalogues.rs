//! Catalogues of a deployment: which of them a policy takes, and what they say of a request's module.
//!
//! The deployment gives bytes; the policy's `signers catalogues` says whose count, under which name, and how old they
//! may be. A catalogue that is not taken changes nothing: what it would have said stays unknown.
use crate::input::InputError;
use crate::sealed::{self, SealedFile};
use pkic_facts::catalogue::{Catalogue, Trust};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::envelope::{Peeked, peek};
use pkic_facts::facts::Facts;
use pkic_ir::Program;

/// What became of a catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consulted {
    /// Its name in messages.
    pub file: String,
    /// SHA-256 of the envelope.
    pub digest: Sha256Digest,
    /// Its name and sequence number, where it was taken.
    pub edition: Option<(String, u64)>,
    /// Ids of the rows about this request's module.
    pub rows: Vec<String>,
    /// Why it was not taken.
    pub why_not: Option<String>,
}

/// The name after `signers` in a policy.
const KIND: &str = "catalogues";

/// Joins every catalogue that the program takes at that moment to the facts, and says what became of each.
///
/// Of several editions of one name, the latest that the program takes counts.
///
/// # Errors
/// [`InputError`] where a row has a value over a limit, or the facts are of another moment.
pub fn endorse(
    program: &Program,
    files: &[SealedFile<'_>],
    facts: &mut Facts,
    now: i64,
) -> Result<Vec<Consulted>, InputError> {
    let opened: Vec<Result<Catalogue, String>> = files.iter().map(|file| open(program, file, now)).collect();
    let sequence_of = |catalogue: &Catalogue| {
        let same = opened.iter().flatten().filter(|other| other.manifest().name == catalogue.manifest().name);
        same.map(|other| other.manifest().sequence).max()
    };
    let mut consulted = Vec::with_capacity(files.len());
    let mut taken: Vec<(String, u64)> = Vec::new();
    for (file, opened) in files.iter().zip(&opened) {
        let mut entry = Consulted {
            file: file.file.to_owned(),
            digest: Sha256Digest::of(file.bytes),
            edition: None,
            rows: Vec::new(),
            why_not: None,
        };
        match opened {
            Err(why) => entry.why_not = Some(why.clone()),
            Ok(catalogue) => {
                let edition = (catalogue.manifest().name.clone(), catalogue.manifest().sequence);
                if sequence_of(catalogue) != Some(edition.1) || taken.contains(&edition) {
                    entry.why_not = Some(format!("another edition of `{}` is given", edition.0));
                } else {
                    entry.rows = facts.endorse(catalogue).map_err(|reject| {
                        InputError::rejected(file.file, &reject, "give a catalogue within the limits")
                    })?;
                    taken.push(edition.clone());
                    entry.edition = Some(edition);
                }
            }
        }
        consulted.push(entry);
    }
    Ok(consulted)
}

fn open(program: &Program, file: &SealedFile<'_>, now: i64) -> Result<Catalogue, String> {
    let Peeked { manifest, .. } = peek(file.bytes).map_err(|reject| reject.to_string())?;
    let (signers, age_s_max) = sealed::signers(program, KIND, &manifest.name)?;
    let trust = Trust { names: &[manifest.name.as_str()], signers: &signers, age_s_max };
    Catalogue::open(file.bytes, &trust, file.last_seen, now).map_err(|reject| reject.to_string())
}
