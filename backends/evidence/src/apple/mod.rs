//! What Apple's attestation CAs certify: keys that the Secure Enclave of an Apple device made.
//!
//! Apple's servers check a device and issue a certificate for one of its keys. No field says where the key is: that it was made in the
//! Secure Enclave, and cannot leave it, is what these CAs exist for, and so a practice. Each purpose has a root of its own, which the
//! operator must list for its format alone.
//!
//! Source: Apple Platform Security, Secure Enclave and Managed Device Attestation.
use pkic_facts::certificate::Tbs;
use pkic_facts::crypto::Hash;
use pkic_facts::der;
use pkic_facts::facts::Emission;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::HashOf;
use pkic_vocab::words::Words;

pub mod app_attest;
pub mod mda;
pub mod webauthn;

/// The extension with a digest of what a registration covers: `SEQUENCE { [1] OCTET STRING }`.
const NONCE: &str = "1.2.840.113635.100.8.2";
/// `[1]` of that extension.
const NONCE_TAG: u32 = 0xa1;

/// The AAGUIDs of App Attest: production, development.
const APP_ATTEST_AAGUIDS: [&[u8; 16]; 2] = [b"appattest\0\0\0\0\0\0\0", b"appattestdevelop"];

fn is_of_app_attest(aaguid: &[u8]) -> bool {
    APP_ATTEST_AAGUIDS.iter().any(|known| aaguid == known.as_slice())
}

/// A certificate for the key of a registration.
#[derive(Clone, Debug)]
struct RegisteredKey {
    spki: Vec<u8>,
    nonce: Vec<u8>,
}

impl RegisteredKey {
    /// Reads a tbsCertificate.
    ///
    /// # Errors
    /// [`Reject::FieldMissing`] where there is no nonce; [`Reject::Malformed`]; those of [`check_end_entity`].
    fn read(tbs: &Tbs) -> Result<Self, Reject> {
        let what = "nonce extension";
        check_end_entity(tbs)?;
        let extension = tbs.extension(NONCE).ok_or(Reject::FieldMissing { field: what })?;
        let tagged = der::only(what, NONCE_TAG, der::only(what, der::SEQUENCE, &extension.value)?)?;
        let nonce = der::only(what, der::OCTET_STRING, tagged)?.to_vec();
        Ok(Self { spki: tbs.spki().to_vec(), nonce })
    }

    /// The nonce as a digest of authenticator data and client data hash.
    #[expect(clippy::unnecessary_wraps, reason = "the mint's signature")]
    fn nonce(&self) -> Result<HashOf, Reject> {
        let what = "authenticatorData and clientDataHash";
        Ok(HashOf { what, hash: Hash::Sha256, digest: self.nonce.clone() })
    }
}

/// # Errors
/// [`Reject::PropertyRefused`] where the certificate is an authority's.
fn check_end_entity(tbs: &Tbs) -> Result<(), Reject> {
    if tbs.is_authority() == Some(true) {
        return Err(Reject::PropertyRefused {
            field: "attestation certificate basicConstraints.cA",
            expected: Operand::Word("false"),
            found: Operand::Word("true"),
        });
    }
    Ok(())
}

/// Says where Apple's CAs certify keys to be.
fn emit_enclave(to: &mut Emission) {
    to.practice_word("key.storage", Words::Storage, "se.integrated");
    to.practice_word("key.origin", Words::Origin, "generated");
    to.practice_word("key.export", Words::Export, "never");
    to.practice_word("module.vendor", Words::Vendor, "apple");
}
