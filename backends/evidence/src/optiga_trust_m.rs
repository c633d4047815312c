//! Infineon OPTIGA Trust M device certificate: Infineon certifies the key that it put into each chip.
//!
//! The item is the chip's certificate (object E0E0), for the key in object E0F0, and that of Infineon's CA for its line of
//! chips. The subject is one name for all chips, without a serial number, and no field speaks of the key. Infineon's
//! practice is that E0F0 is a chip's own key and is never read. Whether the chip or Infineon's factory made it, nothing
//! says: its origin is unknown.
//!
//! Keys that the owner generates or imports into other objects later have no attestation: this certificate says nothing of
//! them. It carries neither nonce nor time. A chip's certificate is never renewed.
//!
//! Source: Infineon, repository optiga-trust-m, `certificates`; OPTIGA Trust M configuration guide.
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
    source: "Infineon OPTIGA Trust M",
    proves: "Infineon put the key of object E0F0 into the chip",
    leaves_open: "keys of other objects; who made the key",
    unsigned: "which certificate comes first",
    detect: is_present,
    appraise,
};

const NAME: &str = "optiga-trust-m";

/// organizationName.
const ORGANIZATION: &str = "2.5.4.10";
const INFINEON: &str = "Infineon Technologies AG";
/// What the name of a CA of this line starts with; its number follows: 101 (V1), 300 (V3).
const CA: &str = "Infineon OPTIGA(TM) Trust M CA ";

const PROFILE: PathProfile = PathProfile::strict(NAME, 2);

fn is_present(input: &Input<'_>) -> bool {
    x509::has(input, is_device)
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let path = x509::path_of(input, x509::certificates(input)?, is_device, "device certificate", &PROFILE)?;
    input.conclude(&path.decode_leaf(DeviceKey::decode)?)
}

/// A chip's certificate is issued by a CA of this line and is none itself.
fn is_device(tbs: &Tbs) -> bool {
    let organization = x509::attribute(tbs.issuer(), ORGANIZATION, "organizationName");
    organization.is_ok_and(|name| name.as_deref() == Some(INFINEON))
        && Tbs::common_name(tbs.issuer()).is_some_and(|name| name.starts_with(CA))
        && tbs.is_authority() != Some(true)
}

/// The key in object E0F0.
#[derive(Debug)]
struct DeviceKey {
    spki: Vec<u8>,
}

impl DeviceKey {
    #[expect(clippy::unnecessary_wraps, reason = "the mint's signature")]
    fn decode(tbs: &Tbs) -> Result<DeviceKey, Reject> {
        Ok(DeviceKey { spki: tbs.spki().to_vec() })
    }
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
        to.practice_word("key.export", Words::Export, "never");
        to.practice_word("module.vendor", Words::Vendor, "infineon");
        to.practice("module.model", Value::Text("OPTIGA Trust M".to_owned()));
    }
}
