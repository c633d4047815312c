//! Files that hold keys: named by labels, read up to a limit, and written for their owner alone.
use crate::error::{Problem, StoreError};
use crate::uri::KeyUri;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// Bytes of a label that names a file.
pub const LABEL_LEN_BYTES_MAX: usize = 200;

/// Refuses a label that is no plain file name: it must not leave its directory, nor hide there.
///
/// # Errors
/// [`StoreError`] of the problem `Configuration`.
pub fn check_label(label: &str) -> Result<(), StoreError> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_fit = !label.is_empty() && !label.starts_with('.') && label.len() <= LABEL_LEN_BYTES_MAX;
    if is_fit && label.chars().all(is_name) {
        return Ok(());
    }
    let help = "use letters, digits, `-`, `_` and `.`";
    Err(StoreError::new(Problem::Configuration, label, "it is no file name", help))
}

/// Reads the file of the key at `uri`, of at most that many bytes.
///
/// # Errors
/// [`StoreError`]: of the problem `KeyUnknown` where there is no such file.
pub fn read(path: &Path, uri: &KeyUri, len_bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let unread = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            StoreError::key_unknown(uri, format!("there is no file `{}`", path.display()))
        }
        _ => StoreError::new(Problem::File, uri, error.to_string(), "give a file that this user can read"),
    };
    let file = File::open(path).map_err(unread)?;
    let mut octets = Zeroizing::new(Vec::new());
    file.take(len_bytes_max.saturating_add(1)).read_to_end(&mut octets).map_err(unread)?;
    if octets.len() as u64 > len_bytes_max {
        let what = format!("it is longer than {len_bytes_max} bytes");
        return Err(StoreError::new(Problem::File, uri, what, "give a file with one key"));
    }
    Ok(octets)
}

/// Writes a new file, durably, that its owner alone may use. A file that is there stays as it is.
///
/// # Errors
/// [`StoreError`] of the problem `File`.
pub fn create_private(path: &Path, label: &str, octets: &[u8]) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = || {
        let mut file = options.open(path)?;
        file.write_all(octets)?;
        file.sync_all()
    };
    write().map_err(|error: std::io::Error| {
        let help = "choose another label, or give a directory that can be written";
        StoreError::new(Problem::File, label, error.to_string(), help)
    })
}
