//! Microchip Trust&GO certificates: Microchip certifies the key in slot 0 of an ATECC608 that it has provisioned.
//!
//! The item is two certificates: the device's, for the key in slot 0, and that of the signer of its lot, under one of two
//! Microchip roots. No field speaks of the key. That it was generated inside, and that slot 0 is locked so that nobody
//! reads or replaces it, is the configuration of the part numbers that get such certificates: Microchip's practice. The
//! device certificates of older kits (root 001) bear the name of the kit and no serial number. How those parts are
//! configured, the owner decides: where the key came from and whether it may be replaced stay unknown there.
//!
//! It proves nothing of keys in other slots, of which the same chip may have generated some and imported others, and it
//! carries neither nonce nor time. Certificates in a chip are never renewed; a signer's certificate that has expired
//! ends its devices all the same. Source: Microchip, ATECC608 Trust&GO TLS configuration; cryptoauthlib, `tng_atcacert`.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::x509;
use pkic_facts::certificate::Tbs;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::PathProfile;
use pkic_facts::reject::Reject;
use pkic_vocab::Value;
use pkic_vocab::words::Words;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Microchip ATECC608 Trust&GO",
    proves: "Microchip provisioned the chip, and the key of slot 0 is its own",
    leaves_open: "other slots; that keys are unreadable, but for Trust&GO parts",
    unsigned: "which certificate comes first",
    detect: is_present,
    appraise,
};

const NAME: &str = "microchip-tng";

/// organizationName.
const ORGANIZATION: &str = "2.5.4.10";
const MICROCHIP: &str = "Microchip Technology Inc";
/// What the names of signers have inside: four digits of the lot follow.
const SIGNER: &str = " Signer ";
/// What the names of signers under root 002 start with.
const TRUST_SIGNER: &str = "Crypto Authentication Signer ";

const PROFILE: PathProfile = PathProfile::strict(NAME, 2);

fn is_present(input: &Input<'_>) -> bool {
    x509::has(input, is_device)
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let path = x509::path_of(input, x509::certificates(input)?, is_device, "device certificate", &PROFILE)?;
    input.conclude(&path.decode_leaf(DeviceKey::decode)?)
}

/// A device's certificate is issued by a signer of Microchip's.
fn is_device(tbs: &Tbs) -> bool {
    let organization = x509::attribute(tbs.issuer(), ORGANIZATION, "organizationName");
    organization.is_ok_and(|name| name.as_deref() == Some(MICROCHIP))
        && Tbs::common_name(tbs.issuer()).is_some_and(|name| name.contains(SIGNER))
}

/// The key in slot 0 of a provisioned chip.
#[derive(Debug)]
struct DeviceKey {
    spki: Vec<u8>,
    /// Of a Trust&GO part: nine bytes in hexadecimal digits.
    serial: Option<String>,
    /// Of an older kit.
    model: Option<String>,
}

impl DeviceKey {
    fn decode(tbs: &Tbs) -> Result<DeviceKey, Reject> {
        let name = Tbs::common_name(tbs.subject()).ok_or(Reject::FieldMissing { field: "device name" })?;
        let signer = Tbs::common_name(tbs.issuer()).unwrap_or_default();
        let serial = serial(&name).filter(|_| signer.starts_with(TRUST_SIGNER));
        let model = serial.is_none() && name.starts_with("ATECC");
        Ok(DeviceKey {
            spki: tbs.spki().to_vec(),
            serial: serial.map(str::to_owned),
            model: model.then_some(name),
        })
    }
}

/// The serial number in a device's name: `sn`, and 18 hexadecimal digits that start with Microchip's 0123.
fn serial(name: &str) -> Option<&str> {
    let digits = name.strip_prefix("sn")?;
    let is_hex = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'));
    (is_hex && digits.len() == 18 && digits.starts_with("0123")).then_some(digits)
}

impl Statement for DeviceKey {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nothing
    }

    fn emit(&self, to: &mut Emission) {
        to.practice_word("key.storage", Words::Storage, "se.discrete");
        to.practice_word("module.vendor", Words::Vendor, "microchip");
        if let Some(serial) = &self.serial {
            to.practice_word("key.origin", Words::Origin, "generated");
            to.practice_word("key.export", Words::Export, "never");
            to.statement("module.serial", Value::Text(serial.clone()));
        }
        if let Some(model) = &self.model {
            to.statement("module.model", Value::Text(model.clone()));
        }
    }
}
