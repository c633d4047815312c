//! The TPM store against the suite of all stores, on swtpm, and what becomes of it when the TPM fails it.
#![cfg(feature = "tss")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, unreachable_pub)]

mod support;

use pkic_backend::error::Problem;
use pkic_backend::secret::Secret;
use pkic_backend::store::{KeyStore, NewKey, Signer};
use pkic_backend::suite;
use pkic_backend::uri::{Dialect, KeyUri};
use pkic_backend_tpm::{Config, TpmStore};
use pkic_facts::catalogue::{Catalogue, Trust};
use pkic_facts::crypto::{Hash, KeyKind, Scheme, Strength, verify_signature};
use pkic_facts::envelope::peek;
use pkic_vocab::{FactId, Grade, Path, Value};
use std::sync::Arc;
use std::thread;
use support::Swtpm;

fn uri(text: &str) -> KeyUri {
    KeyUri::parse(text, Dialect::Rfc7512).unwrap()
}

fn unknown() -> KeyUri {
    uri("tpmkms:name=no-such-key")
}

fn key(label: &str, kind: KeyKind) -> NewKey {
    NewKey { label: label.to_owned(), kind, bits: None }
}

/// Makes a key and opens it.
fn made(store: &TpmStore, label: &str, kind: KeyKind) -> Arc<dyn Signer> {
    store.signer(&store.generator().unwrap().generate(&key(label, kind)).unwrap()).unwrap()
}

fn assert_signs(signer: &dyn Signer, spki: &[u8]) {
    let scheme = signer.schemes().unwrap()[0];
    let signature = signer.sign(scheme, b"message").unwrap();
    verify_signature(spki, scheme, Strength::Current, b"message", &signature).unwrap();
}

#[test]
fn keys_that_a_tpm_made_keep_the_suite_in_files_and_at_handles() {
    let swtpm = Swtpm::start();
    let store = swtpm.store();
    for kind in [KeyKind::P256, KeyKind::P384] {
        let key = key(&format!("{kind:?}").to_lowercase(), kind);
        assert_eq!(suite::check_generated(&store, &key, &unknown()), [], "{kind:?}");
    }
    let at_handle = store.persist(&uri("tpmkms:name=p256")).unwrap();
    assert_eq!(at_handle.to_string(), "tpm2:handle=0x81200000");
    assert_eq!(suite::check(&store, &at_handle, &uri("tpm2:handle=0x8120ffff")), []);
    let second = store.persist(&uri("tpmkms:name=p384")).unwrap();
    assert_eq!(second.to_string(), "tpm2:handle=0x81200001");
    let of = |uri: &KeyUri| store.signer(uri).unwrap().spki().unwrap();
    assert_eq!(of(&at_handle), of(&uri("tpmkms:name=p256")));
    assert_eq!(store.list().unwrap().len(), 4);
}

#[test]
fn rsa_keys_keep_the_suite() {
    let swtpm = Swtpm::start();
    let key = NewKey { bits: Some(2048), ..key("rsa", KeyKind::Rsa) };
    assert_eq!(suite::check_generated(&swtpm.store(), &key, &unknown()), []);
}

#[test]
fn what_a_tpm_does_not_make_is_unsupported() {
    let swtpm = Swtpm::start();
    let store = swtpm.store();
    for (kind, bits) in [(KeyKind::Ed25519, None), (KeyKind::MlDsa65, None), (KeyKind::Rsa, Some(1024))] {
        let error = store.generator().unwrap().generate(&NewKey { bits, ..key("new", kind) }).unwrap_err();
        assert_eq!(error.problem, Problem::Unsupported, "{error}");
    }
    let error = store.generator().unwrap().generate(&key("../new", KeyKind::P256)).unwrap_err();
    assert_eq!(error.problem, Problem::Configuration, "{error}");
    made(&store, "new", KeyKind::P256);
    let error = store.generator().unwrap().generate(&key("new", KeyKind::P256)).unwrap_err();
    assert_eq!(error.problem, Problem::File, "a key that is there stays: {error}");
}

/// Each key has its authorisation value, and a wrong one opens none. After three wrong ones the TPM takes no more, and
/// keys without such a value go on.
#[test]
fn a_wrong_authorisation_value_is_refused() {
    let swtpm = Swtpm::start();
    let with = |auth: Option<&[u8]>| {
        let auth = auth.map(|auth| Secret::new(auth.to_vec()));
        TpmStore::open(Config { auth, ..swtpm.config() }).unwrap()
    };
    let unlocked = made(&with(None), "unlocked", KeyKind::P256);
    let right = with(Some(b"tiger"));
    let signer = made(&right, "locked", KeyKind::P256);
    assert_signs(signer.as_ref(), &signer.spki().unwrap());
    let at_handle = right.persist(signer.uri()).unwrap();
    let refused = |uri: &KeyUri, auth: Option<&[u8]>| {
        let signer = with(auth).signer(uri).unwrap();
        signer.sign(Scheme::Ecdsa(Hash::Sha256), b"message").unwrap_err().problem
    };
    assert_eq!(refused(signer.uri(), Some(b"lion")), Problem::Credentials);
    assert_eq!(refused(signer.uri(), None), Problem::Credentials);
    assert_signs(with(Some(b"tiger")).signer(&at_handle).unwrap().as_ref(), &signer.spki().unwrap());
    // The third one locks all keys that have such a value.
    assert_eq!(refused(&at_handle, Some(b"lion")), Problem::Credentials);
    // What fails leaves nothing loaded either: there would be no slot left.
    for _ in 0..8 {
        assert_eq!(refused(signer.uri(), Some(b"tiger")), Problem::Denied);
    }
    assert_signs(unlocked.as_ref(), &unlocked.spki().unwrap());
    let long = TpmStore::open(Config { auth: Some(Secret::new(vec![7; 65])), ..swtpm.config() }).unwrap();
    let error = long.generator().unwrap().generate(&key("long", KeyKind::P256)).unwrap_err();
    assert_eq!(error.problem, Problem::Credentials, "{error}");
}

/// The same signers go on after the TPM lost its power, and are the same keys.
#[test]
fn keys_come_back_when_the_tpm_does() {
    let swtpm = Swtpm::start();
    let store = swtpm.store();
    let in_file = made(&store, "kept", KeyKind::P256);
    let at_handle = store.signer(&store.persist(in_file.uri()).unwrap()).unwrap();
    let spki = in_file.spki().unwrap();
    for _ in 0..2 {
        swtpm.restart();
        for signer in [&in_file, &at_handle] {
            assert_eq!(signer.spki().unwrap(), spki);
            assert_signs(signer.as_ref(), &spki);
        }
    }
    swtpm.stop();
    let error = in_file.sign(Scheme::Ecdsa(Hash::Sha256), b"message").unwrap_err();
    assert_eq!((error.problem, error.problem.is_passing()), (Problem::Unreachable, true), "{error}");
    assert_eq!(TpmStore::open(swtpm.config()).err().unwrap().problem, Problem::Unreachable);
    swtpm.restart();
    assert_signs(in_file.as_ref(), &spki);
}

/// Three slots for objects, and many threads with keys of their own.
#[test]
fn threads_share_the_slots_of_the_tpm() {
    let swtpm = Swtpm::start();
    let store = swtpm.store();
    let keys: Vec<Arc<dyn Signer>> =
        (0..6).map(|index| made(&store, &format!("key-{index}"), KeyKind::P256)).collect();
    thread::scope(|scope| {
        for signer in &keys {
            scope.spawn(move || {
                let spki = signer.spki().unwrap();
                (0..4).for_each(|_| assert_signs(signer.as_ref(), &spki));
            });
        }
    });
}

/// A file of another TPM opens nowhere else, and one that was changed nowhere at all.
#[test]
fn a_file_of_another_tpm_is_no_key_here() {
    let (here, there) = (Swtpm::start(), Swtpm::start());
    made(&here.store(), "key", KeyKind::P256);
    let (from, to) = (here.folder.join("keys/key.pem"), there.folder.join("keys/key.pem"));
    std::fs::copy(&from, &to).unwrap();
    let error = there.store().signer(&uri("tpmkms:name=key")).err().unwrap();
    assert_eq!(error.problem, Problem::KeyUnknown, "{error}");
    assert!(error.help.contains("another TPM"), "{error}");
    made(&there.store(), "other", KeyKind::P256);
    let error = there.store().signer(&uri("tpm2:handle=0x81200000")).err().unwrap();
    assert_eq!(error.problem, Problem::KeyUnknown, "{error}");
}

#[test]
fn what_locates_no_key_is_refused_with_its_mend() {
    let swtpm = Swtpm::start();
    let store = swtpm.store();
    made(&store, "key", KeyKind::P256);
    store.make_attestation_key("ak").unwrap();
    std::fs::write(swtpm.folder.join("keys/noise.pem"), [0x30; 20]).unwrap();
    std::fs::write(swtpm.folder.join("keys/long.pem"), [0x30; 20_000]).unwrap();
    for (text, problem) in [
        ("tpmkms:name=..%2Fkeys%2Fkey", Problem::Configuration),
        ("tpmkms:name=key;device=%2Fdev%2Ftpm1", Problem::Configuration),
        ("tpm2:handle=0x40000001", Problem::Configuration),
        ("tpm2:handle=81000001", Problem::Configuration),
        ("file:key.pem", Problem::Configuration),
        ("tpmkms:name=ak;ak=true", Problem::Unsupported),
        ("tpmkms:name=noise", Problem::Unsupported),
        ("tpmkms:name=long", Problem::File),
    ] {
        let error = store.signer(&uri(text)).err().unwrap();
        assert_eq!(error.problem, problem, "{text}: {error}");
        assert!(!error.help.is_empty());
    }
    assert_eq!(store.list().unwrap().len(), 1, "neither attestation keys nor noise");
    for tcti in ["swtpm:path=/run/tpm.sock", "swtpm:host=127.0.0.1,port=no", "fapi", "", "device:\0"] {
        let error = TpmStore::open(Config { tcti: tcti.to_owned(), ..Config::default() }).err().unwrap();
        let is_said = matches!(error.problem, Problem::Configuration | Problem::Unreachable);
        assert!(is_said, "{tcti}: {error}");
    }
}

/// OpenSSL's TPM provider uses our files, and we use its.
#[test]
fn files_are_those_of_openssl() {
    let swtpm = Swtpm::start();
    let store = swtpm.store();
    let ours = made(&store, "ours", KeyKind::P256);
    let keys = swtpm.folder.join("keys");
    std::fs::write(keys.join("message"), b"message").unwrap();
    swtpm.openssl(
        "pkeyutl -provider tpm2 -provider default -propquery ?provider=tpm2 -sign -rawin -digest sha256 \
         -inkey ours.pem -in message -out signature",
    );
    let signature = std::fs::read(keys.join("signature")).unwrap();
    let (scheme, spki) = (Scheme::Ecdsa(Hash::Sha256), ours.spki().unwrap());
    verify_signature(&spki, scheme, Strength::Current, b"message", &signature).unwrap();
    swtpm.openssl("genpkey -provider tpm2 -algorithm EC -pkeyopt group:P-256 -out theirs.pem");
    let theirs = store.signer(&uri("tpmkms:name=theirs")).unwrap();
    assert_signs(theirs.as_ref(), &theirs.spki().unwrap());
}

/// What is observed of a key, and that no catalogue makes a software TPM more than it says it is.
#[test]
fn a_software_tpm_is_never_hardware() {
    let swtpm = Swtpm::start();
    let store = swtpm.store();
    let mut facts = made(&store, "key", KeyKind::P256).observed().unwrap().facts().unwrap();
    let starter = include_bytes!("../../../stdlib-profiles/catalogue/starter.pkic");
    let said = peek(starter).unwrap();
    let trust = Trust { names: &["starter"], signers: &[said.signer], age_s_max: None };
    let catalogue = Catalogue::open(starter, &trust, None, said.manifest.created).unwrap();
    for _ in 0..2 {
        let shown = |path: &str| {
            let fact = facts.table().fact(&Path::from(FactId::from_path(path).unwrap())).unwrap();
            assert_eq!(fact.grade, Grade::Observed, "{path}");
            match &fact.value {
                Value::Text(text) => text.clone(),
                value => value.to_string(),
            }
        };
        for (path, value) in [
            ("key.storage", "tpm.virtual"),
            ("key.origin", "generated"),
            ("key.export", "never"),
            ("key.user-presence", "none"),
            ("module.vendor", "ibm"),
            ("module.manufacturer", "IBM"),
            ("module.model", "SW   TPM"),
        ] {
            assert_eq!(shown(path), value, "{path}");
        }
        assert!(shown("module.firmware").starts_with("id:"));
        facts.endorse(&catalogue).unwrap();
    }
    assert!(store.identity().name.starts_with("IBM SW   TPM (swtpm:"), "{:?}", store.identity());
}
