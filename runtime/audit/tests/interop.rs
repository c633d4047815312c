//! Go's sumdb, which others wrote, verifies our checkpoints, tiles, entries, receipts and proofs.
//!
//! It needs the Debian packages golang-go and golang-golang-x-mod-dev, which `.ci/test` installs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(missing_docs, unreachable_pub, dead_code)]

mod support;
#[path = "support/witness.rs"]
mod tlog_witness;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use pkic_audit::{Answer, VerifierKey, Witness};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use support::{Dir, fill, log_of, verifier};
use tlog_witness::Seer;

/// A witness in this process.
struct Near {
    key: VerifierKey,
    seer: Mutex<Seer>,
}

impl Near {
    fn new(name: &str) -> Near {
        let seer = Seer::new(name, 3, &verifier().to_string());
        Near { key: VerifierKey::parse(&seer.key()).unwrap(), seer: Mutex::new(seer) }
    }
}

impl Witness for Near {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn add_checkpoint(&self, body: Vec<u8>) -> Result<Answer, String> {
        let (status, media_type, body) = self.seer.lock().unwrap().add_checkpoint(&body);
        Ok(Answer { status, media_type: media_type.to_owned(), body })
    }
}

fn verifier_in_go(dir: &Path) -> PathBuf {
    let program = dir.join("verify");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/main.go");
    let built = Command::new("go")
        .args(["build", "-o"])
        .args([&program, &source])
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache"))
        .output()
        .expect("`go` is needed: the Debian package golang-go");
    assert!(built.status.success(), "golang-golang-x-mod-dev is needed: {}", text(&built.stderr));
    program
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_public_implementation_verifies_the_log() {
    let dir = Dir::new();
    let program = verifier_in_go(&dir.0);
    let log = log_of(&dir.log(), 300);
    let near = Near::new("witness.example/w");
    log.ask_witnesses(&[&near]).unwrap().pop().unwrap().unwrap();
    let old = log.reader().unwrap().witnessed_checkpoint().unwrap().unwrap();
    // Two levels of tiles, with full and partial ones on each.
    fill(&log, 300, 700);
    log.publish().unwrap();
    let reader = log.reader().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.0.join(name), bytes).unwrap();
    write("receipt", reader.receipt_under(271, &old).unwrap().encode().as_bytes());
    write("entry", &reader.entry(271).unwrap().bytes);
    write("other", &reader.entry(272).unwrap().bytes);
    let proof = reader.consistency_proof(300).unwrap();
    let lines: String = proof.iter().map(|hash| format!("{}\n", BASE64.encode(hash.0))).collect();
    write("consistency", lines.as_bytes());
    let run = |entry: &str| -> Output {
        Command::new(&program)
            .arg(dir.log())
            .arg(verifier().to_string())
            .args(["receipt", entry, "consistency"].map(|name| dir.0.join(name)))
            .arg(near.key().to_string())
            .output()
            .unwrap()
    };
    let good = run("entry");
    assert_eq!(
        (text(&good.stdout), text(&good.stderr)),
        (String::from("700 entries verified\n"), String::new())
    );
    assert!(text(&run("other").stderr).starts_with("receipt: "));
    for (file, what) in
        [("tile/1/000.p/2", "tile"), ("tile/entries/001", "entry"), ("checkpoint", "checkpoint: ")]
    {
        let path = dir.log().join(file);
        let bytes = fs::read(&path).unwrap();
        let mut bad = bytes.clone();
        bad[40] ^= 1;
        fs::write(&path, bad).unwrap();
        let refused = run("entry");
        assert!(!refused.status.success() && text(&refused.stderr).contains(what), "{file}: {refused:?}");
        fs::write(&path, bytes).unwrap();
    }
}
