//! Appraise, draft, decide, authorize: the embedding API.
//!
//! Two doors (design D2). [`decide::decide`] takes what a caller has and answers with a report; anybody may ask, and
//! nothing of the answer can sign. [`authorize::authorize`] takes facts that appraisal made and a draft that it
//! decides on itself, and alone makes a [`permit::Permit`], which owns the bytes to be signed and is spent once.
//! Every input is an argument: nothing here reads a clock or a random source, and no file but the log's.
//!
//! A program that is to issue starts with [`embed`], which names what it needs and the order of calls; one that is to
//! answer without signing, with [`decide::Request`]. A policy comes in as a [`bundle::Loaded`].
pub mod acts;
pub mod appraise;
pub mod approvals;
pub mod authority;
pub mod authorize;
pub mod bundle;
pub mod ca;
pub mod catalogues;
pub mod certificate;
pub mod challenge;
pub mod crl;
pub mod decide;
pub mod decode;
pub mod draft;
pub mod embed;
mod extension;
pub mod input;
pub mod issuer;
pub mod ledger;
pub mod lint;
mod name;
pub mod permit;
mod possession;
pub mod record;
pub mod report;
pub mod sealed;
mod signature;
pub mod statements;
pub mod transparency;
pub mod trust;
pub mod unfit;
pub mod wishes;
