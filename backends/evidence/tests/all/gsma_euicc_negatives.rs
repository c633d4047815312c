//! Synthetic eUICC chains: no sample from a device. Each has one thing changed.

use crate::support;

use rcgen::{CertificateParams, DnType, IsCa};
use support::chain::{Made, Node, anchors, authority, critical, element, name, named};

const FORMAT: &str = "gsma-euicc";
/// An EID whose check digits are right.
const EID: &str = "89049032123451234512345678901235";
const SERIAL_NUMBER: [u64; 4] = [2, 5, 4, 5];
const MAKER: &str = "Synthetic EUM";

/// A critical policy identifier of a role.
fn role(arc: u8) -> rcgen::CustomExtension {
    let oid = element(6, &[0x67, 0x81, 0x12, 1, 2, 1, arc]);
    critical(&[2, 5, 29, 32], &element(0x30, &element(0x30, &oid)))
}

fn attribute(arc: u8, value: &str) -> Vec<u8> {
    let oid = element(6, &[0x55, 4, arc]);
    element(0x31, &element(0x30, &[oid, element(0x13, value.as_bytes())].concat()))
}

/// Name constraints with one permitted directory name.
fn constraints(organization: &str, start: &str) -> rcgen::CustomExtension {
    let base = element(0x30, &[attribute(10, organization), attribute(5, start)].concat());
    let subtree = element(0x30, &element(0xa4, &base));
    critical(&[2, 5, 29, 30], &element(0x30, &element(0xa0, &subtree)))
}

fn eum(extensions: Vec<rcgen::CustomExtension>) -> CertificateParams {
    let mut params = name(&[(DnType::OrganizationName, MAKER), (DnType::CommonName, "EUM")]);
    params.custom_extensions = extensions;
    authority(params)
}

fn good_eum() -> CertificateParams {
    eum(vec![role(2), constraints(MAKER, "89049032")])
}

fn euicc(organization: &str, eid: &str) -> CertificateParams {
    let serial = DnType::CustomDnType(SERIAL_NUMBER.to_vec());
    let mut params =
        name(&[(DnType::OrganizationName, organization), (serial, eid), (DnType::CommonName, "eUICC")]);
    params.custom_extensions = vec![role(1)];
    params
}

struct Chain {
    ci: Node,
    eum: Node,
}

fn chain(eum: CertificateParams) -> Chain {
    let ci = Node::root(authority(named("Synthetic CI")));
    let eum = ci.issue(eum);
    Chain { ci, eum }
}

fn made(chain: &Chain, params: CertificateParams) -> Made {
    let euicc = chain.eum.issue(params);
    let made = Made::new(&[&euicc.der, &chain.eum.der], anchors(&[&chain.ci]));
    Made { request: Some(euicc.request()), ..made }
}

#[test]
fn the_unchanged_one_is_verified() {
    let made = made(&chain(good_eum()), euicc(MAKER, EID));
    assert_eq!(made.fact("evidence.bound").as_deref(), Some("true"));
    assert_eq!(made.fact("evidence.freshness").as_deref(), Some("none"));
    assert_eq!(made.fact("key.storage").as_deref(), Some("se.euicc"));
    assert_eq!(made.fact("module.serial").as_deref(), Some(EID));
    assert_eq!((made.fact("key.origin"), made.fact("key.export")), (None, None), "no certificate says so");
    assert_eq!(made.fact("evidence.anchor.purpose").as_deref(), Some("simulator"));
}

#[test]
fn the_eum_certifies_its_own_alone() {
    let mismatch = ("format", "field-mismatch");
    let with = |extensions| made(&chain(eum(extensions)), euicc(MAKER, EID)).refusal(FORMAT);
    assert_eq!(with(vec![role(2), constraints(MAKER, "89049033")]), mismatch);
    assert_eq!(with(vec![role(2), constraints("Other EUM", "89049032")]), mismatch);
    assert_eq!(with(vec![role(2), constraints(MAKER, "")]), mismatch);
    assert_eq!(with(vec![role(2)]), ("format", "field-missing"));
    assert_eq!(with(vec![role(4), constraints(MAKER, "89049032")]), mismatch, "a server, no EUM");
    assert_eq!(with(vec![constraints(MAKER, "89049032")]), mismatch, "no role");
    let other = made(&chain(good_eum()), euicc("Other EUM", EID));
    assert_eq!(other.refusal(FORMAT), mismatch);
}

#[test]
fn the_eid_is_one() {
    let refusal = |eid: &str| made(&chain(good_eum()), euicc(MAKER, eid)).refusal(FORMAT);
    assert_eq!(refusal("89049032123451234512345678901236"), ("format", "field-mismatch"), "check digits");
    assert_eq!(refusal("8904903212345123451234567890123"), ("format", "field-mismatch"));
    assert_eq!(refusal("8904903212345123451234567890123A"), ("format", "field-mismatch"));
    let mut nameless = name(&[(DnType::OrganizationName, MAKER)]);
    nameless.custom_extensions = vec![role(1)];
    assert_eq!(made(&chain(good_eum()), nameless).refusal(FORMAT), ("format", "field-missing"));
}

#[test]
fn each_wrong_certificate_is_refused_by_its_stage() {
    let (good, other) = (chain(good_eum()), chain(good_eum()));
    let leaf = good.eum.issue(euicc(MAKER, EID));
    let with = |parts: &[&[u8]]| Made::new(parts, anchors(&[&good.ci])).refusal(FORMAT);
    assert_eq!(with(&[&leaf.der, &other.eum.der]), ("path", "link-signature"));
    assert_eq!(with(&[&leaf.der]), ("path", "issuer-unknown"));
    let forged = good.eum.impostor().issue(euicc(MAKER, EID));
    assert_eq!(with(&[&forged.der, &good.eum.der]), ("path", "link-signature"));
    let second = good.eum.issue(euicc(MAKER, EID));
    assert_eq!(with(&[&leaf.der, &second.der, &good.eum.der]), ("format", "field-repeated"));
    let elsewhere = Made { anchors: anchors(&[&other.ci]), ..made(&good, euicc(MAKER, EID)) };
    assert_eq!(elsewhere.refusal(FORMAT), ("path", "link-signature"), "same name, other key");
    let other_request = Made { request: Some(second.request()), ..made(&good, euicc(MAKER, EID)) };
    assert_eq!(other_request.refusal(FORMAT), ("binding", "key-mismatch"));
    let direct = good.ci.issue(euicc(MAKER, EID));
    let direct = Made::new(&[&direct.der], anchors(&[&good.ci]));
    assert_eq!(direct.refusal(FORMAT), ("format", "field-missing"), "without an EUM");
    let mut no_authority = good_eum();
    no_authority.is_ca = IsCa::ExplicitNoCa;
    let made_below = made(&chain(no_authority), euicc(MAKER, EID));
    assert_eq!(made_below.refusal(FORMAT), ("path", "not-an-authority"));
}
