//! Synthetic `fido-u2f` attestations, each with one thing wrong, and the stage that must refuse it.

use crate::webauthn_support;

use ciborium::Value;
use rcgen::{CertificateParams, DnType, IsCa, KeyPair, SigningKey};
use webauthn_support::{
    AuthData, Authority, CHALLENGE, Made, NOW, VERIFIED, anchors, bytes, chain, client_data, cose_key,
    encoded, extension, hashed, map, named, point, refused, request, text,
};

/// What a synthetic registration says, and who signs what. The default is a good one.
struct U2f {
    leaf: CertificateParams,
    /// Changes the authenticator data behind the signature's back.
    unsigned: Box<dyn Fn(&mut AuthData)>,
    /// The first byte of what is signed.
    reserved: u8,
    certificates: usize,
    is_impostor: bool,
    is_certificate_swapped: bool,
}

fn leaf() -> CertificateParams {
    let mut leaf = named(&[(DnType::CommonName, "an authenticator")]);
    leaf.is_ca = IsCa::NoCa;
    leaf
}

impl Default for U2f {
    fn default() -> U2f {
        U2f {
            leaf: leaf(),
            unsigned: Box::new(|_| {}),
            reserved: 0,
            certificates: 1,
            is_impostor: false,
            is_certificate_swapped: false,
        }
    }
}

impl U2f {
    fn make(self) -> (Made, KeyPair) {
        let keys: Vec<KeyPair> = (0..3).map(|_| KeyPair::generate().unwrap()).collect();
        let [attestation_key, other_key, credential_key] = <[KeyPair; 3]>::try_from(keys).unwrap();
        let root = Authority::root("Synthetic U2F Root");
        let impostor = root.impostor();
        let issuer = if self.is_impostor { &impostor } else { &root };
        let certified = if self.is_certificate_swapped { &other_key } else { &attestation_key };
        let leaf = issuer.issue(&self.leaf, certified);
        let mut auth_data = AuthData::of(&credential_key, [0; 16]);
        let client_data = client_data("webauthn.create", CHALLENGE);
        let parts =
            [&[self.reserved], &auth_data.rp_id_hash[..], &hashed(&client_data), &auth_data.credential_id];
        let signature =
            attestation_key.sign(&[&parts.concat()[..], &point(&credential_key)].concat()).unwrap();
        (self.unsigned)(&mut auth_data);
        let certificates: Vec<&[u8]> = (0..self.certificates).map(|_| &leaf[..]).collect();
        let statement = map(&[("sig", bytes(&signature)), ("x5c", chain(&certificates))]);
        let auth_data = bytes(&auth_data.encoded());
        let object = map(&[("fmt", text("fido-u2f")), ("attStmt", statement), ("authData", auth_data)]);
        let made = Made {
            parts: vec![encoded(&object), client_data],
            request: None,
            anchors: anchors("webauthn-u2f", &[&root]),
            nonce: Some(CHALLENGE.to_vec()),
            now: NOW,
        };
        (made, credential_key)
    }

    fn answer(self) -> (&'static str, &'static str, &'static str) {
        self.make().0.answer()
    }
}

fn good() -> U2f {
    U2f::default()
}

#[test]
fn the_unchanged_one_is_verified_and_names_no_model() {
    let facts = good().make().0.facts();
    assert_eq!(facts["evidence.freshness"], "nonce");
    let of_module: Vec<&String> = facts.keys().filter(|path| path.starts_with("module.")).collect();
    assert_eq!(of_module, ["module.weak-hash"]);
    assert!(facts.keys().all(|path| !path.starts_with("key.")), "{facts:?}");
}

#[test]
fn the_certificate_may_name_a_product() {
    let product = extension(&[1, 3, 6, 1, 4, 1, 41482, 2], b"1.3.6.1.4.1.41482.1.5");
    let mut named = leaf();
    named.custom_extensions.push(product);
    let facts = U2f { leaf: named, ..good() }.make().0.facts();
    assert_eq!((facts["module.vendor"].as_str(), facts["module.model"].as_str()), ("yubico", "YubiKey 4"));
    let mut unknown = leaf();
    unknown.custom_extensions.push(extension(&[1, 3, 6, 1, 4, 1, 41482, 2], b"1.3.6.1.4.1.41482.1.99"));
    let facts = U2f { leaf: unknown, ..good() }.make().0.facts();
    assert_eq!((facts["module.vendor"].as_str(), facts.get("module.model")), ("yubico", None));
}

/// Flags, counter and AAGUID are not covered by the signature, so that nothing depends on them.
#[test]
fn what_is_not_signed_is_not_read() {
    let unsigned = |data: &mut AuthData| (data.aaguid, data.sign_count, data.flags) = ([9; 16], 77, 0x45);
    let changed = U2f { unsigned: Box::new(unsigned), ..good() }.make().0.facts();
    assert_eq!(changed, good().make().0.facts());
}

#[test]
fn what_is_signed_counts() {
    let invalid = refused("signature", "signature-invalid");
    let other_key = |data: &mut AuthData| data.key = cose_key(&KeyPair::generate().unwrap());
    assert_eq!(U2f { unsigned: Box::new(other_key), ..good() }.answer(), invalid);
    assert_eq!(U2f { unsigned: Box::new(|data| data.rp_id_hash = vec![1; 32]), ..good() }.answer(), invalid);
    assert_eq!(
        U2f { unsigned: Box::new(|data| data.credential_id = vec![1; 32]), ..good() }.answer(),
        invalid
    );
    assert_eq!(U2f { reserved: 5, ..good() }.answer(), invalid);
    assert_eq!(U2f { is_certificate_swapped: true, ..good() }.answer(), invalid);
}

#[test]
fn a_key_that_u2f_does_not_have_is_refused() {
    let ed25519 = |data: &mut AuthData| {
        let entry = |label: i64, value: Value| (Value::from(label), value);
        data.key = Value::Map(vec![
            entry(1, Value::from(1)),
            entry(3, Value::from(-8)),
            entry(-1, Value::from(6)),
            entry(-2, bytes(&[3; 32])),
        ]);
    };
    assert_eq!(U2f { unsigned: Box::new(ed25519), ..good() }.answer(), refused("format", "field-mismatch"));
}

#[test]
fn each_wrong_certificate_is_refused() {
    assert_eq!(U2f { is_impostor: true, ..good() }.answer(), refused("path", "link-signature"));
    assert_eq!(U2f { certificates: 0, ..good() }.answer(), refused("format", "field-missing"));
    assert_eq!(U2f { certificates: 2, ..good() }.answer(), refused("format", "field-repeated"));
    let mut authority = leaf();
    authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    assert_eq!(U2f { leaf: authority, ..good() }.answer(), refused("profile", "property-refused"));
}

#[test]
fn other_nonces_and_keys_are_refused() {
    let (mut made, credential_key) = good().make();
    made.nonce = Some(b"another challenge".to_vec());
    assert_eq!(made.answer(), refused("freshness", "nonce-mismatch"));
    made.nonce = Some(CHALLENGE.to_vec());
    made.request = Some(request(&KeyPair::generate().unwrap()));
    assert_eq!(made.answer(), refused("binding", "key-mismatch"));
    made.request = Some(request(&credential_key));
    assert_eq!(made.answer(), VERIFIED);
    made.parts[1] = client_data("webauthn.create", b"another challenge");
    assert_eq!(made.answer(), refused("signature", "signature-invalid"));
}
