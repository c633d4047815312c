//! Statements that are no certificates, taken apart without pkic: messages with what is said to be a signature over them.
//! Whose key signed is left open: the bench tries those that the sample and its anchors hold.
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use ciborium::Value;
use pkic_facts::crypto::{Hash, Scheme, ecdsa_der_of_fixed};
use pkic_facts::der;
use std::io::Read as _;
use x509_parser::prelude::Pem;

/// A message with its signature.
pub struct Statement {
    pub scheme: Scheme,
    pub message: Vec<u8>,
    pub signature: Vec<u8>,
}

/// Bytes of a signature of a LiquidSecurity module.
const MODULE_SIGNATURE_LEN: usize = 256;
/// SubjectPublicKeyInfo of a P-384 key, up to its point.
const P384_HEAD: [u8; 23] = [
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// The statements of these parts, in every form that is known here.
pub fn of_parts(parts: &[Vec<u8>]) -> Vec<Statement> {
    let mut found = Vec::new();
    for part in parts {
        if let Ok(value) = ciborium::from_reader::<Value, _>(part.as_slice()) {
            messages_in(&value, &mut |message| found.extend(message));
        }
        found.extend(of_module(part));
        found.extend(of_document(part));
        found.extend(of_token(part));
    }
    found.extend(of_text(parts));
    found
}

/// Keys that stand in parts by themselves: in PEM, or as a point or COSE_Key inside CBOR.
pub fn keys_in(parts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for part in parts {
        let blocks = Pem::iter_from_buffer(part).filter_map(Result::ok);
        found.extend(blocks.filter(|block| block.label == "PUBLIC KEY").map(|block| block.contents));
        if let Ok(value) = ciborium::from_reader::<Value, _>(part.as_slice()) {
            points_in(&value, &mut found);
        }
    }
    found
}

fn points_in(value: &Value, found: &mut Vec<Vec<u8>>) {
    match value {
        Value::Bytes(bytes) if bytes.len() == 97 && bytes[0] == 4 => {
            found.push([&P384_HEAD, bytes.as_slice()].concat())
        }
        Value::Bytes(bytes) => {
            if let Ok(inner) = ciborium::from_reader::<Value, _>(bytes.as_slice()) {
                points_in(&inner, found);
            }
        }
        Value::Map(entries) => {
            let coordinate = |label: i64| {
                let mut at = entries.iter().filter(|(key, _)| key.as_integer() == Some(label.into()));
                at.next().and_then(|(_, value)| value.as_bytes()).filter(|bytes| bytes.len() == 48)
            };
            if let (Some(x), Some(y)) = (coordinate(-2), coordinate(-3)) {
                found.push([P384_HEAD.as_slice(), &[4], x, y].concat());
            }
            entries.iter().for_each(|(_, value)| points_in(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| points_in(item, found)),
        Value::Tag(_, inner) => points_in(inner, found),
        _ => {}
    }
}

/// Every COSE_Sign1 inside.
fn messages_in(value: &Value, take: &mut impl FnMut(Option<Statement>)) {
    match value {
        Value::Array(items) => {
            if let [Value::Bytes(protected), Value::Map(_), Value::Bytes(payload), Value::Bytes(signature)] =
                items.as_slice()
            {
                take(of_message(protected, payload, signature));
            }
            items.iter().for_each(|item| messages_in(item, take));
        }
        Value::Map(entries) => entries.iter().for_each(|(_, value)| messages_in(value, take)),
        Value::Tag(_, inner) => messages_in(inner, take),
        Value::Bytes(bytes) => {
            if let Ok(inner @ (Value::Array(_) | Value::Tag(..))) = ciborium::from_reader(bytes.as_slice()) {
                messages_in(&inner, take);
            }
        }
        _ => {}
    }
}

fn of_message(protected: &[u8], payload: &[u8], signature: &[u8]) -> Option<Statement> {
    let header: Value = ciborium::from_reader(protected).ok()?;
    let algorithm =
        header.as_map()?.iter().find(|(key, _)| key.as_integer() == Some(1.into()))?.1.as_integer()?;
    let (scheme, width_bytes) = match i128::from(algorithm) {
        -7 => (Scheme::Ecdsa(Hash::Sha256), Some(32)),
        -35 => (Scheme::Ecdsa(Hash::Sha384), Some(48)),
        -36 => (Scheme::Ecdsa(Hash::Sha512), Some(66)),
        -8 => (Scheme::Ed25519, None),
        _ => return None,
    };
    let bytes = |octets: &[u8]| Value::Bytes(octets.to_vec());
    let structure = [Value::Text("Signature1".to_owned()), bytes(protected), bytes(&[]), bytes(payload)];
    let mut message = Vec::new();
    ciborium::into_writer(&Value::Array(structure.to_vec()), &mut message).ok()?;
    let signature = match width_bytes {
        Some(width) => ecdsa_der_of_fixed(signature, width)?,
        None => signature.to_vec(),
    };
    Some(Statement { scheme, message, signature })
}

/// The answer of a LiquidSecurity module, in gzip.
fn of_module(part: &[u8]) -> Option<Statement> {
    let mut answer = Vec::new();
    flate2::read::GzDecoder::new(part).read_to_end(&mut answer).ok()?;
    of_answer(answer)
}

fn of_answer(mut message: Vec<u8>) -> Option<Statement> {
    let signature = message.split_off(message.len().checked_sub(MODULE_SIGNATURE_LEN)?);
    Some(Statement { scheme: Scheme::RsaPkcs1(Hash::Sha256), message, signature })
}

/// Azure's document.
fn of_document(part: &[u8]) -> Vec<Statement> {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(part) else { return Vec::new() };
    let text = |name: &str| {
        ["", "/attestation", "/attributes/attestation"]
            .iter()
            .find_map(|at| json.pointer(at)?.get(name)?.as_str())
    };
    let names = ["privateKeyAttestation", "publicKeyAttestation"];
    let answers = names.iter().filter_map(|name| {
        let text = text(name)?;
        let padded = format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
        URL_SAFE.decode(padded).or_else(|_| STANDARD.decode(text)).ok()
    });
    answers.filter_map(of_answer).collect()
}

/// A token of draft-ietf-rats-pkix-key-attestation: each of its signatures is over the same bytes.
fn of_token(part: &[u8]) -> Vec<Statement> {
    let read = || {
        let block =
            Pem::iter_from_buffer(part).filter_map(Result::ok).find(|block| block.label == "EVIDENCE");
        let bytes = block.map_or_else(|| part.to_vec(), |block| block.contents);
        let body = der::only("Evidence", der::SEQUENCE, &bytes).ok()?;
        let fields = der::elements("Evidence", body, 3).ok()?;
        let blocks = der::elements("signatures", fields.get(1)?.content, 8).ok()?;
        let of_block = |block: &der::Element<'_>| {
            let fields = der::elements("SignatureBlock", block.content, 3).ok()?;
            let [_, algorithm, signature] = fields.as_slice() else { return None };
            let scheme = Scheme::from_algorithm_identifier(algorithm.raw).ok()?;
            let (tbs, _) = der::read("tbs", body).ok()?;
            Some(Statement { scheme, message: tbs.raw.to_vec(), signature: signature.content.to_vec() })
        };
        Some(blocks.iter().filter_map(of_block).collect::<Vec<Statement>>())
    };
    read().unwrap_or_default()
}

/// The XML file of a Primus HSM, and the file that is no text.
fn of_text(parts: &[Vec<u8>]) -> Option<Statement> {
    let text = parts.iter().find(|part| part.starts_with(b"<"))?;
    let signature = parts.iter().find(|part| !part.starts_with(b"<") && !part.starts_with(b"-----BEGIN"))?;
    Some(Statement {
        scheme: Scheme::RsaPkcs1(Hash::Sha256),
        message: text.clone(),
        signature: signature.clone(),
    })
}
