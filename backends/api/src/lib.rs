//! What every key store is to pkic: two small traits, key URIs, secrets, and the suite that each store passes.
//!
//! A store finds keys, tells what its own interface says of them, and signs. It never sees a policy, and whatever it
//! says of a key is *observed*: it means no more than the operator's own machine. Evidence that a device makes of its
//! keys comes out as bytes, which are appraised like anybody's.
//!
//! Start with [`store::KeyStore`] and [`store::Signer`]. A new store implements those two and runs [`suite`].
pub mod error;
pub mod file;
pub mod guard;
pub mod observed;
pub mod secret;
pub mod store;
pub mod suite;
pub mod uri;
