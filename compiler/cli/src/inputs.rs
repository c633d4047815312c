//! What stands beside a policy: requests, evidence, anchors, lists, nonces and claims, read from files within their limits.
use crate::cli::Revocation;
use crate::failure::Failure;
use crate::files;
use pkic_evidence::formats::ANDROID_STATUS_LIST;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::envelope::ENVELOPE_LEN_BYTES_MAX;
use pkic_facts::request::CertificationRequest;
use pkic_facts::revocation::{Fetched, RevocationData};
use pkic_facts::verified::Evidence;
use pkic_runtime::input::{Given, JSON_LEN_BYTES_MAX, Speaker};
use pkic_runtime::sealed::SealedFile;
use pkic_vocab::{Type, Value, limits};
use std::path::{Path, PathBuf};

/// Reads a certification request.
pub(crate) fn request(path: &Path) -> Result<CertificationRequest, Failure> {
    let bytes = files::read_bytes(path, limits::CSR_LEN_BYTES_MAX)?;
    CertificationRequest::from_bytes(&bytes).map_err(|reject| Failure::content(path, reject))
}

/// Reads one item of evidence from the files of its parts.
pub(crate) fn evidence(paths: &[PathBuf]) -> Result<Evidence, Failure> {
    if paths.len() > limits::EVIDENCE_ITEMS_MAX {
        return Err(Failure::usage(format!(
            "one item of evidence has at most {} files",
            limits::EVIDENCE_ITEMS_MAX
        )));
    }
    let mut parts = Vec::new();
    for path in paths {
        parts.push(files::read_bytes(path, limits::EVIDENCE_LEN_BYTES_MAX)?);
    }
    let names: Vec<String> = paths.iter().map(|path| files::shown(path)).collect();
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    Evidence::new(&names.join(", "), &parts).map_err(|reject| Failure::usage(reject.to_string()))
}

/// The files of one item: `a.pem,b.pem`, or one file whose name has commas.
pub(crate) fn parts(item: &Path) -> Vec<PathBuf> {
    match item.to_str() {
        Some(text) if text.contains(',') && !item.exists() => text.split(',').map(PathBuf::from).collect(),
        _ => vec![item.to_path_buf()],
    }
}

/// Reads the trust anchors of a folder; folders below it are left alone. No folder: no anchors.
pub(crate) fn anchors(folder: Option<&Path>) -> Result<AnchorSet, Failure> {
    let Some(folder) = folder else {
        return Ok(AnchorSet::default());
    };
    let mut listing = String::new();
    let mut certificates = Vec::new();
    for path in files::entries(folder)? {
        if path.file_name().is_some_and(|name| name == "anchors.toml") {
            listing = files::read_text(&path, limits::EVIDENCE_LEN_BYTES_MAX)?;
        } else if is_certificate(&path) && path.is_file() {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            certificates.push((name, files::read_bytes(&path, limits::EVIDENCE_LEN_BYTES_MAX)?));
        }
        if certificates.len() > limits::PATH_CANDIDATES_MAX {
            let (what, max) = ("certificate files", limits::PATH_CANDIDATES_MAX);
            return Err(Failure::TooMany { path: folder.to_path_buf(), what, max });
        }
    }
    let files: Vec<AnchorFile<'_>> =
        certificates.iter().map(|(name, bytes)| AnchorFile { name, bytes }).collect();
    AnchorSet::load(&files, &listing).map_err(|error| Failure::content(folder, error))
}

/// Reads the trust anchors with the lists of revoked certificates that every path to them is held against.
pub(crate) fn trust(folder: Option<&Path>, revocation: &Revocation) -> Result<AnchorSet, Failure> {
    let Revocation { crl, status_list, status_list_fetched, status_list_max_age } = revocation;
    let mut data = RevocationData::default();
    for path in crl {
        let bytes = files::read_bytes(path, limits::REVOCATION_LEN_BYTES_MAX)?;
        data.add_crls(&files::shown(path), &bytes).map_err(|reject| Failure::content(path, reject))?;
    }
    if let (Some(path), Some(at)) = (status_list, status_list_fetched) {
        let bytes = files::read_bytes(path, limits::REVOCATION_LEN_BYTES_MAX)?;
        let fetched = Fetched {
            name: &files::shown(path),
            bytes: &bytes,
            at: *at,
            age_s_max: status_list_max_age.unwrap_or(limits::STATUS_LIST_AGE_S_MAX),
            formats: ANDROID_STATUS_LIST,
        };
        data.add_status_list(&fetched).map_err(|reject| Failure::content(path, reject))?;
    }
    Ok(anchors(folder)?.with_revocation(data))
}

fn is_certificate(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    matches!(extension.as_deref(), Some("pem" | "crt" | "cer" | "der"))
}

/// Reads a nonce in hexadecimal digits.
pub(crate) fn nonce(hex: Option<&str>) -> Result<Option<Vec<u8>>, Failure> {
    let Some(hex) = hex else { return Ok(None) };
    match Value::parse(Type::Bytes, hex) {
        Ok(Value::Bytes(bytes)) if (1..=limits::NONCE_LEN_BYTES_MAX).contains(&bytes.len()) => {
            Ok(Some(bytes))
        }
        Ok(_) => Err(Failure::usage(format!("a nonce has 1 to {} bytes", limits::NONCE_LEN_BYTES_MAX))),
        Err(why) => Err(Failure::usage(format!("--nonce: {why}"))),
    }
}

/// A catalogue as it was read.
pub(crate) struct SealedBytes {
    name: String,
    bytes: Vec<u8>,
}

impl SealedBytes {
    /// What it holds.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As the runtime takes it. No log remembers a sequence number here.
    pub(crate) fn file(&self) -> SealedFile<'_> {
        SealedFile { file: &self.name, bytes: &self.bytes, last_seen: None }
    }
}

/// Reads signed artefacts, such as catalogues; the policy says which of them count.
pub(crate) fn sealed(what: &str, paths: &[PathBuf]) -> Result<Vec<SealedBytes>, Failure> {
    if paths.len() > limits::EVIDENCE_ITEMS_MAX {
        return Err(Failure::usage(format!("at most {} {what}", limits::EVIDENCE_ITEMS_MAX)));
    }
    let read = |path: &PathBuf| {
        let bytes = files::read_bytes(path, ENVELOPE_LEN_BYTES_MAX)?;
        Ok(SealedBytes { name: files::shown(path), bytes })
    };
    paths.iter().map(read).collect()
}

/// The moment that a command works at: as asked for, else the system clock.
pub(crate) fn moment(at: Option<i64>, now: Option<i64>) -> Result<i64, Failure> {
    at.or(now).ok_or_else(|| {
        Failure::usage_with_help("the system clock does not tell the time", "say the time with `--at`")
    })
}

/// Reads facts that somebody gives, as a JSON object from paths to values. No file: nothing is given.
pub(crate) fn given(path: Option<&Path>, speaker: Speaker) -> Result<Given, Failure> {
    let Some(path) = path else { return Ok(Given::default()) };
    let bytes = files::read_bytes(path, JSON_LEN_BYTES_MAX)?;
    Given::from_json(&files::shown(path), &bytes, speaker).map_err(|error| Failure::from(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_hexadecimal_and_bounded() {
        assert_eq!(nonce(Some("00ff")).unwrap(), Some(vec![0, 255]));
        assert_eq!(nonce(None).unwrap(), None);
        let long = "00".repeat(limits::NONCE_LEN_BYTES_MAX.saturating_add(1));
        for text in ["", "0", "zz", long.as_str()] {
            assert!(nonce(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn commas_join_the_files_of_an_item() {
        assert_eq!(parts(Path::new("a.pem,b.pem")), [PathBuf::from("a.pem"), PathBuf::from("b.pem")]);
        assert_eq!(parts(Path::new("a.pem")), [PathBuf::from("a.pem")]);
    }
}
