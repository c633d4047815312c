//! One key version, its signatures, and the attestation of the pool that holds it.
use crate::facts::Bundle;
use crate::service::{API_VERSION, ATTESTATION_API_VERSION, Service};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::observed::Observed;
use pkic_backend::store::{Attester, Signer, schemes_of};
use pkic_backend::uri::{KeyUri, UriScheme};
use pkic_backend_rest::document::{Document, unfit};
use pkic_facts::crypto::{Hash, KeyKind, Scheme, ecdsa_der_of_fixed};
use serde_json::json;
use std::sync::Arc;

/// A key version.
pub(crate) struct AzureKey {
    service: Arc<Service>,
    uri: KeyUri,
    at: String,
    name: String,
    kid: String,
    kind: KeyKind,
}

impl AzureKey {
    /// Opens a version of the key of that name, or its current one.
    ///
    /// # Errors
    /// [`StoreError`] where there is none, or it is not to be used.
    pub(crate) fn open(
        service: Arc<Service>,
        uri: &KeyUri,
        name: &str,
        version: Option<&str>,
    ) -> Result<AzureKey, StoreError> {
        let at = uri.to_string();
        let path = format!("/keys/{name}/{}?{API_VERSION}", version.unwrap_or_default());
        let answer = Document::read(&service.call(&at, &path, None)?, &at)?;
        let bundle = Bundle::read(&answer, &at, &service.base, name)?;
        let kid = format!("{}/keys/{name}/{}", service.base, bundle.version);
        if version.is_some_and(|version| version != bundle.version) {
            return Err(unfit(&at, "the answer is about another version"));
        }
        let uri = uri_of(&service, name, &bundle.version);
        Ok(AzureKey { at: uri.to_string(), uri, name: name.to_owned(), kid, kind: bundle.kind, service })
    }

    /// What the version's resource says now.
    fn bundle(&self) -> Result<Bundle, StoreError> {
        let answer = self.service.call(&self.at, &format!("{}?{API_VERSION}", self.path()), None)?;
        let answer = Document::read(&answer, &self.at)?;
        answer.is_about("/key/kid", &self.kid)?;
        let bundle = Bundle::read(&answer, &self.at, &self.service.base, &self.name)?;
        if bundle.kind != self.kind {
            return Err(unfit(&self.at, "the key is of another kind than it was"));
        }
        Ok(bundle)
    }

    fn path(&self) -> &str {
        self.kid.strip_prefix(&self.service.base).unwrap_or_default()
    }
}

impl Signer for AzureKey {
    fn uri(&self) -> &KeyUri {
        &self.uri
    }

    fn spki(&self) -> Result<Vec<u8>, StoreError> {
        self.bundle().map(|bundle| bundle.spki)
    }

    fn schemes(&self) -> Result<Vec<Scheme>, StoreError> {
        self.bundle().map(|bundle| schemes_of(bundle.kind).to_vec())
    }

    fn observed(&self) -> Result<Observed, StoreError> {
        self.bundle().map(|bundle| bundle.observed(self.service.is_managed_hsm))
    }

    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        let named = algorithm(scheme).filter(|_| schemes_of(self.kind).contains(&scheme));
        let (name, hash) = named.ok_or_else(|| StoreError::scheme_unsupported(&self.uri, scheme))?;
        let body = json!({ "alg": name, "value": URL_SAFE_NO_PAD.encode(hash.digest(message)) });
        let path = format!("{}/sign?{API_VERSION}", self.path());
        let answer = Document::read(&self.service.call(&self.at, &path, Some(&body))?, &self.at)?;
        answer.is_about("/kid", &self.kid)?;
        let signature = answer.base64url("/value")?;
        let width = match self.kind {
            KeyKind::P256 => 32,
            KeyKind::P384 => 48,
            KeyKind::P521 => 66,
            _ => return Ok(signature),
        };
        ecdsa_der_of_fixed(&signature, width).ok_or_else(|| unfit(&self.at, "the signature is no r and s"))
    }

    fn attester(&self) -> Option<&dyn Attester> {
        self.service.is_managed_hsm.then_some(self)
    }
}

impl Attester for AzureKey {
    /// The pool's answer of the format `azure-managed-hsm`, whole: it answers no nonce.
    fn evidence(&self, _: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let path = format!("{}/attestation?{ATTESTATION_API_VERSION}", self.path());
        let answer = self.service.call(&self.at, &path, None)?;
        let document = Document::read(&answer, &self.at)?;
        document.is_about("/key/kid", &self.kid)?;
        if document.member("/attributes/attestation").is_none() {
            let what = "there is no attestation";
            let help = "pools attest to keys made since mid 2025: make a new version";
            return Err(StoreError::new(Problem::Unsupported, &self.at, what, help));
        }
        Ok(vec![answer.body])
    }
}

/// The URI of a version.
pub(crate) fn uri_of(service: &Service, name: &str, version: &str) -> KeyUri {
    let mut attributes: Vec<(&str, &[u8])> =
        vec![("name", name.as_bytes()), ("vault", service.vault.as_bytes()), ("version", version.as_bytes())];
    if service.is_managed_hsm {
        attributes.push(("hsm", b"true"));
    }
    KeyUri::of(UriScheme::AzureKms, &attributes)
}

/// The service's name of a scheme (RFC 7518 section 3.1), with the hash function of its digest.
fn algorithm(scheme: Scheme) -> Option<(&'static str, Hash)> {
    Some(match scheme {
        Scheme::RsaPkcs1(hash @ Hash::Sha256) => ("RS256", hash),
        Scheme::RsaPkcs1(hash @ Hash::Sha384) => ("RS384", hash),
        Scheme::RsaPkcs1(hash @ Hash::Sha512) => ("RS512", hash),
        Scheme::RsaPss(hash @ Hash::Sha256) => ("PS256", hash),
        Scheme::RsaPss(hash @ Hash::Sha384) => ("PS384", hash),
        Scheme::RsaPss(hash @ Hash::Sha512) => ("PS512", hash),
        Scheme::Ecdsa(hash @ Hash::Sha256) => ("ES256", hash),
        Scheme::Ecdsa(hash @ Hash::Sha384) => ("ES384", hash),
        Scheme::Ecdsa(hash @ Hash::Sha512) => ("ES512", hash),
        _ => return None,
    })
}
