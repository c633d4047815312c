//! Synthetic Luna public key confirmations, each with one thing wrong, and the stage that must refuse it.

use crate::support;

use rcgen::CertificateParams;
use support::chain::{Made, Node, anchors, authority, critical, element, extended, extension, named};

const SERIAL: [u64; 9] = [1, 3, 6, 1, 4, 1, 12383, 2, 1];
const FORMAT: &str = "luna-pkc";

/// A critical extended key usage of Luna's arc.
fn purposes(arcs: &[u8]) -> rcgen::CustomExtension {
    let oid = |arc: &u8| element(6, &[0x2b, 6, 1, 4, 1, 0xe0, 0x5f, 1, *arc]);
    let oids: Vec<u8> = arcs.iter().flat_map(oid).collect();
    critical(&[2, 5, 29, 37], &element(0x30, &oids))
}

fn issuer(name: &str, purpose: u8) -> CertificateParams {
    authority(extended(named(name), vec![purposes(&[purpose])]))
}

fn device(purpose: u8, serial: [u8; 4]) -> CertificateParams {
    let extensions = vec![purposes(&[purpose]), extension(&SERIAL, &serial)];
    authority(extended(named("Luna K7-521174"), extensions))
}

fn confirmation(arcs: &[u8], serial: &[u8]) -> CertificateParams {
    extended(named("41000000ae000002d6f30700"), vec![purposes(arcs), extension(&SERIAL, serial)])
}

const HSM: [u8; 4] = [0xd6, 0xf3, 7, 0];

struct Chain {
    root: Node,
    mic: Node,
    hoc: Node,
    dac: Node,
}

/// The chain of an HSM, whose certificates have these purposes.
fn chain(root: u8, mic: u8, hoc: u8, dac: u8) -> Chain {
    let root = Node::root(issuer("Synthetic Chrysalis Root", root));
    let mic = root.issue(issuer("Synthetic MIC", mic));
    let hoc = mic.issue(issuer("Hardware Origin Certificate", hoc));
    let dac = hoc.issue(device(dac, HSM));
    Chain { root, mic, hoc, dac }
}

fn good() -> Chain {
    chain(1, 7, 8, 12)
}

/// A degenerate PKCS#7 message.
fn bag(certificates: &[&Node]) -> Vec<u8> {
    let data = element(0x30, &element(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1]));
    let all: Vec<u8> = certificates.iter().flat_map(|node| node.der.clone()).collect();
    let fields = [&[2, 1, 1, 0x31, 0][..], &data, &element(0xa0, &all), &[0x31, 0]].concat();
    let kind = element(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2]);
    element(0x30, &[kind, element(0xa0, &element(0x30, &fields))].concat())
}

fn made(chain: &Chain, leaf: &Node) -> Made {
    let message = bag(&[leaf, &chain.dac, &chain.hoc, &chain.mic, &chain.root]);
    Made { request: Some(leaf.request()), ..Made::new(&[&message], anchors(&[&chain.root])) }
}

fn refusal(chain: &Chain, params: CertificateParams) -> (&'static str, &'static str) {
    made(chain, &chain.dac.issue(params)).refusal(FORMAT)
}

#[test]
fn the_unchanged_one_is_verified() {
    let chain = good();
    let leaf = chain.dac.issue(confirmation(&[13], &HSM));
    let made = made(&chain, &leaf);
    assert_eq!(made.fact("evidence.bound").as_deref(), Some("true"));
    assert_eq!(made.fact("module.serial").as_deref(), Some("521174"), "little-endian");
    assert_eq!(made.fact("module.model").as_deref(), Some("Luna K7"));
    assert_eq!(made.fact("key.export").as_deref(), Some("domain"));
    let without_root = bag(&[&leaf, &chain.dac, &chain.hoc, &chain.mic]);
    let without_root = Made::new(&[&without_root], anchors(&[&chain.root]));
    assert_eq!(without_root.fact("key.origin").as_deref(), Some("generated"), "as the TC-Trust format");
    let files = [&leaf, &chain.dac, &chain.hoc, &chain.mic].map(|node| node.der.as_slice());
    let files = Made::new(&files, anchors(&[&chain.root]));
    assert_eq!(files.fact("key.storage").as_deref(), Some("hsm"), "as certificate files");
}

#[test]
fn the_shorter_sequence_of_the_ecc_format_is_verified() {
    let root = Node::root(issuer("Synthetic ECC Manufacturer Integrity", 14));
    let device = root.issue(device(15, HSM));
    let leaf = device.issue(confirmation(&[13], &HSM));
    let made = |device: &Node| Made::new(&[&bag(&[&leaf, device, &root])], anchors(&[&root]));
    assert_eq!(made(&device).fact("module.serial").as_deref(), Some("521174"));
    let dac = root.issue(issuer("Luna K7-521174", 12));
    let leaf = dac.issue(confirmation(&[13], &HSM));
    let mixed = Made::new(&[&bag(&[&leaf, &dac])], anchors(&[&root]));
    assert_eq!(mixed.refusal(FORMAT), ("format", "field-mismatch"), "the DAC of the other format");
}

#[test]
fn the_sequence_of_purposes_is_exact() {
    let mismatch = ("format", "field-mismatch");
    assert_eq!(refusal(&chain(1, 8, 7, 12), confirmation(&[13], &HSM)), mismatch, "MIC and HOC exchanged");
    assert_eq!(refusal(&chain(1, 7, 8, 15), confirmation(&[13], &HSM)), mismatch);
    assert_eq!(refusal(&chain(1, 7, 8, 13), confirmation(&[13], &HSM)), ("format", "field-repeated"));
    assert_eq!(refusal(&good(), confirmation(&[13, 12], &HSM)), mismatch, "two purposes");
    let leaf = good().dac.issue(confirmation(&[12], &HSM));
    let none = Made::new(&[&bag(&[&leaf])], anchors(&[&good().root]));
    assert_eq!(none.appraise().verdict.reason().unwrap().code(), "format-unknown");
    let chain = good();
    let leaf = chain.hoc.issue(confirmation(&[13], &HSM));
    let made = Made::new(&[&bag(&[&leaf, &chain.hoc, &chain.mic])], anchors(&[&chain.root]));
    assert_eq!(made.refusal(FORMAT), mismatch, "a confirmation by the hardware origin key");
}

#[test]
fn the_serial_number_is_that_of_the_device() {
    assert_eq!(refusal(&good(), confirmation(&[13], &[0xd7, 0xf3, 7, 0])), ("format", "field-mismatch"));
    let without = extended(named("x"), vec![purposes(&[13])]);
    assert_eq!(refusal(&good(), without), ("format", "field-missing"));
    let root = Node::root(issuer("Synthetic ECC Manufacturer Integrity", 14));
    let device = root.issue(issuer("Luna K7-521174", 15));
    let leaf = device.issue(confirmation(&[13], &[1, 2]));
    let made = Made::new(&[&bag(&[&leaf, &device])], anchors(&[&root]));
    assert_eq!(made.refusal(FORMAT), ("parse", "malformed"));
}

#[test]
fn each_wrong_certificate_is_refused_by_its_stage() {
    let (chain, other) = (good(), good());
    let leaf = chain.dac.issue(confirmation(&[13], &HSM));
    let with = |dac: &Node, hoc: &Node, mic: &Node| {
        Made::new(&[&bag(&[&leaf, dac, hoc, mic])], anchors(&[&chain.root])).refusal(FORMAT)
    };
    assert_eq!(with(&other.dac, &chain.hoc, &chain.mic), ("path", "link-signature"));
    assert_eq!(with(&chain.dac, &other.hoc, &chain.mic), ("path", "link-signature"));
    assert_eq!(with(&chain.dac, &chain.hoc, &other.mic), ("path", "link-signature"));
    let forged = chain.dac.impostor().issue(confirmation(&[13], &HSM));
    assert_eq!(made(&chain, &forged).refusal(FORMAT), ("path", "link-signature"));
    let mut unknown = confirmation(&[13], &HSM);
    unknown.custom_extensions.push(critical(&[1, 3, 6, 1, 4, 1, 12383, 2, 99], &[5, 0]));
    assert_eq!(refusal(&chain, unknown), ("path", "critical-extension"));
    let elsewhere = Made { anchors: anchors(&[&other.root]), ..made(&chain, &leaf) };
    assert_eq!(elsewhere.refusal(FORMAT), ("path", "link-signature"), "same name, other key");
    let other_request = Made { request: Some(other.dac.request()), ..made(&chain, &leaf) };
    assert_eq!(other_request.refusal(FORMAT), ("binding", "key-mismatch"));
    let mut plain = named("Luna K7-521174");
    plain.custom_extensions = device(12, HSM).custom_extensions;
    plain.is_ca = rcgen::IsCa::ExplicitNoCa;
    let dac = chain.hoc.issue(plain);
    let leaf = dac.issue(confirmation(&[13], &HSM));
    let made = Made::new(&[&bag(&[&leaf, &dac, &chain.hoc, &chain.mic])], anchors(&[&chain.root]));
    assert_eq!(made.refusal(FORMAT), ("path", "not-an-authority"));
}

#[test]
fn a_damaged_message_is_no_message() {
    let chain = good();
    let leaf = chain.dac.issue(confirmation(&[13], &HSM));
    let whole = bag(&[&leaf, &chain.dac, &chain.hoc, &chain.mic]);
    let code = |bytes: &[u8]| {
        Made::new(&[bytes], anchors(&[&chain.root])).appraise().verdict.reason().unwrap().code()
    };
    assert_eq!(code(&whole[..whole.len() - 1]), "format-unknown");
    assert_eq!(code(&[whole.as_slice(), &[0]].concat()), "format-unknown");
}
