//! Appraises, and says what came of it: for the tests of pkic's own formats and of those in a sandbox.
use pkic_evidence::{Appraisal, Input, appraise};
use pkic_facts::anchors::AnchorSet;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_facts::verified::activation::Activation;
use pkic_vocab::{FactTable, Grade};
use std::collections::BTreeMap;

/// Appraises; a request that does not read is no request.
pub fn appraise_with(
    parts: &[Vec<u8>],
    request: Option<&[u8]>,
    anchors: &AnchorSet,
    nonce: Option<&[u8]>,
    now: i64,
    activation: Option<&Activation>,
) -> Appraisal {
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let evidence = Evidence::new("sample", &parts).unwrap();
    let request = request.and_then(|bytes| CertificationRequest::from_bytes(bytes).ok());
    appraise(&Input { evidence: &evidence, request: request.as_ref(), anchors, now, nonce, activation })
}

/// Stage and code of the refusal, after checking that it yields no facts.
pub fn stage_and_code(answer: &Appraisal) -> (&'static str, &'static str) {
    assert!(attested(answer.facts.table()).is_empty(), "a refusal yields facts");
    let reject = answer.verdict.reason().expect("it was verified");
    (reject.stage().name(), reject.code())
}

/// The values of a verified item's facts above `claimed`.
pub fn verified_facts(answer: &Appraisal) -> BTreeMap<String, String> {
    assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
    attested(answer.facts.table()).into_iter().map(|(path, (_, value))| (path, value)).collect()
}

/// One of them.
pub fn verified_fact(answer: &Appraisal, path: &str) -> Option<String> {
    verified_facts(answer).remove(path)
}

/// Every fact above `claimed`, as path to `[basis, value]`.
pub fn graded(table: &FactTable) -> BTreeMap<String, (String, String)> {
    let shown = |basis: pkic_vocab::BasisSet| basis.names().collect::<Vec<_>>().join("+");
    let known = table.known().filter(|(_, fact)| fact.grade > Grade::Claimed);
    known
        .map(|(path, fact)| {
            (path.fact.def().path.to_owned(), (shown(fact.basis), fact.value.to_string().replace('"', "")))
        })
        .collect()
}

/// The facts that the evidence attests, without what the request proves of itself.
pub fn attested(table: &FactTable) -> BTreeMap<String, (String, String)> {
    let mut facts = graded(table);
    facts.retain(|path, _| !path.starts_with("request."));
    facts
}
