//! `pkic evidence challenge`, and what becomes of a challenge that comes back.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An empty folder with recorded evidence, anchors and an edge key.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("challenge").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("anchors")).unwrap();
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../backends/evidence/tests/recorded/swtpm");
    for (from, to) in
        [("certify-ec.json", "unit.json"), ("app-ec.csr", "unit.csr"), ("ak-ca.der", "anchors/ca.der")]
    {
        std::fs::copy(recorded.join(from), folder.join(to)).unwrap();
    }
    key(&folder, "edge.key", &[7; 32], 0o600);
    key(&folder, "other.key", &[8; 32], 0o600);
    folder
}

fn key(folder: &Path, name: &str, octets: &[u8], mode: u32) {
    std::fs::write(folder.join(name), octets).unwrap();
    std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Exit code, and all that was said.
fn run(folder: &Path, arguments: &str) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pkic"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

const MAKE: &str =
    "evidence challenge --authority acme.ca --profile acme.tls --requester unit-7 --at 2026-12-01";

#[test]
fn a_challenge_that_comes_back_is_held_against_what_is_asked() {
    let folder = folder("returned");
    let (exit, record) = run(&folder, &format!("{MAKE} --key edge.key --for 10min --format json"));
    assert_eq!(exit, 0, "{record}");
    assert!(record.contains("\"expires\": \"2026-12-01T00:10:00Z\""), "{record}");
    std::fs::write(folder.join("c.json"), &record).unwrap();
    std::fs::write(folder.join("longer.json"), record.replace("00:10:00Z", "00:20:00Z")).unwrap();
    let show = |record: &str, key: &str, at: &str, names: [&str; 3]| {
        let [authority, profile, requester] = names;
        let asked = format!("--authority {authority} --profile {profile} --requester {requester}");
        let brought = format!("--challenge {record} --challenge-key {key} {asked}");
        run(&folder, &format!("evidence show unit.json --csr unit.csr --anchors anchors --at {at} {brought}"))
    };
    let (names, at) = (["acme.ca", "acme.tls", "unit-7"], "2026-12-01T00:10:00Z");
    let (exit, text) = show("c.json", "edge.key", at, names);
    assert!(exit == 0 && text.contains("VERIFIED"), "{text}");
    for (record, key, at, names, code) in [
        ("c.json", "other.key", at, names, "challenge-forged"),
        ("longer.json", "edge.key", at, names, "challenge-forged"),
        ("c.json", "edge.key", "2026-12-01T00:10:01Z", names, "challenge-expired"),
        (
            "c.json",
            "edge.key",
            at,
            ["acme.cb", names[1], names[2]],
            "the authority `acme.ca`, not for `acme.cb`",
        ),
        (
            "c.json",
            "edge.key",
            at,
            [names[0], "acme.vpn", names[2]],
            "the profile `acme.tls`, not for `acme.vpn`",
        ),
        (
            "c.json",
            "edge.key",
            at,
            [names[0], names[1], "unit-8"],
            "the requester `unit-7`, not for `unit-8`",
        ),
    ] {
        let (exit, text) = show(record, key, at, names);
        assert!(exit == 1 && text.contains("stage `freshness`") && text.contains(code), "{code}: {text}");
        assert!(!text.contains("attested"), "{text}");
    }
    let alone = "evidence show unit.json --challenge c.json --challenge-key edge.key";
    let (exit, text) = run(&folder, alone);
    assert!(exit == 2 && text.contains("--requester"), "{text}");
}

#[test]
fn nonces_are_made_afresh_and_shown_in_both_ways() {
    let folder = folder("made");
    let make = || run(&folder, &format!("{MAKE} --key edge.key --expires 2026-12-02"));
    let (exit, text) = make();
    assert!(exit == 0 && text.contains("base64url") && text.contains("until      2026-12-02"), "{text}");
    assert_ne!(make().1, text);
}

#[test]
fn keys_and_ends_that_will_not_do_are_refused() {
    let folder = folder("refused");
    key(&folder, "open.key", &[7; 32], 0o640);
    key(&folder, "short.key", &[7; 31], 0o600);
    for (more, says) in [
        ("--key open.key --for 10min", "others than its owner may read or write"),
        ("--key short.key --for 10min", "32 random bytes or more"),
        ("--key none.key --for 10min", "there is no such file"),
        ("--key edge.key", "--expires"),
        ("--key edge.key --for 10min --expires 2026-12-02", "cannot be used with"),
        ("--key edge.key --expires 2026-12-01", "would end at 2026-12-01"),
    ] {
        let (exit, text) = run(&folder, &format!("{MAKE} {more}"));
        assert!(exit == 2 && text.contains(says), "{more}: {text}");
    }
}
