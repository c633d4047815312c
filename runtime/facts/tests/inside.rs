//! An item that another carries inside goes by the digest of the whole.
#![allow(clippy::unwrap_used, missing_docs)]

use pkic_facts::reject::Reject;
use pkic_facts::verified::Evidence;
use pkic_vocab::limits;

#[test]
fn an_inner_item_keeps_name_and_digest_of_the_whole() {
    let whole = Evidence::new("request.csr", &[b"a request with a statement inside"]).unwrap();
    let inner = whole.inside(&[b"a statement", b"a certificate"]).unwrap();
    assert_eq!((inner.name(), inner.digest()), (whole.name(), whole.digest()));
    assert_eq!(inner.bytes(), b"a statement");
    assert_ne!(inner.digest(), Evidence::new("x", &[b"a statement", b"a certificate"]).unwrap().digest());
    let many = vec![&b""[..]; limits::EVIDENCE_ITEMS_MAX + 1];
    assert!(matches!(whole.inside(&many), Err(Reject::TooLarge { .. })));
}
