//! The software store against the suite of all stores, and its files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use pkic_backend::error::Problem;
use pkic_backend::secret::Secret;
use pkic_backend::store::{KeyStore, NewKey};
use pkic_backend::suite;
use pkic_backend::uri::KeyUri;
use pkic_backend_software::SoftwareStore;
use pkic_facts::crypto::KeyKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A directory of this test's own, gone afterwards.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        let name = format!("pkic-software-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn openssl(directory: &Path, arguments: &str) {
    let run =
        Command::new("openssl").args(arguments.split_whitespace()).current_dir(directory).output().unwrap();
    assert!(run.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&run.stderr));
}

fn unknown() -> KeyUri {
    KeyUri::of_file("no-such-key.pem")
}

#[test]
fn keys_of_every_kind_are_made_and_keep_the_suite() {
    let directory = Directory::new();
    let store = SoftwareStore::new(&directory.0, None);
    let kinds = [
        (KeyKind::Rsa, Some(2048)),
        (KeyKind::P256, None),
        (KeyKind::P384, None),
        (KeyKind::P521, None),
        (KeyKind::Ed25519, None),
        (KeyKind::MlDsa44, None),
        (KeyKind::MlDsa65, None),
        (KeyKind::MlDsa87, None),
    ];
    for (kind, bits) in kinds {
        let key = NewKey { label: format!("{kind:?}").to_lowercase(), kind, bits };
        assert_eq!(suite::check_generated(&store, &key, &unknown()), [], "{kind:?}");
    }
    assert_eq!(store.list().unwrap().len(), kinds.len());
}

#[test]
fn keys_that_openssl_made_keep_the_suite_plain_and_encrypted() {
    let directory = Directory::new();
    openssl(&directory.0, "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out rsa.pem");
    openssl(&directory.0, "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.txt");
    openssl(&directory.0, "pkcs8 -topk8 -nocrypt -in p256.txt -outform DER -out p256.der");
    openssl(
        &directory.0,
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -aes256 -pass pass:tiger -out p384.pem",
    );
    openssl(&directory.0, "genpkey -algorithm ED25519 -out ed25519.pem");
    openssl(
        &directory.0,
        "pkcs8 -topk8 -in rsa.pem -v2 aes-128-cbc -v2prf hmacWithSHA512 -passout pass:tiger -out rsa-encrypted.pem",
    );
    openssl(&directory.0, "pkcs8 -topk8 -in ed25519.pem -scrypt -passout pass:tiger -out scrypt.pem");
    make_private(&directory.0);
    let store = SoftwareStore::new(&directory.0, Some(Secret::new(b"tiger".to_vec())));
    let listed = store.list().unwrap();
    assert_eq!(listed.len(), 6);
    for entry in listed {
        assert_eq!(suite::check(&store, &entry.uri, &unknown()), [], "{}", entry.uri);
    }
}

fn make_private(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for entry in std::fs::read_dir(directory).unwrap() {
        std::fs::set_permissions(entry.unwrap().path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn a_file_that_is_not_fit_is_refused_with_its_mend() {
    let directory = Directory::new();
    openssl(&directory.0, "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out plain.pem");
    openssl(
        &directory.0,
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:tiger -out locked.pem",
    );
    openssl(&directory.0, "ecparam -name prime256v1 -genkey -noout -out sec1.pem");
    openssl(&directory.0, "genpkey -algorithm X25519 -out x25519.pem");
    openssl(&directory.0, "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out small.pem");
    openssl(&directory.0, "pkey -in plain.pem -pubout -out public.pem");
    std::fs::write(directory.0.join("noise.pem"), [0x30; 70_000]).unwrap();
    std::fs::write(directory.0.join("empty.pem"), []).unwrap();
    make_private(&directory.0);
    let closed = SoftwareStore::new(&directory.0, None);
    let wrong = SoftwareStore::new(&directory.0, Some(Secret::new(b"lion".to_vec())));
    for (store, name, problem, help) in [
        (&closed, "absent.pem", Problem::KeyUnknown, "there is no file"),
        (&closed, "locked.pem", Problem::Credentials, "pin-source"),
        (&wrong, "locked.pem", Problem::Credentials, "check the password"),
        (&closed, "sec1.pem", Problem::Unsupported, "openssl pkcs8 -topk8"),
        (&closed, "public.pem", Problem::Unsupported, "openssl pkcs8 -topk8"),
        (&closed, "x25519.pem", Problem::Unsupported, "Ed25519"),
        (&closed, "small.pem", Problem::Unsupported, "2048"),
        (&closed, "noise.pem", Problem::File, "one key"),
        (&closed, "empty.pem", Problem::Unsupported, "PKCS#8"),
    ] {
        let error = store.signer(&KeyUri::of_file(name)).err().unwrap();
        assert_eq!(error.problem, problem, "{name}: {error}");
        assert!(error.help.contains(help), "{name}: {error}");
    }
    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(directory.0.join("plain.pem"), open).unwrap();
    let error = closed.signer(&KeyUri::of_file("plain.pem")).err().unwrap();
    assert_eq!(error.problem, Problem::Credentials);
    assert!(error.help.contains("chmod 600"), "{error}");
}
