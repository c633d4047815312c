//! The traits: a store finds and lists keys, a signer signs with one of them. What only some devices can do has a trait
//! of its own, which the others do not offer.
use crate::error::StoreError;
use crate::observed::Observed;
use crate::uri::KeyUri;
use pkic_facts::crypto::{KeyKind, Scheme, Sha256Digest};
use std::sync::Arc;

/// A place where keys live, opened and ready.
pub trait KeyStore: Send + Sync {
    /// What it is, for the record.
    fn identity(&self) -> Identity;

    /// The signing keys that it shows to us.
    ///
    /// # Errors
    /// [`StoreError`]; never a part of the list.
    fn list(&self) -> Result<Vec<Listed>, StoreError>;

    /// The one key that a URI locates.
    ///
    /// # Errors
    /// [`StoreError`], of the problem `KeyUnknown` or `KeyAmbiguous` where it is not exactly one.
    fn signer(&self, uri: &KeyUri) -> Result<Arc<dyn Signer>, StoreError>;

    /// The side that makes keys, where the store has one.
    fn generator(&self) -> Option<&dyn Generator> {
        None
    }
}

/// One private key in a store.
pub trait Signer: Send + Sync {
    /// The URI of this very key.
    fn uri(&self) -> &KeyUri;

    /// Its subjectPublicKeyInfo in DER, asked of the store now.
    ///
    /// # Errors
    /// [`StoreError`].
    fn spki(&self) -> Result<Vec<u8>, StoreError>;

    /// The schemes that it signs with, asked of the store now.
    ///
    /// # Errors
    /// [`StoreError`].
    fn schemes(&self) -> Result<Vec<Scheme>, StoreError>;

    /// What the store's interface says of the key and of the module that holds it, asked now.
    ///
    /// # Errors
    /// [`StoreError`].
    fn observed(&self) -> Result<Observed, StoreError>;

    /// Signs a message, hashing it first where the scheme does. The signature is in the form that X.509 carries: ECDSA
    /// as DER of r and s. That it verifies is the caller's to check.
    ///
    /// # Errors
    /// [`StoreError`]; of the problem `Unsupported` for a scheme that is not the key's.
    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, StoreError>;

    /// The side that attests to the key, where the device has one.
    fn attester(&self) -> Option<&dyn Attester> {
        None
    }
}

/// A device that makes evidence of its own key.
pub trait Attester: Send + Sync {
    /// Evidence about the key as bytes of a format that pkic appraises, answering the nonce where the format can.
    ///
    /// # Errors
    /// [`StoreError`].
    fn evidence(&self, nonce: &[u8]) -> Result<Vec<u8>, StoreError>;
}

/// A store that makes keys.
pub trait Generator: Send + Sync {
    /// Makes a key inside the store: not exportable, and for signing alone, as far as the store has such bits.
    ///
    /// # Errors
    /// [`StoreError`]; of the problem `Unsupported` for a kind of key that the store does not make.
    fn generate(&self, key: &NewKey) -> Result<KeyUri, StoreError>;
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its name in the store: a label, an alias or a file name, as the store has it.
    pub label: String,
    /// Its kind.
    pub kind: KeyKind,
    /// Bits of an RSA modulus; of other kinds nothing.
    pub bits: Option<u16>,
}

/// What a store is: what the record keeps beside what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The kind of store: `software`, `pkcs11`, `tpm`, `aws-kms` and the like.
    pub kind: &'static str,
    /// Its name for people: a token's label, an account with region, a directory.
    pub name: String,
    /// The program through which it is reached, where it is a file of this machine.
    pub module: Option<ModuleFile>,
    /// Whether its back end was ever run against the real thing, or an emulator that others wrote.
    pub is_tried: bool,
}

/// A library that talks to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFile {
    /// Its path.
    pub path: String,
    /// SHA-256 of its octets when it was loaded.
    pub digest: Sha256Digest,
}

/// A key of a store's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its URI in canonical form.
    pub uri: KeyUri,
    /// Its subjectPublicKeyInfo in DER, where the store has the public half at hand.
    pub spki: Option<Vec<u8>>,
}

/// The schemes that pkic signs with a key of that kind, the first its choice for certificates. Sources: RFC 4055,
/// RFC 5758, RFC 8410, RFC 9881.
pub fn schemes_of(kind: KeyKind) -> &'static [Scheme] {
    use pkic_facts::crypto::Hash::{Sha256, Sha384, Sha512};
    match kind {
        KeyKind::Rsa => &[
            Scheme::RsaPkcs1(Sha256),
            Scheme::RsaPkcs1(Sha384),
            Scheme::RsaPkcs1(Sha512),
            Scheme::RsaPss(Sha256),
            Scheme::RsaPss(Sha384),
            Scheme::RsaPss(Sha512),
        ],
        KeyKind::P256 => &[Scheme::Ecdsa(Sha256)],
        KeyKind::P384 => &[Scheme::Ecdsa(Sha384)],
        KeyKind::P521 => &[Scheme::Ecdsa(Sha512)],
        KeyKind::Ed25519 => &[Scheme::Ed25519],
        KeyKind::MlDsa44 => &[Scheme::MlDsa44],
        KeyKind::MlDsa65 => &[Scheme::MlDsa65],
        KeyKind::MlDsa87 => &[Scheme::MlDsa87],
        KeyKind::Dsa | KeyKind::HssLms => &[],
    }
}
