//! A key that a verified statement certifies is trusted as far as that statement, and no longer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(clippy::result_large_err, reason = "the error type is the one that `mint` asks for")]

use pkic_facts::anchors::AnchorSet;
use pkic_facts::crypto::{Hash, Scheme, Sha256Digest, Strength};
use pkic_facts::reject::Reject;
use pkic_facts::verified::trail::Step;
use pkic_facts::verified::{CertifiedKey, Evidence, HashOf, SignedBytes, TrustedKey, join, mint};
use rcgen::{KeyPair, PublicKeyData, SigningKey};

const NOW: i64 = 1_800_000_000;

fn sign(key: &KeyPair, message: &[u8]) -> SignedBytes {
    let signature = key.sign(message).unwrap();
    SignedBytes { what: "message", message: message.to_vec(), scheme: Scheme::Ecdsa(Hash::Sha256), signature }
}

fn whole(bytes: &[u8]) -> Result<Vec<u8>, Reject> {
    Ok(bytes.to_vec())
}

fn enrolled(key: &KeyPair, evidence: &Evidence) -> TrustedKey {
    let spki = key.subject_public_key_info();
    let digest = Sha256Digest::of(&spki);
    let listing = format!("[[key]]\nname = \"root of layers\"\nspki = \"{digest}\"\npurpose = \"test\"\n");
    let anchors = AnchorSet::load(&[], &listing).unwrap();
    TrustedKey::enrolled(&anchors, &spki, "open-dice", evidence, NOW).unwrap()
}

#[test]
fn a_certified_key_rests_on_what_certified_it() {
    let (root, layer) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let evidence = Evidence::new("e", &[b"layers"]).unwrap();
    let said = mint(
        &sign(&root, &layer.subject_public_key_info()),
        &enrolled(&root, &evidence),
        Strength::Current,
        whole,
    );
    let said = said.unwrap();
    let key = TrustedKey::of_statement(&said, |spki| {
        Ok(CertifiedKey { spki: spki.clone(), not_after: Some(NOW + 60) })
    });
    let key = key.unwrap();
    assert_eq!(key.spki(), layer.subject_public_key_info());
    let last = mint(&sign(&layer, b"last"), &key, Strength::Current, whole).unwrap();
    assert_eq!(last.provenance().anchor().name, "root of layers");
    assert_eq!(last.provenance().not_after(), Some(NOW + 60));
    let refused = mint(&sign(&root, b"last"), &key, Strength::Current, whole).unwrap_err();
    assert_eq!(refused.code(), "signature-invalid", "the key above does not sign for the one below");
    let later =
        TrustedKey::of_statement(&last, |_| Ok(CertifiedKey { spki: Vec::new(), not_after: Some(NOW + 90) }));
    assert_eq!(later.unwrap().provenance().not_after(), Some(NOW + 60), "nothing outlives what it rests on");
}

#[test]
fn a_trusted_key_is_read_from_its_own_bytes() {
    let root = KeyPair::generate().unwrap();
    let evidence = Evidence::new("e", &[b"layers"]).unwrap();
    let read = enrolled(&root, &evidence).decode(whole).unwrap();
    assert_eq!(*read.value(), root.subject_public_key_info());
    assert_eq!(read.provenance().anchor().name, "root of layers");
}

#[test]
fn a_trail_tells_each_check_that_was_made_and_no_other() {
    let (root, layer) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let evidence = Evidence::new("e", &[b"layers"]).unwrap();
    let enrolled = enrolled(&root, &evidence);
    assert!(
        matches!(enrolled.provenance().trail(), [Step::Enrolled(anchor)] if anchor.name == "root of layers")
    );
    let spki = layer.subject_public_key_info();
    let said = mint(&sign(&root, &spki), &enrolled, Strength::Current, whole).unwrap();
    let key =
        TrustedKey::of_statement(&said, |spki| Ok(CertifiedKey { spki: spki.clone(), not_after: None }));
    let last = mint(&sign(&layer, b"last"), &key.unwrap(), Strength::Current, whole).unwrap();
    let digest_of =
        |_: &Vec<u8>| Ok(HashOf { what: "file", hash: Hash::Sha384, digest: Hash::Sha384.digest(b"beside") });
    let beside = last.preimage(digest_of, b"beside", whole).unwrap();
    let [Step::Enrolled(_), Step::Signed(first), Step::Signed(second), Step::Hashed(hashed)] =
        beside.provenance().trail()
    else {
        panic!("{:?}", beside.provenance().trail())
    };
    assert_eq!((first.what(), first.scheme().name()), ("message", "ecdsa-sha256"));
    assert_eq!(first.signer(), Sha256Digest::of(&root.subject_public_key_info()));
    assert_eq!((first.digest(), first.len_bytes()), (Sha256Digest::of(&spki), spki.len()));
    assert_eq!((second.signer(), second.digest()), (Sha256Digest::of(&spki), Sha256Digest::of(b"last")));
    assert_eq!((hashed.what(), hashed.hash(), hashed.len_bytes()), ("file", Hash::Sha384, 6));
    assert_eq!(hashed.digest(), Sha256Digest::of(b"beside"));
    let both = join(&last, &beside, |_, _| Ok(())).unwrap();
    assert_eq!(
        both.provenance().trail(),
        beside.provenance().trail(),
        "a check that both rest on stands once"
    );
    let projected = last.project(|_| Ok(())).unwrap();
    assert_eq!(projected.provenance().trail(), last.provenance().trail(), "a reading checks nothing more");
}
