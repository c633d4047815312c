//! Statements of people: which of them a policy takes, and what they say of a request's key.
//!
//! The deployment gives bytes; the policy's `signers statements "KIND"` says whose statements of that kind count, and how old
//! they may be. A statement that is not taken changes nothing: what it would have said stays unknown.
use crate::sealed::{self, SealedFile};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::facts::Facts;
use pkic_facts::statement::{Statement, Trust, kind_of};
use pkic_ir::Program;

/// What became of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its name in messages.
    pub file: String,
    /// SHA-256 of the envelope.
    pub digest: Sha256Digest,
    /// Its kind and who states it, where its signer counts.
    pub said_by: Option<(&'static str, String)>,
    /// Paths of the facts that were taken from it.
    pub facts: Vec<&'static str>,
    /// Why nothing was taken.
    pub why_not: Option<String>,
}

/// The name after `signers` in a policy.
const KIND: &str = "statements";

/// Adds what the statements say that the program takes at that moment, in their order, and says what became of each.
pub fn hear(program: &Program, files: &[SealedFile<'_>], facts: &mut Facts, now: i64) -> Vec<Heard> {
    let hear_one = |file: &SealedFile<'_>| {
        let mut heard = Heard {
            file: file.file.to_owned(),
            digest: Sha256Digest::of(file.bytes),
            said_by: None,
            facts: Vec::new(),
            why_not: None,
        };
        match open(program, file, now) {
            Err(why) => heard.why_not = Some(why),
            Ok(statement) => {
                heard.said_by = Some((statement.body().kind.name(), statement.body().by.clone()));
                match facts.witness(&statement) {
                    Err(reject) => heard.why_not = Some(reject.to_string()),
                    Ok(taken) if taken.is_empty() => {
                        let why = "key and module are known from elsewhere, and two sources are not mixed";
                        heard.why_not = Some(why.to_owned());
                    }
                    Ok(taken) => heard.facts = taken,
                }
            }
        }
        heard
    };
    files.iter().map(hear_one).collect()
}

fn open(program: &Program, file: &SealedFile<'_>, now: i64) -> Result<Statement, String> {
    let (kind, ..) = kind_of(file.bytes).map_err(|reject| reject.to_string())?;
    let (signers, age_s_max) = sealed::signers(program, KIND, kind.name())?;
    let trust = Trust { kind, signers: &signers, age_s_max };
    Statement::open(file.bytes, &trust, now).map_err(|reject| reject.to_string())
}
