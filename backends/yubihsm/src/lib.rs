//! Keys in a YubiHSM 2, through Yubico's connector over HTTP.
//!
//! A session is authenticated and encrypted from here to the device, so that the connector between sees nothing. Keys
//! are asymmetric objects, `yubihsm:object-id=0x0064`; that `serial` is the device's is checked where a URI has it.
//! The device tells of a key how it came there and whether it may leave under a wrapping key, and certifies the same.
//!
//! RSA keys are not used: the client library's PKCS#1 is, in its own words, untested, and its PSS signs another digest
//! than that of the message. Nothing here was tried on hardware, only on the simulator of the client's own authors, which
//! makes P-256 and Ed25519 keys and attests to nothing.
//!
//! Start with `YubiHsmStore`. Without the feature `client` this crate is empty.
#[cfg(feature = "client")]
mod key;
#[cfg(feature = "client")]
mod store;

#[cfg(feature = "client")]
pub use store::{Config, YubiHsmStore};
