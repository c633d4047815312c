//! What an attestation by a TPM comes with, taken apart, and how far its attestation key is trusted.
//!
//! An item is a container, or files (see `files`) that have the same parts. The container (see [`crate::container`]) has the members
//! - `attest`: TPMS_ATTEST; `signature`: TPMT_SIGNATURE over it;
//! - of a certification `public`: TPMT_PUBLIC of the certified key, with or without size; of a creation `creation-data` besides: TPMS_CREATION_DATA;
//! - of a quote `pcr-values`, if wanted: the quoted registers, one behind the other;
//! - `ak-chain`: the attestation key's certificate, then its issuers; or
//! - `ek-chain`: the endorsement key's certificate (padding is trimmed), then its issuers, with `ak-public`, TPMT_PUBLIC of the attestation
//!   key, and `activation-secret`, which the TPM gave back for the registrar's credential; or
//! - `ak-public` alone, where the operator has enrolled that very key.
//!
//! There is no `creation-ticket`: it is an HMAC that only the TPM can check, and TPM2_CertifyCreation has done so.
use super::ek::{
    ATTESTATION_KEY_PURPOSE, CERTIFICATE_POLICIES, Device, ENDORSEMENT_KEY_PURPOSE, Role, without_padding,
};
use super::files;
use super::public::Public;
use super::structures::{CreationData, Signature};
use crate::appraise::{Input, NotVerified};
use crate::container::Container;
use pkic_facts::certificate::Certificate;
use pkic_facts::path::{KeyPurpose, PathInput, PathProfile, VerifiedPath, verify_path};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{SignedBytes, TrustedKey, Verified, activation};

/// What a TPM attests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// That a key is loaded in it.
    Certify,
    /// That it made a key.
    Creation,
    /// Its platform configuration registers.
    Quote,
}

impl Kind {
    /// The format's word in the vocabulary.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Certify => "tpm2-certify",
            Self::Creation => "tpm2-certify-creation",
            Self::Quote => "tpm2-quote",
        }
    }

    /// Whether the item is an attestation of this kind.
    pub(super) fn is_in(self, input: &Input<'_>) -> bool {
        Container::is_of(self.name(), input.evidence) || files::kind(input) == Some(self)
    }
}

/// An attestation, taken apart as far as needs no trust.
pub(super) struct Members {
    /// TPMS_ATTEST with its signature.
    pub(super) signed: SignedBytes,
    /// TPMT_PUBLIC of the certified key.
    pub(super) public: Option<Vec<u8>>,
    /// TPMS_CREATION_DATA.
    pub(super) creation_data: Option<Vec<u8>>,
    /// The quoted registers, one behind the other.
    pub(super) pcr_values: Option<Vec<u8>>,
    /// What is said of the attestation key.
    pub(super) signer: Signer,
}

/// What is said of an attestation key, taken apart as far as needs no trust.
pub(super) struct Signer {
    pub(super) ak_public: Option<Vec<u8>>,
    pub(super) ak_chain: Vec<Certificate>,
    pub(super) ek_chain: Vec<Certificate>,
    pub(super) activation_secret: Option<Vec<u8>>,
}

impl Members {
    /// The members of the item of evidence.
    pub(super) fn open(kind: Kind, input: &Input<'_>) -> Result<Self, Reject> {
        if files::kind(input).is_some() {
            return files::open(kind, input);
        }
        let mut container = Container::open(kind.name(), input.evidence)?;
        let signature = Signature::read(&container.require("signature")?)?;
        let attest = container.require("attest")?;
        let mut members = Self {
            signed: signed(attest, &signature),
            public: None,
            creation_data: None,
            pcr_values: None,
            signer: Signer {
                ak_public: container.take("ak-public")?,
                ak_chain: certificates(&container.take_list("ak-chain")?)?,
                ek_chain: certificates(&container.take_list("ek-chain")?)?,
                activation_secret: container.take("activation-secret")?,
            },
        };
        if kind == Kind::Quote {
            members.pcr_values = container.take("pcr-values")?;
        } else {
            members.public = Some(Public::read(&container.require("public")?)?.bytes().to_vec());
            let data = container.take("creation-data")?.map(|data| CreationData::read(&data)).transpose()?;
            members.creation_data = data.map(|data| data.bytes().to_vec());
        }
        container.finish()?;
        Ok(members)
    }
}

/// TPMS_ATTEST with its signature, as the mint takes them.
pub(super) fn signed(attest: Vec<u8>, signature: &Signature) -> SignedBytes {
    SignedBytes {
        what: "TPMS_ATTEST",
        message: attest,
        scheme: signature.scheme(),
        signature: signature.octets(),
    }
}

impl Signer {
    /// An attestation key that comes with its certificate, first of the chain, alone.
    pub(super) const fn of_certificates(ak_chain: Vec<Certificate>) -> Self {
        Self { ak_public: None, ak_chain, ek_chain: Vec::new(), activation_secret: None }
    }

    /// The attestation key as far as an anchor vouches for it, and the TPM that its certificate or the endorsement key's names.
    pub(super) fn trust(
        &self,
        format: &'static str,
        input: &Input<'_>,
    ) -> Result<(TrustedKey, Option<Verified<Device>>), NotVerified> {
        if let Some(leaf) = self.ak_chain.first() {
            let is_attestation_key = Role::of(leaf.tbs()) == Some(Role::Attestation);
            let required = attestation_key_profile(format);
            let key_purpose = if is_attestation_key { KeyPurpose::Any } else { required.key_purpose };
            let path = reach(&self.ak_chain, &PathProfile { key_purpose, ..required }, input)?;
            let device = path.decode_leaf(Device::of_attestation_key)?;
            let key = TrustedKey::of_path(&path);
            self.check_attestation_key(&key)?;
            return Ok((key, Some(device)));
        }
        let ak_public = self.ak_public.as_deref().ok_or(Reject::FieldMissing { field: "ak-public" })?;
        if self.ek_chain.is_empty() {
            let spki = attestation_key(ak_public)?;
            let enrolled = TrustedKey::enrolled(input.anchors, &spki, format, input.evidence, input.now);
            return Ok((enrolled.map_err(NotVerified::Unproven)?, None));
        }
        let path = reach(&self.ek_chain, &endorsement_key_profile(format), input)?;
        let unproven = |field| NotVerified::Unproven(Reject::FieldMissing { field });
        let record = input.activation.ok_or(unproven("the registrar's record of a credential activation"))?;
        let secret = self.activation_secret.as_deref().ok_or(unproven("activation-secret"))?;
        let public_area = Public::read(ak_public)?;
        let key = activation::activate(&path, record, public_area.bytes(), secret, attestation_key)?;
        Ok((key, Some(path.decode_leaf(Device::from_tbs)?)))
    }

    /// The public area beside a certificate adds nothing, and must not contradict it either.
    fn check_attestation_key(&self, key: &TrustedKey) -> Result<(), Reject> {
        let Some(ak_public) = &self.ak_public else { return Ok(()) };
        let found = attestation_key(ak_public)?;
        if found == key.spki() {
            return Ok(());
        }
        Err(Reject::FieldMismatch {
            field: "ak-public",
            expected: Operand::bytes(key.spki()),
            found: Operand::bytes(&found),
        })
    }
}

/// Attestation key certificates: empty subjects with a critical subjectAltName are the rule, and issuers are ordinary CAs.
pub(super) const fn attestation_key_profile(format: &'static str) -> PathProfile {
    PathProfile {
        key_purpose: KeyPurpose::Required(ATTESTATION_KEY_PURPOSE),
        critical_known: &[CERTIFICATE_POLICIES],
        ..PathProfile::strict(format, 5)
    }
}

const fn endorsement_key_profile(format: &'static str) -> PathProfile {
    PathProfile {
        key_purpose: KeyPurpose::Required(ENDORSEMENT_KEY_PURPOSE),
        ..attestation_key_profile(format)
    }
}

/// A path from the first certificate; the others only help to build it.
pub(super) fn reach(
    chain: &[Certificate],
    profile: &PathProfile,
    input: &Input<'_>,
) -> Result<VerifiedPath, Reject> {
    let (leaf, carried) = chain.split_first().ok_or(Reject::FieldMissing { field: "certificate chain" })?;
    verify_path(&PathInput {
        evidence: input.evidence,
        leaf,
        carried,
        anchors: input.anchors,
        profile,
        now: input.now,
    })
}

fn certificates(items: &[Vec<u8>]) -> Result<Vec<Certificate>, Reject> {
    items.iter().map(|item| Certificate::from_der(without_padding(item)?.0)).collect()
}

/// The subjectPublicKeyInfo of an attestation key: restricted to signing what the TPM itself made, and never outside it.
///
/// # Errors
/// [`Reject::PropertyRefused`] for every other key. An unrestricted one signs a TPMS_ATTEST that the host made up.
pub fn attestation_key(public_area: &[u8]) -> Result<Vec<u8>, Reject> {
    let public = Public::read(public_area)?;
    match public.attributes().not_an_attestation_key() {
        None => Ok(public.spki()),
        Some((field, is_set)) => {
            let word = |is_set| Operand::Word(if is_set { "set" } else { "clear" });
            Err(Reject::PropertyRefused { field, expected: word(!is_set), found: word(is_set) })
        }
    }
}
