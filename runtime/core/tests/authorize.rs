//! A permit takes everything at once; each thing that is missing or wrong refuses by its own name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod common;

use common::{DAY, Device, NOW, anchored, authority, csr, key, program, word};
use pkic_eval::Ask;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::envelope::SigningKey;
use pkic_facts::facts::Facts;
use pkic_facts::request::CertificationRequest;
use pkic_ir::Program;
use pkic_runtime::appraise::Appraised;
use pkic_runtime::authorize::{Refusal, SignerFacts, authorize};
use pkic_runtime::bundle::{self, BundleError, Edition, Loaded, Trust, Unsigned};
use pkic_runtime::draft::{Draft, DraftInput, Serial};
use pkic_runtime::issuer::Issuer;
use pkic_runtime::permit::{Expired, Permit};
use pkic_runtime::wishes::Wishes;
use pkic_vocab::{Purpose, Value, Words};
use rcgen::KeyPair;

fn signing_key() -> SigningKey {
    SigningKey::from_pkcs8(&KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_der()).unwrap()
}

const STALE_AFTER: i64 = NOW + 30 * DAY;

fn edition(sequence: u64) -> Edition {
    Edition { sequence, previous: None, created: NOW, stale_after: STALE_AFTER }
}

fn trust<'a>(signers: &'a [Sha256Digest], unsigned: Unsigned) -> Trust<'a> {
    Trust { policy: "acme", signers, last_seen: Some(3), unsigned, now: NOW }
}

fn signed(program: &Program) -> Loaded {
    let key = signing_key();
    let bytes = bundle::seal(program, &edition(3), &key).unwrap();
    bundle::open(&bytes, &trust(&[key.spki_digest()], Unsigned::Refuse)).unwrap()
}

/// Everything that an issuance needs, good as it stands.
struct Case {
    device: Device,
    loaded: Loaded,
    csr: Vec<u8>,
    storage: &'static str,
    issuer: Issuer,
    store: Sha256Digest,
    store_asked: i64,
    serial: Serial,
    drafted: i64,
    authority: Option<u32>,
}

impl Case {
    fn new() -> Case {
        let device = Device::new("production");
        let loaded = signed(&anchored(program(), device.spki_sha256(), Purpose::Production));
        let issuer = Issuer::from_certificate(&authority(&key())).unwrap();
        Case {
            csr: csr(&key(), &["a.example"]),
            storage: "tpm.discrete",
            store: issuer.spki(),
            store_asked: NOW - 60,
            serial: Serial::random(&[9; 20]),
            drafted: NOW,
            authority: Some(0),
            device,
            loaded,
            issuer,
        }
    }

    fn appraised(&self) -> Appraised {
        self.device.attest(self.storage, &self.csr)
    }

    fn draft(&self) -> Draft {
        let request = CertificationRequest::from_bytes(&self.csr).unwrap();
        let index = usize::try_from(self.loaded.profile("tls").unwrap()).unwrap();
        let input = DraftInput {
            profile: &self.loaded.program().profiles[index],
            wishes: &Wishes::of_request(&request),
            spki: request.spki(),
            issuer: Some(&self.issuer),
            serial: self.serial,
            now: self.drafted,
        };
        Draft::new(&input).unwrap()
    }

    fn ask(&self) -> Ask<'_> {
        let mut ask = Ask::new(self.loaded.profile("acme.tls").unwrap(), word(Words::Operation, "issue"));
        ask.authority = self.authority;
        ask
    }

    fn authorize(&self) -> Result<Permit, Refusal> {
        self.authorize_with(self.appraised())
    }

    fn authorize_with(&self, appraised: Appraised) -> Result<Permit, Refusal> {
        let signer = SignerFacts::new(self.store, Facts::new(), self.store_asked);
        authorize(&self.loaded, appraised, self.draft(), &self.issuer, signer, &self.ask(), NOW)
            .map_err(|refusal| *refusal)
    }
}

#[test]
fn a_good_case_gets_a_permit_that_is_spent_once_in_its_time() {
    let case = Case::new();
    let draft = case.draft();
    let permit = case.authorize().unwrap();
    assert_eq!(permit.digest(), draft.digest());
    assert_eq!(permit.not_after(), NOW, "what the store said was 60 s old");
    assert_eq!(permit.report().decision, "permit");
    assert_eq!(permit.report().inputs.tbs, Some(draft.digest().to_string()));
    let bytes = permit.spend(NOW).unwrap();
    assert_eq!((bytes.as_bytes(), bytes.signer()), (draft.tbs(), case.issuer.spki()));

    let expired = |now| case.authorize().unwrap().spend(now).unwrap_err();
    assert_eq!(expired(NOW + 1), Expired { not_before: NOW, not_after: NOW, now: NOW + 1 });
    assert_eq!(expired(NOW - 1).now, NOW - 1, "time that runs back");
}

#[test]
fn a_permit_ends_with_the_first_thing_that_it_rests_on() {
    let case = Case { store_asked: NOW, ..Case::new() };
    assert_eq!(case.authorize().unwrap().not_after(), NOW + 60, "the store's word");

    let mut dated = anchored(program(), case.device.spki_sha256(), Purpose::Production);
    dated.requirements[0].before = Some(NOW + 10);
    let case = Case { loaded: signed(&dated), ..case };
    assert_eq!(case.authorize().unwrap().not_after(), NOW + 9, "the last second of a rule");
}

#[test]
fn each_missing_piece_refuses_by_its_name() {
    let refusal = |case: Case| case.authorize().unwrap_err();
    let good = Case::new();
    let production = anchored(program(), good.device.spki_sha256(), Purpose::Production);

    let loaded = Loaded::unsigned(production.clone()).unwrap();
    assert_eq!(refusal(Case { loaded, ..Case::new() }), Refusal::BundleUnsigned);
    assert_eq!(refusal(Case { loaded: signed(&program()), ..Case::new() }), Refusal::AnchorsMissing);

    let pending = refusal(Case {
        serial: Serial::derived(Sha256Digest([0; 32]), Sha256Digest([0; 32]), NOW),
        ..Case::new()
    });
    assert!(matches!(pending, Refusal::DraftPending { .. }), "{pending}");
    assert_eq!(
        refusal(Case { drafted: NOW - 1, ..Case::new() }),
        Refusal::DraftTime { now: NOW, found: NOW - 1 }
    );
    assert_eq!(refusal(Case { authority: None, ..Case::new() }), Refusal::AuthorityMissing);

    let store = Sha256Digest([5; 32]);
    assert!(matches!(refusal(Case { store, ..Case::new() }), Refusal::SignerKey { .. }));
    assert!(matches!(refusal(Case { store_asked: NOW - 61, ..Case::new() }), Refusal::SignerStale { .. }));
    assert!(matches!(refusal(Case { store_asked: NOW + 1, ..Case::new() }), Refusal::SignerStale { .. }));

    let mut unjudged = production.clone();
    unjudged.authorities[0].certified_as = None;
    let case = Case { device: good.device, loaded: signed(&unjudged), ..Case::new() };
    assert!(matches!(refusal(case), Refusal::SignerProfileMissing { .. }));
}

#[test]
fn the_policy_refuses_by_what_the_evidence_says() {
    let failing = |case: Case| match case.authorize().unwrap_err() {
        Refusal::Policy { failing, report } => {
            assert_eq!(report.decision, "refuse");
            failing
        }
        other => panic!("{other}"),
    };
    assert_eq!(failing(Case { storage: "tpm.firmware", ..Case::new() }), ["key.storage"]);
    let another_device = Case { device: Device::new("production"), ..Case::new() };
    assert_eq!(failing(another_device), ["key.storage"], "the policy does not name this anchor");
    let case = Case::new();
    let simulated = signed(&anchored(program(), case.device.spki_sha256(), Purpose::Simulator));
    assert_eq!(failing(Case { loaded: simulated, ..case }), ["key.storage"], "the policy's purpose counts");
}

#[test]
fn the_signer_is_judged_too() {
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let issuer = Issuer::from_certificate(&authority(&p384)).unwrap();
    let refusal = Case { store: issuer.spki(), issuer, ..Case::new() }.authorize().unwrap_err();
    let expected = Refusal::Signer { profile: "acme.ca-key".into(), failing: vec!["key.algorithm".into()] };
    assert_eq!(refusal, expected);
}

#[test]
fn evidence_about_another_key_says_nothing_of_the_signer() {
    let ca = key();
    let issuer = Issuer::from_certificate(&authority(&ca)).unwrap();
    let case = Case { store: issuer.spki(), issuer, ..Case::new() };
    let authorize_with = |request: &KeyPair| {
        let facts = case.device.attest("hsm", &csr(request, &["ca.example"])).facts;
        let signer = SignerFacts::new(case.store, facts, NOW);
        authorize(&case.loaded, case.appraised(), case.draft(), &case.issuer, signer, &case.ask(), NOW)
    };
    assert!(authorize_with(&ca).is_ok());
    assert_eq!(*authorize_with(&key()).unwrap_err(), Refusal::SignerUnbound { store: case.store });
}

#[test]
fn facts_about_another_key_authorize_nothing() {
    let case = Case::new();
    let other = case.device.attest("tpm.discrete", &csr(&key(), &["a.example"]));
    assert!(matches!(case.authorize_with(other).unwrap_err(), Refusal::DraftKey { .. }));

    let request = CertificationRequest::from_bytes(&case.csr).unwrap();
    let mut renamed = case.device.attest("tpm.discrete", &csr(&key(), &["a.example"]));
    let digest = Sha256Digest::of(request.spki()).0.to_vec();
    renamed.facts.observe("request.public-key", Value::Bytes(digest)).unwrap();
    assert!(matches!(case.authorize_with(renamed).unwrap_err(), Refusal::DraftKey { .. }));
}

#[test]
fn claims_never_stand_in_for_evidence() {
    let case = Case::new();
    let request = CertificationRequest::from_bytes(&case.csr).unwrap();
    let storage = || Value::Word(word(Words::Storage, "tpm.discrete"));
    let mut facts = Facts::of_request(&request).unwrap();
    facts.claim("key.storage", storage()).unwrap();
    let appraised =
        |facts| Appraised { facts, items: Vec::new(), csr: Sha256Digest::of(request.der()), anchors: None };
    assert!(
        matches!(case.authorize_with(appraised(facts)).unwrap_err(), Refusal::Policy { failing, .. } if failing == ["key.storage"])
    );
    let mut facts = Facts::of_request(&request).unwrap();
    facts.observe("key.storage", storage()).unwrap();
    assert!(case.authorize_with(appraised(facts)).is_err(), "observed is not attested");
}

#[test]
fn a_lab_policy_signs_unsigned_and_says_so() {
    let mut lab = program();
    lab.lab = true;
    let case =
        Case { loaded: Loaded::unsigned(lab).unwrap(), device: Device::new("simulator"), ..Case::new() };
    assert!(case.authorize().unwrap().report().lab);
}

#[test]
fn bundles_are_opened_only_as_they_were_sealed() {
    let key = signing_key();
    let signers = [key.spki_digest()];
    let program = program();
    let sealed = bundle::seal(&program, &edition(3), &key).unwrap();
    let loaded = bundle::open(&sealed, &trust(&signers, Unsigned::Refuse)).unwrap();
    assert_eq!(loaded.program(), &program);
    assert_eq!(loaded.seal().unwrap().signer, key.spki_digest());

    let refused = |bytes: &[u8], trust: &Trust<'_>| bundle::open(bytes, trust).unwrap_err();
    let old = bundle::seal(&program, &edition(2), &key).unwrap();
    assert!(
        matches!(refused(&old, &trust(&signers, Unsigned::Refuse)), BundleError::Envelope(_)),
        "rollback"
    );
    let late = Trust { now: STALE_AFTER + 1, ..trust(&signers, Unsigned::Refuse) };
    assert!(matches!(refused(&sealed, &late), BundleError::Envelope(_)), "stale");
    let stranger = [Sha256Digest([1; 32])];
    assert!(matches!(refused(&sealed, &trust(&stranger, Unsigned::Accept)), BundleError::Envelope(_)));
    let other = Trust { policy: "other", ..trust(&signers, Unsigned::Accept) };
    assert!(matches!(refused(&sealed, &other), BundleError::Envelope(_)));

    let plain = bundle::write_unsigned(&program).unwrap();
    assert_eq!(refused(&plain, &trust(&signers, Unsigned::Refuse)), BundleError::Unsigned);
    assert!(bundle::open(&plain, &trust(&[], Unsigned::Accept)).unwrap().seal().is_none());
    assert!(matches!(refused(&plain, &other), BundleError::Policy { .. }));
    for at in [0, 5, sealed.len() / 2, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(bundle::open(&changed, &trust(&signers, Unsigned::Accept)).is_err(), "byte {at}");
    }
    let mut changed = plain.clone();
    changed.push(0);
    assert!(matches!(refused(&changed, &trust(&[], Unsigned::Accept)), BundleError::Program(_)));
}
