//! Keys in Google Cloud KMS, over its REST interface, sent by `pkic-backend-rest`.
//!
//! A URI names a key *version*: a key's versions may lie in different places. What is observed is what the version's
//! resource says; of versions in Cloud HSM the module's own attestation comes out as evidence, which is appraised like
//! anybody's. Every answer is checked to be about the version that was asked for, by name and checksum.
//!
//! No real service was ever asked: the tests' service is written from the API's reference. Start with [`GcpKms`].
mod crc32c;
mod credentials;
mod facts;
mod key;
mod service;
mod store;

pub use store::{GcpKms, Settings};
