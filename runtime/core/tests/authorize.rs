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

use common::{
    DAY, Device, NOW, anchored, authority, csr, csr_answering, field, is_in, key, path, program, word,
};
use pkic_eval::Ask;
use pkic_facts::challenge::{Challenge, EdgeKey, Terms};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::envelope::SigningKey;
use pkic_facts::facts::Facts;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_ir::{Constant, Field, Program};
use pkic_runtime::acts::Predecessor;
use pkic_runtime::appraise::{self, Appraised, Known};
use pkic_runtime::authorize::{Refusal, SignerFacts, authorize};
use pkic_runtime::bundle::{self, BundleError, Edition, Loaded, Trust, Unsigned};
use pkic_runtime::challenge::Nonce;
use pkic_runtime::draft::{Draft, DraftInput, Pending, Serial};
use pkic_runtime::input::{Given, Speaker};
use pkic_runtime::issuer::Issuer;
use pkic_runtime::permit::{Expired, Permit};
use pkic_runtime::report::Report;
use pkic_runtime::wishes::Wishes;
use pkic_vocab::{Purpose, Words};
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

fn sealed(program: &Program) -> (SigningKey, Vec<u8>) {
    let key = signing_key();
    let bytes = bundle::seal(program, &edition(3), &key).unwrap();
    (key, bytes)
}

fn signed(program: &Program) -> Loaded {
    let (key, bytes) = sealed(program);
    bundle::open(&bytes, &trust(&[key.spki_digest()], Unsigned::Refuse)).unwrap()
}

fn request(key: &KeyPair) -> CertificationRequest {
    CertificationRequest::from_bytes(&csr(key, &["a.example"])).unwrap()
}

/// Everything that an issuance needs, good as it stands.
struct Case {
    device: Device,
    loaded: Loaded,
    key: KeyPair,
    /// The key that the evidence is about, where that is another.
    attested: Option<KeyPair>,
    appraised: i64,
    issuer: Issuer,
    store: Sha256Digest,
    store_asked: i64,
    serial: Serial,
    drafted: i64,
    authority: Option<u32>,
    /// The challenge that the evidence answers, where there is one.
    challenge: Option<Challenge>,
}

/// The edge's key.
fn edge() -> EdgeKey {
    EdgeKey::new(&[3; 32]).unwrap()
}

/// Who asks.
const REQUESTER: &str = "unit-7";

fn challenge(authority: &str, profile: &str, requester: &str, expires: i64) -> Challenge {
    let (authority, profile, requester) = (authority.to_owned(), profile.to_owned(), requester.to_owned());
    Challenge::mint(&edge(), [4; 16], Terms { authority, profile, requester, expires })
}

impl Case {
    fn new() -> Case {
        let device = Device::new("production");
        let loaded = signed(&anchored(program(), device.spki_sha256(), Purpose::Production));
        let issuer = Issuer::from_certificate(&authority(&key())).unwrap();
        Case {
            key: key(),
            attested: None,
            appraised: NOW,
            store: issuer.spki(),
            store_asked: NOW - 60,
            serial: Serial::random(&[9; 20]),
            drafted: NOW,
            authority: Some(0),
            challenge: None,
            device,
            loaded,
            issuer,
        }
    }

    fn request(&self) -> CertificationRequest {
        match &self.challenge {
            None => request(&self.key),
            Some(challenge) => {
                CertificationRequest::from_bytes(&csr_answering(&self.key, &challenge.nonce)).unwrap()
            }
        }
    }

    fn appraised(&self) -> Appraised {
        let evidence = self.device.evidence(self.attested.as_ref().unwrap_or(&self.key));
        self.appraise(&self.request(), &[evidence], &Given::default())
    }

    fn appraise(&self, request: &CertificationRequest, evidence: &[Evidence], claims: &Given) -> Appraised {
        let edge = edge();
        let vouched = format!("{{\"request.requester.id\": \"{REQUESTER}\"}}");
        let vouched = Given::from_json("vouched", vouched.as_bytes(), Speaker::Authority).unwrap();
        let known = Known {
            request,
            operation: word(Words::Operation, "issue"),
            profile: "acme.tls",
            authority: Some("acme.ca"),
            evidence,
            plugins: &[],
            anchors: &self.device.anchors,
            catalogues: &[],
            statements: &[],
            claims,
            requester: &vouched,
            nonce: self.challenge.as_ref().map_or(Nonce::None, |each| Nonce::Challenge(each, &edge)),
            activation: None,
            predecessor: Predecessor::NONE,
            now: self.appraised,
        };
        appraise::facts(self.loaded.program(), &known).unwrap()
    }

    fn draft(&self) -> Draft {
        let request = self.request();
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

    fn with_list(self, until: i64, is_revoked: bool) -> Case {
        Case { device: self.device.with_list(until, is_revoked), ..self }
    }

    fn authorize(&self) -> Result<Permit, Refusal> {
        self.authorize_with(self.appraised())
    }

    fn authorize_with(&self, appraised: Appraised) -> Result<Permit, Refusal> {
        let signer = SignerFacts::new(self.store, Facts::new(), self.store_asked);
        authorize(&self.loaded, appraised, self.draft(), &self.issuer, &signer, &self.ask(), NOW)
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
    let judged = permit.report().authority_key.clone().unwrap();
    assert_eq!((judged.judged, judged.profile.as_deref()), (true, Some("acme.ca-key")));
    assert!(permit.report().seal.clone().unwrap().signer_trusted);
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
fn a_permit_does_not_outlive_the_list_that_found_its_evidence_good() {
    let case = |until, is_revoked| Case { store_asked: NOW, ..Case::new() }.with_list(until, is_revoked);
    let permit = case(NOW + 30, false).authorize().unwrap();
    assert_eq!(permit.not_after(), NOW + 30);
    let report = permit.report();
    assert_eq!(
        (report.revocation.len(), report.revocation[0].kind, report.revocation[0].in_force),
        (1, "crl", true)
    );
    assert!(report.inputs.revocation.is_some());
    let known = |report: &Report| report.facts.iter().any(|fact| fact.path == "evidence.revocation");
    assert!(known(report));
    let stale = case(NOW - 1, false).authorize().unwrap();
    assert!(!known(stale.report()) && !stale.report().revocation[0].in_force);
    assert_eq!(stale.not_after(), NOW + 60, "what is unknown bounds nothing");
    let Refusal::Policy { failing, account } = case(NOW - 1, true).authorize().unwrap_err() else {
        panic!("a revoked device proves nothing");
    };
    assert_eq!(failing, ["key.storage"]);
    assert!(account.report.evidence[0].why.as_deref().unwrap().contains("is revoked since"));
}

/// A YubiKey signs no nonce: the request that its key signs carries the challenge.
#[test]
fn a_challenge_in_the_signed_request_is_fresh_and_bounds_the_permit() {
    let with = |challenge| Case { store_asked: NOW, challenge: Some(challenge), ..Case::new() };
    let permit = with(challenge("acme.ca", "acme.tls", REQUESTER, NOW + 20)).authorize().unwrap();
    assert_eq!(permit.not_after(), NOW + 20);
    let fresh = permit.report().facts.iter().find(|fact| fact.path == "evidence.freshness").unwrap();
    assert_eq!(fresh.value, "request-nonce");

    let other = Case { key: key(), ..with(challenge("acme.ca", "acme.tls", REQUESTER, NOW + 20)) };
    let without =
        other.appraise(&request(&other.key), &[other.device.evidence(&other.key)], &Given::default());
    let freshness = path("evidence.freshness");
    assert_eq!(without.facts().table().fact(&freshness).unwrap().value.to_string(), "none");
}

#[test]
fn a_challenge_for_something_else_refuses_all_evidence_by_name() {
    let good = || challenge("acme.ca", "acme.tls", REQUESTER, NOW + 20);
    let why = |challenge| {
        let case = Case { challenge: Some(challenge), ..Case::new() };
        let Refusal::Policy { account, .. } = case.authorize().unwrap_err() else {
            panic!("evidence counts")
        };
        assert_eq!(account.report.evidence[0].verdict, "refused");
        account.report.evidence[0].why.clone().unwrap()
    };
    assert!(why(challenge("acme.other", "acme.tls", REQUESTER, NOW + 20)).contains("authority `acme.other`"));
    assert!(why(challenge("acme.ca", "acme.vault", REQUESTER, NOW + 20)).contains("profile `acme.vault`"));
    assert!(why(challenge("acme.ca", "acme.tls", "unit-8", NOW + 20)).contains("requester `unit-8`"));
    assert!(why(challenge("acme.ca", "acme.tls", REQUESTER, NOW - 1)).contains("the challenge ended"));
    assert!(why(Challenge { nonce: [4; 32], ..good() }).contains("was not made with this key"));

    let case = Case { challenge: Some(good()), ..Case::new() };
    let appraised = case.appraised();
    let mut program = anchored(program(), case.device.spki_sha256(), Purpose::Production);
    program.authorities[0].name = "acme.renamed".into();
    let renamed = Case { loaded: signed(&program), ..case };
    let refusal = renamed.authorize_with(appraised).unwrap_err();
    let (authority, profile) = ("acme.ca".to_owned(), "acme.tls".to_owned());
    assert_eq!(refusal, Refusal::Challenge { authority, profile });
}

#[test]
fn each_missing_piece_refuses_by_its_name() {
    let refusal = |case: Case| case.authorize().unwrap_err();
    let good = Case::new();
    let production = anchored(program(), good.device.spki_sha256(), Purpose::Production);

    let loaded = Loaded::unsigned(production.clone()).unwrap();
    assert_eq!(refusal(Case { loaded, ..Case::new() }), Refusal::BundleUnsigned);
    let (key, bytes) = sealed(&production);
    let loaded = bundle::open_for_evaluation(&bytes, NOW).unwrap();
    let untrusted = Refusal::BundleSignerUntrusted { signer: key.spki_digest() };
    assert_eq!(refusal(Case { loaded, ..Case::new() }), untrusted);
    assert_eq!(refusal(Case { loaded: signed(&program()), ..Case::new() }), Refusal::AnchorsMissing);

    let pending = refusal(Case {
        serial: Serial::derived(Sha256Digest([0; 32]), Sha256Digest([0; 32]), NOW),
        ..Case::new()
    });
    assert!(matches!(pending, Refusal::DraftPending { .. }), "{pending}");
    // Timestamps come after the decision: whoever got a permit here could sign without them.
    let case = Case::new();
    let mut logged = program();
    logged.profiles[1].contents.push(Field { min: 1, ..field("sct-list") });
    logged.fill_costs();
    let logged = anchored(logged, case.device.spki_sha256(), Purpose::Production);
    let pending = refusal(Case { loaded: signed(&logged), ..case });
    assert_eq!(pending, Refusal::DraftPending { pending: vec![Pending::Timestamps] });
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
    let failing = |case: &Case| match case.authorize().unwrap_err() {
        Refusal::Policy { failing, account } => {
            assert_eq!(account.report.decision, "refuse");
            failing
        }
        other => panic!("{other}"),
    };
    let case = Case::new();
    let mut discrete = anchored(program(), case.device.spki_sha256(), Purpose::Production);
    let named = vec![word(Words::Storage, "tpm.discrete")];
    discrete.exprs[0] = is_in("key.storage", Constant::Words { words: Words::Storage, named });
    discrete.fill_costs();
    assert_eq!(failing(&Case { loaded: signed(&discrete), ..case }), ["key.storage"], "a token is no TPM");
    let another_device = Case { device: Device::new("production"), ..Case::new() };
    assert_eq!(failing(&another_device), ["key.storage"], "the policy does not name this anchor");
    let case = Case::new();
    let simulated = signed(&anchored(program(), case.device.spki_sha256(), Purpose::Simulator));
    assert_eq!(failing(&Case { loaded: simulated, ..case }), ["key.storage"], "the policy's purpose counts");
    let about_another_key = Case { attested: Some(key()), ..Case::new() };
    assert_eq!(failing(&about_another_key), ["key.storage"]);
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
    let authorize_with = |facts: Facts| {
        let signer = SignerFacts::new(case.store, facts, NOW);
        authorize(&case.loaded, case.appraised(), case.draft(), &case.issuer, &signer, &case.ask(), NOW)
    };
    let unbound = |facts: Facts| *authorize_with(facts).unwrap_err();
    let refusal = Refusal::SignerUnbound { store: case.store };
    assert!(authorize_with(case.device.facts(&ca, Some(&request(&ca)))).is_ok());
    let other = key();
    assert_eq!(unbound(case.device.facts(&other, Some(&request(&other)))), refusal);
    assert_eq!(unbound(case.device.facts(&ca, None)), refusal, "evidence without a request");
    assert_eq!(unbound(Facts::of_request(&request(&other)).unwrap()), refusal, "a request for another key");
}

#[test]
fn facts_about_another_key_or_moment_authorize_nothing() {
    let (case, other) = (Case::new(), key());
    let of_other = case.appraise(&request(&other), &[case.device.evidence(&other)], &Given::default());
    assert_eq!(of_other.items()[0].verdict.name(), "verified");
    assert!(matches!(case.authorize_with(of_other).unwrap_err(), Refusal::DraftKey { .. }));
    let earlier = Case { appraised: NOW - 1, ..case };
    assert_eq!(earlier.authorize().unwrap_err(), Refusal::FactsTime { now: NOW, found: NOW - 1 });
}

#[test]
fn claims_never_stand_in_for_evidence() {
    let case = Case::new();
    let json = br#"{"key.storage": "tpm.discrete"}"#;
    let claims = Given::from_json("claims.json", json, Speaker::Requester).unwrap();
    let appraised = case.appraise(&case.request(), &[], &claims);
    let path = common::path("key.storage");
    assert_eq!(appraised.facts().table().fact(&path).unwrap().grade, pkic_vocab::Grade::Claimed);
    assert!(
        matches!(case.authorize_with(appraised).unwrap_err(), Refusal::Policy { failing, .. } if failing == ["key.storage"])
    );
    assert!(Given::from_json("ca.json", json, Speaker::Authority).is_err(), "nor does the CA's word");
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
