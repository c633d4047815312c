//! Evidence formats: bytes to attested facts.
//!
//! Start with [`appraise()`], then [`formats`], the table of everything that this build can read. A format is one file
//! and one line in that table: it finds its statement, reaches the signing key from an anchor, mints the statement
//! with `pkic-facts`, and says which facts it carries. It never compares keys or nonces itself: binding and freshness
//! are decided once, in `pkic_facts::facts`. Nothing here reads a file or a clock, and nothing knows a policy.
// A refusal carries both sides of its comparison, and is not on a path where its size counts.
#![allow(clippy::result_large_err)]

pub mod android_key;
pub mod apple;
pub mod appraise;
pub mod arm_cca;
pub mod aws_nitro;
pub mod azure_managed_hsm;
pub mod cmw;
pub mod container;
pub mod corim;
pub mod crypto4a_qasm;
pub mod ear;
pub mod eat;
pub mod fido_mds;
pub mod formats;
pub mod fortanix_dsm;
pub mod gsma_euicc;
pub mod ieee_8021ar;
pub mod lamps_csr_attestation;
pub mod luna_pkc;
pub mod marvell_liquidsecurity;
pub mod matter_dac;
pub mod microchip_tng;
pub mod nshield_kgc;
pub mod nxp_se05x;
pub mod open_dice;
pub mod optiga_trust_m;
pub mod pkix_key_attestation;
pub mod plugin;
pub mod psa_token;
pub mod securosys_primus;
pub mod spki;
pub mod tcg_dice;
pub mod tpm;
pub mod webauthn;
pub mod webauthn_android_key;
pub mod yubihsm2;
pub mod yubikey_piv;

mod carriage;
mod cbor;
mod cms;
mod cose;
mod dice;
mod enrolled;
mod jose;
mod pkcs11;
mod x509;

pub use appraise::{Appraisal, Input, Verdict, appraise};
