//! Logs of certificate transparency, asked as RFC 6962 section 4.2 has it. What they answer is verified where it is used:
//! in `pkic_runtime::transparency`.
use crate::config::{Deployment, Peer};
use crate::failure::Failure;
use crate::http::Service;
use crate::{files, pem};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkic_facts::crypto::{KeyKind, PublicKey};
use pkic_runtime::transparency::TransparencyLog;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Bytes of a file with a log's key: one of RSA in PEM stays far below.
const KEY_LEN_BYTES_MAX: usize = 8 << 10;

/// The logs of a deployment, in the order of their names.
///
/// # Errors
/// [`Failure`] for a key that does not read, a URL without TLS, and for any log where this build asks none.
pub(crate) fn logs(deployment: &Deployment) -> Result<Vec<Box<dyn TransparencyLog>>, Failure> {
    let log = |peer: &Peer<PathBuf>| {
        let (name, spki) = (peer.name.value.clone(), key(&peer.key)?);
        Ok(Box::new(HttpLog { name, spki, service: Service::new(peer)? }) as Box<dyn TransparencyLog>)
    };
    deployment.ct.iter().map(log).collect()
}

/// The subjectPublicKeyInfo of a log from a file: in DER, in PEM, or in base64 as lists of logs have it.
///
/// # Errors
/// [`Failure`] where the file has none, or the key is no log's.
pub(crate) fn key(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = files::read_bytes(path, KEY_LEN_BYTES_MAX)?;
    let decoded = std::str::from_utf8(&bytes).ok().and_then(|text| {
        let digits: String = text.split_whitespace().collect();
        pem::block("PUBLIC KEY", text).or_else(|| STANDARD.decode(digits).ok())
    });
    let spki = decoded.unwrap_or(bytes);
    let kind = PublicKey::from_spki(&spki).map(|key| key.kind);
    match kind {
        Ok(KeyKind::P256 | KeyKind::Rsa) => Ok(spki),
        Ok(_) => {
            Err(Failure::content(path, "a log's key is ECDSA on P-256, or RSA (RFC 6962 section 2.1.4)"))
        }
        Err(_) => Err(Failure::content(path, "it holds no public key in DER, PEM or base64")),
    }
}

struct HttpLog {
    name: String,
    spki: Vec<u8>,
    service: Service,
}

impl TransparencyLog for HttpLog {
    fn name(&self) -> &str {
        &self.name
    }

    fn spki(&self) -> &[u8] {
        &self.spki
    }

    fn add_pre_chain(&self, chain: &[&[u8]]) -> Result<Vec<u8>, String> {
        let chain: Vec<String> = chain.iter().map(|each| STANDARD.encode(each)).collect();
        let body = serde_json::json!({ "chain": chain }).to_string().into_bytes();
        let reply = self.service.post("/ct/v1/add-pre-chain", "application/json", body)?;
        if reply.status != 200 {
            return Err(reply.refusal());
        }
        timestamp(&reply.body).map_err(|what| format!("its answer is no timestamp: {what}"))
    }
}

/// The members of an answer. Source: RFC 6962 section 4.1.
#[derive(Deserialize)]
struct Answer {
    sct_version: u8,
    id: String,
    timestamp: u64,
    extensions: String,
    signature: String,
}

/// The SignedCertificateTimestamp of an answer as TLS writes it. Source: RFC 6962 section 3.2.
fn timestamp(answer: &[u8]) -> Result<Vec<u8>, String> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    let octets =
        |name: &str, text: &str| STANDARD.decode(text).map_err(|_| format!("its `{name}` is no base64"));
    let id = octets("id", &answer.id)?;
    let extensions = octets("extensions", &answer.extensions)?;
    // Algorithms, length and signature: a DigitallySigned of TLS already.
    let signature = octets("signature", &answer.signature)?;
    if id.len() != 32 {
        return Err(format!("its `id` has {} octets, and SHA-256 has 32", id.len()));
    }
    let len = u16::try_from(extensions.len()).map_err(|_| "its `extensions` are too long")?;
    let parts: [&[u8]; 6] = [
        &[answer.sct_version],
        &id,
        &answer.timestamp.to_be_bytes(),
        &len.to_be_bytes(),
        &extensions,
        &signature,
    ];
    Ok(parts.concat())
}
