//! The recordings of the software TPM, taken apart so that a test can change one thing and appraise the rest.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkic_evidence::appraise::{Appraisal, Input, appraise};
use pkic_evidence::tpm::public::Public;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::der;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_facts::verified::activation::Activation;
use serde_json::Value;
use std::path::Path;

/// A moment after the recording, in seconds since 1970-01-01T00:00:00Z: 2026-12-01.
pub const NOW: i64 = 1_796_083_200;
/// What the recording put into TPM2_CertifyCreation and TPM2_Quote.
pub const NONCE: &[u8] = b"pkic-recording-nonce-0001";

pub fn recorded(name: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/swtpm").join(name);
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

pub fn anchors(files: &[&str]) -> AnchorSet {
    let bytes: Vec<Vec<u8>> = files.iter().map(|file| recorded(file)).collect();
    let files: Vec<AnchorFile<'_>> =
        files.iter().zip(&bytes).map(|(name, bytes)| AnchorFile { name, bytes }).collect();
    AnchorSet::load(&files, "").unwrap()
}

/// The registrar's record of the credential that the recording calls `activation`.
pub fn record(endorsement_key: &str, attestation_key: &str, activation: &str) -> Activation {
    let certificate = Certificate::from_der(&recorded(&format!("{endorsement_key}.der"))).unwrap();
    Activation {
        endorsement_key: certificate.tbs().spki_digest(),
        name: recorded(&format!("{attestation_key}.name")),
        secret: recorded(&format!("{activation}.challenge")),
    }
}

/// Signs with the key, as TPMT_SIGNATURE.
pub fn sign(key: &EcdsaKeyPair, message: &[u8]) -> Vec<u8> {
    let der = key.sign(&SystemRandom::new(), message).unwrap();
    let (r, rest) =
        der::expect("r", der::INTEGER, der::only("signature", der::SEQUENCE, der.as_ref()).unwrap()).unwrap();
    let (s, _) = der::expect("s", der::INTEGER, rest).unwrap();
    let sized = |integer: &[u8]| {
        let octets: Vec<u8> = integer.iter().copied().skip_while(|octet| *octet == 0).collect();
        [vec![0, u8::try_from(octets.len()).unwrap()], octets].concat()
    };
    [vec![0x00, 0x18, 0x00, 0x0b], sized(r), sized(s)].concat()
}

/// A container with everything that its appraisal needs.
pub struct Case {
    pub container: Value,
    pub request: Vec<u8>,
    pub anchors: AnchorSet,
    pub nonce: Option<Vec<u8>>,
    pub activation: Option<Activation>,
    pub now: i64,
}

impl Case {
    /// `TPM2_Certify` under an attestation key certificate.
    pub fn certify(name: &str, request: &str) -> Case {
        Case {
            container: serde_json::from_slice(&recorded(&format!("{name}.json"))).unwrap(),
            request: recorded(&format!("{request}.csr")),
            anchors: anchors(&["ak-ca.der", "ek-root.der"]),
            nonce: None,
            activation: None,
            now: NOW,
        }
    }

    /// `TPM2_CertifyCreation` under an activated attestation key.
    pub fn creation() -> Case {
        Case {
            nonce: Some(NONCE.to_vec()),
            activation: Some(record("ek-rsa", "ak-ec", "activation-ec")),
            ..Case::certify("creation-ec", "app-ec")
        }
    }

    /// `TPM2_Quote` under an attestation key certificate, with the registers' values and no request.
    pub fn quote() -> Case {
        let case = Case::certify("platform-quote", "app-ec");
        Case { request: Vec::new(), nonce: Some(NONCE.to_vec()), ..case }
    }

    /// The same under a key that the operator has enrolled, whose private half the test holds: it stands for a restricted key that was
    /// made to sign bytes of the host's own.
    pub fn under_enrolled_key(mut self) -> (Case, EcdsaKeyPair) {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
        self.remove("ak-chain");
        let point = key.public_key().as_ref()[1..].to_vec();
        self.change("ak-public", |public| {
            // The public area ends with both coordinates, each with its size in front.
            let x = public.len() - 66;
            public[x..x + 32].copy_from_slice(&point[..32]);
            public[x + 34..].copy_from_slice(&point[32..]);
        });
        self.enrol();
        (self, key)
    }

    /// Enrols the key of `ak-public` in place of all anchors.
    pub fn enrol(&mut self) {
        let spki = Sha256Digest::of(&Public::read(&self.member("ak-public")).unwrap().spki());
        let listing = format!("[[key]]\nname = \"enrolled\"\nspki = \"{spki}\"\npurpose = \"test\"\n");
        self.anchors = AnchorSet::load(&[], &listing).unwrap();
    }

    pub fn member(&self, name: &str) -> Vec<u8> {
        STANDARD.decode(self.container[name].as_str().unwrap()).unwrap()
    }

    pub fn set(&mut self, name: &str, bytes: &[u8]) {
        self.container[name] = Value::String(STANDARD.encode(bytes));
    }

    pub fn set_list(&mut self, name: &str, items: &[&[u8]]) {
        self.container[name] = items.iter().map(|item| STANDARD.encode(item)).collect();
    }

    pub fn remove(&mut self, name: &str) {
        self.container.as_object_mut().unwrap().remove(name).unwrap();
    }

    pub fn change(&mut self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.member(name);
        change(&mut bytes);
        self.set(name, &bytes);
    }

    pub fn appraise(&self) -> Appraisal {
        let bytes = self.container.to_string().into_bytes();
        let evidence = Evidence::new("container", &[&bytes]).unwrap();
        let request =
            (!self.request.is_empty()).then(|| CertificationRequest::from_bytes(&self.request).unwrap());
        appraise(&Input {
            evidence: &evidence,
            request: request.as_ref(),
            anchors: &self.anchors,
            now: self.now,
            nonce: self.nonce.as_deref(),
            activation: self.activation.as_ref(),
        })
    }

    /// Verdict, stage and code; a verified case has neither stage nor code.
    pub fn answer(&self) -> (&'static str, &'static str, &'static str) {
        let appraisal = self.appraise();
        let reason = appraisal.verdict.reason();
        let is_attested = appraisal.facts.provenance().is_some();
        assert_eq!(
            is_attested,
            reason.is_none(),
            "facts where there is a refusal, or none where there is none"
        );
        let stage = appraisal.verdict.stage().map_or("", |stage| stage.name());
        (appraisal.verdict.name(), stage, reason.map_or("", |reject| reject.code()))
    }
}
