//! A reading of an item is made once, and belongs to that item alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use pkic_facts::verified::Evidence;
use std::sync::Arc;

struct Len(usize);
struct First(Option<u8>);

fn len(evidence: &Evidence) -> Len {
    Len(evidence.bytes().len())
}

fn first(evidence: &Evidence) -> First {
    // A reader may ask for another reading.
    First(evidence.bytes().get(evidence.reading(len).0 - 3).copied())
}

#[test]
fn a_reading_is_made_once_and_belongs_to_its_item() {
    let item = Evidence::new("item", &[b"abc"]).unwrap();
    assert_eq!(item.reading(first).0, Some(b'a'));
    let made = item.reading(len);
    assert!(Arc::ptr_eq(&made, &item.reading(len)), "the same one");
    let copy = item.clone();
    assert_eq!(copy, item);
    assert!(!Arc::ptr_eq(&made, &copy.reading(len)), "a copy begins anew");
    let inside = item.inside(&[b"abcde"]).unwrap();
    assert_eq!((inside.digest(), inside.reading(len).0), (item.digest(), 5), "what is inside is other bytes");
}
