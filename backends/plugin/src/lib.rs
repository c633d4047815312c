//! Evidence formats as sandboxed WebAssembly: a module reads facts in a payload that pkic has verified.
//!
//! Start with [`Module::load`]. A module has no imports: no clock, no random source, no file, no network. It gets the
//! payload and a bounded number of steps, and answers with facts, which `pkic_facts::facts` holds to what a sandboxed
//! format may say. Each payload is decoded in an instance of its own, so that nothing is carried from one to the next.
//! Which modules count, the policy says; opening envelopes, keys, nonces and anchors are the business of `pkic-evidence`.
//! Nothing here reads a file. `docs/plugins.md` has the interface and the limits.
// A refusal carries both sides of its comparison, and is not on a path where its size counts.
#![allow(clippy::result_large_err)]

mod answer;
mod description;
mod error;
mod limits;
mod module;
mod sandbox;

pub use error::LoadError;
pub use limits::{Limits, MODULE_LEN_BYTES_MAX, PAYLOAD_LEN_BYTES_MAX};
pub use module::Module;
