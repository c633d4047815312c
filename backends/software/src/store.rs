//! The directory that the key files are in.
use crate::key::{self, FileKey};
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::Decode;
use pkcs8::der::pem::{LineEnding, decode_vec, encode_string};
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::file;
use pkic_backend::secret::{Secret, check_private};
use pkic_backend::store::{Generator, Identity, KeyStore, Listed, NewKey, Signer};
use pkic_backend::uri::{KeyUri, UriScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes of a key file: RSA-8192 in encrypted PEM takes 7 kB, ML-DSA-87 with both halves 8 kB.
const FILE_LEN_BYTES_MAX: u64 = 64 << 10;
/// Files that a directory may have for its keys to be listed.
const FILES_MAX: usize = 10_000;
/// Names of files that may hold keys.
const ENDINGS: [&str; 4] = ["pem", "key", "der", "p8"];
/// What is wanted in place of another kind of file.
const CONVERT: &str = "give PKCS#8 in PEM or DER: `openssl pkcs8 -topk8 -in FILE -out NEW`";

/// Key files under a directory. URIs are `file:PATH`, the path absolute or from the directory.
#[derive(Debug)]
pub struct SoftwareStore {
    directory: PathBuf,
    password: Option<Secret>,
}

impl SoftwareStore {
    /// Key files under this directory; the password opens those that are encrypted.
    pub fn new(directory: impl Into<PathBuf>, password: Option<Secret>) -> SoftwareStore {
        SoftwareStore { directory: directory.into(), password }
    }

    fn open(&self, uri: &KeyUri) -> Result<FileKey, StoreError> {
        if uri.scheme() != UriScheme::File {
            return Err(StoreError::wrong_scheme(uri, "software"));
        }
        let relative = uri.text("path").unwrap_or_default();
        let octets = read(&self.directory.join(relative), uri)?;
        let pkcs8 = self.decrypt(der_of(octets, uri)?, uri)?;
        FileKey::from_pkcs8(uri.clone(), &pkcs8)
    }

    /// The PrivateKeyInfo of a file that may be encrypted.
    fn decrypt(&self, der: Zeroizing<Vec<u8>>, uri: &KeyUri) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let Ok(encrypted) = EncryptedPrivateKeyInfoRef::from_der(&der) else { return Ok(der) };
        let credentials = |what: &str, help: &str| StoreError::new(Problem::Credentials, uri, what, help);
        let password = self.password.as_ref().ok_or_else(|| {
            credentials("it is encrypted", "name its password's source: `pin-source` of the store")
        })?;
        let opened = encrypted.decrypt(password.expose()).map_err(|_| {
            credentials(
                "the password does not open it",
                "check the password; PBES2 with AES is read (RFC 8018)",
            )
        })?;
        Ok(Zeroizing::new(opened.as_bytes().to_vec()))
    }
}

impl KeyStore for SoftwareStore {
    fn identity(&self) -> Identity {
        let name = self.directory.display().to_string();
        Identity { kind: "software", name, module: None, is_tried: true }
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let unread = |error: std::io::Error| {
            let at = self.directory.display();
            StoreError::new(Problem::File, at, error.to_string(), "give a directory that this user can read")
        };
        let mut names: Vec<String> = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(unread)? {
            let path = entry.map_err(unread)?.path();
            let is_key = path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
            if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| is_key) {
                names.push(name.to_owned());
            }
            if names.len() > FILES_MAX {
                let what = format!("it has more than {FILES_MAX} files");
                let help = "give the keys a directory of their own";
                return Err(StoreError::new(Problem::File, self.directory.display(), what, help));
            }
        }
        names.sort();
        let uris = names.iter().map(|name| KeyUri::of_file(name));
        // A certificate beside the keys is no key; a key that cannot be read is said when it is asked for.
        let opened = uris.filter_map(|uri| match self.open(&uri).map(|key| key.spki()) {
            Ok(Ok(spki)) => Some(Listed { uri, spki: Some(spki) }),
            Err(error) if error.problem == Problem::Credentials => Some(Listed { uri, spki: None }),
            Ok(Err(_)) | Err(_) => None,
        });
        Ok(opened.collect())
    }

    fn signer(&self, uri: &KeyUri) -> Result<Arc<dyn Signer>, StoreError> {
        Ok(Arc::new(self.open(uri)?))
    }

    fn generator(&self) -> Option<&dyn Generator> {
        Some(self)
    }
}

impl Generator for SoftwareStore {
    /// Makes a key in a new file `LABEL.pem`, plain, for its owner alone.
    fn generate(&self, key: &NewKey) -> Result<KeyUri, StoreError> {
        let label = &key.label;
        file::check_label(label)?;
        let unfit = |problem, what: String, help: &str| StoreError::new(problem, label, what, help);
        let made = key::generate(key)
            .map_err(|_| unfit(Problem::Answer, "no key was made".to_owned(), "the random source failed"))?;
        let pkcs8 = made.ok_or_else(|| {
            let help = "RSA of 2048, 3072, 4096 or 8192 bits, ECDSA, Ed25519 and ML-DSA are";
            unfit(Problem::Unsupported, "such a key is not made here".to_owned(), help)
        })?;
        let text = encode_string("PRIVATE KEY", LineEnding::LF, &pkcs8)
            .map_err(|error| unfit(Problem::File, error.to_string(), "the key has no PEM form"))?;
        let text = Zeroizing::new(text);
        let name = format!("{label}.pem");
        file::create_private(&self.directory.join(&name), label, text.as_bytes())?;
        Ok(KeyUri::of_file(&name))
    }
}

/// Reads a key file, which must be its owner's alone.
fn read(path: &Path, uri: &KeyUri) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    if let Ok(true) = path.try_exists() {
        check_private(path).map_err(|what| {
            StoreError::new(Problem::Credentials, uri, what, format!("`chmod 600 {}`", path.display()))
        })?;
    }
    file::read(path, uri, FILE_LEN_BYTES_MAX)
}

/// The DER of a key file in PEM or DER.
fn der_of(octets: Zeroizing<Vec<u8>>, uri: &KeyUri) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    if octets.first() == Some(&0x30) {
        return Ok(octets);
    }
    let unfit = |what: String| StoreError::new(Problem::Unsupported, uri, what, CONVERT);
    match decode_vec(&octets) {
        Ok(("PRIVATE KEY" | "ENCRYPTED PRIVATE KEY", der)) => Ok(Zeroizing::new(der)),
        Ok((label, _)) => Err(unfit(format!("it is `{label}`, no PKCS#8"))),
        Err(_) => Err(unfit("it is neither PEM nor DER of one private key".to_owned())),
    }
}
