//! Reading the record: the log without its writer's key, and records as JSON for people and conditions.
use crate::World;
use crate::cli::ca::Logged;
use crate::config::Deployment;
use crate::failure::Failure;
use crate::{ca, files};
use pkic_audit::{LogError, Reader, VerifierKey};
use pkic_facts::crypto::Sha256Digest;
use pkic_runtime::bundle::{self, Loaded};
use pkic_runtime::record::{Intent, Outcome, Particulars};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// A log that is read.
pub(crate) struct Opened {
    pub(crate) reader: Reader,
    pub(crate) key: VerifierKey,
    /// The witnesses of the deployment that names it.
    pub(crate) witnesses: Vec<VerifierKey>,
}

/// An issuance, from its intent to what came of it.
pub(crate) struct Issuance {
    pub(crate) index: u64,
    pub(crate) intent: Intent,
    pub(crate) entry: Vec<u8>,
    /// Kind of the entry that closed it, and what that says.
    pub(crate) outcome: Option<(String, Outcome)>,
    /// Index of that entry.
    pub(crate) closed: Option<u64>,
}

/// What stopped the reading of a log.
pub(crate) fn unread(error: &LogError) -> Failure {
    Failure::Issue { exit: crate::failure::Exit::of_log(error), what: error.to_string() }
}

impl Opened {
    /// Opens the log that the arguments name.
    pub(crate) fn open(logged: &Logged, world: World) -> Result<Opened, Failure> {
        let (directory, key, witnesses): (PathBuf, VerifierKey, Vec<VerifierKey>) =
            match (&logged.log, &logged.log_key) {
                (Some(directory), Some(text)) => {
                    let key = VerifierKey::parse(text).map_err(|_| {
                        let help = "write `<name>+<hash>+<base64>`, as `pkic ca init` showed it";
                        Failure::usage_with_help("`--log-key` is no verifier key", help)
                    })?;
                    (directory.clone(), key, Vec::new())
                }
                _ => {
                    let deployment = Deployment::load(&logged.config, world)?;
                    let key = ca::verifier(&deployment)?;
                    let witnesses =
                        deployment.witnesses.into_iter().map(|witness| witness.key.value).collect();
                    (deployment.log.map(|log| log.directory.value).unwrap_or_default(), key, witnesses)
                }
            };
        let reader = Reader::open(&directory, key.clone()).map_err(|error| unread(&error))?;
        Ok(Opened { reader, key, witnesses })
    }

    /// Hands every issuance to `take`, in the order of the log, until it says to stop. Memory grows with what is open at a
    /// time, and with nothing else.
    pub(crate) fn issuances(
        &self,
        mut take: impl FnMut(Issuance) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut open: Vec<Issuance> = Vec::new();
        for record in self.reader.entries(0..u64::MAX) {
            let record = record.map_err(|error| unread(&error))?;
            let index = record.index;
            match record.entry.kind.as_str() {
                "intent" => {
                    let intent = payload(index, &record.entry.payload)?;
                    let entry = record.entry.encode().map_err(|error| damaged(index, &error.to_string()))?;
                    open.push(Issuance { index, intent, entry, outcome: None, closed: None });
                }
                kind @ ("issued" | "failed" | "void") => {
                    let outcome: Outcome = payload(index, &record.entry.payload)?;
                    let at = open.iter().position(|issuance| issuance.index == outcome.intent);
                    // A list closes as a certificate does, and its intent is of another kind.
                    let Some(at) = at else { continue };
                    let issuance = open.remove(at);
                    let outcome = Some((kind.to_owned(), outcome));
                    if !take(Issuance { outcome, closed: Some(index), ..issuance })? {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        for issuance in open {
            if !take(issuance)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The issuance whose intent is at that index.
    pub(crate) fn issuance(&self, index: u64) -> Result<Option<Issuance>, Failure> {
        let mut found = None;
        self.issuances(|issuance| {
            let is_it = issuance.index == index;
            if is_it {
                found = Some(issuance);
            }
            Ok(!is_it)
        })?;
        Ok(found)
    }

    /// The certificate that was released, unless it was erased.
    pub(crate) fn certificate(&self, issuance: &Issuance) -> Result<Option<Vec<u8>>, Failure> {
        let (Some((_, outcome)), Some(closed)) = (&issuance.outcome, issuance.closed) else {
            return Ok(None);
        };
        let Some(text) = &outcome.certificate else { return Ok(None) };
        self.reader.beside(closed, &digest(closed, text)?).map_err(|error| unread(&error))
    }

    /// What stands beside an intent, unless it was erased.
    pub(crate) fn particulars(&self, issuance: &Issuance) -> Result<Option<Particulars>, Failure> {
        let digest = digest(issuance.index, &issuance.intent.particulars)?;
        let found = self.reader.beside(issuance.index, &digest).map_err(|error| unread(&error))?;
        found.map(|bytes| payload(issuance.index, &bytes)).transpose()
    }

    /// An object of the log that a record names.
    pub(crate) fn object(&self, index: u64, text: &str, what: &str) -> Result<Vec<u8>, Failure> {
        let found = self.reader.object(&digest(index, text)?).map_err(|error| unread(&error))?;
        found.ok_or_else(|| damaged(index, &format!("{what} {text} is not kept")))
    }

    /// The program that a record names: of the bundles that its entry keeps, the one with that digest.
    pub(crate) fn program(&self, issuance: &Issuance) -> Result<Loaded, Failure> {
        let index = issuance.index;
        let entry =
            pkic_audit::Entry::decode(&issuance.entry).map_err(|error| damaged(index, &error.to_string()))?;
        for object in &entry.objects {
            let bytes = self.object(index, &object.to_string(), "object")?;
            let Ok(loaded) = bundle::open_for_evaluation(&bytes, issuance.intent.decided.at) else {
                continue;
            };
            if loaded.digest().to_string() == issuance.intent.decided.inputs.program {
                return Ok(loaded);
            }
        }
        Err(damaged(index, "its program is not kept"))
    }
}

/// A record as conditions see it: `fact["key.storage"]`, `grade["key.storage"]`, and the fields beside.
pub(crate) fn shown(issuance: &Issuance, particulars: Option<&Particulars>) -> Value {
    let intent = &issuance.intent;
    let (mut fact, mut grade) = (Map::new(), Map::new());
    for row in intent.decided.facts.rows(particulars.map(|particulars| &particulars.values)) {
        fact.insert(row.path.clone(), row.value);
        if let Some(of) = row.grade {
            grade.insert(row.path, Value::String(of));
        }
    }
    let (outcome, certificate) = match &issuance.outcome {
        Some((kind, outcome)) => (kind.as_str(), outcome.certificate.clone()),
        None => ("open", None),
    };
    serde_json::json!({
        "version": 1,
        "index": issuance.index,
        "at": pkic_runtime::report::moment(intent.decided.at),
        "lab": intent.decided.lab,
        "operation": intent.decided.operation,
        "profile": intent.decided.profile,
        "authority": intent.decided.authority,
        "serial": intent.serial,
        "outcome": outcome,
        "certificate": certificate,
        "key": intent.key,
        "fact": fact,
        "grade": grade,
    })
}

fn payload<T: serde::de::DeserializeOwned>(index: u64, bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| damaged(index, &error.to_string()))
}

fn digest(index: u64, text: &str) -> Result<Sha256Digest, Failure> {
    Sha256Digest::from_text(text).ok_or_else(|| damaged(index, "a digest does not read"))
}

fn damaged(index: u64, what: &str) -> Failure {
    let help = "verify the log with `pkic audit verify`";
    Failure::usage_with_help(format!("entry {index} of the log: {what}"), help)
}

/// A file beside the log, such as an older checkpoint.
pub(crate) fn checkpoint(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    files::read_bytes(path, pkic_audit::NOTE_LEN_BYTES_MAX)
}
