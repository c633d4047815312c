//! The example as somebody runs it: on a bundle, for a request that openssl made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use pkic_compiler::{Options, SourceFile, compile};
use pkic_runtime::bundle::write_unsigned;
use pkic_runtime::embed::{NoteKey, NoteKind, Reader, Receipt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const POLICY: &str = include_str!("../../ca/policy.pki");

struct Folder(PathBuf);

impl Folder {
    /// A folder with the bundle of the lab policy and a request.
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("pkic-embed-{name}-{}", std::process::id()));
        std::fs::create_dir_all(path.join("ca")).unwrap();
        let file = SourceFile { name: "policy.pki".into(), text: POLICY.into() };
        let program = compile(&[file], 0, &Options::default()).program.unwrap();
        std::fs::write(path.join("policy.pkib"), write_unsigned(&program).unwrap()).unwrap();
        let folder = Folder(path);
        folder.openssl(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -subj /CN=www.example \
             -addext subjectAltName=DNS:www.example -out server.csr",
        );
        folder
    }

    fn openssl(&self, arguments: &str) -> String {
        let run =
            Command::new("openssl").args(arguments.split_whitespace()).current_dir(&self.0).output().unwrap();
        assert!(run.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).unwrap()
    }

    fn run(&self, profile: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_pkic-example-embed"))
            .args(["policy.pkib", profile, "server.csr", "ca"])
            .current_dir(&self.0)
            .output()
            .unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_example_issues_and_others_verify_it() {
    let folder = Folder::new("issue");
    let first = folder.run("server");
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let root = std::fs::read(folder.0.join("ca/root.pem")).unwrap();
    let second = folder.run("server");
    assert_eq!(std::fs::read(folder.0.join("ca/root.pem")).unwrap(), root, "the hierarchy is made once");
    let seed = std::fs::read(folder.0.join("ca/log.key")).unwrap().try_into().unwrap();
    let key = NoteKey::from_seed("lab.example/embed", NoteKind::Log, &seed).unwrap();
    let log = Reader::open(&folder.0.join("ca/log"), key.verifier().clone()).unwrap();
    log.verify().unwrap();
    for run in [first, second] {
        let text = String::from_utf8(run.stdout).unwrap();
        let (certificate, receipt) = text.split_once("receipt ").unwrap();
        std::fs::write(folder.0.join("server.pem"), certificate).unwrap();
        folder.openssl("verify -x509_strict -CAfile ca/root.pem -untrusted ca/issuing.pem server.pem");
        let receipt = std::fs::read(folder.0.join(receipt.trim())).unwrap();
        let receipt = Receipt::decode(&receipt).unwrap();
        let entry = log.entry(receipt.index()).unwrap().entry.encode().unwrap();
        receipt.verify(&entry, key.verifier()).unwrap();
    }
}

#[test]
fn what_the_policy_refuses_leaves_no_certificate() {
    let folder = Folder::new("refuse");
    let run = folder.run("hardware-server");
    assert!(!run.status.success() && run.stdout.is_empty());
    let why = String::from_utf8(run.stderr).unwrap();
    assert!(why.contains("key.storage"), "{why}");
}

#[test]
fn the_example_stays_small() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs");
    assert!(std::fs::read_to_string(source).unwrap().lines().count() < 150);
}
