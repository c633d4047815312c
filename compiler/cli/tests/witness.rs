//! `pkic audit witness` against a witness of this process, written from C2SP tlog-witness, which verifies what it is sent
//! and signs with a key of its own; and what `audit verify` and `audit prove` say of its cosignatures. Go's sumdb verifies
//! such a checkpoint in `runtime/audit/tests/interop.rs`.
#![cfg(feature = "cloud")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unreachable_pub)]

#[path = "../../../backends/rest/tests/support/mod.rs"]
mod support;
#[path = "../../../runtime/audit/tests/support/witness.rs"]
mod tlog_witness;
mod work;

use pkic_audit::NoteKey;
use serde_json::Value;
use std::sync::Mutex;
use support::{Fake, Received, Reply};
use tlog_witness::Seer;
use work::Work;

/// A witness over HTTP.
fn start(name: &str, seed: u8, log: &str) -> (Fake, String) {
    let seer = Seer::new(name, seed, log);
    let (key, seer) = (seer.key(), Mutex::new(seer));
    let answer = move |_: usize, received: &Received| {
        assert_eq!((received.method.as_str(), received.path.as_str()), ("POST", "/add-checkpoint"));
        let (status, media_type, body) = seer.lock().unwrap().add_checkpoint(&received.body);
        Reply::Bytes(status, vec![("content-type", media_type.to_owned())], body)
    };
    (Fake::start(answer), key)
}

fn lab(name: &str) -> (Work, String) {
    let work = Work::new(name);
    let (code, text) = work.pkic("ca init .");
    assert_eq!(code, 0, "{text}");
    work.openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout s.key -subj /CN=www.example -addext subjectAltName=DNS:www.example -out s.csr");
    let key = NoteKey::parse(std::fs::read_to_string(work.0.join("keys/log.key")).unwrap().trim()).unwrap();
    let key = key.verifier().to_string();
    (work, key)
}

fn name(work: &Work, name: &str, url: &str, key: &str) {
    let text = std::fs::read_to_string(work.0.join("pkic.toml")).unwrap();
    work.write(
        "pkic.toml",
        format!("{text}[witness.{name}]\nurl = \"{url}\"\nkey = \"{key}\"\ntimeout-ms = 5000\n"),
    );
}

#[test]
fn witnesses_cosign_the_log_and_verify_and_prove_say_so() {
    let (work, log) = lab("witness-two");
    let (code, text) = work.pkic("audit witness");
    assert!(code == 2 && text.contains("the deployment has no witness"), "{text}");
    let (near, far) = (start("witness.example/near", 3, &log), start("witness.example/far", 4, &log));
    name(&work, "near", &near.0.url, &near.1);
    name(&work, "far", &format!("{}/", far.0.url), &far.1);
    let (code, text) = work.pkic("audit verify");
    assert!(code == 0 && text.contains("witnesses  unwitnessed"), "{text}");
    let (code, text) = work.pkic("audit witness");
    assert!(code == 0 && text.contains("2 of 2 witnesses cosigned the log of 4 entries"), "{text}");
    let (code, text) = work.pkic("audit verify --witnesses-min 2");
    assert!(
        code == 0 && text.contains("4 entries, by witness.example/far at 2027-01-15T08:00:00Z"),
        "{text}"
    );
    let (code, text) = work.pkic("audit prove --cert root.pem --witnesses-min 2 --format json");
    assert_eq!(code, 0, "{text}");
    let proof: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(proof["witnessed-by"].as_array().unwrap().len(), 2, "{text}");
    // What came after they saw the log is not witnessed, until they see it again: from what they saw.
    assert_eq!(work.pkic("issue --profile server --csr s.csr -o s.pem").0, 0);
    let (code, text) = work.pkic("audit prove --cert s.pem --witnesses-min 1");
    assert!(code == 1 && text.contains("unwitnessed"), "{text}");
    let (code, text) = work.pkic("audit witness --format json");
    assert_eq!(code, 0, "{text}");
    let asked: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&asked["size"], &asked["log"]), (&Value::from(6), &Value::from("lab.example/pkic")));
    assert_eq!(asked["witnesses"][1]["key"], "witness.example/near");
    let calls = near.0.calls();
    assert_eq!(calls.len(), 2);
    assert!(calls[1].body.starts_with(b"old 4\n"), "{calls:?}");
    assert_eq!(work.pkic("audit prove --cert s.pem --witnesses-min 2").0, 0);
    // Another's key, by whatever name, is none of them.
    let other = Seer::new("witness.example/near", 9, &log).key();
    let (code, text) = work.pkic(&format!("audit verify --witness {other} --witnesses-min 1"));
    assert!(code == 1 && text.contains("1 witnesses are asked for, 0 cosigned"), "{text}");
    // A cosignature that was changed spoils the log.
    let path = work.0.join("log/checkpoint.witnessed");
    let text = std::fs::read_to_string(&path).unwrap();
    let last = text.trim_end().len() - 6;
    let changed = if &text[last..=last] == "A" { "B" } else { "A" };
    std::fs::write(&path, format!("{}{changed}{}", &text[..last], &text[last + 1..])).unwrap();
    let (code, text) = work.pkic("audit verify");
    assert!(code == 1 && text.contains("THE LOG DOES NOT HOLD") && text.contains("does not hold"), "{text}");
}

#[test]
fn a_witness_that_gives_nothing_is_named_and_the_others_count() {
    let (work, log) = lab("witness-one");
    let good = start("witness.example/a", 3, &log);
    name(&work, "a", &good.0.url, &good.1);
    // It knows another log; it answers with another's cosignature; it is not there; it is silent.
    let stranger = start("witness.example/b", 4, &log.replace("lab.example", "other.example"));
    name(&work, "b", &stranger.0.url, &stranger.1);
    let liar = start("witness.example/c", 5, &log);
    name(&work, "c", &liar.0.url, &Seer::new("witness.example/c", 6, &log).key());
    let gone = Fake::start(|_, _| Reply::Reset);
    name(&work, "d", &gone.url, &Seer::new("witness.example/d", 7, &log).key());
    let oversized = Fake::start(|_, _| Reply::Bytes(200, Vec::new(), vec![b' '; 1 << 20]));
    name(&work, "e", &oversized.url, &Seer::new("witness.example/e", 8, &log).key());
    let (code, text) = work.pkic("audit witness");
    assert_eq!(code, 1, "{text}");
    for part in [
        "a: cosigned at 2027-01-15T08:00:00Z",
        "b: NO COSIGNATURE: it refuses with status 404 (it does not know this log",
        "c: NO COSIGNATURE: its answer is no cosignature of its own: `witness.example/c` did not sign this",
        "d: NO COSIGNATURE: the service cannot be reached",
        "e: NO COSIGNATURE: the answer is longer than 65536 bytes",
        "1 of 5 witnesses cosigned the log of 4 entries",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (code, text) = work.pkic("audit verify --witnesses-min 1");
    assert!(code == 0 && text.contains("4 entries, by witness.example/a at"), "{text}");
    assert_eq!(work.pkic("audit verify --witnesses-min 2").0, 1);
}

#[test]
fn a_log_that_was_put_back_is_told_by_its_witness() {
    let (work, log) = lab("witness-back");
    let near = start("witness.example/near", 3, &log);
    name(&work, "near", &near.0.url, &near.1);
    let copy = |from: &str, to: &str| {
        let output = std::process::Command::new("cp").args(["-a", from, to]).current_dir(&work.0).output();
        assert!(output.unwrap().status.success());
    };
    copy("log", "before");
    assert_eq!(work.pkic("issue --profile server --csr s.csr -o s.pem").0, 0);
    assert_eq!(work.pkic("audit witness").0, 0);
    std::fs::remove_dir_all(work.0.join("log")).unwrap();
    copy("before", "log");
    let (code, text) = work.pkic("audit verify");
    assert_eq!(code, 0, "by itself it holds: {text}");
    let (code, text) = work.pkic("audit witness");
    assert!(
        code == 1 && text.contains("it cosigned a checkpoint of 6 entries, and this log has 4"),
        "{text}"
    );
    // As many entries as the witness saw, and other ones.
    assert_eq!(work.pkic("issue --profile server --csr s.csr -o s.pem").0, 0);
    let (code, text) = work.pkic("audit witness");
    assert!(code == 1 && text.contains("does not continue the checkpoint of 6 entries"), "{text}");
}
