//! `TPM2_Certify` and `TPM2_CertifyCreation`: an attestation key of a TPM says that a key is in the same TPM.
//!
//! The container (see [`super::container`]) has the members
//! - `attest`: TPMS_ATTEST; `signature`: TPMT_SIGNATURE over it;
//! - `public`: TPMT_PUBLIC of the certified key, with or without size; `creation-data`: TPMS_CREATION_DATA, only for a creation;
//! - `ak-chain`: the attestation key's certificate, then its issuers; or
//! - `ek-chain`: the endorsement key's certificate (padding is trimmed), then its issuers, with `ak-public`, TPMT_PUBLIC of the attestation
//!   key, and `activation-secret`, which the TPM gave back for the registrar's credential; or
//! - `ak-public` alone, where the operator has enrolled that very key.
//!
//! There is no `creation-ticket`: it is an HMAC that only the TPM can check, and TPM2_CertifyCreation has done so.
//!
//! Source: TPM 2.0 Library, Part 1, sections 24 and 31; Part 2, section 10.12; Part 3, sections 18.2 and 18.3;
//! TCG TPM 2.0 Keys for Device Identity and Attestation 1.0, section 5.
use super::ek::{
    ATTESTATION_KEY_PURPOSE, CERTIFICATE_POLICIES, Device, ENDORSEMENT_KEY_PURPOSE, without_padding,
};
use super::key::{Certification, Key};
use super::public::Public;
use super::structures::{Attest, Attested, CreationData, Signature, hash_of_name};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::container::Container;
use crate::formats::Format;
use core::marker::PhantomData;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Strength;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{CaBit, KeyPurpose, PathInput, PathProfile, Validity, VerifiedPath, verify_path};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{HashOf, SignedBytes, TrustedKey, Verified, activation, join, mint};

/// The line of `tpm2-certify` in the table of formats.
pub const CERTIFY: Format = Format {
    name: NAME_CERTIFY,
    source: "TPM 2.0 Library, Part 3, section 18.2 (TPM2_Certify)",
    detect: |input| Container::is_of(NAME_CERTIFY, input.evidence.bytes()),
    appraise: appraise_certify,
};

/// The line of `tpm2-certify-creation` in the table of formats.
pub const CERTIFY_CREATION: Format = Format {
    name: NAME_CREATION,
    source: "TPM 2.0 Library, Part 3, section 18.3 (TPM2_CertifyCreation)",
    detect: |input| Container::is_of(NAME_CREATION, input.evidence.bytes()),
    appraise: appraise_creation,
};

const NAME_CERTIFY: &str = "tpm2-certify";
const NAME_CREATION: &str = "tpm2-certify-creation";

/// What `tpm2_certify` of tpm2-tools puts where a nonce belongs: it has no option for another value.
const TPM2_TOOLS_CONSTANT: [u8; 4] = [0x00, 0xff, 0x55, 0xaa];

/// Attestation key certificates: empty subjects with a critical subjectAltName are the rule, and issuers are ordinary CAs.
pub(super) const fn attestation_key_profile(format: &'static str) -> PathProfile {
    PathProfile {
        format,
        certificates_max: 5,
        ca_bit: CaBit::Required,
        key_purpose: KeyPurpose::Required(ATTESTATION_KEY_PURPOSE),
        validity: Validity::Checked,
        critical_known: &[CERTIFICATE_POLICIES],
        strength: Strength::Current,
    }
}

const fn endorsement_key_profile(format: &'static str) -> PathProfile {
    PathProfile {
        key_purpose: KeyPurpose::Required(ENDORSEMENT_KEY_PURPOSE),
        ..attestation_key_profile(format)
    }
}

fn appraise_certify(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let members = Members::open(NAME_CERTIFY, input.evidence.bytes())?;
    let (key, device) = members.trust(NAME_CERTIFY, input)?;
    let attest = mint(&members.signed, &key, Strength::Current, Attest::read)?;
    let public = attest.preimage(certified_name, &members.public, Key::from_public_area)?;
    let loaded =
        join(&attest, &public, |attest, key| Ok(Certified::new(attest, key, Certification::Loaded)))?;
    conclude::<Loaded>(input, &loaded, device.as_ref())
}

fn appraise_creation(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let members = Members::open(NAME_CREATION, input.evidence.bytes())?;
    let (key, device) = members.trust(NAME_CREATION, input)?;
    let attest = mint(&members.signed, &key, Strength::Current, Attest::read)?;
    let public = attest.preimage(created_name, &members.public, Key::from_public_area)?;
    let data = members.creation_data.as_deref().ok_or(Reject::FieldMissing { field: "creation-data" })?;
    attest.preimage(creation_hash, data, CreationData::read)?;
    let made = join(&attest, &public, |attest, key| Ok(Certified::new(attest, key, Certification::Created)))?;
    conclude::<Created>(input, &made, device.as_ref())
}

/// The members of a container, taken apart as far as needs no trust.
struct Members {
    signed: SignedBytes,
    public: Vec<u8>,
    creation_data: Option<Vec<u8>>,
    ak_public: Option<Vec<u8>>,
    ak_chain: Vec<Certificate>,
    ek_chain: Vec<Certificate>,
    activation_secret: Option<Vec<u8>>,
}

impl Members {
    fn open(format: &'static str, bytes: &[u8]) -> Result<Self, Reject> {
        let mut container = Container::open(format, bytes)?;
        let signature = Signature::read(&container.require("signature")?)?;
        let signed = SignedBytes {
            message: container.require("attest")?,
            scheme: signature.scheme(),
            signature: signature.octets(),
        };
        let members = Self {
            signed,
            public: Public::read(&container.require("public")?)?.bytes().to_vec(),
            creation_data: match container.take("creation-data")? {
                Some(data) => Some(CreationData::read(&data)?.bytes().to_vec()),
                None => None,
            },
            ak_public: container.take("ak-public")?,
            ak_chain: certificates(&container.take_list("ak-chain")?)?,
            ek_chain: certificates(&container.take_list("ek-chain")?)?,
            activation_secret: container.take("activation-secret")?,
        };
        container.finish()?;
        Ok(members)
    }

    /// The attestation key as far as an anchor vouches for it, and the TPM that its certificate or the endorsement key's names.
    fn trust(
        &self,
        format: &'static str,
        input: &Input<'_>,
    ) -> Result<(TrustedKey, Option<Verified<Device>>), NotVerified> {
        if !self.ak_chain.is_empty() {
            let path = reach(&self.ak_chain, &attestation_key_profile(format), input)?;
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

/// The digest in the Name of the certified object.
pub(super) fn certified_name(attest: &Attest) -> Result<HashOf, Reject> {
    match &attest.attested {
        Attested::Certify { name } => digest_in_name(name),
        other => Err(other_type("TPM_ST_ATTEST_CERTIFY", other)),
    }
}

fn created_name(attest: &Attest) -> Result<HashOf, Reject> {
    match &attest.attested {
        Attested::Creation { object_name, .. } => digest_in_name(object_name),
        other => Err(other_type("TPM_ST_ATTEST_CREATION", other)),
    }
}

/// `creationHash`, which is made with the object's Name algorithm.
fn creation_hash(attest: &Attest) -> Result<HashOf, Reject> {
    match &attest.attested {
        Attested::Creation { object_name, creation_hash } => Ok(HashOf {
            what: "TPMS_CREATION_DATA",
            hash: hash_of_name(object_name)?.0,
            digest: creation_hash.clone(),
        }),
        other => Err(other_type("TPM_ST_ATTEST_CREATION", other)),
    }
}

fn digest_in_name(name: &[u8]) -> Result<HashOf, Reject> {
    let (hash, digest) = hash_of_name(name)?;
    Ok(HashOf { what: "TPMT_PUBLIC", hash, digest: digest.to_vec() })
}

fn other_type(expected: &'static str, found: &Attested) -> Reject {
    let found = match found {
        Attested::Certify { .. } => "TPM_ST_ATTEST_CERTIFY",
        Attested::Creation { .. } => "TPM_ST_ATTEST_CREATION",
        Attested::Quote { .. } => "TPM_ST_ATTEST_QUOTE",
    };
    let (expected, found) = (Operand::Word(expected), Operand::Word(found));
    Reject::FieldMismatch { field: "TPMS_ATTEST.type", expected, found }
}

/// A certified key with what it was certified by.
#[derive(Clone, Debug)]
pub(super) struct Certified {
    key: Key,
    certification: Certification,
    extra_data: Vec<u8>,
    device: Device,
}

impl Certified {
    pub(super) fn new(attest: &Attest, key: &Key, certification: Certification) -> Self {
        let extra_data = attest.extra_data.clone();
        Self { key: key.clone(), certification, extra_data, device: Device::default() }
    }

    /// The same, on a TPM that is known by name.
    fn on(&self, device: &Device) -> Self {
        Self { device: device.clone(), ..self.clone() }
    }
}

/// A format whose statement certifies a key of a TPM.
pub(super) trait Certifying: core::fmt::Debug {
    /// The format's word in the vocabulary.
    const NAME: &'static str;
}

/// The line `tpm2-certify`.
#[derive(Debug)]
struct Loaded;

/// The line `tpm2-certify-creation`.
#[derive(Debug)]
struct Created;

impl Certifying for Loaded {
    const NAME: &'static str = NAME_CERTIFY;
}

impl Certifying for Created {
    const NAME: &'static str = NAME_CREATION;
}

/// What a statement of that format says of a key.
#[derive(Debug)]
struct Said<F> {
    certified: Certified,
    format: PhantomData<F>,
}

impl<F: Certifying> From<Certified> for Said<F> {
    fn from(certified: Certified) -> Self {
        Self { certified, format: PhantomData }
    }
}

impl<F: Certifying> Statement for Said<F> {
    const FORMAT: &'static str = F::NAME;

    fn attested_key(&self) -> &[u8] {
        self.certified.key.spki()
    }

    fn freshness(&self) -> Carried<'_> {
        match self.certified.extra_data.as_slice() {
            [] => Carried::Nothing,
            constant if constant == TPM2_TOOLS_CONSTANT => Carried::Constant,
            nonce => Carried::Nonce(nonce),
        }
    }

    fn emit(&self, to: &mut Emission) {
        self.certified.device.emit(to);
        self.certified.key.emit(self.certified.certification, to);
    }
}

/// Concludes what a statement of that format says of a key, on the TPM that is known by name, where one is.
pub(super) fn conclude<F: Certifying>(
    input: &Input<'_>,
    certified: &Verified<Certified>,
    device: Option<&Verified<Device>>,
) -> Result<Appraised, NotVerified> {
    let said = match device {
        Some(device) => join(certified, device, |key, device| Ok(Said::<F>::from(key.on(device))))?,
        None => certified.project(|key| Ok(Said::<F>::from(key.clone())))?,
    };
    input.conclude(&said)
}
