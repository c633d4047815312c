//! Keys in Azure Key Vault and Managed HSM, over their REST interface, sent by `pkic-backend-rest`.
//!
//! A key without a version is pinned to its current one when it is opened: a new version is another key. What is observed
//! is the key type; of keys in a Managed HSM the pool's attestation comes out as evidence, which is appraised like
//! anybody's. The service signs digests, and every answer is checked to be about the version that was asked for.
//!
//! No real service was ever asked: the tests' service is written from the API's reference. Start with [`AzureKeyVault`].
mod credentials;
mod facts;
mod key;
mod service;
mod store;

pub use store::{AzureKeyVault, Settings};
