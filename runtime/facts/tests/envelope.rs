//! Envelopes: what one change each does to them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::envelope::{Expected, Kind, Manifest, SigningKey, open, peek, seal};
use proptest::prelude::*;

fn ed25519() -> SigningKey {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    SigningKey::from_pkcs8(pkcs8.as_ref()).unwrap()
}

fn p256() -> SigningKey {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    SigningKey::from_pkcs8(pkcs8.as_ref()).unwrap()
}

fn manifest() -> Manifest {
    Manifest {
        kind: Kind::Catalogue,
        name: "cmvp".to_owned(),
        sequence: 7,
        previous: Some(Sha256Digest::of(b"edition 6")),
        created: 1_000,
        stale_after: 2_000,
    }
}

fn expected(signers: &[Sha256Digest]) -> Expected<'_> {
    Expected { kind: Kind::Catalogue, name: "cmvp", signers, last_seen: Some(7), now: 2_000 }
}

#[test]
fn what_was_sealed_is_opened() {
    for key in [ed25519(), p256()] {
        let bytes = seal(&manifest(), b"rows", &key).unwrap();
        let signers = [key.spki_digest()];
        let opened = open(&bytes, &expected(&signers)).unwrap();
        assert_eq!((opened.manifest(), opened.payload()), (&manifest(), &b"rows"[..]));
        assert_eq!((opened.signer(), opened.digest()), (key.spki_digest(), Sha256Digest::of(&bytes)));
    }
}

#[test]
fn each_wrong_thing_has_its_own_code() {
    let key = ed25519();
    let signers = [key.spki_digest()];
    let bytes = seal(&manifest(), b"rows", &key).unwrap();
    let code =
        |bytes: &[u8], expected: &Expected<'_>| open(bytes, expected).map(|_| "opened").map_err(|r| r.code());
    let good = expected(&signers);
    assert_eq!(code(&bytes, &good), Ok("opened"));
    assert_eq!(code(&bytes, &Expected { signers: &[], ..good }), Err("signer-unknown"));
    assert_eq!(code(&bytes, &Expected { signers: &[p256().spki_digest()], ..good }), Err("signer-unknown"));
    assert_eq!(code(&bytes, &Expected { kind: Kind::Bundle, ..good }), Err("kind-mismatch"));
    assert_eq!(code(&bytes, &Expected { name: "cc", ..good }), Err("field-mismatch"));
    assert_eq!(code(&bytes, &Expected { last_seen: Some(8), ..good }), Err("sequence-rollback"));
    assert_eq!(code(&bytes, &Expected { last_seen: Some(6), ..good }), Ok("opened"));
    assert_eq!(code(&bytes, &Expected { now: 2_001, ..good }), Err("stale"));
    assert_eq!(code(&bytes, &Expected { now: 700, ..good }), Ok("opened"), "clocks differ by five minutes");
    assert_eq!(code(&bytes, &Expected { now: 699, ..good }), Err("created-later"));
    assert_eq!(code(&bytes, &Expected { now: i64::MAX, ..good }), Err("stale"));
    assert_eq!(code(&[&bytes[..], &[0]].concat(), &good), Err("trailing-bytes"));
    let mut forged = bytes.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(code(&forged, &good), Err("signature-invalid"));
    let at = bytes.windows(4).position(|window| window == b"rows").unwrap();
    let mut changed = bytes.clone();
    changed[at] = b'c';
    assert_eq!(code(&changed, &good), Err("signature-invalid"));
    assert_eq!(code(&vec![0x84; (64 << 20) + 4097], &good), Err("too-large"));
    assert_eq!(code(&[0x9f; 100_000], &good), Err("malformed"), "deep nesting");
}

/// Peeking tells what to ask for, and checks nothing.
#[test]
fn an_envelope_says_of_itself_what_it_is() {
    for key in [ed25519(), p256()] {
        let mut bytes = seal(&manifest(), b"rows", &key).unwrap();
        for _ in 0..2 {
            let peeked = peek(&bytes).unwrap();
            assert_eq!((&peeked.manifest, peeked.signer), (&manifest(), key.spki_digest()));
            *bytes.last_mut().unwrap() ^= 1;
        }
        for at in 0..bytes.len() {
            assert!(peek(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(peek(&[&bytes[..], &[0]].concat()).unwrap_err().code(), "trailing-bytes");
    }
    assert!(peek(b"pkic unsigned bundle 1\n").is_err());
    assert_eq!(peek(&vec![0x84; (64 << 20) + 4097]).unwrap_err().code(), "too-large");
    assert_eq!(peek(&[0x9f; 100_000]).unwrap_err().code(), "malformed", "deep nesting");
}

/// Another version under a good signature: signed here by hand over a manifest of version 2.
#[test]
fn another_version_is_refused() {
    use coset::cbor::Value;
    use coset::{CborSerializable, CoseSign1Builder, HeaderBuilder, iana};
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let key = SigningKey::from_pkcs8(pkcs8.as_ref()).unwrap();
    let content = Value::Array(vec![Value::from(2), Value::Map(vec![]), Value::Bytes(vec![])]);
    let mut payload = Vec::new();
    coset::cbor::into_writer(&content, &mut payload).unwrap();
    let protected = HeaderBuilder::new()
        .algorithm(iana::Algorithm::EdDSA)
        .value(-70_001, Value::Bytes(key.spki().to_vec()))
        .build();
    let bytes = CoseSign1Builder::new()
        .protected(protected)
        .payload(payload)
        .create_signature(&[], |message| pair.sign(message).as_ref().to_vec())
        .build()
        .to_vec()
        .unwrap();
    let refusal = open(&bytes, &expected(&[key.spki_digest()])).unwrap_err();
    assert_eq!(refusal.code(), "version-unsupported");
}

#[test]
fn every_flip_and_truncation_is_refused() {
    for key in [ed25519(), p256()] {
        let bytes = seal(&manifest(), b"rows of a catalogue", &key).unwrap();
        let signers = [key.spki_digest()];
        for at in 0..bytes.len() {
            assert!(open(&bytes[..at], &expected(&signers)).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut mutant = bytes.clone();
                mutant[at] ^= 1 << bit;
                assert!(open(&mutant, &expected(&signers)).is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_manifest_and_payload_come_back(
        name in ".{0,40}", sequence: u64, created: i64, stale_after: i64, previous in any::<Option<[u8; 32]>>(),
        payload in proptest::collection::vec(any::<u8>(), 0..400), kind in 0usize..5, flip: proptest::sample::Index, bit in 0u8..8,
    ) {
        let key = ed25519();
        let signers = [key.spki_digest()];
        let (created, stale_after) = (created.min(stale_after), created.max(stale_after));
        let kind = Kind::ALL[kind];
        let manifest = Manifest { kind, name: name.clone(), sequence, previous: previous.map(Sha256Digest), created, stale_after };
        let bytes = seal(&manifest, &payload, &key).unwrap();
        let expected = Expected { kind, name: &name, signers: &signers, last_seen: None, now: stale_after };
        let early = Expected { now: created.saturating_sub(301), ..expected };
        prop_assert!(created < i64::MIN + 301 || open(&bytes, &early).is_err(), "made later than now");
        let opened = open(&bytes, &expected).unwrap();
        prop_assert_eq!(opened.manifest(), &manifest);
        prop_assert_eq!(opened.payload(), &payload[..]);
        let mut mutant = bytes.clone();
        let at = flip.index(mutant.len());
        mutant[at] ^= 1 << bit;
        prop_assert!(open(&mutant, &expected).is_err());
    }

    #[test]
    fn junk_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(&bytes, &expected(&[])).is_err());
        prop_assert!(peek(&bytes).is_err());
    }
}
