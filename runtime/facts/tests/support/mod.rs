//! Synthetic certificates, made afresh for each test.
#![allow(dead_code)]

use pkic_facts::anchors::{AnchorError, AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};

/// A certificate with the key that can issue further ones.
pub struct Node {
    pub params: CertificateParams,
    pub key: KeyPair,
    pub certificate: Certificate,
}

pub fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

pub fn authority(common_name: &str) -> CertificateParams {
    let mut params = params(common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

pub fn root(params: CertificateParams) -> Node {
    let key = KeyPair::generate().unwrap();
    let certificate = Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap();
    Node { params, key, certificate }
}

impl Node {
    pub fn issue(&self, params: CertificateParams) -> Node {
        self.issue_for(params, KeyPair::generate().unwrap())
    }

    pub fn issue_for(&self, params: CertificateParams, key: KeyPair) -> Node {
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = Certificate::from_der(params.signed_by(&key, &issuer).unwrap().der()).unwrap();
        Node { params, key, certificate }
    }

    pub fn spki(&self) -> String {
        self.certificate.tbs().spki_digest().to_string()
    }
}

pub fn load(certificates: &[&Certificate], listing: &str) -> Result<AnchorSet, AnchorError> {
    let names: Vec<String> = (0..certificates.len()).map(|index| format!("{index}.der")).collect();
    let files: Vec<AnchorFile<'_>> = names
        .iter()
        .zip(certificates)
        .map(|(name, certificate)| AnchorFile { name, bytes: certificate.raw() })
        .collect();
    AnchorSet::load(&files, listing)
}
