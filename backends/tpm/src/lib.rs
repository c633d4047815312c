//! Keys in a TPM 2.0, through the TPM Software Stack.
//!
//! A key lies in a file that its TPM alone can open (`tpmkms:name=…`, the form that OpenSSL's TPM providers share), or
//! inside the TPM at a persistent handle (`tpm2:handle=0x81…`). The TPM tells of a key what it would also certify:
//! whether it was made there and whether it may leave. What it tells of itself is its own word, so that a maker's name
//! only ever lowers where the key is: software that says so is `tpm.virtual`, and all others are in *a* TPM.
//!
//! An attestation key certifies the others with the caller's nonce; who vouches for it is the operator's to say. Nothing
//! here appraises what it makes, and nothing makes a credential: that is the registrar's half (`pkic-evidence`).
//!
//! Start with `TpmStore`. The TPM Software Stack logs to standard error unless `TSS2_LOG=all+NONE` is in the
//! environment; a library must not set that. Without the feature `tss` this crate is empty, and needs no libtss2.
#[cfg(feature = "tss")]
mod attest;
#[cfg(feature = "tss")]
mod device;
#[cfg(feature = "tss")]
mod endorsement;
#[cfg(feature = "tss")]
mod error;
#[cfg(feature = "tss")]
mod file;
#[cfg(feature = "tss")]
mod key;
#[cfg(feature = "tss")]
mod object;
#[cfg(feature = "tss")]
mod observed;
#[cfg(feature = "tss")]
mod store;
#[cfg(feature = "tss")]
mod template;

#[cfg(feature = "tss")]
pub use attest::Vouching;
#[cfg(feature = "tss")]
pub use store::{Config, TpmStore};
