//! The trail of a verified value: what was checked on the way from an anchor to it, for whoever wants to follow.
//!
//! A step is kept where the check is made: by a path, by the mint, by a preimage, by an activation. Nobody else makes
//! one, so that a trail never tells of a check that was not made. Names and digests are computed when they are asked
//! for, since most appraisals are never looked at. A trail decides nothing.
use crate::anchors::AnchorRef;
use crate::certificate::{Certificate, Tbs};
use crate::crypto::{Hash, Scheme, Sha256Digest};
use std::sync::Arc;

/// What [`Signed::what`] says of a certificate.
pub const TBS_CERTIFICATE: &str = "tbsCertificate";

/// One check that a verified value rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Certificates lead from an anchor to a key.
    Path(Arc<Chain>),
    /// The operator enrolled the key itself.
    Enrolled(Arc<AnchorRef>),
    /// A TPM answered the registrar's credential: the attestation key with that Name is beside the endorsement key.
    Activated(Arc<[u8]>),
    /// A key that was trusted by then signed bytes.
    Signed(Signed),
    /// The digest of bytes stands in bytes that were good by then.
    Hashed(Hashed),
}

/// The certificates of a verified path, and the anchor that they hang on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub(crate) leaf: Certificate,
    pub(crate) issuers: Vec<Certificate>,
    pub(crate) anchor: AnchorRef,
}

impl Chain {
    /// The certificates, the one whose key is reached first.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.leaf).chain(&self.issuers)
    }

    /// The anchor, whose key signed the last of them.
    pub fn anchor(&self) -> &AnchorRef {
        &self.anchor
    }
}

/// Bytes that a key signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    what: &'static str,
    scheme: Scheme,
    signer: Sha256Digest,
    message: Arc<[u8]>,
}

impl Signed {
    pub(super) fn new(what: &'static str, scheme: Scheme, spki: &[u8], message: &[u8]) -> Signed {
        Signed { what, scheme, signer: Sha256Digest::of(spki), message: message.into() }
    }

    /// What the bytes are, in the word of the standard.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// The algorithm of the signature.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// SHA-256 of the subjectPublicKeyInfo of the key that signed.
    pub fn signer(&self) -> Sha256Digest {
        self.signer
    }

    /// How many bytes were signed.
    pub fn len_bytes(&self) -> usize {
        self.message.len()
    }

    /// SHA-256 of the bytes that were signed.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.message)
    }

    /// The certificate that was signed, where it was one: its names and its key.
    pub fn certificate(&self) -> Option<Tbs> {
        (self.what == TBS_CERTIFICATE).then(|| Tbs::from_der(&self.message).ok())?
    }
}

/// Bytes whose digest stands in verified ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashed {
    what: &'static str,
    hash: Hash,
    bytes: Arc<[u8]>,
}

impl Hashed {
    pub(super) fn new(what: &'static str, hash: Hash, bytes: &[u8]) -> Hashed {
        Hashed { what, hash, bytes: bytes.into() }
    }

    /// What was hashed, in the word of the standard.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// The hash function of the statement.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// How many bytes were hashed.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// SHA-256 of the bytes, whatever the statement's hash function.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.bytes)
    }
}
