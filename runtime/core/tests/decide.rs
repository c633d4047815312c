//! A request is decided end to end, the same way each time, and the account of it is what its schema says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod common;

use common::{Device, NOW, anchored, authority, csr, key, path, program, text, word};
use pkic_facts::anchors::AnchorSet;
use pkic_facts::envelope::SigningKey;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_ir::Program;
use pkic_runtime::bundle::{self, Edition, Loaded, Trust, Unsigned};
use pkic_runtime::challenge::Nonce;
use pkic_runtime::decide::{Change, Decided, Request, decide};
use pkic_runtime::input::{Given, InputError, Speaker};
use pkic_runtime::issuer::Issuer;
use pkic_vocab::{BasisSet, Fact, Grade, Purpose, Value, Words};
use serde_json::Value as Json;

fn decide_with(program: Program, edit: impl FnOnce(&mut Request<'_>)) -> Result<Decided, InputError> {
    let loaded = Loaded::unsigned(program).unwrap();
    let csr = CertificationRequest::from_bytes(&csr(&key(), &["a.example"])).unwrap();
    let (anchors, nothing) = (AnchorSet::default(), Given::default());
    let mut request = Request {
        loaded: &loaded,
        profile: "tls",
        operation: word(Words::Operation, "issue"),
        csr: &csr,
        evidence: &[],
        plugins: &[],
        anchors: &anchors,
        catalogues: &[],
        statements: &[],
        claims: &nothing,
        requester: &nothing,
        authority: None,
        issuer: None,
        changes: &[],
        nonce: Nonce::None,
        activation: None,
        now: NOW,
        admit_test_anchors: false,
    };
    edit(&mut request);
    decide(&request)
}

fn change(name: &str, value: Value, grade: Grade) -> Change {
    Change { path: path(name), to: Some(Fact::new(value, grade, BasisSet::STATEMENT)) }
}

fn storage(name: &str, grade: Grade) -> Change {
    change("key.storage", Value::Word(word(Words::Storage, name)), grade)
}

#[test]
fn no_evidence_refuses_and_says_what_to_give() {
    let decided = decide_with(program(), |_| ()).unwrap();
    assert_eq!(decided.failing, ["key.storage"]);
    assert!(!decided.is_permit());
    let entry = decided.report.requirements.iter().find(|entry| entry.id == "key.storage").unwrap();
    assert_eq!((entry.result, entry.line.as_str()), ("unknown", "acme.pki:7"));
    assert!(entry.remedy.as_deref().unwrap().contains("evidence"));
    assert_eq!(decided.report.authority.as_deref(), Some("acme.ca"));
    assert_eq!(
        decided.report.pending,
        ["certificate.issuer", "serial-number", "certificate.authority-key-identifier"]
    );
}

#[test]
fn changes_are_made_after_all_else() {
    let permit = |changes: &[Change]| {
        let changes = changes.to_vec();
        let decided = decide_with(program(), |request| request.changes = Vec::leak(changes)).unwrap();
        (decided.is_permit(), decided.failing)
    };
    assert_eq!(permit(&[storage("tpm.discrete", Grade::Attested)]), (true, vec![]));
    assert_eq!(permit(&[storage("tpm.discrete", Grade::Claimed)]), (false, vec!["key.storage".into()]));
    let long = change("certificate.validity", Value::Span(48 * common::DAY), Grade::Claimed);
    let (is_permit, failing) = permit(&[storage("se", Grade::Attested), long]);
    assert!(!is_permit);
    assert_eq!(failing, ["contents.validity"]);
    let unknown = Change { path: path("key.storage"), to: None };
    assert!(!permit(&[storage("se", Grade::Attested), unknown]).0);
}

#[test]
fn claims_and_evidence_of_no_known_format_change_nothing() {
    let claims =
        Given::from_json("c.json", br#"{"key.storage": "tpm.discrete"}"#, Speaker::Requester).unwrap();
    let evidence = [Evidence::new("e.bin", &[b"nonsense"]).unwrap()];
    let decided = decide_with(program(), |request| {
        request.claims = Box::leak(Box::new(claims));
        request.evidence = Vec::leak(evidence.to_vec());
    })
    .unwrap();
    assert_eq!(decided.failing, ["key.storage"]);
    assert_eq!(decided.report.evidence[0].verdict, "refused");
    assert!(!decided.report.evidence[0].used);
    let entry = decided.report.requirements.iter().find(|entry| entry.id == "key.storage").unwrap();
    assert_eq!((entry.found.as_deref(), entry.grade), (Some("tpm.discrete"), Some("claimed")));
}

#[test]
fn equal_requests_have_equal_answers() {
    let loaded = Loaded::unsigned(program()).unwrap();
    let csr = CertificationRequest::from_bytes(&csr(&key(), &["a.example"])).unwrap();
    let issuer = Issuer::from_certificate(&authority(&key())).unwrap();
    let json = |at: i64| {
        let decided = decide_with(program(), |request| {
            request.loaded = Box::leak(Box::new(Loaded::unsigned(loaded.program().clone()).unwrap()));
            request.csr = Box::leak(Box::new(csr.clone()));
            request.issuer = Some(Box::leak(Box::new(issuer.clone())));
            request.now = at;
        });
        serde_json::to_string(&decided.unwrap().report).unwrap()
    };
    assert_eq!(json(NOW), json(NOW));
    assert_ne!(json(NOW), json(NOW + 1));
}

#[test]
fn a_certificate_that_cannot_be_written_is_a_refusal() {
    let mut program = program();
    program.profiles[1].contents[3] = common::fixed("subject.country", text("Germany"));
    let attested = vec![storage("se", Grade::Attested)];
    let decided = decide_with(program, |request| request.changes = Vec::leak(attested)).unwrap();
    assert_eq!(decided.failing, ["draft"]);
    assert_eq!(decided.report.decision, "refuse");
    assert_eq!(decided.report.inputs.tbs, None);
}

#[test]
fn unknown_names_are_answered_with_near_ones() {
    let error = decide_with(program(), |request| request.profile = "acme.tsl").unwrap_err();
    assert_eq!((error.input.as_str(), error.help.as_str()), ("profile", "did you mean `acme.tls`?"));
    let error = decide_with(program(), |request| request.authority = Some("acme.cb")).unwrap_err();
    assert_eq!(error.help, "did you mean `acme.ca`?");
}

#[test]
fn the_programs_anchors_decide_what_an_anchor_is_for() {
    let purpose = |program: &Program, device: &Device| {
        pkic_runtime::appraise::purpose_of(program, &device.facts(&key(), None))
    };
    let device = Device::new("production");
    assert_eq!(
        purpose(&program(), &device),
        Purpose::Production,
        "the deployment's word, where the policy has none"
    );
    let test = anchored(program(), device.spki_sha256(), Purpose::Test);
    assert_eq!(purpose(&test, &device), Purpose::Test);
    assert_eq!(purpose(&test, &Device::new("production")), Purpose::Unspecified, "not named by the policy");
    let mut other_format = anchored(program(), device.spki_sha256(), Purpose::Production);
    other_format.anchors[0].anchors[0].formats = vec![word(Words::Format, "tpm2-certify")];
    assert_eq!(purpose(&other_format, &device), Purpose::Unspecified, "named for another format");
}

#[test]
fn given_facts_are_checked_path_by_path() {
    let read = |json: &str, speaker| Given::from_json("r.json", json.as_bytes(), speaker);
    let fine =
        r#"{"request.tags": ["pci"], "request.domain-validation.age": "3d", "predecessor.status": "valid"}"#;
    assert_eq!(read(fine, Speaker::Authority).unwrap().entries().len(), 3);
    let refused = |json: &str, speaker| read(json, speaker).unwrap_err();
    assert_eq!(refused(r#"{"request.tag": []}"#, Speaker::Authority).help, "did you mean `request.tags`?");
    for path in ["key.storage", "evidence.bound", "certificate.validity", "request.public-key"] {
        let error = refused(&format!(r#"{{"{path}": true}}"#), Speaker::Authority);
        assert_eq!(error.what, format!("`{path}` cannot be given here"));
    }
    for path in ["evidence.bound", "key.algorithm", "request.proof-of-possession", "predecessor.status"] {
        assert!(
            refused(&format!(r#"{{"{path}": true}}"#), Speaker::Requester).what.contains("cannot be given")
        );
    }
    assert!(refused(r#"{"request.tags": "pci"}"#, Speaker::Authority).what.contains("another type"));
    assert!(refused(r#"{"request.requester.id": 1}"#, Speaker::Authority).what.contains("no string"));
    assert!(refused(r#"{"predecessor.status": "good"}"#, Speaker::Authority).what.contains("no status"));
    let twice = "{\"request.requester.id\": \"a\",\n\"request.requester.id\": \"b\"}";
    let error = refused(twice, Speaker::Authority);
    assert_eq!((error.line, error.what.contains("stands twice")), (Some(2), true));
    assert!(refused("[]", Speaker::Authority).what.contains("object"));
    let deep = "[".repeat(100_000);
    assert!(read(&deep, Speaker::Authority).is_err());
}

#[test]
fn a_decision_that_signs_nothing_has_not_judged_the_key_that_would_sign() {
    let report = decide_with(program(), |_| ()).unwrap().report;
    let key = report.authority_key.unwrap();
    assert_eq!((key.judged, key.profile.as_deref()), (false, Some("acme.ca-key")));
    let mut unjudged = program();
    unjudged.authorities[0].certified_as = None;
    let key = decide_with(unjudged, |_| ()).unwrap().report.authority_key.unwrap();
    assert_eq!((key.judged, key.profile), (false, None));
    let mut unsigned = program();
    unsigned.profiles.iter_mut().for_each(|profile| profile.issued_by.clear());
    assert_eq!(decide_with(unsigned, |_| ()).unwrap().report.authority_key, None);
}

#[test]
fn a_decision_says_who_signed_the_program_and_whether_that_counts() {
    let key = signing_key();
    let edition = Edition { sequence: 4, previous: None, created: NOW, stale_after: NOW + 60 };
    let bytes = bundle::seal(&program(), &edition, &key).unwrap();
    let signers = [key.spki_digest()];
    let trust =
        Trust { policy: "acme", signers: &signers, last_seen: None, unsigned: Unsigned::Refuse, now: NOW };
    let report = |loaded| {
        decide_with(program(), |request| request.loaded = Box::leak(Box::new(loaded))).unwrap().report
    };
    let listed = report(bundle::open(&bytes, &trust).unwrap());
    let seal = listed.seal.clone().unwrap();
    assert_eq!((seal.signer, seal.signer_trusted, seal.sequence), (key.spki_digest().to_string(), true, 4));
    let unlisted = report(bundle::open_for_evaluation(&bytes, NOW).unwrap());
    assert!(!unlisted.seal.clone().unwrap().signer_trusted);
    let plain = bundle::write_unsigned(&program()).unwrap();
    assert_eq!(report(bundle::open_for_evaluation(&plain, NOW).unwrap()).seal, None);
    for report in [listed, unlisted] {
        let json = serde_json::to_value(&report).unwrap();
        assert_fits(&schema(), &schema(), &json, "$");
    }
    assert!(bundle::open_for_evaluation(&bytes, NOW + 61).is_err(), "stale");
    for at in [5, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(bundle::open_for_evaluation(&changed, NOW).is_err(), "byte {at}");
    }
}

fn signing_key() -> SigningKey {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    SigningKey::from_pkcs8(&pair.serialize_der()).unwrap()
}

fn schema() -> Json {
    serde_json::from_str(include_str!("../../../docs/decision.schema.json")).unwrap()
}

#[test]
fn the_report_is_what_the_schema_says() {
    let schema = schema();
    let mut warned = program();
    warned.requirements[0].strength = pkic_ir::Strength::Should;
    let device = Device::new("production");
    let reports = [
        decide_with(program(), |_| ()).unwrap().report,
        decide_with(program(), |request| request.changes = Vec::leak(vec![storage("se", Grade::Attested)]))
            .unwrap()
            .report,
        decide_with(anchored(warned, device.spki_sha256(), Purpose::Test), |request| {
            request.evidence = Vec::leak(vec![Evidence::new("e", &[b"x"]).unwrap()]);
        })
        .unwrap()
        .report,
    ];
    for report in reports {
        let json = serde_json::to_value(&report).unwrap();
        assert_fits(&schema, &schema, &json, "$");
    }
    let mut wrong = serde_json::to_value(decide_with(program(), |_| ()).unwrap().report).unwrap();
    wrong["decision"] = Json::from("maybe");
    assert!(
        std::panic::catch_unwind(|| assert_fits(&schema, &schema, &wrong, "$")).is_err(),
        "the check can fail"
    );
}

/// The part of JSON Schema that the schema uses; what a report has must also stand in the schema.
fn assert_fits(root: &Json, schema: &Json, value: &Json, at: &str) {
    if let Some(name) = schema.get("$ref").and_then(Json::as_str) {
        let target = root.pointer(name.trim_start_matches('#')).unwrap();
        return assert_fits(root, target, value, at);
    }
    if let Some(any) = schema.get("anyOf").and_then(Json::as_array) {
        let target = any.iter().find(|each| (each["type"] == "null") == value.is_null()).unwrap();
        return assert_fits(root, target, value, at);
    }
    if let Some(expected) = schema.get("const") {
        assert_eq!(value, expected, "{at}");
    }
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        assert!(words.contains(value), "{at}: {value}");
    }
    let name = match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    match schema.get("type") {
        Some(Json::String(ty)) => assert_eq!(ty, name, "{at}"),
        Some(Json::Array(types)) => assert!(types.contains(&Json::from(name)), "{at}: {value}"),
        _ => {}
    }
    if let (Json::Array(values), Some(items)) = (value, schema.get("items")) {
        values
            .iter()
            .enumerate()
            .for_each(|(index, value)| assert_fits(root, items, value, &format!("{at}[{index}]")));
    }
    if let (Json::Object(members), Some(Json::Object(properties))) = (value, schema.get("properties")) {
        for (key, member) in members {
            let schema = properties.get(key).unwrap_or_else(|| panic!("{at}: `{key}` is not in the schema"));
            assert_fits(root, schema, member, &format!("{at}.{key}"));
        }
        for key in schema["required"].as_array().unwrap() {
            assert!(members.contains_key(key.as_str().unwrap()), "{at}: no {key}");
        }
    }
}
