//! The YubiHSM store against the suite of all stores, on the simulator of the client library.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, unreachable_pub)]
use pkic_backend::error::Problem;
use pkic_backend::secret::Secret;
use pkic_backend::store::{KeyStore, NewKey};
use pkic_backend::suite;
use pkic_backend::uri::{Dialect, KeyUri};
use pkic_backend_yubihsm::{Config, YubiHsmStore};
use pkic_facts::crypto::{Hash, KeyKind, Scheme, Strength, verify_signature};
use pkic_vocab::Value;
use yubihsm::object::{Label, Type};
use yubihsm::{Capability, Client, Connector, Credentials, Domain, asymmetric, authentication, wrap};

/// What every device leaves the factory with.
const PASSWORD: &[u8] = b"password";

fn config(password: &[u8]) -> Config {
    Config::new(1, Secret::new(password.to_vec()))
}

fn store(connector: &Connector) -> YubiHsmStore {
    YubiHsmStore::over(connector, config(PASSWORD)).unwrap()
}

fn uri(text: &str) -> KeyUri {
    KeyUri::parse(text, Dialect::Rfc7512).unwrap()
}

fn key(kind: KeyKind) -> NewKey {
    NewKey { label: "ca".to_owned(), kind, bits: None }
}

/// The device as its own client sees it, for what the store does not do.
fn client(connector: &Connector) -> Client {
    let key = aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA256;
    let mut derived = [0; 32];
    aws_lc_rs::pbkdf2::derive(key, 10_000.try_into().unwrap(), b"Yubico", PASSWORD, &mut derived);
    Client::open(connector.clone(), Credentials::new(1, authentication::Key::new(derived)), false).unwrap()
}

#[test]
fn keys_that_the_device_made_keep_the_suite() {
    let store = store(&Connector::mockhsm());
    let unknown = uri("yubihsm:object-id=0x7777");
    assert_eq!(suite::check_generated(&store, &key(KeyKind::P256), &unknown), []);
    assert!(!store.identity().is_tried);
}

#[test]
fn an_ed25519_key_signs_what_one_command_holds() {
    let store = store(&Connector::mockhsm());
    let made = store.generator().unwrap().generate(&key(KeyKind::Ed25519)).unwrap();
    let signer = store.signer(&made).unwrap();
    let spki = signer.spki().unwrap();
    for length in [0, 1, 1500, 2000] {
        let message = vec![7; length];
        let signature = signer.sign(Scheme::Ed25519, &message).unwrap();
        verify_signature(&spki, Scheme::Ed25519, Strength::Current, &message, &signature).unwrap();
    }
    for (scheme, length) in [(Scheme::Ed25519, 2001), (Scheme::Ecdsa(Hash::Sha256), 1)] {
        assert_eq!(signer.sign(scheme, &vec![7; length]).unwrap_err().problem, Problem::Unsupported);
    }
}

/// What the device says of a key decides what is observed: made there, brought there, free to leave or not.
#[test]
fn origin_and_export_are_the_devices_word() {
    let connector = Connector::mockhsm();
    let client = client(&connector);
    let (ecdsa, wrapped) = (Capability::SIGN_ECDSA, Capability::EXPORTABLE_UNDER_WRAP);
    let (label, domains, p256) = (Label::default, Domain::all(), asymmetric::Algorithm::EcP256);
    client.generate_asymmetric_key(100, label(), domains, ecdsa, p256).unwrap();
    client.generate_asymmetric_key(101, label(), domains, ecdsa | wrapped, p256).unwrap();
    client.put_asymmetric_key(102, label(), domains, ecdsa, p256, [7; 32]).unwrap();
    let wrapping = (Capability::EXPORT_WRAPPED | Capability::IMPORT_WRAPPED, Capability::all());
    let algorithm = wrap::Algorithm::Aes256Ccm;
    client.generate_wrap_key(200, label(), domains, wrapping.0, wrapping.1, algorithm).unwrap();
    let message = client.export_wrapped(200, Type::AsymmetricKey, 101).unwrap();
    client.delete_object(101, Type::AsymmetricKey).unwrap();
    client.import_wrapped(200, message).unwrap();
    client.generate_asymmetric_key(103, label(), domains, ecdsa | wrapped, p256).unwrap();
    let store = store(&connector);
    for (id, origin, export) in [
        (100, "generated", "never"),
        (101, "imported-wrapped", "wrapped"),
        (102, "imported", "never"),
        (103, "generated", "wrapped"),
    ] {
        let observed = store.signer(&uri(&format!("yubihsm:object-id={id}"))).unwrap().observed().unwrap();
        let said = |path: &str| {
            let entry = observed.entries().iter().find(|(said, _)| *said == path).unwrap();
            match &entry.1 {
                Value::Text(text) => text.clone(),
                value => value.to_string(),
            }
        };
        assert_eq!((said("key.origin").as_str(), said("key.export").as_str()), (origin, export), "{id}");
        assert_eq!((said("key.storage"), said("module.serial")), ("hsm.usb".into(), "123456789".into()));
    }
    assert_eq!(store.list().unwrap().len(), 4);
}

#[test]
fn what_locates_no_key_is_refused_with_its_mend() {
    let connector = Connector::mockhsm();
    let store = store(&connector);
    let capabilities = Capability::DERIVE_ECDH;
    let p256 = asymmetric::Algorithm::EcP256;
    let made =
        client(&connector).generate_asymmetric_key(5, Label::default(), Domain::all(), capabilities, p256);
    made.unwrap();
    for (text, problem) in [
        ("yubihsm:object-id=5", Problem::Unsupported),
        ("yubihsm:object-id=6", Problem::KeyUnknown),
        ("yubihsm:object-id=0x10000", Problem::Configuration),
        ("yubihsm:object-id=ca", Problem::Configuration),
        ("yubihsm:serial=0123456780;object-id=5", Problem::Configuration),
        ("yubihsm:serial=123456789;object-id=6", Problem::KeyUnknown),
        ("file:ca.pem", Problem::Configuration),
    ] {
        let error = store.signer(&uri(text)).err().unwrap();
        assert_eq!(error.problem, problem, "{text}: {error}");
        assert!(!error.help.is_empty());
    }
    assert_eq!(store.list().unwrap(), []);
    let error = store.generator().unwrap().generate(&key(KeyKind::MlDsa65)).unwrap_err();
    assert_eq!(error.problem, Problem::Unsupported);
    let long = NewKey { label: "n".repeat(41), ..key(KeyKind::P256) };
    assert_eq!(store.generator().unwrap().generate(&long).unwrap_err().problem, Problem::Configuration);
}

#[test]
fn a_wrong_password_and_a_connector_that_is_not_there_are_told_apart() {
    let error = YubiHsmStore::over(&Connector::mockhsm(), config(b"passwort")).err().unwrap();
    assert_eq!(error.problem, Problem::Credentials, "{error}");
    // The port was free a moment ago, and nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = YubiHsmStore::open(Config { port, ..config(PASSWORD) }).err().unwrap();
    assert_eq!((error.problem, error.problem.is_passing()), (Problem::Unreachable, true), "{error}");
}
