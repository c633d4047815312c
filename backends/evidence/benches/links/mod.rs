//! The signatures below an anchor that a sample's appraisal rests on, taken apart without pkic: certificates are found in
//! its bytes and read by x509-parser.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value;
use pkic_evidence::tpm::public::Public;
use pkic_evidence::tpm::structures::Signature;
use pkic_facts::anchors::AnchorSet;
use pkic_facts::crypto::{Hash, Scheme, Sha256Digest, Strength, verify_signature};
use pkic_facts::verified::trail::Step;
use statements::Statement;
use std::collections::BTreeSet;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::{FromDer, Pem};

mod statements;

/// A signature, with everything that its check takes.
pub struct Link {
    spki: Vec<u8>,
    scheme: Scheme,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Link {
    pub fn is_valid(&self) -> bool {
        let Link { spki, scheme, message, signature } = self;
        verify_signature(spki, *scheme, Strength::LegacyTolerated, message, signature).is_ok()
    }
}

/// The signatures that an appraisal rests on by its own trail, or nothing where one of them is not found here.
pub fn of_trail(format: &str, parts: &[Vec<u8>], anchors: &AnchorSet, trail: &[Step]) -> Option<Vec<Link>> {
    // One message may be signed twice, by two schemes.
    let mut wanted: BTreeSet<(Sha256Digest, Option<&str>)> = BTreeSet::new();
    for step in trail {
        match step {
            Step::Path(chain) => {
                let digests = chain.certificates().map(|one| Sha256Digest::of(one.tbs().raw()));
                wanted.extend(digests.map(|digest| (digest, None)));
            }
            Step::Signed(signed) => {
                wanted.insert((signed.digest(), Some(signed.scheme().name())));
            }
            Step::Enrolled(_) | Step::Activated(_) | Step::Hashed(_) => {}
        }
    }
    let known = of_certificates(parts, anchors).into_iter().chain(of_statement(format, parts));
    let mut links = Vec::new();
    for link in known.chain(of_any_key(parts, anchors)) {
        let digest = Sha256Digest::of(&link.message);
        let is_wanted = |scheme| wanted.contains(&(digest, scheme));
        let named = [Some(link.scheme.name()), None].into_iter().find(|scheme| is_wanted(*scheme));
        if let Some(scheme) = named.filter(|_| link.is_valid()) {
            wanted.remove(&(digest, scheme));
            links.push(link);
        }
    }
    wanted.is_empty().then_some(links)
}

/// Statements whose signer is found by trying every key of the sample and its anchors.
fn of_any_key(parts: &[Vec<u8>], anchors: &AnchorSet) -> Vec<Link> {
    let carried: Vec<Vec<u8>> = parts.iter().flat_map(|part| certificates_in(part)).collect();
    let mut keys: Vec<Vec<u8>> = carried.iter().map(|der| parsed(der).public_key().raw.to_vec()).collect();
    keys.extend(anchors.candidates().iter().map(|candidate| candidate.tbs().spki().to_vec()));
    keys.extend(anchors.anchors().iter().map(|anchor| anchor.spki().to_vec()));
    keys.extend(anchors.public_keys().map(<[u8]>::to_vec));
    keys.extend(statements::keys_in(parts));
    // Certificates whose issuer is not there by its name, or which the operator has.
    let candidates = anchors.candidates().iter().map(|candidate| candidate.raw());
    let certificates = carried.iter().map(Vec::as_slice).chain(candidates).map(parsed);
    let certificates = certificates.filter_map(|certificate| certificate_link(&certificate, &[]));
    let certificates =
        certificates.map(|Link { scheme, message, signature, .. }| Statement { scheme, message, signature });
    let mut links = Vec::new();
    for Statement { scheme, message, signature } in
        statements::of_parts(parts).into_iter().chain(certificates)
    {
        let link = |spki: &Vec<u8>| Link {
            spki: spki.clone(),
            scheme,
            message: message.clone(),
            signature: signature.clone(),
        };
        links.extend(keys.iter().map(link).find(Link::is_valid));
    }
    links
}

/// The links between the certificates of these parts, and from them to an anchor.
fn of_certificates(parts: &[Vec<u8>], anchors: &AnchorSet) -> Vec<Link> {
    let carried: Vec<Vec<u8>> = parts.iter().flat_map(|part| certificates_in(part)).collect();
    let candidates: Vec<&[u8]> = anchors.candidates().iter().map(|candidate| candidate.raw()).collect();
    let issuers: Vec<X509Certificate<'_>> =
        carried.iter().map(Vec::as_slice).chain(candidates).map(parsed).collect();
    let mut waiting: Vec<usize> = (0..carried.len()).collect();
    let mut seen: Vec<&[u8]> = Vec::new();
    let mut links = Vec::new();
    while let Some(index) = waiting.pop() {
        let child = &issuers[index];
        let is_anchor = anchors.anchors().iter().any(|anchor| anchor.spki() == child.public_key().raw);
        let is_self_signed = child.subject() == child.issuer()
            && certificate_link(child, child.public_key().raw).is_some_and(|link| link.is_valid());
        if is_anchor || is_self_signed || seen.contains(&child.tbs_certificate.as_ref()) {
            continue;
        }
        seen.push(child.tbs_certificate.as_ref());
        let of_anchor = anchors.anchors().iter().filter(|anchor| anchor.subject() == child.issuer().as_raw());
        let link = of_anchor.filter_map(|anchor| certificate_link(child, anchor.spki())).find(Link::is_valid);
        if let Some(link) = link {
            links.push(link);
            continue;
        }
        let named = issuers.iter().enumerate().filter(|(_, issuer)| issuer.subject() == child.issuer());
        let mut found =
            named.filter_map(|(at, issuer)| Some((at, certificate_link(child, issuer.public_key().raw)?)));
        if let Some((at, link)) = found.find(|(_, link)| link.is_valid()) {
            links.push(link);
            waiting.push(at);
        }
    }
    links
}

/// The signature over the statement, in formats whose statement is no certificate.
fn of_statement(format: &str, parts: &[Vec<u8>]) -> Option<Link> {
    match format {
        "webauthn-tpm" | "webauthn-android-key" | "webauthn-packed" => of_webauthn(format, parts),
        "tpm2-certify" | "tpm2-certify-creation" | "tpm2-quote" => of_tpm(&parts[0]),
        _ => None,
    }
}

fn of_webauthn(format: &str, parts: &[Vec<u8>]) -> Option<Link> {
    let (object, client_data) =
        if parts[0].starts_with(b"{") { (&parts[1], &parts[0]) } else { (&parts[0], &parts[1]) };
    let object: Value = ciborium::from_reader(object.as_slice()).ok()?;
    let field = |map: &Value, name: &str| {
        map.as_map()?.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value.clone())
    };
    let statement = field(&object, "attStmt")?;
    let bytes = |map: &Value, name: &str| field(map, name)?.into_bytes().ok();
    let certificate = field(&statement, "x5c")?.into_array().ok()?.remove(0).into_bytes().ok()?;
    let scheme = match i128::from(field(&statement, "alg")?.as_integer()?) {
        -7 => Scheme::Ecdsa(Hash::Sha256),
        -257 => Scheme::RsaPkcs1(Hash::Sha256),
        -65_535 => Scheme::RsaPkcs1(Hash::Sha1),
        _ => return None,
    };
    let message = match format {
        "webauthn-tpm" => bytes(&statement, "certInfo")?,
        _ => [bytes(&object, "authData")?, Sha256Digest::of(client_data).0.to_vec()].concat(),
    };
    let spki = parsed(&certificate).public_key().raw.to_vec();
    Some(Link { spki, scheme, message, signature: bytes(&statement, "sig")? })
}

fn of_tpm(container: &[u8]) -> Option<Link> {
    let json: serde_json::Value = serde_json::from_slice(container).ok()?;
    let member = |value: &serde_json::Value| STANDARD.decode(value.as_str()?).ok();
    let spki = match json.get("ak-chain") {
        Some(chain) => parsed(&member(&chain[0])?).public_key().raw.to_vec(),
        None => Public::read(&member(&json["ak-public"])?).ok()?.spki(),
    };
    let signature = Signature::read(&member(&json["signature"])?).ok()?;
    Some(Link {
        spki,
        scheme: signature.scheme(),
        message: member(&json["attest"])?,
        signature: signature.octets(),
    })
}

fn certificate_link(child: &X509Certificate<'_>, issuer_spki: &[u8]) -> Option<Link> {
    let scheme = match child.signature_algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.5" => Scheme::RsaPkcs1(Hash::Sha1),
        "1.2.840.113549.1.1.11" => Scheme::RsaPkcs1(Hash::Sha256),
        "1.2.840.113549.1.1.12" => Scheme::RsaPkcs1(Hash::Sha384),
        "1.2.840.113549.1.1.13" => Scheme::RsaPkcs1(Hash::Sha512),
        "1.2.840.10045.4.3.2" => Scheme::Ecdsa(Hash::Sha256),
        "1.2.840.10045.4.3.3" => Scheme::Ecdsa(Hash::Sha384),
        "1.2.840.10045.4.3.4" => Scheme::Ecdsa(Hash::Sha512),
        "1.3.101.112" => Scheme::Ed25519,
        "2.16.840.1.101.3.4.3.18" => Scheme::MlDsa65,
        _ => return None,
    };
    Some(Link {
        spki: issuer_spki.to_vec(),
        scheme,
        message: child.tbs_certificate.as_ref().to_vec(),
        signature: child.signature_value.data.to_vec(),
    })
}

fn parsed(der: &[u8]) -> X509Certificate<'_> {
    X509Certificate::from_der(der).map(|(_, certificate)| certificate).unwrap()
}

/// Every certificate that stands anywhere in a part: in PEM, in base64 inside JSON, or in DER inside anything else.
fn certificates_in(part: &[u8]) -> Vec<Vec<u8>> {
    let texts = match serde_json::from_slice(part) {
        Ok(json) => strings_in(&json),
        Err(_) => Vec::new(),
    };
    let decoded = texts.iter().filter_map(|text| STANDARD.decode(text).ok());
    let blocks = Pem::iter_from_buffer(part).filter_map(Result::ok).map(|block| block.contents);
    decoded.chain(blocks).chain([part.to_vec()]).flat_map(|bytes| scan(&bytes)).collect()
}

fn strings_in(json: &serde_json::Value) -> Vec<String> {
    match json {
        serde_json::Value::String(text) => vec![text.clone()],
        serde_json::Value::Array(items) => items.iter().flat_map(strings_in).collect(),
        serde_json::Value::Object(members) => members.values().flat_map(strings_in).collect(),
        _ => Vec::new(),
    }
}

fn scan(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match X509Certificate::from_der(&bytes[at..]) {
            Ok((rest, _)) if bytes[at..].starts_with(&[0x30, 0x82]) => {
                let end = bytes.len() - rest.len();
                found.push(bytes[at..end].to_vec());
                at = end;
            }
            _ => at += 1,
        }
    }
    found
}
