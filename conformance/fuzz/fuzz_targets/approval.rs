//! Approvals: a text that reads has one spelling, and no bytes are a signature of somebody where nobody has a key.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pkic_facts::crypto::Sha256Digest;
use pkic_runtime::approvals::{ApprovalId, ApprovalRequest, Asked, check};
use pkic_runtime::bundle::Loaded;
use pkic_vocab::Words;
use std::sync::OnceLock;

fn policy() -> &'static (Loaded, ApprovalRequest) {
    static POLICY: OnceLock<(Loaded, ApprovalRequest)> = OnceLock::new();
    POLICY.get_or_init(|| {
        let loaded = Loaded::unsigned(pkic_ir::Program::default()).expect("an empty program is one");
        let digest = Sha256Digest([1; 32]);
        let asked = Asked {
            operation: Words::Operation.word("issue").expect("a word of the vocabulary"),
            authority: "ca".to_owned(),
            profile: "tls".to_owned(),
            requester: "unit".to_owned(),
            request: digest,
            evidence: vec![digest],
            program: loaded.digest(),
        };
        let request = ApprovalRequest::new(ApprovalId([1; 16]), asked, 86_400).expect("plain names");
        (loaded, request)
    })
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = ApprovalRequest::from_text("fuzz", bytes) {
        assert_eq!(request.text().as_bytes(), bytes, "a text has one spelling");
    }
    let (loaded, request) = policy();
    let found = check(loaded, request.asked(), request, &[bytes], 0).expect("the request is what is asked");
    assert!(found.approvals.is_empty(), "an approval of nobody");
});
