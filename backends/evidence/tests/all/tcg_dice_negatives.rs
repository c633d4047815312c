//! TCG DICE chains, each differing from a good one in one thing. The forms of NVIDIA and RIoT have no verified sample: their vectors are made here.

use crate::dice_support;
use crate::support;

use dice_support::{
    Answer, Device, Layer, VERIFIED, answer_of, appraise_parts, critical, element, enrolling, extension,
    request, spki,
};
use pkic_facts::anchors::AnchorSet;
use rcgen::{CustomExtension, IsCa};
use support::attested;

const TCB_INFO: &[u64] = &[2, 23, 133, 5, 4, 1];
const TCB_INFO_NVIDIA: &[u64] = &[2, 23, 133, 5, 4, 1, 1];
const UEID: &[u64] = &[2, 23, 133, 5, 4, 4];
const MULTI_TCB_INFO: &[u64] = &[2, 23, 133, 5, 4, 5];
/// SHA-256.
const HASH: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];

fn fwid(digest: &[u8]) -> Vec<u8> {
    element(0x30, &[HASH, &element(0x04, digest)].concat())
}

fn fwids(digests: &[&[u8]]) -> Vec<u8> {
    element(0xa6, &digests.iter().flat_map(|digest| fwid(digest)).collect::<Vec<u8>>())
}

/// Flags or a mask: the first octet of four, and the bit that says that there are four.
fn flags(tag: u8, first: u8) -> Vec<u8> {
    element(tag, &[0, first, 0, 0, 1])
}

fn info(fields: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &fields.concat())
}

fn layer(fields: &[Vec<u8>]) -> Layer {
    Layer::of(vec![extension(TCB_INFO, &info(fields))])
}

fn good() -> Layer {
    layer(&[fwids(&[&[7; 32]]), flags(0x87, 0)])
}

fn fact(device: &Device, path: &str) -> Option<String> {
    attested(device.appraise().facts.table()).get(path).map(|(_, value)| value.clone())
}

fn layers_of(layer: Layer) -> (Answer, String) {
    let device = Device::new(&[layer]);
    (device.answer(), fact(&device, "platform.layers").unwrap_or_default())
}

#[test]
fn flags_and_their_mask_say_the_mode() {
    const NOT_CONFIGURED: u8 = 0x80;
    const NOT_SECURE: u8 = 0x40;
    const RECOVERY: u8 = 0x20;
    const DEBUG: u8 = 0x10;
    for (first, mask, mode) in [
        (0, None, "normal"),
        (0, Some(0xd0), "normal"),
        (0, Some(0xf0), "normal"),
        (0, Some(0xc0), "unknown"),
        (0, Some(0), "unknown"),
        (DEBUG, None, "debug"),
        (DEBUG, Some(0), "debug"),
        (DEBUG | NOT_CONFIGURED | RECOVERY, None, "debug"),
        (NOT_CONFIGURED, None, "not-configured"),
        (NOT_SECURE, Some(0xd0), "not-configured"),
        (RECOVERY, None, "recovery"),
    ] {
        let mask_field = mask.map(|mask| flags(0x8a, mask)).unwrap_or_default();
        let (answer, layers) = layers_of(layer(&[fwids(&[&[7; 32]]), flags(0x87, first), mask_field]));
        assert_eq!(answer, VERIFIED);
        assert!(layers.starts_with(&format!("[({mode}, 0707")), "{first:#x} {mask:?}: {layers}");
    }
    let (answer, layers) = layers_of(layer(&[fwids(&[&[7; 32]])]));
    assert_eq!((answer, layers.starts_with("[(unknown, ")), (VERIFIED, true), "no flags");
    let short = element(0x87, &[4, 0x10]);
    assert!(layers_of(layer(&[fwids(&[&[7; 32]]), short])).1.starts_with("[(debug, "), "four bits alone");
    assert_eq!(
        layers_of(layer(&[fwids(&[&[7; 32]]), element(0x87, &[])])).0,
        ("refused", "parse", "malformed")
    );
    assert_eq!(layers_of(layer(&[element(0x87, &[0; 6])])).0, ("refused", "parse", "malformed"));
}

#[test]
fn every_digest_is_a_record() {
    let (answer, layers) = layers_of(layer(&[fwids(&[&[1; 32], &[2; 48]]), flags(0x87, 0)]));
    assert_eq!(answer, VERIFIED);
    let (one, two) = ("01".repeat(32), "02".repeat(48));
    assert_eq!(layers, format!("[(normal, {one}), (normal, {two})]"));
    let infos = [info(&[fwids(&[&[1; 32]]), flags(0x87, 0x10)]), info(&[fwids(&[&[2; 48]])])].concat();
    let multi = Layer::of(vec![extension(MULTI_TCB_INFO, &element(0x30, &infos))]);
    assert_eq!(layers_of(multi), (VERIFIED, format!("[(debug, {one}), (unknown, {two})]")));
    let (answer, layers) = layers_of(layer(&[flags(0x87, 0)]));
    assert_eq!((answer, layers.as_str()), (VERIFIED, "[(normal, unknown)]"), "flags without a digest");
}

#[test]
fn the_form_of_nvidia_is_taken() {
    let (answer, layers) =
        layers_of(Layer::of(vec![extension(TCB_INFO_NVIDIA, &info(&[fwids(&[&[3; 48]])]))]));
    assert_eq!((answer, layers), (VERIFIED, format!("[(unknown, {})]", "03".repeat(48))));
}

/// A composite device identity, without the explicit tag that its otherName should have.
fn riot(version: u8, digest: &[u8]) -> CustomExtension {
    let identity = [element(0x02, &[version]), element(0x30, &[]), fwid(digest)].concat();
    let oid = [0x06, 0x06, 0x67, 0x81, 0x05, 0x05, 0x04, 0x01];
    let name = element(0xa0, &[&oid[..], &element(0x30, &identity)].concat());
    critical(extension(&[2, 5, 29, 17], &element(0x30, &name)))
}

#[test]
fn the_form_of_riot_is_taken() {
    let alias = |version, digest: &[u8]| Layer { extensions: vec![riot(version, digest)], is_ca: IsCa::NoCa };
    let (answer, layers) = layers_of(alias(1, &[4; 32]));
    assert_eq!((answer, layers), (VERIFIED, format!("[(unknown, {})]", "04".repeat(32))));
    assert_eq!(layers_of(alias(2, &[4; 32])).0, ("refused", "format", "field-mismatch"));
    assert_eq!(layers_of(alias(1, &[0; 32])).0, ("refused", "profile", "property-refused"));
}

#[test]
fn a_digest_of_zeros_or_of_no_length_is_refused() {
    assert_eq!(layers_of(layer(&[fwids(&[&[0; 48]])])).0, ("refused", "profile", "property-refused"));
    assert_eq!(
        layers_of(layer(&[fwids(&[&[7; 32], &[0; 32]])])).0,
        ("refused", "profile", "property-refused")
    );
    assert_eq!(layers_of(layer(&[fwids(&[&[7; 20]])])).0, ("refused", "parse", "malformed"));
}

#[test]
fn fields_stand_once_and_in_order() {
    let (digest, flag) = (fwids(&[&[7; 32]]), flags(0x87, 0));
    for fields in [
        vec![flag.clone(), digest.clone()],
        vec![digest.clone(), digest.clone()],
        vec![digest.clone(), flag.clone(), flag],
        vec![element(0x04, &[1]), digest],
    ] {
        assert_eq!(layers_of(layer(&fields)).0, ("refused", "parse", "malformed"), "{fields:?}");
    }
    let many: Vec<u8> = std::iter::repeat_n(info(&[]), 17).flatten().collect();
    let multi = Layer::of(vec![extension(MULTI_TCB_INFO, &element(0x30, &many))]);
    assert_eq!(layers_of(multi).0, ("refused", "parse", "too-large"));
}

#[test]
fn a_device_has_one_name() {
    let with = |ueid: &[u8]| {
        let mut layer = good();
        layer.extensions.push(extension(UEID, &element(0x30, &element(0x04, ueid))));
        layer
    };
    let named = [1, 2, 3, 4];
    let device = Device::new(&[with(&named), with(&named), good()]);
    assert_eq!(device.answer(), VERIFIED);
    assert_eq!(fact(&device, "module.serial").as_deref(), Some("01020304"));
    let two = Device::new(&[with(&named), with(&[1, 2, 3, 5])]);
    assert_eq!(two.answer(), ("refused", "format", "field-mismatch"));
    for nobody in [&[0; 17][..], &[0, 1, 2], &[1, 0, 0, 0], &[1], &[]] {
        let device = Device::new(&[with(nobody)]);
        assert_eq!((device.answer(), fact(&device, "module.serial")), (VERIFIED, None), "{nobody:?}");
    }
    assert_eq!(Device::new(&[with(&[1; 34])]).answer(), ("refused", "parse", "too-large"));
}

#[test]
fn only_a_certifying_purpose_certifies() {
    // tcg-dice-kp-attestLoc, and tcg-dice-kp-eca.
    let purpose = |arcs: &[u8]| {
        let oids: Vec<u8> =
            arcs.iter().flat_map(|arc| [0x06, 0x07, 0x67, 0x81, 0x05, 0x05, 0x04, 0x64, *arc]).collect();
        extension(&[2, 5, 29, 37], &element(0x30, &oids))
    };
    let with = |arcs: &[u8]| {
        let mut layer = good();
        layer.extensions.push(purpose(arcs));
        layer
    };
    assert_eq!(Device::new(&[with(&[7, 12]), good()]).answer(), VERIFIED);
    assert_eq!(Device::new(&[with(&[9]), good()]).answer(), ("refused", "path", "not-an-authority"));
    assert_eq!(Device::new(&[good(), with(&[9])]).answer(), VERIFIED, "as the last one");
}

#[test]
fn layers_of_another_device_do_not_fit() {
    let other = Device::new(&[good(), good()]);
    for at in 0..2 {
        let mut device = Device::new(&[good(), good()]);
        device.parts[at] = other.parts[at].clone();
        assert_eq!(device.answer().0, "refused", "layer {at}");
    }
    let device = Device::new(&[good()]);
    let namesake = answer_of(&appraise_parts(&device.parts, &other.anchors(), None));
    assert_eq!(namesake, ("refused", "path", "link-signature"));
}

/// Caliptra's initial identity is a request that the maker kept: its key must be enrolled, and its own signature proves nothing more.
#[test]
fn an_initial_identity_comes_as_its_request() {
    let device = Device::new(&[good(), good()]);
    let mut parts = device.parts.clone();
    parts.push(request(&device.root_key));
    let enrolled = enrolling(&spki(&device.root_key));
    let appraisal = appraise_parts(&parts, &enrolled, Some(&device.request()));
    assert_eq!(appraisal.format, Some("tcg-dice"));
    assert_eq!(answer_of(&appraisal), VERIFIED);
    let nobody = answer_of(&appraise_parts(&parts, &AnchorSet::default(), None));
    assert_eq!(nobody, ("unproven", "path", "key-not-enrolled"));
    let asked = answer_of(&appraise_parts(&parts, &enrolled, Some(&request(&device.root_key))));
    assert_eq!(asked, ("refused", "binding", "key-mismatch"), "the identity's own request is another key's");
}

#[test]
fn critical_extensions_of_dice_are_known_and_others_not() {
    let with = |oid: &[u64], content: &[u8]| {
        let mut layer = good();
        layer.extensions.push(critical(extension(oid, content)));
        layer
    };
    let infos = element(0x30, &info(&[fwids(&[&[1; 32]])]));
    for at in 0..2 {
        let mut layers = [good(), good()];
        layers[at] = with(MULTI_TCB_INFO, &infos);
        assert_eq!(Device::new(&layers).answer(), VERIFIED, "layer {at}");
        layers[at] = with(&[1, 3, 6, 1, 4, 1, 99999, 1], &[5, 0]);
        assert_eq!(Device::new(&layers).answer(), ("refused", "path", "critical-extension"), "layer {at}");
    }
}
