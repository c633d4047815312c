//! Real evidence against its expectation files.

use crate::support;

use pkic_facts::facts::Binding;
use pkic_vocab::Grade;
use support::{attested, cases};

/// Verdict, stage and code, binding, and exactly the attested facts.
#[test]
fn samples_yield_exactly_their_facts() {
    let mut failures = Vec::new();
    for case in cases() {
        let expect = &case.expectation.expect;
        let answer = case.appraise(&case.parts, case.request.as_deref());
        let reason = answer.verdict.reason();
        let found = (
            answer.verdict.name(),
            answer.verdict.stage().map(|stage| stage.name()),
            reason.map(|reject| reject.code()),
            answer.binding.map(|binding| match binding {
                Binding::RequestKey => "request-key",
                Binding::NoRequest => "no-request",
            }),
        );
        let expected = (
            expect.verdict.as_str(),
            expect.stage.as_deref(),
            expect.code.as_deref(),
            expect.binding.as_deref(),
        );
        let facts = attested(answer.facts.table());
        let is_refused = reason.is_some();
        assert!(!is_refused || facts.is_empty(), "{}: a refusal yields facts", case.name);
        if found != expected
            || facts != expect.facts
            || answer.format != Some(case.expectation.format.as_str())
        {
            let why = reason.map(ToString::to_string).unwrap_or_default();
            let facts: Vec<String> = facts
                .iter()
                .map(|(path, (basis, value))| format!("\"{path}\" = [\"{basis}\", \"{value}\"]"))
                .collect();
            let format = answer.format;
            failures.push(format!("{}: {format:?} {found:?} {why}\n{}", case.name, facts.join("\n")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The purpose of the anchor travels with every fact, and nothing is attested without one.
#[test]
fn every_attested_fact_hangs_on_the_anchor() {
    for case in cases() {
        let answer = case.appraise(&case.parts, case.request.as_deref());
        for (path, fact) in answer.facts.table().known().filter(|(_, fact)| fact.grade == Grade::Attested) {
            let anchor = answer.anchor().expect("an attested fact has an anchor");
            assert_eq!(fact.purpose, anchor.purpose, "{}: {}", case.name, path.fact.def().path);
            assert!(fact.source.is_some(), "{}: {}", case.name, path.fact.def().path);
        }
    }
}

/// Without anchors nothing is verified, whatever certificates the evidence carries.
#[test]
fn evidence_never_anchors_itself() {
    for case in cases() {
        let none = pkic_facts::anchors::AnchorSet::default();
        let (request, nonce) = (case.request.as_deref(), case.nonce.as_deref());
        let activation = case.activation.as_ref();
        let answer = support::appraise_with(&case.parts, request, &none, nonce, case.now, activation);
        assert_ne!(answer.verdict.name(), "verified", "{}", case.name);
        assert!(attested(answer.facts.table()).is_empty(), "{}", case.name);
    }
}
