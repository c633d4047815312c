//! Synthetic WebAuthn registrations with an Android key attestation, each with one thing wrong.

use crate::support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;
use pkic_facts::crypto::Sha256Digest;
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use support::android::{Description, Device, NOW, NULL, integer, purposes, request, tagged};
use support::{appraise_with, attested, stage_and_code};

const NONCE: &[u8] = b"a nonce of ours";

/// A registration. The default is a good one.
struct Registration {
    device: Device,
    kind: &'static str,
    alg: i64,
    /// The description answers another registration.
    is_of_other_challenge: bool,
    /// The authenticator data register another key.
    is_of_other_key: bool,
    /// Another key signs.
    is_signed_by_other: bool,
    /// The client data are exchanged afterwards.
    has_other_client_data: bool,
    nonce: &'static [u8],
}

impl Default for Registration {
    fn default() -> Registration {
        Registration {
            device: Device::default(),
            kind: "webauthn.create",
            alg: -7,
            is_of_other_challenge: false,
            is_of_other_key: false,
            is_signed_by_other: false,
            has_other_client_data: false,
            nonce: NONCE,
        }
    }
}

impl Registration {
    fn appraise(mut self) -> pkic_evidence::Appraisal {
        let client_data = |nonce: &[u8]| {
            let challenge = URL_SAFE_NO_PAD.encode(nonce);
            format!("{{\"type\":\"{}\",\"challenge\":\"{challenge}\"}}", self.kind).into_bytes()
        };
        let sent = client_data(NONCE);
        let hash = Sha256Digest::of(&sent).0;
        self.device.description.challenge =
            if self.is_of_other_challenge { vec![0; 32] } else { hash.to_vec() };
        let made = self.device.make();
        let other = KeyPair::generate().unwrap();
        let registered = if self.is_of_other_key { &other } else { &made.key };
        let auth_data = auth_data(registered);
        let signer = if self.is_signed_by_other { &other } else { &made.key };
        let signature = signer.sign(&[&auth_data[..], &hash].concat()).unwrap();
        let text = |text: &str| Value::Text(text.to_owned());
        let chain = made.chain.iter().map(|der| Value::Bytes(der.clone())).collect();
        let statement = Value::Map(vec![
            (text("alg"), Value::Integer(self.alg.into())),
            (text("sig"), Value::Bytes(signature)),
            (text("x5c"), Value::Array(chain)),
        ]);
        let object = Value::Map(vec![
            (text("fmt"), text("android-key")),
            (text("attStmt"), statement),
            (text("authData"), Value::Bytes(auth_data)),
        ]);
        let mut bytes = Vec::new();
        ciborium::into_writer(&object, &mut bytes).unwrap();
        let shown = if self.has_other_client_data { client_data(b"another nonce") } else { sent };
        let request = request(&made.key);
        appraise_with(&[bytes, shown], Some(&request), &made.anchors, Some(self.nonce), NOW, None)
    }

    fn refusal(self) -> (&'static str, &'static str) {
        stage_and_code(&self.appraise())
    }
}

/// Authenticator data that register a P-256 key.
fn auth_data(key: &KeyPair) -> Vec<u8> {
    let point = key.der_bytes();
    let number = |value: i64| Value::Integer(value.into());
    let cose = Value::Map(vec![
        (number(1), number(2)),
        (number(3), number(-7)),
        (number(-1), number(1)),
        (number(-2), Value::Bytes(point[1..33].to_vec())),
        (number(-3), Value::Bytes(point[33..65].to_vec())),
    ]);
    let mut data = [&[0; 32][..], &[0x45, 0, 0, 0, 0], &[0; 16], &[0, 1, 0x2a]].concat();
    ciborium::into_writer(&cose, &mut data).unwrap();
    data
}

fn of(description: Description) -> Registration {
    Registration { device: Device { description, ..Device::default() }, ..Registration::default() }
}

#[test]
fn the_unchanged_one_is_verified() {
    let answer = Registration::default().appraise();
    assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
    assert_eq!((answer.format, answer.freshness()), (Some("webauthn-android-key"), Some("nonce")));
    let facts = attested(answer.facts.table());
    assert_eq!((facts["evidence.bound"].1.as_str(), facts["key.storage"].1.as_str()), ("true", "tee"));
}

#[test]
fn each_wrong_thing_is_refused_by_its_stage() {
    let good = Registration::default;
    let mismatch = ("format", "field-mismatch");
    assert_eq!(Registration { is_of_other_challenge: true, ..good() }.refusal(), mismatch);
    assert_eq!(Registration { is_of_other_key: true, ..good() }.refusal(), mismatch);
    assert_eq!(Registration { kind: "webauthn.get", ..good() }.refusal(), mismatch);
    let invalid = ("signature", "signature-invalid");
    assert_eq!(Registration { is_signed_by_other: true, ..good() }.refusal(), invalid);
    assert_eq!(Registration { has_other_client_data: true, ..good() }.refusal(), invalid);
    assert_eq!(Registration { alg: -257, ..good() }.refusal(), ("signature", "algorithm-key-mismatch"));
    assert_eq!(Registration { alg: -999, ..good() }.refusal(), ("signature", "algorithm-unsupported"));
    assert_eq!(Registration { nonce: b"another", ..good() }.refusal(), ("freshness", "nonce-mismatch"));
}

#[test]
fn the_key_is_generated_for_signing_alone_and_for_one_application() {
    let good = Description::default;
    for wrong in [
        good().with(purposes(&[2, 3])),
        good().with(purposes(&[3])),
        good().with(purposes(&[])),
        good().with(tagged(702, &integer(2))),
        good().with(tagged(600, NULL)),
        Description { software: vec![tagged(600, NULL)], ..good() },
        Description { hardware: Vec::new(), software: good().hardware, ..good() },
    ] {
        assert_eq!(of(wrong).refusal(), ("profile", "property-refused"));
    }
}

/// Of a key in software both lists count, and it is said to be in software.
#[test]
fn a_key_in_software_is_verified_as_such() {
    let good = Description::default();
    let answer =
        of(Description { levels: [0, 0], hardware: Vec::new(), software: good.hardware.clone(), ..good })
            .appraise();
    assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
    assert_eq!(attested(answer.facts.table())["key.storage"].1, "software");
}

/// A key that an attested signing key described is nobody's.
#[test]
fn a_forged_description_is_refused() {
    let device = Device { attest_keys: vec![Description::default()], ..Device::default() };
    let forged = Registration { device, ..Registration::default() };
    assert_eq!(forged.refusal(), ("profile", "property-refused"));
}
