//! Synthetic chains of any format, made afresh for each test. Nothing here was made by a device, and keys are ECDSA P-256
//! whatever the vendor uses: the shape is what matters.
use super::answers::{appraise_with, stage_and_code, verified_fact};
use pkic_evidence::Appraisal;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    SigningKey,
};

/// A moment within the validity of every certificate that names no other: 2027-01-15.
pub const NOW: i64 = 1_800_000_000;

/// A certificate with its key.
pub struct Node {
    pub key: KeyPair,
    pub params: CertificateParams,
    pub der: Vec<u8>,
}

impl Node {
    pub fn root(params: CertificateParams) -> Node {
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Node { key, params, der }
    }

    pub fn issue(&self, params: CertificateParams) -> Node {
        let key = KeyPair::generate().unwrap();
        let der =
            params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).unwrap().der().to_vec();
        Node { key, params, der }
    }

    /// Somebody with the same name and another key.
    pub fn impostor(&self) -> Node {
        Node { key: KeyPair::generate().unwrap(), params: self.params.clone(), der: self.der.clone() }
    }

    /// A request for this certificate's key.
    pub fn request(&self) -> Vec<u8> {
        named("subscriber").serialize_request(&self.key).unwrap().der().to_vec()
    }

    pub fn spki(&self) -> Vec<u8> {
        Certificate::from_der(&self.der).unwrap().tbs().spki().to_vec()
    }

    /// An ECDSA signature in DER.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign(message).unwrap()
    }
}

pub fn name(attributes: &[(DnType, &str)]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, value) in attributes {
        params.distinguished_name.push(kind.clone(), *value);
    }
    params
}

pub fn named(common_name: &str) -> CertificateParams {
    name(&[(DnType::CommonName, common_name)])
}

/// The same with `basicConstraints.cA`.
pub fn authority(mut params: CertificateParams) -> CertificateParams {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// An authority of that common name.
pub fn authority_of(common_name: &str) -> CertificateParams {
    authority(named(common_name))
}

pub fn extended(mut params: CertificateParams, extensions: Vec<CustomExtension>) -> CertificateParams {
    params.custom_extensions = extensions;
    params
}

pub fn extension(oid: &[u64], value: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(oid, value.to_vec())
}

pub fn critical(oid: &[u64], value: &[u8]) -> CustomExtension {
    let mut extension = extension(oid, value);
    extension.set_criticality(true);
    extension
}

/// One element in DER.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let head = match len {
        0..0x80 => vec![tag, len as u8],
        0x80..0x100 => vec![tag, 0x81, len as u8],
        _ => vec![tag, 0x82, (len >> 8) as u8, len as u8],
    };
    [head.as_slice(), content].concat()
}

/// These roots, as simulators.
pub fn anchors(roots: &[&Node]) -> AnchorSet {
    listed(roots, "")
}

/// These roots, as simulators, with further entries of the listing.
pub fn listed(roots: &[&Node], more: &str) -> AnchorSet {
    let entry = |(index, node): (usize, &&Node)| {
        let spki = Certificate::from_der(&node.der).unwrap().tbs().spki_digest();
        format!("[[anchor]]\nname = \"root {index}\"\nspki = \"{spki}\"\npurpose = \"simulator\"\n")
    };
    let listing: String = roots.iter().enumerate().map(entry).collect();
    let files: Vec<AnchorFile<'_>> =
        roots.iter().map(|node| AnchorFile { name: "root.der", bytes: &node.der }).collect();
    AnchorSet::load(&files, &(listing + more)).unwrap()
}

/// An item of evidence with what it is appraised against.
pub struct Made {
    pub parts: Vec<Vec<u8>>,
    pub request: Option<Vec<u8>>,
    pub anchors: AnchorSet,
    pub nonce: Option<Vec<u8>>,
    pub now: i64,
}

impl Made {
    pub fn new(parts: &[&[u8]], anchors: AnchorSet) -> Made {
        let parts = parts.iter().map(|part| part.to_vec()).collect();
        Made { parts, request: None, anchors, nonce: None, now: NOW }
    }

    pub fn appraise(&self) -> Appraisal {
        let request = self.request.as_deref();
        appraise_with(&self.parts, request, &self.anchors, self.nonce.as_deref(), self.now, None)
    }

    /// Stage and code of the refusal, after checking that the format was recognised and that there are no facts.
    pub fn refusal(&self, format: &str) -> (&'static str, &'static str) {
        let answer = self.appraise();
        assert_eq!(answer.format, Some(format));
        stage_and_code(&answer)
    }

    /// The value of a fact of a verified item.
    pub fn fact(&self, path: &str) -> Option<String> {
        verified_fact(&self.appraise(), path)
    }
}
