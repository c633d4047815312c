//! Every read and write of a file, with the size that each kind may have.
use crate::failure::Failure;
use pkic_vocab::limits;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Reads a file of at most `bytes_max` bytes; of a longer one no more than that is read.
pub(crate) fn read_bytes(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::Read { path: path.to_path_buf(), error };
    let too_long = || Failure::TooLong { path: path.to_path_buf(), bytes_max };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    if metadata.is_file() && metadata.len() > limit {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > bytes_max { Err(too_long()) } else { Ok(bytes) }
}

/// Whether others than its owner may read or write a file, where the system tells.
pub(crate) fn is_open_to_others(path: &Path) -> Result<bool, Failure> {
    let metadata = fs::metadata(path).map_err(|error| Failure::Read { path: path.to_path_buf(), error })?;
    #[cfg(unix)]
    let is_open = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0;
    #[cfg(not(unix))]
    let is_open = metadata.is_dir();
    Ok(is_open)
}

/// When a file was last written, in seconds since 1970-01-01T00:00:00Z.
pub(crate) fn modified_s(path: &Path) -> Result<i64, Failure> {
    let failed = |error| Failure::Read { path: path.to_path_buf(), error };
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified()).map_err(failed)?;
    let since =
        modified.duration_since(std::time::UNIX_EPOCH).map_err(|_| failed(io::ErrorKind::Other.into()))?;
    i64::try_from(since.as_secs()).map_err(|_| failed(io::ErrorKind::Other.into()))
}

/// Refuses a file that cannot be opened for reading.
pub(crate) fn readable(path: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::Read { path: path.to_path_buf(), error };
    let metadata = File::open(path).and_then(|file| file.metadata()).map_err(failed)?;
    if metadata.is_dir() { Err(failed(io::ErrorKind::IsADirectory.into())) } else { Ok(()) }
}

/// Refuses a folder that cannot be listed.
pub(crate) fn listable(path: &Path) -> Result<(), Failure> {
    fs::read_dir(path).map(drop).map_err(|error| Failure::Read { path: path.to_path_buf(), error })
}

/// Reads a text file of at most `bytes_max` bytes.
pub(crate) fn read_text(path: &Path, bytes_max: usize) -> Result<String, Failure> {
    String::from_utf8(read_bytes(path, bytes_max)?)
        .map_err(|_| Failure::Read { path: path.to_path_buf(), error: io::ErrorKind::InvalidData.into() })
}

/// Reads a TOML file of at most `bytes_max` bytes as a `T`.
pub(crate) fn read_toml<T: serde::de::DeserializeOwned>(path: &Path, bytes_max: usize) -> Result<T, Failure> {
    let text = read_text(path, bytes_max)?;
    toml::from_str(&text).map_err(|error| {
        let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or_default());
        let line = before.bytes().filter(|byte| *byte == b'\n').count().saturating_add(1);
        let what = error.message().lines().collect::<Vec<_>>().join(", ");
        Failure::content(path, format!("line {line}: {what}"))
    })
}

/// Reads a policy file.
pub(crate) fn read_policy(path: &Path) -> Result<String, Failure> {
    read_text(path, limits::SOURCE_LEN_BYTES_MAX)
}

/// Writes a new file that its owner alone may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    create(path, text, Some(0o600))
}

/// Writes a file that was not there before.
pub(crate) fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    create(path, text, None)
}

fn create(path: &Path, text: &str, mode: Option<u32>) -> Result<(), Failure> {
    let failed = |error| Failure::Write { path: path.to_path_buf(), error };
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        mode.map(|mode| options.mode(mode));
    }
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// Writes a whole file or nothing: a new file beside it takes its place, with its permissions.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error| Failure::Write { path: path.to_path_buf(), error };
    let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(beside);
    let permissions = fs::metadata(path).ok().map(|metadata| metadata.permissions());
    let written = File::create_new(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        if let Some(permissions) = permissions {
            file.set_permissions(permissions)?;
        }
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    written.map_err(|error| {
        // The half-written file is ours alone; that it cannot be removed changes nothing for the reader.
        let _ = fs::remove_file(&beside);
        failed(error)
    })
}

/// The policy files among `paths`: files as named, and every `.pki` file below a folder, sorted, each once.
///
/// Hidden folders and symbolic links to folders are left out.
pub(crate) fn policies(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| Failure::Read { path: path.clone(), error })?;
        if !metadata.is_dir() {
            found.push(path.clone());
            continue;
        }
        let before = found.len();
        collect(path, limits::NESTING_MAX, &mut found)?;
        if found.len() == before {
            return Err(Failure::Content {
                path: path.clone(),
                reason: "it holds no `.pki` file".to_owned(),
            });
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The folder that a file lies in.
pub(crate) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// The `.pki` files that lie in a folder itself, sorted.
pub(crate) fn policies_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let found = entries(folder)?.into_iter().filter(|path| is_policy(path) && path.is_file());
    Ok(found.map(|path| path.strip_prefix(".").map_or(path.clone(), Path::to_path_buf)).collect())
}

fn collect(folder: &Path, levels: usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for path in entries(folder)? {
        let kind = fs::symlink_metadata(&path)
            .map_err(|error| Failure::Read { path: path.clone(), error })?
            .file_type();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if kind.is_dir() && !hidden {
            let below = levels.checked_sub(1).ok_or_else(|| Failure::TooMany {
                path: path.clone(),
                what: "levels of folders",
                max: limits::NESTING_MAX,
            })?;
            collect(&path, below, found)?;
        } else if is_policy(&path) && path.is_file() {
            found.push(path);
        }
        if found.len() > limits::PROFILES_MAX {
            return Err(Failure::TooMany {
                path: folder.to_path_buf(),
                what: "policy files",
                max: limits::PROFILES_MAX,
            });
        }
    }
    Ok(())
}

/// What stands in a folder, sorted by name.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| Failure::Read { path: folder.to_path_buf(), error };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
        if paths.len() > limits::PROFILES_MAX {
            return Err(Failure::TooMany {
                path: folder.to_path_buf(),
                what: "entries",
                max: limits::PROFILES_MAX,
            });
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_policy(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "pki")
}

/// A path as reports name it: forward slashes, and relative to the working folder where it lies below it.
pub(crate) fn shown(path: &Path) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    path.to_string_lossy().replace('\\', "/")
}
