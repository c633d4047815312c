//! Exceptions of profiles that revoke and sign lists: each use is spent by the act that used it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod bench;
mod support;

use bench::Bench;
use pkic_audit::Reader;
use pkic_runtime::approvals::exception;
use pkic_runtime::ca::{Act, IssueError, Signed};
use pkic_runtime::trust::Trusted;
use support::ssh::People;

const POLICY: &str = r#"
declare group officers "Officers" {
    member alice "ALICE"
}

/// The registrar revokes.
profile revoking {
    role issuing-ca
    operations [revoke]
    issued-by [issuing]
    key.storage in any
    request.requester.id == "registrar"
}

/// The registrar has the list signed.
profile listing {
    role issuing-ca
    operations [crl-sign]
    issued-by [issuing]
    key.storage in any
    request.requester.id == "registrar"
    contents {
        validity <= 7d
    }
}

exception to-revoke for revoking {
    waives [request.requester.id]
    before 2027-04-01
    at-most 1
    approve 1 of officers
    reason "the registrar is away"
    key.storage in any
}

exception to-list for listing {
    waives [request.requester.id]
    before 2027-04-01
    at-most 1
    approve 1 of officers
    reason "the registrar is away"
    key.storage in any
}
"#;

#[test]
fn revoking_and_signing_a_list_spend_a_use_of_their_exception_each() {
    let people = People::new(&[("alice", "ed25519")]);
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    drop(ca);
    let ca = bench.open_with(&POLICY.replace("ALICE", &people.line("alice")), Trusted::default());
    let serials: Vec<String> = ["a.example", "b.example"]
        .iter()
        .map(|dns| bench.issue(&ca, &issuing, "bench.server", dns).unwrap())
        .map(|issued| bench::serial(&issued.certificate))
        .collect();
    let sign =
        |name: &str| people.sign("alice", exception::NAMESPACE, &exception::text(ca.loaded(), name).unwrap());
    let (to_revoke, to_list) = (sign("bench.to-revoke"), sign("bench.to-list"));
    let (to_revoke, to_list): ([&[u8]; 1], [&[u8]; 1]) = ([&to_revoke], [&to_list]);
    let exceptions: [(&str, &[&[u8]]); 1] = [("bench.to-revoke", &to_revoke)];
    let revoking = Act {
        signed: Signed { exceptions: &exceptions, ..Signed::default() },
        ..bench.act("bench.revoking")
    };
    let exceptions: [(&str, &[&[u8]]); 1] = [("bench.to-list", &to_list)];
    let listing =
        Act { signed: Signed { exceptions: &exceptions, ..Signed::default() }, ..bench.act("bench.listing") };
    let failing = |error: IssueError| match error {
        IssueError::Refused(refusal, _) => refusal.failing().to_vec(),
        other => panic!("{other}"),
    };
    let plain = ca.revoke(&issuing, &bench.act("bench.revoking"), &serials[0], None).unwrap_err();
    assert_eq!(failing(plain), ["request.requester.id"]);

    let revoked = ca.revoke(&issuing, &revoking, &serials[0], None).unwrap();
    let listed = ca.sign_list(&issuing, &listing).unwrap().receipt.index();
    ca.log().publish().unwrap();
    let reader = Reader::open(&bench.log_directory(), bench.log_key()).unwrap();
    let spent = |index| reader.entry(index).unwrap().entry.spends;
    assert_eq!((spent(revoked).len(), spent(listed).len()), (1, 1));

    let again = failing(ca.revoke(&issuing, &revoking, &serials[1], None).unwrap_err());
    assert_eq!(again, ["request.requester.id"], "one use was granted");
    let again = failing(ca.sign_list(&issuing, &listing).unwrap_err());
    assert_eq!(again, ["request.requester.id"]);
}
