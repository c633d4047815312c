//! Synthetic PKIX key attestation, each with one thing wrong, and the stage that must refuse it.

use crate::support;

use pkic_evidence::Appraisal;
use pkic_facts::anchors::AnchorSet;
use rcgen::KeyUsagePurpose;
use support::made::{Chain, NOW, anchors, chain, element, enrolled, key, request, spki};
use support::pkix_token::{FALSE, PURPOSE, TRUE, Token, claim, kept, loose, octets, reported, text};
use support::{appraise_with, stage_and_code, verified_facts};

trait Appraise {
    fn appraise_as(&self, anchors: &AnchorSet, nonce: &[u8]) -> Appraisal;
    fn appraise(&self) -> Appraisal;
}

impl Appraise for Token {
    fn appraise_as(&self, anchors: &AnchorSet, nonce: &[u8]) -> Appraisal {
        let request = request(&self.keys[0]);
        appraise_with(&[self.make()], Some(&request), anchors, Some(nonce), NOW, None)
    }

    fn appraise(&self) -> Appraisal {
        self.appraise_as(&anchors(&self.chain.root), b"ours")
    }
}

fn code(answer: &Appraisal) -> (&'static str, &'static str) {
    stage_and_code(answer)
}

fn refusal(token: &Token) -> (&'static str, &'static str) {
    code(&token.appraise())
}

fn facts(answer: &Appraisal) -> std::collections::BTreeMap<String, String> {
    verified_facts(answer)
}

#[test]
fn the_request_chooses_its_key() {
    let token = Token::new();
    let found = facts(&token.appraise());
    let expected = [
        ("evidence.bound", "true"),
        ("evidence.freshness", "nonce"),
        ("key.export", "never"),
        ("key.origin", "generated"),
        ("module.firmware", "7.0"),
        ("module.mode", "non-fips"),
        ("platform.debug", "false"),
    ];
    for (path, value) in expected {
        assert_eq!(found[path], value, "{path}");
    }
    assert!(!found.contains_key("key.storage"), "the draft counts every kind of module");
    let other = Token { keys: token.keys.into_iter().rev().collect::<Vec<_>>().try_into().unwrap(), ..token };
    let found = facts(&other.appraise());
    assert_eq!(found["key.export"], "plain");
    assert!(!found.contains_key("key.origin"));
}

#[test]
fn a_key_of_its_own_needs_no_request() {
    let mut token = Token::new();
    token.elements.pop();
    let anchors = anchors(&token.chain.root);
    let answer = appraise_with(&[token.make()], None, &anchors, None, NOW, None);
    let found = facts(&answer);
    assert_eq!((found["key.export"].as_str(), found["evidence.bound"].as_str()), ("never", "false"));
    assert_eq!(answer.freshness(), Some("none"), "a nonce that nobody gave out");
}

#[test]
fn what_is_not_said_is_unknown() {
    let mut token = Token::new();
    let identity = [claim(2, 0, &text("one")), claim(2, 1, &octets(&spki(&token.keys[0])))];
    type Flags<'a> = &'a [(u8, &'a [u8])];
    let cases: [(Flags<'_>, Option<&str>); 6] = [
        (&[], None),
        (&[(2, FALSE)], None),
        (&[(2, FALSE), (4, FALSE)], None),
        (&[(2, TRUE)], None),
        (&[(2, TRUE), (3, TRUE)], Some("wrapped")),
        (&[(2, TRUE), (4, TRUE), (3, TRUE)], None),
    ];
    for (flags, export) in cases {
        let claims =
            identity.iter().cloned().chain(flags.iter().map(|(number, flag)| claim(2, *number, flag)));
        token.elements[2] = reported(2, &claims.chain([claim(2, 5, FALSE)]).collect::<Vec<_>>());
        let found = facts(&token.appraise());
        assert_eq!(found.get("key.export").map(String::as_str), export, "{flags:?}");
        assert!(!found.contains_key("key.origin"), "imported in some form, or derived");
    }
}

#[test]
fn keys_that_are_not_the_request_s_do_not_help() {
    let token = Token { keys: [key(), key()], ..Token::new() };
    assert_eq!(refusal(&token), ("binding", "key-mismatch"));
    let mut twice = Token::new();
    twice.elements[3] = reported(2, &loose("two", &twice.keys[0]));
    assert_eq!(refusal(&twice), ("format", "field-repeated"), "one key with two histories");
    let mut none = Token::new();
    none.elements.truncate(2);
    assert_eq!(refusal(&none), ("binding", "key-mismatch"), "a platform is no key");
    let mut symmetric = Token::new();
    symmetric.elements.truncate(2);
    symmetric.elements.push(reported(2, &[claim(2, 0, &text("secret"))]));
    assert_eq!(refusal(&symmetric), ("format", "field-missing"));
}

#[test]
fn elements_and_claims_that_stand_twice_are_refused() {
    let change = |at: usize, kind: u8, claims: &dyn Fn(&Token) -> Vec<Vec<u8>>| {
        let mut token = Token::new();
        let claims = claims(&token);
        token.elements[at] = reported(kind, &claims);
        refusal(&token)
    };
    let repeated = ("format", "field-repeated");
    assert_eq!(change(3, 1, &|_| vec![claim(1, 6, &text("7.1"))]), repeated);
    assert_eq!(change(3, 0, &|_| vec![claim(0, 1, &element(0x18, &[b"20270101000000Z"]))]), repeated);
    assert_eq!(change(1, 1, &|_| vec![claim(1, 10, TRUE), claim(1, 10, FALSE)]), repeated);
    assert_eq!(change(1, 1, &|_| vec![claim(1, 8, &[2, 1, 1]), claim(1, 8, &[2, 1, 1])]), repeated);
    let again = |token: &Token, number, value: Vec<u8>| {
        [kept("one", &token.keys[0]), vec![claim(2, number, &value)]].concat()
    };
    assert_eq!(change(2, 2, &|token| again(token, 2, TRUE.to_vec())), repeated);
    assert_eq!(change(2, 2, &|token| again(token, 1, octets(&spki(&token.keys[1])))), repeated);
    assert_eq!(change(3, 2, &|token| loose("one", &token.keys[1])), repeated, "one name for two keys");
    assert_eq!(change(2, 2, &|token| kept("one", &token.keys[0])[1..].to_vec()), ("format", "field-missing"));
    assert_eq!(change(1, 1, &|_| vec![claim(1, 10, &[])]), ("format", "field-missing"));
    assert_eq!(change(1, 1, &|_| vec![claim(1, 10, &[2, 1, 1])]), ("parse", "malformed"));
    assert_eq!(change(1, 1, &|_| vec![claim(1, 10, &[1, 1, 1])]), ("parse", "malformed"));
}

#[test]
fn what_nobody_knows_is_passed_over() {
    let mut token = Token::new();
    token.elements.push(reported(9, &[claim(9, 9, &[5, 0])]));
    token.elements[1] = reported(1, &[claim(1, 77, &[5, 0]), claim(2, 2, TRUE)]);
    let found = facts(&token.appraise());
    assert_eq!(found["key.export"], "never", "a claim of a key in another element is none");
}

#[test]
fn the_signer_is_one_that_an_anchor_vouches_for() {
    assert_eq!(refusal(&Token { signer: Some(key()), ..Token::new() }), ("signature", "signature-invalid"));
    let without_purpose = chain("Vendor Root", &[KeyUsagePurpose::DigitalSignature], None);
    assert_eq!(refusal(&Token::under(without_purpose)), ("path", "key-purpose"));
    let without_usage = chain("Vendor Root", &[KeyUsagePurpose::KeyAgreement], Some(PURPOSE));
    assert_eq!(refusal(&Token::under(without_usage)), ("profile", "property-refused"));
    let without_usages = chain("Vendor Root", &[], Some(PURPOSE));
    assert_eq!(refusal(&Token::under(without_usages)), ("format", "field-missing"));
    let token = Token::new();
    let namesake = Token::new();
    let answer = token.appraise_as(&anchors(&namesake.chain.root), b"ours");
    assert_eq!(code(&answer), ("path", "link-signature"), "same name, other key");
    let swapped = Token { chain: Chain { leaf: namesake.chain.leaf, ..token.chain }, ..Token::new() };
    assert_eq!(refusal(&swapped), ("path", "link-signature"), "the certificate of another signer");
}

#[test]
fn a_block_of_no_consequence_neither_helps_nor_hurts() {
    let mut token = Token::new();
    token.elements[0] = reported(0, &[claim(0, 0, &octets(b"ours"))]);
    let stranger = chain("Nobody", &[KeyUsagePurpose::DigitalSignature], Some(PURPOSE));
    token.further_blocks = vec![token.block(&stranger.leaf_key, &stranger.leaf, &token.tbs())];
    assert_eq!(facts(&token.appraise())["key.export"], "never");
    assert_eq!(
        code(&token.appraise_as(&anchors(&Token::new().chain.root), b"ours")),
        ("path", "issuer-unknown")
    );
    let unsigned = element(0x30, &[&token.tbs(), &element(0x30, &[])]);
    let anchors = anchors(&token.chain.root);
    let answer = appraise_with(&[unsigned], None, &anchors, None, NOW, None);
    assert_eq!(code(&answer), ("format", "field-missing"), "nobody signed");
}

#[test]
fn the_signing_keys_are_those_that_the_attester_names() {
    let mut token = Token::new();
    token.elements[0] = reported(0, &[claim(0, 0, &octets(b"ours")), claim(0, 2, &octets(&spki(&key())))]);
    assert_eq!(refusal(&token), ("format", "field-mismatch"));
    let mut countersigned = Token::new();
    let stranger = chain("Nobody", &[KeyUsagePurpose::DigitalSignature], Some(PURPOSE));
    countersigned.further_blocks =
        vec![countersigned.block(&stranger.leaf_key, &stranger.leaf, &countersigned.tbs())];
    assert_eq!(refusal(&countersigned), ("format", "field-mismatch"));
}

#[test]
fn a_bare_key_counts_where_it_is_enrolled() {
    for named_by in [[false, true, false], [true, true, false], [true, false, false]] {
        let token = Token { named_by, ..Token::new() };
        let spki = spki(&token.chain.leaf_key);
        assert_eq!(facts(&token.appraise_as(&enrolled(&spki), b"ours"))["key.export"], "never");
        let answer = token.appraise_as(&enrolled(b"another"), b"ours");
        assert_eq!((answer.verdict.name(), code(&answer)), ("unproven", ("path", "key-not-enrolled")));
    }
    let mut nameless = Token { named_by: [true, false, false], ..Token::new() };
    nameless.elements[0] = reported(0, &[claim(0, 0, &octets(b"ours"))]);
    let answer = nameless.appraise();
    assert_eq!((answer.verdict.name(), code(&answer)), ("unproven", ("format", "field-missing")));
    let both = Token { named_by: [false, true, true], signer: Some(key()), ..Token::new() };
    assert_eq!(refusal(&both), ("format", "field-mismatch"), "a key beside the certificate of another");
}

#[test]
fn nonce_and_version_are_looked_at() {
    let token = Token::new();
    let anchors = anchors(&token.chain.root);
    assert_eq!(code(&token.appraise_as(&anchors, b"other")), ("freshness", "nonce-mismatch"));
    let newer = Token { version: 2, ..Token::new() };
    assert_eq!(refusal(&newer), ("parse", "version-unsupported"));
    let mut timed = Token::new();
    timed.elements[0] = reported(0, &[claim(0, 1, &element(0x18, &[b"20270101000000Z"]))]);
    assert_eq!(timed.appraise().freshness(), Some("time"));
    timed.elements.remove(0);
    assert_eq!(timed.appraise().freshness(), Some("none"));
}

#[test]
fn numbers_are_bounded() {
    let mut token = Token::new();
    token.elements = vec![reported(9, &[claim(9, 9, &[5, 0])]); 200];
    token.elements.push(reported(2, &kept("one", &token.keys[0])));
    assert_eq!(token.appraise().format, None);
    let mut blocks = Token::new();
    let stranger = chain("Nobody", &[], None);
    blocks.further_blocks = vec![blocks.block(&stranger.leaf_key, &stranger.leaf, &blocks.tbs()); 8];
    assert_eq!(blocks.appraise().format, None);
}
