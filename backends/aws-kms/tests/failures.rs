//! A service that throttles, fails, hangs, lies or refuses: a clear error without a secret, and the next call works.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod support;

use pkic_backend::error::{Problem, StoreError};
use pkic_backend::store::{KeyStore, NewKey, Signer};
use pkic_facts::crypto::{Hash, KeyKind, Scheme, Strength, verify_signature};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use support::rest::{Fake, Received, Reply, TestMachine};
use support::{ARN, Held, SECRET, TOKEN, error, store_at, uri};

const SCHEME: Scheme = Scheme::Ecdsa(Hash::Sha256);

/// A key whose calls of one action are answered by `fault` until it gives nothing.
fn faulty(
    action: &'static str,
    fault: impl Fn(usize, &Held) -> Option<Reply> + Send + Sync + 'static,
) -> Fake {
    let (held, count) = (Held::p256(), Mutex::new(0));
    Fake::start(move |_, received: &Received| {
        if received.header("x-amz-target").ends_with(action) {
            let mut count = count.lock().unwrap();
            *count += 1;
            if let Some(reply) = fault(*count, &held) {
                return reply;
            }
        }
        held.answer(received)
    })
}

/// The answer to a signature, who gave it, and the machine that asked.
type Signed = (Result<Vec<u8>, StoreError>, Arc<dyn Signer>, Arc<TestMachine>);

fn sign(fake: &Fake) -> Signed {
    let (store, machine) = store_at(fake);
    let signer = store.signer(&uri("awskms:key-id=alias/ca")).unwrap();
    (signer.sign(SCHEME, b"message"), signer, machine)
}

fn throttled() -> Reply {
    error(400, "ThrottlingException", "You have exceeded the rate at which you may call KMS.")
}

#[test]
fn a_throttled_call_is_repeated_with_growing_pauses() {
    let fake = faulty("Sign", |count, _| (count <= 2).then(throttled));
    let (signature, signer, machine) = sign(&fake);
    verify_signature(&signer.spki().unwrap(), SCHEME, Strength::Current, b"message", &signature.unwrap())
        .unwrap();
    assert_eq!(machine.pauses_ms(), [100, 200]);
}

#[test]
fn what_passes_is_repeated_and_ends() {
    let after = |seconds: &'static str| {
        move || Reply::Bytes(503, vec![("retry-after", seconds.to_owned())], Vec::new())
    };
    type Fault = Box<dyn Fn() -> Reply + Send + Sync>;
    let cases: Vec<(&str, Fault, Problem, usize)> = vec![
        ("ThrottlingException", Box::new(throttled), Problem::Throttled, 5),
        (
            "KMSInternalException",
            Box::new(|| error(500, "KMSInternalException", "x")),
            Problem::Unreachable,
            5,
        ),
        (
            "KeyUnavailableException",
            Box::new(|| error(500, "KeyUnavailableException", "x")),
            Problem::Unreachable,
            5,
        ),
        ("cannot be reached", Box::new(|| Reply::Reset), Problem::Unreachable, 5),
        ("503", Box::new(after("60")), Problem::Unreachable, 2),
    ];
    for (what, fault, problem, calls_max) in cases {
        let is_mended = Arc::new(AtomicBool::new(false));
        let mended = Arc::clone(&is_mended);
        let fake = faulty("Sign", move |_, _| (!mended.load(Ordering::Acquire)).then(&fault));
        let (answer, signer, _) = sign(&fake);
        let error = answer.unwrap_err();
        assert_eq!(error.problem, problem, "{what}: {error}");
        assert!(error.what.contains(what), "{what}: {error}");
        let signs = fake.calls().iter().filter(|call| call.header("x-amz-target").ends_with("Sign")).count();
        assert!((1..=calls_max).contains(&signs), "{what}: {signs}");
        is_mended.store(true, Ordering::Release);
        assert!(signer.sign(SCHEME, b"message").is_ok(), "{what}: the next call works");
    }
}

#[test]
fn a_service_that_hangs_is_left_in_time() {
    let fake = faulty("Sign", |count, _| (count == 1).then_some(Reply::Hang));
    let (answer, _, machine) = sign(&fake);
    // The first attempt ends by its own timeout, and the second is answered.
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(machine.pauses_ms(), [100]);
}

#[test]
fn an_answer_that_is_none_is_refused() {
    let body = |octets: Vec<u8>| Reply::Bytes(200, Vec::new(), octets);
    type Lie = fn(&Held, &dyn Fn(Vec<u8>) -> Reply) -> Reply;
    let other = "arn:aws:kms:us-west-2:111122223333:key/99999999-12ab-34cd-56ef-1234567890ab";
    assert_ne!(ARN, other);
    let cases: [(&str, &str, Lie); 8] = [
        ("Sign", "no JSON object", |_, body| body(b"<html>".to_vec())),
        ("Sign", "no JSON object", |_, body| body(b"[]".to_vec())),
        ("Sign", "no JSON object", |_, body| body([b'['; 100_000].to_vec())),
        ("Sign", "longer than 1048576 bytes", |_, body| body(vec![b' '; (1 << 20) + 1])),
        ("Sign", "`Signature` that is base64", |_, _| {
            Reply::Json(200, json!({ "KeyId": ARN, "SigningAlgorithm": "ECDSA_SHA_256", "Signature": "%" }))
        }),
        ("Sign", "as `KeyId`, and not", |_, _| {
            let other = "arn:aws:kms:us-west-2:111122223333:key/99999999-12ab-34cd-56ef-1234567890ab";
            Reply::Json(
                200,
                json!({ "KeyId": other, "SigningAlgorithm": "ECDSA_SHA_256", "Signature": "AA==" }),
            )
        }),
        ("GetPublicKey", "the public key is no ECC_NIST_P384", |held, _| {
            let public = support::base64(&held.spki());
            Reply::Json(200, json!({ "KeyId": ARN, "PublicKey": public, "KeySpec": "ECC_NIST_P384" }))
        }),
        ("GetPublicKey", "subjectPublicKeyInfo", |_, _| {
            Reply::Json(200, json!({ "KeyId": ARN, "PublicKey": "AAAA", "KeySpec": "ECC_NIST_P256" }))
        }),
    ];
    for (action, what, lie) in cases {
        let fake = faulty(action, move |count, held| (count == 1).then(|| lie(held, &body)));
        let (store, _) = store_at(&fake);
        let signer = store.signer(&uri("awskms:key-id=alias/ca")).unwrap();
        let ask = || match action {
            "Sign" => signer.sign(SCHEME, b"message"),
            _ => signer.spki(),
        };
        let error = ask().unwrap_err();
        assert_eq!(error.problem, Problem::Answer, "{what}: {error}");
        assert!(error.what.contains(what), "{what}: {error}");
        assert!(ask().is_ok(), "{what}: the next call works");
    }
}

#[test]
fn what_aws_refuses_is_named_and_holds_no_secret() {
    for (name, problem, help) in [
        ("NotFoundException", Problem::KeyUnknown, "check key-id"),
        ("AccessDeniedException", Problem::Denied, "key's policy"),
        ("com.amazonaws.kms#DisabledException", Problem::Denied, "enable it"),
        ("KMSInvalidStateException", Problem::Denied, "describe-key"),
        ("UnrecognizedClientException", Problem::Credentials, "renew them"),
        ("ExpiredTokenException", Problem::Credentials, "renew them"),
        ("InvalidSignatureException", Problem::Credentials, "the clock is right"),
        ("RequestTimeTooSkewed", Problem::Credentials, "the clock is right"),
        ("InvalidKeyUsageException", Problem::Unsupported, "SIGN_VERIFY"),
        ("ValidationException:http://internal.amazon.com/", Problem::Configuration, "check key-id"),
        ("SomethingNewException", Problem::Answer, "AWS KMS"),
    ] {
        // AWS repeats the canonical request, session token included, where it does not take a signature.
        let is_signature = matches!(problem, Problem::Credentials);
        let message =
            if is_signature { format!("x-amz-security-token:{TOKEN}") } else { "refused".to_owned() };
        let fake = faulty("Sign", move |_, _| Some(error(400, name, &message)));
        let (answer, _, machine) = sign(&fake);
        let error = answer.unwrap_err();
        assert_eq!(error.problem, problem, "{name}: {error}");
        assert!(error.help.contains(help), "{name}: {error}");
        let text = format!("{error} {error:?}");
        assert!(!text.contains(TOKEN) && !text.contains(SECRET), "{name}: {text}");
        assert_eq!(machine.pauses_ms(), [0; 0], "{name}");
    }
}

fn with_metadata(member: &'static str, value: Value) -> Fake {
    faulty("DescribeKey", move |_, held| {
        let mut metadata = held.metadata();
        metadata["KeyMetadata"][member] = value.clone();
        Some(Reply::Json(200, metadata))
    })
}

#[test]
fn a_key_that_is_not_to_be_used_is_not_opened() {
    for (member, value, problem, text) in [
        ("KeyState", "Disabled", Problem::Denied, "enable it"),
        ("KeyState", "PendingDeletion", Problem::Denied, "cancel its deletion"),
        ("KeyState", "PendingImport", Problem::Denied, "import its key material"),
        ("KeyState", "Unavailable", Problem::Denied, "connect its custom key store"),
        ("KeyUsage", "ENCRYPT_DECRYPT", Problem::Unsupported, "SIGN_VERIFY"),
        ("KeySpec", "ECC_SECG_P256K1", Problem::Unsupported, "Koblitz"),
        ("Arn", "nonsense", Problem::Answer, "endpoint"),
    ] {
        let fake = with_metadata(member, json!(value));
        let error = store_at(&fake).0.signer(&uri("awskms:key-id=alias/ca")).err().unwrap();
        assert_eq!(error.problem, problem, "{value}: {error}");
        assert!(error.help.contains(text), "{value}: {error}");
        assert_eq!(store_at(&fake).0.list().map_or(0, |listed| listed.len()), 0, "{value}");
    }
}

#[test]
fn an_imported_key_was_not_generated_and_an_unknown_origin_says_nothing() {
    let entries = |origin: &'static str| {
        let fake = with_metadata("Origin", json!(origin));
        let signer = store_at(&fake).0.signer(&uri("awskms:key-id=alias/ca")).unwrap();
        let observed = signer.observed().unwrap();
        observed.entries().iter().map(|(path, value)| format!("{path} {value}")).collect::<Vec<_>>()
    };
    let imported = entries("EXTERNAL");
    assert!(imported.contains(&"key.origin imported-wrapped".to_owned()), "{imported:?}");
    assert!(!imported.iter().any(|entry| entry.starts_with("key.created")), "{imported:?}");
    assert!(entries("AWS_SOMETHING_NEW").is_empty());
}

/// An alias that is moved under a signer does not move the signer.
#[test]
fn a_signer_stays_with_the_key_that_its_alias_led_to() {
    let fake = faulty("Nothing", |_, _| None);
    let (answer, signer, _) = sign(&fake);
    assert!(answer.is_ok());
    assert_eq!(signer.uri().to_string(), format!("awskms:key-id={ARN};region=us-west-2"));
    let ids = |call: &Received| call.json()["KeyId"].as_str().unwrap_or_default().to_owned();
    assert_eq!(fake.calls().iter().map(ids).collect::<Vec<_>>(), ["alias/ca", ARN]);
}

#[test]
fn a_key_is_made_once_however_its_making_fails() {
    let key = NewKey { label: "ca".to_owned(), kind: KeyKind::P256, bits: None };
    let made = |fault: fn(usize) -> Reply| {
        let fake = Fake::start(move |count, received| match received.header("x-amz-target") {
            "TrentService.CreateKey" => fault(count),
            _ => error(400, "AlreadyExistsException", "an alias of that name exists"),
        });
        let error = store_at(&fake).0.generator().unwrap().generate(&key).unwrap_err();
        let creations =
            fake.calls().iter().filter(|call| call.header("x-amz-target").ends_with("CreateKey")).count();
        (error, creations)
    };
    // It may have been made: asking again could make another.
    for fault in [
        (|_| Reply::Reset) as fn(usize) -> Reply,
        |_| Reply::Hang,
        |_| error(500, "KMSInternalException", "x"),
    ] {
        let (error, creations) = made(fault);
        assert!(error.problem.is_passing() && creations == 1, "{error}, {creations}");
    }
    let (error, creations) = made(|count| match count {
        0 => throttled(),
        _ => Reply::Json(200, json!({ "KeyMetadata": { "Arn": ARN } })),
    });
    assert!(error.problem == Problem::Configuration && creations == 2, "{error}, {creations}");
    assert!(error.help.contains(&format!("the key `{ARN}` was made")), "{error}");
}
