//! Synthetic Primus attestations, each with one thing wrong, and the stage that must refuse it.

use crate::support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkic_evidence::Appraisal;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use rcgen::{
    CertificateParams, Issuer, KeyPair, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize, SigningKey as _,
};
use std::sync::OnceLock;
use support::chain::{authority_of, named};
use support::{appraise_with, attested, stage_and_code, verified_fact};

const NOW: i64 = 1_800_000_000;

struct Keys {
    root: KeyPair,
    device: KeyPair,
    attestation: KeyPair,
    other: KeyPair,
    subject: KeyPair,
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    let rsa = || KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    KEYS.get_or_init(|| Keys {
        root: rsa(),
        device: rsa(),
        attestation: rsa(),
        other: rsa(),
        subject: KeyPair::generate().unwrap(),
    })
}

/// A device and what it says. The default is a good one.
struct Case {
    is_leaf_forged: bool,
    is_device_forged: bool,
    is_device_swapped: bool,
    is_device_no_authority: bool,
    has_device: bool,
    has_extra_certificate: bool,
    is_text_forged: bool,
    is_request_for_other_key: bool,
    is_root_trusted: bool,
    /// Changes the text before it is signed: what stands for what.
    alter: (&'static str, &'static str),
    /// Changes the parts after.
    tamper: fn(&mut Vec<Vec<u8>>),
}

impl Default for Case {
    fn default() -> Case {
        Case {
            is_leaf_forged: false,
            is_device_forged: false,
            is_device_swapped: false,
            is_device_no_authority: false,
            has_device: true,
            has_extra_certificate: false,
            is_text_forged: false,
            is_request_for_other_key: false,
            is_root_trusted: true,
            alter: ("", ""),
            tamper: |_| {},
        }
    }
}

fn text() -> String {
    let key = STANDARD.encode(keys().subject.subject_public_key_info());
    let attributes = [
        ("decrypt", false),
        ("sign", true),
        ("sensitive", true),
        ("always_sensitive", true),
        ("extractable", false),
        ("never_extractable", true),
        ("copyable", false),
    ];
    let attributes: String =
        attributes.iter().map(|(name, value)| format!("\t\t<{name}>{value}</{name}>\n")).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<private_key creation=\"generated\">\n\
         \t<label>a &amp; b</label>\n\t<create_time>2026-10-01T20:31:53Z</create_time>\n\
         \t<attest_time>2026-10-18T20:19:33Z</attest_time>\n\t<public_key>{key}</public_key>\n\
         \t<attributes>\n{attributes}\t</attributes>\n</private_key>\n"
    )
}

impl Case {
    fn appraise(&self) -> Appraisal {
        let keys = keys();
        let pick = |is_other: bool, key: &'static KeyPair| if is_other { &keys.other } else { key };
        let root = authority_of("PRIMUS_HSM_ROOTKEY");
        let device = "PRIMUS HSM KEY (SN: 12345678)";
        let device = if self.is_device_no_authority { named(device) } else { authority_of(device) };
        let issued = |params: CertificateParams, key: &KeyPair, issuer: &CertificateParams, by: &KeyPair| {
            params.signed_by(key, &Issuer::from_params(issuer, by)).unwrap().pem()
        };
        let signer = pick(self.is_leaf_forged, &keys.device);
        let mut chain = issued(named("attestation-key"), &keys.attestation, &device, signer);
        if self.has_device {
            let device_key = pick(self.is_device_swapped, &keys.device);
            let signer = pick(self.is_device_forged, &keys.root);
            chain.push_str(&issued(device.clone(), device_key, &root, signer));
        }
        if self.has_extra_certificate {
            chain.push_str(&issued(named("another-key"), &keys.other, &device, &keys.device));
        }
        let (from, to) = self.alter;
        assert!(text().contains(from), "{from}");
        let text = if from.is_empty() { text() } else { text().replacen(from, to, 1) }.into_bytes();
        let signature = pick(self.is_text_forged, &keys.attestation).sign(&text).unwrap();
        let mut parts = vec![text, signature, chain.into_bytes()];
        (self.tamper)(&mut parts);
        let request_key = if self.is_request_for_other_key { &keys.other } else { &keys.subject };
        let request = named("subscriber").serialize_request(request_key).unwrap().der().to_vec();
        let root_certificate = root.self_signed(pick(!self.is_root_trusted, &keys.root)).unwrap();
        let file = AnchorFile { name: "root.der", bytes: root_certificate.der() };
        let anchors = AnchorSet::load(&[file], "").unwrap();
        appraise_with(&parts, Some(&request), &anchors, Some(b"ours"), NOW, None)
    }

    /// Stage and code of the refusal, after checking that it yields no facts.
    fn refusal(&self) -> (&'static str, &'static str) {
        let answer = self.appraise();
        assert_eq!(answer.format, Some("securosys-primus"));
        stage_and_code(&answer)
    }

    fn fact(&self, path: &str) -> Option<String> {
        verified_fact(&self.appraise(), path)
    }
}

fn altered(from: &'static str, to: &'static str) -> Case {
    Case { alter: (from, to), ..Case::default() }
}

#[test]
fn the_unchanged_one_is_verified() {
    let answer = Case::default().appraise();
    assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
    assert_eq!(answer.freshness(), Some("time"), "there is no nonce, whatever we ask for");
    let facts = attested(answer.facts.table());
    assert_eq!(facts["evidence.bound"].1, "true");
    assert_eq!(facts["key.storage"].1, "hsm.network");
    assert_eq!(facts["module.serial"].1, "12345678");
}

#[test]
fn each_wrong_chain_is_refused_by_its_stage() {
    let good = Case::default;
    assert_eq!(Case { is_leaf_forged: true, ..good() }.refusal(), ("path", "link-signature"));
    assert_eq!(Case { is_device_forged: true, ..good() }.refusal(), ("path", "link-signature"));
    assert_eq!(Case { is_device_swapped: true, ..good() }.refusal(), ("path", "link-signature"));
    assert_eq!(Case { is_root_trusted: false, ..good() }.refusal(), ("path", "link-signature"));
    assert_eq!(Case { is_device_no_authority: true, ..good() }.refusal(), ("path", "not-an-authority"));
    assert_eq!(Case { has_device: false, ..good() }.refusal(), ("path", "issuer-unknown"));
    assert_eq!(Case { has_extra_certificate: true, ..good() }.refusal(), ("format", "field-repeated"));
    assert_eq!(Case { is_text_forged: true, ..good() }.refusal(), ("signature", "signature-invalid"));
    assert_eq!(Case { is_request_for_other_key: true, ..good() }.refusal(), ("binding", "key-mismatch"));
}

/// The bytes count, and not what they mean: white space, line ends and comments are as good as any other change.
#[test]
fn the_text_is_taken_byte_for_byte() {
    let tampers: [fn(&mut Vec<Vec<u8>>); 4] = [
        |parts| parts[0].push(b'\n'),
        |parts| parts[0].retain(|byte| *byte != b'\t'),
        |parts| parts[0].extend_from_slice(b"<!-- -->"),
        |parts| parts[1][7] ^= 1,
    ];
    for tamper in tampers {
        let case = Case { tamper, ..Case::default() };
        assert_eq!(case.refusal(), ("signature", "signature-invalid"));
    }
    let long: fn(&mut Vec<Vec<u8>>) = |parts| parts[1] = vec![0; 1025];
    assert_eq!(Case { tamper: long, ..Case::default() }.refusal(), ("parse", "too-large"));
    let split: fn(&mut Vec<Vec<u8>>) = |parts| {
        let chain = String::from_utf8(parts.pop().unwrap()).unwrap();
        let at = chain.rfind("-----BEGIN").unwrap();
        parts.insert(0, chain.as_bytes()[at..].to_vec());
        parts.push(chain.as_bytes()[..at].to_vec());
    };
    let case = Case { tamper: split, ..Case::default() };
    assert_eq!(case.appraise().verdict.name(), "verified", "certificates in files of their own");
}

/// Even what is signed is read strictly: a parser that sees another text than a person does is how such formats break.
#[test]
fn the_reader_is_strict() {
    let malformed = ("parse", "malformed");
    let doctype = ("<private_key ", "<!DOCTYPE private_key [<!ENTITY yes \"true\">]><private_key ");
    assert_eq!(altered(doctype.0, doctype.1).refusal(), malformed);
    assert_eq!(altered("a &amp; b", "a &other; b").refusal(), malformed);
    assert_eq!(altered("<extractable>false", "<extractable>fal<!-- -->se").refusal(), malformed);
    assert_eq!(altered("<extractable>false", "<extractable><b>false</b>").refusal(), malformed);
    assert_eq!(altered("<extractable>false", "<extractable>").refusal(), malformed);
    assert_eq!(altered("<extractable>false", "<extractable>False").refusal(), malformed);
    assert_eq!(altered("<extractable>false", "<extractable>0").refusal(), malformed);
    let twice = "<extractable>false</extractable><extractable>false";
    assert_eq!(altered("<extractable>false", twice).refusal(), ("format", "field-repeated"));
    let twice = "<attributes/>\t<attributes>";
    assert_eq!(altered("<attributes>", twice).refusal(), ("format", "field-repeated"));
    assert_eq!(altered("</private_key>\n", "</private_key><private_key/>").refusal(), malformed);
    assert_eq!(altered("2026-10-18T20:19:33Z", "yesterday").refusal(), malformed);
    assert_eq!(altered("<public_key>", "<public_key>=").refusal(), malformed);
    let nested: &'static str = Box::leak(("<b>".repeat(300) + &"</b>".repeat(300)).into_boxed_str());
    assert_eq!(altered("a &amp; b", nested).refusal(), malformed, "too many nodes");
    assert_eq!(altered(" creation=\"generated\"", "").refusal(), ("format", "field-missing"));
    let time = "<attest_time>2026-10-18T20:19:33Z</attest_time>";
    assert_eq!(altered(time, "").refusal(), ("format", "field-missing"));
    assert_eq!(altered("</attributes>", "</attribute>").refusal(), malformed);
}

#[test]
fn a_statement_about_no_private_key_is_refused() {
    let whole: &'static str = Box::leak(text().into_boxed_str());
    let other = whole.replace("private_key", "public_key_object");
    let case = Case { alter: (whole, Box::leak(other.into_boxed_str())), ..Case::default() };
    assert_eq!(case.refusal(), ("profile", "property-refused"));
}

#[test]
fn what_the_attributes_allow_is_said() {
    assert_eq!(Case::default().fact("key.export").as_deref(), Some("domain"));
    assert_eq!(
        altered("<extractable>false", "<extractable>true").fact("key.export").as_deref(),
        Some("wrapped")
    );
    let once = altered("<never_extractable>true", "<never_extractable>false");
    assert_eq!(once.fact("key.export").as_deref(), Some("wrapped"));
    assert_eq!(altered("<sensitive>true", "<sensitive>false").fact("key.export").as_deref(), Some("plain"));
    assert_eq!(altered("<sensitive>true</sensitive>", "").fact("key.export"), None);
    assert_eq!(Case::default().fact("key.origin").as_deref(), Some("generated"));
    assert_eq!(altered("\"generated\"", "\"imported\"").fact("key.origin").as_deref(), Some("imported"));
    assert_eq!(altered("\"generated\"", "\"somehow\"").fact("key.origin"), None);
}
