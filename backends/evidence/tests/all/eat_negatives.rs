//! Synthetic attestation tokens of the EAT family, each with one thing wrong, and the stage that must refuse it.

use crate::support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;
use pkic_evidence::Appraisal;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::crypto::{Hash, Sha256Digest};
use rcgen::KeyPair;
use serde_json::json;
use support::made::{
    NOW, cbor, cose_sign1, cose_sign1_with, enrolled, key, number, request, sign_fixed, spki,
};
use support::{appraise_with, stage_and_code, verified_facts};

fn appraise(token: &[u8], beside: &KeyPair, request: Option<&[u8]>, anchors: &AnchorSet) -> Appraisal {
    appraise_with(&[token.to_vec(), spki(beside)], request, anchors, Some(&[7; 32]), NOW, None)
}

fn code(answer: &Appraisal) -> (&'static str, &'static str) {
    stage_and_code(answer)
}

fn facts(answer: &Appraisal) -> std::collections::BTreeMap<String, String> {
    verified_facts(answer)
}

fn nonce() -> (Value, Value) {
    (number(10), Value::Bytes(vec![7; 32]))
}

fn cose_key(key: &KeyPair) -> Value {
    let spki = spki(key);
    let (x, y) = spki[spki.len() - 64..].split_at(32);
    Value::Map(vec![
        (number(1), number(2)),
        (number(-1), number(1)),
        (number(-2), Value::Bytes(x.to_vec())),
        (number(-3), Value::Bytes(y.to_vec())),
    ])
}

/// `cnf` with a COSE_Key.
fn confirmation(key: &KeyPair) -> (Value, Value) {
    (number(8), Value::Map(vec![(number(1), cose_key(key))]))
}

fn generic() -> Vec<(Value, Value)> {
    vec![
        nonce(),
        (number(256), Value::Bytes(vec![1, 0xaa])),
        (number(259), Value::Bytes(vec![0xbe, 0xef])),
        (number(263), number(0)),
        (number(271), Value::Array(vec![Value::Text("1.2.3".into())])),
    ]
}

fn jws(header: &serde_json::Value, claims: &serde_json::Value, key: &KeyPair) -> Vec<u8> {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign_fixed(key, message.as_bytes()));
    format!("{message}.{signature}").into_bytes()
}

#[test]
fn a_token_is_about_its_attestation_key_unless_it_confirms_another() {
    let (attester, holder) = (key(), key());
    let anchors = enrolled(&spki(&attester));
    let token = cose_sign1(&generic(), &attester);
    let found = facts(&appraise(&token, &attester, None, &anchors));
    let expected = [
        ("evidence.bound", "false"),
        ("evidence.format", "eat"),
        ("evidence.freshness", "nonce"),
        ("module.firmware", "1.2.3"),
        ("module.model", "beef"),
        ("module.serial", "01aa"),
        ("platform.debug", "true"),
    ];
    for (path, value) in expected {
        assert_eq!(found[path], value, "{path}");
    }
    assert!(found.keys().all(|path| !path.starts_with("key.")), "{found:?}");
    let of_holder = request(&holder);
    assert_eq!(code(&appraise(&token, &attester, Some(&of_holder), &anchors)), ("binding", "key-mismatch"));
    let confirmed = cose_sign1(&[generic(), vec![confirmation(&holder)]].concat(), &attester);
    let found = facts(&appraise(&confirmed, &attester, Some(&of_holder), &anchors));
    assert_eq!(found["evidence.bound"], "true");
    let of_other = request(&key());
    assert_eq!(
        code(&appraise(&confirmed, &attester, Some(&of_other), &anchors)),
        ("binding", "key-mismatch")
    );
}

#[test]
fn json_tokens_say_the_same() {
    let (attester, holder) = (key(), key());
    let anchors = enrolled(&spki(&attester));
    let holder_spki = spki(&holder);
    let (x, y) = holder_spki[holder_spki.len() - 64..].split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let claims = json!({
        "eat_nonce": URL_SAFE_NO_PAD.encode([7; 32]), "ueid": "Aao", "hwmodel": "vu8", "dbgstat": "enabled",
        "swversion": ["1.2.3"], "exp": NOW,
        "cnf": {"jwk": {"kty": "EC", "crv": "P-256", "x": x, "y": y}},
    });
    let header = json!({"alg": "ES256"});
    let of = |header: &serde_json::Value, claims: &serde_json::Value, key: &KeyPair| {
        appraise(&jws(header, claims, key), &attester, Some(&request(&holder)), &anchors)
    };
    let found = facts(&of(&header, &claims, &attester));
    for (path, value) in
        [("evidence.bound", "true"), ("evidence.freshness", "nonce"), ("module.model", "beef")]
    {
        assert_eq!(found[path], value, "{path}");
    }
    assert_eq!(code(&of(&header, &claims, &key())), ("signature", "signature-invalid"));
    for alg in ["HS256", "none", ""] {
        assert_eq!(
            code(&of(&json!({"alg": alg}), &claims, &attester)),
            ("signature", "algorithm-unsupported")
        );
    }
    assert_eq!(
        code(&of(&json!({"alg": "RS256"}), &claims, &attester)),
        ("signature", "algorithm-key-mismatch")
    );
    let critical = json!({"alg": "ES256", "crit": ["x"]});
    assert_eq!(code(&of(&critical, &claims, &attester)), ("format", "field-mismatch"));
    let expired = json!({"eat_nonce": claims["eat_nonce"], "exp": NOW - 1});
    assert_eq!(code(&of(&header, &expired, &attester)), ("freshness", "stale"));
    let several = json!({"eat_nonce": [claims["eat_nonce"], "x"]});
    assert_eq!(code(&of(&header, &several, &attester)), ("format", "field-repeated"));
    let result = json!({"eat_nonce": claims["eat_nonce"], "eat_profile": "tag:github.com,2023:veraison/ear"});
    assert_eq!(of(&header, &result, &attester).format, None, "a verifier's result is no evidence");
}

/// A folder with the files of these keys, of which it lists some.
fn folder(files: &[&KeyPair], listed: &[&KeyPair], format: &str) -> AnchorSet {
    let texts: Vec<String> = files.iter().map(|key| key.public_key_pem()).collect();
    let files: Vec<AnchorFile<'_>> =
        texts.iter().map(|text| AnchorFile { name: "key.pem", bytes: text.as_bytes() }).collect();
    let entry = |key: &&KeyPair| {
        let spki = Sha256Digest::of(&spki(key));
        format!("[[key]]\nname = \"k\"\nspki = \"{spki}\"\npurpose = \"test\"\nformats = [\"{format}\"]\n")
    };
    AnchorSet::load(&files, &listed.iter().map(entry).collect::<String>()).unwrap()
}

#[test]
fn a_key_that_is_listed_and_stands_among_the_anchors_needs_no_key_beside_the_token() {
    let (attester, other) = (key(), key());
    let token = cose_sign1(&generic(), &attester);
    let alone = |anchors: &AnchorSet| {
        appraise_with(std::slice::from_ref(&token), None, anchors, Some(&[7; 32]), NOW, None)
    };
    let both = [&other, &attester];
    assert_eq!(alone(&folder(&both, &both, "eat")).verdict.name(), "verified");
    let unlisted = alone(&folder(&both, &[], "eat"));
    assert_eq!((unlisted.verdict.name(), code(&unlisted)), ("unproven", ("format", "field-missing")));
    let for_another = alone(&folder(&both, &both, "psa-token"));
    assert_eq!((for_another.verdict.name(), code(&for_another)), ("unproven", ("format", "field-missing")));
    let of_another = alone(&folder(&both, &[&other], "eat"));
    assert_eq!(
        (of_another.verdict.name(), code(&of_another)),
        ("refused", ("signature", "signature-invalid"))
    );
}

#[test]
fn only_an_enrolled_key_counts() {
    let attester = key();
    let anchors = enrolled(&spki(&attester));
    let token = cose_sign1(&generic(), &attester);
    let other = key();
    let unknown = appraise(&token, &other, None, &anchors);
    assert_eq!((unknown.verdict.name(), code(&unknown)), ("unproven", ("path", "key-not-enrolled")));
    let alone = appraise_with(&[token], None, &anchors, Some(&[7; 32]), NOW, None);
    assert_eq!((alone.verdict.name(), code(&alone)), ("unproven", ("format", "field-missing")));
    let forged = cose_sign1(&generic(), &other);
    assert_eq!(code(&appraise(&forged, &attester, None, &anchors)), ("signature", "signature-invalid"));
}

#[test]
fn claims_that_do_not_read_are_refused_or_unknown() {
    let attester = key();
    let anchors = enrolled(&spki(&attester));
    let of = |claims: &[(Value, Value)]| appraise(&cose_sign1(claims, &attester), &attester, None, &anchors);
    assert_eq!(code(&of(&[(number(10), Value::Bytes(vec![8; 32]))])), ("freshness", "nonce-mismatch"));
    assert_eq!(
        code(&of(&[(number(10), Value::Array(vec![nonce().1, nonce().1]))])),
        ("format", "field-repeated")
    );
    assert_eq!(code(&of(&[(number(10), Value::Null)])), ("parse", "malformed"));
    assert_eq!(code(&of(&[nonce(), (number(4), Value::Null)])), ("parse", "malformed"));
    assert_eq!(code(&of(&[nonce(), (number(4), number(NOW - 1))])), ("freshness", "stale"));
    assert_eq!(code(&of(&[nonce(), (number(8), Value::Map(vec![]))])), ("format", "field-missing"));
    let odd = [nonce(), (number(263), number(9)), (number(259), number(1))];
    let found = facts(&of(&odd));
    assert!(!found.contains_key("platform.debug") && !found.contains_key("module.model"));
    let twice = [nonce(), (number(256), Value::Bytes(vec![1])), (number(256), Value::Bytes(vec![2]))];
    assert!(!facts(&of(&twice)).contains_key("module.serial"), "a claim that stands twice has no value");
    assert_eq!(of(&[(number(256), Value::Bytes(vec![1]))]).freshness(), Some("none"));
    assert_eq!(
        of(&[(number(6), number(NOW)), (number(256), Value::Bytes(vec![1]))]).freshness(),
        Some("time")
    );
}

fn psa(profile: &str) -> Vec<(Value, Value)> {
    let component = vec![(number(2), Value::Bytes(vec![9; 32])), (number(5), Value::Bytes(vec![8; 32]))];
    vec![
        nonce(),
        (number(256), Value::Bytes(vec![1; 33])),
        (number(265), Value::Text(profile.into())),
        (number(2395), number(0x4001)),
        (number(2396), Value::Bytes(vec![2; 32])),
        (number(2399), Value::Array(vec![Value::Map(component)])),
    ]
}

#[test]
fn psa_tokens_have_every_claim_that_they_must_have() {
    let attester = key();
    let anchors = enrolled(&spki(&attester));
    let of = |claims: &[(Value, Value)]| appraise(&cose_sign1(claims, &attester), &attester, None, &anchors);
    let good = psa("tag:psacertified.org,2023:psa#tfm");
    let found = facts(&of(&good));
    assert_eq!((found["platform.lifecycle"].as_str(), found["platform.debug"].as_str()), ("debug", "true"));
    assert_eq!(found["evidence.format"], "psa-token");
    for (at, (label, _)) in good.iter().enumerate().filter(|(at, _)| *at != 2) {
        let mut without = good.clone();
        without.remove(at);
        assert_eq!(code(&of(&without)), ("format", "field-missing"), "{label:?}");
    }
    let mut odd = good.clone();
    odd[0].1 = Value::Bytes(vec![7; 31]);
    assert_eq!(code(&of(&odd)), ("format", "field-mismatch"), "a challenge of another length");
    let mut many = good;
    many[5].1 = Value::Array(vec![Value::Map(vec![(number(2), Value::Bytes(vec![]))]); 65]);
    assert_eq!(code(&of(&many)), ("parse", "too-large"));
    assert_eq!(facts(&of(&psa("tag:example,2026:other")))["evidence.format"], "eat", "another profile");
}

/// Both layers of a CCA token. The default is a good one.
struct Layers {
    platform_key: KeyPair,
    realm_key: KeyPair,
    /// The key that the realm token names, if not the one that signs it.
    named: Option<KeyPair>,
    platform: Vec<(Value, Value)>,
    realm: Vec<(Value, Value)>,
}

impl Layers {
    fn new() -> Layers {
        let measurements = vec![Value::Bytes(vec![0; 32]); 4];
        Layers {
            platform_key: key(),
            realm_key: key(),
            named: None,
            platform: psa("http://arm.com/CCA-SSD/1.0.0")[1..].to_vec(),
            realm: vec![
                (number(10), Value::Bytes(vec![7; 64])),
                (number(44238), Value::Bytes(vec![1; 32])),
                (number(44239), Value::Array(measurements)),
            ],
        }
    }

    fn appraise(&self, request: Option<&[u8]>) -> Appraisal {
        let named = cbor(&cose_key(self.named.as_ref().unwrap_or(&self.realm_key)));
        let nonce = (number(10), Value::Bytes(Hash::Sha256.digest(&cbor(&cose_key(&self.realm_key)))));
        let platform = cose_sign1(&[vec![nonce], self.platform.clone()].concat(), &self.platform_key);
        let named = (number(44237), Value::Bytes(named));
        let realm = cose_sign1(&[vec![named], self.realm.clone()].concat(), &self.realm_key);
        let tokens = vec![(number(44234), Value::Bytes(platform)), (number(44241), Value::Bytes(realm))];
        let token = cbor(&Value::Tag(399, Box::new(Value::Map(tokens))));
        let anchors = enrolled(&spki(&self.platform_key));
        let parts = [token, spki(&self.platform_key)];
        appraise_with(&parts, request, &anchors, Some(&[7; 64]), NOW, None)
    }
}

#[test]
fn a_platform_names_the_key_of_its_realm() {
    let good = Layers::new();
    let found = facts(&good.appraise(Some(&request(&good.realm_key))));
    assert_eq!((found["evidence.bound"].as_str(), found["evidence.format"].as_str()), ("true", "arm-cca"));
    assert_eq!(found["platform.debug"], "true");
    assert!(found["platform.measurements"].contains("(rem3, "), "{}", found["platform.measurements"]);
    assert_eq!(code(&good.appraise(Some(&request(&key())))), ("binding", "key-mismatch"));
    assert_eq!(code(&good.appraise(Some(&request(&good.platform_key)))), ("binding", "key-mismatch"));
    let other = Layers { named: Some(key()), ..Layers::new() };
    assert_eq!(
        code(&other.appraise(None)),
        ("signature", "digest-mismatch"),
        "a key that the platform does not name"
    );
}

#[test]
fn realms_have_every_claim_that_they_must_have() {
    for at in 0..3 {
        let mut layers = Layers::new();
        layers.realm.remove(at);
        assert_eq!(code(&layers.appraise(None)), ("format", "field-missing"), "{at}");
    }
    let changed = |at: usize, value: Value| {
        let mut layers = Layers::new();
        layers.realm[at].1 = value;
        code(&layers.appraise(None))
    };
    assert_eq!(changed(0, Value::Bytes(vec![8; 64])), ("freshness", "nonce-mismatch"));
    assert_eq!(changed(0, Value::Bytes(vec![7; 32])), ("format", "field-mismatch"));
    assert_eq!(changed(2, Value::Array(vec![Value::Bytes(vec![]); 5])), ("parse", "too-large"));
    assert_eq!(changed(2, Value::Array(vec![Value::Null])), ("parse", "malformed"));
    let mut layers = Layers::new();
    layers.platform.pop();
    assert_eq!(code(&layers.appraise(None)), ("format", "field-missing"));
}

#[test]
fn headers_that_must_be_understood_are_refused() {
    let attester = key();
    let critical = (number(2), Value::Array(vec![number(99)]));
    let token = cose_sign1_with(vec![critical], &generic(), &attester);
    let answer = appraise(&token, &attester, None, &enrolled(&spki(&attester)));
    assert_eq!(code(&answer), ("format", "field-mismatch"));
}
