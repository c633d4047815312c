//! Synthetic managed device attestations, each with one thing wrong, and the stage that must refuse it. The one real certificate is
//! without its issuer (tests/expected), so that no sample from a device is verified.

use crate::webauthn_support;

use rcgen::{CertificateParams, DnType, IsCa, KeyPair};
use webauthn_support::{
    Authority, Made, NOW, VERIFIED, anchors, bytes, chain, encoded, extension, hashed, map, named, refused,
    request, text,
};

/// The token of an ACME challenge.
const TOKEN: &[u8] = b"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";

const SERIAL: [u64; 2] = [9, 1];
const UDID: [u64; 2] = [9, 2];
const MODEL: [u64; 2] = [9, 4];
const OS_VERSION: [u64; 2] = [10, 1];
const SEP_OS_VERSION: [u64; 2] = [10, 2];
const FRESHNESS: [u64; 2] = [11, 1];
const INTEGRITY_PROTECTION: [u64; 2] = [13, 1];
const SECURE_BOOT: [u64; 2] = [13, 2];
const KERNEL_EXTENSIONS: [u64; 2] = [13, 3];

/// A synthetic device. The default is a good one.
struct Device {
    said: Vec<([u64; 2], Vec<u8>)>,
    is_authority: bool,
    not_after: i32,
    is_impostor: bool,
    has_subordinate: bool,
    auth_data: Option<Vec<u8>>,
}

fn good() -> Device {
    let said = [
        (SERIAL, b"SYNTHETIC1".to_vec()),
        (UDID, b"00000000-0000000000000000".to_vec()),
        (MODEL, b"J000xAP".to_vec()),
        (OS_VERSION, b"15.5".to_vec()),
        (SEP_OS_VERSION, b"15.5.1".to_vec()),
        (FRESHNESS, hashed(TOKEN)),
        (INTEGRITY_PROTECTION, vec![2, 1, 0]),
        (SECURE_BOOT, b"Full Security".to_vec()),
        (KERNEL_EXTENSIONS, vec![2, 1, 0]),
    ];
    Device {
        said: said.to_vec(),
        is_authority: false,
        not_after: 2099,
        is_impostor: false,
        has_subordinate: true,
        auth_data: None,
    }
}

impl Device {
    /// With another value for one thing, or without it.
    fn but(mut self, arcs: [u64; 2], value: Option<&[u8]>) -> Device {
        self.said.retain(|(held, _)| *held != arcs);
        self.said.extend(value.map(|value| (arcs, value.to_vec())));
        self
    }

    fn leaf(&self) -> CertificateParams {
        let mut leaf =
            named(&[(DnType::CommonName, "a digest"), (DnType::OrganizationalUnitName, "AAA Certification")]);
        for (arcs, value) in &self.said {
            leaf.custom_extensions.push(extension(&[&[1, 2, 840, 113635, 100, 8][..], arcs].concat(), value));
        }
        if self.is_authority {
            leaf.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        leaf.not_after = rcgen::date_time_ymd(self.not_after, 1, 1);
        leaf
    }

    fn make(self) -> (Made, KeyPair, Vec<Vec<u8>>) {
        let key = KeyPair::generate().unwrap();
        let root = Authority::root("Synthetic Enterprise Root CA");
        let issuer = if self.is_impostor { root.impostor() } else { root.subordinate("Synthetic Sub CA 1") };
        let leaf = issuer.issue(&self.leaf(), &key);
        let mut certificates = vec![leaf];
        certificates.extend(self.has_subordinate.then_some(issuer.der));
        let x5c: Vec<&[u8]> = certificates.iter().map(Vec::as_slice).collect();
        let mut members = vec![("fmt", text("apple")), ("attStmt", map(&[("x5c", chain(&x5c))]))];
        members.extend(self.auth_data.as_deref().map(|data| ("authData", bytes(data))));
        let made = Made {
            parts: vec![encoded(&map(&members))],
            request: Some(request(&key)),
            anchors: anchors("apple-mda", &[&root]),
            nonce: Some(TOKEN.to_vec()),
            now: NOW,
        };
        (made, key, certificates)
    }

    fn answer(self) -> (&'static str, &'static str, &'static str) {
        self.make().0.answer()
    }

    fn fact(self, path: &str) -> Option<String> {
        self.make().0.facts().get(path).cloned()
    }
}

#[test]
fn the_unchanged_one_says_what_the_device_is() {
    let facts = good().make().0.facts();
    let expected = [
        ("evidence.bound", "true"),
        ("evidence.freshness", "nonce"),
        ("key.export", "never"),
        ("key.origin", "generated"),
        ("key.storage", "se.integrated"),
        ("module.firmware", "15.5.1"),
        ("module.model", "J000xAP"),
        ("module.serial", "SYNTHETIC1"),
        ("module.vendor", "apple"),
        ("platform.boot", "verified"),
        ("platform.integrity-protection", "true"),
        ("platform.os-version", "15.5"),
        ("platform.third-party-kernel", "false"),
    ];
    for (path, value) in expected {
        assert_eq!(facts.get(path).map(String::as_str), Some(value), "{path}");
    }
    assert!(
        facts.values().all(|value| !value.contains("00000000-0000")),
        "the udid is nobody's business: {facts:?}"
    );
}

#[test]
fn each_wrong_thing_is_refused() {
    assert_eq!(Device { is_impostor: true, ..good() }.answer(), refused("path", "link-signature"));
    assert_eq!(Device { has_subordinate: false, ..good() }.answer(), refused("path", "issuer-unknown"));
    assert_eq!(Device { not_after: 2026, ..good() }.answer(), refused("path", "outside-validity"));
    assert_eq!(Device { is_authority: true, ..good() }.answer(), refused("profile", "property-refused"));
    assert_eq!(good().but(FRESHNESS, Some(&hashed(TOKEN)[..16])).answer(), refused("parse", "malformed"));
    assert_eq!(good().but(INTEGRITY_PROTECTION, Some(b"0")).answer(), refused("parse", "malformed"));
    assert_eq!(good().but(SERIAL, Some(&[0xff])).answer(), refused("parse", "malformed"));
    assert_eq!(good().but(SERIAL, Some(&[b'1'; 129])).answer(), refused("parse", "too-large"));
    assert_eq!(good().make().0.answer(), VERIFIED);
}

/// A verifier that looks for freshness only where there is some takes every attestation that was ever made.
#[test]
fn an_attestation_without_freshness_code_is_refused() {
    assert_eq!(good().but(FRESHNESS, None).answer(), refused("format", "field-missing"));
    assert_eq!(good().but(FRESHNESS, Some(&[])).answer(), refused("parse", "malformed"));
}

#[test]
fn freshness_is_the_digest_of_the_token_alone() {
    let (mut made, ..) = good().make();
    made.nonce = Some(b"another token".to_vec());
    assert_eq!(made.answer(), refused("freshness", "nonce-mismatch"));
    made.nonce = Some([TOKEN, b".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"].concat());
    assert_eq!(made.answer(), refused("freshness", "nonce-mismatch"), "a key authorization");
    made.nonce = Some(hashed(TOKEN));
    assert_eq!(made.answer(), refused("freshness", "nonce-mismatch"), "the digest itself");
    made.nonce = None;
    assert_eq!(made.facts()["evidence.freshness"], "none");
}

#[test]
fn the_certified_key_must_be_the_request_s() {
    let (mut made, key, _) = good().make();
    made.request = Some(request(&KeyPair::generate().unwrap()));
    assert_eq!(made.answer(), refused("binding", "key-mismatch"));
    let mut unproven = request(&key);
    *unproven.last_mut().unwrap() ^= 1;
    made.request = Some(unproven);
    assert_eq!(made.answer(), refused("binding", "possession-unproven"));
}

#[test]
fn what_apple_could_not_verify_is_unknown() {
    for arcs in
        [SERIAL, MODEL, OS_VERSION, SEP_OS_VERSION, INTEGRITY_PROTECTION, SECURE_BOOT, KERNEL_EXTENSIONS]
    {
        let (left_out, blank) =
            (good().but(arcs, None).make().0.facts(), good().but(arcs, Some(b"")).make().0.facts());
        assert_eq!(left_out, blank);
        assert_eq!(left_out.len() + 1, good().make().0.facts().len(), "{arcs:?}");
    }
    let unknown = good().but(INTEGRITY_PROTECTION, Some(&[2, 1, 7]));
    assert_eq!(unknown.fact("platform.integrity-protection"), None);
}

#[test]
fn a_loosened_device_says_so() {
    let boot = |policy: &str| good().but(SECURE_BOOT, Some(policy.as_bytes())).fact("platform.boot");
    assert_eq!(boot("Permissive Security").as_deref(), Some("unchecked"));
    assert_eq!(boot("Reduced Security"), None);
    assert_eq!(boot("Some Security"), None);
    let off = good().but(INTEGRITY_PROTECTION, Some(&[2, 1, 1])).fact("platform.integrity-protection");
    assert_eq!(off.as_deref(), Some("false"));
    let extended = good().but(KERNEL_EXTENSIONS, Some(&[2, 1, 3])).fact("platform.third-party-kernel");
    assert_eq!(extended.as_deref(), Some("true"));
}

#[test]
fn authenticator_data_do_not_matter() {
    let with = Device { auth_data: Some(vec![0xff; 10]), ..good() };
    assert_eq!(with.make().0.facts(), good().make().0.facts());
}

#[test]
fn certificates_alone_say_the_same() {
    let (mut made, _, mut certificates) = good().make();
    let facts = made.facts();
    certificates.reverse();
    made.parts = certificates;
    assert_eq!(made.facts(), facts);
    made.parts.push(made.parts[1].clone());
    assert_eq!(made.answer(), refused("format", "format-unknown"), "two devices");
}

/// With client data it is WebAuthn's statement of the same name, which has another nonce under another root.
#[test]
fn client_data_makes_it_another_format() {
    let (mut made, ..) = good().make();
    made.parts.push(b"{}".to_vec());
    assert_eq!(made.appraise().format, Some("webauthn-apple"));
    assert_eq!(made.answer(), refused("path", "issuer-unknown"));
}
