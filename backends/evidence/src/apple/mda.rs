//! Apple managed device attestation: Apple certifies a key of a managed device, and what the device is and runs.
//!
//! The certificate is the statement. It comes in the attestation object of an ACME challenge (`device-attest-01`, `fmt` `apple`: no client
//! data, no authenticator data), or as certificates, the way an MDM server gets them. Its key is the key that is certified.
//!
//! Freshness is SHA-256 of the challenge's token: Apple's servers know no account, so that the key authorization is not in it, and the
//! nonce to appraise with is the token. A certificate without freshness code is refused: were it optional, any attestation that was ever
//! made would answer. Apple may give an MDM server an older certificate, which then answers no nonce.
//!
//! Apple leaves out, or leaves blank, what its servers could not verify: both are unknown. The UDID and the boot loader's version are not
//! read. Where the key is, no field says.
//!
//! Source: Apple, Device Management, DeviceInformation (DevicePropertiesAttestation); draft-ietf-acme-device-attest.
use super::{check_end_entity, emit_enclave};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::webauthn::{Object, attestation_profile, chain, reach};
use crate::x509::of_every_part;
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::crypto::Hash;
use pkic_facts::der;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::PathProfile;
use pkic_facts::reject::Reject;
use pkic_vocab::Value;
use pkic_vocab::words::Words;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Apple, Device Management, DevicePropertiesAttestation; draft-ietf-acme-device-attest",
    proves: "a managed device's key; serial, system, boot security",
    leaves_open: "where the key is: Apple's practice",
    unsigned: "the attestation object around the certificates; the account that asked",
    detect: |input| Object::is_challenge_response(input, "apple") || from_files(input).is_ok(),
    appraise,
};

const NAME: &str = "apple-mda";

const PROFILE: PathProfile = attestation_profile(NAME);

/// Serial number, UTF-8; not there under user enrollment.
const SERIAL: &str = "1.2.840.113635.100.8.9.1";
/// Software update device id, UTF-8: the model.
const MODEL: &str = "1.2.840.113635.100.8.9.4";
/// Version of the operating system, UTF-8.
const OS_VERSION: &str = "1.2.840.113635.100.8.10.1";
/// Version of the Secure Enclave's operating system, UTF-8.
const SEP_OS_VERSION: &str = "1.2.840.113635.100.8.10.2";
/// Freshness code, 32 bytes.
const FRESHNESS: &str = "1.2.840.113635.100.8.11.1";
/// System integrity protection, an INTEGER: 0 is on, 1 is off.
const INTEGRITY_PROTECTION: &str = "1.2.840.113635.100.8.13.1";
/// Secure boot policy, UTF-8.
const SECURE_BOOT: &str = "1.2.840.113635.100.8.13.2";
/// Third-party kernel extensions, an INTEGER: 0 is none.
const KERNEL_EXTENSIONS: &str = "1.2.840.113635.100.8.13.3";

/// Bytes of one text: real ones have at most 13 (`Full Security`).
const TEXT_LEN_BYTES_MAX: usize = 128;

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let chain = if Object::is_of(input, "apple") {
        chain(Object::find(input, "apple")?.statement()?)?
    } else {
        from_files(input)?
    };
    let path = reach(&chain, &PROFILE, input)?;
    input.conclude(&path.decode_leaf(Device::read)?)
}

/// The certificates of files, the one with a freshness code first.
fn from_files(input: &Input<'_>) -> Result<Vec<Certificate>, Reject> {
    let is_leaf = |certificate: &Certificate| certificate.tbs().extension(FRESHNESS).is_some();
    let (mut leaves, issuers): (Vec<_>, Vec<_>) = of_every_part(input)?.into_iter().partition(is_leaf);
    match leaves.len() {
        0 => Err(Reject::FieldMissing { field: "freshness code" }),
        1 => {
            leaves.extend(issuers);
            Ok(leaves)
        }
        _ => Err(Reject::FieldRepeated { field: "freshness code" }),
    }
}

/// A device, as Apple certified it.
#[derive(Debug)]
struct Device {
    spki: Vec<u8>,
    freshness: [u8; 32],
    serial: Option<String>,
    model: Option<String>,
    os_version: Option<String>,
    sep_os_version: Option<String>,
    integrity_protection: Option<bool>,
    secure_boot: Option<String>,
    kernel_extensions: Option<bool>,
}

impl Device {
    fn read(tbs: &Tbs) -> Result<Self, Reject> {
        check_end_entity(tbs)?;
        let freshness = tbs.extension(FRESHNESS).ok_or(Reject::FieldMissing { field: "freshness code" })?;
        let freshness = <[u8; 32]>::try_from(freshness.value.as_slice());
        Ok(Self {
            spki: tbs.spki().to_vec(),
            freshness: freshness.map_err(|_| Reject::Malformed { what: "freshness code" })?,
            serial: text(tbs, SERIAL)?,
            model: text(tbs, MODEL)?,
            os_version: text(tbs, OS_VERSION)?,
            sep_os_version: text(tbs, SEP_OS_VERSION)?,
            integrity_protection: match number(tbs, INTEGRITY_PROTECTION)? {
                Some(0) => Some(true),
                Some(1) => Some(false),
                _ => None,
            },
            secure_boot: text(tbs, SECURE_BOOT)?,
            kernel_extensions: number(tbs, KERNEL_EXTENSIONS)?.map(|allowed| allowed != 0),
        })
    }

    /// What has booted. Under reduced security the kernel is Apple's, of any age, and extensions of others may be in it: unknown.
    fn boot(&self) -> Option<&'static str> {
        match self.secure_boot.as_deref()? {
            "Full Security" => Some("verified"),
            "Permissive Security" => Some("unchecked"),
            _ => None,
        }
    }
}

/// The text that an extension is; nothing where it is blank.
fn text(tbs: &Tbs, oid: &str) -> Result<Option<String>, Reject> {
    let what = "device attestation text";
    let value = tbs.extension(oid).map(|extension| extension.value.as_slice()).unwrap_or_default();
    if value.len() > TEXT_LEN_BYTES_MAX {
        return Err(Reject::TooLarge { what, size: value.len(), limit: TEXT_LEN_BYTES_MAX });
    }
    let text = str::from_utf8(value).map_err(|_| Reject::Malformed { what })?.trim();
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// The number that an extension has; nothing where it is blank.
fn number(tbs: &Tbs, oid: &str) -> Result<Option<i64>, Reject> {
    let what = "device attestation number";
    match tbs.extension(oid).map(|extension| extension.value.as_slice()) {
        None | Some([]) => Ok(None),
        Some(value) => der::integer(what, der::only(what, der::INTEGER, value)?).map(Some),
    }
}

impl Statement for Device {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Digest(Hash::Sha256, &self.freshness)
    }

    fn emit(&self, to: &mut Emission) {
        emit_enclave(to);
        let texts = [
            ("module.serial", &self.serial),
            ("module.model", &self.model),
            ("module.firmware", &self.sep_os_version),
            ("platform.os-version", &self.os_version),
        ];
        for (path, value) in texts {
            if let Some(text) = value {
                to.statement(path, Value::Text(text.clone()));
            }
        }
        let answers = [
            ("platform.integrity-protection", self.integrity_protection),
            ("platform.third-party-kernel", self.kernel_extensions),
        ];
        for (path, value) in answers {
            if let Some(answer) = value {
                to.statement(path, Value::Bool(answer));
            }
        }
        if let Some(boot) = self.boot() {
            to.statement_word("platform.boot", Words::Boot, boot);
        }
    }
}
