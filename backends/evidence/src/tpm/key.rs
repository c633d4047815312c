//! What the attributes of a certified object say about its private key.
//!
//! Source: TPM 2.0 Library, Part 1, sections 25 and 23 (object attributes, duplication); Part 2, section 8.3.
use super::public::{ObjectAttributes, Public};
use pkic_facts::facts::Emission;
use pkic_facts::reject::Reject;
use pkic_vocab::words::Words;

/// What kind of certification the attributes stand in: it decides what `sensitiveDataOrigin` is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certification {
    /// The TPM made the object itself (`TPM_ST_ATTEST_CREATION`).
    Created,
    /// The object is loaded in the TPM (`TPM_ST_ATTEST_CERTIFY`).
    Loaded,
}

/// A key that a TPM certified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    spki: Vec<u8>,
    attributes: ObjectAttributes,
}

impl Key {
    /// Reads the public area of the certified object.
    ///
    /// # Errors
    /// Those of [`Public::read`].
    pub fn from_public_area(bytes: &[u8]) -> Result<Self, Reject> {
        let public = Public::read(bytes)?;
        Ok(Self { spki: public.spki(), attributes: public.attributes() })
    }

    /// Its subjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// How the private part came into the TPM, or nothing where the attributes do not tell.
    ///
    /// `sensitiveDataOrigin` of an object that may leave its TPM proves nothing once it is loaded: `TPM2_Import` takes objects made
    /// in software with the bit set. A fixed object cannot be imported, and of a created one the TPM itself says so.
    pub fn origin(&self, certification: Certification) -> Option<&'static str> {
        let is_held = self.attributes.fixed_tpm() && self.attributes.fixed_parent();
        match (self.attributes.sensitive_data_origin(), is_held || certification == Certification::Created) {
            (true, true) => Some("generated"),
            (true, false) => None,
            (false, _) => Some("imported"),
        }
    }

    /// In which form the private part may leave: never for an object fixed to its TPM and parent; else by duplication of itself or of a
    /// parent, which needs an inner wrapping key only where `encryptedDuplication` is set.
    pub fn export(&self) -> &'static str {
        if self.attributes.fixed_tpm() && self.attributes.fixed_parent() {
            "never"
        } else if self.attributes.encrypted_duplication() {
            "wrapped"
        } else {
            "plain"
        }
    }

    /// Says the facts about the key. What a person must do before it signs is unknown: an authorisation value may be empty, and a
    /// policy is a digest.
    pub fn emit(&self, certification: Certification, to: &mut Emission) {
        if let Some(origin) = self.origin(certification) {
            to.statement_word("key.origin", Words::Origin, origin);
        }
        to.statement_word("key.export", Words::Export, self.export());
    }
}
