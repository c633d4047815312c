//! Real YubiKeys, from the policy's text to the decision in JSON, by the binary.
//!
//! The samples are public and not ours, so they are not in this tree: they are read from `PKIC_SAMPLES`, or from
//! `../shared/evidence-samples` beside it. Without them the tests say what they skip, and fail where `CI=true`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(clippy::print_stderr, unreachable_pub)]
mod samples;
mod work;

use samples::yubikeys;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const POLICY: &str = r#"edition 2026
policy example.tokens "1.0.0"

anchors yubico "Yubico's roots for PIV attestation" {
    anchor "Yubico PIV Root CA 263751" spki "sha256:4b185b7783d792f902cd960cd1c9417977d88d3077b16bc9ebdcef7313f2e29e" purpose production formats [yubikey-piv]
    anchor "Yubico Attestation Root 1" spki "sha256:1f43e2b88e964a5d03b8058bbaaced68199c9256200f1bb28eaab2f82a1e06f2" purpose production formats [yubikey-piv]
}

profile token {
    role user
    operations [issue]
    key.storage in [se.token]
    key.origin == generated
    key.export == never
    module.vendor == yubico
    request.proof-of-possession == true
    prefer key.user-presence in [touch, pin-and-touch]
    contents {
        validity <= 1y default 90d
        subject.common-name
        subject.organization ?
        key-usage critical == [digital-signature]
    }
}

/// The same, for keys in HSMs alone.
profile server {
    role tls-server
    operations [issue]
    key.storage in [hsm]
    contents {
        validity <= 1y default 90d
        subject.common-name
        subject.organization ?
        key-usage critical == [digital-signature]
    }
}
"#;

/// A folder with the policy and the vendor's certificates, gone when dropped.
struct Bench {
    folder: PathBuf,
}

impl Bench {
    fn new(name: &str, samples: &Path, anchors: &[&str]) -> Bench {
        let folder = std::env::temp_dir().join(format!("pkic-real-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("anchors")).unwrap();
        std::fs::write(folder.join("tokens.pki"), POLICY).unwrap();
        for file in anchors {
            // Yubico's bundle ends in .txt; the folder reads certificates by their usual endings.
            let to = folder.join("anchors").join(file).with_extension("pem");
            std::fs::copy(samples.join(file), to).unwrap();
        }
        Bench { folder }
    }

    fn decide(&self, profile: &str, csr: &Path) -> (i32, Value) {
        let output = Command::new(env!("CARGO_BIN_EXE_pkic"))
            .current_dir(&self.folder)
            .args(["evaluate", "--policy", "tokens.pki", "--profile", profile, "--anchors", "anchors"])
            .args(["--at", "2026-11-22", "--format", "json", "--csr"])
            .arg(csr)
            .output()
            .unwrap();
        let json = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap(), json)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn failing(json: &Value) -> BTreeSet<&str> {
    let is_failing = |result: &&Value| matches!(result["result"].as_str(), Some("violated" | "unknown"));
    json["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(is_failing)
        .map(|r| r["id"].as_str().unwrap())
        .collect()
}

fn fact<'a>(json: &'a Value, path: &str) -> &'a Value {
    let facts = json["facts"].as_array().unwrap();
    facts.iter().find(|fact| fact["path"] == path).unwrap_or_else(|| panic!("no fact {path} in {json:#}"))
}

const REQUESTS: [&str; 5] = [
    "fw527_9a_rsa2048",
    "fw543_9a_p384_ext3_1",
    "fw543_9a_rsa2048_fips",
    "fw571_9c_p384",
    "fw574_9a_ec_newroot",
];
const ANCHORS: [&str; 2] = ["yubico-ca-certs.txt", "yubico-intermediate.pem"];

#[test]
fn five_yubikeys_are_permitted_as_tokens_and_refused_as_hsms() {
    let Some(samples) = yubikeys() else { return };
    let bench = Bench::new("permit", &samples, &ANCHORS);
    for name in REQUESTS {
        let csr = samples.join(name).with_extension("csr.pem");
        let (code, json) = bench.decide("token", &csr);
        assert_eq!((code, json["decision"].as_str()), (0, Some("permit")), "{name}: {json:#}");
        assert_eq!(json["lab"], false);
        assert_eq!(fact(&json, "key.storage")["value"], "se.token");
        assert_eq!(fact(&json, "key.storage")["grade"], "attested");
        let (code, json) = bench.decide("server", &csr);
        assert_eq!((code, json["decision"].as_str()), (1, Some("refuse")), "{name}");
        assert_eq!(failing(&json), BTreeSet::from(["key.storage"]), "{name}");
    }
}

/// The samples' names are short of what code signing certificates need; nothing about a key may be among the failures
/// of a token whose key is strong enough.
#[test]
fn real_tokens_meet_what_the_library_asks_of_code_signing_keys() {
    let Some(samples) = yubikeys() else { return };
    let bench = Bench::new("library", &samples, &ANCHORS);
    let policy = |adopt: &str| {
        let text =
            format!("edition 2026\npolicy example.signing \"1.0.0\"\n\nuse std \"2026.11.0\"\n{adopt}\n");
        std::fs::write(bench.folder.join("tokens.pki"), text).unwrap();
    };
    let (country, organization) = ("contents.subject.country", "contents.subject.organization");
    policy("adopt std.anchors.yubico-piv");
    for (name, expected) in [
        ("fw527_9a_rsa2048", vec![country, organization, "key.algorithm"]),
        ("fw543_9a_p384_ext3_1", vec![country, organization]),
        ("fw571_9c_p384", vec![country, organization]),
        ("fw574_9a_ec_newroot", vec![country]),
    ] {
        let (code, json) = bench.decide("std.code-signing", &samples.join(name).with_extension("csr.pem"));
        assert_eq!((code, failing(&json)), (1, expected.into_iter().collect()), "{name}");
    }
    policy("");
    let (_, json) = bench.decide("std.code-signing", &samples.join("fw574_9a_ec_newroot.csr.pem"));
    assert_eq!(
        failing(&json),
        BTreeSet::from([country, "key-protection", "key.storage"]),
        "nobody adopted its root"
    );
}

#[test]
fn preview_roots_and_no_roots_prove_nothing() {
    let Some(samples) = yubikeys() else { return };
    let hardware = BTreeSet::from(["key.export", "key.origin", "key.storage", "module.vendor"]);
    for (name, anchors) in [("preview", &["yubico-piv-preview-ca-certs.pem"][..]), ("none", &[])] {
        let bench = Bench::new(name, &samples, anchors);
        for request in REQUESTS {
            let (code, json) = bench.decide("token", &samples.join(request).with_extension("csr.pem"));
            assert_eq!((code, failing(&json)), (1, hardware.clone()), "{name}, {request}");
        }
    }
}

#[test]
fn a_changed_request_is_refused() {
    let Some(samples) = yubikeys() else { return };
    let bench = Bench::new("changed", &samples, &ANCHORS);
    let csr = std::fs::read_to_string(samples.join("fw571_9c_p384.csr.pem")).unwrap();
    let mut der = pem_to_der(&csr);
    // The last byte is part of the request's own signature: possession is no longer proven.
    *der.last_mut().unwrap() ^= 1;
    let changed = bench.folder.join("changed.csr");
    std::fs::write(&changed, der).unwrap();
    let (code, json) = bench.decide("token", &changed);
    assert_eq!(code, 1);
    assert!(failing(&json).contains("request.proof-of-possession"), "{json:#}");
    assert!(failing(&json).contains("key.storage"), "evidence counts for nobody who cannot use the key");
}

/// A lab CA that takes real YubiKeys: what it issues is replayed from the log's folder alone, back to the evidence.
#[test]
fn a_certificate_for_a_real_yubikey_replays_from_its_evidence() {
    let Some(samples) = yubikeys() else { return };
    let work = work::Work::new("real-replay");
    assert_eq!(work.pkic("ca init .").0, 0);
    let bench = Bench::new("replay", &samples, &ANCHORS);
    let (_, token) = POLICY.split_once("\n\n").unwrap();
    let token = token.replace("operations [issue]", "operations [issue]\n    issued-by [issuing]");
    let token = token.replace(
        "        subject.common-name\n",
        "        subject.common-name\n        authority-key-identifier\n",
    );
    let append = |file: &str, text: &str| {
        let before = std::fs::read_to_string(work.0.join(file)).unwrap();
        work.write(file, before + text);
    };
    let (token, _) = token.split_once("/// The same").unwrap();
    append("policy.pki", token);
    append("pkic.toml", "\n[inputs]\nanchors = \"anchors\"\n");
    std::fs::rename(bench.folder.join("anchors"), work.0.join("anchors")).unwrap();
    std::fs::copy(samples.join("fw571_9c_p384.csr.pem"), work.0.join("token.csr")).unwrap();
    let (code, text) = work.pkic("issue --profile token --csr token.csr -o token.pem");
    assert_eq!(code, 0, "{text}");
    std::fs::remove_dir_all(work.0.join("anchors")).unwrap();
    std::fs::remove_file(work.0.join("policy.pki")).unwrap();
    let (code, text) = work.pkic("replay 4");
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("level 2: its evidence, appraised again, gives the same facts and grades"),
        "{text}"
    );
    assert!(text.contains("drafted again, to the byte"), "{text}");
    let (_, text) = work.pkic("replay 4 --format json");
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["level"], &json["holds"]), (&Value::from(2), &Value::from(true)));
    let file = work.0.join("log/beside/000");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(6).rposition(|window| window == b"\"kept\"").unwrap();
    bytes[at + 1] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (code, text) = work.pkic("replay 4");
    assert_ne!(code, 0, "{text}");
    assert!(text.contains("its bytes have not the digest"), "{text}");
    std::fs::remove_file(&file).unwrap();
    let (code, text) = work.pkic("replay 4");
    // What the policy asked of the certificate's subject was erased with the rest, and is unknown.
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("level 1, on the facts that were recorded: what stood beside"), "{text}");
}

fn pem_to_der(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    base64::engine::general_purpose::STANDARD.decode(body).unwrap()
}
