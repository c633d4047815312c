//! Keys in any PKCS #11 module (OASIS PKCS #11 3.2), located by RFC 7512 URIs.
//!
//! The module's file is hashed before it is loaded, and stands in the record. What the module says of a key is its own
//! word: it becomes *observed* facts, and where such modules keep keys is a catalogue's to say. A session that is lost is
//! opened anew, once, and signs only if the token still shows the very public key that was opened. A PIN that was refused
//! is never tried again. Every call has a deadline.
//!
//! Start with [`Pkcs11Store::open`]. Nothing here checks a signature: that is the caller's, for every store.
mod failure;
mod generate;
mod key;
mod mechanism;
mod module;
mod object;
mod observed;
mod piv;
mod pool;
mod public;
mod store;
mod token;

pub use module::Modules;
pub use piv::piv;
pub use store::{Config, Pkcs11Store};
