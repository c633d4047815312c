//! Synthetic Fortanix DSM statements, each with one thing changed, and the stage that must refuse it or the fact that changes.

use crate::support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, date_time_ymd};
use support::chain::{Made, NOW, Node, anchors, authority, element, extended, extension, named};

const FORMAT: &str = "fortanix-dsm";
const FORTANIX: [u64; 7] = [1, 3, 6, 1, 4, 1, 49690];

fn of(arcs: &[u64]) -> Vec<u64> {
    FORTANIX.iter().chain(arcs).copied().collect()
}

/// The content of an object identifier below Fortanix's arc, with arcs below 128.
fn oid(arcs: &[u8]) -> Vec<u8> {
    element(6, &[&[0x2b, 6, 1, 4, 1, 0x83, 0x84, 0x1a][..], arcs].concat())
}

/// The policy by which nodes are taken in, asking for these protections.
fn enrollment(protections: &[&[u8]]) -> Vec<u8> {
    let qualifiers: Vec<u8> = protections.iter().flat_map(|arcs| oid(arcs)).collect();
    let protection = element(0x30, &[oid(&[2, 5, 1]), qualifiers].concat());
    let approval = element(0x30, &oid(&[2, 5, 2]));
    element(0x30, &[protection, approval].concat())
}

/// Thirty days around [`NOW`], which is 2027-01-15.
fn thirty_days(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2027, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 31);
    params
}

/// A key attestation authority, which is none by its basicConstraints.
fn attester(policy: Option<Vec<u8>>, purpose: u8) -> CertificateParams {
    let mut extensions = vec![extension(&[2, 5, 29, 37], &element(0x30, &oid(&[8, purpose])))];
    extensions.extend(policy.map(|policy| extension(&of(&[2, 5]), &policy)));
    let mut params = thirty_days(extended(named("Fortanix DSM SaaS Key Attestation Authority"), extensions));
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    params
}

fn statement(extensions: &[(u64, &[u8])]) -> CertificateParams {
    let extensions = extensions.iter().map(|(arc, value)| extension(&of(&[2, 4, 1, *arc]), value));
    let mut params = extended(named("Fortanix DSM Key Attestation"), extensions.collect());
    params.not_before = date_time_ymd(2027, 1, 10);
    params.not_after = date_time_ymd(9999, 12, 31);
    params
}

const BOTH: &[(u64, &[u8])] = &[(1, &[0x30, 0]), (2, &[0x30, 0])];
const APPLIANCE: &[u8] = &[2, 5, 1, 1];

struct Chain {
    root: Node,
    middle: Node,
    attester: Node,
}

fn chain_with(params: CertificateParams) -> Chain {
    let root = Node::root(authority(named("Synthetic Attestation Root CA")));
    let middle = root.issue(authority(named("Synthetic Key Attestation CA")));
    let attester = middle.issue(params);
    Chain { root, middle, attester }
}

fn chain() -> Chain {
    chain_with(attester(Some(enrollment(&[APPLIANCE])), 1))
}

fn json(statement: &Node, chain: &[&Node], format: &str) -> Vec<u8> {
    let text = |node: &Node| format!("\"{}\"", STANDARD.encode(&node.der));
    let chain: Vec<String> = chain.iter().map(|node| text(node)).collect();
    let statement = text(statement);
    format!(
        "{{\"authority_chain\":[{}],\"attestation_statement\":{{\"format\":\"{format}\",\"statement\":{statement}}}}}",
        chain.join(",")
    )
    .into_bytes()
}

fn made_of(chain: &Chain, statement: &Node) -> Made {
    let bytes = json(statement, &[&chain.attester, &chain.middle, &chain.root], "x509_certificate");
    Made { request: Some(statement.request()), ..Made::new(&[&bytes], anchors(&[&chain.root])) }
}

fn made(chain: &Chain, params: CertificateParams) -> Made {
    made_of(chain, &chain.attester.issue(params))
}

#[test]
fn the_unchanged_one_is_verified() {
    let made = made(&chain(), statement(BOTH));
    assert_eq!(made.fact("evidence.bound").as_deref(), Some("true"));
    assert_eq!(made.fact("evidence.freshness").as_deref(), Some("time"));
    assert_eq!(made.fact("key.origin").as_deref(), Some("generated"));
    assert_eq!(made.fact("key.export").as_deref(), Some("never"));
    assert_eq!(made.fact("key.storage").as_deref(), Some("hsm.network"));
}

#[test]
fn what_is_not_said_is_unknown() {
    let exportable = made(&chain(), statement(&[(1, &[0x30, 0])]));
    assert_eq!(exportable.fact("key.origin").as_deref(), Some("generated"));
    assert_eq!(exportable.fact("key.export"), None);
    let imported = made(&chain(), statement(&[(2, &[0x30, 0])]));
    assert_eq!((imported.fact("key.origin"), imported.fact("key.export")), (None, Some("never".into())));
    for policy in [
        None,
        Some(enrollment(&[])),
        Some(enrollment(&[APPLIANCE, &[2, 5, 1, 2]])),
        Some(enrollment(&[&[2, 5, 1, 2]])),
    ] {
        let made = made(&chain_with(attester(policy, 1)), statement(BOTH));
        assert_eq!(made.fact("key.storage"), None, "no node need be the appliance");
    }
}

#[test]
fn an_extension_with_a_parameter_is_refused() {
    let made = made(&chain(), statement(&[(1, &[0x30, 3, 1, 1, 0])]));
    assert_eq!(made.refusal(FORMAT), ("parse", "malformed"));
    let made = self::made(&chain_with(attester(Some(vec![0x30, 2, 6, 9]), 1)), statement(BOTH));
    assert_eq!(made.refusal(FORMAT), ("parse", "malformed"), "an enrollment policy that does not read");
}

#[test]
fn times_count() {
    let day = 86_400;
    let at = |now: i64| Made { now, ..made(&chain(), statement(BOTH)) }.refusal(FORMAT);
    let outside = ("path", "outside-validity");
    assert_eq!(at(NOW + 17 * day), outside, "the authority has expired");
    assert_eq!(at(NOW - 7 * day), outside, "the statement is of the future");
    assert_eq!(at(NOW - 20 * day), outside);
    let mut early = statement(BOTH);
    early.not_before = date_time_ymd(2026, 12, 31);
    assert_eq!(
        made(&chain(), early).refusal(FORMAT),
        ("format", "field-mismatch"),
        "older than its authority"
    );
    let mut ended = statement(BOTH);
    ended.not_after = date_time_ymd(2027, 1, 12);
    assert_eq!(made(&chain(), ended).refusal(FORMAT), outside);
}

#[test]
fn each_wrong_certificate_is_refused_by_its_stage() {
    let (good, other) = (chain(), chain());
    let leaf = good.attester.issue(statement(BOTH));
    let with = |chain: &[&Node]| {
        Made::new(&[&json(&leaf, chain, "x509_certificate")], anchors(&[&good.root])).refusal(FORMAT)
    };
    assert_eq!(with(&[&good.attester, &other.middle]), ("path", "link-signature"));
    assert_eq!(with(&[&other.attester, &other.middle, &other.root]), ("path", "link-signature"));
    assert_eq!(with(&[&good.attester]), ("path", "issuer-unknown"));
    assert_eq!(with(&[&good.middle]), ("format", "field-missing"), "no authority");
    assert_eq!(with(&[&good.attester, &good.attester, &good.middle]), ("format", "field-repeated"));
    let forged = good.attester.impostor().issue(statement(BOTH));
    assert_eq!(made_of(&good, &forged).refusal(FORMAT), ("signature", "signature-invalid"));
    let by_middle = good.middle.issue(statement(BOTH));
    assert_eq!(made_of(&good, &by_middle).refusal(FORMAT), ("signature", "signature-invalid"));
    let elsewhere = Made { anchors: anchors(&[&other.root]), ..made_of(&good, &leaf) };
    assert_eq!(elsewhere.refusal(FORMAT), ("path", "link-signature"), "same name, other key");
    let other_request = Made { request: Some(other.attester.request()), ..made_of(&good, &leaf) };
    assert_eq!(other_request.refusal(FORMAT), ("binding", "key-mismatch"));
    let other_purpose = chain_with(attester(None, 2));
    assert_eq!(made(&other_purpose, statement(BOTH)).refusal(FORMAT), ("format", "field-missing"));
    let below = good.attester.issue(attester(None, 1));
    let leaf = below.issue(statement(BOTH));
    let bytes = json(&leaf, &[&below, &good.middle, &good.root], "x509_certificate");
    let made = Made::new(&[&bytes], anchors(&[&good.root]));
    assert_eq!(made.refusal(FORMAT), ("path", "issuer-unknown"), "an authority below an authority");
}

#[test]
fn the_json_is_what_it_says() {
    let good = chain();
    let leaf = good.attester.issue(statement(BOTH));
    let refusal = |bytes: &[u8]| Made::new(&[bytes], anchors(&[&good.root])).refusal(FORMAT);
    assert_eq!(refusal(&json(&leaf, &[&good.attester], "cbor")), ("format", "field-mismatch"));
    assert_eq!(refusal(&json(&leaf, &[&good.middle; 11], "x509_certificate")), ("parse", "too-large"));
    assert_eq!(
        refusal(b"{\"authority_chain\":[],\"attestation_statement\":{}}"),
        ("format", "field-mismatch")
    );
    assert_eq!(
        refusal(b"{\"authority_chain\":1,\"attestation_statement\":{\"format\":\"x509_certificate\",\"statement\":\"!\"}}"),
        ("parse", "malformed")
    );
}
