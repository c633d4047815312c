//! Synthetic OPTIGA Trust M chains, each with one thing changed, and the stage that must refuse it.

use crate::support;

use rcgen::{CertificateParams, DnType, IsCa};
use support::attested;
use support::chain::{Made, Node, anchors, authority, critical, element, extension, name, named};

const FORMAT: &str = "optiga-trust-m";

fn of_infineon(common_name: &str) -> CertificateParams {
    name(&[
        (DnType::CountryName, "DE"),
        (DnType::OrganizationName, "Infineon Technologies AG"),
        (DnType::OrganizationalUnitName, "OPTIGA(TM)"),
        (DnType::CommonName, common_name),
    ])
}

/// A chip's certificate, with the policy that Infineon's have.
fn chip() -> CertificateParams {
    let mut params = named("InfineonIoTNode");
    let policy = element(0x30, &element(0x30, &element(6, &[0x2a, 0x82, 0x14, 0, 0x44, 1, 0x14, 1])));
    params.custom_extensions.push(extension(&[2, 5, 29, 32], &policy));
    params
}

struct Chain {
    root: Node,
    ca: Node,
}

fn chain() -> Chain {
    let root = Node::root(authority(of_infineon("Infineon OPTIGA(TM) ECC Root CA 2")));
    let ca = root.issue(authority(of_infineon("Infineon OPTIGA(TM) Trust M CA 300")));
    Chain { root, ca }
}

fn made(chain: &Chain, params: CertificateParams) -> Made {
    let device = chain.ca.issue(params);
    let made = Made::new(&[&device.der, &chain.ca.der], anchors(&[&chain.root]));
    Made { request: Some(device.request()), ..made }
}

#[test]
fn the_unchanged_one_has_exactly_its_facts() {
    let answer = made(&chain(), chip()).appraise();
    assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
    let facts = attested(answer.facts.table());
    let own: Vec<(&str, &str)> = facts
        .iter()
        .filter(|(path, _)| !path.starts_with("evidence."))
        .map(|(path, (_, value))| (path.as_str(), value.as_str()))
        .collect();
    let expected = [
        ("key.export", "never"),
        ("key.storage", "se.discrete"),
        ("module.model", "OPTIGA Trust M"),
        ("module.vendor", "infineon"),
        ("module.weak-hash", "false"),
    ];
    assert_eq!(own, expected, "the origin is unknown");
    assert_eq!(facts["evidence.bound"].1, "true");
    assert_eq!(facts["evidence.freshness"].1, "none");
}

/// What the owner certifies for another object of the chip is no certificate of Infineon's.
#[test]
fn keys_of_other_objects_are_not_attested() {
    let chain = chain();
    let device = chain.ca.issue(chip());
    let later = device.issue(named("second key"));
    let made = Made::new(&[&device.der, &chain.ca.der], anchors(&[&chain.root]));
    let made = Made { request: Some(later.request()), ..made };
    assert_eq!(made.refusal(FORMAT), ("binding", "key-mismatch"));
    let parts = [later.der.as_slice(), &chain.ca.der];
    let other = Made::new(&parts, anchors(&[&chain.root])).appraise();
    assert_eq!(other.verdict.reason().unwrap().code(), "format-unknown");
}

#[test]
fn each_wrong_certificate_is_refused_by_its_stage() {
    let (good, other) = (chain(), chain());
    let device = good.ca.issue(chip());
    let with = |parts: &[&[u8]]| Made::new(parts, anchors(&[&good.root])).refusal(FORMAT);
    assert_eq!(with(&[&device.der, &other.ca.der]), ("path", "link-signature"));
    assert_eq!(with(&[&device.der]), ("path", "issuer-unknown"));
    assert_eq!(with(&[&device.der, &good.ca.issue(chip()).der, &good.ca.der]), ("format", "field-repeated"));
    let forged = good.ca.impostor().issue(chip());
    assert_eq!(with(&[&forged.der, &good.ca.der]), ("path", "link-signature"));
    let elsewhere = Made { anchors: anchors(&[&other.root]), ..made(&good, chip()) };
    assert_eq!(elsewhere.refusal(FORMAT), ("path", "link-signature"), "same name, other key");
    let mut unknown = chip();
    unknown.custom_extensions.push(critical(&[1, 2, 276, 0, 99], &[5, 0]));
    assert_eq!(made(&good, unknown).refusal(FORMAT), ("path", "critical-extension"));
    let mut no_authority = of_infineon("Infineon OPTIGA(TM) Trust M CA 300");
    no_authority.is_ca = IsCa::ExplicitNoCa;
    let ca = good.root.issue(no_authority);
    let chain = Chain { ca, ..good };
    assert_eq!(made(&chain, chip()).refusal(FORMAT), ("path", "not-an-authority"));
    let mut ended = chip();
    ended.not_after = rcgen::date_time_ymd(2026, 1, 1);
    assert_eq!(made(&self::chain(), ended).refusal(FORMAT), ("path", "outside-validity"));
}
