//! YubiHSM 2 attestation: a YubiHSM certifies one of its asymmetric keys, with how the key came to be and what it may do.
//!
//! The statement is an X.509 certificate for the key. The device's own attestation key signs it, whose certificate Yubico
//! made, or another key of the same device that may sign such statements. Where that is so, the other key's own attestation
//! must be there, by the device: it was generated inside, may not leave, and may do nothing else. A key that signs what the
//! host likes, or that decrypts for it and so tells about paddings, could sign a statement that no firmware ever made.
//!
//! It proves origin and capabilities, which the firmware writes. It carries no nonce, and its dates are constants (2017 to
//! 2071). Capabilities are eight octets, big-endian: read the other way round, the bit that lets a key leave is never seen.
//! Source: Yubico, YubiHSM 2 user guide: attestation, origins, capabilities.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::x509::{self, bit_octets, extension, one, same};
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::crypto::{Sha256Digest, Strength};
use pkic_facts::der;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{PathProfile, Validity};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{TrustedKey, join, mint_certificate};
use pkic_vocab::Value;
use pkic_vocab::words::Words;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Yubico YubiHSM 2 attestation",
    proves: "origin and capabilities of a key in a YubiHSM 2",
    leaves_open: "a FIPS mode",
    unsigned: "which certificate comes first",
    detect: is_present,
    appraise,
};

const NAME: &str = "yubihsm2";

/// Firmware version, an OCTET STRING of three.
const FIRMWARE: &str = "1.3.6.1.4.1.41482.4.1";
/// Serial number of the device, an INTEGER.
const SERIAL: &str = "1.3.6.1.4.1.41482.4.2";
/// Origin, a BIT STRING of one octet.
const ORIGIN: &str = "1.3.6.1.4.1.41482.4.3";
/// Domains, a BIT STRING of two octets. No fact stands for them.
const DOMAINS: &str = "1.3.6.1.4.1.41482.4.4";
/// Capabilities, a BIT STRING of eight octets.
const CAPABILITIES: &str = "1.3.6.1.4.1.41482.4.5";
/// Object identifier of the key, an INTEGER; the subject's name has it too.
const OBJECT: &str = "1.3.6.1.4.1.41482.4.6";

/// What the subject of a key's attestation starts with; the object identifier follows.
const KEY_NAME: &str = "YubiHSM Attestation id:0x";
/// What the subject of the device's certificate starts with; the serial number follows.
const DEVICE_NAME: &str = "YubiHSM Attestation (";

/// Origin: generated in a YubiHSM.
const GENERATED: u8 = 0x01;
/// Origin: imported in plain form.
const IMPORTED: u8 = 0x02;
/// Origin, beside the others: came into this device under a wrapping key.
const IMPORTED_WRAPPED: u8 = 0x10;

/// Capability 0x10, exportable-under-wrap.
const EXPORTABLE_UNDER_WRAP: u64 = 1 << 0x10;
/// Capability 0x22, sign-attestation-certificate.
const SIGN_ATTESTATION: u64 = 1 << 0x22;

/// The device's certificate, one or two intermediates of Yubico's, and a key of the device that attests others.
const PROFILE: PathProfile = PathProfile { validity: Validity::Ignored, ..PathProfile::strict(NAME, 4) };

fn is_present(input: &Input<'_>) -> bool {
    x509::has(input, |tbs| is_key(tbs) && tbs.extension(ORIGIN).is_some())
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let (keys, others): (Vec<Certificate>, Vec<Certificate>) =
        x509::certificates(input)?.into_iter().partition(|certificate| is_key(certificate.tbs()));
    let leaf =
        one(keys.iter().filter(|key| !attests_another(key, &keys)).collect(), "attestation certificate")?;
    let issuer = leaf.tbs().issuer();
    let mut signers = keys.iter().filter(|key| *key != leaf).chain(&others);
    let signer = signers
        .find(|signer| signer.tbs().subject() == issuer)
        .ok_or_else(|| Reject::IssuerUnknown { issuer: Sha256Digest::of(issuer), depth: 0 })?;
    let path = x509::path_through(input, signer, &others, &PROFILE)?;
    let device = path.decode_all(Device::decode)?;
    let key = mint_certificate(leaf, &TrustedKey::of_path(&path), Strength::Current, KeyStatement::of)?;
    let statement = join(&key, &device, |key, device| {
        device.check(key)?;
        Ok(key.clone())
    })?;
    input.conclude(&statement)
}

fn is_key(tbs: &Tbs) -> bool {
    Tbs::common_name(tbs.subject()).is_some_and(|name| name.starts_with(KEY_NAME))
}

fn attests_another(key: &Certificate, keys: &[Certificate]) -> bool {
    keys.iter().any(|other| other != key && other.tbs().issuer() == key.tbs().subject())
}

/// The device that a statement comes from, by its own certificate.
#[derive(Debug)]
struct Device {
    firmware: [u8; 3],
    serial: i64,
}

impl Device {
    /// Reads a path whose leaf is the device's certificate, or that of a key of the device that may attest.
    fn decode(path: &[&Tbs]) -> Result<Device, Reject> {
        let missing = Reject::FieldMissing { field: "device certificate" };
        let (first, above) = path.split_first().ok_or(missing.clone())?;
        if !is_key(first) {
            return Device::of(first);
        }
        let device = Device::of(above.first().ok_or(missing)?)?;
        let attester = KeyStatement::of(first)?;
        device.check(&attester)?;
        attester.check_attester()?;
        Ok(device)
    }

    fn of(tbs: &Tbs) -> Result<Device, Reject> {
        let name = Tbs::common_name(tbs.subject()).unwrap_or_default();
        if !name.starts_with(DEVICE_NAME) {
            let (expected, found) = (Operand::Word("YubiHSM Attestation (serial)"), Operand::text(&name));
            return Err(Reject::FieldMismatch { field: "device certificate subject", expected, found });
        }
        Ok(Device { firmware: firmware(tbs)?, serial: integer(tbs, SERIAL, "serial number")? })
    }

    /// Firmware is never updated, so that another version is another device, as another serial number is.
    fn check(&self, key: &KeyStatement) -> Result<(), Reject> {
        same("firmware version", &self.firmware, &key.firmware)?;
        same("serial number", &self.serial.to_be_bytes(), &key.serial.to_be_bytes())
    }
}

/// What a YubiHSM signed about one of its keys.
#[derive(Debug, Clone)]
struct KeyStatement {
    spki: Vec<u8>,
    firmware: [u8; 3],
    serial: i64,
    origin: u8,
    capabilities: u64,
}

impl KeyStatement {
    fn of(tbs: &Tbs) -> Result<KeyStatement, Reject> {
        let name = Tbs::common_name(tbs.subject()).unwrap_or_default();
        let object = integer(tbs, OBJECT, "object identifier")?;
        if name != format!("{KEY_NAME}{object:04x}") {
            let (expected, found) = (Operand::Number(i128::from(object)), Operand::text(&name));
            return Err(Reject::FieldMismatch { field: "attestation subject", expected, found });
        }
        let [origin] = *bit_octets("origin", extension(tbs, ORIGIN, "origin")?)? else {
            return Err(Reject::Malformed { what: "origin" });
        };
        let [_, _] = *bit_octets("domains", extension(tbs, DOMAINS, "domains")?)? else {
            return Err(Reject::Malformed { what: "domains" });
        };
        let capabilities = bit_octets("capabilities", extension(tbs, CAPABILITIES, "capabilities")?)?;
        let capabilities =
            <[u8; 8]>::try_from(capabilities).map_err(|_| Reject::Malformed { what: "capabilities" })?;
        Ok(KeyStatement {
            spki: tbs.spki().to_vec(),
            firmware: firmware(tbs)?,
            serial: integer(tbs, SERIAL, "serial number")?,
            origin,
            capabilities: u64::from_be_bytes(capabilities),
        })
    }

    /// Whether what this key signs can only be statements of the firmware.
    fn check_attester(&self) -> Result<(), Reject> {
        if self.origin != GENERATED {
            let (expected, found) = (Operand::Word("generated"), Operand::Number(i128::from(self.origin)));
            return Err(Reject::PropertyRefused { field: "attesting key origin", expected, found });
        }
        if self.capabilities != SIGN_ATTESTATION {
            let found = Operand::bytes(&self.capabilities.to_be_bytes());
            let expected = Operand::Word("sign-attestation-certificate alone");
            return Err(Reject::PropertyRefused { field: "attesting key capabilities", expected, found });
        }
        Ok(())
    }

    /// A key that came in plain form once was in plain form outside, whatever else was done with it since.
    fn origin(&self) -> Option<&'static str> {
        match self.origin {
            GENERATED => Some("generated"),
            origin if origin & !IMPORTED_WRAPPED == IMPORTED => Some("imported"),
            origin if origin & !(IMPORTED_WRAPPED | GENERATED) == 0 && origin != 0 => {
                Some("imported-wrapped")
            }
            _ => None,
        }
    }

    /// What came in under a wrapping key left another device so, and may leave from there again.
    fn export(&self) -> Option<&'static str> {
        match self.origin {
            _ if self.capabilities & EXPORTABLE_UNDER_WRAP != 0 => Some("wrapped"),
            origin if origin & IMPORTED_WRAPPED != 0 => Some("wrapped"),
            GENERATED | IMPORTED => Some("never"),
            _ => None,
        }
    }
}

impl Statement for KeyStatement {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nothing
    }

    fn emit(&self, to: &mut Emission) {
        to.practice_word("key.storage", Words::Storage, "hsm.usb");
        to.practice_word("module.vendor", Words::Vendor, "yubico");
        to.practice("module.model", Value::Text("YubiHSM 2".to_owned()));
        if let Some(origin) = self.origin() {
            to.statement_word("key.origin", Words::Origin, origin);
        }
        if let Some(export) = self.export() {
            to.statement_word("key.export", Words::Export, export);
        }
        let [major, minor, patch] = self.firmware;
        to.statement("module.firmware", Value::Text(format!("{major}.{minor}.{patch}")));
        to.statement("module.serial", Value::Text(self.serial.to_string()));
    }
}

fn firmware(tbs: &Tbs) -> Result<[u8; 3], Reject> {
    let what = "firmware version";
    let octets = der::only(what, der::OCTET_STRING, extension(tbs, FIRMWARE, what)?)?;
    <[u8; 3]>::try_from(octets).map_err(|_| Reject::Malformed { what })
}

fn integer(tbs: &Tbs, oid: &str, what: &'static str) -> Result<i64, Reject> {
    der::integer(what, der::only(what, der::INTEGER, extension(tbs, oid, what)?)?)
}
