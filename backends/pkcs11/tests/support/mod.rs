//! Tests of real tokens: each in a process and a SoftHSM directory of its own, since a module reads its configuration from
//! the environment and has one state per process.
#![allow(dead_code, missing_docs)]
use pkic_backend::error::StoreError;
use pkic_backend::secret::Secret;
use pkic_backend::store::KeyStore;
use pkic_backend::uri::{Dialect, KeyUri};
use pkic_backend_pkcs11::{Config, Modules, Pkcs11Store};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The user's PIN of every token of these tests.
pub(crate) const PIN: &str = "483920";
/// Long enough for a machine with much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const DIRECTORY: &str = "PKIC_PKCS11_TEST_DIRECTORY";

/// Runs a test's body in a process of its own, with an empty SoftHSM.
pub(crate) fn alone(test: &str, body: impl FnOnce(&Path)) {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return body(Path::new(&directory));
    }
    let directory = std::env::temp_dir().join(format!("pkic-pkcs11-{}-{test}", std::process::id()));
    std::fs::create_dir_all(directory.join("tokens")).unwrap();
    let configuration = directory.join("softhsm2.conf");
    let tokens = directory.join("tokens");
    std::fs::write(
        &configuration,
        format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()),
    )
    .unwrap();
    let run = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads", "1"])
        .env(DIRECTORY, &directory)
        .env("SOFTHSM2_CONF", &configuration)
        .output()
        .unwrap();
    let _ = std::fs::remove_dir_all(&directory);
    let text = String::from_utf8_lossy(&run.stdout);
    let passed = run.status.success() && text.contains("1 passed");
    assert!(passed, "{text}\n{}", String::from_utf8_lossy(&run.stderr));
}

/// SoftHSM's module.
pub(crate) fn softhsm() -> PathBuf {
    let known = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
        "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    ];
    let found = known.iter().map(Path::new).find(|path| path.exists());
    found.expect("SoftHSM 2 is installed").canonicalize().unwrap()
}

/// Runs a program and wants it to succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let run = Command::new(program).args(arguments).output().unwrap();
    assert!(run.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
}

/// Initialises a token.
pub(crate) fn token(label: &str) {
    run("softhsm2-util", &["--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", PIN]);
}

/// Makes a key with openssl and imports it.
pub(crate) fn import(directory: &Path, token: &str, label: &str, id: &str) {
    let file = directory.join(format!("{label}-{id}.pem"));
    let file = file.to_str().unwrap();
    run("openssl", &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file]);
    run(
        "softhsm2-util",
        &["--import", file, "--token", token, "--label", label, "--id", id, "--pin", PIN, "--force"],
    );
}

pub(crate) fn uri(text: &str) -> KeyUri {
    KeyUri::parse(text, Dialect::Rfc7512).unwrap()
}

pub(crate) fn secret(pin: &str) -> Secret {
    Secret::new(pin.as_bytes().to_vec())
}

/// How a store of a module is opened with the right PIN.
pub(crate) fn config(module: &Path, token: &str) -> Config {
    let pin = Some(secret(PIN));
    Config { token: uri(token), module: Some(module.to_owned()), pin, timeout: PATIENCE }
}

pub(crate) fn open(module: &Path, token: &str) -> Result<Pkcs11Store, StoreError> {
    Pkcs11Store::open(&Modules::new(), &config(module, token))
}

/// The error of what must fail.
pub(crate) fn error<T>(result: Result<T, StoreError>) -> StoreError {
    result.err().expect("it fails")
}

/// Opens a key by its label.
pub(crate) fn key(store: &Pkcs11Store, label: &str) -> std::sync::Arc<dyn pkic_backend::store::Signer> {
    store.signer(&uri(&format!("pkcs11:object={label}"))).unwrap()
}
