//! Open Profile for DICE: a chain of layer certificates, in X.509 or in CBOR (COSE_Sign1).
//!
//! Each certificate has the inputs that its layer was measured by: code, configuration, authority, and a mode. Code hash and mode become a record of
//! `platform.layers`; a layer in debug or recovery mode, or not configured, is a fact and no refusal. A code hash of zeros is refused. `dice` says what a chain proves and what not.
//!
//! The attested key is the last layer's, derived from its secret (CDI), and kept by software of that layer: `key.storage` and `key.export` stay unknown. The first certificate is signed by the UDS key. Its own
//! certificate is self-signed and anchors nothing: the maker's, or an operator's word on it is the anchor, `[[anchor]]` with the certificate in the folder or `[[key]]` with the key in
//! the item (as certificate, COSE_Key or public key). There is no nonce; dates are constants of the profile.
//!
//! The CBOR form is an array of the first key and the certificates in order, as Android writes it, or files that hold key and certificates in order. No sample of it comes
//! from a device.
//!
//! Source: Open Profile for DICE 2.5, sections on X.509 and CBOR UDS and CDI certificates; Android Remote Key Provisioning, DiceCertChain.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::cose::{Message, key_spki, payload_of};
use crate::dice::{Chain, LAYERS_MAX, Layer, Layered, Measured, Parts, Reader, code_hash, enrolled};
use crate::formats::Format;
use crate::spki::public_key_of;
use crate::{cbor, dice};
use ciborium::Value;
use pkic_facts::certificate::Tbs;
use pkic_facts::crypto::Strength;
use pkic_facts::der;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{TrustedKey, Verified, mint};
use std::sync::Arc;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Open Profile for DICE 2.5",
    proves: "which code each boot layer ran, and in which mode",
    leaves_open: "where the last key is kept",
    unsigned: "which certificate comes first; what stands behind the digests of code, configuration and authority",
    detect,
    appraise,
};

const NAME: &str = "open-dice";

/// In a certificate: what the layer was measured by.
const INPUTS: &str = "1.3.6.1.4.1.11129.2.1.24";
const CRITICAL_KNOWN: &[&str] = &{
    let [a, b, c, d, e] = dice::CRITICAL_KNOWN;
    [a, b, c, d, e, INPUTS]
};

/// Labels of a certificate in CBOR.
const ISSUER: i64 = 1;
const SUBJECT: i64 = 2;
const CODE_HASH: i64 = -4_670_545;
const MODE: i64 = -4_670_551;
const SUBJECT_PUBLIC_KEY: i64 = -4_670_552;
const KEY_USAGE: i64 = -4_670_553;

const X509: Reader = Reader { format: NAME, critical_known: CRITICAL_KNOWN, read: read_certificate };

fn detect(input: &Input<'_>) -> bool {
    let of_certificates = || {
        let parts = Parts::of(input).ok()?;
        Some(parts.certificates.iter().any(|certificate| certificate.tbs().extension(INPUTS).is_some()))
    };
    of_certificates().unwrap_or(false) || find_messages(input).is_ok()
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let chain = match find_messages(input) {
        Ok(messages) => messages.chain(input)?,
        Err(_) => Parts::of(input)?.chain(&X509, input)?,
    };
    input.conclude(&chain.conclude::<OpenDice>(CRITICAL_KNOWN, input.now)?)
}

/// The line of this format.
#[derive(Debug)]
struct OpenDice;

impl Layered for OpenDice {
    const NAME: &'static str = NAME;
    const IS_KEY_DERIVED: bool = true;
}

/// Mode of a layer; another value than these four is unknown.
const fn mode_of(value: i128) -> Option<&'static str> {
    match value {
        0 => Some("not-configured"),
        1 => Some("normal"),
        2 => Some("debug"),
        3 => Some("recovery"),
        _ => None,
    }
}

fn read_certificate(tbs: &Tbs) -> Result<Layer, Reject> {
    let mut layer = Layer::of_certificate(tbs);
    if let Some(extension) = tbs.extension(INPUTS) {
        layer.measured.push(read_inputs(&extension.value)?);
    }
    Ok(layer)
}

/// `OpenDiceInput`: code hash `[0]`, mode `[6]`, and what is not read: descriptors, configuration, authority, profile.
fn read_inputs(value: &[u8]) -> Result<Measured, Reject> {
    let what = "OpenDiceInput";
    let mut measured = Measured::default();
    let mut last = None;
    for field in der::elements(what, der::only(what, der::SEQUENCE, value)?, 8)? {
        if last.is_some_and(|last| field.tag <= last) {
            return Err(Reject::Malformed { what });
        }
        last = Some(field.tag);
        match field.tag {
            0xa0 => {
                let digest = der::only("codeHash", der::OCTET_STRING, field.content)?;
                measured.code_hash = Some(code_hash("codeHash", digest)?);
            }
            0xa6 => {
                let mode = der::only("mode", ENUMERATED, field.content)?;
                measured.mode = mode_of(der::integer("mode", mode)?.into());
            }
            0xa1..=0xa5 | 0xa7 => {}
            _ => return Err(Reject::Malformed { what }),
        }
    }
    Ok(measured)
}

/// Tag octet of ENUMERATED.
const ENUMERATED: u32 = 0x0a;

/// A chain in CBOR, taken apart as far as needs no trust.
struct Messages {
    keys: Vec<Vec<u8>>,
    certificates: Vec<Arc<Message>>,
}

fn find_messages(input: &Input<'_>) -> Result<Messages, Reject> {
    let what = "DiceCertChain";
    let mut found = Messages { keys: Vec::new(), certificates: Vec::new() };
    for (index, part) in input.evidence.parts().iter().enumerate() {
        match Message::of_part(input.evidence, index) {
            Ok(message) => found.certificates.push(message),
            Err(_) => match public_key_of(part) {
                Some(spki) => found.keys.push(spki),
                None => found.take(cbor::read(what, part)?)?,
            },
        }
        let size = found.certificates.len();
        if size > LAYERS_MAX {
            return Err(Reject::TooLarge { what, size, limit: LAYERS_MAX });
        }
    }
    // Any token may be a COSE_Sign1: the key of the next layer is what these alone have.
    let is_layer =
        |message: &Arc<Message>| message.tag.is_none() && message.claim(SUBJECT_PUBLIC_KEY).is_some();
    // The certificate of the first key may come along in place of the key: its own word names a key to look up, and no more.
    if found.keys.is_empty() {
        found.keys.extend(
            found
                .certificates
                .first()
                .and_then(|first| read_payload(first.sign1.payload()).ok())
                .map(|layer| layer.spki),
        );
    }
    let is_chain = !found.certificates.is_empty() && found.certificates.iter().all(is_layer);
    if is_chain { Ok(found) } else { Err(Reject::FieldMissing { field: "subjectPublicKey" }) }
}

impl Messages {
    fn take(&mut self, value: Value) -> Result<(), Reject> {
        let what = "DiceCertChain";
        match value {
            Value::Map(_) => self.keys.push(key_spki(&value)?),
            Value::Array(mut items) if matches!(items.first(), Some(Value::Map(_))) => {
                if items.len() > LAYERS_MAX.saturating_add(1) {
                    return Err(Reject::TooLarge { what, size: items.len(), limit: LAYERS_MAX });
                }
                self.keys.push(key_spki(&items.remove(0))?);
                for item in items {
                    self.certificates.push(Arc::new(Message::of_value(item)?));
                }
            }
            _ => return Err(Reject::Malformed { what }),
        }
        Ok(())
    }

    /// The chain of all certificates, in their order.
    fn chain(&self, input: &Input<'_>) -> Result<Chain, NotVerified> {
        let key = enrolled(&self.keys, NAME, input).map_err(NotVerified::Unproven)?;
        let mut chain: Option<Chain> = None;
        for message in &self.certificates {
            chain = Some(match chain {
                None => Chain::start(&verified(message, &key)?)?,
                Some(chain) => {
                    let next = verified(message, chain.key())?;
                    check_names(chain.last(), next.value())?;
                    chain.extended(&next)?
                }
            });
        }
        Ok(chain.ok_or(Reject::FieldMissing { field: "certificate of a layer" })?)
    }
}

fn verified(message: &Message, key: &TrustedKey) -> Result<Verified<Layer>, Reject> {
    mint(&message.sign1.signed("DiceCertChain")?, key, Strength::Current, read_claims)
}

/// The issuer of a certificate in CBOR is the subject of the one before.
fn check_names(before: Option<&Layer>, layer: &Layer) -> Result<(), Reject> {
    let (Some((_, expected)), Some((found, _))) =
        (before.and_then(|before| before.names.as_ref()), layer.names.as_ref())
    else {
        return Ok(());
    };
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (Operand::text(expected), Operand::text(found));
    Err(Reject::FieldMismatch { field: "iss", expected, found })
}

/// The claims of a certificate in CBOR, from the bytes that were signed.
fn read_claims(structure: &[u8]) -> Result<Layer, Reject> {
    read_payload(&payload_of("certificate of a layer", structure)?)
}

fn read_payload(payload: &[u8]) -> Result<Layer, Reject> {
    let what = "certificate of a layer";
    let claims = cbor::read(what, payload)?;
    let field = |label| cbor::number_field(&claims, label);
    let octets = |label| field(label).and_then(Value::as_bytes).map(Vec::as_slice);
    let text = |label, name| {
        field(label).and_then(Value::as_text).map(str::to_owned).ok_or(Reject::FieldMissing { field: name })
    };
    let key = octets(SUBJECT_PUBLIC_KEY).ok_or(Reject::FieldMissing { field: "subjectPublicKey" })?;
    let digest = field(CODE_HASH).map(|_| octets(CODE_HASH).ok_or(Reject::Malformed { what: "codeHash" }));
    let digest = digest.transpose()?.map(|digest| code_hash("codeHash", digest)).transpose()?;
    // The mode is one octet; some write a number.
    let mode = match field(MODE) {
        Some(Value::Bytes(octets)) => match octets.as_slice() {
            [mode] => mode_of(i128::from(*mode)),
            _ => return Err(Reject::Malformed { what: "mode" }),
        },
        Some(Value::Integer(mode)) => mode_of(i128::from(*mode)),
        Some(_) => return Err(Reject::Malformed { what: "mode" }),
        None => None,
    };
    // The certificate of the UDS key has neither: it is no layer.
    let is_measured = field(MODE).is_some() || digest.is_some();
    let measured = is_measured.then_some(Measured { mode, code_hash: digest }).into_iter().collect();
    Ok(Layer {
        spki: key_spki(&cbor::read("COSE_Key", key)?)?,
        measured,
        // keyCertSign, in the bits of RFC 5280 with the lowest first.
        may_certify: octets(KEY_USAGE).and_then(|usage| usage.first()).is_some_and(|usage| usage & 0x20 != 0),
        names: Some((text(ISSUER, "iss")?, text(SUBJECT, "sub")?)),
        ..Layer::default()
    })
}
