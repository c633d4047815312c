//! Keys in PKCS#8 files (RFC 5958): the store that protects nothing, and says so.
//!
//! A key file is PEM or DER, plain or encrypted (PBES2, RFC 8018), and refused where others than its owner may use it.
//! What is observed of such a key is that it lies in a file and that whoever reads the file has it.
mod key;
mod store;

pub use store::SoftwareStore;
