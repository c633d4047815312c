//! AWS KMS against the suite of all stores: on emulators that others wrote, and, for ML-DSA, which they lack, on a
//! service of this process with a real key.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod support;

use pkic_backend::error::Problem;
use pkic_backend::store::{KeyStore, NewKey};
use pkic_backend::suite;
use pkic_backend_aws_kms::{AwsKms, Settings};
use pkic_backend_rest::client::{Client, Method, Repeat, Request, Route, Verdict};
use pkic_backend_rest::document::Document;
use pkic_backend_rest::machine::ThisMachine;
use pkic_facts::crypto::{Hash, KeyKind, Scheme, Strength, verify_signature};
use pkic_facts::facts::Facts;
use serde_json::json;
use std::sync::Arc;
use support::rest::{Emulator, Fake, TestMachine};
use support::{ARN, Held, credentials, store, uri};

fn unknown() -> pkic_backend::uri::KeyUri {
    uri("awskms:key-id=00000000-0000-4000-8000-000000000000;region=us-west-2")
}

fn at(emulator: &Emulator) -> AwsKms {
    let settings = Settings { endpoint: Some(emulator.url.clone()), ..Settings::default() };
    AwsKms::new(settings, TestMachine::new(&credentials())).unwrap()
}

/// ministack signs digests as AWS does: every kind of key that it makes keeps the suite, and by alias too.
#[test]
fn keys_of_ministack_keep_the_suite() {
    let emulator = Emulator::start("ministack", &[], &[("GATEWAY_PORT", "{port}")]);
    let store = at(&emulator);
    let kinds = [
        (KeyKind::Rsa, Some(2048)),
        (KeyKind::P256, None),
        (KeyKind::P384, None),
        (KeyKind::P521, None),
        (KeyKind::Ed25519, None),
    ];
    for (kind, bits) in kinds {
        let label = format!("ca-{kind:?}");
        let key = NewKey { label: label.clone(), kind, bits };
        assert_eq!(suite::check_generated(&store, &key, &unknown()), [], "{kind:?}");
        let by_alias = store.signer(&uri(&format!("awskms:key-id=alias/{label}"))).unwrap();
        assert!(by_alias.uri().text("key-id").unwrap().starts_with("arn:aws:kms:us-west-2:"), "{kind:?}");
    }
    assert_eq!(store.list().unwrap().len(), kinds.len());
}

/// moto keeps whatever origin a key is made with. It hashes a digest again, so that here all messages are short.
#[test]
fn origins_of_moto_are_places_of_keys() {
    let emulator = Emulator::start("moto_server", &["-H", "127.0.0.1", "-p", "{port}"], &[]);
    let store = at(&emulator);
    let mut seen = Vec::new();
    for origin in ["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"] {
        let body = json!({ "KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY", "Origin": origin });
        let arn = create_key(&emulator.url, &body.to_string());
        let signer = match store.signer(&uri(&format!("awskms:key-id={arn}"))) {
            // A key without material is opened when it has some.
            Err(error) => {
                assert_eq!((origin, error.problem), ("EXTERNAL", Problem::Denied), "{error}");
                continue;
            }
            Ok(signer) => signer,
        };
        let observed = signer.observed().unwrap();
        let text = |path: &str| {
            let said = observed.entries().iter().find(|(said, _)| *said == path);
            said.map_or(String::new(), |(_, value)| value.to_string())
        };
        seen.push((origin, text("key.storage"), text("key.origin"), text("key.custody")));
        let (spki, message) = (signer.spki().unwrap(), [7; 4096]);
        let scheme = Scheme::Ecdsa(Hash::Sha256);
        let signature = signer.sign(scheme, &message).unwrap();
        verify_signature(&spki, scheme, Strength::Current, &message, &signature).unwrap();
    }
    let row = |origin, storage: &str, made: &str, custody: &str| {
        (origin, storage.to_owned(), made.to_owned(), custody.to_owned())
    };
    assert!(seen.contains(&row("AWS_KMS", "cloud-kms.shared", "generated", "provider")), "{seen:?}");
    assert!(seen.contains(&row("AWS_CLOUDHSM", "cloud-kms.dedicated", "generated", "customer")), "{seen:?}");
    assert!(seen.contains(&row("EXTERNAL_KEY_STORE", "cloud-kms.external", "", "customer")), "{seen:?}");
    let error = store.signer(&unknown()).err().unwrap();
    assert_eq!(error.problem, Problem::KeyUnknown, "{error}");
}

/// Makes a key of an origin that our own generator does not make.
fn create_key(url: &str, body: &str) -> String {
    let client = Client::new(&Route::default(), TestMachine::new(&[])).unwrap();
    let scope = "AWS4-HMAC-SHA256 Credential=a/20260101/us-west-2/kms/aws4_request";
    let headers = [
        ("x-amz-target", "TrentService.CreateKey"),
        ("content-type", "application/x-amz-json-1.1"),
        ("authorization", scope),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let request = Request { method: Method::Post, url: format!("{url}/"), headers, body: body.into() };
    let answer =
        client.call("create", Repeat::IfNotDone, &|| Ok(request.clone()), |_| Verdict::Final).unwrap();
    Document::read(&answer, "create").unwrap().text("/KeyMetadata/Arn").unwrap().to_owned()
}

#[test]
fn a_key_of_ml_dsa_keeps_the_suite_within_what_aws_takes() {
    let held = Held::ml_dsa_65();
    let fake = Fake::start(move |_, received| held.answer(received));
    let store = store(&fake.url, TestMachine::new(&credentials()));
    assert_eq!(suite::check(&store, &uri("awskms:key-id=alias/ca"), &unknown()), []);
    let signer = store.signer(&uri("awskms:key-id=alias/ca")).unwrap();
    let error = signer.sign(Scheme::MlDsa65, &[0; 4097]).unwrap_err();
    assert_eq!(error.problem, Problem::Unsupported);
    assert!(error.what.contains("1 to 4096 bytes, not 4097"), "{error}");
}

/// What is observed identifies the service, and the shipped rows say no more of it than where its keys are.
#[test]
fn the_starter_catalogue_joins_what_is_observed() {
    let held = Held::p256();
    let fake = Fake::start(move |_, received| held.answer(received));
    let store = store(&fake.url, TestMachine::new(&credentials()));
    let observed = store.signer(&uri(&format!("awskms:key-id={ARN}"))).unwrap().observed().unwrap();
    let mut facts: Facts = observed.facts().unwrap();
    assert_eq!(facts.endorse(&support::starter()).unwrap(), ["aws-kms"]);
    let table: Vec<String> = support::shown(&facts);
    assert_eq!(
        table,
        [
            "key.storage = cloud-kms.shared, observed",
            "key.origin = generated, observed",
            "key.export = domain, observed",
            "key.custody = provider, observed",
            "key.created = 2019-10-22T18:06:12Z, observed",
            "key.advisories = [], observed",
            "module.vendor = amazon, observed",
            "module.model = \"AWS KMS\", observed",
        ]
    );
}

#[test]
fn the_machine_itself_is_a_machine() {
    let store = AwsKms::new(Settings::default(), Arc::new(ThisMachine)).unwrap();
    let identity = store.identity();
    assert_eq!((identity.kind, identity.is_tried), ("aws-kms", true));
}
