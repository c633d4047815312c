//! Whatever bytes a reader is given, it answers, and takes one spelling alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(missing_docs, unreachable_pub, dead_code)]

mod support;

use pkic_audit::{Entry, KeyKind, NoteError, NoteKey, Part, Receipt, SignedCheckpoint, VerifierKey};
use proptest::prelude::*;
use std::sync::LazyLock;
use support::{Dir, key, log_of, numbered, spending, verifier, witness};

static RECEIPT: LazyLock<(String, Vec<u8>)> = LazyLock::new(|| {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 20);
    let receipt = log.receipt(11).unwrap().encode();
    (receipt, log.reader().unwrap().entry(11).unwrap().bytes)
});

fn sample() -> Entry {
    let mut entry = spending(3, b"a", Some(5));
    entry.spends.extend(spending(3, b"b", None).spends);
    entry.sequences = numbered(3, "bundle acme", 9).sequences;
    entry.objects = vec![pkic_facts::crypto::Sha256Digest::of(b"object")];
    entry
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Receipt::decode(&bytes);
        let _ = SignedCheckpoint::parse(&bytes);
        if let Ok(entry) = Entry::decode(&bytes) {
            prop_assert_eq!(entry.encode().unwrap(), bytes.clone());
        }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = (VerifierKey::parse(text), NoteKey::parse(text));
        }
    }

    #[test]
    fn a_changed_receipt_proves_nothing(at in any::<prop::sample::Index>(), bit in 0u32..8, cut in any::<bool>()) {
        let (text, entry) = &*RECEIPT;
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        if let Ok(receipt) = Receipt::decode(&bytes) {
            prop_assert!(receipt.verify(entry, &verifier()).is_err());
        }
    }

    #[test]
    fn a_changed_entry_reads_as_itself_or_not_at_all(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        for part in [Part::Whole, Part::Opens, Part::Closes(1)] {
            let mut bytes = Entry { part, ..sample() }.encode().unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(entry) = Entry::decode(&bytes) {
                prop_assert_eq!(entry.encode().unwrap(), bytes);
            }
            let whole = Entry { part, ..sample() }.encode().unwrap();
            prop_assert!(Entry::decode(&whole[..at]).is_err());
        }
    }
}

#[test]
fn keys_have_one_text() {
    for key in [key(), witness("w.example", 4)] {
        let (private, public) = (key.private_text(), key.verifier().to_string());
        assert_eq!(NoteKey::parse(&private).unwrap().verifier(), key.verifier());
        assert_eq!(VerifierKey::parse(&public).unwrap(), *key.verifier());
        assert_eq!(VerifierKey::parse(&public.replace("example", "exampl3")), Err(NoteError::Key));
        assert!(!format!("{key:?}").contains(&private));
    }
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb", &"a".repeat(256)] {
        assert_eq!(NoteKey::from_seed(name, KeyKind::Log, &[1; 32]).unwrap_err(), NoteError::Name, "{name}");
    }
}

/// The key pair of the documentation of Go's `sumdb/note`.
#[test]
fn a_published_key_pair_reads() {
    let key =
        VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
    assert_eq!(key.name(), "PeterNeumann");
    let private = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    assert_eq!(*NoteKey::parse(private).unwrap().verifier(), key);
}

#[test]
fn a_checkpoint_has_one_spelling() {
    let dir = Dir::new();
    let log = log_of(&dir.log(), 5);
    let note = log.publish().unwrap().encode();
    SignedCheckpoint::parse(note.as_bytes()).unwrap().verify(&verifier()).unwrap();
    for (from, to) in
        [("\n5\n", "\n05\n"), ("\n5\n", "\n+5\n"), ("\n5\n", "\n5\r\n"), ("audit\n5", "audi\n5")]
    {
        let other = note.replace(from, to);
        assert_ne!(other, note);
        let refused = SignedCheckpoint::parse(other.as_bytes()).and_then(|note| note.verify(&verifier()));
        assert!(matches!(refused, Err(NoteError::Signature { .. } | NoteError::Malformed)), "{refused:?}");
    }
    let doubled = format!("{note}{}", note.lines().last().unwrap());
    assert_eq!(SignedCheckpoint::parse(doubled.as_bytes()), Err(NoteError::Malformed), "no last line feed");
    let many = format!("{note}{}", format!("{}\n", note.lines().last().unwrap()).repeat(64));
    assert_eq!(SignedCheckpoint::parse(many.as_bytes()), Err(NoteError::TooLong));
}
