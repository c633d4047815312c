//! Entity Attestation Tokens: what a device says of itself, as a CBOR or a JSON Web Token.
//!
//! A token proves what the holder of an enrolled attestation key says of the device. The registered claims say nothing
//! of how keys are kept, so no fact about a key comes from here. A token is about the key in its confirmation claim
//! (`cnf`), where it has one, and else about its attestation key alone: most tokens bind no request. The nonce is
//! `eat_nonce`; in JSON its text stands for the bytes that it encodes. Submodules are other environments, and are not
//! looked into. A profile may define further claims, which say nothing to us; profiles with rules of their own, such
//! as PSA's, are formats of their own.
//!
//! The item is the token. The attestation key must be enrolled (see `enrolled`); it may come along as a second part. A
//! key or a certificate inside the token is not looked at: anybody could have put it there.
//!
//! Source: RFC 9711, section 4; RFC 8392 and RFC 7519 (tokens); RFC 8747 and RFC 7800 (`cnf`). No sample from a device.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::cose::Message;
use crate::enrolled;
use crate::formats::Format;
use crate::spki::{Curve, ecc_spki, ed25519_spki, public_key_of};
use crate::{cbor, cose};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value as Cbor;
use pkic_facts::crypto::{Hash, Scheme, ecdsa_der_of_fixed};
use pkic_facts::facts::{Carried, Emission, Payload, Statement};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{Evidence, SignedBytes, TrustedKey, join};
use pkic_vocab::Value;
use serde_json::Value as Json;
use std::sync::Arc;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "RFC 9711",
    proves: "what a device says of itself; a key by `cnf`",
    leaves_open: "how the key is kept",
    unsigned: "the unprotected header; a key or certificate inside the token; submodules are signed and not read",
    detect: |input| Token::read(input.evidence).is_ok_and(|token| token.is_eat()),
    appraise,
};

const NAME: &str = "eat";
/// `CWT` (RFC 8392 section 6).
const CWT_TAG: u64 = 61;

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let token = Token::read(input.evidence)?;
    let keys = enrolled_keys(NAME, input)?;
    let (key, claims) = match &token {
        Token::Cbor(message) => enrolled::mint(keys, &message.sign1.signed(NAME)?, |signed| {
            Claims::of_cbor(&cose::payload_of(NAME, signed)?)
        })?,
        Token::Json(text) => {
            enrolled::mint(keys, &signed_json(text)?, |signed| Claims::of_json(&json_part(signed, 1)?))?
        }
    };
    let stale_after = claims.value().expires.filter(|end| *end < input.now);
    if let Some(stale_after) = stale_after {
        return Err(Reject::Stale { stale_after, now: input.now }.into());
    }
    let signer = key.decode(|spki| Ok(spki.to_vec()))?;
    input.conclude(&join(&claims, &signer, Claims::signed_by)?)
}

/// The enrolled keys that may have signed a token, which names none: the one beside it, where there is one, comes first.
///
/// # Errors
/// Those of [`enrolled::keys`]; [`Reject::Malformed`] where what is beside it is no key.
pub(crate) fn enrolled_keys(format: &'static str, input: &Input<'_>) -> Result<Vec<TrustedKey>, NotVerified> {
    let beside = input.evidence.parts().iter().skip(1);
    let hints = beside.map(|file| public_key_of(file).ok_or(Reject::Malformed { what: "public key" }));
    enrolled::keys(format, &hints.collect::<Result<Vec<_>, Reject>>()?, input)
}

/// A token, taken apart. Nothing is checked.
enum Token {
    Cbor(Arc<Message>),
    Json(String),
}

impl Token {
    fn read(evidence: &Evidence) -> Result<Self, Reject> {
        let bytes = evidence.bytes();
        let is_text =
            bytes.iter().all(|byte| matches!(byte, b'.' | b'-' | b'_') || byte.is_ascii_alphanumeric());
        if is_text && bytes.iter().filter(|byte| **byte == b'.').count() == 2 {
            return Ok(Self::Json(String::from_utf8_lossy(bytes).into_owned()));
        }
        let message = Message::of_part(evidence, 0)?;
        match message.tag {
            None | Some(CWT_TAG) => Ok(Self::Cbor(message)),
            Some(_) => Err(Reject::Malformed { what: NAME }),
        }
    }

    /// Whether one of the claims is there that make a web token an attestation, and it is no result of a verifier.
    fn is_eat(&self) -> bool {
        let is_result = |profile: Option<&str>| profile.is_some_and(|profile| profile.contains("/ear"));
        match self {
            Self::Cbor(message) => {
                let is_there = [NONCE, UEID, PROFILE].iter().any(|label| message.claim(*label).is_some());
                is_there && !is_result(message.claim(PROFILE).and_then(Cbor::as_text))
            }
            Self::Json(text) => json_part(text.as_bytes(), 1).is_ok_and(|claims| {
                let is_there =
                    ["eat_nonce", "ueid", "eat_profile"].iter().any(|name| claims.get(name).is_some());
                is_there && !is_result(claims.get("eat_profile").and_then(Json::as_str))
            }),
        }
    }
}

// Labels of claims (IANA CBOR Web Token Claims).
const EXPIRATION: i64 = 4;
const ISSUED_AT: i64 = 6;
const CONFIRMATION: i64 = 8;
pub(crate) const NONCE: i64 = 10;
pub(crate) const UEID: i64 = 256;
const HARDWARE_MODEL: i64 = 259;
const DEBUG_STATUS: i64 = 263;
pub(crate) const PROFILE: i64 = 265;
const SOFTWARE_VERSION: i64 = 271;

/// What a token says that becomes a fact.
#[derive(Debug, Clone, Default)]
struct Claims {
    nonce: Option<Vec<u8>>,
    has_time: bool,
    expires: Option<i64>,
    ueid: Option<Vec<u8>>,
    model: Option<Vec<u8>>,
    firmware: Option<String>,
    debug_status: Option<i64>,
    about: Option<Vec<u8>>,
}

impl Claims {
    fn of_cbor(payload: &[u8]) -> Result<Self, Reject> {
        let claims = cbor::read(NAME, payload)?;
        if !claims.is_map() {
            return Err(Reject::Malformed { what: NAME });
        }
        let claim = |label| cbor::number_field(&claims, label);
        let octets = |label| claim(label).and_then(Cbor::as_bytes).cloned();
        let number =
            |label| claim(label).and_then(Cbor::as_integer).and_then(|value| i64::try_from(value).ok());
        let version = |value: &Cbor| value.as_array().and_then(|parts| parts.first()).cloned();
        let confirmed = claim(CONFIRMATION).map(|value| {
            let key = cbor::number_field(value, 1).ok_or(Reject::FieldMissing { field: "cnf.COSE_Key" })?;
            cose::key_spki(key)
        });
        Ok(Self {
            nonce: claim(NONCE).map(one_nonce_of_cbor).transpose()?,
            has_time: claim(ISSUED_AT).is_some(),
            expires: claim(EXPIRATION)
                .map(|_| number(EXPIRATION).ok_or(Reject::Malformed { what: "exp" }))
                .transpose()?,
            ueid: octets(UEID),
            model: octets(HARDWARE_MODEL),
            firmware: claim(SOFTWARE_VERSION).and_then(version).and_then(|text| text.into_text().ok()),
            debug_status: number(DEBUG_STATUS),
            about: confirmed.transpose()?,
        })
    }

    fn of_json(claims: &Json) -> Result<Self, Reject> {
        let text = |name: &str| claims.get(name).and_then(Json::as_str);
        let octets = |name| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let version = claims.get("swversion").and_then(|value| value.get(0)).and_then(Json::as_str);
        let end = |value: &Json| value.as_i64().ok_or(Reject::Malformed { what: "exp" });
        let confirmed = claims.get("cnf").map(|value| {
            value.get("jwk").ok_or(Reject::FieldMissing { field: "cnf.jwk" }).and_then(jwk_spki)
        });
        Ok(Self {
            nonce: claims.get("eat_nonce").map(one_nonce_of_json).transpose()?,
            has_time: claims.get("iat").is_some(),
            expires: claims.get("exp").map(end).transpose()?,
            ueid: octets("ueid"),
            model: octets("hwmodel"),
            firmware: version.map(str::to_owned),
            debug_status: text("dbgstat").and_then(debug_status_of_name),
            about: confirmed.transpose()?,
        })
    }

    /// A token without a confirmed key is about the key that signed it.
    #[expect(clippy::unnecessary_wraps, reason = "the mint's signature")]
    fn signed_by(&self, signer: &Vec<u8>) -> Result<Self, Reject> {
        Ok(Self { about: Some(self.about.as_ref().unwrap_or(signer).clone()), ..self.clone() })
    }
}

impl Statement for Claims {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        self.about.as_deref().unwrap_or_default()
    }

    fn freshness(&self) -> Carried<'_> {
        match &self.nonce {
            Some(nonce) => Carried::Nonce(nonce),
            None if self.has_time => Carried::Time,
            None => Carried::Nothing,
        }
    }

    fn emit(&self, to: &mut Emission) {
        if let Some(ueid) = &self.ueid {
            to.statement("module.serial", Value::Text(hex(ueid)));
        }
        if let Some(model) = &self.model {
            to.statement("module.model", Value::Text(hex(model)));
        }
        if let Some(firmware) = &self.firmware {
            to.statement("module.firmware", Value::Text(firmware.clone()));
        }
        if let Some(status) = self.debug_status.filter(|status| (0..=4).contains(status)) {
            to.statement("platform.debug", Value::Bool(status == 0));
        }
    }
}

/// A payload, with the registered claims that tie it to a key and a moment, where it is a map of claims. Bytes that are
/// none are about no key.
///
/// # Errors
/// [`Reject::Malformed`], [`Reject::FieldMissing`], [`Reject::FieldRepeated`] and [`Reject::AlgorithmUnsupported`] where such a claim is
/// there and does not read.
pub(crate) fn payload_of(bytes: &[u8]) -> Result<Payload, Reject> {
    let claims = match bytes.first() {
        Some(b'{') => serde_json::from_slice(bytes).ok().map(|claims| Claims::of_json(&claims)),
        Some(0xa0..=0xbf) => cbor::read(NAME, bytes).is_ok().then(|| Claims::of_cbor(bytes)),
        _ => None,
    };
    let claims = claims.transpose()?.unwrap_or_default();
    let Claims { about: key, nonce, has_time, expires: not_after, .. } = claims;
    Ok(Payload { bytes: bytes.to_vec(), key, nonce, has_time, not_after })
}

/// Lower-case hexadecimal digits: identifiers that are bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    let mut digits = String::with_capacity(bytes.len().saturating_mul(2));
    digits.extend(halves.filter_map(|half| char::from_digit(half.into(), 16)));
    digits
}

/// Several nonces are for several verifiers, of which none can tell its own.
fn one_nonce_of_cbor(value: &Cbor) -> Result<Vec<u8>, Reject> {
    match value {
        Cbor::Bytes(nonce) => Ok(nonce.clone()),
        Cbor::Array(_) => Err(Reject::FieldRepeated { field: "eat_nonce" }),
        _ => Err(Reject::Malformed { what: "eat_nonce" }),
    }
}

fn one_nonce_of_json(value: &Json) -> Result<Vec<u8>, Reject> {
    match value {
        Json::String(text) => Ok(URL_SAFE_NO_PAD.decode(text).unwrap_or_else(|_| text.clone().into_bytes())),
        Json::Array(_) => Err(Reject::FieldRepeated { field: "eat_nonce" }),
        _ => Err(Reject::Malformed { what: "eat_nonce" }),
    }
}

fn debug_status_of_name(name: &str) -> Option<i64> {
    match name {
        "enabled" => Some(0),
        "disabled" => Some(1),
        "disabled-since-boot" => Some(2),
        "disabled-permanently" => Some(3),
        "disabled-fully-and-permanently" => Some(4),
        _ => None,
    }
}

/// One of the three parts of a JWS in compact form, as JSON.
fn json_part(text: &[u8], index: usize) -> Result<Json, Reject> {
    let malformed = || Reject::Malformed { what: "JWS" };
    let part = text.split(|byte| *byte == b'.').nth(index).ok_or_else(malformed)?;
    let decoded = URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed())?;
    serde_json::from_slice(&decoded).map_err(|_| malformed())
}

/// Header and payload as they are signed (RFC 7515 section 5.2). Algorithms of shared secrets, and `none`, are refused.
fn signed_json(text: &str) -> Result<SignedBytes, Reject> {
    let malformed = || Reject::Malformed { what: "JWS" };
    let (message, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    let header = json_part(message.as_bytes(), 0)?;
    if header.get("crit").is_some() {
        return Err(Reject::FieldMismatch {
            field: "crit",
            expected: Operand::Absent,
            found: Operand::Word("an extension"),
        });
    }
    let alg = header.get("alg").and_then(Json::as_str).unwrap_or_default();
    let (scheme, width_bytes) = match alg {
        "ES256" => (Scheme::Ecdsa(Hash::Sha256), Some(32)),
        "ES384" => (Scheme::Ecdsa(Hash::Sha384), Some(48)),
        "ES512" => (Scheme::Ecdsa(Hash::Sha512), Some(66)),
        "EdDSA" | "Ed25519" => (Scheme::Ed25519, None),
        "PS256" => (Scheme::RsaPss(Hash::Sha256), None),
        "PS384" => (Scheme::RsaPss(Hash::Sha384), None),
        "PS512" => (Scheme::RsaPss(Hash::Sha512), None),
        "RS256" => (Scheme::RsaPkcs1(Hash::Sha256), None),
        "RS384" => (Scheme::RsaPkcs1(Hash::Sha384), None),
        "RS512" => (Scheme::RsaPkcs1(Hash::Sha512), None),
        other => return Err(Reject::AlgorithmUnsupported { found: Operand::text(other) }),
    };
    let signature = match width_bytes {
        Some(width) => ecdsa_der_of_fixed(&signature, width).ok_or_else(malformed)?,
        None => signature,
    };
    Ok(SignedBytes { what: "JWS Signing Input", message: message.as_bytes().to_vec(), scheme, signature })
}

/// The subjectPublicKeyInfo of a JWK of type EC or OKP (RFC 7517, RFC 8037).
fn jwk_spki(key: &Json) -> Result<Vec<u8>, Reject> {
    let malformed = || Reject::Malformed { what: "JWK" };
    let text = |name: &str| key.get(name).and_then(Json::as_str);
    let octets = |name| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).ok_or_else(malformed);
    let curve = match (text("kty"), text("crv")) {
        (Some("EC"), Some("P-256")) => Curve::P256,
        (Some("EC"), Some("P-384")) => Curve::P384,
        (Some("EC"), Some("P-521")) => Curve::P521,
        (Some("OKP"), Some("Ed25519")) => return Ok(ed25519_spki(&octets("x")?)),
        (_, curve) => {
            let found = curve.map_or(Operand::Absent, Operand::text);
            return Err(Reject::AlgorithmUnsupported { found });
        }
    };
    Ok(ecc_spki(curve, &octets("x")?, &octets("y")?))
}
