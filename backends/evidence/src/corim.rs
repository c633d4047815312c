//! Concise reference integrity manifests (CoRIM), as far as they endorse attestation keys: what an operator enrols.
//!
//! A CoRIM names the attestation keys of devices. It is no evidence and yields no fact: it becomes entries of the
//! operator's own `anchors.toml`, whose purpose the operator gives. A signed one counts under a key that the operator
//! names; an unsigned one only as the operator's own file. Its reference values, identity keys and all other
//! endorsements are left alone.
//!
//! Source: draft-ietf-rats-corim, sections 4 (manifest, signature, validity) and 5.1 (attest-key-triple, crypto keys).
use crate::spki::public_key_of;
use crate::{cbor, cose};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value;
use pkic_facts::crypto::{PublicKey, Sha256Digest, Strength, verify_signature};
use pkic_facts::reject::{Operand, Reject};
use pkic_vocab::{Purpose, limits};

/// Why a manifest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// It is a file of the operator's own configuration.
    LocalConfiguration,
    /// The holder of this subjectPublicKeyInfo signed it.
    SignedBy(&'a [u8]),
}

/// An attestation key that a manifest endorses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestKey {
    /// Its subjectPublicKeyInfo.
    pub spki: Vec<u8>,
    /// The manifest's identifier and the key's place in it.
    pub name: String,
}

const WHAT: &str = "CoRIM";
/// `tagged-unsigned-corim-map`.
const CORIM_TAG: u64 = 501;
/// `tagged-concise-mid-tag`: a CoMID inside a CoRIM.
const COMID_TAG: u64 = 506;
/// `tagged-pkix-base64-key-type`.
const PKIX_KEY_TAG: u64 = 554;
/// `tagged-cose-key-type`.
const COSE_KEY_TAG: u64 = 558;
/// Header of a signed CoRIM with the signer's name and the signature's validity (`corim-meta`).
const META: i64 = 8;
/// Tags of one manifest, and triples of one tag: the samples have at most three.
const TRIPLES_MAX: usize = 256;
/// Keys of one manifest: as many as certificates that an anchor folder holds.
const KEYS_MAX: usize = limits::PATH_CANDIDATES_MAX;

/// The attestation keys that a manifest endorses, in its order.
///
/// # Errors
/// [`Reject::FieldMissing`] where a manifest lacks a signature that it must have, or has one whose key nobody names;
/// those of [`verify_signature`]; [`Reject::Stale`] and [`Reject::CreatedLater`] outside the validity of signature or
/// manifest; [`Reject::AlgorithmUnsupported`] for a key in a form that cannot be enrolled; [`Reject::FieldMismatch`]
/// for a key that is endorsed under conditions; [`Reject::Malformed`], [`Reject::TooLarge`].
pub fn attest_keys(bytes: &[u8], origin: Origin<'_>, now: i64) -> Result<Vec<AttestKey>, Reject> {
    let size = bytes.len();
    if size > limits::EVIDENCE_LEN_BYTES_MAX {
        return Err(Reject::TooLarge { what: WHAT, size, limit: limits::EVIDENCE_LEN_BYTES_MAX });
    }
    let manifest = cbor::read(WHAT, bytes)?;
    let is_signed = !matches!(manifest, Value::Tag(CORIM_TAG, _));
    let manifest = match (origin, is_signed) {
        (Origin::LocalConfiguration, false) => manifest,
        (Origin::LocalConfiguration, true) => {
            return Err(Reject::FieldMissing { field: "key of the CoRIM's signer" });
        }
        (Origin::SignedBy(_), false) => return Err(Reject::FieldMissing { field: "signature of the CoRIM" }),
        (Origin::SignedBy(spki), true) => verified(cose::Sign1::of_value(WHAT, manifest)?, spki, now)?,
    };
    let Value::Tag(CORIM_TAG, manifest) = manifest else { return Err(Reject::Malformed { what: WHAT }) };
    check_validity(cbor::number_field(&manifest, 4), now)?;
    let name = identifier(cbor::number_field(&manifest, 0));
    let mut keys = Vec::new();
    for tag in list(&manifest, 1)? {
        if let Value::Tag(COMID_TAG, comid) = tag {
            let comid = comid.as_bytes().ok_or(Reject::Malformed { what: "CoMID" })?;
            read_comid(&cbor::read("CoMID", comid)?, &name, &mut keys)?;
        }
    }
    Ok(keys)
}

/// The `[[key]]` entries of an `anchors.toml` that enrol these keys.
pub fn listing(keys: &[AttestKey], purpose: Purpose, formats: &[&str]) -> String {
    let formats: Vec<String> = formats.iter().map(|format| format!("\"{format}\"")).collect();
    let entry = |key: &AttestKey| {
        let (spki, purpose, formats) = (Sha256Digest::of(&key.spki), purpose.name(), formats.join(", "));
        let name = &key.name;
        format!(
            "[[key]]\nname = \"{name}\"\nspki = \"{spki}\"\npurpose = \"{purpose}\"\nformats = [{formats}]\n"
        )
    };
    keys.iter().map(entry).collect::<Vec<String>>().join("\n")
}

/// The manifest that this key signed, at a time at which the signature counts.
fn verified(message: cose::Sign1, spki: &[u8], now: i64) -> Result<Value, Reject> {
    let signed = message.signed(WHAT)?;
    verify_signature(spki, signed.scheme, Strength::Current, &signed.message, &signed.signature)?;
    if let Some(meta) = message.protected(META).and_then(Value::as_bytes) {
        check_validity(cbor::number_field(&cbor::read("corim-meta", meta)?, 1), now)?;
    }
    cbor::read(WHAT, &cose::payload_of(WHAT, &signed.message)?)
}

/// `validity-map`: not-before, if any, and not-after.
fn check_validity(validity: Option<&Value>, now: i64) -> Result<(), Reject> {
    let Some(validity) = validity else { return Ok(()) };
    let malformed = || Reject::Malformed { what: "validity-map" };
    let moment = |value: &Value| match value {
        Value::Tag(1, seconds) => {
            seconds.as_integer().and_then(|seconds| i64::try_from(seconds).ok()).ok_or_else(malformed)
        }
        _ => Err(malformed()),
    };
    let not_before = cbor::number_field(validity, 0).map(moment).transpose()?;
    let stale_after = cbor::number_field(validity, 1).ok_or_else(malformed).and_then(moment)?;
    match not_before {
        Some(created) if created > now => Err(Reject::CreatedLater { created, now }),
        _ if stale_after < now => Err(Reject::Stale { stale_after, now }),
        _ => Ok(()),
    }
}

/// An identifier as text of a listing: other characters than those of names become `?`.
fn identifier(id: Option<&Value>) -> String {
    let shown = |c: char| if c.is_ascii_alphanumeric() || "-_.: ".contains(c) { c } else { '?' };
    match id {
        Some(Value::Text(text)) => text.chars().take(Operand::SHOWN_LEN_BYTES_MAX).map(shown).collect(),
        Some(Value::Bytes(uuid)) => {
            uuid.iter().take(Operand::SHOWN_LEN_BYTES_MAX).map(|byte| format!("{byte:02x}")).collect()
        }
        _ => WHAT.to_owned(),
    }
}

fn list(map: &Value, label: i64) -> Result<&[Value], Reject> {
    match cbor::number_field(map, label) {
        Some(Value::Array(items)) if items.len() > TRIPLES_MAX => {
            Err(Reject::TooLarge { what: WHAT, size: items.len(), limit: TRIPLES_MAX })
        }
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(Reject::Malformed { what: WHAT }),
        None => Ok(&[]),
    }
}

/// Triples are member 4 of a CoMID, attest-key triples member 3 of these: environment, keys, and conditions, if any.
fn read_comid(comid: &Value, name: &str, keys: &mut Vec<AttestKey>) -> Result<(), Reject> {
    let what = "attest-key-triple-record";
    let Some(triples) = cbor::number_field(comid, 4) else { return Ok(()) };
    for triple in list(triples, 3)? {
        let endorsed = match triple.as_array().map(Vec::as_slice) {
            Some([_environment, Value::Array(endorsed)]) => endorsed,
            Some([_environment, Value::Array(_), _conditions]) => {
                let (expected, found) = (Operand::Absent, Operand::Word("conditions"));
                return Err(Reject::FieldMismatch { field: what, expected, found });
            }
            _ => return Err(Reject::Malformed { what }),
        };
        for key in endorsed {
            if keys.len() >= KEYS_MAX {
                let size = keys.len().saturating_add(1);
                return Err(Reject::TooLarge { what: "keys of a CoRIM", size, limit: KEYS_MAX });
            }
            let name = format!("{name} key {}", keys.len().saturating_add(1));
            keys.push(AttestKey { spki: spki_of(key)?, name });
        }
    }
    Ok(())
}

/// A public key in PEM or in base64 alone, or a COSE_Key. Certificates and digests are no keys.
fn spki_of(key: &Value) -> Result<Vec<u8>, Reject> {
    let what = "public key";
    match key {
        Value::Tag(PKIX_KEY_TAG, text) => {
            let text = text.as_text().ok_or(Reject::Malformed { what })?;
            if text.contains("-----BEGIN") {
                return public_key_of(text.as_bytes()).ok_or(Reject::Malformed { what });
            }
            let spki = STANDARD.decode(text).map_err(|_| Reject::Malformed { what })?;
            PublicKey::from_spki(&spki)?;
            Ok(spki)
        }
        Value::Tag(COSE_KEY_TAG, key) => match key.as_ref() {
            Value::Bytes(bytes) => cose::key_spki(&cbor::read("COSE_Key", bytes)?),
            key => cose::key_spki(key),
        },
        Value::Tag(tag, _) => Err(Reject::AlgorithmUnsupported { found: Operand::Number(i128::from(*tag)) }),
        _ => Err(Reject::Malformed { what }),
    }
}
