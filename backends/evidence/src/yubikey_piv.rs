//! Yubico PIV attestation: a YubiKey certifies, with the key in slot f9, that it generated the key of another slot.
//!
//! The statement is an X.509 certificate for the slot's key, signed by the f9 key, whose certificate Yubico's CA signed.
//! It carries no nonce, and its dates are constants. Imported keys cannot be attested, and an f9 key that the user
//! loaded has no path to Yubico.
//!
//! It comes in a request, as certificate files, or in the attestation object of an ACME challenge (`device-attest-01`, `fmt` `step`). There
//! the slot's key also signs the key authorization, which is the nonce to appraise with: the one freshness that the format can have.
//! Without that nonce the signature cannot be checked, and freshness is nothing.
//!
//! Source: Yubico, PIV Attestation (developers.yubico.com/PIV/Introduction/PIV_attestation.html); draft-ietf-acme-device-attest, section 5;
//! smallstep/certificates, acme/challenge.go (statement `step`).
use crate::appraise::{Appraised, Input, NotVerified};
use crate::carriage::carrying_request;
use crate::cbor;
use crate::formats::Format;
use crate::webauthn::{Object, chain};
use crate::x509;
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::crypto::{Hash, KeyKind, PublicKey, Scheme, Strength};
use pkic_facts::der;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{CaBit, PathInput, PathProfile, Validity, verify_path};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::{SignedBytes, TrustedKey, Verified, join, mint, mint_certificate};
use pkic_vocab::Value;
use pkic_vocab::words::Words;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Yubico PIV Attestation",
    proves: "a YubiKey generated the key and never lets it go; firmware, PIN and touch policy",
    leaves_open: "that the key is still there; a FIPS mode",
    unsigned: "a request that carries the certificates: its own key alone signs that; around an ACME answer, the attestation object",
    detect: is_present,
    appraise,
};

const NAME: &str = "yubikey-piv";
/// `fmt` of an attestation object that carries this attestation.
const ACME_FORMAT: &str = "step";

// The same arc means different things in a request and in a certificate: in a request `.3.11` is the attestation
// certificate, in an f9 certificate it says that the device is CSPN-certified.
/// In a request: the attestation certificate of the slot, as newer and as older tools write it.
const REQUEST_ATTESTATION: [&str; 2] = ["1.3.6.1.4.1.41482.3.11", "1.3.6.1.4.1.41482.3.1"];
/// In a request: the certificate of the f9 key.
const REQUEST_DEVICE: &str = "1.3.6.1.4.1.41482.3.2";
/// In a certificate: firmware version, three bytes.
const FIRMWARE: &str = "1.3.6.1.4.1.41482.3.3";
/// In a certificate: serial number, an INTEGER; absent before firmware 5.
const SERIAL: &str = "1.3.6.1.4.1.41482.3.7";
/// In a certificate: PIN policy and touch policy, one byte each.
const POLICIES: &str = "1.3.6.1.4.1.41482.3.8";
/// In a certificate: form factor, one byte; absent before firmware 5.
const FORM_FACTOR: &str = "1.3.6.1.4.1.41482.3.9";

/// The names that an f9 certificate has as a subject: up to firmware 5.7.2, and later.
const DEVICE_NAMES: [&str; 2] = ["Yubico PIV Attestation", "YubiKey PIV Attestation"];
/// What the subject of an attestation certificate starts with; the slot follows.
const SLOT_NAME: &str = "YubiKey PIV Attestation ";

/// Dates are constants (2016 to 2052, 2024 to 9999), so validity does not count. Two intermediates stand between f9
/// and root since firmware 5.7.4; they come from the anchor folder, for a request does not carry them.
const PROFILE: PathProfile = PathProfile { validity: Validity::Ignored, ..PathProfile::strict(NAME, 4) };

/// From the slot's key, which signs answers, by way of the f9 certificate, whose issuers [`PROFILE`] has checked.
const SLOT_PROFILE: PathProfile = PathProfile { certificates_max: 5, ca_bit: CaBit::Ignored, ..PROFILE };

fn is_present(input: &Input<'_>) -> bool {
    let carried = carrying_request(input)
        .is_some_and(|request| REQUEST_ATTESTATION.iter().any(|oid| request.extension(oid).is_some()));
    carried || Object::is_of(input, ACME_FORMAT) || from_files(input).is_ok()
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let Found { slot, device, issuers, answer } = find(input)?;
    let device_name = Tbs::common_name(device.tbs().subject()).unwrap_or_default();
    if !DEVICE_NAMES.contains(&device_name.as_str()) {
        let (expected, found) = (Operand::Word("Yubico PIV Attestation"), Operand::text(&device_name));
        return Err(Reject::FieldMismatch { field: "f9 subject", expected, found }.into());
    }
    if slot.tbs().issuer() != device.tbs().subject() {
        let (expected, found) = (Operand::bytes(device.tbs().subject()), Operand::bytes(slot.tbs().issuer()));
        return Err(Reject::FieldMismatch { field: "attestation issuer", expected, found }.into());
    }
    let path = verify_path(&PathInput {
        evidence: input.evidence,
        leaf: &device,
        carried: &issuers,
        anchors: input.anchors,
        profile: &PROFILE,
        now: input.now,
    })?;
    let key = TrustedKey::of_path(&path);
    let statement = mint_certificate(&slot, &key, Strength::Current, SlotStatement::decode)?;
    // The f9 certificate is made at the factory, firmware is never updated: another version is another device.
    if let Some(extension) = path.leaf().tbs().extension(FIRMWARE) {
        let (found, expected) = (statement.value().firmware, extension.value.as_slice());
        if found != expected {
            let (expected, found) = (Operand::bytes(expected), Operand::bytes(&found));
            return Err(Reject::FieldMismatch { field: "firmware version", expected, found }.into());
        }
    }
    match (answer, input.nonce) {
        (Some(signature), Some(nonce)) => {
            let issuers: Vec<Certificate> = [device].into_iter().chain(issuers).collect();
            input.conclude(&answered(input, &statement, &slot, &issuers, (nonce, signature))?)
        }
        _ => input.conclude(&statement),
    }
}

/// The statement with our nonce, which the slot's key signed.
fn answered(
    input: &Input<'_>,
    statement: &Verified<SlotStatement>,
    slot: &Certificate,
    issuers: &[Certificate],
    (nonce, signature): (&[u8], Vec<u8>),
) -> Result<Verified<SlotStatement>, Reject> {
    let path = verify_path(&PathInput {
        evidence: input.evidence,
        leaf: slot,
        carried: issuers,
        anchors: input.anchors,
        profile: &SLOT_PROFILE,
        now: input.now,
    })?;
    let signed = SignedBytes {
        what: "key authorization",
        message: nonce.to_vec(),
        scheme: scheme_of(slot.tbs().spki())?,
        signature,
    };
    let nonce = mint(&signed, &TrustedKey::of_path(&path), Strength::Current, |nonce| Ok(nonce.to_vec()))?;
    join(statement, &nonce, SlotStatement::answering)
}

/// What an answer is signed with: the statement's `alg` is not looked at, for the key tells.
fn scheme_of(spki: &[u8]) -> Result<Scheme, Reject> {
    match PublicKey::from_spki(spki)?.kind {
        KeyKind::P256 => Ok(Scheme::Ecdsa(Hash::Sha256)),
        KeyKind::Rsa => Ok(Scheme::RsaPkcs1(Hash::Sha256)),
        KeyKind::Ed25519 => Ok(Scheme::Ed25519),
        _ => Err(Reject::AlgorithmUnsupported { found: Operand::Word("no algorithm of a `step` answer") }),
    }
}

/// What an item has, wherever it stands.
struct Found {
    slot: Certificate,
    device: Certificate,
    /// Certificates above the f9 certificate, where they come along.
    issuers: Vec<Certificate>,
    /// The signature of the slot's key over the key authorization.
    answer: Option<Vec<u8>>,
}

impl Found {
    const fn pair(slot: Certificate, device: Certificate) -> Self {
        Self { slot, device, issuers: Vec::new(), answer: None }
    }
}

fn find(input: &Input<'_>) -> Result<Found, Reject> {
    if let Some(request) = carrying_request(input) {
        from_request(request)
    } else if Object::is_of(input, ACME_FORMAT) {
        from_challenge(input)
    } else {
        from_files(input)
    }
}

fn from_request(request: &CertificationRequest) -> Result<Found, Reject> {
    let mut slots = REQUEST_ATTESTATION.iter().filter_map(|oid| request.extension(oid));
    let slot = slots.next().ok_or(Reject::FieldMissing { field: "attestation certificate" })?;
    if slots.next().is_some() {
        return Err(Reject::FieldRepeated { field: "attestation certificate" });
    }
    let device = request.extension(REQUEST_DEVICE);
    let device = device.ok_or(Reject::FieldMissing { field: "f9 certificate" })?;
    Ok(Found::pair(Certificate::from_der(&slot.value)?, Certificate::from_der(&device.value)?))
}

/// The statement `step`: `x5c` begins with the attestation certificate, and `sig` is a byte string inside a byte string.
fn from_challenge(input: &Input<'_>) -> Result<Found, Reject> {
    let object = Object::find(input, ACME_FORMAT)?;
    let statement = object.statement()?;
    let mut chain = chain(statement)?.into_iter();
    let slot = chain.next().ok_or(Reject::FieldMissing { field: "attestation certificate" })?;
    let device = chain.next().ok_or(Reject::FieldMissing { field: "f9 certificate" })?;
    let answer = cbor::read("sig", cbor::bytes(statement, "sig")?)?.into_bytes();
    let answer = Some(answer.map_err(|_| Reject::Malformed { what: "sig" })?);
    Ok(Found { slot, device, issuers: chain.collect(), answer })
}

/// Certificate files, in either order.
fn from_files(input: &Input<'_>) -> Result<Found, Reject> {
    let is_slot = |certificate: &Certificate| {
        Tbs::common_name(certificate.tbs().subject()).is_some_and(|name| name.starts_with(SLOT_NAME))
    };
    let (slots, devices): (Vec<Certificate>, Vec<Certificate>) =
        x509::of_every_part(input)?.into_iter().partition(is_slot);
    let one = |mut found: Vec<Certificate>, field: &'static str| match (found.pop(), found.is_empty()) {
        (Some(certificate), true) => Ok(certificate),
        (Some(_), false) => Err(Reject::FieldRepeated { field }),
        (None, _) => Err(Reject::FieldMissing { field }),
    };
    Ok(Found::pair(one(slots, "attestation certificate")?, one(devices, "f9 certificate")?))
}

/// What the f9 key signed about the key of a slot.
#[derive(Clone, Debug)]
struct SlotStatement {
    spki: Vec<u8>,
    firmware: [u8; 3],
    serial: Option<i64>,
    form_factor: Option<u8>,
    pin_policy: u8,
    touch_policy: u8,
    /// What the slot's key signed, where it signed anything.
    nonce: Option<Vec<u8>>,
}

impl SlotStatement {
    /// Reads a tbsCertificate. A YubiKey 4 gives neither serial number nor form factor: absent, not zero.
    fn decode(tbs: &Tbs) -> Result<SlotStatement, Reject> {
        let name = Tbs::common_name(tbs.subject()).unwrap_or_default();
        if !is_slot(name.strip_prefix(SLOT_NAME).unwrap_or_default()) {
            let (expected, found) =
                (Operand::Word("a slot 9a, 9c, 9d, 9e or 82 to 95"), Operand::text(&name));
            return Err(Reject::FieldMismatch { field: "attestation subject", expected, found });
        }
        let bytes = |oid: &str| tbs.extension(oid).map(|extension| extension.value.as_slice());
        let firmware = bytes(FIRMWARE).ok_or(Reject::FieldMissing { field: "firmware version" })?;
        let firmware =
            <[u8; 3]>::try_from(firmware).map_err(|_| Reject::Malformed { what: "firmware version" })?;
        let [pin_policy, touch_policy] =
            *bytes(POLICIES).ok_or(Reject::FieldMissing { field: "PIN and touch policy" })?
        else {
            return Err(Reject::Malformed { what: "PIN and touch policy" });
        };
        let form_factor = match bytes(FORM_FACTOR) {
            None => None,
            Some([value]) => Some(*value),
            Some(_) => return Err(Reject::Malformed { what: "form factor" }),
        };
        let serial = |value| der::integer("serial number", der::only("serial number", der::INTEGER, value)?);
        let serial = bytes(SERIAL).map(serial).transpose()?;
        Ok(SlotStatement {
            spki: tbs.spki().to_vec(),
            firmware,
            serial,
            form_factor,
            pin_policy,
            touch_policy,
            nonce: None,
        })
    }

    #[expect(clippy::ptr_arg, clippy::unnecessary_wraps, reason = "the mint's signature")]
    fn answering(&self, nonce: &Vec<u8>) -> Result<SlotStatement, Reject> {
        Ok(SlotStatement { nonce: Some(nonce.clone()), ..self.clone() })
    }

    /// What a person must do. A cached touch holds for 15 seconds, a PIN asked `once` for the session: both are
    /// asked for. A value that Yubico has not defined is unknown.
    fn user_presence(&self) -> Option<&'static str> {
        match (self.pin_policy, self.touch_policy) {
            (1, 1) => Some("none"),
            (1, 2 | 3) => Some("touch"),
            (2 | 3, 1) => Some("pin"),
            (2 | 3, 2 | 3) => Some("pin-and-touch"),
            (4 | 5, 1..=3) => Some("biometric"),
            _ => None,
        }
    }

    /// The model, by form factor. Bit 0x80 marks the FIPS series, which says nothing about a certification.
    fn model(&self) -> Option<String> {
        let value = self.form_factor?;
        let form = match value & 0x0f {
            1 => "USB-A Keychain",
            2 => "USB-A Nano",
            3 => "USB-C Keychain",
            4 => "USB-C Nano",
            5 => "USB-C Lightning",
            6 => "Bio USB-A Keychain",
            7 => "Bio USB-C Keychain",
            _ => return None,
        };
        let series = if value & 0x80 != 0 { "YubiKey FIPS" } else { "YubiKey" };
        Some(format!("{series} {form}"))
    }
}

impl Statement for SlotStatement {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        self.nonce.as_deref().map_or(Carried::Nothing, Carried::Nonce)
    }

    fn emit(&self, to: &mut Emission) {
        // No field says where the key lives: Yubico's firmware attests only keys that it generated and cannot export.
        to.practice_word("key.storage", Words::Storage, "se.token");
        to.practice_word("key.origin", Words::Origin, "generated");
        to.practice_word("key.export", Words::Export, "never");
        to.practice_word("module.vendor", Words::Vendor, "yubico");
        let [major, minor, patch] = self.firmware;
        to.statement("module.firmware", Value::Text(format!("{major}.{minor}.{patch}")));
        if let Some(serial) = self.serial {
            to.statement("module.serial", Value::Text(serial.to_string()));
        }
        if let Some(model) = self.model() {
            to.statement("module.model", Value::Text(model));
        }
        if let Some(presence) = self.user_presence() {
            to.statement_word("key.user-presence", Words::UserPresence, presence);
        }
    }
}

/// The slots that can attest: 9a, 9c, 9d, 9e and the retired key slots 82 to 95.
fn is_slot(slot: &str) -> bool {
    let is_lower = slot.len() == 2 && slot.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let number = u8::from_str_radix(slot, 16);
    is_lower && matches!(number, Ok(0x9a | 0x9c | 0x9d | 0x9e | 0x82..=0x95))
}
