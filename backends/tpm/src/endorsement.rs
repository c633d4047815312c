//! Endorsement keys: their certificates in the TPM's storage, and credentials that they open.
//!
//! Source: TCG EK Credential Profile 2.5, sections 2.2.1 (indices) and annex B (templates); TPM 2.0 Library, Part 3,
//! section 12.5 (TPM2_ActivateCredential).
use crate::attest::Attestation;
use crate::device::{authorized, authorized_twice, with_loaded, with_persistent, with_session};
use crate::error::{Failure, kind};
use crate::object::read_public;
use crate::store::persistent_handles;
use pkic_backend::error::StoreError;
use pkic_backend::secret::Secret;
use pkic_backend::uri::KeyUri;
use pkic_evidence::tpm::activation::Credential;
use pkic_evidence::tpm::ek::without_padding;
use pkic_facts::crypto::{KeyKind, PublicKey};
use tss_esapi::Context;
use tss_esapi::abstraction::AsymmetricAlgorithmSelection as Selection;
use tss_esapi::abstraction::{DefaultKey, ek};
use tss_esapi::constants::SessionType;
use tss_esapi::constants::response_code::Tss2ResponseCodeKind as Kind;
use tss_esapi::handles::{AuthHandle, KeyHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::interface_types::key_bits::RsaKeyBits;
use tss_esapi::interface_types::resource_handles::Hierarchy;
use tss_esapi::interface_types::session_handles::PolicySession;
use tss_esapi::structures::{Digest, EncryptedSecret, IdObject, Nonce};

/// Endorsement keys that the profile has both an index and a template for.
const SELECTIONS: [Selection; 6] = [
    Selection::Rsa(RsaKeyBits::Rsa2048),
    Selection::Ecc(EccCurve::NistP256),
    Selection::Ecc(EccCurve::NistP384),
    Selection::Ecc(EccCurve::NistP521),
    Selection::Rsa(RsaKeyBits::Rsa3072),
    Selection::Rsa(RsaKeyBits::Rsa4096),
];

/// The certificates of endorsement keys in the TPM's storage, in DER.
pub(crate) fn certificates(context: &mut Context) -> Result<Vec<Vec<u8>>, Failure> {
    let mut found = Vec::new();
    for selection in SELECTIONS {
        match ek::retrieve_ek_pubcert(context, selection) {
            // An index may hold what is no certificate; whoever wants this one sees that it is missing.
            Ok(octets) => found.extend(without_padding(&octets).ok().map(|(der, _)| der.to_vec())),
            Err(error) if kind(&error) == Some(Kind::Handle) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// Opens a registrar's credential with the endorsement key of that subjectPublicKeyInfo, for the attestation key.
pub(crate) fn activate(
    context: &mut Context,
    endorsement_spki: &[u8],
    by: &Attestation,
    credential: &Credential,
) -> Result<Secret, Failure> {
    let uri = by.object.uri();
    let open = |context: &mut Context, ek: KeyHandle| {
        by.object.with(context, |context, ak| activate_loaded(context, ek, ak, uri, credential))
    };
    for handle in persistent_handles(context)? {
        let opened = with_persistent(context, handle, |context, ek| {
            if is_of(context, ek, endorsement_spki, uri)? { open(context, ek).map(Some) } else { Ok(None) }
        })?;
        if let Some(secret) = opened.flatten() {
            return Ok(secret);
        }
    }
    let unknown = || StoreError::key_unknown(uri, "the TPM has no endorsement key of that certificate");
    let selection = selection_of(endorsement_spki).ok_or_else(unknown)?;
    let public = ek::create_ek_public_from_default_template_2(selection, DefaultKey)?;
    let made = authorized(context, |context| {
        context.create_primary(Hierarchy::Endorsement, public, None, None, None, None)
    })?;
    with_loaded(context, made.key_handle.into(), |context, ek| {
        if is_of(context, ek, endorsement_spki, uri)? { open(context, ek) } else { Err(unknown().into()) }
    })
}

/// Whether the object has that subjectPublicKeyInfo. Objects of other kinds have none.
fn is_of(context: &mut Context, object: KeyHandle, spki: &[u8], uri: &KeyUri) -> Result<bool, Failure> {
    match read_public(context, object, uri) {
        Ok((_, area)) => Ok(area.spki() == spki),
        Err(Failure::Store(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

fn selection_of(spki: &[u8]) -> Option<Selection> {
    let key = PublicKey::from_spki(spki).ok()?;
    match (key.kind, key.bits().ok()?) {
        (KeyKind::Rsa, 2048) => Some(Selection::Rsa(RsaKeyBits::Rsa2048)),
        (KeyKind::Rsa, 3072) => Some(Selection::Rsa(RsaKeyBits::Rsa3072)),
        (KeyKind::Rsa, 4096) => Some(Selection::Rsa(RsaKeyBits::Rsa4096)),
        (KeyKind::P256, _) => Some(Selection::Ecc(EccCurve::NistP256)),
        (KeyKind::P384, _) => Some(Selection::Ecc(EccCurve::NistP384)),
        (KeyKind::P521, _) => Some(Selection::Ecc(EccCurve::NistP521)),
        _ => None,
    }
}

fn activate_loaded(
    context: &mut Context,
    ek: KeyHandle,
    ak: KeyHandle,
    uri: &KeyUri,
    credential: &Credential,
) -> Result<Secret, Failure> {
    let id_object = IdObject::try_from(credential.id_object.as_slice())?;
    let encrypted = EncryptedSecret::try_from(credential.encrypted_secret.as_slice())?;
    let (_, area) = read_public(context, ek, uri)?;
    let opened = if area.attributes().user_with_auth() {
        authorized_twice(context, None, |context| context.activate_credential(ak, ek, id_object, encrypted))?
    } else {
        // Templates without `userWithAuth` have policy A of the profile: the endorsement hierarchy's authorisation.
        with_session(context, SessionType::Policy, HashingAlgorithm::Sha256, |context, policy| {
            let session = PolicySession::try_from(policy)?;
            authorized(context, |context| {
                let (nonce, reference, of_command) = (Nonce::default(), Nonce::default(), Digest::default());
                context.policy_secret(session, AuthHandle::Endorsement, nonce, of_command, reference, None)
            })?;
            authorized_twice(context, Some(policy), |context| {
                context.activate_credential(ak, ek, id_object, encrypted)
            })
        })?
    };
    Ok(Secret::new(opened.value().to_vec()))
}
