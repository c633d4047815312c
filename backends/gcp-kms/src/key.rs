//! One key version, its signatures, and the attestation of the module that holds it.
use crate::crc32c::crc32c;
use crate::facts::{Algorithm, Version};
use crate::service::Service;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ML_DSA_44, ML_DSA_65, ML_DSA_87, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::observed::Observed;
use pkic_backend::store::{Attester, Signer};
use pkic_backend::uri::{KeyUri, UriScheme};
use pkic_backend_rest::document::{Document, unfit};
use pkic_facts::crypto::{Hash, KeyKind, PublicKey, Scheme};
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Bytes that `asymmetricSign` takes as `data`; without any, the member counts as left out. Source: Cloud KMS quotas.
const DATA_LENS_BYTES: RangeInclusive<usize> = 1..=65_536;
/// The chains of an attestation. Source: Cloud KMS REST reference, CertificateChains.
const CHAINS: [&str; 3] = ["caviumCerts", "googleCardCerts", "googlePartitionCerts"];

/// A key version.
pub(crate) struct GcpKey {
    service: Arc<Service>,
    uri: KeyUri,
    at: String,
    name: String,
    algorithm: Algorithm,
    is_attested: bool,
}

impl GcpKey {
    /// Opens the version of that resource name.
    ///
    /// # Errors
    /// [`StoreError`] where there is none, or it is not to be used.
    pub(crate) fn open(service: Arc<Service>, uri: &KeyUri, name: &str) -> Result<GcpKey, StoreError> {
        let at = uri.to_string();
        let version = Version::read(&service.call(&at, name, None)?, name)?;
        let (algorithm, is_attested) = (version.usable(&at)?, version.is_in_hsm());
        Ok(GcpKey { service, uri: uri_of(name), at, name: name.to_owned(), algorithm, is_attested })
    }

    fn resource(&self) -> Result<Document, StoreError> {
        self.service.call(&self.at, &self.name, None)
    }

    /// The SPKI of an ML-DSA key, which the service gives as FIPS 204 has it.
    fn ml_dsa_spki(&self) -> Result<Vec<u8>, StoreError> {
        let path = format!("{}/publicKey?publicKeyFormat=NIST_PQC", self.name);
        let answer = self.service.call(&self.at, &path, None)?;
        self.is_ours(&answer)?;
        let octets = answer.base64("/publicKey/data")?;
        answer.is_about("/publicKey/crc32cChecksum", &crc32c(&octets))?;
        let algorithm = match self.algorithm.kind {
            KeyKind::MlDsa44 => &ML_DSA_44,
            KeyKind::MlDsa65 => &ML_DSA_65,
            _ => &ML_DSA_87,
        };
        let key =
            ParsedPublicKey::new(algorithm, octets).map_err(|_| unfit(&self.at, "the public key is none"))?;
        let der: PublicKeyX509Der<'_> =
            key.as_der().map_err(|_| unfit(&self.at, "the public key has no DER form"))?;
        Ok(der.as_ref().to_vec())
    }

    fn pem_spki(&self) -> Result<Vec<u8>, StoreError> {
        let answer = self.service.call(&self.at, &format!("{}/publicKey", self.name), None)?;
        self.is_ours(&answer)?;
        let pem = answer.text("/pem")?;
        answer.is_about("/pemCrc32c", &crc32c(pem.as_bytes()))?;
        let body = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----");
        let body = body.and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"));
        let base64: String = body.unwrap_or_default().split_whitespace().collect();
        STANDARD.decode(base64).map_err(|_| unfit(&self.at, "the public key is no PEM"))
    }

    fn is_ours(&self, answer: &Document) -> Result<(), StoreError> {
        answer.is_about("/name", &self.name)?;
        answer.is_about("/algorithm", self.algorithm.name)
    }

    /// The hash function of a scheme that the service takes a digest for, with its name there.
    fn hash(&self) -> Option<(Hash, &'static str)> {
        match self.algorithm.scheme {
            Scheme::RsaPkcs1(hash) | Scheme::RsaPss(hash) | Scheme::Ecdsa(hash) => match hash {
                Hash::Sha256 => Some((hash, "sha256")),
                Hash::Sha384 => Some((hash, "sha384")),
                Hash::Sha512 => Some((hash, "sha512")),
                Hash::Sha1 => None,
            },
            _ => None,
        }
    }
}

impl Signer for GcpKey {
    fn uri(&self) -> &KeyUri {
        &self.uri
    }

    fn spki(&self) -> Result<Vec<u8>, StoreError> {
        let spki = match self.algorithm.kind {
            KeyKind::MlDsa44 | KeyKind::MlDsa65 | KeyKind::MlDsa87 => self.ml_dsa_spki()?,
            _ => self.pem_spki()?,
        };
        let key = PublicKey::from_spki(&spki).map_err(|reject| unfit(&self.at, reject.to_string()))?;
        let is_size = self.algorithm.bits.is_none_or(|bits| key.bits() == Ok(bits));
        if key.kind != self.algorithm.kind || !is_size {
            return Err(unfit(&self.at, format!("the public key is none of {}", self.algorithm.name)));
        }
        Ok(spki)
    }

    fn schemes(&self) -> Result<Vec<Scheme>, StoreError> {
        let version = Version::read(&self.resource()?, &self.name)?;
        version.usable(&self.at).map(|algorithm| vec![algorithm.scheme])
    }

    fn observed(&self) -> Result<Observed, StoreError> {
        let version = Version::read(&self.resource()?, &self.name)?;
        version.usable(&self.at)?;
        Ok(version.observed())
    }

    fn message_lens_bytes(&self, _: Scheme) -> RangeInclusive<usize> {
        if self.hash().is_some() { 0..=usize::MAX } else { DATA_LENS_BYTES }
    }

    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        if scheme != self.algorithm.scheme {
            return Err(StoreError::scheme_unsupported(&self.uri, scheme));
        }
        let lens = self.message_lens_bytes(scheme);
        if !lens.contains(&message.len()) {
            return Err(StoreError::message_unsupported(&self.uri, scheme, message.len(), &lens));
        }
        let (body, verified) = match self.hash() {
            Some((hash, name)) => {
                let digest = hash.digest(message);
                let sent =
                    json!({ "digest": { name: STANDARD.encode(&digest) }, "digestCrc32c": crc32c(&digest) });
                (sent, "/verifiedDigestCrc32c")
            }
            None => {
                let sent = json!({ "data": STANDARD.encode(message), "dataCrc32c": crc32c(message) });
                (sent, "/verifiedDataCrc32c")
            }
        };
        let answer = self.service.call(&self.at, &format!("{}:asymmetricSign", self.name), Some(&body))?;
        answer.is_about("/name", &self.name)?;
        if answer.member(verified) != Some(&Value::Bool(true)) {
            return Err(unfit(&self.at, "the service did not check what it signed"));
        }
        let signature = answer.base64("/signature")?;
        answer.is_about("/signatureCrc32c", &crc32c(&signature))?;
        Ok(signature)
    }

    fn attester(&self) -> Option<&dyn Attester> {
        self.is_attested.then_some(self)
    }
}

impl Attester for GcpKey {
    /// The module's statement of the format `marvell-liquidsecurity`, made when the key was: it answers no nonce.
    fn evidence(&self, _: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let resource = self.resource()?;
        resource.is_about("/name", &self.name)?;
        if resource.member("/attestation").is_none() {
            let help = "Cloud HSM attests to keys once they are generated; `gcloud kms keys versions describe` tells";
            return Err(StoreError::new(Problem::Unsupported, &self.at, "there is no attestation", help));
        }
        let statement = resource.base64("/attestation/content")?;
        let mut pem = String::new();
        for chain in CHAINS {
            for certificate in resource.list(&format!("/attestation/certChains/{chain}"))? {
                let text = certificate.as_str().ok_or_else(|| unfit(&self.at, "a certificate is no text"))?;
                pem.push_str(text.trim());
                pem.push('\n');
            }
        }
        Ok(vec![statement, pem.into_bytes()])
    }
}

/// The URI of the version with this resource name.
pub(crate) fn uri_of(name: &str) -> KeyUri {
    KeyUri::of(UriScheme::CloudKms, &[("resource", name.as_bytes())])
}
