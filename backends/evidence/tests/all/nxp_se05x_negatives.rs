//! Synthetic attested readings of an SE05x, each with one thing wrong, and the stage that must refuse it. Nothing here was
//! made by a device.

use crate::support;

use aws_lc_rs::digest::{SHA256, digest};
use pkic_evidence::Appraisal;
use pkic_evidence::container::write;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use rcgen::{
    BasicConstraints, Certificate as Made509, CertificateParams, DnType, IsCa, Issuer, KeyPair, SigningKey,
};
use support::{appraise_with, attested, stage_and_code, verified_fact};

const NOW: i64 = 1_800_000_000;
const NONCE: [u8; 16] = *b"a nonce of ours.";
const OBJECT: [u8; 4] = [0x10, 0, 0, 7];

/// An element as the signature covers it, with a length of two octets.
fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    [&[tag, 0x82][..], &u16::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
}

/// An element as short as may be, as the applet answers.
fn short(tag: u8, value: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(value.len()).unwrap()][..], value].concat()
}

/// What a synthetic reading says, and who signs what. The default is a good one.
struct Reading {
    object_type: u8,
    origin: u8,
    policies: Vec<u8>,
    /// Attributes cut by so many octets.
    cut: usize,
    command_object: [u8; 4],
    command_extra: Vec<u8>,
    command_algorithm: u8,
    command_instruction: u8,
    nonce: Vec<u8>,
    unique_id: Vec<u8>,
    signed_tags: [u8; 5],
    /// As applets before 7.2 sign: values without tags and lengths.
    is_unframed: bool,
    is_command_other: bool,
    is_signed_by_other: bool,
    /// An authority between the attestation key and the anchor.
    is_below_root: bool,
    has_other_anchor: bool,
    is_request_for_other_key: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            object_type: 0x29,
            origin: 2,
            policies: policy(0x1034_0000, &[]),
            cut: 0,
            command_object: OBJECT,
            command_extra: Vec::new(),
            command_algorithm: 0x21,
            command_instruction: 0x22,
            nonce: NONCE.to_vec(),
            unique_id: (1..=18).collect(),
            signed_tags: [0x41, 0x42, 0x43, 0x44, 0x4f],
            is_unframed: false,
            is_command_other: false,
            is_signed_by_other: false,
            is_below_root: false,
            has_other_anchor: false,
            is_request_for_other_key: false,
        }
    }
}

/// A policy for everybody, with conditions.
fn policy(rules: u32, conditions: &[u8]) -> Vec<u8> {
    let content = [&[0; 4][..], &rules.to_be_bytes(), conditions].concat();
    [&[u8::try_from(content.len()).unwrap()][..], &content].concat()
}

struct Made {
    item: Vec<u8>,
    request: Vec<u8>,
    anchors: AnchorSet,
}

impl Reading {
    fn make(&self) -> Made {
        let keys: Vec<KeyPair> = (0..5).map(|_| KeyPair::generate().unwrap()).collect();
        let [attestation_key, attested, authority_key, root_key, other] = keys.as_slice() else {
            unreachable!()
        };
        let attributes = self.attributes();
        let point = attested.public_key_raw();
        let time = [0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5];
        let values = [point, &self.unique_id, &attributes, &[0, 32], &time];
        let elements: Vec<(u8, &[u8])> = self.signed_tags.into_iter().zip(values).collect();
        let command = self.command(&self.nonce);
        let mut message = digest(&SHA256, &command).as_ref().to_vec();
        for (tag, value) in &elements {
            message.extend(if self.is_unframed { value.to_vec() } else { element(*tag, value) });
        }
        let signer = if self.is_signed_by_other { other } else { attestation_key };
        let mut response: Vec<u8> = elements.iter().flat_map(|(tag, value)| short(*tag, value)).collect();
        response.extend(short(0x52, &signer.sign(&message).unwrap()));
        let (certificate, anchor) = self.certificates(attestation_key, authority_key, root_key, other);
        let carried = if self.is_command_other { self.command(b"another nonce...") } else { command };
        let members = [
            ("command", carried.as_slice()),
            ("response", &response),
            ("attestation-key-certificate", certificate.der()),
        ];
        let request_key = if self.is_request_for_other_key { other } else { attested };
        let request = CertificateParams::default().serialize_request(request_key).unwrap();
        Made {
            item: write("nxp-se05x", &members, &[]),
            request: request.der().to_vec(),
            anchors: anchors(anchor.der()),
        }
    }

    fn attributes(&self) -> Vec<u8> {
        let head = [self.object_type, 2, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut attributes = [&OBJECT[..], &head, &self.policies, &[self.origin], &[0; 4]].concat();
        attributes.truncate(attributes.len() - self.cut);
        attributes
    }

    fn command(&self, nonce: &[u8]) -> Vec<u8> {
        let elements = [
            short(0x41, &self.command_object),
            short(0x45, &[0xf0, 0, 0, 0x12]),
            short(0x46, &[self.command_algorithm]),
            short(0x47, nonce),
            self.command_extra.clone(),
        ]
        .concat();
        let length = u16::try_from(elements.len()).unwrap().to_be_bytes();
        [&[0x80, self.command_instruction, 0, 0, 0][..], &length, &elements].concat()
    }

    fn certificates(
        &self,
        key: &KeyPair,
        authority_key: &KeyPair,
        root_key: &KeyPair,
        other: &KeyPair,
    ) -> (Made509, Made509) {
        let authority = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let (root_params, authority_params) = (authority("NXP root"), authority("NXP attestation"));
        let mut leaf_params = CertificateParams::default();
        leaf_params.distinguished_name.push(DnType::CommonName, "attestation key");
        let leaf =
            leaf_params.signed_by(key, &Issuer::from_params(&authority_params, authority_key)).unwrap();
        let root = root_params.self_signed(root_key).unwrap();
        let anchor = match (self.is_below_root, self.has_other_anchor) {
            (true, _) => root,
            (false, true) => authority_params.self_signed(other).unwrap(),
            (false, false) => authority_params
                .signed_by(authority_key, &Issuer::from_params(&root_params, root_key))
                .unwrap(),
        };
        (leaf, anchor)
    }
}

/// The authority is an anchor since the listing says so, not since it signed itself.
fn anchors(certificate: &[u8]) -> AnchorSet {
    let spki = Certificate::from_der(certificate).unwrap().tbs().spki_digest();
    let listing = format!("[[anchor]]\nname = \"authority\"\nspki = \"{spki}\"\npurpose = \"simulator\"\n");
    AnchorSet::load(&[AnchorFile { name: "authority.der", bytes: certificate }], &listing).unwrap()
}

fn appraised(made: &Made, nonce: Option<&[u8]>) -> Appraisal {
    appraise_with(std::slice::from_ref(&made.item), Some(&made.request), &made.anchors, nonce, NOW, None)
}

fn refusal(reading: Reading) -> (&'static str, &'static str) {
    stage_and_code(&appraised(&reading.make(), Some(&NONCE)))
}

fn fact(reading: Reading, path: &str) -> Option<String> {
    verified_fact(&appraised(&reading.make(), Some(&NONCE)), path)
}

#[test]
fn the_unchanged_one_is_verified() {
    let made = Reading::default().make();
    let answer = appraised(&made, Some(&NONCE));
    assert_eq!(
        (answer.verdict.name(), answer.format),
        ("verified", Some("nxp-se05x")),
        "{:?}",
        answer.verdict
    );
    assert_eq!(answer.freshness(), Some("nonce"));
    let facts = attested(answer.facts.table());
    let paths =
        ["key.storage", "key.origin", "key.export", "module.vendor", "module.serial", "evidence.bound"];
    assert_eq!(
        paths.map(|path| facts[path].1.as_str()),
        ["se.discrete", "generated", "never", "nxp", "0102030405060708090a0b0c0d0e0f101112", "true"]
    );
    assert_eq!(appraised(&made, None).freshness(), Some("none"), "nobody asked");
}

#[test]
fn each_wrong_thing_is_refused_by_its_stage() {
    let good = Reading::default;
    assert_eq!(refusal(Reading { has_other_anchor: true, ..good() }), ("path", "link-signature"));
    assert_eq!(
        refusal(Reading { is_below_root: true, ..good() }),
        ("path", "issuer-unknown"),
        "a root does not do"
    );
    assert_eq!(refusal(Reading { is_signed_by_other: true, ..good() }), ("signature", "signature-invalid"));
    assert_eq!(refusal(Reading { is_command_other: true, ..good() }), ("signature", "signature-invalid"));
    assert_eq!(refusal(Reading { is_unframed: true, ..good() }), ("signature", "signature-invalid"));
    assert_eq!(refusal(Reading { is_request_for_other_key: true, ..good() }), ("binding", "key-mismatch"));
    let stale = Reading { nonce: b"a nonce of them.".to_vec(), ..good() };
    assert_eq!(refusal(stale), ("freshness", "nonce-mismatch"));
    let other_object = Reading { command_object: [0x10, 0, 0, 8], ..good() };
    assert_eq!(refusal(other_object), ("format", "field-mismatch"));
}

#[test]
fn what_is_no_key_pair_is_refused() {
    for object_type in [0x01, 0x0b, 0x2a, 0x2b, 0x04, 0x65] {
        let reading = Reading { object_type, ..Reading::default() };
        assert_eq!(refusal(reading), ("profile", "property-refused"), "{object_type:#x}");
    }
    assert_eq!(
        refusal(Reading { object_type: 0x2d, ..Reading::default() }),
        ("parse", "malformed"),
        "another curve"
    );
}

#[test]
fn what_does_not_read_is_refused() {
    let good = Reading::default;
    let malformed = ("parse", "malformed");
    assert_eq!(refusal(Reading { cut: 4, ..good() }), malformed, "a policy that is cut");
    assert_eq!(
        refusal(Reading { policies: vec![3, 0, 0, 0], ..good() }),
        malformed,
        "a policy without rules"
    );
    assert_eq!(refusal(Reading { policies: vec![9], ..good() }), malformed);
    assert_eq!(refusal(Reading { unique_id: vec![1; 17], ..good() }), malformed);
    assert_eq!(refusal(Reading { nonce: vec![1; 15], ..good() }), malformed);
    assert_eq!(
        refusal(Reading { command_instruction: 0x02, ..good() }),
        malformed,
        "a read without attestation"
    );
    let swapped = Reading { signed_tags: [0x41, 0x43, 0x42, 0x44, 0x4f], ..good() };
    assert_eq!(refusal(swapped), ("format", "field-mismatch"), "tags of another answer");
    let of_part = Reading { command_extra: short(0x42, &[0, 1]), ..good() };
    assert_eq!(refusal(of_part), ("format", "field-mismatch"), "a part of the object");
    let two_nonces = Reading { command_extra: short(0x47, &NONCE), ..good() };
    assert_eq!(refusal(two_nonces), ("format", "field-repeated"));
    let other_hash = Reading { command_algorithm: 0x22, ..good() };
    assert_eq!(refusal(other_hash), ("signature", "algorithm-unsupported"));
}

#[test]
fn the_attributes_say_how_the_key_came_and_where_it_may_go() {
    let good = Reading::default;
    assert_eq!(fact(Reading { origin: 1, ..good() }, "key.origin").unwrap(), "imported");
    assert_eq!(fact(Reading { origin: 3, ..good() }, "key.origin"), None, "provisioned");
    assert_eq!(fact(Reading { origin: 9, ..good() }, "key.origin"), None);
    assert_eq!(fact(Reading { policies: Vec::new(), ..good() }, "key.export"), None, "no policies");
    let two = [policy(0x1000_0000, &[]), policy(0x1000, &[1, 2])].concat();
    assert_eq!(fact(Reading { policies: two, ..good() }, "key.export").unwrap(), "wrapped");
}
