//! Synthetic WebAuthn and ACME attestation objects, made afresh for each test: for negatives that each change one thing.
//!
//! Nothing here was made by a device. Keys are ECDSA P-256.

use ciborium::Value;
use pkic_evidence::appraise::{Appraisal, Input, appraise};
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_vocab::Grade;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    PublicKeyData,
};
use std::collections::BTreeMap;

/// A moment within every synthetic validity, in seconds since 1970-01-01T00:00:00Z: 2027-01-15.
pub const NOW: i64 = 1_800_000_000;
pub const CHALLENGE: &[u8] = b"a challenge of ours";

/// A certification authority.
pub struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pub der: Vec<u8>,
}

impl Authority {
    pub fn root(common_name: &str) -> Authority {
        let (params, key) = (authority(common_name), KeyPair::generate().unwrap());
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Authority { params, key, der }
    }

    pub fn subordinate(&self, common_name: &str) -> Authority {
        let (params, key) = (authority(common_name), KeyPair::generate().unwrap());
        let der = self.issue(&params, &key);
        Authority { params, key, der }
    }

    pub fn issue(&self, params: &CertificateParams, key: &KeyPair) -> Vec<u8> {
        params.signed_by(key, &Issuer::from_params(&self.params, &self.key)).unwrap().der().to_vec()
    }

    /// The same name and another key: nothing that it signs leads to the anchor of that name.
    pub fn impostor(&self) -> Authority {
        let key = KeyPair::generate().unwrap();
        let der = self.params.self_signed(&key).unwrap().der().to_vec();
        Authority { params: self.params.clone(), key, der }
    }
}

fn authority(common_name: &str) -> CertificateParams {
    let mut params = named(&[(DnType::CommonName, common_name)]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// Parameters of an end entity with that subject.
pub fn named(names: &[(DnType, &str)]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, name) in names {
        params.distinguished_name.push(kind.clone(), *name);
    }
    params.is_ca = IsCa::ExplicitNoCa;
    params
}

pub fn extension(oid: &[u64], value: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(oid, value.to_vec())
}

/// A DER element of at most 127 bytes.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

/// A request for that key.
pub fn request(key: &KeyPair) -> Vec<u8> {
    named(&[(DnType::CommonName, "subscriber")]).serialize_request(key).unwrap().der().to_vec()
}

pub fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub fn bytes(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}

pub fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(name, value)| (text(name), value.clone())).collect())
}

pub fn encoded(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).unwrap();
    out
}

pub fn chain(certificates: &[&[u8]]) -> Value {
    Value::Array(certificates.iter().map(|certificate| bytes(certificate)).collect())
}

/// The octets of a P-256 point, uncompressed.
pub fn point(key: &KeyPair) -> Vec<u8> {
    key.der_bytes().to_vec()
}

/// A COSE_Key of a P-256 key.
pub fn cose_key(key: &KeyPair) -> Value {
    let point = point(key);
    let entry = |label: i64, value: Value| (Value::from(label), value);
    Value::Map(vec![
        entry(1, Value::from(2)),
        entry(3, Value::from(-7)),
        entry(-1, Value::from(1)),
        entry(-2, bytes(&point[1..33])),
        entry(-3, bytes(&point[33..])),
    ])
}

/// Authenticator data, the parts that a test may change.
#[derive(Clone)]
pub struct AuthData {
    pub rp_id_hash: Vec<u8>,
    pub flags: u8,
    pub sign_count: u32,
    pub aaguid: [u8; 16],
    pub credential_id: Vec<u8>,
    pub key: Value,
}

impl AuthData {
    pub fn of(key: &KeyPair, aaguid: [u8; 16]) -> AuthData {
        AuthData {
            rp_id_hash: Sha256Digest::of(b"example.com").0.to_vec(),
            flags: 0x41,
            sign_count: 0,
            aaguid,
            credential_id: vec![7; 32],
            key: cose_key(key),
        }
    }

    pub fn encoded(&self) -> Vec<u8> {
        let id_len = u16::try_from(self.credential_id.len()).unwrap().to_be_bytes();
        let head =
            [&self.rp_id_hash[..], &[self.flags], &self.sign_count.to_be_bytes(), &self.aaguid].concat();
        [&head[..], &id_len, &self.credential_id, &encoded(&self.key)].concat()
    }
}

pub fn client_data(kind: &str, challenge: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(challenge);
    format!("{{\"type\":\"{kind}\",\"challenge\":\"{challenge}\",\"origin\":\"https://example.com\"}}")
        .into_bytes()
}

pub fn hashed(bytes: &[u8]) -> Vec<u8> {
    Sha256Digest::of(bytes).0.to_vec()
}

/// Anchors for one format, all of them tests.
pub fn anchors(format: &str, roots: &[&Authority]) -> AnchorSet {
    let entry = |root: &&Authority| {
        let spki = Certificate::from_der(&root.der).unwrap().tbs().spki_digest();
        format!(
            "[[anchor]]\nname = \"synthetic root\"\nspki = \"{spki}\"\npurpose = \"test\"\nformats = [\"{format}\"]\n"
        )
    };
    let files: Vec<AnchorFile<'_>> =
        roots.iter().map(|root| AnchorFile { name: "root.der", bytes: &root.der }).collect();
    AnchorSet::load(&files, &roots.iter().map(entry).collect::<String>()).unwrap()
}

/// An item of evidence with everything that its appraisal needs.
pub struct Made {
    pub parts: Vec<Vec<u8>>,
    pub request: Option<Vec<u8>>,
    pub anchors: AnchorSet,
    pub nonce: Option<Vec<u8>>,
    pub now: i64,
}

impl Made {
    pub fn appraise(&self) -> Appraisal {
        let parts: Vec<&[u8]> = self.parts.iter().map(Vec::as_slice).collect();
        let evidence = Evidence::new("synthetic", &parts).unwrap();
        let request = self.request.as_ref().map(|bytes| CertificationRequest::from_bytes(bytes).unwrap());
        appraise(&Input {
            evidence: &evidence,
            request: request.as_ref(),
            anchors: &self.anchors,
            now: self.now,
            nonce: self.nonce.as_deref(),
            activation: None,
        })
    }

    /// Verdict, stage and code; a verified item has neither stage nor code.
    pub fn answer(&self) -> (&'static str, &'static str, &'static str) {
        let appraisal = self.appraise();
        let reason = appraisal.verdict.reason();
        assert_eq!(appraisal.facts.provenance().is_some(), reason.is_none(), "facts follow the verdict");
        let stage = appraisal.verdict.stage().map_or("", |stage| stage.name());
        (appraisal.verdict.name(), stage, reason.map_or("", |reject| reject.code()))
    }

    /// Every attested fact, as path to value.
    pub fn facts(&self) -> BTreeMap<String, String> {
        let appraisal = self.appraise();
        assert_eq!(appraisal.verdict.name(), "verified", "{:?}", appraisal.verdict);
        let known = appraisal.facts.table().known().filter(|(_, fact)| fact.grade == Grade::Attested);
        known
            .map(|(path, fact)| (path.fact.def().path.to_owned(), fact.value.to_string().replace('"', "")))
            .collect()
    }
}

pub const VERIFIED: (&str, &str, &str) = ("verified", "", "");

/// A refusal at a stage with a code.
pub const fn refused(stage: &'static str, code: &'static str) -> (&'static str, &'static str, &'static str) {
    ("refused", stage, code)
}
