//! Real evidence with one thing exchanged for its like: a certificate, the request, the nonce, the root.
//!
//! Every expectation that is verified takes part, those of formats to come as well. Certificates are found wherever they
//! stand: in PEM and DER, in base64 in JSON, and in byte strings of CBOR, one inside the other.

use crate::support;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use ciborium::Value as Cbor;
use pkic_facts::anchors::{Anchor, AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{KeyKind, PublicKey, Sha256Digest};
use pkic_facts::der;
use pkic_facts::reject::Reject;
use rcgen::{CertificateParams, KeyPair, PublicKeyData, SigningKey};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use support::{Case, appraise_with, cases, graded};

type FactsShown = BTreeMap<String, (String, String)>;
/// Takes each certificate that is found, and gives another for it or nothing.
type Exchange<'a> = &'a mut dyn FnMut(&[u8]) -> Option<Vec<u8>>;

/// Encodings inside of one another: JSON, base64, CBOR, a certificate.
const DEPTH_MAX: usize = 12;

fn verified() -> Vec<Case> {
    let found: Vec<Case> =
        cases().into_iter().filter(|case| case.expectation.expect.verdict == "verified").collect();
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!is_ci || found.len() > 20, "the samples have gone missing");
    found
}

/// What is known. That possession is not proven is no more than was known before.
fn known(case: &Case, parts: &[Vec<u8>], request: Option<&[u8]>) -> FactsShown {
    let mut facts = graded(case.appraise(parts, request).facts.table());
    facts.retain(|path, fact| path != "request.proof-of-possession" || fact.1 != "false");
    facts
}

/// What these facts say that the others do not. A list that ends earlier says less: the layers of a device of which the
/// last one's certificate is gone are those up to another key.
fn beyond<'a>(facts: &'a FactsShown, held: &FactsShown) -> Option<(&'a String, &'a String)> {
    let is_held = |path: &String, (basis, value): &(String, String)| {
        let Some((held_basis, held)) = held.get(path) else { return false };
        let shorter = value.strip_suffix(']').is_some_and(|start| held.starts_with(start));
        basis == held_basis && (value == held || shorter)
    };
    facts.iter().find(|(path, fact)| !is_held(path, fact)).map(|(path, fact)| (path, &fact.1))
}

// One certificate for another.

/// The bytes with whatever `exchange` gives, or nothing where it gives nothing.
fn rewrite(bytes: &[u8], depth: usize, exchange: Exchange<'_>) -> Option<Vec<u8>> {
    if depth > DEPTH_MAX || bytes.len() < 64 {
        return None;
    }
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace())? {
        0x30 if Certificate::from_der(bytes).is_ok() => exchange(bytes),
        0x30 => rewrite_der(bytes, depth, exchange),
        b'{' | b'[' if std::str::from_utf8(bytes).is_ok() => rewrite_json(bytes, depth, exchange),
        0x80..=0xdf => rewrite_cbor(bytes, depth, exchange),
        _ => rewrite_pem(bytes, depth, exchange),
    }
}

fn rewrite_der(bytes: &[u8], depth: usize, exchange: Exchange<'_>) -> Option<Vec<u8>> {
    let (mut out, mut rest, mut is_changed) = (Vec::new(), bytes, false);
    while !rest.is_empty() {
        let (element, after) = der::read("any", rest).ok()?;
        let head = u8::try_from(element.tag).ok();
        let content = match head {
            Some(0x30) if Certificate::from_der(element.raw).is_ok() => {
                let other = exchange(element.raw);
                is_changed |= other.is_some();
                out.extend(other.as_deref().unwrap_or(element.raw));
                rest = after;
                continue;
            }
            Some(tag) if tag & 0x20 != 0 => rewrite_der(element.content, depth + 1, exchange),
            Some(0x04) => rewrite(element.content, depth + 1, exchange),
            _ => None,
        };
        match (content, head) {
            (Some(content), Some(tag)) => {
                is_changed = true;
                out.extend(tlv(tag, &content));
            }
            _ => out.extend(element.raw),
        }
        rest = after;
    }
    is_changed.then_some(out)
}

fn rewrite_pem(bytes: &[u8], depth: usize, exchange: Exchange<'_>) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (mut out, mut rest, mut is_changed) = (String::new(), text, false);
    while let Some(start) = rest.find("-----BEGIN ") {
        let (before, block) = rest.split_at(start);
        let label = block.strip_prefix("-----BEGIN ")?.split_once("-----")?.0;
        let (head, tail) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
        let (body, after) = block.strip_prefix(&head)?.split_once(&tail)?;
        let contents = STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok();
        out.push_str(before);
        match contents.and_then(|contents| rewrite(&contents, depth + 1, exchange)) {
            Some(contents) => {
                is_changed = true;
                let lines = STANDARD.encode(contents);
                let lines: Vec<&str> =
                    lines.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
                out.push_str(&format!("{head}\n{}\n{tail}", lines.join("\n")));
            }
            None => out.push_str(&format!("{head}{body}{tail}")),
        }
        rest = after;
    }
    out.push_str(rest);
    is_changed.then(|| out.into_bytes())
}

fn rewrite_json(bytes: &[u8], depth: usize, exchange: Exchange<'_>) -> Option<Vec<u8>> {
    let mut json: Json = serde_json::from_slice(bytes).ok()?;
    rewrite_json_value(&mut json, depth, exchange).then(|| json.to_string().into_bytes())
}

fn rewrite_json_value(json: &mut Json, depth: usize, exchange: Exchange<'_>) -> bool {
    let mut is_changed = false;
    match json {
        Json::Array(items) => {
            items.iter_mut().for_each(|item| is_changed |= rewrite_json_value(item, depth, exchange))
        }
        Json::Object(map) => {
            map.values_mut().for_each(|value| is_changed |= rewrite_json_value(value, depth, exchange));
        }
        Json::String(text) => {
            if let Some(changed) = rewrite_text(text, depth, exchange) {
                (*text, is_changed) = (changed, true);
            }
        }
        _ => {}
    }
    is_changed
}

/// A text member: PEM, or base64 of any of three kinds.
fn rewrite_text(text: &str, depth: usize, exchange: Exchange<'_>) -> Option<String> {
    if text.contains("-----BEGIN ") {
        return rewrite_pem(text.as_bytes(), depth, exchange).map(|pem| String::from_utf8(pem).unwrap());
    }
    let engines: [&GeneralPurpose; 3] = [&STANDARD, &URL_SAFE, &URL_SAFE_NO_PAD];
    let (engine, bytes) = engines.into_iter().find_map(|engine| Some((engine, engine.decode(text).ok()?)))?;
    rewrite(&bytes, depth + 1, exchange).map(|bytes| engine.encode(bytes))
}

fn rewrite_cbor(bytes: &[u8], depth: usize, exchange: Exchange<'_>) -> Option<Vec<u8>> {
    let mut rest = bytes;
    let mut value: Cbor = ciborium::from_reader(&mut rest).ok()?;
    if !rest.is_empty() || !rewrite_cbor_value(&mut value, depth, exchange) {
        return None;
    }
    let mut out = Vec::new();
    ciborium::into_writer(&value, &mut out).unwrap();
    Some(out)
}

fn rewrite_cbor_value(value: &mut Cbor, depth: usize, exchange: Exchange<'_>) -> bool {
    let mut is_changed = false;
    match value {
        Cbor::Bytes(bytes) => {
            if let Some(changed) = rewrite(bytes, depth + 1, exchange) {
                (*bytes, is_changed) = (changed, true);
            }
        }
        Cbor::Array(items) => {
            items.iter_mut().for_each(|item| is_changed |= rewrite_cbor_value(item, depth, exchange))
        }
        Cbor::Map(pairs) => {
            pairs.iter_mut().for_each(|(_, value)| is_changed |= rewrite_cbor_value(value, depth, exchange));
        }
        Cbor::Tag(_, inner) => is_changed = rewrite_cbor_value(inner, depth, exchange),
        _ => {}
    }
    is_changed
}

/// Every certificate in an item, in order.
fn certificates(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    rewrite(bytes, 0, &mut |certificate| {
        found.push(certificate.to_vec());
        None
    });
    found
}

/// The item with the certificate at that place exchanged.
fn with_other(bytes: &[u8], place: usize, other: &[u8]) -> Option<Vec<u8>> {
    let mut at = 0;
    rewrite(bytes, 0, &mut |_| {
        at += 1;
        (at == place + 1).then(|| other.to_vec())
    })
}

/// A certificate and the samples that carry it.
struct Donor {
    certificate: Vec<u8>,
    /// Index of each case.
    cases: Vec<usize>,
}

fn donors(cases: &[Case]) -> Vec<Donor> {
    let mut donors: Vec<Donor> = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        for certificate in case.parts.iter().flat_map(|part| certificates(part)) {
            match donors.iter_mut().find(|donor| donor.certificate == certificate) {
                Some(donor) => donor.cases.push(index),
                None => donors.push(Donor { certificate, cases: vec![index] }),
            }
        }
    }
    donors
}

/// Whether the item is one certificate and nothing else: another in its place is another item, and no mixture.
fn is_one_certificate(case: &Case) -> bool {
    match case.parts.as_slice() {
        [part] => Certificate::all_from_file(part).is_ok_and(|found| found.len() == 1),
        _ => false,
    }
}

/// A mixture of two samples says nothing that neither of them says: it says what the other one does where the certificate
/// is all that the other one rests on, and then nothing of both.
#[test]
fn a_certificate_of_another_sample_yields_no_more() {
    let cases = verified();
    let originals: Vec<FactsShown> =
        cases.iter().map(|case| known(case, &case.parts, case.request.as_deref())).collect();
    let donors = donors(&cases);
    let (mut swaps, mut places, mut failures) = (0usize, 0usize, Vec::new());
    for (index, case) in cases.iter().enumerate().filter(|(_, case)| !is_one_certificate(case)) {
        for (part, bytes) in case.parts.iter().enumerate() {
            let is_request = case.request.as_deref() == Some(bytes);
            for (place, certificate) in certificates(bytes).iter().enumerate() {
                places += 1;
                // All of the same format, and one of each other.
                let mut formats: Vec<&str> = Vec::new();
                for donor in donors.iter().filter(|donor| donor.certificate != *certificate) {
                    let format = cases[donor.cases[0]].expectation.format.as_str();
                    if format != case.expectation.format && formats.contains(&format) {
                        continue;
                    }
                    formats.push(format);
                    let other =
                        with_other(bytes, place, &donor.certificate).expect("a certificate that was found");
                    let mut parts = case.parts.clone();
                    parts[part].clone_from(&other);
                    let request = if is_request { Some(other.as_slice()) } else { case.request.as_deref() };
                    let facts = known(case, &parts, request);
                    // Alone, the other one may be evidence of a format of its own.
                    let alone = known(case, std::slice::from_ref(&donor.certificate), None);
                    let mut bounds = donor.cases.iter().map(|other| &originals[*other]).chain([&alone]);
                    let is_of_donor = bounds.any(|bounds| beyond(&facts, bounds).is_none());
                    let gained = beyond(&facts, &originals[index]);
                    if let Some(gained) = gained.filter(|_| !is_of_donor) {
                        let donor = &cases[donor.cases[0]].name;
                        failures.push(format!(
                            "{}: certificate {place} of part {part} from {donor}: {gained:?}",
                            case.name
                        ));
                    }
                    swaps += 1;
                }
            }
        }
    }
    eprintln!("{swaps} swaps at {places} places of {} samples", cases.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(cases.len() < 20 || places > 50, "certificates are not found any more");
}

// The request of another key.

#[test]
fn a_request_for_another_key_is_refused() {
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap();
    let mut failures = Vec::new();
    for case in verified() {
        let answer = case.appraise(&case.parts, Some(request.der()));
        let stage = answer.verdict.stage().map(|stage| stage.name());
        let is_inside = case.parts.iter().any(|part| case.request.as_ref() == Some(part));
        let no_key = Reject::FieldMissing { field: "attested key" };
        // Evidence inside of a request is not looked for in another, and some platforms attest no key.
        let is_refused = match is_inside || answer.verdict.reason() == Some(&no_key) {
            true => stage.is_some(),
            false => stage == Some("binding"),
        };
        if !is_refused || !support::attested(answer.facts.table()).is_empty() {
            failures.push(format!("{}: {:?}", case.name, answer.verdict));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

// Another nonce.

#[test]
fn another_nonce_is_refused() {
    for case in verified() {
        let Some(mut nonce) = case.nonce.clone() else { continue };
        *nonce.last_mut().unwrap() ^= 1;
        let (request, activation) = (case.request.as_deref(), case.activation.as_ref());
        let answer = appraise_with(&case.parts, request, &case.anchors, Some(&nonce), case.now, activation);
        let was = &case.expectation.expect.facts["evidence.freshness"].1;
        match was.as_str() {
            "nonce" => {
                let stage = answer.verdict.stage().map(|stage| stage.name());
                assert_eq!(stage, Some("freshness"), "{}: {:?}", case.name, answer.verdict);
            }
            "request-nonce" => assert_ne!(answer.freshness(), Some("request-nonce"), "{}", case.name),
            other => assert_eq!(answer.freshness(), Some(other), "{}", case.name),
        }
    }
}

// A root of the same name and another key.

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let octets: Vec<u8> = length.into_iter().skip_while(|octet| *octet == 0).collect();
    let head = match content.len() {
        0..0x80 => vec![tag, u8::try_from(content.len()).unwrap()],
        _ => [vec![tag, 0x80 | u8::try_from(octets.len()).unwrap()], octets].concat(),
    };
    [&head, content].concat()
}

/// A key of the same kind, so that nothing but the signature tells.
fn key_like(spki: &[u8], made: &mut HashMap<KeyKind, KeyPair>) -> Option<KeyKind> {
    let kind = PublicKey::from_spki(spki).ok()?.kind;
    let algorithm = match kind {
        KeyKind::Rsa => &rcgen::PKCS_RSA_SHA256,
        KeyKind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        KeyKind::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        KeyKind::P521 => &rcgen::PKCS_ECDSA_P521_SHA512,
        KeyKind::Ed25519 => &rcgen::PKCS_ED25519,
        _ => return None,
    };
    made.entry(kind).or_insert_with(|| KeyPair::generate_for(algorithm).unwrap());
    Some(kind)
}

/// A self-signed certificate with the anchor's name, byte for byte.
fn impostor(anchor: &Anchor, key: &KeyPair, kind: KeyKind) -> Vec<u8> {
    let algorithm: &[u8] = match kind {
        KeyKind::Rsa => b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00",
        KeyKind::P256 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02",
        KeyKind::P384 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03",
        KeyKind::P521 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04",
        _ => b"\x30\x05\x06\x03\x2b\x65\x70",
    };
    let validity = tlv(0x30, &[tlv(0x17, b"000101000000Z"), tlv(0x17, b"491231235959Z")].concat());
    let spki = key.subject_public_key_info();
    let tbs = [&[2, 1, 1][..], algorithm, anchor.subject(), &validity, anchor.subject(), &spki].concat();
    let tbs = tlv(0x30, &tbs);
    let signature = tlv(3, &[&[0][..], &key.sign(&tbs).unwrap()].concat());
    tlv(0x30, &[&tbs[..], algorithm, &signature].concat())
}

/// The anchors with an impostor for each, for the same purposes; keys that are enrolled by themselves are left out.
fn impostors(anchors: &AnchorSet, made: &mut HashMap<KeyKind, KeyPair>) -> Option<AnchorSet> {
    let mut files: Vec<Vec<u8>> = anchors.candidates().iter().map(|other| other.raw().to_vec()).collect();
    let mut listing = String::new();
    for anchor in anchors.anchors() {
        let kind = key_like(anchor.spki(), made)?;
        let key = &made[&kind];
        files.push(impostor(anchor, key, kind));
        let spki = Sha256Digest::of(&key.subject_public_key_info()).to_string();
        if !listing.contains(&spki) {
            listing.push_str(&format!(
                "[[anchor]]\nname = \"impostor\"\nspki = \"{spki}\"\npurpose = \"production\"\n"
            ));
        }
    }
    let files: Vec<AnchorFile<'_>> = files.iter().map(|bytes| AnchorFile { name: "file", bytes }).collect();
    Some(AnchorSet::load(&files, &listing).unwrap())
}

#[test]
fn a_root_of_the_same_name_and_another_key_is_refused() {
    let mut made = HashMap::new();
    for case in verified() {
        let impostors = impostors(&case.anchors, &mut made);
        let Some(anchors) = impostors.filter(|anchors| !anchors.anchors().is_empty()) else { continue };
        assert_eq!(anchors.anchors().len(), case.anchors.anchors().len(), "{}", case.name);
        let (request, nonce) = (case.request.as_deref(), case.nonce.as_deref());
        let answer = appraise_with(&case.parts, request, &anchors, nonce, case.now, case.activation.as_ref());
        let stage = answer.verdict.stage().map(|stage| stage.name());
        assert_eq!(stage, Some("path"), "{}: {:?}", case.name, answer.verdict);
        assert!(support::attested(answer.facts.table()).is_empty(), "{}", case.name);
    }
}
