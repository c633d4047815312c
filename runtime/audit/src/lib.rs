//! The transparency log: append, sign, prove, verify, read (design D15, D16).
//!
//! A log is a directory in the layout of C2SP tlog-tiles, with a checkpoint that an Ed25519 key signs, so that others'
//! tools read and verify it; `docs/audit.md` describes the files. [`Log`] writes, from many threads with one
//! synchronisation for all that wait; [`Reader`] needs the verifier key alone; [`Receipt`] proves one entry to whoever
//! has neither. Read `writer.rs` for what a crash leaves, and `log.rs` for who writes when.
//!
//! It keeps records and knows what is spent, seen and open of their headers. Which record is written when, what stands
//! in it and what follows from it is the runtime's. It has no clock, no randomness, no network and no policy: times and
//! seeds are handed in.
// A refusal carries both sides of its comparison, and is not on a path where its size counts.
#![allow(clippy::result_large_err)]

mod beside;
mod checkpoint;
#[cfg(test)]
mod crash;
mod disk;
mod entry;
mod error;
mod files;
mod index;
mod journal;
mod log;
mod note;
mod objects;
mod proof;
mod reader;
mod receipt;
mod tile;
mod tree;
mod verify;
mod witness;
mod writer;

pub use beside::{BESIDE_LEN_BYTES_MAX, Beside};
pub use checkpoint::{Checkpoint, Cosignature, SignedCheckpoint};
pub use entry::{
    Entry, KIND_LEN_BYTES_MAX, OBJECTS_MAX, Part, SEQUENCE_NAME_LEN_BYTES_MAX, SEQUENCES_MAX, SPENDS_MAX,
    Sequence, Spend,
};
pub use error::{EntryError, LogError, NoteError};
pub use index::View;
pub use log::{Log, Written};
pub use note::{KeyKind, NAME_LEN_BYTES_MAX, NOTE_LEN_BYTES_MAX, NoteKey, SIGNATURES_MAX, VerifierKey};
pub use objects::OBJECT_LEN_BYTES_MAX;
pub use proof::shows_consistency;
pub use reader::{Entries, Reader, Record};
pub use receipt::{RECEIPT_LEN_BYTES_MAX, Receipt};
pub use tile::ENTRY_LEN_BYTES_MAX;
pub use tree::leaf_hash;
pub use verify::Verified;
pub use witness::{Answer, Witness, WitnessError};
