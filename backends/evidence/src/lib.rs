//! Evidence formats: bytes to attested facts.
//!
//! Start with [`appraise()`], then [`formats`], the table of everything that this build can read. A format is one file
//! and one line in that table: it finds its statement, reaches the signing key from an anchor, mints the statement
//! with `pkic-facts`, and says which facts it carries. It never compares keys or nonces itself: binding and freshness
//! are decided once, in `pkic_facts::facts`. Nothing here reads a file or a clock, and nothing knows a policy.
// A refusal carries both sides of its comparison, and is not on a path where its size counts.
#![allow(clippy::result_large_err)]

pub mod appraise;
pub mod arm_cca;
pub mod cmw;
pub mod container;
pub mod corim;
pub mod eat;
pub mod formats;
pub mod lamps_csr_attestation;
pub mod pkix_key_attestation;
pub mod psa_token;
pub mod spki;
pub mod tpm;
pub mod yubikey_piv;

mod carriage;
mod cbor;
mod cose;
mod webauthn;

pub use appraise::{Appraisal, Input, Verdict, appraise};
