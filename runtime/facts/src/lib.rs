//! The mint: the one place where a claim can become a verified fact.
//!
//! Read [`verified`] first: it says what a [`verified::Verified`] is and why nothing else makes one. [`path`] reaches
//! keys from [`anchors`] and holds them against the lists of [`revocation`], [`facts`] turns verified statements into
//! graded facts, [`catalogue`] says what is known of the modules that they identify, [`statement`] what people state,
//! [`request`] reads what is asked for, [`challenge`] makes the nonces that evidence answers, and [`envelope`] opens
//! signed artefacts. It imports `pkic-vocab` alone, and its cryptography is aws-lc-rs, but for DSA and LMS.
//! It reads no file, clock or network, keeps no global state, and knows no evidence format: those are `pkic-evidence`.
// A refusal carries both sides of its comparison, and is not on a path where its size counts.
#![allow(clippy::result_large_err)]

pub mod anchors;
pub mod catalogue;
pub mod certificate;
pub mod challenge;
pub mod crypto;
pub mod der;
pub mod envelope;
pub mod facts;
pub mod json;
pub mod path;
pub mod pem;
pub mod reject;
pub mod request;
pub mod revocation;
pub mod statement;
pub mod verified;
