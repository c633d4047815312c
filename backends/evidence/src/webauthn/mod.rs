//! What every WebAuthn attestation statement has around it: attestation object, authenticator data, client data.
//!
//! An item has two parts, in either order: the attestation object (CBOR) and the client data (JSON). The challenge in the client data
//! is the nonce. The relying party id and the origin are not looked at: the key is certified for us, and the nonce says that it
//! was made for us.
//!
//! An item of one part is the answer to the ACME challenge `device-attest-01`: the attestation object alone (`attObj`, decoded), in which
//! the key authorization stands for authenticator data and client data hash. What is signed then names no credential key, so that
//! only those statements prove anything there that say the key themselves: `tpm`, `apple` and `step`.
//!
//! What an authenticator makes for WebAuthn signs assertions, which begin with a digest, and so no certification request. Such a
//! key is bound to a request only where its device lets it sign other things too, as Windows does.
//!
//! Source: W3C Web Authentication Level 3, section 6.5 (attestation object, attested credential data), 5.8.1 (client data);
//! draft-ietf-acme-device-attest, section 5.
use crate::appraise::Input;
use crate::{cbor, cose};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Hash, Sha256Digest};
use pkic_facts::path::{PathInput, PathProfile, VerifiedPath, verify_path};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{Evidence, HashOf, Verified, join};
use std::sync::Arc;

pub mod packed;
pub mod u2f;

mod leaf;

/// Certificates in `x5c`: Windows sends two, Apple two, Android four.
const CHAIN_LEN_MAX: usize = 10;
/// Bytes of an attestation object: the largest sample, with Apple's receipt, has 5 kB, and chains of ML-DSA-87 stay below 48 kB.
const OBJECT_LEN_BYTES_MAX: usize = 64 << 10;
/// Bytes of a client data hash: always SHA-256.
const CLIENT_DATA_HASH_LEN: usize = 32;

/// An attestation object with the client data beside it, taken apart as far as needs no trust.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    reading: Arc<Reading>,
    client_data: Option<&'a [u8]>,
}

impl<'a> Object<'a> {
    /// The attestation object of an item of one part, or of two, whose other part is the client data.
    fn read(input: &Input<'a>) -> Option<Self> {
        let reading = input.evidence.reading(Reading::read);
        let (at, _) = reading.0.as_ref()?;
        let mut others = input.evidence.parts().iter().enumerate().filter(|(index, _)| index != at);
        let client_data = others.next().map(|(_, part)| part.as_slice());
        Some(Self { reading, client_data })
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.reading.0.as_ref().and_then(|(_, object)| cbor::field(object, name))
    }

    /// Whether the item is an attestation object of that `fmt`, with client data or without.
    pub(crate) fn is_of(input: &Input<'_>, fmt: &str) -> bool {
        let found = input.evidence.reading(Reading::read);
        let object = found.0.as_ref().map(|(_, object)| object);
        object.and_then(|object| cbor::field(object, "fmt")).and_then(Value::as_text) == Some(fmt)
    }

    /// Whether it is one with client data, as WebAuthn has it.
    pub(crate) fn is_registration(input: &Input<'_>, fmt: &str) -> bool {
        input.evidence.parts().len() == 2 && Object::is_of(input, fmt)
    }

    /// Whether it is one alone, as the ACME challenge `device-attest-01` has it: `attObj`, decoded.
    pub(crate) fn is_challenge_response(input: &Input<'_>, fmt: &str) -> bool {
        input.evidence.parts().len() == 1 && Object::is_of(input, fmt)
    }

    /// The attestation object of that `fmt`.
    ///
    /// # Errors
    /// [`Reject::FieldMissing`] where there is none; [`Reject::FieldMismatch`] where `fmt` is another.
    pub(crate) fn find(input: &Input<'a>, fmt: &'static str) -> Result<Self, Reject> {
        let object = Object::read(input).ok_or(Reject::FieldMissing { field: "attestationObject" })?;
        match object.field("fmt").and_then(Value::as_text) {
            Some(found) if found == fmt => Ok(object),
            found => {
                let (expected, found) = (Operand::Word(fmt), found.map_or(Operand::Absent, Operand::text));
                Err(Reject::FieldMismatch { field: "fmt", expected, found })
            }
        }
    }

    /// `attStmt`.
    ///
    /// # Errors
    /// [`Reject::FieldMissing`].
    pub(crate) fn statement(&self) -> Result<&Value, Reject> {
        self.field("attStmt").ok_or(Reject::FieldMissing { field: "attStmt" })
    }

    /// `authData`.
    ///
    /// # Errors
    /// [`Reject::FieldMissing`].
    pub(crate) fn auth_data(&self) -> Result<&[u8], Reject> {
        let found = self.field("authData").and_then(Value::as_bytes);
        found.map(Vec::as_slice).ok_or(Reject::FieldMissing { field: "authData" })
    }

    /// Whether there is client data: without it, the object can only answer a challenge of ACME.
    pub(crate) fn has_client_data(&self) -> bool {
        self.client_data.is_some()
    }

    /// The client data.
    ///
    /// # Errors
    /// [`Reject::FieldMissing`].
    pub(crate) fn client_data(&self) -> Result<&'a [u8], Reject> {
        self.client_data.ok_or(Reject::FieldMissing { field: "clientDataJSON" })
    }

    /// What an attestation covers: the authenticator data and the hash of the client data.
    ///
    /// # Errors
    /// [`Reject::FieldMissing`].
    pub(crate) fn to_be_signed(&self) -> Result<Vec<u8>, Reject> {
        Ok([self.auth_data()?, &Sha256Digest::of(self.client_data()?).0].concat())
    }
}

/// Which part of an item is an attestation object, and what it is.
#[derive(Debug)]
struct Reading(Option<(usize, Value)>);

impl Reading {
    fn read(evidence: &Evidence) -> Self {
        let parts = evidence.parts();
        let is_one_or_two = (1..=2).contains(&parts.len());
        let mut found = parts.iter().enumerate().filter(|_| is_one_or_two);
        Self(found.find_map(|(at, part)| Some((at, read_object(part)?))))
    }
}

/// A map with a `fmt`. The largest size is compared first, and what does not begin as a map is not read at all.
fn read_object(bytes: &[u8]) -> Option<Value> {
    let is_map = bytes.first().is_some_and(|first| first >> 5 == 5);
    let object =
        cbor::read("attestationObject", (is_map && bytes.len() <= OBJECT_LEN_BYTES_MAX).then_some(bytes)?);
    object.ok().filter(|object| cbor::field(object, "fmt").is_some_and(Value::is_text))
}

/// `alg` of an attestation statement.
///
/// # Errors
/// [`Reject::FieldMissing`].
pub(crate) fn algorithm(statement: &Value) -> Result<i128, Reject> {
    let alg = cbor::field(statement, "alg").and_then(Value::as_integer);
    alg.map(i128::from).ok_or(Reject::FieldMissing { field: "alg" })
}

/// The certificates of `x5c`, the attestation key's first; empty where there is no such member.
///
/// # Errors
/// [`Reject::Malformed`], [`Reject::TooLarge`].
pub(crate) fn chain(statement: &Value) -> Result<Vec<Certificate>, Reject> {
    let malformed = || Reject::Malformed { what: "x5c" };
    let Some(chain) = cbor::field(statement, "x5c") else { return Ok(Vec::new()) };
    let chain = chain.as_array().ok_or_else(malformed)?;
    if chain.len() > CHAIN_LEN_MAX {
        return Err(Reject::TooLarge { what: "x5c", size: chain.len(), limit: CHAIN_LEN_MAX });
    }
    chain.iter().map(|item| Certificate::from_der(item.as_bytes().ok_or_else(malformed)?)).collect()
}

/// The paths of attestation certificates: ordinary CAs and dates, and no extended key usage, but for a TPM's.
pub(crate) const fn attestation_profile(format: &'static str) -> PathProfile {
    PathProfile::strict(format, 5)
}

/// A path from the first certificate of `x5c`; the others only help to build it.
///
/// # Errors
/// [`Reject::FieldMissing`] where there is none; those of [`verify_path`].
pub(crate) fn reach(
    chain: &[Certificate],
    profile: &PathProfile,
    input: &Input<'_>,
) -> Result<VerifiedPath, Reject> {
    let (leaf, carried) = chain.split_first().ok_or(Reject::FieldMissing { field: "x5c" })?;
    let (evidence, anchors, now) = (input.evidence, input.anchors, input.now);
    verify_path(&PathInput { evidence, leaf, carried, anchors, profile, now })
}

/// Authenticator data of a registration, followed by the hash of the client data.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) rp_id_hash: Vec<u8>,
    /// Uses of the key; nothing where it is not signed.
    pub(crate) sign_count: Option<u32>,
    pub(crate) aaguid: Vec<u8>,
    pub(crate) credential_id: Vec<u8>,
    pub(crate) credential_key: Vec<u8>,
    pub(crate) client_data_hash: Vec<u8>,
}

impl Registration {
    /// `rpIdHash` (32), flags (1), `signCount` (4), `aaguid` (16), length of the credential id (2), the id, its key in COSE form,
    /// extensions if the flags say so; then the hash.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Reject> {
        let what = "authenticatorData";
        let malformed = || Reject::Malformed { what };
        let len = bytes.len().checked_sub(CLIENT_DATA_HASH_LEN).ok_or_else(malformed)?;
        let (data, client_data_hash) = bytes.split_at_checked(len).ok_or_else(malformed)?;
        let (rp_id_hash, rest) = data.split_at_checked(32).ok_or_else(malformed)?;
        let ([flags], rest) = rest.split_first_chunk::<1>().ok_or_else(malformed)?;
        let (sign_count, rest) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
        let (has_credential, has_extensions) = (flags & 0x40 != 0, flags & 0x80 != 0);
        if !has_credential {
            return Err(Reject::FieldMissing { field: "attestedCredentialData" });
        }
        let (aaguid, rest) = rest.split_at_checked(16).ok_or_else(malformed)?;
        let (id_len, rest) = rest.split_first_chunk::<2>().ok_or_else(malformed)?;
        let id_len = usize::from(u16::from_be_bytes(*id_len));
        let (credential_id, mut rest) = rest.split_at_checked(id_len).ok_or_else(malformed)?;
        let key = cbor::read_item(what, &mut rest)?;
        if has_extensions {
            cbor::read_item(what, &mut rest)?;
        }
        if !rest.is_empty() {
            return Err(Reject::TrailingBytes { what, extra_bytes: rest.len() });
        }
        Ok(Self {
            rp_id_hash: rp_id_hash.to_vec(),
            sign_count: Some(u32::from_be_bytes(*sign_count)),
            aaguid: aaguid.to_vec(),
            credential_id: credential_id.to_vec(),
            credential_key: cose::key_spki(&key)?,
            client_data_hash: client_data_hash.to_vec(),
        })
    }

    /// Asserts that another statement is about the registered key.
    ///
    /// # Errors
    /// [`Reject::FieldMismatch`].
    pub(crate) fn check_key(&self, spki: &[u8]) -> Result<(), Reject> {
        if self.credential_key == spki {
            return Ok(());
        }
        let digest = |spki: &[u8]| Operand::Digest(Sha256Digest::of(spki));
        let (expected, found) = (digest(spki), digest(&self.credential_key));
        Err(Reject::FieldMismatch { field: "credentialPublicKey", expected, found })
    }
}

/// A registration with the challenge that it answers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) registration: Registration,
    pub(crate) challenge: Vec<u8>,
}

/// Reads the client data whose hash follows verified authenticator data.
///
/// # Errors
/// [`Reject::DigestMismatch`]; those of reading the client data.
pub(crate) fn answer(
    registration: &Verified<Registration>,
    client_data: &[u8],
) -> Result<Verified<Answer>, Reject> {
    let challenge = registration.preimage(client_data_hash, client_data, read_challenge)?;
    join(registration, &challenge, |registration, challenge| {
        Ok(Answer { registration: registration.clone(), challenge: challenge.clone() })
    })
}

/// What the hash of the client data is a digest of.
#[expect(clippy::unnecessary_wraps, reason = "the mint's signature")]
pub(crate) fn client_data_hash(registration: &Registration) -> Result<HashOf, Reject> {
    let digest = registration.client_data_hash.clone();
    Ok(HashOf { what: "clientDataJSON", hash: Hash::Sha256, digest })
}

/// The challenge in the client data of a registration.
pub(crate) fn read_challenge(client_data: &[u8]) -> Result<Vec<u8>, Reject> {
    let what = "clientDataJSON";
    let malformed = || Reject::Malformed { what };
    let json: serde_json::Value = serde_json::from_slice(client_data).map_err(|_| malformed())?;
    let text = |name: &str| json.get(name).and_then(serde_json::Value::as_str);
    let kind = text("type");
    if kind != Some("webauthn.create") {
        return Err(Reject::FieldMismatch {
            field: "clientData.type",
            expected: Operand::Word("webauthn.create"),
            found: kind.map_or(Operand::Absent, Operand::text),
        });
    }
    let challenge = text("challenge").ok_or(Reject::FieldMissing { field: "clientData.challenge" })?;
    URL_SAFE_NO_PAD.decode(challenge).map_err(|_| malformed())
}

/// An AAGUID in 8-4-4-4-12 digits; nothing for one of zeros, which authenticators have that do not say their model.
pub(crate) fn aaguid_text(aaguid: &[u8]) -> Option<String> {
    let bytes = <[u8; 16]>::try_from(aaguid).ok().filter(|bytes| *bytes != [0; 16])?;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Some(text)
}
