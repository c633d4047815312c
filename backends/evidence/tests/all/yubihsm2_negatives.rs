//! Synthetic YubiHSM 2 attestations, each with one thing changed, and the stage that must refuse it or the fact that changes.

use crate::support;

use rcgen::CertificateParams;
use support::chain::{Made, Node, anchors, authority, critical, extended, extension, named};

const YUBIHSM: [u64; 8] = [1, 3, 6, 1, 4, 1, 41482, 4];
const SIGN_PKCS: u64 = 1 << 0x05;
const DECRYPT_PKCS: u64 = 1 << 0x09;
const EXPORTABLE: u64 = 1 << 0x10;
const ATTEST: u64 = 1 << 0x22;

/// What a certificate of a key says.
#[derive(Clone)]
struct Key {
    name: String,
    object: u8,
    firmware: Vec<u8>,
    serial: u8,
    origin: Option<Vec<u8>>,
    domains: Vec<u8>,
    capabilities: Vec<u8>,
}

impl Default for Key {
    fn default() -> Key {
        Key {
            name: "YubiHSM Attestation id:0x0024".to_owned(),
            object: 0x24,
            firmware: vec![2, 4, 0],
            serial: 9,
            origin: Some(vec![0, 1]),
            domains: vec![0, 0, 1],
            capabilities: capabilities(SIGN_PKCS),
        }
    }
}

fn capabilities(bits: u64) -> Vec<u8> {
    [&[0][..], &bits.to_be_bytes()].concat()
}

fn of(arc: u64) -> Vec<u64> {
    YUBIHSM.into_iter().chain([arc]).collect()
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, content.len() as u8], content].concat()
}

impl Key {
    fn params(&self) -> CertificateParams {
        let mut extensions = vec![
            extension(&of(1), &element(4, &self.firmware)),
            extension(&of(2), &element(2, &[self.serial])),
            extension(&of(4), &element(3, &self.domains)),
            extension(&of(5), &element(3, &self.capabilities)),
            extension(&of(6), &element(2, &[self.object])),
        ];
        extensions.extend(self.origin.iter().map(|origin| extension(&of(3), &element(3, origin))));
        extended(named(&self.name), extensions)
    }
}

fn device(name: &str, serial: u8) -> CertificateParams {
    let extensions =
        vec![extension(&of(1), &element(4, &[2, 4, 0])), extension(&of(2), &element(2, &[serial]))];
    authority(extended(named(name), extensions))
}

struct Chain {
    root: Node,
    middle: Node,
    device: Node,
}

fn chain() -> Chain {
    let root = Node::root(authority(named("Synthetic YubiHSM Root")));
    let middle = root.issue(authority(named("Synthetic YubiHSM Sub-CA")));
    let device = middle.issue(device("YubiHSM Attestation (9)", 9));
    Chain { root, middle, device }
}

fn attest(chain: &Chain, key: &Key) -> Made {
    let leaf = chain.device.issue(key.params());
    let made = Made::new(&[&leaf.der, &chain.device.der, &chain.middle.der], anchors(&[&chain.root]));
    Made { request: Some(leaf.request()), ..made }
}

fn refusal(key: Key) -> (&'static str, &'static str) {
    attest(&chain(), &key).refusal("yubihsm2")
}

#[test]
fn the_unchanged_one_is_verified() {
    let made = attest(&chain(), &Key::default());
    let answer = made.appraise();
    assert_eq!(
        (answer.format, answer.verdict.name()),
        (Some("yubihsm2"), "verified"),
        "{:?}",
        answer.verdict
    );
    assert_eq!(answer.freshness(), Some("none"));
    assert_eq!(made.fact("evidence.bound").as_deref(), Some("true"));
    assert_eq!(made.fact("key.origin").as_deref(), Some("generated"));
    assert_eq!(made.fact("key.export").as_deref(), Some("never"));
}

#[test]
fn origin_and_export_are_what_the_device_says() {
    let said = |origin: u8, bits: u64| {
        let key = Key { origin: Some(vec![0, origin]), capabilities: capabilities(bits), ..Key::default() };
        let made = attest(&chain(), &key);
        (made.fact("key.origin"), made.fact("key.export"))
    };
    let words = |origin: &str, export: &str| (Some(origin.to_owned()), Some(export.to_owned()));
    assert_eq!(said(0x01, SIGN_PKCS | EXPORTABLE), words("generated", "wrapped"));
    assert_eq!(said(0x02, SIGN_PKCS), words("imported", "never"));
    assert_eq!(said(0x10, SIGN_PKCS), words("imported-wrapped", "wrapped"));
    assert_eq!(said(0x11, SIGN_PKCS), words("imported-wrapped", "wrapped"));
    assert_eq!(said(0x12, SIGN_PKCS), words("imported", "wrapped"));
    assert_eq!(said(0x04, SIGN_PKCS), (None, None), "an origin that nobody has defined");
    assert_eq!(said(0x03, SIGN_PKCS), (None, None), "generated and imported at once");
}

#[test]
fn each_wrong_field_is_refused_by_its_stage() {
    let good = Key::default;
    assert_eq!(refusal(Key { firmware: vec![2, 4, 1], ..good() }), ("format", "field-mismatch"));
    assert_eq!(refusal(Key { firmware: vec![2, 4], ..good() }), ("parse", "malformed"));
    assert_eq!(refusal(Key { serial: 8, ..good() }), ("format", "field-mismatch"));
    assert_eq!(refusal(Key { object: 0x25, ..good() }), ("format", "field-mismatch"));
    assert_eq!(refusal(Key { origin: Some(vec![0, 1, 1]), ..good() }), ("parse", "malformed"));
    assert_eq!(refusal(Key { origin: Some(vec![4, 0x10]), ..good() }), ("parse", "malformed"));
    assert_eq!(refusal(Key { domains: vec![0, 1], ..good() }), ("parse", "malformed"));
    assert_eq!(refusal(Key { capabilities: vec![0, 0, 0, 0, 4], ..good() }), ("parse", "malformed"));
    let without = attest(&chain(), &Key { origin: None, ..good() }).appraise();
    assert_eq!(without.verdict.reason().unwrap().code(), "format-unknown");
}

#[test]
fn each_wrong_certificate_is_refused_by_its_stage() {
    let good = chain();
    let leaf = good.device.issue(Key::default().params());
    let parts = |device: &Node, middle: &Node| {
        Made::new(&[&leaf.der, &device.der, &middle.der], anchors(&[&good.root])).refusal("yubihsm2")
    };
    let twice =
        Made::new(&[&leaf.der, &leaf.der, &good.device.der, &good.middle.der], anchors(&[&good.root]));
    assert_eq!(twice.fact("key.origin").as_deref(), Some("generated"), "the leaf and its chain as two files");
    let other = chain();
    assert_eq!(parts(&good.device, &other.middle), ("path", "link-signature"));
    assert_eq!(parts(&other.device, &good.middle), ("path", "link-signature"));
    assert_eq!(parts(&other.device, &other.middle), ("path", "link-signature"), "the whole chain of another");
    let renamed = good.middle.issue(device("YubiHSM Attestation (9)", 8));
    let foreign = renamed.issue(Key::default().params());
    let made = Made::new(&[&foreign.der, &renamed.der, &good.middle.der], anchors(&[&good.root]));
    assert_eq!(made.refusal("yubihsm2"), ("format", "field-mismatch"), "the serial number of another device");
    let forged = good.device.impostor().issue(Key::default().params());
    let made = Made::new(&[&forged.der, &good.device.der, &good.middle.der], anchors(&[&good.root]));
    assert_eq!(made.refusal("yubihsm2"), ("signature", "signature-invalid"));
    let missing = Made::new(&[&leaf.der, &good.middle.der], anchors(&[&good.root]));
    assert_eq!(missing.refusal("yubihsm2"), ("path", "issuer-unknown"));
    let two = good
        .device
        .issue(Key { name: "YubiHSM Attestation id:0x0025".into(), object: 0x25, ..Key::default() }.params());
    let made = Made::new(&[&leaf.der, &two.der, &good.device.der, &good.middle.der], anchors(&[&good.root]));
    assert_eq!(made.refusal("yubihsm2"), ("format", "field-repeated"), "statements of two keys");
    let mut unknown = device("YubiHSM Attestation (9)", 9);
    unknown.custom_extensions.push(critical(&of(99), &[5, 0]));
    let unknown = good.middle.issue(unknown);
    let leaf = unknown.issue(Key::default().params());
    let made = Made::new(&[&leaf.der, &unknown.der, &good.middle.der], anchors(&[&good.root]));
    assert_eq!(made.refusal("yubihsm2"), ("path", "critical-extension"));
}

/// A CA below Yubico's that is no device, such as the intermediate itself, attests nothing.
#[test]
fn only_a_device_attests() {
    let good = chain();
    let leaf = good.middle.issue(Key::default().params());
    let made = Made::new(&[&leaf.der, &good.middle.der], anchors(&[&good.root]));
    assert_eq!(made.refusal("yubihsm2"), ("format", "field-mismatch"));
}

#[test]
fn evidence_for_one_key_says_nothing_of_another() {
    let good = chain();
    let other = good.device.issue(Key::default().params());
    let made = Made { request: Some(other.request()), ..attest(&good, &Key::default()) };
    assert_eq!(made.refusal("yubihsm2"), ("binding", "key-mismatch"));
}

/// Attests with another key of the device, which has that attestation.
fn attested_by(attester: Key) -> Made {
    let good = chain();
    let attester = good.device.issue(attester.params());
    let key = Key { name: "YubiHSM Attestation id:0x0025".into(), object: 0x25, ..Key::default() };
    let leaf = attester.issue(key.params());
    let made =
        Made::new(&[&leaf.der, &attester.der, &good.device.der, &good.middle.der], anchors(&[&good.root]));
    Made { request: Some(leaf.request()), ..made }
}

#[test]
fn another_key_of_the_device_attests_if_it_does_nothing_else() {
    let attester = || Key { capabilities: capabilities(ATTEST), ..Key::default() };
    assert_eq!(attested_by(attester()).fact("key.origin").as_deref(), Some("generated"));
    let refused = |key: Key| attested_by(key).refusal("yubihsm2");
    let property = ("profile", "property-refused");
    assert_eq!(refused(Key { capabilities: capabilities(0), ..attester() }), property);
    assert_eq!(refused(Key { capabilities: capabilities(ATTEST | SIGN_PKCS), ..attester() }), property);
    assert_eq!(refused(Key { capabilities: capabilities(ATTEST | EXPORTABLE), ..attester() }), property);
    assert_eq!(refused(Key { capabilities: capabilities(ATTEST | DECRYPT_PKCS), ..attester() }), property);
    assert_eq!(refused(Key { origin: Some(vec![0, 2]), ..attester() }), property);
    assert_eq!(refused(Key { origin: Some(vec![0, 0x11]), ..attester() }), property);
    assert_eq!(refused(Key { serial: 8, ..attester() }), ("format", "field-mismatch"));
}

/// A key that attests itself would be its own attester: nothing of the device's has signed then.
#[test]
fn a_key_does_not_attest_itself() {
    let good = chain();
    let own = Node::root(Key { capabilities: capabilities(ATTEST), ..Key::default() }.params());
    let made = Made::new(&[&own.der, &good.device.der, &good.middle.der], anchors(&[&good.root]));
    assert_eq!(made.refusal("yubihsm2"), ("path", "issuer-unknown"));
}
