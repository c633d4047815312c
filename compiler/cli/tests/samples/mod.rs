//! Where the vendors' samples are: in `PKIC_SAMPLES`, or in `../shared/evidence-samples` beside the tree.
use std::path::{Path, PathBuf};

/// The root of the tree.
pub fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The samples of YubiKeys; nothing where there are none and that is allowed.
pub fn yubikeys() -> Option<PathBuf> {
    folder("yubikey-piv")
}

/// The samples of that name; nothing where there are none and that is allowed.
pub fn folder(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PKIC_SAMPLES")
        .map_or_else(|| tree().join("../shared/evidence-samples"), PathBuf::from)
        .join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no samples in {}", folder.display());
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "samples may not be skipped in CI");
    None
}
