//! Synthetic devices that start in layers, made afresh for each test. Nothing here was made by a device.

use pkic_evidence::appraise::{Appraisal, Input, appraise};
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    PublicKeyData,
};

/// 2026-12-01; certificates of rcgen are valid from 1975 to 4096.
pub const NOW: i64 = 1_796_083_200;
pub type Answer = (&'static str, &'static str, &'static str);
pub const VERIFIED: Answer = ("verified", "", "");

/// The certificate of one layer, signed by the key of the one before.
#[derive(Clone)]
pub struct Layer {
    pub extensions: Vec<CustomExtension>,
    pub is_ca: IsCa,
}

impl Layer {
    pub fn of(extensions: Vec<CustomExtension>) -> Layer {
        Layer { extensions, is_ca: IsCa::Ca(BasicConstraints::Unconstrained) }
    }
}

/// A device: the key that everything hangs on, its certificate, and those of its layers with their keys.
pub struct Device {
    pub root_key: KeyPair,
    pub root: Vec<u8>,
    pub parts: Vec<Vec<u8>>,
    pub keys: Vec<KeyPair>,
}

pub fn extension(oid: &[u64], content: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(oid, content.to_vec())
}

pub fn critical(mut extension: CustomExtension) -> CustomExtension {
    extension.set_criticality(true);
    extension
}

/// One element in DER, of at most 255 octets.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u8::try_from(content.len()).unwrap();
    let head = if len < 0x80 { vec![tag, len] } else { vec![tag, 0x81, len] };
    [head.as_slice(), content].concat()
}

fn named(name: &str, is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = is_ca;
    params
}

impl Device {
    pub fn new(layers: &[Layer]) -> Device {
        let root_key = KeyPair::generate().unwrap();
        let mut above = named("first key", IsCa::Ca(BasicConstraints::Unconstrained));
        let root = above.self_signed(&root_key).unwrap().der().to_vec();
        let (mut parts, mut keys) = (Vec::new(), Vec::new());
        for (index, layer) in layers.iter().enumerate() {
            let key = KeyPair::generate().unwrap();
            let mut params = named(&format!("layer {index}"), layer.is_ca);
            params.custom_extensions = layer.extensions.clone();
            let issuer = Issuer::from_params(&above, keys.last().unwrap_or(&root_key));
            parts.push(params.signed_by(&key, &issuer).unwrap().der().to_vec());
            (above, _) = (params, keys.push(key));
        }
        Device { root_key, root, parts, keys }
    }

    /// Only the first key's certificate anchors.
    pub fn anchors(&self) -> AnchorSet {
        AnchorSet::load(&[AnchorFile { name: "first key", bytes: &self.root }], "").unwrap()
    }

    pub fn appraise(&self) -> Appraisal {
        appraise_parts(&self.parts, &self.anchors(), None)
    }

    pub fn answer(&self) -> Answer {
        answer_of(&self.appraise())
    }

    /// A request signed by the last layer.
    pub fn request(&self) -> Vec<u8> {
        request(self.keys.last().unwrap())
    }
}

pub fn request(key: &KeyPair) -> Vec<u8> {
    named("subscriber", IsCa::NoCa).serialize_request(key).unwrap().der().to_vec()
}

pub fn enrolling(spki: &[u8]) -> AnchorSet {
    let digest = Sha256Digest::of(spki);
    let listing = format!("[[key]]\nname = \"enrolled\"\nspki = \"{digest}\"\npurpose = \"test\"\n");
    AnchorSet::load(&[], &listing).unwrap()
}

pub fn spki(key: &KeyPair) -> Vec<u8> {
    key.subject_public_key_info()
}

pub fn appraise_parts(parts: &[Vec<u8>], anchors: &AnchorSet, request: Option<&[u8]>) -> Appraisal {
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let evidence = Evidence::new("layers", &parts).unwrap();
    let request = request.map(|bytes| CertificationRequest::from_bytes(bytes).unwrap());
    let request = request.as_ref();
    appraise(&Input { evidence: &evidence, request, anchors, now: NOW, nonce: None, activation: None })
}

pub fn answer_of(appraisal: &Appraisal) -> Answer {
    let reason = appraisal.verdict.reason();
    assert_eq!(appraisal.facts.provenance().is_some(), reason.is_none());
    let stage = appraisal.verdict.stage().map_or("", |stage| stage.name());
    (appraisal.verdict.name(), stage, reason.map_or("", |reject| reject.code()))
}
