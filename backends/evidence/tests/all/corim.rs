//! Attestation keys from manifests, real and synthetic, and what must not become one.

use crate::support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value;
use pkic_evidence::corim::{AttestKey, Origin, attest_keys, listing};
use pkic_facts::anchors::AnchorSet;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::reject::Reject;
use pkic_vocab::Purpose;
use support::made::{NOW, cbor, cose_sign1_over, key, number, spki};
use support::samples_folder;

fn sample(path: &str) -> Option<Vec<u8>> {
    let found = samples_folder().and_then(|folder| std::fs::read(folder.join(path)).ok());
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(found.is_some() || !is_ci, "no {path}");
    found
}

fn tag(tag: u64, value: Value) -> Value {
    Value::Tag(tag, Box::new(value))
}

fn validity(not_before: i64, not_after: i64) -> Value {
    let moment = |seconds| tag(1, number(seconds));
    Value::Map(vec![(number(0), moment(not_before)), (number(1), moment(not_after))])
}

/// A manifest with one triple, of these members.
fn manifest(triple: Vec<Value>, further: Vec<(Value, Value)>) -> Value {
    let triples = Value::Map(vec![(number(3), Value::Array(vec![Value::Array(triple)]))]);
    let comid = cbor(&Value::Map(vec![(number(4), triples)]));
    let tags = Value::Array(vec![tag(506, Value::Bytes(comid)), tag(505, Value::Bytes(vec![0xa0]))]);
    let members = vec![(number(0), Value::Text("acme \"1\"".into())), (number(1), tags)];
    tag(501, Value::Map([members, further].concat()))
}

fn triple(keys: Vec<Value>) -> Vec<Value> {
    vec![Value::Map(vec![]), Value::Array(keys)]
}

fn read(manifest: &Value) -> Result<Vec<AttestKey>, Reject> {
    attest_keys(&cbor(manifest), Origin::LocalConfiguration, NOW)
}

#[test]
fn the_samples_endorse_what_they_endorse() {
    let keys = |path: &str| {
        Some(
            attest_keys(&sample(path)?, Origin::LocalConfiguration, NOW)
                .unwrap_or_else(|e| panic!("{path}: {e}")),
        )
    };
    let Some(parsec) = keys("parsec-tpm/corim-parsec-tpm-valid.cbor") else { return };
    let [key] = parsec.as_slice() else { panic!("{parsec:?}") };
    assert_eq!(key.name, "00000000-0000-0000-6768-0000000000001 key 1");
    let listing = listing(&parsec, Purpose::Test, &["parsec-tpm"]);
    let anchors = AnchorSet::load(&[], &listing).unwrap();
    let enrolled = anchors.enrolled(Sha256Digest::of(&key.spki), "parsec-tpm").unwrap();
    assert_eq!((enrolled.name.as_str(), enrolled.purpose), (key.name.as_str(), Purpose::Test));
    assert!(anchors.enrolled(Sha256Digest::of(&key.spki), "psa-token").is_none());
    for path in ["corim/unsigned-good-corim.cbor", "corim/corim-1.cbor"] {
        assert_eq!(keys(path), Some(vec![]), "reference values alone");
    }
    for path in ["corim/signed-good-corim.cbor", "corim/signed-example-corim.cbor"] {
        let bytes = sample(path).unwrap();
        let unsigned = attest_keys(&bytes, Origin::LocalConfiguration, NOW).unwrap_err();
        assert_eq!(unsigned.code(), "field-missing", "a signed one counts under a key alone");
        let other = attest_keys(&bytes, Origin::SignedBy(&spki(&support::made::key())), 1_700_000_000);
        assert_eq!(other.unwrap_err().code(), "signature-invalid");
    }
}

/// The signer of the samples is the example key of RFC 7517, appendix A.1.
#[test]
fn a_signature_counts_while_it_is_valid() {
    let Some(bytes) = sample("corim/signed-good-corim.cbor") else { return };
    let x = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
    let y = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";
    let decode = |text| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap();
    let head = spki(&key());
    let signer = [&head[..head.len() - 64], &decode(x), &decode(y)].concat();
    let at = |now| attest_keys(&bytes, Origin::SignedBy(&signer), now).map_err(|reject| reject.code());
    assert_eq!(at(1_700_000_000), Ok(vec![]));
    assert_eq!(at(1_640_000_000), Err("created-later"));
    assert_eq!(at(1_770_000_000), Err("stale"));
    for position in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        assert!(attest_keys(&changed, Origin::SignedBy(&signer), 1_700_000_000).is_err(), "{position}");
    }
}

#[test]
fn keys_come_in_several_forms() {
    let (one, two, three) = (key(), key(), key());
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(spki(&one)));
    let three_spki = spki(&three);
    let (x, y) = three_spki[three_spki.len() - 64..].split_at(32);
    let cose_key = Value::Map(vec![
        (number(1), number(2)),
        (number(-1), number(1)),
        (number(-2), Value::Bytes(x.to_vec())),
        (number(-3), Value::Bytes(y.to_vec())),
    ]);
    let keys = vec![
        tag(554, Value::Text(pem)),
        tag(554, Value::Text(STANDARD.encode(spki(&two)))),
        tag(558, cose_key.clone()),
        tag(558, Value::Bytes(cbor(&cose_key))),
    ];
    let found = read(&manifest(triple(keys), vec![])).unwrap();
    let spkis: Vec<Vec<u8>> = found.iter().map(|key| key.spki.clone()).collect();
    assert_eq!(spkis, [spki(&one), spki(&two), spki(&three), spki(&three)]);
    assert_eq!(found[1].name, "acme ?1? key 2", "what would end a text of the listing");
    assert!(AnchorSet::load(&[], &listing(&found[..3], Purpose::Production, &[])).is_ok());
}

#[test]
fn what_is_no_key_is_refused() {
    let good = tag(554, Value::Text(STANDARD.encode(spki(&key()))));
    let code = |manifest: &Value| read(manifest).unwrap_err().code();
    let of = |key: Value| code(&manifest(triple(vec![key]), vec![]));
    assert_eq!(of(tag(557, Value::Array(vec![]))), "algorithm-unsupported", "a digest of a key");
    assert_eq!(of(tag(555, Value::Text("x".into()))), "algorithm-unsupported", "a certificate");
    assert_eq!(of(Value::Text("x".into())), "malformed");
    assert_eq!(of(tag(554, Value::Text("x".into()))), "malformed");
    let conditional = [triple(vec![good.clone()]), vec![Value::Map(vec![])]].concat();
    assert_eq!(code(&manifest(conditional, vec![])), "field-mismatch");
    assert_eq!(code(&manifest(triple(vec![good.clone(); 1_025]), vec![])), "too-large");
    assert_eq!(code(&manifest(triple(vec![good.clone()]), vec![(number(4), validity(0, NOW - 1))])), "stale");
    let later = manifest(triple(vec![good.clone()]), vec![(number(4), validity(NOW + 1, NOW + 2))]);
    assert_eq!(code(&later), "created-later");
    assert_eq!(code(&manifest(triple(vec![good]), vec![(number(4), Value::Null)])), "malformed");
    assert_eq!(code(&tag(501, Value::Map(vec![(number(1), Value::Null)]))), "malformed");
}

#[test]
fn a_manifest_is_signed_by_the_named_key_or_by_nobody() {
    let (signer, attester) = (key(), key());
    let unsigned = manifest(triple(vec![tag(554, Value::Text(STANDARD.encode(spki(&attester))))]), vec![]);
    let signed = cose_sign1_over(vec![], &cbor(&unsigned), &signer);
    let by = |bytes: &[u8], signer: &[u8]| {
        attest_keys(bytes, Origin::SignedBy(signer), NOW)
            .map(|keys| keys.len())
            .map_err(|reject| reject.code())
    };
    assert_eq!(by(&signed, &spki(&signer)), Ok(1));
    assert_eq!(by(&signed, &spki(&attester)), Err("signature-invalid"));
    assert_eq!(by(&cbor(&unsigned), &spki(&signer)), Err("field-missing"));
    let meta = cbor(&Value::Map(vec![(number(1), validity(0, NOW - 1))]));
    let expired = cose_sign1_over(vec![(number(8), Value::Bytes(meta))], &cbor(&unsigned), &signer);
    assert_eq!(by(&expired, &spki(&signer)), Err("stale"));
    let other = cose_sign1_over(vec![], &cbor(&Value::Map(vec![])), &signer);
    assert_eq!(by(&other, &spki(&signer)), Err("malformed"));
}
