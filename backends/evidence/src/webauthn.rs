//! What every WebAuthn attestation statement has around it: attestation object, authenticator data, client data.
//!
//! An item has two parts, in either order: the attestation object (CBOR) and the client data (JSON). The challenge in the client data
//! is the nonce. The relying party id and the origin are not looked at: the key is certified for us, and the nonce says that it
//! was made for us.
//!
//! Source: W3C Web Authentication Level 3, section 6.5 (attestation object, attested credential data), 5.8.1 (client data).
use crate::appraise::Input;
use crate::{cbor, cose};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Hash;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::HashOf;

/// Certificates in `x5c`: Windows sends two, Apple two, Android four.
const CHAIN_LEN_MAX: usize = 10;
/// Bytes of a client data hash: always SHA-256.
const CLIENT_DATA_HASH_LEN: usize = 32;

/// The attestation object of that `fmt`, read as CBOR, and the client data.
///
/// # Errors
/// [`Reject::FieldMissing`] where there are not two parts; [`Reject::FieldMismatch`] where `fmt` is another.
pub(crate) fn find_parts<'a>(input: &Input<'a>, fmt: &'static str) -> Result<(Value, &'a [u8]), Reject> {
    let (first, second) = match input.evidence.parts() {
        [first, second] => (first.as_slice(), second.as_slice()),
        _ => return Err(Reject::FieldMissing { field: "clientDataJSON" }),
    };
    let is_json = |part: &[u8]| part.first() == Some(&b'{');
    let (object, client_data) = if is_json(first) { (second, first) } else { (first, second) };
    let object = cbor::read("attestationObject", object)?;
    match cbor::field(&object, "fmt").and_then(Value::as_text) {
        Some(found) if found == fmt => Ok((object, client_data)),
        found => Err(Reject::FieldMismatch {
            field: "fmt",
            expected: Operand::Word(fmt),
            found: found.map_or(Operand::Absent, Operand::text),
        }),
    }
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

/// Authenticator data of a registration, followed by the hash of the client data.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) aaguid: Vec<u8>,
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
        let (head, rest) = data.split_at_checked(37).ok_or_else(malformed)?;
        let flags = *head.get(32).ok_or_else(malformed)?;
        let (has_credential, has_extensions) = (flags & 0x40 != 0, flags & 0x80 != 0);
        if !has_credential {
            return Err(Reject::FieldMissing { field: "attestedCredentialData" });
        }
        let (aaguid, rest) = rest.split_at_checked(16).ok_or_else(malformed)?;
        let (id_len, rest) = rest.split_first_chunk::<2>().ok_or_else(malformed)?;
        let (_, mut rest) =
            rest.split_at_checked(usize::from(u16::from_be_bytes(*id_len))).ok_or_else(malformed)?;
        let key = cbor::read_item(what, &mut rest)?;
        if has_extensions {
            cbor::read_item(what, &mut rest)?;
        }
        if !rest.is_empty() {
            return Err(Reject::TrailingBytes { what, extra_bytes: rest.len() });
        }
        Ok(Self {
            aaguid: aaguid.to_vec(),
            credential_key: cose::key_spki(&key)?,
            client_data_hash: client_data_hash.to_vec(),
        })
    }
}

/// What the hash of the client data is a digest of.
#[expect(clippy::unnecessary_wraps, reason = "the mint's signature")]
pub(crate) fn client_data_hash_of(registration: &Registration) -> Result<HashOf, Reject> {
    let digest = registration.client_data_hash.clone();
    Ok(HashOf { what: "clientDataJSON", hash: Hash::Sha256, digest })
}

/// What is read of the client data.
#[derive(Debug)]
pub(crate) struct ClientData {
    pub(crate) challenge: Vec<u8>,
}

impl ClientData {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Reject> {
        let what = "clientDataJSON";
        let malformed = || Reject::Malformed { what };
        let json: serde_json::Value = serde_json::from_slice(bytes).map_err(|_| malformed())?;
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
        Ok(Self { challenge: URL_SAFE_NO_PAD.decode(challenge).map_err(|_| malformed())? })
    }
}
