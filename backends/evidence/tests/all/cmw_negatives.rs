//! Conceptual message wrappers around a synthetic token, each with one thing wrong, and the stage that must refuse it.

use crate::support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;
use pkic_evidence::Appraisal;
use rcgen::KeyPair;
use serde_json::json;
use support::made::{NOW, cbor, cose_sign1, element, enrolled, key, number, request_with, spki};
use support::{appraise_with, attested, stage_and_code};

const EAT: &str = "application/eat+cwt; eat_profile=\"tag:example,2026:x\"";

struct Attester {
    key: KeyPair,
    token: Vec<u8>,
}

impl Attester {
    fn new() -> Attester {
        let key = key();
        let token = cose_sign1(&[(number(10), Value::Bytes(vec![7; 32]))], &key);
        Attester { key, token }
    }

    fn appraise(&self, message: &[u8]) -> Appraisal {
        let (anchors, beside) = (enrolled(&spki(&self.key)), spki(&self.key));
        appraise_with(&[message.to_vec(), beside], None, &anchors, Some(&[7; 32]), NOW, None)
    }

    fn format(&self, message: &[u8]) -> String {
        let answer = self.appraise(message);
        assert_eq!(answer.format, Some("cmw"));
        assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
        assert_eq!(answer.facts.provenance().unwrap().evidence(), answer.evidence, "the digest of the whole");
        attested(answer.facts.table()).remove("evidence.format").unwrap().1
    }

    fn code(&self, message: &[u8]) -> (&'static str, &'static str) {
        stage_and_code(&self.appraise(message))
    }

    fn record(&self, kind: Value, indicator: Option<i64>) -> Value {
        let fields = [kind, Value::Bytes(self.token.clone())];
        Value::Array(fields.into_iter().chain(indicator.map(number)).collect())
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn collection(members: Vec<Value>) -> Value {
    let labelled = members.into_iter().enumerate().map(|(index, member)| (number(index as i64), member));
    Value::Map([(text("__cmwc_t"), text("tag:example,2026:x"))].into_iter().chain(labelled).collect())
}

#[test]
fn what_is_inside_is_appraised_as_its_own_format() {
    let attester = Attester::new();
    let record = |kind, indicator| cbor(&attester.record(kind, indicator));
    for message in [
        record(text(EAT), None),
        record(text("Application/EAT+CWT"), Some(4)),
        record(number(263), Some(5)),
        cbor(&Value::Tag(1_668_546_817 + 256 + 8, Box::new(Value::Bytes(attester.token.clone())))),
        cbor(&collection(vec![attester.record(text(EAT), None)])),
        cbor(&collection(vec![collection(vec![attester.record(text(EAT), None)])])),
        cbor(&Value::Tag(1_668_547_091, Box::new(collection(vec![attester.record(number(263), None)])))),
    ] {
        assert_eq!(attester.format(&message), "eat");
    }
    let token = URL_SAFE_NO_PAD.encode(&attester.token);
    for message in [
        json!([EAT, token]),
        json!([263, token, 4]),
        json!({"__cmwc_t": "tag:example,2026:x", "a": [EAT, token], "b": ["application/vnd.b", "Yg"]}),
        json!(["application/cmw+cbor", URL_SAFE_NO_PAD.encode(record(number(263), None))]),
    ] {
        assert_eq!(attester.format(message.to_string().as_bytes()), "eat");
    }
}

#[test]
fn extensions_and_statements_carry_wrappers() {
    let attester = Attester::new();
    let message = cbor(&attester.record(number(263), Some(4)));
    let id_pe_cmw = element(6, &[&[0x2b, 6, 1, 5, 5, 7, 1, 35]]);
    let choice = element(4, &[&message]);
    let extension = element(0x30, &[&id_pe_cmw, &element(4, &[&choice])]);
    let extension_request: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e";
    let in_extension = request_with(&attester.key, extension_request, &[&element(0x30, &[&extension])]);
    assert_eq!(attester.format(&in_extension), "eat");
    // In the attribute there is no second part: the attester's key is nowhere.
    let dice = element(6, &[&[0x67, 0x81, 5, 5, 4, 9]]);
    for statement in [
        element(0x30, &[&id_pe_cmw, &choice]),
        element(0x30, &[&dice, &element(0x30, &[&element(4, &[&message])])]),
    ] {
        let bundle = element(0x30, &[&element(0x30, &[&statement])]);
        let id_aa_attestation: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3b";
        let request = request_with(&attester.key, id_aa_attestation, &[&bundle]);
        let anchors = enrolled(&spki(&attester.key));
        let answer = appraise_with(std::slice::from_ref(&request), Some(&request), &anchors, None, NOW, None);
        assert_eq!(answer.format, Some("lamps-csr-attestation"));
        assert_eq!(answer.verdict.name(), "unproven", "{:?}", answer.verdict);
    }
}

#[test]
fn of_several_items_none_is_meant() {
    let attester = Attester::new();
    let record = attester.record(text(EAT), Some(4));
    let two = cbor(&collection(vec![record.clone(), record.clone()]));
    assert_eq!(attester.code(&two), ("format", "field-repeated"));
    let nested = cbor(&collection(vec![record.clone(), collection(vec![record.clone()])]));
    assert_eq!(attester.code(&nested), ("format", "field-repeated"));
    let endorsement = attester.record(text(EAT), Some(2));
    assert_eq!(attester.format(&cbor(&collection(vec![record, endorsement.clone()]))), "eat");
    assert_eq!(attester.code(&cbor(&endorsement)), ("format", "format-unknown"), "no evidence");
    let unknown = attester.record(text("application/vnd.x"), None);
    assert_eq!(attester.code(&cbor(&unknown)), ("format", "format-unknown"));
    let mislabelled = attester.record(text("application/eat-collection"), None);
    assert_eq!(attester.code(&cbor(&mislabelled)), ("format", "format-unknown"), "it does not look like it");
}

#[test]
fn depth_and_numbers_are_bounded() {
    let attester = Attester::new();
    let mut message = attester.record(text(EAT), None);
    for _ in 0..4 {
        message = collection(vec![message]);
    }
    assert_eq!(attester.format(&cbor(&message)), "eat");
    assert_eq!(attester.appraise(&cbor(&collection(vec![message]))).format, None);
    let mut wrapped = cbor(&attester.record(text(EAT), None));
    for _ in 0..5 {
        wrapped = cbor(&Value::Array(vec![number(273), Value::Bytes(wrapped)]));
    }
    assert_eq!(attester.appraise(&wrapped).format, None);
    let many = vec![attester.record(text("application/vnd.x"), None); 65];
    assert_eq!(attester.appraise(&cbor(&collection(many))).format, None);
    for other in [collection(vec![]), collection(vec![text("x")]), Value::Array(vec![number(263)])] {
        assert_eq!(attester.appraise(&cbor(&other)).format, None, "{other:?}");
    }
}
