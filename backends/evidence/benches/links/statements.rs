//! Statements that are no certificates, taken apart without pkic: messages with what is said to be a signature over them.
//! Whose key signed is left open: the bench tries those that the sample and its anchors hold.
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use ciborium::Value;
use pkic_evidence::tpm::structures::Signature;
use pkic_facts::crypto::{Hash, Scheme, ecdsa_der_of_fixed};
use pkic_facts::der;
use std::io::Read as _;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, Pem};

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

/// SubjectPublicKeyInfo of a P-256 key: what it begins with, and how long it is.
const P256_HEAD: [u8; 13] = [0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256_SPKI_LEN: usize = 91;

/// The statements of these parts, in every form that is known here.
pub fn of_parts(parts: &[Vec<u8>]) -> Vec<Statement> {
    let mut found = Vec::new();
    for part in parts {
        if let Ok(value) = ciborium::from_reader::<Value, _>(part.as_slice()) {
            messages_in(&value, &mut |message| found.extend(message));
            found.extend(of_parsec(&value));
        }
        found.extend(of_jws(part));
        found.extend(of_signed_data(part));
        found.extend(of_claims(part));
        found.extend(of_module(part));
        found.extend(of_document(part));
        found.extend(of_token(part));
    }
    found.extend(of_text(parts));
    found.extend(of_registration(parts));
    found
}

/// Keys that stand in parts by themselves: in PEM or inside it, in a request, or as a point, COSE_Key
/// or text inside CBOR.
pub fn keys_in(parts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for part in parts {
        for block in Pem::iter_from_buffer(part).filter_map(Result::ok) {
            let windows = block.contents.windows(P256_SPKI_LEN);
            found.extend(windows.filter(|window| window.starts_with(&P256_HEAD)).map(<[u8]>::to_vec));
            found.extend((block.label == "PUBLIC KEY").then_some(block.contents));
        }
        if let Ok(value) = ciborium::from_reader::<Value, _>(part.as_slice()) {
            points_in(&value, &mut found);
        }
        if let Ok((_, request)) = X509CertificationRequest::from_der(part) {
            found.push(request.certification_request_info.subject_pki.raw.to_vec());
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
        Value::Text(text) => {
            let blocks = Pem::iter_from_buffer(text.as_bytes()).filter_map(Result::ok);
            found.extend(blocks.map(|block| block.contents).chain(STANDARD.decode(text)));
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

/// The two tokens of Parsec: the signature is one of TPM 2.0.
fn of_parsec(tokens: &Value) -> Vec<Statement> {
    let of_token = |name: &str, attested: &str| {
        let token = member(tokens, name)?;
        let signature = Signature::read(member(token, "sig")?.as_bytes()?).ok()?;
        let message = member(token, attested)?.as_bytes()?.clone();
        Some(Statement { scheme: signature.scheme(), message, signature: signature.octets() })
    };
    [of_token("kat", "certInfo"), of_token("pat", "attestInfo")].into_iter().flatten().collect()
}

/// The value of a text label.
fn member<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    map.as_map()?.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
}

/// A JSON Web Token with ES256.
fn of_jws(part: &[u8]) -> Option<Statement> {
    let (message, signature) = std::str::from_utf8(part).ok()?.trim_end().rsplit_once('.')?;
    let signature = ecdsa_der_of_fixed(&URL_SAFE_NO_PAD.decode(signature).ok()?, 32)?;
    Some(Statement { scheme: Scheme::Ecdsa(Hash::Sha256), message: message.as_bytes().to_vec(), signature })
}

/// A certification declaration of Matter: a SignedData without signed attributes.
fn of_signed_data(part: &[u8]) -> Option<Statement> {
    let what = "SignedData";
    let elements = |bytes| der::elements(what, bytes, 8).ok();
    let outer = elements(der::only(what, der::SEQUENCE, part).ok()?)?;
    let fields = elements(der::only(what, der::SEQUENCE, outer.get(1)?.content).ok()?)?;
    let content = elements(elements(fields.get(2)?.content)?.get(1)?.content)?;
    let signer = elements(der::only(what, der::SEQUENCE, fields.last()?.content).ok()?)?;
    let signature = signer.last().filter(|field| field.tag == der::OCTET_STRING)?;
    Some(Statement {
        scheme: Scheme::Ecdsa(Hash::Sha256),
        message: content.first()?.content.to_vec(),
        signature: signature.content.to_vec(),
    })
}

/// The claims of a Crypto4A module, which are signed twice.
fn of_claims(part: &[u8]) -> Vec<Statement> {
    let read = || {
        let what = "claims";
        let fields = der::elements(what, der::only(what, der::SEQUENCE, part).ok()?, 4).ok()?;
        let blocks = der::elements(what, fields.get(2)?.content, 2).ok()?;
        let claims = fields.get(1)?.raw;
        let of_block = |block: &der::Element<'_>| {
            let fields = der::elements(what, block.content, 3).ok()?;
            let [_, algorithm, signature] = fields.as_slice() else { return None };
            Some(Statement {
                scheme: Scheme::from_algorithm_identifier(algorithm.raw).unwrap_or(Scheme::HssLms),
                message: claims.to_vec(),
                signature: signature.content.get(1..)?.to_vec(),
            })
        };
        Some(blocks.iter().filter_map(of_block).collect::<Vec<Statement>>())
    };
    read().unwrap_or_default()
}

/// What a U2F token signed, put together again: its registration is another message than that of WebAuthn.
fn of_registration(parts: &[Vec<u8>]) -> Option<Statement> {
    let (object, client_data) = parts.iter().find_map(|part| {
        let object: Value = ciborium::from_reader(part.as_slice()).ok()?;
        Some((object, parts.iter().find(|other| *other != part)?))
    })?;
    let data = member(&object, "authData")?.as_bytes()?;
    let id_len = usize::from(u16::from_be_bytes([*data.get(53)?, *data.get(54)?]));
    let (id, key) = data.get(55..)?.split_at_checked(id_len)?;
    let key: Value = ciborium::from_reader(key).ok()?;
    let coordinate = |label: i64| {
        let mut at = key.as_map()?.iter().filter(|(key, _)| key.as_integer() == Some(label.into()));
        at.next()?.1.as_bytes().cloned()
    };
    let (x, y) = (coordinate(-2)?, coordinate(-3)?);
    let hash = Hash::Sha256.digest(client_data);
    let message = [[0].as_slice(), data.get(..32)?, &hash, id, &[4], &x, &y].concat();
    let signature = member(member(&object, "attStmt")?, "sig")?.as_bytes()?.clone();
    Some(Statement { scheme: Scheme::Ecdsa(Hash::Sha256), message, signature })
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
