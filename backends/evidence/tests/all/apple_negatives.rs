//! Synthetic attestations of Apple's kinds, each with one thing wrong, and the stage that must refuse it.

use crate::webauthn_support;

use rcgen::{CertificateParams, DnType, IsCa, KeyPair};
use webauthn_support::{
    AuthData, Authority, CHALLENGE, Made, NOW, VERIFIED, anchors, bytes, chain, client_data, element,
    encoded, extension, hashed, map, named, point, refused, request, text,
};

const NONCE: [u64; 7] = [1, 2, 840, 113635, 100, 8, 2];

/// A synthetic registration in Apple's shape. The default is a good one.
struct Registration {
    fmt: &'static str,
    format: &'static str,
    leaf: CertificateParams,
    auth_data: Box<dyn Fn(&mut AuthData)>,
    /// The nonce extension, of the digest that belongs in it.
    nonce: fn(&[u8]) -> Option<Vec<u8>>,
    client_data: Vec<u8>,
    is_impostor: bool,
    /// The certificate is for another key than the registered one.
    is_certificate_swapped: bool,
}

fn leaf() -> CertificateParams {
    named(&[(DnType::CommonName, "a digest"), (DnType::OrganizationalUnitName, "AAA Certification")])
}

/// `SEQUENCE { [1] OCTET STRING }`.
fn nonce_extension(digest: &[u8]) -> Vec<u8> {
    element(0x30, &element(0xa1, &element(4, digest)))
}

fn of_webauthn() -> Registration {
    Registration {
        fmt: "apple",
        format: "webauthn-apple",
        leaf: leaf(),
        auth_data: Box::new(|_| {}),
        nonce: |digest| Some(nonce_extension(digest)),
        client_data: client_data("webauthn.create", CHALLENGE),
        is_impostor: false,
        is_certificate_swapped: false,
    }
}

fn of_app() -> Registration {
    Registration {
        fmt: "apple-appattest",
        format: "apple-app-attest",
        client_data: CHALLENGE.to_vec(),
        ..of_webauthn()
    }
}

impl Registration {
    fn make(self) -> (Made, KeyPair) {
        let (key, other_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let root = Authority::root("Synthetic Attestation Root CA");
        let issuer =
            if self.is_impostor { root.impostor() } else { root.subordinate("Synthetic Attestation CA 1") };
        let mut auth_data = AuthData::of(&key, [0; 16]);
        if self.fmt == "apple-appattest" {
            auth_data.aaguid = *b"appattestdevelop";
            auth_data.credential_id = hashed(&point(&key));
        }
        (self.auth_data)(&mut auth_data);
        let auth_data = auth_data.encoded();
        let digest = hashed(&[&auth_data[..], &hashed(&self.client_data)].concat());
        let mut params = self.leaf;
        params.custom_extensions.extend((self.nonce)(&digest).map(|value| extension(&NONCE, &value)));
        let leaf = issuer.issue(&params, if self.is_certificate_swapped { &other_key } else { &key });
        let statement = map(&[("x5c", chain(&[&leaf, &issuer.der])), ("receipt", bytes(b"a receipt"))]);
        let object = map(&[("fmt", text(self.fmt)), ("attStmt", statement), ("authData", bytes(&auth_data))]);
        let made = Made {
            parts: vec![encoded(&object), self.client_data],
            request: None,
            anchors: anchors(self.format, &[&root]),
            nonce: Some(CHALLENGE.to_vec()),
            now: NOW,
        };
        (made, key)
    }

    fn answer(self) -> (&'static str, &'static str, &'static str) {
        self.make().0.answer()
    }
}

#[test]
fn a_webauthn_key_is_in_the_enclave_by_practice() {
    let (made, _) = of_webauthn().make();
    let facts = made.facts();
    assert_eq!((facts["key.storage"].as_str(), facts["key.export"].as_str()), ("se.integrated", "never"));
    assert_eq!((facts["evidence.freshness"].as_str(), facts.get("module.aaguid")), ("nonce", None));
    let appraisal = made.appraise();
    let known = appraisal.facts.table().known();
    for (path, fact) in known.filter(|(path, _)| path.fact.def().path.starts_with("key.")) {
        assert_eq!(fact.basis.names().collect::<Vec<_>>(), ["practice"], "{}", path.fact.def().path);
    }
}

/// What both kinds of registration share.
fn each_wrong_thing_is_refused(good: fn() -> Registration) {
    assert_eq!(good().answer(), VERIFIED);
    assert_eq!(Registration { is_impostor: true, ..good() }.answer(), refused("path", "link-signature"));
    let swapped = Registration { is_certificate_swapped: true, ..good() };
    assert_eq!(swapped.answer(), refused("format", "field-mismatch"));
    let mut authority = leaf();
    authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    assert_eq!(Registration { leaf: authority, ..good() }.answer(), refused("profile", "property-refused"));
    let mut expired = leaf();
    expired.not_after = rcgen::date_time_ymd(2026, 1, 1);
    assert_eq!(Registration { leaf: expired, ..good() }.answer(), refused("path", "outside-validity"));
    let absent = Registration { nonce: |_| None, ..good() };
    assert_eq!(absent.answer(), refused("format", "field-missing"));
    let bare = Registration { nonce: |digest| Some(digest.to_vec()), ..good() };
    assert_eq!(bare.answer(), refused("parse", "malformed"));
    let short = Registration { nonce: |digest| Some(nonce_extension(&digest[..16])), ..good() };
    assert_eq!(short.answer(), refused("signature", "digest-mismatch"));
    let other = Registration { nonce: |_| Some(nonce_extension(&hashed(b"other"))), ..good() };
    assert_eq!(other.answer(), refused("signature", "digest-mismatch"));
    let (mut made, _) = good().make();
    made.parts[1] = client_data("webauthn.create", b"another challenge");
    assert_eq!(made.answer(), refused("signature", "digest-mismatch"));
    let (mut made, _) = good().make();
    made.nonce = Some(b"another challenge".to_vec());
    assert_eq!(made.answer(), refused("freshness", "nonce-mismatch"));
    let (mut made, _) = good().make();
    made.anchors = good().make().0.anchors;
    assert_eq!(made.answer(), refused("path", "link-signature"), "same name, other key");
}

#[test]
fn each_wrong_thing_about_webauthn_is_refused() {
    each_wrong_thing_is_refused(of_webauthn);
}

#[test]
fn each_wrong_thing_about_app_attest_is_refused() {
    each_wrong_thing_is_refused(of_app);
    let mismatch = refused("format", "field-mismatch");
    let used = Registration { auth_data: Box::new(|data| data.sign_count = 1), ..of_app() };
    assert_eq!(used.answer(), mismatch, "a key that was used before");
    let elsewhere =
        Registration { auth_data: Box::new(|data| data.aaguid = *b"appattestnowhere"), ..of_app() };
    assert_eq!(elsewhere.answer(), mismatch, "an environment that Apple does not have");
    let misnamed = Registration { auth_data: Box::new(|data| data.credential_id = vec![1; 32]), ..of_app() };
    assert_eq!(misnamed.answer(), mismatch, "a key that its id does not name");
}

#[test]
fn an_app_is_told_by_the_digest_of_its_identifier() {
    let facts = of_app().make().0.facts();
    let measurements = &facts["platform.measurements"];
    let digest: String = hashed(b"example.com").iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(measurements.contains("rpIdHash") && measurements.contains(&digest), "{measurements}");
    let production = |data: &mut AuthData| data.aaguid = *b"appattest\0\0\0\0\0\0\0";
    let facts = Registration { auth_data: Box::new(production), ..of_app() }.make().0.facts();
    assert_eq!(facts["module.aaguid"], "61707061-7474-6573-7400-000000000000");
}

/// Such keys sign assertions alone, so that no request can prove possession of one.
#[test]
fn an_app_attest_key_is_bound_to_no_request() {
    let (mut made, key) = of_app().make();
    assert_eq!(made.facts()["evidence.bound"], "false");
    made.request = Some(request(&KeyPair::generate().unwrap()));
    assert_eq!(made.answer(), refused("binding", "key-mismatch"));
    let mut claimed = request(&key);
    *claimed.last_mut().unwrap() ^= 1;
    made.request = Some(claimed);
    assert_eq!(made.answer(), refused("binding", "possession-unproven"));
}

#[test]
fn evidence_is_bound_to_the_certified_key_alone() {
    let (mut made, key) = of_webauthn().make();
    made.request = Some(request(&KeyPair::generate().unwrap()));
    assert_eq!(made.answer(), refused("binding", "key-mismatch"));
    made.request = Some(request(&key));
    assert_eq!(made.facts()["evidence.bound"], "true");
}

/// Each root is for one purpose, and an anchor for one format serves no other.
#[test]
fn an_anchor_of_another_format_does_not_serve() {
    let elsewhere = Registration { format: "apple-app-attest", ..of_webauthn() };
    assert_eq!(elsewhere.answer(), refused("path", "issuer-unknown"));
}

/// Under an anchor that is for any format, an app's key must not pass for an authenticator's.
#[test]
fn an_app_is_no_authenticator() {
    let app = |data: &mut AuthData| data.aaguid = *b"appattestdevelop";
    let renamed = Registration { auth_data: Box::new(app), ..of_webauthn() };
    assert_eq!(renamed.answer(), refused("format", "field-mismatch"));
}
