//! Each rule of the lint finds the one thing that breaks it, and nothing in what a draft writes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod common;
mod support;

use common::{DAY, NOW, authority, csr, key, program};
use der::Encode;
use der::asn1::{GeneralizedTime, UtcTime};
use pkic_facts::certificate::Certificate;
use pkic_facts::der as wire;
use pkic_facts::request::CertificationRequest;
use pkic_runtime::certificate::{precertificate, signed, with_scts};
use pkic_runtime::draft::{Draft, DraftInput, Serial};
use pkic_runtime::issuer::Issuer;
use pkic_runtime::lint::{Finding, RULES, SignedBy, lint};
use pkic_runtime::wishes::Wishes;
use rcgen::KeyPair;
use std::collections::BTreeSet;
use std::time::Duration;
use support::tlv;

/// Places of the fields of a tbsCertificate of version 3.
const VERSION: usize = 0;
const SERIAL: usize = 1;
const ALGORITHM: usize = 2;
const ISSUER: usize = 3;
const VALIDITY: usize = 4;
const SUBJECT: usize = 5;
const SPKI: usize = 6;

/// A tbsCertificate, taken apart so that one thing of it can be changed.
#[derive(Clone)]
struct Made {
    fields: Vec<Vec<u8>>,
    extensions: Vec<Vec<u8>>,
}

impl Made {
    fn of(tbs: &[u8]) -> Made {
        let list = |bytes: &[u8]| -> Vec<Vec<u8>> {
            let body = wire::only("list", wire::SEQUENCE, bytes).unwrap();
            wire::elements("list", body, 64).unwrap().iter().map(|each| each.raw.to_vec()).collect()
        };
        let mut fields = list(tbs);
        let extensions = fields.pop().filter(|last| last[0] == 0xa3).unwrap();
        Made { fields, extensions: list(wire::only("extensions", 0xa3, &extensions).unwrap()) }
    }

    fn bytes(&self) -> Vec<u8> {
        let list = tlv(0xa3, &tlv(0x30, &self.extensions.concat()));
        tlv(0x30, &[self.fields.concat(), list].concat())
    }

    fn with(mut self, place: usize, field: Vec<u8>) -> Made {
        self.fields[place] = field;
        self
    }

    fn without(mut self, last: u8) -> Made {
        let before = self.extensions.len();
        self.extensions.retain(|each| !each[2..].starts_with(&[0x06, 0x03, 0x55, 0x1d, last]));
        assert_eq!(self.extensions.len() + 1, before, "2.5.29.{last} stood there");
        self
    }

    /// With the extension `2.5.29.LAST`, in place of the one that stands there.
    fn extended(mut self, last: u8, critical: bool, value: &[u8]) -> Made {
        self.extensions.retain(|each| !each[2..].starts_with(&[0x06, 0x03, 0x55, 0x1d, last]));
        self.extensions.push(extension(&[0x55, 0x1d, last], critical, value));
        self
    }
}

fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { vec![0x01, 0x01, 0xff] } else { Vec::new() };
    tlv(0x30, &[tlv(0x06, oid), critical, tlv(0x04, value)].concat())
}

fn utc(at: i64) -> Vec<u8> {
    UtcTime::from_unix_duration(Duration::from_secs(at.unsigned_abs())).unwrap().to_der().unwrap()
}

fn generalized(at: i64) -> Vec<u8> {
    GeneralizedTime::from_unix_duration(Duration::from_secs(at.unsigned_abs())).unwrap().to_der().unwrap()
}

fn validity(from: Vec<u8>, to: Vec<u8>) -> Vec<u8> {
    tlv(0x30, &[from, to].concat())
}

/// An authority and what it would sign for somebody and for an authority below it.
struct Case {
    key: KeyPair,
    issuer: Certificate,
    leaf: Made,
    ca: Made,
}

/// basicConstraints of an authority with a pathLenConstraint of 0.
const CA_0: &[u8] = &[0x30, 0x06, 0x01, 0x01, 0xff, 0x02, 0x01, 0x00];
/// keyUsage: keyCertSign and cRLSign; digitalSignature.
const SIGNS: &[u8] = &[0x03, 0x02, 0x01, 0x06];
const DIGITAL_SIGNATURE: &[u8] = &[0x03, 0x02, 0x07, 0x80];

impl Case {
    fn new() -> Case {
        let key = key();
        let certificate = authority(&key);
        let leaf = Made::of(draft(&certificate).tbs());
        let ca = leaf.clone().extended(19, true, CA_0).extended(15, true, SIGNS);
        Case { issuer: Certificate::from_der(&certificate).unwrap(), leaf, ca, key }
    }

    fn lint(&self, made: &Made) -> Vec<Finding> {
        lint(&made.bytes(), SignedBy::Authority(&self.issuer), &[])
    }

    /// The certificate of another authority with that tbsCertificate; its signature is not asked here.
    fn signed(&self, made: &Made) -> Certificate {
        let tbs = made.bytes();
        let scheme = pkic_facts::crypto::Scheme::Ecdsa(pkic_facts::crypto::Hash::Sha256);
        let signature = rcgen::SigningKey::sign(&self.key, &tbs).unwrap();
        Certificate::from_der(&signed(&tbs, scheme, &signature).unwrap()).unwrap()
    }
}

fn draft(issuer: &[u8]) -> Draft {
    let request = CertificationRequest::from_bytes(&csr(&key(), &["a.example"])).unwrap();
    let program = program();
    let input = DraftInput {
        profile: &program.profiles[1],
        wishes: &Wishes::of_request(&request),
        spki: request.spki(),
        issuer: Some(&Issuer::from_certificate(issuer).unwrap()),
        serial: Serial::random(&[9; 20]),
        now: NOW,
    };
    Draft::new(&input).unwrap()
}

#[test]
fn what_a_draft_writes_breaks_no_rule() {
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let certificate = authority(&KeyPair::generate_for(algorithm).unwrap());
        let draft = draft(&certificate);
        let issuer = Certificate::from_der(&certificate).unwrap();
        assert_eq!(lint(draft.tbs(), SignedBy::Authority(&issuer), &[]), [], "{algorithm:?}");
        let pre = precertificate(draft.tbs()).unwrap();
        assert_eq!(lint(&pre, SignedBy::Authority(&issuer), &[]), []);
        let last = with_scts(draft.tbs(), &[0, 3, 0, 1, 9]).unwrap();
        assert_eq!(lint(&last, SignedBy::Authority(&issuer), &[]), []);
    }
    let case = Case::new();
    assert_eq!(case.lint(&case.leaf), []);
    assert_eq!(case.lint(&case.ca), []);
    let root = case.ca.clone().with(ISSUER, case.ca.fields[SUBJECT].clone()).without(35);
    assert_eq!(lint(&root.bytes(), SignedBy::Itself, &[]), []);
    let forever = validity(utc(NOW), generalized(pkic_vocab::time::FOREVER_DATE));
    assert_eq!(case.lint(&case.leaf.clone().with(VALIDITY, forever)), [], "no well-defined end");
}

type Negative = (&'static str, Vec<Finding>);

/// One change, and what is found.
fn field_negatives(case: &Case) -> Vec<Negative> {
    let (leaf, ca) = (|| case.leaf.clone(), || case.ca.clone());
    let found = |made: Made| case.lint(&made);
    let of = |issuer: &Certificate, made: &Made| lint(&made.bytes(), SignedBy::Authority(issuer), &[]);
    let end = NOW + 47 * DAY - 1;
    let empty_name = || vec![0x30, 0x00];
    let mut unique = leaf();
    unique.fields.push(vec![0x81, 0x02, 0x00, 0x01]);
    let null_parameters =
        tlv(0x30, &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02, 0x05, 0x00]);
    let sha384 = tlv(0x30, &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03]);
    let no_authority = case.signed(&ca().extended(19, true, &[0x30, 0x00]));
    let no_signer = case.signed(&ca().extended(15, true, DIGITAL_SIGNATURE));
    let full = case.signed(&ca().with(SPKI, case.issuer.tbs().spki().to_vec()));
    let below = |issuer: &Certificate, made: Made| {
        let id = issuer.tbs().extension("2.5.29.14").unwrap().value[2..].to_vec();
        made.with(ISSUER, issuer.tbs().subject().to_vec())
            .with(SPKI, case.issuer.tbs().spki().to_vec())
            .extended(35, false, &tlv(0x30, &tlv(0x80, &id)))
    };
    let under = |issuer: &Certificate, made: Made| of(issuer, &below(issuer, made));
    vec![
        ("tbs-shape", lint(&case.leaf.bytes()[1..], SignedBy::Authority(&case.issuer), &[])),
        ("tbs-shape", lint(&vec![0x30; 70_000], SignedBy::Authority(&case.issuer), &[])),
        ("version", found(leaf().with(VERSION, vec![0xa0, 0x03, 0x02, 0x01, 0x01]))),
        ("serial-number", found(leaf().with(SERIAL, vec![0x02, 0x01, 0x00]))),
        ("serial-number", found(leaf().with(SERIAL, vec![0x02, 0x01, 0x80]))),
        ("serial-number", found(leaf().with(SERIAL, tlv(0x02, &[0x7f; 21])))),
        ("signature-algorithm", found(leaf().with(ALGORITHM, null_parameters))),
        ("signature-algorithm", found(leaf().with(ALGORITHM, sha384))),
        ("issuer-name", found(leaf().with(ISSUER, empty_name()))),
        ("issuer-name", found(leaf().with(ISSUER, case.leaf.fields[SUBJECT].clone()))),
        ("validity-form", found(leaf().with(VALIDITY, validity(utc(NOW), generalized(end))))),
        ("validity-form", found(leaf().with(VALIDITY, validity(utc(NOW), tlv(0x17, b"2701160800Z"))))),
        ("validity-order", found(leaf().with(VALIDITY, validity(utc(NOW), utc(NOW - 1))))),
        ("validity-within-issuer", found(leaf().with(VALIDITY, validity(utc(NOW), utc(NOW + 6000 * DAY))))),
        ("public-key", found(leaf().with(SPKI, vec![0x30, 0x00]))),
        ("unique-identifiers", found(unique)),
        ("issuer-authority", under(&no_authority, leaf())),
        ("issuer-authority", under(&no_signer, leaf())),
        ("issuer-path-length", under(&full, ca())),
    ]
}

fn extension_negatives(case: &Case) -> Vec<Negative> {
    let (leaf, ca) = (|| case.leaf.clone(), || case.ca.clone());
    let found = |made: Made| case.lint(&made);
    let mut repeated = leaf();
    repeated.extensions.push(repeated.extensions[0].clone());
    let mut not_der = leaf();
    not_der
        .extensions
        .push(tlv(0x30, &[0x06, 0x03, 0x2a, 0x03, 0x04, 0x01, 0x01, 0x00, 0x04, 0x02, 0x05, 0x00]));
    let mut inside = leaf();
    inside.extensions.push(extension(&[0x2a, 0x03, 0x04], false, &[0x02, 0x02, 0x00, 0x01]));
    let mut unknown = leaf();
    unknown.extensions.push(extension(&[0x2a, 0x03, 0x04], true, &[0x05, 0x00]));
    let id = case.issuer.tbs().extension("2.5.29.14").unwrap().value[2..].to_vec();
    let names = tlv(0x30, &tlv(0xa0, &tlv(0x30, &tlv(0x82, b"a.example"))));
    let san = tlv(0x30, &tlv(0x82, b"a.example"));
    let no_subject = |made: Made| made.with(SUBJECT, vec![0x30, 0x00]);
    vec![
        ("der", found(not_der)),
        ("der", found(inside)),
        ("extension-repeated", found(repeated)),
        ("extension-critical-unknown", found(unknown)),
        ("extension-critical", found(ca().extended(30, false, &names))),
        ("extension-not-critical", found(leaf().extended(35, true, &tlv(0x30, &tlv(0x80, &id))))),
        ("subject-name", found(no_subject(ca()).extended(17, true, &san))),
        ("subject-alt-name", found(no_subject(leaf()))),
        ("subject-alt-name", found(no_subject(leaf().without(17)))),
        ("subject-alt-name", found(leaf().extended(17, false, &[0x30, 0x00]))),
        ("basic-constraints", found(ca().extended(19, false, CA_0))),
        ("basic-constraints", found(leaf().extended(19, true, &[0x30, 0x02, 0x05, 0x00]))),
        ("path-length", found(leaf().extended(19, true, &[0x30, 0x03, 0x02, 0x01, 0x00]))),
        ("key-usage", found(leaf().extended(15, true, &[0x03, 0x02, 0x07, 0x00]))),
        ("key-usage", found(leaf().extended(15, true, &[0x03, 0x00]))),
        ("key-cert-sign", found(leaf().extended(15, true, SIGNS))),
        ("key-cert-sign", found(ca().without(15).extended(19, true, &[0x30, 0x03, 0x01, 0x01, 0xff]))),
        ("extended-key-usage", found(leaf().extended(37, false, &[0x30, 0x00]))),
        ("name-constraints", found(leaf().extended(30, true, &names))),
        ("name-constraints", found(ca().extended(30, true, &[0x30, 0x00]))),
        ("authority-key-identifier", found(leaf().without(35))),
        ("authority-key-identifier", found(leaf().extended(35, false, &[0x30, 0x00]))),
        ("authority-key-identifier", found(leaf().extended(35, false, &tlv(0x30, &tlv(0x80, &[9; 20]))))),
        ("subject-key-identifier", found(ca().without(14))),
        ("subject-key-identifier", found(leaf().extended(14, false, &[0x04, 0x00]))),
    ]
}

#[test]
fn every_rule_finds_what_breaks_it_and_it_alone() {
    let case = Case::new();
    let negatives = [field_negatives(&case), extension_negatives(&case)].concat();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (at, (rule, found)) in negatives.iter().enumerate() {
        let rules: Vec<&str> = found.iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, [*rule], "negative {at}: {found:?}");
        seen.insert(rule);
    }
    let all: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(all.len(), RULES.len(), "ids are unique");
    assert_eq!(seen, all, "every rule has a negative");
    assert!(RULES.iter().all(|rule| rule.cites.contains("RFC") && !rule.asks.ends_with('.')));
}

#[test]
fn a_critical_extension_is_known_where_the_policy_declares_it() {
    let case = Case::new();
    let mut made = case.leaf.clone();
    made.extensions.push(extension(&[0x2a, 0x03, 0x04], true, &[0x05, 0x00]));
    let found = |declared: &[&str]| lint(&made.bytes(), SignedBy::Authority(&case.issuer), declared).len();
    assert_eq!((found(&[]), found(&["1.2.3.4"]), found(&["1.2.3.5"])), (1, 0, 1));
}

#[test]
fn a_path_length_without_key_cert_sign_is_found() {
    let case = Case::new();
    let found = case.lint(&case.ca.clone().extended(15, true, DIGITAL_SIGNATURE));
    let rules: Vec<&str> = found.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["path-length", "key-cert-sign"]);
}

#[test]
fn who_signs_itself_is_an_authority() {
    let case = Case::new();
    let own = case.leaf.clone().with(ISSUER, case.leaf.fields[SUBJECT].clone()).without(35);
    let found = lint(&own.bytes(), SignedBy::Itself, &[]);
    assert_eq!(found.iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["issuer-authority"]);
}

/// No bytes make the lint panic, and no truncation passes.
#[test]
fn flips_and_truncations_are_answered() {
    let case = Case::new();
    let good = case.leaf.bytes();
    for at in 0..good.len() {
        let shape = lint(&good[..at], SignedBy::Authority(&case.issuer), &[]);
        assert_eq!(shape.first().map(|finding| finding.rule), Some("tbs-shape"), "{at}");
        for bit in 0..8 {
            let mut changed = good.clone();
            changed[at] ^= 1 << bit;
            let _ = lint(&changed, SignedBy::Authority(&case.issuer), &[]);
            let _ = lint(&changed, SignedBy::Itself, &[]);
        }
    }
}
