//! `pkic issue` under a policy that obliges logs of certificate transparency: against a log of this process, written from
//! RFC 6962, which reads what it is sent and signs with a key of its own; and against the same log where it lies, fails or
//! is silent. OpenSSL, which knows nothing of either, validates the timestamps of what was issued.
#![cfg(feature = "cloud")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unreachable_pub)]

#[path = "../../../runtime/core/tests/support/rfc6962.rs"]
mod rfc6962;
#[path = "../../../backends/rest/tests/support/mod.rs"]
mod support;
mod work;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Hash, Scheme, Strength, verify_signature};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::{Fake, Received, Reply};
use work::Work;

/// Two profiles that demand timestamps; one of them has nobody asked for them.
fn profiles() -> String {
    [("logged", "oblige ct(logs: 2)"), ("unlogged", "")].map(|(name, oblige)| profile(name, oblige)).concat()
}

fn profile(name: &str, oblige: &str) -> String {
    format!(
        "profile {name} {{
    role tls-server
    operations [issue]
    issued-by [issuing]
    key.storage in any
    request.proof-of-possession == true
    {oblige}
    contents {{
        validity <= 30d default 7d
        subject.common-name ?
        san.dns
        key-usage critical == [digital-signature]
        extended-key-usage == [server-auth]
        authority-key-identifier
        sct-list
    }}
}}
"
    )
}

/// How a log answers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    Honest,
    /// Signs with a key that is not the one it is known by.
    OtherKey,
    /// Says that it is another log.
    OtherId,
    /// Signs another certificate than the one it was sent.
    OtherCertificate,
    /// Has a clock that is an hour ahead.
    Ahead,
    Oversized,
    Malformed,
    NoTimestamp,
    Throttling,
    Failing,
    Refusing,
    Resetting,
    Hanging,
}

struct Log {
    fake: Fake,
    spki: Vec<u8>,
}

fn key_pair() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()
}

fn spki(key: &EcdsaKeyPair) -> Vec<u8> {
    key.public_key().as_der().unwrap().as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

impl Log {
    fn start(manner: Manner) -> Log {
        let key = key_pair();
        let spki = spki(&key);
        Log { fake: Fake::start(move |_, received| answer(&key, manner, received)), spki }
    }
}

/// `POST <log server>/ct/v1/add-pre-chain`: RFC 6962 section 4.2.
fn answer(key: &EcdsaKeyPair, manner: Manner, received: &Received) -> Reply {
    assert_eq!((received.method.as_str(), received.path.as_str()), ("POST", "/2026h2/ct/v1/add-pre-chain"));
    let plain = |status: u16, text: &str| Reply::Bytes(status, Vec::new(), text.as_bytes().to_vec());
    match manner {
        Manner::Oversized => return plain(200, &" ".repeat(1 << 20)),
        Manner::Malformed => return plain(200, "<html>"),
        Manner::NoTimestamp => return Reply::Json(200, json!({ "sct_version": 0, "id": "" })),
        Manner::Throttling => return plain(429, "slow down"),
        Manner::Failing => return plain(500, "oops"),
        Manner::Refusing => return plain(400, "unknown root\u{7}"),
        Manner::Resetting => return Reply::Reset,
        Manner::Hanging => return Reply::Hang,
        _ => {}
    }
    let chain = received.json()["chain"].as_array().unwrap().clone();
    let chain: Vec<Certificate> = chain
        .iter()
        .map(|each| Certificate::from_der(&STANDARD.decode(each.as_str().unwrap()).unwrap()).unwrap())
        .collect();
    // The precertificate, its issuer, and the root: each was signed by the next, and the last by itself.
    assert_eq!(chain.len(), 3);
    for (at, certificate) in chain.iter().enumerate() {
        let signer = chain.get(at + 1).unwrap_or(certificate);
        let scheme = Scheme::Ecdsa(Hash::Sha256);
        let (message, signature) = (certificate.tbs().raw(), certificate.signature());
        verify_signature(signer.tbs().spki(), scheme, Strength::Current, message, signature).unwrap();
    }
    let mut tbs = rfc6962::unpoisoned(chain[0].tbs().raw());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // A second late: OpenSSL's clock has whole seconds, and takes no timestamp of the second that has begun.
    let mut at_ms = u64::try_from(now.as_millis()).unwrap() - 1000;
    match manner {
        Manner::OtherCertificate => *tbs.last_mut().unwrap() ^= 1,
        Manner::Ahead => at_ms += 3_600_000,
        _ => {}
    }
    let message = rfc6962::message(&tbs, &sha256(chain[1].tbs().spki()), at_ms);
    let other = key_pair();
    let signer = if manner == Manner::OtherKey { &other } else { key };
    let named = if manner == Manner::OtherId { &other } else { key };
    let signature = signer.sign(&SystemRandom::new(), &message).unwrap();
    let len = u16::try_from(signature.as_ref().len()).unwrap().to_be_bytes();
    let signed = [&[4, 3][..], &len, signature.as_ref()].concat();
    let (id, signature) = (STANDARD.encode(sha256(&spki(named))), STANDARD.encode(signed));
    Reply::Json(
        200,
        json!({ "sct_version": 0, "id": id, "timestamp": at_ms, "extensions": "", "signature": signature }),
    )
}

/// A lab CA whose policy obliges two logs, a request, and these logs in its deployment. Five seconds are more
/// than an honest answer takes, and not long to wait for a silent log.
fn lab(name: &str, logs: &[&Log]) -> Work {
    let work = Work::new(name);
    let (code, text) = work.pkic("ca init .");
    assert_eq!(code, 0, "{text}");
    let policy = std::fs::read_to_string(work.0.join("policy.pki")).unwrap();
    work.write("policy.pki", policy + &profiles());
    let mut deployment = std::fs::read_to_string(work.0.join("pkic.toml")).unwrap();
    for (at, log) in logs.iter().enumerate() {
        let url = &log.fake.url;
        deployment +=
            &format!("[ct.log-{at}]\nurl = \"{url}/2026h2/\"\nkey = \"log-{at}.spki\"\ntimeout-ms = 5000\n");
        // Each form in which a log's key is published: DER, base64 as lists of logs have it, PEM.
        let (text, der) = (STANDARD.encode(&log.spki), log.spki.clone());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
        let forms = [der, text.into_bytes(), pem.into_bytes()];
        work.write(&format!("log-{at}.spki"), &forms[at % 3]);
    }
    work.write("pkic.toml", deployment);
    work.openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout s.key -subj /CN=www.example -addext subjectAltName=DNS:www.example -out s.csr");
    work
}

fn issue(work: &Work, profile: &str) -> (i32, String) {
    work.pkic(&format!("issue --profile {profile} --csr s.csr -o s.pem"))
}

#[test]
fn what_is_issued_holds_timestamps_that_openssl_validates() {
    let logs = [Log::start(Manner::Honest), Log::start(Manner::Honest), Log::start(Manner::Honest)];
    let work = lab("ct-issue", &logs.each_ref());
    let (code, text) =
        work.pkic("evaluate --policy policy.pki --profile logged --csr s.csr --operation issue");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("ct(logs: 2), before-release") && text.contains("certificate.sct-list"), "{text}");
    let (code, text) = issue(&work, "logged");
    assert_eq!(code, 0, "{text}");
    assert_eq!(logs.each_ref().map(|log| log.fake.calls().len()), [1, 1, 0], "two were enough");
    let listed = logs.iter().enumerate().map(|(at, log)| {
        format!("[log{at}]\ndescription = log {at}\nkey = {}\n", STANDARD.encode(&log.spki))
    });
    let list = |known: &str| format!("enabled_logs = {known}\n{}", listed.clone().collect::<String>());
    let valid = |known: &str| {
        work.write("logs.cnf", list(known));
        let shown = Served::start(&work).shown();
        (shown.matches("SCT validation status: valid").count(), shown)
    };
    let (count, shown) = valid("log0,log1");
    assert_eq!(count, 2, "{shown}");
    // OpenSSL does look: of a log that it does not know, it takes none.
    let (count, shown) = valid("log0,log2");
    assert_eq!(count, 1, "{shown}");
    // The decision is replayed without logs, and the record has precertificate and certificate.
    let (code, text) = work.pkic("audit query --profile logged --format json");
    assert_eq!(code, 0, "{text}");
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found[0]["outcome"], "issued");
    let (code, text) = work.pkic(&format!("replay {}", found[0]["index"]));
    assert!(code == 0 && text.contains("the same decision"), "{text}");
}

#[test]
fn a_demand_for_timestamps_that_nobody_is_obliged_to_meet_is_refused() {
    let log = Log::start(Manner::Honest);
    let work = lab("ct-unobliged", &[&log]);
    let (_, text) =
        work.pkic("evaluate --policy policy.pki --profile unlogged --csr s.csr --operation issue");
    assert!(text.contains("no `oblige ct` is in force"), "{text}");
    let (code, text) = issue(&work, "unlogged");
    assert!(code == 1 && text.contains("no `oblige ct` is in force"), "{code}: {text}");
    // What a deployment says is no way around what the policy says: one log is not two, nor is the same one twice.
    let (code, text) = issue(&work, "logged");
    assert!(code == 3 && text.contains("timestamps of 2 logs, and 0"), "{code}: {text}");
    let (code, text) = work.pkic("config check");
    assert!(code == 0 && text.contains("obliges 2 logs, and here are 1"), "{text}");
    assert!(log.fake.calls().is_empty() && !work.0.join("s.pem").exists());
    let work = lab("ct-twice", &[&log, &log]);
    let (code, text) = issue(&work, "logged");
    assert!(code == 3 && text.contains("timestamps of 2 logs, and 1"), "{code}: {text}");
    let (code, text) = work.pkic("config check");
    assert!(code == 0 && text.contains("[ct.log-1] has the key of [ct.log-0]"), "{text}");
}

#[test]
fn a_log_that_lies_fails_or_is_silent_gives_no_certificate() {
    let manners = [
        (Manner::OtherKey, "the signature of its timestamp does not verify"),
        (Manner::OtherId, "its timestamp is of the log"),
        (Manner::OtherCertificate, "the signature of its timestamp does not verify"),
        (Manner::Ahead, "is ahead of the clock"),
        (Manner::Oversized, "longer than 65536 bytes"),
        (Manner::Malformed, "its answer is no timestamp"),
        (Manner::NoTimestamp, "missing field `timestamp`"),
        (Manner::Throttling, "status 429"),
        (Manner::Failing, "status 500"),
        (Manner::Refusing, "status 400 unknown root"),
        (Manner::Resetting, "cannot be reached"),
        (Manner::Hanging, "did not answer in time"),
    ];
    std::thread::scope(|scope| {
        for (manner, why) in manners {
            scope.spawn(move || gives_no_certificate(manner, why));
        }
    });
}

fn gives_no_certificate(manner: Manner, why: &str) {
    let logs = [Log::start(Manner::Honest), Log::start(manner)];
    let work = lab(&format!("ct-{manner:?}"), &logs.each_ref());
    let (code, text) = issue(&work, "logged");
    assert!(code == 3 && text.contains(why), "{manner:?}: {code}: {text}");
    assert!(text.contains("log-1: ") && !text.contains("log-0: "), "{manner:?}: {text}");
    for name in ["s.pem", "s.pem.tlog-proof", "s.pem.entry"] {
        assert!(!work.0.join(name).exists(), "{manner:?}: {name}");
    }
    // The record says what came of the intent, and nothing is open.
    let (_, text) = work.pkic("audit query --profile logged --format json");
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found[0]["outcome"], "failed", "{manner:?}: {text}");
    let (code, text) = work.pkic("audit verify");
    assert!(code == 0 && !text.contains("open"), "{manner:?}: {text}");
    let (code, text) = issue(&work, "server");
    assert_eq!(code, 0, "{manner:?}: {text}");
}

#[test]
fn a_table_that_is_wrong_opens_no_ca() {
    let log = Log::start(Manner::Honest);
    let work = lab("ct-config", &[&log]);
    let good = std::fs::read_to_string(work.0.join("pkic.toml")).unwrap();
    let (_, rest) = good.split_once("url = \"").unwrap();
    let (url, _) = rest.split_once('"').unwrap();
    for (from, to, what) in [
        (url, "http://192.0.2.1/log", "without TLS"),
        (url, "ct.example", "is no URL of a service"),
        ("log-0.spki", "none.spki", "none.spki"),
        ("log-0.spki", "s.csr", "no public key"),
        ("key = \"log-0.spki\"", "keys = \"log-0.spki\"", "did you mean `key`?"),
        ("timeout-ms = 5000", "timeout-ms = 5000000", "at most ten minutes"),
    ] {
        work.write("pkic.toml", good.replacen(from, to, 1));
        let (code, text) = issue(&work, "server");
        assert!(code != 0 && text.contains(what), "{to}: {code}: {text}");
        assert!(!work.0.join("s.pem").exists(), "{to}");
    }
}

/// OpenSSL's server with what was issued.
struct Served<'a> {
    work: &'a Work,
    child: Child,
    port: u16,
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served<'_> {
    fn start(work: &Work) -> Served<'_> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let arguments = "-cert s.pem -key s.key -cert_chain issuing.pem -quiet";
            let mut command = Command::new("openssl");
            command.arg("s_server").args(["-accept", &format!("127.0.0.1:{port}")]);
            command.args(arguments.split(' ')).current_dir(&work.0);
            let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let mut served = Served { work, child: child.unwrap(), port };
            // Another process may have taken the port: then the child ends, and another port is tried.
            while served.child.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return served;
                }
                assert!(Instant::now() < deadline, "s_server does not listen");
                std::thread::sleep(Duration::from_millis(20));
            }
            assert!(Instant::now() < deadline, "s_server does not start");
        }
    }

    /// What OpenSSL's client says of the certificate and its timestamps.
    fn shown(&self) -> String {
        let arguments =
            "-CAfile root.pem -verify_return_error -ct -ctlogfile logs.cnf -servername www.example";
        let mut command = Command::new("openssl");
        command.arg("s_client").args(["-connect", &format!("127.0.0.1:{}", self.port)]);
        command.args(arguments.split(' ')).current_dir(&self.work.0).stdin(Stdio::null());
        let output = command.output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}
