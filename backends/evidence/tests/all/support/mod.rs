//! Reads expectation files and the samples that they name, and appraises them.
//!
//! An expectation file names the sample (with its SHA-256), the time, the anchors, and either the exact attested facts or
//! the stage and code of the refusal. Samples are never committed: they are read from the folder in `PKIC_SAMPLES`, else
//! from `../shared/evidence-samples` beside the workspace. Without them a test prints what it skips; with `CI=true` it
//! fails.

pub mod android;
pub mod answers;
pub mod chain;
pub mod made;
pub mod pkix_token;
pub mod synthetic;

#[allow(unused_imports)] // the benchmark takes a part of them
pub use answers::{appraise_with, attested, graded, stage_and_code, verified_fact, verified_facts};

use pkic_evidence::Appraisal;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::verified::activation::Activation;
use pkic_vocab::time;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    pub format: String,
    pub origin: String,
    pub commit: String,
    pub licence: String,
    pub time: String,
    pub nonce_hex: Option<String>,
    pub nonce_base64url: Option<String>,
    pub nonce_text: Option<String>,
    pub evidence: Vec<SampleFile>,
    pub request: Option<SampleFile>,
    /// The registrar's record of a TPM credential, for evidence that answers one.
    pub activation: Option<ActivationRecord>,
    pub anchors: Anchors,
    pub expect: Expect,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct SampleFile {
    pub path: String,
    pub sha256: String,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct ActivationRecord {
    /// `sha256:` digest of the endorsement key's subjectPublicKeyInfo.
    pub endorsement_key: String,
    pub name_hex: String,
    pub secret_hex: String,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Anchors {
    /// A listing beside the expectation files; without one, only self-signed certificates anchor.
    pub listing: Option<String>,
    /// Certificate files among the samples; `file.json#/a/0` is the base64 at that pointer (RFC 6901).
    pub files: Vec<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub verdict: String,
    pub stage: Option<String>,
    pub code: Option<String>,
    pub binding: Option<String>,
    /// Path to `[basis, value]`, for every attested fact.
    #[serde(default)]
    pub facts: BTreeMap<String, (String, String)>,
}

/// A sample with everything that its appraisal needs.
pub struct Case {
    pub name: String,
    pub expectation: Expectation,
    pub parts: Vec<Vec<u8>>,
    pub request: Option<Vec<u8>>,
    pub anchors: AnchorSet,
    pub nonce: Option<Vec<u8>>,
    pub activation: Option<Activation>,
    pub now: i64,
}

pub fn samples_folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evidence-samples");
    let folder = std::env::var_os("PKIC_SAMPLES").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// Every expectation whose samples are there.
pub fn cases() -> Vec<Case> {
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&expected)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 8, "the expectation files have gone missing");
    files.iter().filter_map(|file| load(&expected, file)).collect()
}

fn load(expected: &Path, file: &Path) -> Option<Case> {
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(file).unwrap();
    let expectation: Expectation = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let source = [&expectation.origin, &expectation.commit, &expectation.licence];
    assert!(source.iter().all(|part| !part.is_empty()), "{name}: no word of where the sample is from");
    let folder = samples_folder();
    // What we recorded ourselves is committed beside the tests.
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let read_file = |path: &str| match path.strip_prefix("recorded/") {
        Some(_) => std::fs::read(recorded.join(path)).ok(),
        None => folder.as_ref().and_then(|folder| std::fs::read(folder.join(path)).ok()),
    };
    let read = |path: &str| match path.split_once('#') {
        Some((file, pointer)) => read_file(file).map(|bytes| json_member(&bytes, pointer)),
        None => read_file(path),
    };
    let wanted = expectation.evidence.iter().chain(&expectation.request);
    let wanted =
        wanted.map(|sample| sample.path.as_str()).chain(expectation.anchors.files.iter().map(String::as_str));
    if let Some(missing) = wanted.clone().find(|path| read(path).is_none()) {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!is_ci, "{name}: no {missing}");
        eprintln!("skipped {name}: the sample {missing} is not here");
        return None;
    }
    let sample = |sample: &SampleFile| {
        let bytes = read(&sample.path).unwrap();
        let digest = Sha256Digest::of(&bytes).to_string();
        assert_eq!(digest, format!("sha256:{}", sample.sha256), "{name}: {} has changed", sample.path);
        bytes
    };
    let listing = expectation.anchors.listing.as_ref();
    let listing = listing.map_or(String::new(), |path| std::fs::read_to_string(expected.join(path)).unwrap());
    let anchor_bytes: Vec<(String, Vec<u8>)> =
        expectation.anchors.files.iter().map(|path| (path.clone(), read(path).unwrap())).collect();
    let anchor_files: Vec<AnchorFile<'_>> =
        anchor_bytes.iter().map(|(name, bytes)| AnchorFile { name, bytes }).collect();
    let nonce = match (&expectation.nonce_hex, &expectation.nonce_base64url, &expectation.nonce_text) {
        (Some(hex), None, None) => Some(hex_bytes(hex)),
        (None, Some(text), None) => {
            use base64::Engine as _;
            Some(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap())
        }
        (None, None, Some(text)) => Some(text.clone().into_bytes()),
        (None, None, None) => None,
        _ => panic!("{name}: more than one nonce"),
    };
    Some(Case {
        parts: expectation.evidence.iter().map(sample).collect(),
        request: expectation.request.as_ref().map(sample),
        anchors: AnchorSet::load(&anchor_files, &listing).unwrap_or_else(|error| panic!("{name}: {error}")),
        now: time::parse_date(&expectation.time).unwrap_or_else(|| panic!("{name}: no time")),
        activation: expectation.activation.as_ref().map(|record| Activation {
            endorsement_key: Sha256Digest::from_text(&record.endorsement_key).unwrap(),
            name: hex_bytes(&record.name_hex),
            secret: hex_bytes(&record.secret_hex),
        }),
        nonce,
        name,
        expectation,
    })
}

fn json_member(bytes: &[u8], pointer: &str) -> Vec<u8> {
    use base64::Engine as _;
    let json: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    let text = json.pointer(pointer).unwrap().as_str().unwrap();
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

fn hex_bytes(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

impl Case {
    /// Appraises these parts and this request with the case's anchors, time and nonce.
    pub fn appraise(&self, parts: &[Vec<u8>], request: Option<&[u8]>) -> Appraisal {
        let nonce = self.nonce.as_deref();
        appraise_with(parts, request, &self.anchors, nonce, self.now, self.activation.as_ref())
    }
}
