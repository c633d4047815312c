//! Device identity certificates (IEEE 802.1AR IDevID, and the IDevID and IAK of the TCG's profile): a maker certifies a key
//! of a device that it made.
//!
//! What makes it one is a hardware module name: a type and a serial number. That alone says nothing of where the key is.
//! The TCG's profile has policy identifiers by which the CA says that it verified that the key is in a TPM, that it is
//! fixed to that TPM, and that it is restricted to signing what the TPM made. They are the CA's word, and so practice;
//! without them, storage and export are unknown. That the key was generated inside is another attribute of a TPM's key, of
//! which no identifier speaks: the origin is unknown always.
//!
//! There is no nonce and no time. An IDevID that lives as long as its device has notAfter 9999; any other must be valid.
//! Source: IEEE 802.1AR-2018, section 8; TCG, TPM 2.0 Keys for Device Identity and Attestation, section 8; RFC 4108, section 5.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::x509;
use pkic_facts::certificate::Tbs;
use pkic_facts::der;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::PathProfile;
use pkic_facts::reject::{Operand, Reject};
use pkic_vocab::Value;
use pkic_vocab::words::Words;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "IEEE 802.1AR-2018",
    proves: "the maker's name for the device; with TCG's policies, that the key is fixed in a TPM",
    leaves_open: "without those policies, where the key is",
    unsigned: "which certificate comes first",
    detect: is_present,
    appraise,
};

const NAME: &str = "ieee-8021ar";

/// subjectAltName.
const SUBJECT_ALT_NAME: &str = "2.5.29.17";
/// id-on-hardwareModuleName.
const HARDWARE_MODULE_NAME: &str = "1.3.6.1.5.5.7.8.4";
/// tcg-cap-verifiedTPMResidency.
const VERIFIED_RESIDENCY: &str = "2.23.133.11.1.1";
/// tcg-cap-verifiedTPMFixed.
const VERIFIED_FIXED: &str = "2.23.133.11.1.2";
/// tcg-cap-verifiedTPMRestricted: of an IAK, which is fixed as well.
const VERIFIED_RESTRICTED: &str = "2.23.133.11.1.3";

/// Alternative names of one certificate: the largest sample has two.
const NAMES_MAX: usize = 32;
/// Bytes of a serial number: the largest sample has 69.
const SERIAL_LEN_BYTES_MAX: usize = 256;

const PROFILE: PathProfile =
    PathProfile { critical_known: &[x509::CERTIFICATE_POLICIES], ..PathProfile::strict(NAME, 4) };

fn is_present(input: &Input<'_>) -> bool {
    x509::has(input, is_identity)
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let path = x509::path_of(
        input,
        x509::certificates(input)?,
        is_identity,
        "device identity certificate",
        &PROFILE,
    )?;
    input.conclude(&path.decode_leaf(Identity::decode)?)
}

fn is_identity(tbs: &Tbs) -> bool {
    matches!(serial_number(tbs), Ok(Some(_))) && tbs.is_authority() != Some(true)
}

/// The content of hwSerialNum, where there is a hardware module name.
fn serial_number(tbs: &Tbs) -> Result<Option<Vec<u8>>, Reject> {
    let what = "subjectAltName";
    let Some(extension) = tbs.extension(SUBJECT_ALT_NAME) else { return Ok(None) };
    let mut found = None;
    for name in der::elements(what, der::only(what, der::SEQUENCE, &extension.value)?, NAMES_MAX)? {
        // otherName.
        if name.tag != 0xa0 {
            continue;
        }
        let (kind, value) = der::expect(what, der::OBJECT_IDENTIFIER, name.content)?;
        if der::oid_text(kind).as_deref() != Some(HARDWARE_MODULE_NAME) {
            continue;
        }
        let what = "hardwareModuleName";
        let body = der::only(what, der::SEQUENCE, der::only(what, 0xa0, value)?)?;
        let (_, serial) = der::expect(what, der::OBJECT_IDENTIFIER, body)?;
        let serial = der::only(what, der::OCTET_STRING, serial)?;
        let (size, limit) = (serial.len(), SERIAL_LEN_BYTES_MAX);
        if size > limit {
            return Err(Reject::TooLarge { what, size, limit });
        }
        if found.replace(serial.to_vec()).is_some() {
            return Err(Reject::FieldRepeated { field: what });
        }
    }
    Ok(found)
}

/// The key of a device, as its maker certifies it.
#[derive(Debug)]
struct Identity {
    spki: Vec<u8>,
    serial: Vec<u8>,
    is_resident: bool,
    is_fixed: bool,
}

impl Identity {
    fn decode(tbs: &Tbs) -> Result<Identity, Reject> {
        let serial = serial_number(tbs)?.ok_or(Reject::FieldMissing { field: "hardwareModuleName" })?;
        let policies = x509::policies(tbs)?;
        let has = |wanted: &str| policies.iter().any(|policy| policy == wanted);
        let (is_resident, is_fixed) =
            (has(VERIFIED_RESIDENCY), has(VERIFIED_FIXED) || has(VERIFIED_RESTRICTED));
        if is_fixed && !is_resident {
            let (expected, found) = (Operand::Word("verifiedTPMResidency as well"), Operand::Absent);
            return Err(Reject::FieldMismatch { field: "certificatePolicies", expected, found });
        }
        Ok(Identity { spki: tbs.spki().to_vec(), serial, is_resident, is_fixed })
    }

    /// The serial number as text, or in hexadecimal digits where it is none.
    fn serial(&self) -> String {
        match str::from_utf8(&self.serial) {
            Ok(text) if text.chars().all(|c| !c.is_control()) => text.to_owned(),
            _ => self.serial.iter().map(|octet| format!("{octet:02x}")).collect(),
        }
    }
}

impl Statement for Identity {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nothing
    }

    fn emit(&self, to: &mut Emission) {
        to.statement("module.serial", Value::Text(self.serial()));
        if self.is_resident {
            to.practice_word("key.storage", Words::Storage, "tpm");
        }
        if self.is_fixed {
            to.practice_word("key.export", Words::Export, "never");
        }
    }
}
