//! Synthetic `packed` attestations, each with one thing wrong, and the stage that must refuse it.

use crate::webauthn_support;

use ciborium::Value;
use rcgen::{CertificateParams, DnType, IsCa, KeyPair, SigningKey};
use webauthn_support::{
    AuthData, Authority, CHALLENGE, Made, NOW, VERIFIED, anchors, bytes, chain, client_data, element,
    encoded, extension, hashed, map, named, refused, request, text,
};

const AAGUID: [u8; 16] = *b"one-model-aaguid";
const ID_FIDO_GEN_CE_AAGUID: [u64; 10] = [1, 3, 6, 1, 4, 1, 45724, 1, 1, 4];

/// What a synthetic registration says, and who signs what. The default is a good one.
struct Packed {
    leaf: CertificateParams,
    leaf_aaguid: Option<Vec<u8>>,
    is_aaguid_critical: bool,
    auth_data: Box<dyn Fn(&mut AuthData)>,
    kind: &'static str,
    alg: i64,
    has_x5c: bool,
    /// The leaf comes from an authority with the anchor's name and another key.
    is_impostor: bool,
    /// The certificate of another attestation key stands in `x5c`.
    is_certificate_swapped: bool,
    /// The client data that comes along is not what was signed.
    is_client_data_swapped: bool,
    has_client_data: bool,
}

fn subject(unit: &str) -> CertificateParams {
    named(&[
        (DnType::CountryName, "CH"),
        (DnType::OrganizationName, "a vendor"),
        (DnType::OrganizationalUnitName, unit),
        (DnType::CommonName, "an authenticator"),
    ])
}

impl Default for Packed {
    fn default() -> Packed {
        Packed {
            leaf: subject("Authenticator Attestation"),
            leaf_aaguid: Some(element(4, &AAGUID)),
            is_aaguid_critical: false,
            auth_data: Box::new(|_| {}),
            kind: "webauthn.create",
            alg: -7,
            has_x5c: true,
            is_impostor: false,
            is_certificate_swapped: false,
            is_client_data_swapped: false,
            has_client_data: true,
        }
    }
}

impl Packed {
    /// The registration, with the credential's key.
    fn make(self) -> (Made, KeyPair) {
        let keys: Vec<KeyPair> = (0..3).map(|_| KeyPair::generate().unwrap()).collect();
        let [attestation_key, other_key, credential_key] = <[KeyPair; 3]>::try_from(keys).unwrap();
        let root = Authority::root("Synthetic FIDO Root");
        let issuer = if self.is_impostor { root.impostor() } else { root.subordinate("Synthetic FIDO CA") };
        let mut leaf = self.leaf;
        if let Some(value) = &self.leaf_aaguid {
            let mut aaguid = extension(&ID_FIDO_GEN_CE_AAGUID, value);
            aaguid.set_criticality(self.is_aaguid_critical);
            leaf.custom_extensions.push(aaguid);
        }
        let certified = if self.is_certificate_swapped { &other_key } else { &attestation_key };
        let leaf = issuer.issue(&leaf, certified);
        let mut auth_data = AuthData::of(&credential_key, AAGUID);
        (self.auth_data)(&mut auth_data);
        let auth_data = auth_data.encoded();
        let signed_data = client_data(self.kind, CHALLENGE);
        let signature = attestation_key.sign(&[&auth_data[..], &hashed(&signed_data)].concat()).unwrap();
        let mut statement = vec![("alg", Value::from(self.alg)), ("sig", bytes(&signature))];
        if self.has_x5c {
            statement.push(("x5c", chain(&[&leaf, &issuer.der])));
        }
        let object =
            map(&[("fmt", text("packed")), ("attStmt", map(&statement)), ("authData", bytes(&auth_data))]);
        let shown =
            if self.is_client_data_swapped { client_data(self.kind, b"another") } else { signed_data };
        let parts = [encoded(&object), shown];
        let made = Made {
            parts: parts.into_iter().take(if self.has_client_data { 2 } else { 1 }).collect(),
            request: None,
            anchors: anchors("webauthn-packed", &[&root]),
            nonce: Some(CHALLENGE.to_vec()),
            now: NOW,
        };
        (made, credential_key)
    }

    fn answer(self) -> (&'static str, &'static str, &'static str) {
        self.make().0.answer()
    }
}

fn good() -> Packed {
    Packed::default()
}

#[test]
fn the_unchanged_one_is_verified() {
    let (mut made, _) = good().make();
    let facts = made.facts();
    assert_eq!(facts["module.aaguid"], "6f6e652d-6d6f-6465-6c2d-616167756964");
    assert_eq!(facts["evidence.freshness"], "nonce");
    assert!(
        facts.keys().all(|path| !path.starts_with("key.")),
        "no format says where a model keeps its keys: {facts:?}"
    );
    made.parts.swap(0, 1);
    assert_eq!(made.answer(), VERIFIED, "the parts come in either order");
}

#[test]
fn a_key_that_attests_itself_proves_nothing() {
    assert_eq!(Packed { has_x5c: false, ..good() }.answer(), ("unproven", "format", "field-missing"));
}

#[test]
fn each_rule_of_the_attestation_certificate_counts() {
    let profile = refused("profile", "property-refused");
    assert_eq!(Packed { leaf: subject("Authenticator attestation"), ..good() }.answer(), profile);
    for left_out in 0..4 {
        let mut names = vec![
            (DnType::CountryName, "CH"),
            (DnType::OrganizationName, "a vendor"),
            (DnType::OrganizationalUnitName, "Authenticator Attestation"),
            (DnType::CommonName, "an authenticator"),
        ];
        names.remove(left_out);
        assert_eq!(Packed { leaf: named(&names), ..good() }.answer(), profile, "{left_out}");
    }
    let mut authority = subject("Authenticator Attestation");
    authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    assert_eq!(Packed { leaf: authority, ..good() }.answer(), profile);
    let mut unsaid = subject("Authenticator Attestation");
    unsaid.is_ca = IsCa::NoCa;
    assert_eq!(Packed { leaf: unsaid, ..good() }.answer(), profile);
    let critical = Packed { is_aaguid_critical: true, ..good() };
    assert_eq!(critical.answer(), refused("path", "critical-extension"));
    let mut expired = subject("Authenticator Attestation");
    expired.not_after = rcgen::date_time_ymd(2026, 1, 1);
    assert_eq!(Packed { leaf: expired, ..good() }.answer(), refused("path", "outside-validity"));
}

#[test]
fn a_certificate_for_one_model_vouches_for_no_other() {
    let other = Packed { leaf_aaguid: Some(element(4, b"two-model-aaguid")), ..good() };
    assert_eq!(other.answer(), refused("format", "field-mismatch"));
    let bare = Packed { leaf_aaguid: Some(AAGUID.to_vec()), ..good() };
    assert_eq!(bare.answer(), refused("parse", "malformed"), "the extension holds an octet string");
    assert_eq!(Packed { leaf_aaguid: None, ..good() }.answer(), VERIFIED);
    let unsaid = Packed { auth_data: Box::new(|data| data.aaguid = [0; 16]), leaf_aaguid: None, ..good() };
    assert!(!unsaid.make().0.facts().contains_key("module.aaguid"));
}

#[test]
fn each_wrong_signature_is_refused() {
    assert_eq!(Packed { is_impostor: true, ..good() }.answer(), refused("path", "link-signature"));
    let invalid = refused("signature", "signature-invalid");
    assert_eq!(Packed { is_certificate_swapped: true, ..good() }.answer(), invalid);
    assert_eq!(Packed { is_client_data_swapped: true, ..good() }.answer(), invalid);
    assert_eq!(Packed { alg: -35, ..good() }.answer(), invalid);
    assert_eq!(Packed { alg: -257, ..good() }.answer(), refused("signature", "algorithm-key-mismatch"));
    assert_eq!(Packed { alg: -65_535, ..good() }.answer(), refused("signature", "algorithm-weak"));
    assert_eq!(Packed { alg: 1, ..good() }.answer(), refused("signature", "algorithm-unsupported"));
}

#[test]
fn what_registers_no_key_is_refused() {
    let assertion = Packed { kind: "webauthn.get", ..good() };
    assert_eq!(assertion.answer(), refused("format", "field-mismatch"));
    let unflagged = Packed { auth_data: Box::new(|data| data.flags = 1), ..good() };
    assert_eq!(unflagged.answer(), refused("format", "field-missing"));
    let promised = Packed { auth_data: Box::new(|data| data.flags = 0xc1), ..good() };
    assert_eq!(promised.answer(), refused("parse", "malformed"), "extensions that are not there");
}

/// Without client data the object could only answer ACME, where nothing would cover the credential's key.
#[test]
fn without_client_data_no_key_is_attested() {
    let alone = Packed { has_client_data: false, ..good() };
    assert_eq!(alone.answer(), refused("format", "field-missing"));
}

#[test]
fn a_challenge_of_somebody_else_is_no_answer() {
    let (mut made, _) = good().make();
    made.nonce = Some(b"another challenge".to_vec());
    assert_eq!(made.answer(), refused("freshness", "nonce-mismatch"));
    made.nonce = None;
    assert_eq!(made.facts()["evidence.freshness"], "none");
}

#[test]
fn a_registration_binds_its_own_key_alone() {
    let (mut made, credential_key) = good().make();
    made.request = Some(request(&KeyPair::generate().unwrap()));
    assert_eq!(made.answer(), refused("binding", "key-mismatch"));
    let mut unproven = request(&credential_key);
    *unproven.last_mut().unwrap() ^= 1;
    made.request = Some(unproven);
    assert_eq!(made.answer(), refused("binding", "possession-unproven"));
    made.request = Some(request(&credential_key));
    assert_eq!(made.facts()["evidence.bound"], "true");
}

#[test]
fn a_credential_key_of_ml_dsa_is_read() {
    for (alg, len) in [(-48, 1312), (-49, 1952), (-50, 2592)] {
        let key = move |data: &mut AuthData| {
            let entry = |label: i64, value: Value| (Value::from(label), value);
            data.key = Value::Map(vec![
                entry(1, Value::from(7)),
                entry(3, Value::from(alg)),
                entry(-1, bytes(&vec![9; len])),
            ]);
        };
        assert_eq!(Packed { auth_data: Box::new(key), ..good() }.answer(), VERIFIED);
        let (mut made, _) = Packed { auth_data: Box::new(key), ..good() }.make();
        made.request = Some(request(&KeyPair::generate().unwrap()));
        assert_eq!(made.answer(), refused("binding", "key-mismatch"));
    }
}
