//! Recorded evidence of a software TPM, from its bytes to a decision: what a lab permits and production refuses, and
//! what counts only with the registrar's own record.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod common;

use common::{anchored, is_in, program, word};
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_facts::verified::activation::Activation;
use pkic_ir::{Constant, Program};
use pkic_runtime::bundle::Loaded;
use pkic_runtime::challenge::Nonce;
use pkic_runtime::decide::{Decided, Request, decide};
use pkic_runtime::input::Given;
use pkic_vocab::{Purpose, Words};
use std::path::Path;

/// A moment after the recording, in seconds since 1970-01-01T00:00:00Z: 2026-12-01.
const NOW: i64 = 1_796_083_200;
/// What the recording put into `TPM2_CertifyCreation`.
const NONCE: &[u8] = b"pkic-recording-nonce-0001";

fn recorded(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../backends/evidence/tests/recorded/swtpm");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn spki_of(name: &str) -> pkic_facts::crypto::Sha256Digest {
    Certificate::from_der(&recorded(name)).unwrap().tbs().spki_digest()
}

/// The registrar's record of the credential that the recorded TPM answered.
fn activation() -> Activation {
    Activation {
        endorsement_key: spki_of("ek-rsa.der"),
        name: recorded("ak-ec.name"),
        secret: recorded("activation-ec.challenge"),
    }
}

/// A policy that takes keys of virtual TPMs, and names the recorded TPM's root.
fn virtual_tpms(purpose: Purpose) -> Program {
    let mut program = anchored(program(), spki_of("ek-root.der").0, purpose);
    let named = vec![word(Words::Storage, "tpm.virtual")];
    program.exprs[0] = is_in("key.storage", Constant::Words { words: Words::Storage, named });
    program.fill_costs();
    program
}

/// Decides on the recorded key, under a root that the deployment takes for what the word says.
fn decided(program: Program, deployment: &str, activation: Option<&Activation>) -> Decided {
    let root = recorded("ek-root.der");
    let spki = spki_of("ek-root.der");
    let listing = format!("[[anchor]]\nname = \"swtpm\"\nspki = \"{spki}\"\npurpose = \"{deployment}\"\n");
    let anchors = AnchorSet::load(&[AnchorFile { name: "ek-root.der", bytes: &root }], &listing).unwrap();
    let evidence = [Evidence::new("creation-ec.json", &[&recorded("creation-ec.json")]).unwrap()];
    let csr = CertificationRequest::from_bytes(&recorded("app-ec.csr")).unwrap();
    let loaded = Loaded::unsigned(program).unwrap();
    let nothing = Given::default();
    decide(&Request {
        loaded: &loaded,
        profile: "tls",
        operation: word(Words::Operation, "issue"),
        csr: &csr,
        evidence: &evidence,
        plugins: &[],
        anchors: &anchors,
        catalogues: &[],
        statements: &[],
        claims: &nothing,
        requester: &nothing,
        authority: None,
        issuer: None,
        changes: &[],
        nonce: Nonce::Remembered(NONCE),
        activation,
        now: NOW,
        admit_test_anchors: false,
    })
    .unwrap()
}

#[test]
fn a_lab_permits_what_production_refuses() {
    let record = activation();
    let production = decided(virtual_tpms(Purpose::Simulator), "simulator", Some(&record));
    assert_eq!((production.is_permit(), production.failing), (false, vec!["key.storage".to_owned()]));
    assert_eq!(production.report.evidence[0].verdict, "verified");

    let lab = Program { lab: true, ..virtual_tpms(Purpose::Simulator) };
    let lab = decided(lab, "simulator", Some(&record));
    assert_eq!((lab.is_permit(), lab.failing, lab.report.lab), (true, vec![], true));
    let storage = lab.report.requirements.iter().find(|each| each.id == "key.storage").unwrap();
    assert_eq!((storage.result, storage.grade), ("satisfied", Some("attested")));
    assert!(lab.appraised.facts().is_bound());

    let boast = decided(virtual_tpms(Purpose::Simulator), "production", Some(&record));
    assert_eq!(boast.failing, ["key.storage"], "the policy's word counts, not the deployment's");
}

#[test]
fn an_activated_key_counts_with_the_registrars_record_alone() {
    let lab = || Program { lab: true, ..virtual_tpms(Purpose::Simulator) };
    let without = decided(lab(), "simulator", None);
    assert_eq!(without.failing, ["key.storage"]);
    assert_eq!(without.report.evidence[0].verdict, "unproven");
    assert!(without.appraised.facts().provenance().is_none());

    let other = Activation { secret: vec![7; 32], ..activation() };
    let other = decided(lab(), "simulator", Some(&other));
    assert_eq!((other.report.evidence[0].verdict, other.is_permit()), ("refused", false));

    assert!(decided(lab(), "simulator", Some(&activation())).is_permit());
}
