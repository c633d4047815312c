//! One key of AWS KMS, and its signatures.
use crate::facts::{Metadata, kind_of, other_spec};
use crate::service::Service;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::observed::Observed;
use pkic_backend::store::{Signer, schemes_of};
use pkic_backend::uri::{KeyUri, UriScheme};
use pkic_backend_rest::client::Repeat;
use pkic_backend_rest::document::{Document, unfit};
use pkic_facts::crypto::{Hash, KeyKind, PublicKey, Scheme};
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Bytes that `Sign` takes as `Message`. Source: AWS KMS API Reference, Sign.
const MESSAGE_LENS_BYTES: RangeInclusive<usize> = 1..=4096;

/// A key under its ARN.
pub(crate) struct AwsKey {
    service: Arc<Service>,
    uri: KeyUri,
    at: String,
    arn: String,
    kind: KeyKind,
    spec: String,
}

impl AwsKey {
    /// Opens the key of this id, alias or ARN.
    ///
    /// # Errors
    /// [`StoreError`] where there is none, or it is not to be used.
    pub(crate) fn open(service: Arc<Service>, uri: &KeyUri, id: &str) -> Result<AwsKey, StoreError> {
        let at = uri.to_string();
        let metadata = describe(&service, &at, id)?;
        let kind = metadata.usable(&at)?;
        let uri = uri_of(&service, &metadata.arn);
        Ok(AwsKey { at: uri.to_string(), uri, arn: metadata.arn, kind, spec: metadata.spec, service })
    }

    /// The answer about the public half, which is checked to be this key's.
    fn public(&self) -> Result<(Document, Vec<u8>), StoreError> {
        let body = json!({ "KeyId": self.arn });
        let answer = self.service.call(&self.at, "GetPublicKey", &body, Repeat::Always)?;
        self.is_ours(&answer)?;
        let spki = answer.base64("/PublicKey")?;
        // Emulators leave the spec out; `DescribeKey` has told it.
        let spec = answer.maybe_text("/KeySpec").unwrap_or(&self.spec);
        let key = PublicKey::from_spki(&spki).map_err(|reject| unfit(&self.at, reject.to_string()))?;
        let bits = kind_of(spec).and_then(|(_, bits)| bits);
        let is_size = bits.is_none_or(|bits| key.bits() == Ok(usize::from(bits)));
        if spec != self.spec || key.kind != self.kind || !is_size {
            return Err(other_spec(&self.at, spec));
        }
        Ok((answer, spki))
    }

    /// Asserts that an answer is about this key. AWS names it by its ARN, emulators also by the id that ends it.
    fn is_ours(&self, answer: &Document) -> Result<(), StoreError> {
        let id = self.arn.rsplit('/').next().filter(|id| answer.maybe_text("/KeyId") == Some(*id));
        answer.is_about("/KeyId", id.unwrap_or(&self.arn))
    }
}

impl Signer for AwsKey {
    fn uri(&self) -> &KeyUri {
        &self.uri
    }

    fn spki(&self) -> Result<Vec<u8>, StoreError> {
        self.public().map(|(_, spki)| spki)
    }

    fn schemes(&self) -> Result<Vec<Scheme>, StoreError> {
        let (answer, _) = self.public()?;
        let named: Vec<&str> = answer.list("/SigningAlgorithms")?.iter().filter_map(Value::as_str).collect();
        let offered = schemes_of(self.kind).iter().copied();
        Ok(offered
            .filter(|scheme| algorithm(*scheme).is_some_and(|(name, _)| named.contains(&name)))
            .collect())
    }

    fn observed(&self) -> Result<Observed, StoreError> {
        let metadata = describe(&self.service, &self.at, &self.arn)?;
        metadata.usable(&self.at)?;
        Ok(metadata.observed())
    }

    /// Of schemes that hash, AWS takes the digest; of the others the message itself, of 1 to 4096 bytes.
    fn message_lens_bytes(&self, scheme: Scheme) -> RangeInclusive<usize> {
        match algorithm(scheme) {
            Some((_, None)) => MESSAGE_LENS_BYTES,
            _ => 0..=usize::MAX,
        }
    }

    /// The message goes as it is where AWS takes it, else its digest.
    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        let named = algorithm(scheme).filter(|_| schemes_of(self.kind).contains(&scheme));
        let (name, hash) = named.ok_or_else(|| StoreError::scheme_unsupported(&self.uri, scheme))?;
        let (kind, octets) = match hash {
            _ if MESSAGE_LENS_BYTES.contains(&message.len()) => ("RAW", message.to_vec()),
            Some(hash) => ("DIGEST", hash.digest(message)),
            None => {
                return Err(StoreError::message_unsupported(
                    &self.uri,
                    scheme,
                    message.len(),
                    &MESSAGE_LENS_BYTES,
                ));
            }
        };
        let body = json!({
            "KeyId": self.arn,
            "Message": STANDARD.encode(octets),
            "MessageType": kind,
            "SigningAlgorithm": name,
        });
        let answer = self.service.call(&self.at, "Sign", &body, Repeat::Always)?;
        self.is_ours(&answer)?;
        answer.is_about("/SigningAlgorithm", name)?;
        answer.base64("/Signature")
    }
}

/// Asks for a key's metadata.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn describe(service: &Service, at: &str, id: &str) -> Result<Metadata, StoreError> {
    let answer = service.call(at, "DescribeKey", &json!({ "KeyId": id }), Repeat::Always)?;
    let metadata = Metadata::read(&answer)?;
    // An ARN is asked for by the key's own; what a moving alias leads to is not known before.
    let is_arn = id.starts_with("arn:") && id.contains(":key/");
    if is_arn && metadata.arn != id {
        answer.is_about("/KeyMetadata/Arn", id)?;
    }
    if !metadata.arn.starts_with("arn:") || !metadata.arn.contains(":key/") {
        return Err(StoreError::new(
            Problem::Answer,
            at,
            "the key has no ARN",
            "see that the endpoint is AWS KMS",
        ));
    }
    Ok(metadata)
}

/// The URI of the key with this ARN.
pub(crate) fn uri_of(service: &Service, arn: &str) -> KeyUri {
    let mut attributes: Vec<(&str, &[u8])> =
        vec![("key-id", arn.as_bytes()), ("region", service.region.as_bytes())];
    attributes.extend(service.profile.as_ref().map(|profile| ("profile", profile.as_bytes())));
    KeyUri::of(UriScheme::AwsKms, &attributes)
}

/// AWS's name of a scheme, with the hash function by which a digest stands for a message.
fn algorithm(scheme: Scheme) -> Option<(&'static str, Option<Hash>)> {
    Some(match scheme {
        Scheme::RsaPkcs1(hash @ Hash::Sha256) => ("RSASSA_PKCS1_V1_5_SHA_256", Some(hash)),
        Scheme::RsaPkcs1(hash @ Hash::Sha384) => ("RSASSA_PKCS1_V1_5_SHA_384", Some(hash)),
        Scheme::RsaPkcs1(hash @ Hash::Sha512) => ("RSASSA_PKCS1_V1_5_SHA_512", Some(hash)),
        Scheme::RsaPss(hash @ Hash::Sha256) => ("RSASSA_PSS_SHA_256", Some(hash)),
        Scheme::RsaPss(hash @ Hash::Sha384) => ("RSASSA_PSS_SHA_384", Some(hash)),
        Scheme::RsaPss(hash @ Hash::Sha512) => ("RSASSA_PSS_SHA_512", Some(hash)),
        Scheme::Ecdsa(hash @ Hash::Sha256) => ("ECDSA_SHA_256", Some(hash)),
        Scheme::Ecdsa(hash @ Hash::Sha384) => ("ECDSA_SHA_384", Some(hash)),
        Scheme::Ecdsa(hash @ Hash::Sha512) => ("ECDSA_SHA_512", Some(hash)),
        Scheme::Ed25519 => ("ED25519_SHA_512", None),
        Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87 => ("ML_DSA_SHAKE_256", None),
        _ => return None,
    })
}
