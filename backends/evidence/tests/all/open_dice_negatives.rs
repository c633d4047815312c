//! Open DICE chains in both encodings, each differing from a good one in one thing. No sample of the CBOR form comes from a device: its vectors are made here.

use crate::dice_support;
use crate::support;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use ciborium::Value;
use dice_support::{
    Answer, Device, Layer, VERIFIED, answer_of, appraise_parts, critical, element, enrolling, extension,
    request, spki,
};
use pkic_facts::anchors::AnchorSet;
use rcgen::{BasicConstraints, CustomExtension, IsCa, KeyPair};
use support::attested;

const INPUTS: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 1, 24];

/// OpenDiceInput with code hash and mode.
fn inputs(hash: &[u8], mode: u8) -> CustomExtension {
    let hash = element(0xa0, &element(0x04, hash));
    let mode = element(0xa6, &[0x0a, 1, mode]);
    critical(extension(INPUTS, &element(0x30, &[hash, mode].concat())))
}

fn layer(mode: u8) -> Layer {
    Layer::of(vec![inputs(&[mode + 1; 64], mode)])
}

fn fact(device: &Device, path: &str) -> Option<String> {
    attested(device.appraise().facts.table()).get(path).map(|(_, value)| value.clone())
}

#[test]
fn every_mode_is_a_fact() {
    for (mode, word, debug) in [
        (0, "not-configured", "false"),
        (1, "normal", "false"),
        (2, "debug", "true"),
        (3, "recovery", "false"),
    ] {
        let device = Device::new(&[layer(1), layer(mode)]);
        assert_eq!(device.answer(), VERIFIED, "{word}");
        let layers = fact(&device, "platform.layers").unwrap();
        assert!(layers.contains(&format!("({word}, ")), "{layers}");
        assert_eq!(fact(&device, "platform.debug").as_deref(), Some(debug), "{word}");
    }
    let device = Device::new(&[layer(9)]);
    assert_eq!(device.answer(), VERIFIED);
    assert!(fact(&device, "platform.layers").unwrap().contains("(unknown, "), "a mode that nobody defined");
    assert_eq!(fact(&device, "platform.debug"), None);
}

#[test]
fn where_the_key_is_stays_unknown() {
    let device = Device::new(&[layer(1)]);
    for path in ["key.storage", "key.export", "module.vendor", "module.model"] {
        assert_eq!(fact(&device, path), None, "{path}");
    }
    assert_eq!(fact(&device, "key.origin").as_deref(), Some("derived"));
}

/// The last layer may certify a key of its own making: it is no layer, and nothing is known of how it was made.
#[test]
fn a_key_that_the_last_layer_certifies_is_attested() {
    let app = Layer { extensions: Vec::new(), is_ca: IsCa::ExplicitNoCa };
    let device = Device::new(&[layer(1), app]);
    assert_eq!(device.answer(), VERIFIED);
    assert_eq!(fact(&device, "platform.layers").unwrap().matches("normal").count(), 1);
    assert_eq!(fact(&device, "key.origin"), None);
    let bound = appraise_parts(&device.parts, &device.anchors(), Some(&device.request()));
    assert_eq!(answer_of(&bound), VERIFIED);
}

/// A certificate between measured layers that says nothing of its own layer hides one.
#[test]
fn a_hidden_layer_is_an_unknown_one() {
    let device = Device::new(&[layer(1), Layer::of(Vec::new()), layer(1)]);
    assert_eq!(device.answer(), VERIFIED);
    assert!(fact(&device, "platform.layers").unwrap().contains("(unknown, unknown)"));
    assert_eq!(fact(&device, "platform.debug"), None);
}

#[test]
fn a_code_hash_of_zeros_or_of_no_length_is_refused() {
    let of = |hash: &[u8]| Device::new(&[layer(1), Layer::of(vec![inputs(hash, 1)])]).answer();
    assert_eq!(of(&[0; 64]), ("refused", "profile", "property-refused"));
    assert_eq!(of(&[1; 63]), ("refused", "parse", "malformed"));
    assert_eq!(of(&[]), ("refused", "parse", "malformed"));
}

#[test]
fn inputs_stand_once_and_in_order() {
    let hash = element(0xa0, &element(0x04, &[1; 32]));
    let mode = element(0xa6, &[0x0a, 1, 1]);
    let of = |content: &[Vec<u8>]| {
        let inputs = extension(INPUTS, &element(0x30, &content.concat()));
        Device::new(&[Layer::of(vec![inputs])]).answer()
    };
    assert_eq!(of(&[hash.clone(), mode.clone()]), VERIFIED);
    for content in [vec![mode.clone(), hash.clone()], vec![hash.clone(), hash], vec![mode.clone(), mode]] {
        assert_eq!(of(&content), ("refused", "parse", "malformed"));
    }
    assert_eq!(of(&[element(0xa9, &[])]), ("refused", "parse", "malformed"));
}

#[test]
fn a_layer_that_may_certify_nothing_certifies_nothing() {
    let leaf = Layer { is_ca: IsCa::ExplicitNoCa, ..layer(1) };
    assert_eq!(Device::new(&[layer(1), leaf.clone()]).answer(), VERIFIED, "as the last one");
    assert_eq!(Device::new(&[leaf, layer(1)]).answer(), ("refused", "path", "not-an-authority"));
    let short = Layer { is_ca: IsCa::Ca(BasicConstraints::Constrained(0)), ..layer(1) };
    assert_eq!(Device::new(&[short.clone(), layer(1)]).answer(), VERIFIED);
    assert_eq!(Device::new(&[short, layer(1), layer(1)]).answer(), ("refused", "path", "path-too-long"));
}

#[test]
fn an_unknown_critical_extension_is_refused_in_every_layer() {
    let unknown = critical(extension(&[1, 3, 6, 1, 4, 1, 99999, 1], &[5, 0]));
    for at in 0..3 {
        let mut layers = [layer(1), layer(1), layer(1)];
        layers[at].extensions.push(unknown.clone());
        assert_eq!(Device::new(&layers).answer(), ("refused", "path", "critical-extension"), "layer {at}");
    }
}

#[test]
fn a_layer_of_another_device_does_not_fit() {
    let other = Device::new(&[layer(1), layer(1), layer(1)]);
    for at in 0..3 {
        let mut device = Device::new(&[layer(1), layer(1), layer(1)]);
        device.parts[at] = other.parts[at].clone();
        assert_eq!(device.answer().0, "refused", "layer {at}");
    }
    let mut device = Device::new(&[layer(1), layer(1)]);
    device.parts.push(other.parts[1].clone());
    assert_eq!(device.answer(), ("refused", "signature", "signature-invalid"), "one certificate too many");
}

#[test]
fn a_first_key_of_the_same_name_is_another_key() {
    let device = Device::new(&[layer(1)]);
    let anchors = Device::new(&[layer(1)]).anchors();
    let answer = answer_of(&appraise_parts(&device.parts, &anchors, None));
    assert_eq!(answer, ("refused", "path", "link-signature"));
}

#[test]
fn the_first_key_is_enrolled_or_anchors_nothing() {
    let device = Device::new(&[layer(1), layer(2)]);
    let mut with_root = device.parts.clone();
    with_root.push(device.root.clone());
    let mut with_key = device.parts.clone();
    with_key.insert(0, spki(&device.root_key));
    let enrolled = enrolling(&spki(&device.root_key));
    for parts in [&with_root, &with_key] {
        assert_eq!(answer_of(&appraise_parts(parts, &enrolled, None)), VERIFIED);
        let nobody = answer_of(&appraise_parts(parts, &AnchorSet::default(), None));
        assert_eq!(nobody, ("unproven", "path", "key-not-enrolled"));
    }
    let without = answer_of(&appraise_parts(&device.parts, &enrolled, None));
    assert_eq!(without, ("refused", "path", "issuer-unknown"));
    assert_eq!(
        answer_of(&appraise_parts(&with_root, &device.anchors(), None)),
        VERIFIED,
        "beside its anchor"
    );
}

#[test]
fn another_request_is_refused() {
    let device = Device::new(&[layer(1), layer(1)]);
    let ask = |request: &[u8]| answer_of(&appraise_parts(&device.parts, &device.anchors(), Some(request)));
    assert_eq!(ask(&device.request()), VERIFIED);
    assert_eq!(
        ask(&request(&device.keys[0])),
        ("refused", "binding", "key-mismatch"),
        "an earlier layer's key"
    );
    assert_eq!(ask(&request(&KeyPair::generate().unwrap())), ("refused", "binding", "key-mismatch"));
}

#[test]
fn more_layers_than_any_device_has_are_refused() {
    let parts = vec![Device::new(&[layer(1)]).parts[0].clone(); 16];
    let anchors = AnchorSet::default();
    assert_eq!(answer_of(&appraise_parts(&parts, &anchors, None)).0, "refused");
    let pem = |der: &[u8]| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n").into_bytes()
    };
    let file = pem(&parts[0]).repeat(17);
    assert_eq!(answer_of(&appraise_parts(&[file], &anchors, None)).0, "refused");
}

// The CBOR form.

/// A layer in CBOR.
#[derive(Clone)]
struct Claims {
    more: Vec<(i64, Value)>,
    usage: u8,
    /// The name that it gives the layer before it, where that is a wrong one.
    issuer: Option<&'static str>,
}

fn claims(mode: u8) -> Claims {
    let mode = (-4_670_551, Value::Bytes(vec![mode]));
    Claims { more: vec![(-4_670_545, Value::Bytes(vec![7; 64])), mode], usage: 0x20, issuer: None }
}

fn new_key() -> Ed25519KeyPair {
    Ed25519KeyPair::generate().unwrap()
}

fn cose_key(key: &Ed25519KeyPair) -> Value {
    let entry = |label: i64, value: Value| (Value::Integer(label.into()), value);
    Value::Map(vec![
        entry(1, Value::Integer(1.into())),
        entry(3, Value::Integer((-8).into())),
        entry(-1, Value::Integer(6.into())),
        entry(-2, Value::Bytes(key.public_key().as_ref().to_vec())),
    ])
}

fn written(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn sign1(key: &Ed25519KeyPair, payload: &[u8]) -> Value {
    let protected = [0xa1, 0x01, 0x27];
    let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
    let to_sign = Value::Array(vec![
        Value::Text("Signature1".to_owned()),
        bytes(&protected),
        bytes(&[]),
        bytes(payload),
    ]);
    let signature = key.sign(&written(&to_sign));
    Value::Array(vec![bytes(&protected), Value::Map(Vec::new()), bytes(payload), bytes(signature.as_ref())])
}

/// The chain as Android writes it: the first key, then the certificates.
struct Cbor {
    items: Vec<Value>,
    first: Ed25519KeyPair,
}

impl Cbor {
    fn new(layers: &[Claims]) -> Cbor {
        let first = new_key();
        let mut items = vec![cose_key(&first)];
        let mut above: Option<Ed25519KeyPair> = None;
        for (index, layer) in layers.iter().enumerate() {
            let key = new_key();
            let entry = |label: i64, value: Value| (Value::Integer(label.into()), value);
            let issuer = layer.issuer.map_or_else(|| format!("layer {index}"), str::to_owned);
            let mut claims = vec![
                entry(1, Value::Text(issuer)),
                entry(2, Value::Text(format!("layer {}", index + 1))),
                entry(-4_670_552, Value::Bytes(written(&cose_key(&key)))),
                entry(-4_670_553, Value::Bytes(vec![layer.usage])),
            ];
            claims.extend(layer.more.iter().map(|(label, value)| entry(*label, value.clone())));
            items.push(sign1(above.as_ref().unwrap_or(&first), &written(&Value::Map(claims))));
            above = Some(key);
        }
        Cbor { items, first }
    }

    fn enrolled(&self) -> AnchorSet {
        let octets = self.first.public_key().as_ref();
        let key = element(0x03, &[&[0][..], octets].concat());
        enrolling(&element(0x30, &[&[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70][..], &key].concat()))
    }

    fn answer(&self) -> Answer {
        let parts = [written(&Value::Array(self.items.clone()))];
        let appraisal = appraise_parts(&parts, &self.enrolled(), None);
        assert_eq!(appraisal.format, Some("open-dice"));
        answer_of(&appraisal)
    }
}

#[test]
fn a_chain_in_cbor_verifies_as_one_item_or_as_files() {
    let chain = Cbor::new(&[claims(1), claims(2)]);
    assert_eq!(chain.answer(), VERIFIED);
    let files: Vec<Vec<u8>> = chain.items.iter().map(written).collect();
    let appraisal = appraise_parts(&files, &chain.enrolled(), None);
    assert_eq!(answer_of(&appraisal), VERIFIED);
    let facts = attested(appraisal.facts.table());
    let hash = "07".repeat(64);
    assert_eq!(facts["platform.layers"].1, format!("[(normal, {hash}), (debug, {hash})]"));
    assert_eq!(facts["platform.debug"].1, "true");
    assert_eq!(facts["key.origin"], ("practice".to_owned(), "derived".to_owned()));
    assert!(!facts.contains_key("key.storage"));
    let nobody = appraise_parts(&files, &AnchorSet::default(), None);
    assert_eq!(answer_of(&nobody), ("unproven", "path", "key-not-enrolled"));
}

#[test]
fn a_chain_in_cbor_is_held_to_the_same_rules() {
    let with = |more: Vec<(i64, Value)>| Cbor::new(&[claims(1), Claims { more, ..claims(1) }]).answer();
    let hash = |octets: &[u8]| vec![(-4_670_545, Value::Bytes(octets.to_vec()))];
    assert_eq!(with(hash(&[0; 64])), ("refused", "profile", "property-refused"));
    assert_eq!(with(hash(&[1; 20])), ("refused", "parse", "malformed"));
    assert_eq!(with(vec![(-4_670_545, Value::Text("hash".to_owned()))]), ("refused", "parse", "malformed"));
    assert_eq!(with(vec![(-4_670_551, Value::Bytes(vec![1, 1]))]), ("refused", "parse", "malformed"));
    assert_eq!(with(vec![(-4_670_551, Value::Integer(3.into()))]), VERIFIED, "a number for a mode");
    let unable = Claims { usage: 0, ..claims(1) };
    assert_eq!(Cbor::new(&[unable.clone(), claims(1)]).answer(), ("refused", "path", "not-an-authority"));
    assert_eq!(Cbor::new(&[claims(1), unable]).answer(), VERIFIED, "as the last one");
    let stray = Claims { issuer: Some("another"), ..claims(1) };
    assert_eq!(Cbor::new(&[claims(1), stray]).answer(), ("refused", "format", "field-mismatch"));
}

#[test]
fn a_chain_in_cbor_has_every_link_in_its_place() {
    let mut chain = Cbor::new(&[claims(1), claims(1), claims(1)]);
    chain.items.swap(1, 2);
    assert_eq!(chain.answer(), ("refused", "signature", "signature-invalid"));
    let mut chain = Cbor::new(&[claims(1), claims(1)]);
    chain.items[2] = Cbor::new(&[claims(1), claims(1)]).items[2].clone();
    assert_eq!(chain.answer(), ("refused", "signature", "signature-invalid"));
    let mut chain = Cbor::new(&[claims(1), claims(1)]);
    chain.items.remove(1);
    assert_eq!(chain.answer(), ("refused", "signature", "signature-invalid"));
}

/// The first key's own certificate may take the place of the key.
#[test]
fn the_first_key_may_come_as_its_certificate() {
    let mut chain = Cbor::new(&[claims(1)]);
    let entry = |label: i64, value: Value| (Value::Integer(label.into()), value);
    let own = Value::Map(vec![
        entry(1, Value::Text("layer 0".to_owned())),
        entry(2, Value::Text("layer 0".to_owned())),
        entry(-4_670_552, Value::Bytes(written(&cose_key(&chain.first)))),
        entry(-4_670_553, Value::Bytes(vec![0x20])),
    ]);
    chain.items[0] = sign1(&chain.first, &written(&own));
    let files: Vec<Vec<u8>> = chain.items.iter().map(written).collect();
    let appraisal = appraise_parts(&files, &chain.enrolled(), None);
    assert_eq!(answer_of(&appraisal), VERIFIED);
    let layers = &attested(appraisal.facts.table())["platform.layers"].1;
    assert_eq!(layers.matches("normal").count(), 1, "the first key is no layer");
}

/// A token of another profile is a COSE_Sign1 too.
#[test]
fn other_tokens_are_not_taken() {
    let key = new_key();
    let token =
        sign1(&key, &written(&Value::Map(vec![(Value::Integer(10.into()), Value::Bytes(vec![1; 8]))])));
    let appraisal = appraise_parts(&[written(&token)], &AnchorSet::default(), None);
    assert_ne!(appraisal.format, Some("open-dice"));
}
