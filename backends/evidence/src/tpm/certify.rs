//! `TPM2_Certify` and `TPM2_CertifyCreation`: an attestation key of a TPM says that a key is in the same TPM.
//!
//! [`super::members`] has the parts of the item.
//!
//! Source: TPM 2.0 Library, Part 1, sections 24 and 31; Part 2, section 10.12; Part 3, sections 18.2 and 18.3;
//! TCG TPM 2.0 Keys for Device Identity and Attestation 1.0, section 5.
use super::ek::Device;
use super::key::{Certification, Key};
use super::members::{Kind, Members};
use super::structures::{Attest, Attested, CreationData, hash_of_name};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use core::marker::PhantomData;
use pkic_facts::crypto::Strength;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{HashOf, Verified, join, mint};

/// The line of `tpm2-certify` in the table of formats.
pub const CERTIFY: Format = Format {
    name: Kind::Certify.name(),
    source: "TPM 2.0 Library, Part 3, section 18.2 (TPM2_Certify)",
    proves: "the key is in the TPM of the attestation key; duplicable or not",
    leaves_open: "which kind of TPM: a catalogue; when, since the tools sign a constant",
    unsigned: "names of the container's members; which certificates come along",
    detect: |input| Kind::Certify.is_in(input),
    appraise: appraise_certify,
};

/// The line of `tpm2-certify-creation` in the table of formats.
pub const CERTIFY_CREATION: Format = Format {
    name: Kind::Creation.name(),
    source: "TPM 2.0 Library, Part 3, section 18.3 (TPM2_CertifyCreation)",
    proves: "the same, and that the TPM made the key",
    leaves_open: "which kind of TPM",
    unsigned: "names of the container's members; which certificates come along; the creation ticket, which only the TPM can check and is not asked for",
    detect: |input| Kind::Creation.is_in(input),
    appraise: appraise_creation,
};

/// What `tpm2_certify` of tpm2-tools puts where a nonce belongs: it has no option for another value.
const TPM2_TOOLS_CONSTANT: [u8; 4] = [0x00, 0xff, 0x55, 0xaa];

fn appraise_certify(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let members = Members::open(Kind::Certify, input)?;
    let (key, device) = members.signer.trust(Kind::Certify.name(), input)?;
    let attest = mint(&members.signed, &key, Strength::Current, Attest::read)?;
    let public = members.public.as_deref().ok_or(Reject::FieldMissing { field: "public" })?;
    let public = attest.preimage(certified_name, public, Key::from_public_area)?;
    let loaded =
        join(&attest, &public, |attest, key| Ok(Certified::new(attest, key, Certification::Loaded)))?;
    conclude::<Loaded>(input, &loaded, device.as_ref())
}

fn appraise_creation(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let members = Members::open(Kind::Creation, input)?;
    let (key, device) = members.signer.trust(Kind::Creation.name(), input)?;
    let attest = mint(&members.signed, &key, Strength::Current, Attest::read)?;
    let public = members.public.as_deref().ok_or(Reject::FieldMissing { field: "public" })?;
    let public = attest.preimage(created_name, public, Key::from_public_area)?;
    let data = members.creation_data.as_deref().ok_or(Reject::FieldMissing { field: "creation-data" })?;
    attest.preimage(creation_hash, data, CreationData::read)?;
    let made = join(&attest, &public, |attest, key| Ok(Certified::new(attest, key, Certification::Created)))?;
    conclude::<Created>(input, &made, device.as_ref())
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

pub(super) fn other_type(expected: &'static str, found: &Attested) -> Reject {
    let found = match found {
        Attested::Certify { .. } => "TPM_ST_ATTEST_CERTIFY",
        Attested::Creation { .. } => "TPM_ST_ATTEST_CREATION",
        Attested::Quote { .. } => "TPM_ST_ATTEST_QUOTE",
    };
    let (expected, found) = (Operand::Word(expected), Operand::Word(found));
    Reject::FieldMismatch { field: "TPMS_ATTEST.type", expected, found }
}

/// What `TPMS_ATTEST.extraData` is against replay.
pub(super) fn carried(extra_data: &[u8]) -> Carried<'_> {
    match extra_data {
        [] => Carried::Nothing,
        constant if constant == TPM2_TOOLS_CONSTANT => Carried::Constant,
        nonce => Carried::Nonce(nonce),
    }
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
    pub(super) fn on(&self, device: &Device) -> Self {
        Self { device: device.clone(), ..self.clone() }
    }

    /// The certified key's subjectPublicKeyInfo.
    pub(super) fn spki(&self) -> &[u8] {
        self.key.spki()
    }

    /// `TPMS_ATTEST.extraData`.
    pub(super) fn extra_data(&self) -> &[u8] {
        &self.extra_data
    }

    /// Says the facts about the key and its module.
    pub(super) fn emit(&self, to: &mut Emission) {
        self.device.emit(to);
        self.key.emit(self.certification, to);
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
    const NAME: &'static str = Kind::Certify.name();
}

impl Certifying for Created {
    const NAME: &'static str = Kind::Creation.name();
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
        self.certified.spki()
    }

    fn freshness(&self) -> Carried<'_> {
        carried(self.certified.extra_data())
    }

    fn emit(&self, to: &mut Emission) {
        self.certified.emit(to);
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
