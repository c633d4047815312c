//! `pkic evaluate` on bundles that somebody changed, cut, signed again or took from elsewhere: each is refused, with the
//! reason, and nothing is decided.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkic_facts::envelope::{self, Kind, Manifest, SigningKey};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const POLICY: &str = "edition 2026\npolicy acme.tls \"1.0.0\"\n\nprofile server {\n    role tls-server\n    operations [issue]\n    key.storage in any\n    contents {\n        validity <= 90d\n        subject.common-name\n        san.dns ?\n    }\n}\n";
const UNSIGNED_HEAD: &[u8] = b"pkic unsigned bundle 1\n";
/// The protected header: algorithm EdDSA, and under the label -70001 the 44 bytes of the signer's key.
const HEADER: [u8; 13] = [0x84, 0x58, 0x36, 0xa2, 0x01, 0x27, 0x3a, 0x00, 0x01, 0x11, 0x70, 0x58, 0x2c];
const SPKI_LEN_BYTES: usize = 44;
const SIGNATURE_LEN_BYTES: usize = 64;
/// Sequence 7 in the manifest, with the label before and after it.
const SEQUENCE: [u8; 3] = [0x03, 0x07, 0x04];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn key(name: &str) -> SigningKey {
    let pem = std::fs::read_to_string(fixture(name)).unwrap();
    let digits: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    SigningKey::from_pkcs8(&STANDARD.decode(digits).unwrap()).unwrap()
}

/// A folder with the policy, its program as canonical bytes, and a bundle that the trusted key signed.
struct Bench {
    folder: PathBuf,
    program: Vec<u8>,
    bundle: Vec<u8>,
}

impl Bench {
    fn new(name: &str) -> Bench {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.pki"), POLICY).unwrap();
        for (from, to) in
            [("signing-key.pem", "key.pem"), ("signing-key.pub", "key.pub"), ("www.csr", "www.csr")]
        {
            std::fs::copy(fixture(from), folder.join(to)).unwrap();
        }
        let mut bench = Bench { folder, program: Vec::new(), bundle: Vec::new() };
        assert!(bench.run("build a.pki -o plain.pkib").status.success());
        let signing =
            "build a.pki -o a.pkib --sign key.pem --sequence 7 --at 2026-11-22 --stale-after 2027-01-01";
        assert!(bench.run(signing).status.success());
        let plain = std::fs::read(bench.folder.join("plain.pkib")).unwrap();
        bench.program = plain.strip_prefix(UNSIGNED_HEAD).unwrap().to_vec();
        bench.bundle = std::fs::read(bench.folder.join("a.pkib")).unwrap();
        bench
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pkic"));
        command.args(arguments.split_whitespace()).current_dir(&self.folder).output().unwrap()
    }

    fn evaluate(&self, bundle: &[u8], trust: &str) -> Output {
        std::fs::write(self.folder.join("a.pkib"), bundle).unwrap();
        self.run(&format!("evaluate --policy a.pkib --profile server --csr www.csr --at 2026-12-01 {trust}"))
    }

    fn assert_permitted(&self, bundle: &[u8], trust: &str) {
        let output = self.evaluate(bundle, trust);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn assert_refused(&self, what: &str, bundle: &[u8], trust: &str, says: &str) {
        let output = self.evaluate(bundle, trust);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{what} {trust}: {text}");
        assert!(output.stdout.is_empty(), "{what} {trust}: {}", String::from_utf8_lossy(&output.stdout));
        assert!(text.starts_with("error: `a.pkib`: ") && text.contains(says), "{what} {trust}: {text}");
    }

    /// An envelope that the key really signed, around whatever it is.
    fn sealed(&self, kind: Kind, name: &str, payload: &[u8], by: &str) -> Vec<u8> {
        let (created, stale_after) = (1_795_305_600, 1_798_761_600);
        let manifest =
            Manifest { kind, name: name.to_owned(), sequence: 7, previous: None, created, stale_after };
        envelope::seal(&manifest, payload, &key(by)).unwrap()
    }
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    let [at] = places.as_slice() else { panic!("{from:02x?} stands at {places:?}") };
    [&bytes[..*at], to, &bytes[at + from.len()..]].concat()
}

const TRUST: &str = "--trust-key key.pub";

#[test]
fn a_changed_bundle_is_refused_whoever_is_trusted() {
    let bench = Bench::new("bundle-changed");
    let good = bench.bundle.clone();
    bench.assert_permitted(&good, TRUST);
    let (head, rest) = good.split_at(HEADER.len() + SPKI_LEN_BYTES);
    assert!(head.starts_with(&HEADER));
    let unsigned = &good[..good.len() - SIGNATURE_LEN_BYTES];
    let without_key = [&[0x84, 0x43, 0xa1, 0x01, 0x27], rest].concat();
    let zeroed = [unsigned, &[0; SIGNATURE_LEN_BYTES]].concat();
    let no_signature = [&unsigned[..unsigned.len() - 2], &[0x40]].concat();
    let other_key = [&HEADER, key("other-key.pem").spki(), rest].concat();
    let later = replaced(&good, &SEQUENCE, &[0x03, 0x09, 0x04]);
    let kind = replaced(&good, b"\x66bundle", b"\x66bundlf");
    let appended = [&good[..], &[0]].concat();
    for (what, bytes, says) in [
        ("the signer's key taken out", without_key, "signer is missing"),
        ("a signature of zeros", zeroed, "signature does not verify"),
        ("no signature", no_signature, "signature does not verify"),
        ("another sequence", later, "signature does not verify"),
        ("a kind that is none", kind, "does not"),
        ("a byte more", appended, "1 bytes follow envelope"),
    ] {
        bench.assert_refused(what, &bytes, TRUST, says);
        bench.assert_refused(what, &bytes, "", says);
    }
    bench.assert_refused("another key put in", &other_key, TRUST, "is not one of those that count");
    bench.assert_refused("another key put in", &other_key, "", "signature does not verify");
    for len in [0, 1, HEADER.len(), good.len() / 2, good.len() - SIGNATURE_LEN_BYTES, good.len() - 1] {
        bench.assert_refused(&format!("cut at {len}"), &good[..len], TRUST, "envelope does not decode");
        bench.assert_refused(&format!("cut at {len}"), &good[..len], "", "envelope does not decode");
    }
}

#[test]
fn a_bundle_that_is_really_signed_is_refused_where_it_is_another_thing() {
    let bench = Bench::new("bundle-other");
    let (trusted, other) = ("signing-key.pem", "other-key.pem");
    let good = bench.sealed(Kind::Bundle, "acme.tls", &bench.program, trusted);
    bench.assert_permitted(&good, TRUST);
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Bundle) {
        let bytes = bench.sealed(kind, "acme.tls", &bench.program, trusted);
        let says = format!("this is a {}, expected a bundle", kind.name());
        bench.assert_refused(kind.name(), &bytes, TRUST, &says);
        bench.assert_refused(kind.name(), &bytes, "", &says);
    }
    let renamed = bench.sealed(Kind::Bundle, "acme.web", &bench.program, trusted);
    bench.assert_refused("another name", &renamed, TRUST, "policy `acme.tls`, expected `acme.web`");
    let garbage = bench.sealed(Kind::Bundle, "acme.tls", b"no program", trusted);
    bench.assert_refused("no program", &garbage, TRUST, "the bundle holds no program");
    let foreign = bench.sealed(Kind::Bundle, "acme.tls", &bench.program, other);
    bench.assert_refused("another signer", &foreign, TRUST, "is not one of those that count");
    bench.assert_permitted(&foreign, "");
    let plain = [UNSIGNED_HEAD, &bench.program].concat();
    bench.assert_refused("the envelope taken off", &plain, TRUST, "the bundle is not signed");
    bench.assert_permitted(&plain, "");
    bench.assert_refused(
        "rolled back",
        &good,
        &format!("{TRUST} --last-sequence 8"),
        "sequence 7 is lower than 8",
    );
}
