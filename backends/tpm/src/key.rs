//! One signing key of a TPM, and its signatures.
//!
//! Messages are hashed here, and the TPM signs the digest: a key that is not restricted takes digests of others' making
//! (TPM 2.0 Library, Part 3, section 20.2).
use crate::attest::{self, Attestation};
use crate::device::{Device, authorized};
use crate::error::{Failure, kind, unread};
use crate::object::{Object, read_public};
use crate::observed::Module;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::observed::Observed;
use pkic_backend::store::{Attester, Signer, schemes_of};
use pkic_backend::uri::KeyUri;
use pkic_evidence::tpm::public::Public as PublicArea;
use pkic_evidence::tpm::structures;
use pkic_facts::crypto::{Hash, KeyKind, PublicKey, Scheme};
use std::sync::Arc;
use tss_esapi::Context;
use tss_esapi::constants::tss::{TPM2_RH_NULL, TPM2_ST_HASHCHECK};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::structures::{
    Digest, EccScheme, HashScheme, HashcheckTicket, KeyDerivationFunctionScheme, Public, PublicEccParameters,
    PublicParameters, PublicRsaParameters, RsaScheme, SignatureScheme, SymmetricDefinitionObject,
};
use tss_esapi::traits::Marshall;
use tss_esapi::tss2_esys::TPMT_TK_HASHCHECK;

/// A signing key of a TPM.
pub(crate) struct TpmKey {
    device: Arc<Device>,
    object: Object,
    kind: KeyKind,
    attestation: Option<Arc<Attestation>>,
}

impl TpmKey {
    /// Opens a key: it is there, it loads, and it signs what it is given.
    pub(crate) fn open(
        device: Arc<Device>,
        object: Object,
        attestation: Option<Arc<Attestation>>,
    ) -> Result<TpmKey, StoreError> {
        let (_, area) = read(&device, &object)?;
        let kind = signing_kind(&area).ok_or_else(|| {
            let help =
                "keys that sign what they are given do: RSA or ECDSA, neither restricted nor for decryption";
            StoreError::new(Problem::Unsupported, object.uri(), "it is no signing key", help)
        })?;
        Ok(TpmKey { device, object, kind, attestation })
    }
}

fn read(device: &Device, object: &Object) -> Result<(Public, PublicArea), StoreError> {
    device.run(object.uri(), |context| {
        object.with(context, |context, key| read_public(context, key, object.uri()))
    })
}

/// The kind of a key that signs digests of others' making; nothing for another object.
pub(crate) fn signing_kind(area: &PublicArea) -> Option<KeyKind> {
    let attributes = area.attributes();
    let is_signing = attributes.sign() && !attributes.restricted();
    let kind = PublicKey::from_spki(&area.spki()).ok()?.kind;
    (is_signing && !schemes_of(kind).is_empty()).then_some(kind)
}

impl Signer for TpmKey {
    fn uri(&self) -> &KeyUri {
        self.object.uri()
    }

    fn spki(&self) -> Result<Vec<u8>, StoreError> {
        read(&self.device, &self.object).map(|(_, area)| area.spki())
    }

    fn schemes(&self) -> Result<Vec<Scheme>, StoreError> {
        let uri = self.uri();
        self.device.run(uri, |context| {
            let (public, _) = self.object.with(context, |context, key| read_public(context, key, uri))?;
            let mut schemes = Vec::new();
            for scheme in schemes_of(self.kind) {
                if is_done(context, &public, *scheme)? {
                    schemes.push(*scheme);
                }
            }
            Ok(schemes)
        })
    }

    fn observed(&self) -> Result<Observed, StoreError> {
        let uri = self.uri();
        self.device.run(uri, |context| {
            let (_, area) = self.object.with(context, |context, key| read_public(context, key, uri))?;
            Ok(Module::ask(context)?.observe(&area))
        })
    }

    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        let uri = self.uri();
        let asked = of_scheme(scheme).filter(|_| schemes_of(self.kind).contains(&scheme));
        let (of_tpm, hash) = asked.ok_or_else(|| StoreError::scheme_unsupported(uri, scheme))?;
        let digest = hash.digest(message);
        let signature = self.device.run(uri, |context| {
            let (digest, ticket) = (Digest::try_from(digest.as_slice())?, no_ticket()?);
            self.object.with(context, |context, key| {
                let signature = authorized(context, |context| context.sign(key, digest, of_tpm, ticket))?;
                let signature = structures::Signature::read(&signature.marshall()?);
                signature.map_err(|reject| unread(&reject, uri))
            })
        })?;
        Ok(signature.octets())
    }

    fn attester(&self) -> Option<&dyn Attester> {
        self.attestation.is_some().then_some(self)
    }
}

impl Attester for TpmKey {
    /// `tpm2-certify` by the store's attestation key. The nonce has at most as many bytes as the TPM's largest digest
    /// and its identifier.
    fn evidence(&self, nonce: &[u8]) -> Result<Vec<u8>, StoreError> {
        let attestation = self.attestation.as_ref().ok_or_else(|| {
            let help = "name an attestation key of the store";
            StoreError::new(Problem::Unsupported, self.uri(), "no key attests to it", help)
        })?;
        self.device.run(self.uri(), |context| attest::certify(context, &self.object, attestation, nonce))
    }
}

/// Whether this TPM signs with that scheme, and that key.
fn is_done(context: &mut Context, public: &Public, scheme: Scheme) -> Result<bool, Failure> {
    let Some((of_tpm, _)) = of_scheme(scheme) else { return Ok(false) };
    let (parameters, is_free) = match (public, of_tpm) {
        (Public::Rsa { parameters, .. }, SignatureScheme::RsaSsa { hash_scheme }) => {
            let scheme = RsaScheme::RsaSsa(hash_scheme);
            (rsa(parameters, scheme), [RsaScheme::Null, scheme].contains(&parameters.rsa_scheme()))
        }
        (Public::Rsa { parameters, .. }, SignatureScheme::RsaPss { hash_scheme }) => {
            let scheme = RsaScheme::RsaPss(hash_scheme);
            (rsa(parameters, scheme), [RsaScheme::Null, scheme].contains(&parameters.rsa_scheme()))
        }
        (Public::Ecc { parameters, .. }, SignatureScheme::EcDsa { hash_scheme }) => {
            let scheme = EccScheme::EcDsa(hash_scheme);
            (ecc(parameters, scheme), [EccScheme::Null, scheme].contains(&parameters.ecc_scheme()))
        }
        _ => return Ok(false),
    };
    if !is_free {
        return Ok(false);
    }
    match context.execute_without_session(|context| context.test_parms(parameters)) {
        Ok(()) => Ok(true),
        Err(error) if kind(&error).is_some() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

const fn rsa(of_key: &PublicRsaParameters, scheme: RsaScheme) -> PublicParameters {
    let (symmetric, exponent) = (SymmetricDefinitionObject::Null, of_key.exponent());
    PublicParameters::Rsa(PublicRsaParameters::new(symmetric, scheme, of_key.key_bits(), exponent))
}

const fn ecc(of_key: &PublicEccParameters, scheme: EccScheme) -> PublicParameters {
    let (symmetric, kdf) = (SymmetricDefinitionObject::Null, KeyDerivationFunctionScheme::Null);
    PublicParameters::Ecc(PublicEccParameters::new(symmetric, scheme, of_key.ecc_curve(), kdf))
}

/// The scheme in the TPM's terms, with the hash function of the message.
const fn of_scheme(scheme: Scheme) -> Option<(SignatureScheme, Hash)> {
    let (Scheme::RsaPkcs1(hash) | Scheme::RsaPss(hash) | Scheme::Ecdsa(hash)) = scheme else { return None };
    let hash_scheme = HashScheme::new(match hash {
        Hash::Sha256 => HashingAlgorithm::Sha256,
        Hash::Sha384 => HashingAlgorithm::Sha384,
        Hash::Sha512 => HashingAlgorithm::Sha512,
        Hash::Sha1 => return None,
    });
    let of_tpm = match scheme {
        Scheme::RsaPkcs1(_) => SignatureScheme::RsaSsa { hash_scheme },
        Scheme::RsaPss(_) => SignatureScheme::RsaPss { hash_scheme },
        _ => SignatureScheme::EcDsa { hash_scheme },
    };
    Some((of_tpm, hash))
}

/// The ticket for a digest that the TPM did not compute.
fn no_ticket() -> tss_esapi::Result<HashcheckTicket> {
    let ticket =
        TPMT_TK_HASHCHECK { tag: TPM2_ST_HASHCHECK, hierarchy: TPM2_RH_NULL, digest: Default::default() };
    HashcheckTicket::try_from(ticket)
}
