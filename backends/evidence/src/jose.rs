//! JWS in compact form (RFC 7515): what is signed is `header.payload`, as it stands.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkic_facts::crypto::{Hash, Scheme, ecdsa_der_of_fixed};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::SignedBytes;
use serde_json::Value;

/// A JWS, taken apart. Nothing is checked.
#[derive(Debug)]
pub(crate) struct Jws {
    header: Value,
    signed: SignedBytes,
}

impl Jws {
    /// Reads a JWS.
    ///
    /// # Errors
    /// [`Reject::Malformed`]; [`Reject::AlgorithmUnsupported`], also for `none` and for symmetric algorithms.
    pub(crate) fn read(what: &'static str, bytes: &[u8]) -> Result<Self, Reject> {
        let malformed = || Reject::Malformed { what };
        let text = std::str::from_utf8(bytes.trim_ascii()).map_err(|_| malformed())?;
        let (message, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, _) = message.split_once('.').ok_or_else(malformed)?;
        let header: Value = serde_json::from_slice(&decode(what, header)?).map_err(|_| malformed())?;
        // An extension that must be understood is not (RFC 7515 section 4.1.11).
        if header.get("crit").is_some() {
            return Err(Reject::FieldMismatch {
                field: "crit",
                expected: Operand::Absent,
                found: Operand::Word("crit"),
            });
        }
        let algorithm = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let (scheme, width_bytes) = scheme(algorithm)?;
        let octets = decode(what, signature)?;
        let signature = match width_bytes {
            0 => octets,
            width_bytes => ecdsa_der_of_fixed(&octets, width_bytes).ok_or_else(malformed)?,
        };
        let signed = SignedBytes {
            what: "JWS Signing Input",
            message: message.as_bytes().to_vec(),
            scheme,
            signature,
        };
        Ok(Self { header, signed })
    }

    /// The protected header.
    pub(crate) fn header(&self) -> &Value {
        &self.header
    }

    /// What is signed, for the mint: its decoder finds the payload with [`payload_of`].
    pub(crate) fn signed(&self) -> &SignedBytes {
        &self.signed
    }
}

/// The payload in `header.payload`: what a decoder of a JWS reads.
///
/// # Errors
/// [`Reject::Malformed`].
pub(crate) fn payload_of(what: &'static str, message: &[u8]) -> Result<Vec<u8>, Reject> {
    let malformed = || Reject::Malformed { what };
    let text = std::str::from_utf8(message).map_err(|_| malformed())?;
    let (_, payload) = text.split_once('.').ok_or_else(malformed)?;
    decode(what, payload)
}

fn decode(what: &'static str, text: &str) -> Result<Vec<u8>, Reject> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Reject::Malformed { what })
}

/// The scheme of a registered algorithm (RFC 7518 section 3.1, RFC 8037), with the octets of each half of an ECDSA signature.
fn scheme(algorithm: &str) -> Result<(Scheme, usize), Reject> {
    Ok(match algorithm {
        "ES256" => (Scheme::Ecdsa(Hash::Sha256), 32),
        "ES384" => (Scheme::Ecdsa(Hash::Sha384), 48),
        "ES512" => (Scheme::Ecdsa(Hash::Sha512), 66),
        "RS256" => (Scheme::RsaPkcs1(Hash::Sha256), 0),
        "RS384" => (Scheme::RsaPkcs1(Hash::Sha384), 0),
        "RS512" => (Scheme::RsaPkcs1(Hash::Sha512), 0),
        "PS256" => (Scheme::RsaPss(Hash::Sha256), 0),
        "PS384" => (Scheme::RsaPss(Hash::Sha384), 0),
        "PS512" => (Scheme::RsaPss(Hash::Sha512), 0),
        "EdDSA" | "Ed25519" => (Scheme::Ed25519, 0),
        other => return Err(Reject::AlgorithmUnsupported { found: Operand::text(other) }),
    })
}
