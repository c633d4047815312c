//! Attestation objects alone, as the ACME challenge `device-attest-01` has them, each with one thing wrong, and the stage that must refuse
//! it: the statement `tpm` over a recorded key of a software TPM, and `step` of a synthetic token. No sample from a device.

use crate::tpm_support;
use crate::webauthn_support;

use ciborium::Value;
use pkic_evidence::tpm::public::Public;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, SigningKey};
use tpm_support::recorded;
use webauthn_support::{
    AuthData, Authority, Made, NOW, VERIFIED, anchors, bytes, chain, client_data, encoded, extension, hashed,
    map, named, refused, request, text,
};

/// Token and thumbprint of the account key.
const KEY_AUTHORIZATION: &[u8] =
    b"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI";

/// TPM2_Certify over a recorded key, signed anew by an attestation key of the test.
struct Tpm {
    extra_data: Vec<u8>,
    alg: i64,
    purposes: Vec<ExtendedKeyUsagePurpose>,
    is_impostor: bool,
    is_certificate_swapped: bool,
    other_public: Option<&'static str>,
    auth_data: Option<Vec<u8>>,
}

fn tpm() -> Tpm {
    Tpm {
        extra_data: hashed(KEY_AUTHORIZATION),
        alg: -7,
        purposes: vec![ExtendedKeyUsagePurpose::Other(vec![2, 23, 133, 8, 3])],
        is_impostor: false,
        is_certificate_swapped: false,
        other_public: None,
        auth_data: None,
    }
}

/// The recorded TPMS_ATTEST with another `extraData`, which stands behind `magic`, `type` and `qualifiedSigner`.
fn attest_with(extra_data: &[u8]) -> Vec<u8> {
    let attest = tpm_support::Case::certify("certify-ec", "app-ec").member("attest");
    let sized = |at: usize| at + 2 + usize::from(u16::from_be_bytes([attest[at], attest[at + 1]]));
    let (start, len) = (sized(6), u16::try_from(extra_data.len()).unwrap());
    [&attest[..start], &len.to_be_bytes(), extra_data, &attest[sized(start)..]].concat()
}

impl Tpm {
    fn make(self) -> Made {
        let (key, other_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let root = Authority::root("Synthetic Attestation Key Root");
        let issuer =
            if self.is_impostor { root.impostor() } else { root.subordinate("Synthetic Attestation Key CA") };
        let mut leaf = named(&[(DnType::CommonName, "an attestation key")]);
        leaf.extended_key_usages = self.purposes;
        let leaf = issuer.issue(&leaf, if self.is_certificate_swapped { &other_key } else { &key });
        let attest = attest_with(&self.extra_data);
        let public =
            tpm_support::Case::certify(self.other_public.unwrap_or("certify-ec"), "app-ec").member("public");
        let statement = map(&[
            ("ver", text("2.0")),
            ("alg", Value::from(self.alg)),
            ("x5c", chain(&[&leaf, &issuer.der])),
            ("sig", bytes(&key.sign(&attest).unwrap())),
            ("certInfo", bytes(&attest)),
            ("pubArea", bytes(Public::read(&public).unwrap().bytes())),
        ]);
        let mut members = vec![("fmt", text("tpm")), ("attStmt", statement)];
        members.extend(self.auth_data.as_deref().map(|data| ("authData", bytes(data))));
        Made {
            parts: vec![encoded(&map(&members))],
            request: Some(recorded("app-ec.csr")),
            anchors: anchors("webauthn-tpm", &[&root]),
            nonce: Some(KEY_AUTHORIZATION.to_vec()),
            now: NOW,
        }
    }

    fn answer(self) -> (&'static str, &'static str, &'static str) {
        self.make().answer()
    }
}

#[test]
fn a_key_of_a_tpm_answers_a_challenge() {
    let facts = tpm().make().facts();
    let expected = [
        ("evidence.format", "webauthn-tpm"),
        ("evidence.freshness", "nonce"),
        ("evidence.bound", "true"),
        ("key.storage", "tpm"),
        ("key.export", "never"),
        ("key.origin", "generated"),
    ];
    for (path, value) in expected {
        assert_eq!(facts.get(path).map(String::as_str), Some(value), "{path}");
    }
    assert!(!facts.contains_key("module.aaguid"));
}

#[test]
fn each_wrong_thing_about_a_tpm_is_refused() {
    assert_eq!(Tpm { is_impostor: true, ..tpm() }.answer(), refused("path", "link-signature"));
    assert_eq!(Tpm { purposes: Vec::new(), ..tpm() }.answer(), refused("path", "key-purpose"));
    assert_eq!(
        Tpm { is_certificate_swapped: true, ..tpm() }.answer(),
        refused("signature", "signature-invalid")
    );
    assert_eq!(Tpm { alg: -257, ..tpm() }.answer(), refused("signature", "algorithm-key-mismatch"));
    assert_eq!(Tpm { alg: -8, ..tpm() }.answer(), refused("signature", "algorithm-unsupported"));
    let other = Tpm { other_public: Some("certify-rsa"), ..tpm() };
    assert_eq!(other.answer(), refused("signature", "digest-mismatch"));
    assert_eq!(tpm().answer(), VERIFIED);
}

#[test]
fn only_the_digest_of_our_key_authorization_answers() {
    let mismatch = refused("freshness", "nonce-mismatch");
    assert_eq!(Tpm { extra_data: hashed(b"another"), ..tpm() }.answer(), mismatch);
    let (token, _) = KEY_AUTHORIZATION.split_at(43);
    assert_eq!(Tpm { extra_data: hashed(token), ..tpm() }.answer(), mismatch, "the token binds no account");
    let wrong_length = refused("format", "field-mismatch");
    for extra_data in [Vec::new(), vec![0, 0xff, 0x55, 0xaa], vec![1; 20], vec![1; 64]] {
        assert_eq!(Tpm { extra_data, ..tpm() }.answer(), wrong_length);
    }
    let plain = Tpm { extra_data: KEY_AUTHORIZATION.to_vec(), ..tpm() };
    assert_eq!(plain.answer(), refused("parse", "too-large"));
    let mut made = tpm().make();
    made.nonce = None;
    assert_eq!(made.facts()["evidence.freshness"], "none");
}

#[test]
fn another_request_is_refused() {
    let mut made = tpm().make();
    made.request = Some(recorded("app-rsa.csr"));
    assert_eq!(made.answer(), refused("binding", "key-mismatch"));
}

/// What nobody signed changes nothing, and what WebAuthn's client signed is no answer to ACME, nor the other way round.
#[test]
fn a_registration_and_a_challenge_are_not_mixed_up() {
    let data = AuthData::of(&KeyPair::generate().unwrap(), [1; 16]).encoded();
    let with = Tpm { auth_data: Some(data.clone()), ..tpm() };
    assert_eq!(with.make().facts(), tpm().make().facts());
    let client = client_data("webauthn.create", KEY_AUTHORIZATION);
    let mut made = Tpm { auth_data: Some(data.clone()), ..tpm() }.make();
    made.parts.push(client.clone());
    assert_eq!(made.answer(), refused("signature", "digest-mismatch"));
    let extra_data = hashed(&[&data[..], &hashed(&client)].concat());
    assert_eq!(
        Tpm { extra_data, auth_data: Some(data), ..tpm() }.answer(),
        refused("freshness", "nonce-mismatch")
    );
}

/// A token whose attestation comes in the statement `step`.
struct Step {
    slot: &'static str,
    device: &'static str,
    signed: Vec<u8>,
    /// Whether `sig` is a byte string inside the byte string.
    is_wrapped: bool,
    is_impostor: bool,
    /// Another key than the slot's signed the answer.
    is_answer_of_other_key: bool,
    certificates: usize,
}

fn step() -> Step {
    Step {
        slot: "YubiKey PIV Attestation 9c",
        device: "Yubico PIV Attestation",
        signed: KEY_AUTHORIZATION.to_vec(),
        is_wrapped: true,
        is_impostor: false,
        is_answer_of_other_key: false,
        certificates: 3,
    }
}

fn slot(common_name: &str) -> CertificateParams {
    let mut slot = named(&[(DnType::CommonName, common_name)]);
    let said: [(u64, &[u8]); 3] = [(3, &[5, 7, 1]), (7, &[2, 2, 0x30, 0x39]), (8, &[2, 1])];
    slot.custom_extensions =
        said.map(|(arc, value)| extension(&[1, 3, 6, 1, 4, 1, 41482, 3, arc], value)).to_vec();
    slot
}

impl Step {
    fn make(self) -> Made {
        let (slot_key, other_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let root = Authority::root("Synthetic PIV Root");
        let above =
            if self.is_impostor { root.impostor() } else { root.subordinate("Synthetic PIV Intermediate") };
        let f9 = above.subordinate(self.device);
        let leaf = f9.issue(&slot(self.slot), &slot_key);
        let signer = if self.is_answer_of_other_key { &other_key } else { &slot_key };
        let signature = signer.sign(&self.signed).unwrap();
        let signature = if self.is_wrapped { encoded(&bytes(&signature)) } else { signature };
        let certificates = [&leaf[..], &f9.der, &above.der];
        let statement = map(&[
            ("alg", Value::from(-7)),
            ("sig", bytes(&signature)),
            ("x5c", chain(&certificates[..self.certificates])),
        ]);
        Made {
            parts: vec![encoded(&map(&[("fmt", text("step")), ("attStmt", statement)]))],
            request: Some(request(&slot_key)),
            anchors: anchors("yubikey-piv", &[&root]),
            nonce: Some(KEY_AUTHORIZATION.to_vec()),
            now: NOW,
        }
    }

    fn answer(self) -> (&'static str, &'static str, &'static str) {
        self.make().answer()
    }
}

#[test]
fn a_key_of_a_token_answers_a_challenge() {
    let facts = step().make().facts();
    let expected = [
        ("evidence.format", "yubikey-piv"),
        ("evidence.freshness", "nonce"),
        ("evidence.bound", "true"),
        ("key.storage", "se.token"),
        ("module.serial", "12345"),
    ];
    for (path, value) in expected {
        assert_eq!(facts.get(path).map(String::as_str), Some(value), "{path}");
    }
}

/// The message is the key authorization that we know: without it, there is nothing to check the signature over.
#[test]
fn without_a_nonce_an_answer_is_worth_nothing() {
    let mut made = Step { is_answer_of_other_key: true, ..step() }.make();
    assert_eq!(made.answer(), refused("signature", "signature-invalid"));
    made.nonce = None;
    assert_eq!(made.facts()["evidence.freshness"], "none");
}

#[test]
fn each_wrong_thing_about_a_token_is_refused() {
    let invalid = refused("signature", "signature-invalid");
    assert_eq!(Step { signed: b"another authorization".to_vec(), ..step() }.answer(), invalid);
    assert_eq!(Step { signed: hashed(KEY_AUTHORIZATION), ..step() }.answer(), invalid);
    assert_eq!(Step { is_wrapped: false, ..step() }.answer(), refused("parse", "trailing-bytes"));
    assert_eq!(Step { is_impostor: true, ..step() }.answer(), refused("path", "link-signature"));
    assert_eq!(Step { certificates: 2, ..step() }.answer(), refused("path", "issuer-unknown"));
    assert_eq!(Step { certificates: 1, ..step() }.answer(), refused("format", "field-missing"));
    assert_eq!(Step { certificates: 0, ..step() }.answer(), refused("format", "field-missing"));
    let mismatch = refused("format", "field-mismatch");
    assert_eq!(Step { slot: "YubiKey OPENPGP Attestation", ..step() }.answer(), mismatch);
    assert_eq!(Step { slot: "YubiKey PIV Attestation f9", ..step() }.answer(), mismatch);
    assert_eq!(Step { device: "Yubico OPGP Attestation", ..step() }.answer(), mismatch);
    let mut made = step().make();
    made.request = Some(request(&KeyPair::generate().unwrap()));
    assert_eq!(made.answer(), refused("binding", "key-mismatch"));
}
