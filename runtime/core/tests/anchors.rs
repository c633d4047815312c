//! Facts that rest on two anchors are worth what the policy says of the worse one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod common;

use common::{NOW, anchored, key, path, program, word};
use pkic_facts::anchors::AnchorSet;
use pkic_facts::catalogue::{Catalogue, Rows, Trust};
use pkic_facts::crypto::{Hash, Scheme, Sha256Digest, Strength};
use pkic_facts::envelope::{self, Kind, Manifest};
use pkic_facts::facts::{Carried, Emission, Facts, Statement};
use pkic_facts::reject::Reject;
use pkic_facts::verified::{Evidence, SignedBytes, TrustedKey, Verified, join, mint};
use pkic_ir::{AnchorDef, Program};
use pkic_runtime::appraise::{purpose_of, table};
use pkic_vocab::{Grade, Purpose, Value, Words};
use rcgen::{KeyPair, PublicKeyData, SigningKey};

/// What two witnesses say together.
struct Joint;

impl Statement for Joint {
    const FORMAT: &'static str = "tpm2-certify";

    fn attested_key(&self) -> &[u8] {
        &[]
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nothing
    }

    fn emit(&self, to: &mut Emission) {
        to.statement_word("key.storage", Words::Storage, "se");
        to.statement_word("module.vendor", Words::Vendor, "nxp");
    }
}

#[allow(clippy::result_large_err, reason = "the error type is the one that `mint` asks for")]
fn heard(_: &[u8]) -> Result<(), Reject> {
    Ok(())
}

fn spki(witness: &KeyPair) -> Sha256Digest {
    Sha256Digest::of(&witness.subject_public_key_info())
}

fn said(witness: &KeyPair, anchors: &AnchorSet, evidence: &Evidence) -> Verified<()> {
    let message = evidence.bytes().to_vec();
    let spki = witness.subject_public_key_info();
    let trusted = TrustedKey::enrolled(anchors, &spki, "tpm2-certify", evidence, NOW).unwrap();
    let signature = witness.sign(&message).unwrap();
    let signed = SignedBytes { what: "message", message, scheme: Scheme::Ecdsa(Hash::Sha256), signature };
    mint(&signed, &trusted, Strength::Current, heard).unwrap()
}

/// Facts that both witnesses vouch for, each under the deployment's word for it.
fn facts(witnesses: &[KeyPair; 2], deployment: [&str; 2]) -> Facts {
    let entry = |(witness, purpose): (&KeyPair, &str)| {
        format!("[[key]]\nname = \"{purpose}\"\nspki = \"{}\"\npurpose = \"{purpose}\"\n", spki(witness))
    };
    let listing: String = witnesses.iter().zip(deployment).map(entry).collect();
    let anchors = AnchorSet::load(&[], &listing).unwrap();
    let evidence = Evidence::new("joint.bin", &[b"joint"]).unwrap();
    let [first, second] = witnesses.each_ref().map(|witness| said(witness, &anchors, &evidence));
    let joint = join(&first, &second, |(), ()| Ok(Joint)).unwrap();
    let mut facts = Facts::new();
    facts.attest(&evidence, &joint, None).unwrap();
    facts
}

/// A policy with a word for each witness, or none.
fn policy(witnesses: &[KeyPair; 2], words: [Option<Purpose>; 2]) -> Program {
    let mut program = anchored(program(), [3; 32], Purpose::Production);
    for (witness, purpose) in witnesses.iter().zip(words) {
        let Some(purpose) = purpose else { continue };
        let (name, spki_sha256) = (purpose.name().to_owned(), spki(witness).0);
        program.anchors[0].anchors.push(AnchorDef { name, spki_sha256, purpose, formats: Vec::new() });
    }
    pkic_ir::check(&program).unwrap();
    program
}

#[test]
fn the_worse_of_two_anchors_counts_by_the_policys_word() {
    let witnesses = [key(), key()];
    let (production, test) = (Some(Purpose::Production), Some(Purpose::Test));
    for deployment in [["production", "preview"], ["preview", "production"]] {
        let facts = facts(&witnesses, deployment);
        assert_eq!(facts.provenance().unwrap().anchors().count(), 2);
        let purpose = |words| purpose_of(&policy(&witnesses, words), &facts);
        assert_eq!(purpose([production, production]), Purpose::Production);
        assert_eq!(purpose([production, test]), Purpose::Test);
        assert_eq!(purpose([test, production]), Purpose::Test);
        assert_eq!(purpose([production, None]), Purpose::Unspecified, "the second is not named");
        assert_eq!(purpose([None, production]), Purpose::Unspecified, "the first is not named");
        assert_eq!(purpose_of(&program(), &facts), Purpose::Preview, "without the policy's word");
    }
}

#[test]
fn an_anchor_for_another_format_is_not_named() {
    let witnesses = [key(), key()];
    let facts = facts(&witnesses, ["production", "production"]);
    let mut program = policy(&witnesses, [Some(Purpose::Production); 2]);
    assert_eq!(purpose_of(&program, &facts), Purpose::Production);
    program.anchors[0].anchors[2].formats = vec![word(Words::Format, "yubikey-piv")];
    assert_eq!(purpose_of(&program, &facts), Purpose::Unspecified);
}

#[test]
fn of_two_words_for_one_anchor_the_farther_from_production_counts() {
    let witnesses = [key(), key()];
    let facts = facts(&witnesses, ["production", "production"]);
    for purposes in [[Purpose::Production, Purpose::Test], [Purpose::Test, Purpose::Production]] {
        let mut program = policy(&witnesses, [Some(Purpose::Production), Some(purposes[0])]);
        let mut other = program.anchors[0].clone();
        other.name = "zzz.others".to_owned();
        other.anchors = vec![AnchorDef { purpose: purposes[1], ..other.anchors[2].clone() }];
        program.anchors.push(other);
        pkic_ir::check(&program).unwrap();
        assert_eq!(purpose_of(&program, &facts), Purpose::Test, "{purposes:?}");
    }
}

/// A catalogue that says where keys of a model live, known by the evidence's vendor and somebody else's word for the
/// model.
fn catalogue() -> Catalogue {
    let rows = r#"{"class": [{"id": "a", "match": {"vendor": "nxp", "models": ["SE050"]}, "storage": "se.discrete",
        "source": {"title": "t", "dated": "2026-01-01"}}]}"#;
    let rows: Rows = serde_json::from_str(rows).unwrap();
    let key = envelope::SigningKey::from_pkcs8(&key().serialize_der()).unwrap();
    let (name, previous) = ("modules".to_owned(), None);
    let manifest =
        Manifest { kind: Kind::Catalogue, name, sequence: 1, previous, created: NOW, stale_after: NOW };
    let bytes = envelope::seal(&manifest, &rows.to_payload().unwrap(), &key).unwrap();
    let trust = Trust { names: &["modules"], signers: &[key.spki_digest()], age_s_max: None };
    Catalogue::open(&bytes, &trust, None, NOW).unwrap()
}

#[test]
fn what_a_catalogue_says_of_evidence_is_worth_what_the_policy_says_of_its_anchor() {
    let witnesses = [key(), key()];
    let mut facts = facts(&witnesses, ["production", "production"]);
    facts.observe("module.model", Value::Text("SE050".into())).unwrap();
    assert_eq!(facts.endorse(&catalogue()).unwrap(), ["a"]);
    for (words, purpose) in
        [([Some(Purpose::Production); 2], Purpose::Production), ([None; 2], Purpose::Unspecified)]
    {
        let table = table(&policy(&witnesses, words), &facts);
        let storage = table.fact(&path("key.storage")).unwrap();
        assert_eq!(storage.value, Value::Word(word(Words::Storage, "se.discrete")));
        assert_eq!((storage.grade, storage.purpose), (Grade::Observed, purpose));
    }
}
