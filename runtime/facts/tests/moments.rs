//! Two statements of one item of evidence make one value only if they were appraised at the same moment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(clippy::result_large_err, reason = "the error type is the one that `mint` asks for")]

use pkic_facts::anchors::AnchorSet;
use pkic_facts::crypto::{Hash, Scheme, Sha256Digest, Strength};
use pkic_facts::facts::{Binding, Carried, Emission, Facts, Statement};
use pkic_facts::reject::{Reject, Stage};
use pkic_facts::revocation::Revocation;
use pkic_facts::verified::{Evidence, SignedBytes, TrustedKey, Verified, join, mint};
use pkic_vocab::{FactId, Path, Purpose, Words};
use rcgen::{KeyPair, PublicKeyData, SigningKey};

const NOW: i64 = 1_800_000_000;

#[derive(Debug)]
struct Said(&'static str);

impl Statement for Said {
    const FORMAT: &'static str = "tpm2-certify";

    fn attested_key(&self) -> &[u8] {
        &[]
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nothing
    }

    fn emit(&self, to: &mut Emission) {
        to.statement_word(self.0, Words::Origin, "generated");
    }
}

fn origin(_: &[u8]) -> Result<Said, Reject> {
    Ok(Said("key.origin"))
}

/// A witness's word on the evidence, appraised at that moment.
fn heard(witness: &KeyPair, evidence: &Evidence, now: i64) -> Verified<Said> {
    heard_under(witness, evidence, now, "")
}

fn heard_under(witness: &KeyPair, evidence: &Evidence, now: i64, revocation: &str) -> Verified<Said> {
    let spki = witness.subject_public_key_info();
    let listing = format!(
        "[[key]]\nname = \"witness\"\nspki = \"{}\"\npurpose = \"{}\"\n{revocation}",
        Sha256Digest::of(&spki),
        Purpose::Production.name()
    );
    let anchors = AnchorSet::load(&[], &listing).unwrap();
    let key = TrustedKey::enrolled(&anchors, &spki, "tpm2-certify", evidence, now).unwrap();
    let message = evidence.bytes().to_vec();
    let signature = witness.sign(&message).unwrap();
    let signed = SignedBytes { what: "message", message, scheme: Scheme::Ecdsa(Hash::Sha256), signature };
    mint(&signed, &key, Strength::Current, origin).unwrap()
}

#[test]
fn statements_of_two_moments_are_not_joined() {
    let (witness, evidence) = (KeyPair::generate().unwrap(), Evidence::new("e", &[b"said"]).unwrap());
    let said = |now| heard(&witness, &evidence, now);
    let both = |first, second| join(&said(first), &said(second), |first, _| Ok(Said(first.0)));
    assert_eq!(both(NOW, NOW).unwrap().provenance().now(), NOW);
    for (first, second) in [(NOW, NOW + 1), (NOW + 1, NOW)] {
        let reject = both(first, second).unwrap_err();
        assert_eq!(reject, Reject::OtherMoment { expected: first, found: second });
        assert_eq!((reject.code(), reject.stage()), ("other-moment", Stage::Freshness));
    }
}

#[test]
fn facts_of_two_moments_are_not_mixed_and_the_first_stay() {
    let (witness, evidence) = (KeyPair::generate().unwrap(), Evidence::new("e", &[b"said"]).unwrap());
    let mut facts = Facts::new();
    assert_eq!(facts.attest(&evidence, &heard(&witness, &evidence, NOW), None), Ok(Binding::NoRequest));
    let before = facts.table().clone();
    let refused = facts.attest(&evidence, &heard(&witness, &evidence, NOW - 60), None);
    assert_eq!(refused, Err(Reject::OtherMoment { expected: NOW, found: NOW - 60 }));
    assert_eq!(*facts.table(), before);
    assert_eq!(facts.provenance().unwrap().now(), NOW);
    assert_eq!(facts.attest(&evidence, &heard(&witness, &evidence, NOW), None), Ok(Binding::NoRequest));
}

/// The operator's word about one path does not speak for another that the facts rest on as well.
#[test]
fn a_path_that_no_list_covers_takes_back_what_is_known_of_revocation() {
    let (witness, evidence) = (KeyPair::generate().unwrap(), Evidence::new("e", &[b"said"]).unwrap());
    let said = |revocation: &str| heard_under(&witness, &evidence, NOW, revocation);
    let known = |facts: &Facts| {
        let path = FactId::from_path("evidence.revocation").map(Path::from).unwrap();
        facts.table().fact(&path).map(|fact| fact.value.to_string())
    };
    let unpublished = "revocation = \"unpublished\"\n";
    let mut facts = Facts::new();
    for (revocation, expected) in [(unpublished, Some("unpublished")), ("", None), (unpublished, None)] {
        facts.attest(&evidence, &said(revocation), None).unwrap();
        assert_eq!(known(&facts).as_deref(), expected);
    }
    let joined = join(&said(unpublished), &said(""), |first, _| Ok(Said(first.0))).unwrap();
    assert_eq!(joined.provenance().revocation(), Revocation::Unknown);
}
