//! The FIDO Metadata Service's BLOB as rows of a catalogue: what a model keeps keys in, what it is certified for, and what is
//! known against it.
//!
//! `keyProtection` is the maker's word, `hardware` alone says nothing of the place. A handle that the relying party keeps
//! (`remote_handle`) is wrapped, and does not change where the key is whole. Certifications that name no level make no row.
use crate::failure::Failure;
use crate::files;
use pkic_evidence::fido_mds::{self, BLOB_LEN_BYTES_MAX, Blob, Model};
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::catalogue::{
    Advisory, Class, Day, Identity, Rows, Scheme, Severity, Source, Standing, Storage, Validation,
};
use pkic_vocab::words::Words;
use pkic_vocab::{Word, limits};
use std::path::Path;

/// What is known against a model, by status, with its severity.
const AGAINST: [(&str, &str); 5] = [
    ("REVOKED", "critical"),
    ("ATTESTATION_KEY_COMPROMISE", "critical"),
    ("USER_KEY_REMOTE_COMPROMISE", "critical"),
    ("USER_KEY_PHYSICAL_COMPROMISE", "high"),
    ("USER_VERIFICATION_BYPASS", "high"),
];

/// The rows of a BLOB, checked against the service's root at a moment.
///
/// # Errors
/// [`Failure`] for a BLOB that does not hold, and a root that does not read.
pub(super) fn rows(blob: &Path, root: &Path, now: i64) -> Result<Rows, Failure> {
    let certificate = files::read_bytes(root, limits::EVIDENCE_LEN_BYTES_MAX)?;
    let anchors = AnchorSet::load(&[AnchorFile { name: &files::shown(root), bytes: &certificate }], "");
    let anchors = anchors.map_err(|error| Failure::content(root, error))?;
    let bytes = files::read_bytes(blob, BLOB_LEN_BYTES_MAX)?;
    let opened = fido_mds::open(&bytes, &anchors, now).map_err(|reject| Failure::content(blob, reject))?;
    let mut rows = Rows::default();
    for model in &opened.value().models {
        add(&mut rows, opened.value(), model);
    }
    Ok(rows)
}

fn add(rows: &mut Rows, blob: &Blob, model: &Model) {
    let id = format!("fido-mds/{}", model.aaguid);
    let of = Identity { aaguids: vec![model.aaguid.clone()], ..Identity::default() };
    let title = format!("FIDO Metadata Service, BLOB {}: {}", blob.number, model.description);
    let source = Source { title, dated: Day(model.changed) };
    let has = |status: &str| model.reports.iter().any(|report| report.status == status);
    if let Some(storage) = storage(model) {
        let (id, of, source) = (id.clone(), of.clone(), source.clone());
        rows.classes.push(Class { id, of, storage: Some(Storage(storage)), vendor: None, source });
    }
    // Each level stands for all below it; the highest counts, and a revocation withdraws them all.
    let levels = model.reports.iter().filter_map(|report| Some((level(&report.status)?, report)));
    if let Some((level, report)) = levels.max_by_key(|(level, _)| *level) {
        let status = Words::Validation.word(if has("REVOKED") { "revoked" } else { "active" });
        rows.validations.push(Validation {
            id: format!("{id}/certified"),
            scheme: Scheme::Fido,
            number: report.certificate.clone().unwrap_or_else(|| model.aaguid.clone()),
            of: of.clone(),
            level: Some(level),
            status: status.map(Standing),
            sunset: None,
            profiles: Vec::new(),
            source: source.clone(),
        });
    }
    for (status, severity) in AGAINST.into_iter().filter(|(status, _)| has(status)) {
        let Some(severity) = Words::Severity.word(severity) else { continue };
        rows.advisories.push(Advisory {
            id: format!("{id}/{status}"),
            name: Some(status.to_owned()),
            severity: Severity(severity),
            of: of.clone(),
            algorithms: Vec::new(),
            source: source.clone(),
        });
    }
}

/// Where keys of a model are, as far as its maker says.
fn storage(model: &Model) -> Option<Word> {
    let says = |word: &str| model.key_protection.iter().any(|said| said == word);
    let is_carried = model.attachment.iter().any(|hint| hint == "external");
    let storage = match (says("software"), says("tee"), says("secure_element"), is_carried) {
        (true, false, false, _) => "software",
        (false, true, false, _) => "tee",
        (false, false, true, true) => "se.token",
        (false, false, true, false) => "se",
        _ => return None,
    };
    Words::Storage.word(storage)
}

/// The level of a certification; `plus` is more than its level, and not the next.
fn level(status: &str) -> Option<i64> {
    match status.strip_prefix("FIDO_CERTIFIED_L")?.trim_end_matches("plus") {
        "1" => Some(1),
        "2" => Some(2),
        "3" => Some(3),
        _ => None,
    }
}
