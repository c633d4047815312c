//! Synthetic Microchip chains, each with one thing changed, and the stage that must refuse it or the fact that changes.

use crate::support;

use rcgen::{CertificateParams, DnType, IsCa};
use support::chain::{Made, Node, anchors, authority, critical, name};

const FORMAT: &str = "microchip-tng";
const DEVICE: &str = "sn0123D26E26E688C901";

fn of_microchip(common_name: &str) -> CertificateParams {
    name(&[(DnType::OrganizationName, "Microchip Technology Inc"), (DnType::CommonName, common_name)])
}

struct Chain {
    root: Node,
    signer: Node,
}

fn chain(signer: &str) -> Chain {
    let root = Node::root(authority(of_microchip("Crypto Authentication Root CA 002")));
    let signer = root.issue(authority(of_microchip(signer)));
    Chain { root, signer }
}

fn good() -> Chain {
    chain("Crypto Authentication Signer 2C10")
}

fn made(chain: &Chain, params: CertificateParams) -> Made {
    let device = chain.signer.issue(params);
    let made = Made::new(&[&device.der, &chain.signer.der], anchors(&[&chain.root]));
    Made { request: Some(device.request()), ..made }
}

#[test]
fn the_unchanged_one_is_verified() {
    let made = made(&good(), of_microchip(DEVICE));
    assert_eq!(made.fact("evidence.bound").as_deref(), Some("true"));
    assert_eq!(made.fact("evidence.freshness").as_deref(), Some("none"));
    assert_eq!(made.fact("module.serial").as_deref(), Some("0123D26E26E688C901"));
    assert_eq!(made.fact("key.export").as_deref(), Some("never"));
}

/// How a part is configured is known of Trust&GO parts alone.
#[test]
fn of_other_parts_origin_and_export_are_unknown() {
    let kit = chain("ATECC 1H Signer 218B");
    let names = ["ATECC608A-MAH1H", "sn0123", "sn0123d26e26e688c901", "sn9923D26E26E688C901", "somebody"];
    for (chain, name) in [(&kit, DEVICE)].into_iter().chain(names.map(|name| (&kit, name))) {
        let made = made(chain, of_microchip(name));
        assert_eq!(made.fact("key.storage").as_deref(), Some("se.discrete"), "{name}");
        for path in ["key.origin", "key.export", "module.serial"] {
            assert_eq!(made.fact(path), None, "{name}: {path}");
        }
    }
    assert_eq!(made(&good(), of_microchip("ATECC608A")).fact("key.origin"), None);
    assert_eq!(
        made(&kit, of_microchip("ATECC608A-MAH1H")).fact("module.model").as_deref(),
        Some("ATECC608A-MAH1H")
    );
}

#[test]
fn each_wrong_certificate_is_refused_by_its_stage() {
    let (good, other) = (good(), good());
    let device = good.signer.issue(of_microchip(DEVICE));
    let with = |parts: &[&[u8]]| Made::new(parts, anchors(&[&good.root])).refusal(FORMAT);
    assert_eq!(with(&[&device.der, &other.signer.der]), ("path", "link-signature"));
    assert_eq!(with(&[&device.der]), ("path", "issuer-unknown"));
    let second = good.signer.issue(of_microchip(DEVICE));
    assert_eq!(with(&[&device.der, &second.der, &good.signer.der]), ("format", "field-repeated"));
    let forged = good.signer.impostor().issue(of_microchip(DEVICE));
    assert_eq!(with(&[&forged.der, &good.signer.der]), ("path", "link-signature"));
    let elsewhere = Made { anchors: anchors(&[&other.root]), ..made(&good, of_microchip(DEVICE)) };
    assert_eq!(elsewhere.refusal(FORMAT), ("path", "link-signature"), "same name, other key");
    let other_request = Made { request: Some(second.request()), ..made(&good, of_microchip(DEVICE)) };
    assert_eq!(other_request.refusal(FORMAT), ("binding", "key-mismatch"));
    let mut unknown = of_microchip(DEVICE);
    unknown.custom_extensions.push(critical(&[1, 3, 6, 1, 4, 1, 99], &[5, 0]));
    assert_eq!(made(&good, unknown).refusal(FORMAT), ("path", "critical-extension"));
    let mut no_authority = of_microchip("Crypto Authentication Signer 2C10");
    no_authority.is_ca = IsCa::ExplicitNoCa;
    let signer = good.root.issue(no_authority);
    let chain = Chain { signer, ..good };
    assert_eq!(made(&chain, of_microchip(DEVICE)).refusal(FORMAT), ("path", "not-an-authority"));
    let nameless = name(&[(DnType::OrganizationName, "Microchip Technology Inc")]);
    assert_eq!(made(&self::good(), nameless).refusal(FORMAT), ("format", "field-missing"));
}

/// A signer that calls itself Microchip's under a root that nobody listed is found, and stays outside.
#[test]
fn the_name_of_microchip_alone_is_nothing() {
    let made = Made { anchors: Default::default(), ..made(&good(), of_microchip(DEVICE)) };
    assert_eq!(made.refusal(FORMAT), ("path", "issuer-unknown"));
}
