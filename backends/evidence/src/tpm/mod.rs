//! Key attestation by a TPM 2.0.
//!
//! [`certify`] appraises `TPM2_Certify` and `TPM2_CertifyCreation`, [`quote`] `TPM2_Quote`, all with the parts that [`members`] has, [`webauthn_tpm`] the WebAuthn statement
//! `tpm`, `csr_attestation` the statement inside a request, [`parsec`] Parsec's pair of key and platform, [`certificate`] the certificate of a TPM's key alone. All read [`structures`] and [`public`], end at the key facts of [`key`], and know the device by its [`ek`] or attestation key
//! certificate. [`activation`] is the registrar's half of credential activation. Start with [`certify`].
//!
//! Not here: which kind of TPM a model is, and what is known against it. Both come from catalogues, by vendor, model and firmware.
pub mod activation;
pub mod certificate;
pub mod certify;
pub(crate) mod csr_attestation;
pub mod ek;
mod files;
pub mod key;
pub mod members;
pub mod parsec;
pub mod public;
pub mod quote;
pub mod structures;
pub mod webauthn_tpm;
pub(crate) mod wire;
