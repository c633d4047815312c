//! Key attestation by a TPM 2.0.
//!
//! [`certify`] appraises `TPM2_Certify` and `TPM2_CertifyCreation` in pkic's own container, [`webauthn_tpm`] the WebAuthn statement
//! `tpm`, [`csr_attestation`] the statement inside a request. All read [`structures`] and [`public`], end at the key facts of [`key`], and know the device by its [`ek`] or attestation key
//! certificate. [`activation`] is the registrar's half of credential activation. Start with [`certify`].
//!
//! Not here: which kind of TPM a model is, and what is known against it. Both come from catalogues, by vendor, model and firmware.
pub mod activation;
pub mod certify;
pub(crate) mod csr_attestation;
pub mod ek;
pub mod key;
pub mod public;
pub mod structures;
pub mod webauthn_tpm;
mod wire;
