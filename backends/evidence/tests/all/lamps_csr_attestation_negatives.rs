//! Bundles of statements inside requests, in both layouts: one statement is taken, and nothing is mixed.

use crate::support;

use pkic_evidence::Appraisal;
use pkic_facts::anchors::AnchorSet;
use rcgen::KeyPair;
use support::made::{NOW, anchors, element, key, request, request_with};
use support::pkix_token::{Token, kept, loose, reported};
use support::{appraise_with, attested, stage_and_code};

const ID_AA_ATTESTATION: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3b";
const PKIX_EVIDENCE: &[u8] = &[0x2b, 6, 1, 5, 5, 0x87, 0x67];
const TPM_CERTIFY: &[u8] = &[0x67, 0x81, 5, 20, 1];
const UNKNOWN: &[u8] = &[0x2b, 6, 1, 4, 1, 1];

fn statement(kind: &[u8], content: &[u8]) -> Vec<u8> {
    element(0x30, &[&element(6, &[kind]), content])
}

/// The older layout: a statement that ends with a hint.
fn statement_with(kind: &[u8], content: &[u8], hint_tag: u8) -> Vec<u8> {
    element(0x30, &[&element(6, &[kind]), content, &element(hint_tag, &[b"verifier.example"])])
}

fn bundle(statements: &[Vec<u8>], certificates: &[&[u8]]) -> Vec<u8> {
    let certificates = if certificates.is_empty() { vec![] } else { element(0x30, certificates) };
    element(0x30, &[&element(0x30, &[&statements.concat()]), &certificates])
}

fn appraise(request: &[u8], anchors: &AnchorSet) -> Appraisal {
    appraise_with(&[request.to_vec()], Some(request), anchors, Some(b"ours"), NOW, None)
}

fn answer(key: &KeyPair, values: &[&[u8]], anchors: &AnchorSet) -> Appraisal {
    let answer = appraise(&request_with(key, ID_AA_ATTESTATION, values), anchors);
    assert_eq!(answer.format, Some("lamps-csr-attestation"));
    answer
}

fn code(answer: &Appraisal) -> (&'static str, &'static str) {
    stage_and_code(answer)
}

fn fact(answer: &Appraisal, path: &str) -> String {
    assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
    attested(answer.facts.table()).remove(path).unwrap_or_default().1
}

#[test]
fn both_layouts_are_read() {
    let token = Token::new();
    let anchors = anchors(&token.chain.root);
    let evidence = token.make();
    for statement in [
        statement(PKIX_EVIDENCE, &evidence),
        statement_with(PKIX_EVIDENCE, &evidence, 0x16),
        statement_with(PKIX_EVIDENCE, &evidence, 0x0c),
    ] {
        let found = answer(&token.keys[0], &[&bundle(&[statement], &[])], &anchors);
        assert_eq!(fact(&found, "key.export"), "never");
        assert_eq!(fact(&found, "evidence.format"), "pkix-key-attestation");
        assert_eq!(fact(&found, "evidence.bound"), "true");
        assert_eq!(found.facts.provenance().unwrap().evidence(), found.evidence, "the digest of the whole");
    }
}

#[test]
fn certificates_of_the_bundle_help_its_statements() {
    let mut token = Token { named_by: [true, true, false], ..Token::new() };
    let anchors = anchors(&token.chain.root);
    let of = |token: &Token, certificates: &[&[u8]]| {
        let bundle = bundle(&[statement(PKIX_EVIDENCE, &token.make())], certificates);
        answer(&token.keys[0], &[&bundle], &anchors)
    };
    assert_eq!(code(&of(&token, &[])), ("path", "key-not-enrolled"));
    let other = element(0xa3, &[b"of another format"]);
    assert_eq!(fact(&of(&token, &[&other, &token.chain.leaf]), "key.export"), "never");
    assert_eq!(code(&of(&token, &[&[4, 1, 0], &token.chain.leaf])), ("parse", "malformed"));
    let many = vec![token.chain.leaf.as_slice(); 16];
    assert_eq!(code(&of(&token, &many)), ("parse", "too-large"));
    token.chain.leaf = Token::new().chain.leaf;
    assert_eq!(code(&of(&token, &[&token.chain.leaf])), ("path", "key-not-enrolled"));
}

/// A device says two things of one key: that it was made inside and cannot leave, and, later, that it may leave.
#[test]
fn one_statement_is_taken_and_nothing_is_mixed() {
    let mut token = Token::new();
    let anchors = anchors(&token.chain.root);
    token.elements.truncate(2);
    let mut about = |claims: Vec<Vec<u8>>| {
        token.elements.truncate(2);
        token.elements.push(reported(2, &claims));
        statement(PKIX_EVIDENCE, &token.make())
    };
    let key = key();
    let (made, leaving) = (about(kept("one", &key)), about(loose("one", &key)));
    for (statements, export, origin) in
        [([&made, &leaving], "never", "generated"), ([&leaving, &made], "plain", "")]
    {
        let found = answer(&key, &[&bundle(&statements.map(Clone::clone), &[])], &anchors);
        assert_eq!(
            (fact(&found, "key.export").as_str(), fact(&found, "key.origin").as_str()),
            (export, origin)
        );
    }
}

#[test]
fn statements_that_prove_nothing_neither_help_nor_hurt() {
    let token = Token::new();
    let anchors = anchors(&token.chain.root);
    let good = statement(PKIX_EVIDENCE, &token.make());
    let other = statement(PKIX_EVIDENCE, &Token::new().make());
    let unknown = statement(UNKNOWN, &[5, 0]);
    let broken = statement(TPM_CERTIFY, &[5, 0]);
    let of = |statements: &[Vec<u8>]| answer(&token.keys[0], &[&bundle(statements, &[])], &anchors);
    let found = of(&[unknown.clone(), broken.clone(), other.clone(), good]);
    assert_eq!(fact(&found, "key.export"), "never");
    assert_eq!(code(&of(&[unknown.clone(), broken.clone(), other.clone()])), ("path", "link-signature"));
    assert_eq!(code(&of(&[other, broken])), ("path", "link-signature"), "the one that got farthest");
    assert_eq!(code(&of(&[unknown])), ("format", "field-missing"));
    assert_eq!(code(&of(&[])), ("format", "field-missing"));
    assert_eq!(code(&of(&[statement(PKIX_EVIDENCE, &[5, 0])])), ("format", "format-unknown"));
}

#[test]
fn evidence_of_another_key_does_not_help() {
    let token = Token::new();
    let anchors = anchors(&token.chain.root);
    let value = bundle(&[statement(PKIX_EVIDENCE, &token.make())], &[]);
    assert_eq!(code(&answer(&key(), &[&value], &anchors)), ("binding", "key-mismatch"));
    let mut forged = request_with(&token.keys[0], ID_AA_ATTESTATION, &[&value]);
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(code(&appraise(&forged, &anchors)), ("binding", "possession-unproven"));
    let carrying = request_with(&token.keys[0], ID_AA_ATTESTATION, &[&value]);
    let other = request(&token.keys[0]);
    let elsewhere = appraise_with(&[carrying], Some(&other), &anchors, Some(b"ours"), NOW, None);
    assert_eq!(code(&elsewhere), ("format", "format-unknown"), "another request, even for the same key");
}

#[test]
fn other_layouts_are_refused() {
    let token = Token::new();
    let anchors = anchors(&token.chain.root);
    let value = bundle(&[statement(PKIX_EVIDENCE, &token.make())], &[]);
    let of = |values: &[&[u8]]| code(&answer(&token.keys[0], values, &anchors));
    assert_eq!(of(&[&value, &value]), ("format", "field-repeated"), "COUNTS MAX 1");
    assert_eq!(of(&[]), ("format", "field-repeated"));
    assert_eq!(of(&[&[value.as_slice(), &[5, 0]].concat()]), ("format", "field-repeated"));
    assert_eq!(of(&[&[5, 0]]), ("parse", "malformed"));
    let evidence = token.make();
    let in_one = |statement: Vec<u8>| of(&[&bundle(&[statement], &[])]);
    assert_eq!(in_one(statement_with(PKIX_EVIDENCE, &evidence, 4)), ("parse", "malformed"));
    assert_eq!(in_one(element(0x30, &[&[5, 0], &evidence])), ("parse", "malformed"));
    assert_eq!(in_one(element(0x30, &[&element(6, &[PKIX_EVIDENCE])])), ("parse", "malformed"));
    let many = vec![statement(UNKNOWN, &[5, 0]); 17];
    assert_eq!(of(&[&bundle(&many, &[])]), ("parse", "too-large"));
}
