//! Synthetic device identity certificates, each with one thing changed, and the stage that must refuse it or the fact that changes.

use crate::support;

use rcgen::{CertificateParams, IsCa};
use support::chain::{Made, Node, anchors, authority, critical, element, extended, extension, named};

const FORMAT: &str = "ieee-8021ar";

/// A subjectAltName with hardware module names of these serial numbers.
fn modules(serials: &[&[u8]]) -> rcgen::CustomExtension {
    let name = |serial: &&[u8]| {
        let hardware = element(6, &[0x67, 0x81, 5, 1, 2]);
        let value = element(0x30, &[hardware, element(4, serial)].concat());
        let kind = element(6, &[0x2b, 6, 1, 5, 5, 7, 8, 4]);
        element(0xa0, &[kind, element(0xa0, &value)].concat())
    };
    let names: Vec<u8> = serials.iter().flat_map(name).collect();
    critical(&[2, 5, 29, 17], &element(0x30, &names))
}

/// The TCG's policy identifiers for what a CA has verified.
fn verified(arcs: &[u8]) -> rcgen::CustomExtension {
    let policy = |arc: &u8| element(0x30, &element(6, &[0x67, 0x81, 5, 11, 1, *arc]));
    let policies: Vec<u8> = arcs.iter().flat_map(policy).collect();
    critical(&[2, 5, 29, 32], &element(0x30, &policies))
}

fn identity(extensions: Vec<rcgen::CustomExtension>) -> CertificateParams {
    extended(named("device"), extensions)
}

fn resident(arcs: &[u8]) -> CertificateParams {
    identity(vec![modules(&[b"SN-1"]), verified(arcs)])
}

struct Chain {
    root: Node,
    ca: Node,
}

fn chain() -> Chain {
    let root = Node::root(authority(named("Synthetic maker root")));
    let ca = root.issue(authority(named("Synthetic maker CA")));
    Chain { root, ca }
}

fn made(chain: &Chain, params: CertificateParams) -> Made {
    let leaf = chain.ca.issue(params);
    let made = Made::new(&[&leaf.der, &chain.ca.der], anchors(&[&chain.root]));
    Made { request: Some(leaf.request()), ..made }
}

#[test]
fn a_certificate_alone_says_nothing_of_where_its_key_is() {
    let made = made(&chain(), identity(vec![modules(&[b"SN-1"])]));
    assert_eq!(made.fact("evidence.bound").as_deref(), Some("true"));
    assert_eq!(made.fact("evidence.freshness").as_deref(), Some("none"));
    assert_eq!(made.fact("module.serial").as_deref(), Some("SN-1"));
    for path in ["key.storage", "key.origin", "key.export"] {
        assert_eq!(made.fact(path), None, "{path}");
    }
}

#[test]
fn what_the_ca_verified_is_what_its_policies_say() {
    let said = |arcs: &[u8]| {
        let made = made(&chain(), resident(arcs));
        assert_eq!(made.fact("key.origin"), None, "no identifier speaks of it");
        (made.fact("key.storage"), made.fact("key.export"))
    };
    let (tpm, never) = (Some("tpm".to_owned()), Some("never".to_owned()));
    assert_eq!(said(&[1]), (tpm.clone(), None));
    assert_eq!(said(&[1, 2]), (tpm.clone(), never.clone()), "an IDevID");
    assert_eq!(said(&[1, 3]), (tpm, never), "an IAK");
    assert_eq!(said(&[4]), (None, None), "an identifier that nobody has defined");
    assert_eq!(
        made(&chain(), resident(&[2])).refusal(FORMAT),
        ("format", "field-mismatch"),
        "fixed to no TPM"
    );
}

#[test]
fn a_serial_number_that_is_no_text_is_shown_in_digits() {
    let made = made(&chain(), identity(vec![modules(&[&[0x00, 0xff]])]));
    assert_eq!(made.fact("module.serial").as_deref(), Some("00ff"));
}

#[test]
fn what_has_not_one_module_is_no_device_identity() {
    let code = |params: CertificateParams| made(&chain(), params).appraise().verdict.reason().unwrap().code();
    assert_eq!(code(identity(vec![])), "format-unknown");
    assert_eq!(code(identity(vec![modules(&[])])), "format-unknown");
    assert_eq!(code(identity(vec![modules(&[b"1", b"2"])])), "format-unknown");
    assert_eq!(code(identity(vec![modules(&[&[b'1'; 257]])])), "format-unknown");
    assert_eq!(code(authority(identity(vec![modules(&[b"1"])]))), "format-unknown");
}

#[test]
fn each_wrong_certificate_is_refused_by_its_stage() {
    let (good, other) = (chain(), chain());
    let leaf = good.ca.issue(resident(&[1, 2]));
    let with = |parts: &[&[u8]]| Made::new(parts, anchors(&[&good.root])).refusal(FORMAT);
    assert_eq!(with(&[&leaf.der, &other.ca.der]), ("path", "link-signature"));
    assert_eq!(with(&[&leaf.der]), ("path", "issuer-unknown"));
    let second = good.ca.issue(resident(&[1, 3]));
    assert_eq!(with(&[&leaf.der, &second.der, &good.ca.der]), ("format", "field-repeated"));
    let forged = good.ca.impostor().issue(resident(&[1, 2]));
    assert_eq!(with(&[&forged.der, &good.ca.der]), ("path", "link-signature"));
    let elsewhere = Made { anchors: anchors(&[&other.root]), ..made(&good, resident(&[1, 2])) };
    assert_eq!(elsewhere.refusal(FORMAT), ("path", "link-signature"), "same name, other key");
    let other_request = Made { request: Some(second.request()), ..made(&good, resident(&[1, 2])) };
    assert_eq!(other_request.refusal(FORMAT), ("binding", "key-mismatch"));
    let mut ended = resident(&[1, 2]);
    ended.not_after = rcgen::date_time_ymd(2026, 1, 1);
    assert_eq!(made(&good, ended).refusal(FORMAT), ("path", "outside-validity"));
    let mut unknown = resident(&[1, 2]);
    unknown.custom_extensions.push(critical(&[1, 3, 6, 1, 4, 1, 99], &[5, 0]));
    assert_eq!(made(&good, unknown).refusal(FORMAT), ("path", "critical-extension"));
    let garbled = identity(vec![modules(&[b"1"]), extension(&[2, 5, 29, 32], &[0x30, 9])]);
    assert_eq!(made(&good, garbled).refusal(FORMAT), ("parse", "malformed"));
    let mut no_authority = named("Synthetic maker CA");
    no_authority.is_ca = IsCa::ExplicitNoCa;
    let ca = good.root.issue(no_authority);
    let chain = Chain { ca, ..good };
    assert_eq!(made(&chain, resident(&[1, 2])).refusal(FORMAT), ("path", "not-an-authority"));
}
