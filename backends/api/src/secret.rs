//! PINs, passwords and access keys: where they come from, and that they do not show.
use crate::error::{Problem, StoreError};
use std::fmt;
use zeroize::Zeroizing;

/// Octets of a secret: a PIN, a password or an access key fits.
pub const SECRET_LEN_BYTES_MAX: usize = 4096;

/// A secret. It is wiped when it is dropped, and has neither `Debug` nor `Display` of its content.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes these octets.
    pub fn new(octets: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(octets))
    }

    /// The octets, for the one call that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text.
    ///
    /// # Errors
    /// [`StoreError`] where it is no UTF-8.
    pub fn expose_text(&self) -> Result<&str, StoreError> {
        std::str::from_utf8(&self.0).map_err(|_| {
            StoreError::new(Problem::Credentials, "secret", "it is no UTF-8 text", "store it as UTF-8")
        })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret comes from: never the text of a policy, a URI or a deployment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Environment(String),
    /// The first line of a file that only its owner reads.
    File(String),
}

impl SecretSource {
    /// Reads `env:NAME`, `file:PATH` or a bare path, as `pin-source` of RFC 7512 has them (section 2.4).
    ///
    /// # Errors
    /// [`StoreError`] for an empty name or path.
    pub fn parse(text: &str) -> Result<SecretSource, StoreError> {
        let (source, rest) = match text.split_once(':') {
            Some(("env", name)) => (SecretSource::Environment(name.to_owned()), name),
            Some(("file", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                (SecretSource::File(path.to_owned()), path)
            }
            _ => (SecretSource::File(text.to_owned()), text),
        };
        if rest.is_empty() {
            let help = "write `env:NAME` or `file:PATH`";
            return Err(StoreError::new(Problem::Configuration, "pin-source", "it is empty", help));
        }
        Ok(source)
    }

    /// Reads the secret now.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Credentials` where it is not there, empty, over the limit, or, as a file, open to
    /// others than its owner.
    pub fn read(&self) -> Result<Secret, StoreError> {
        let octets = match self {
            SecretSource::Environment(name) => {
                let value = std::env::var_os(name).ok_or_else(|| {
                    self.unfit("the variable is not set", "set it in the service's environment")
                })?;
                value.into_encoded_bytes()
            }
            SecretSource::File(path) => self.read_file(path)?,
        };
        if octets.is_empty() || octets.len() > SECRET_LEN_BYTES_MAX {
            return Err(self.unfit("it is empty, or longer than 4096 bytes", "put the secret alone there"));
        }
        Ok(Secret::new(octets))
    }

    fn read_file(&self, path: &str) -> Result<Vec<u8>, StoreError> {
        let unread =
            |error: std::io::Error| self.unfit(error.to_string(), "give a file that this user can read");
        check_private(path).map_err(|what| self.unfit(what, "`chmod 600` it"))?;
        let length = std::fs::metadata(path).map_err(unread)?.len();
        if length > SECRET_LEN_BYTES_MAX as u64 {
            return Err(self.unfit("it is longer than 4096 bytes", "put the secret alone into the file"));
        }
        let whole = Zeroizing::new(std::fs::read(path).map_err(unread)?);
        let line = whole.split(|octet| *octet == b'\n').next().unwrap_or_default();
        Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
    }

    fn unfit(&self, what: impl Into<String>, help: &str) -> StoreError {
        StoreError::new(Problem::Credentials, self, what, help)
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::Environment(name) => write!(f, "env:{name}"),
            SecretSource::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// Refuses a file that others than its owner may read or write. On systems without such bits there is nothing to check.
///
/// # Errors
/// What is wrong, in words.
pub fn check_private(path: impl AsRef<std::path::Path>) -> Result<(), String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = std::fs::metadata(path.as_ref()).map_err(|error| error.to_string())?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!("others than its owner may use it (mode {mode:03o})"));
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
