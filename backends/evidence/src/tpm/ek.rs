//! What the certificates of endorsement and attestation keys say about their TPM.
//!
//! Source: TCG EK Credential Profile 2.5, section 3.1.2 (TPM attributes in the subject alternative name);
//! TCG Vendor ID Registry (manufacturer identifiers).
use pkic_facts::certificate::Tbs;
use pkic_facts::der;
use pkic_facts::facts::Emission;
use pkic_facts::reject::{Operand, Reject};
use pkic_vocab::words::Words;
use pkic_vocab::{Value, limits};

/// `tcg-kp-EKCertificate`: the certificate's key is the endorsement key of a TPM.
pub const ENDORSEMENT_KEY_PURPOSE: &str = "2.23.133.8.1";
/// `tcg-kp-AIKCertificate`: the certificate's key is an attestation key of a TPM.
pub const ATTESTATION_KEY_PURPOSE: &str = "2.23.133.8.3";

const TPM_MANUFACTURER: &str = "2.23.133.2.1";
const TPM_MODEL: &str = "2.23.133.2.2";
const TPM_VERSION: &str = "2.23.133.2.3";
/// certificatePolicies: the TCG asks issuers of endorsement keys to mark it critical, and Microsoft's issuer of attestation keys does. What it
/// says besides [`BELIEVED_THE_USER`] is whose practice statement holds, and trusting the anchor is trusting that.
pub(super) const CERTIFICATE_POLICIES: &str = "2.5.29.32";
/// `szOID_ENROLL_EKVERIFYCREDS`: the issuer believed the user, and looked at no endorsement key (Microsoft TPM key attestation).
const BELIEVED_THE_USER: &str = "1.3.6.1.4.1.311.21.32";
const SUBJECT_ALT_NAME: &str = "2.5.29.17";
const AAGUID: &str = "1.3.6.1.4.1.45724.1.1.4";
/// Identifier octet of `GeneralName.directoryName`.
const DIRECTORY_NAME: u32 = 0xa4;
/// General names, relative names and attributes read: the TPM attributes are three, platform ones three more.
const NAMES_MAX: usize = 32;
/// Bytes of one attribute: real ones have at most 12 (`NPCT75x`, `id:494E5443`).
const ATTRIBUTE_LEN_BYTES_MAX: usize = 128;
/// The manufacturer identifier that libtpms, the software TPM under swtpm, gives itself.
const LIBTPMS: &str = "id:00001014";
const KEY_USAGE: &str = "2.5.29.15";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
/// `hardwareModuleName`: the certificate is a device identity (IEEE 802.1AR), also where its key is an attestation key.
const HARDWARE_MODULE_NAME: &str = "1.3.6.1.5.5.7.8.4";
/// Identifier octet of `GeneralName.otherName`.
const OTHER_NAME: u32 = 0xa0;
/// The instance of Google Compute Engine that a virtual TPM belongs to. Google's newer certificates of TPM keys have this instead of a
/// key purpose.
const COMPUTE_INSTANCE: &str = "1.3.6.1.4.1.11129.2.1.21";

/// Which key of a TPM a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An attestation key: restricted, it signs what its TPM made.
    Attestation,
    /// An endorsement key: it decrypts, and signs nothing.
    Endorsement,
}

impl Role {
    /// The role that a certificate gives its key: by its key purpose, or, where it has none and names a production instance of Google
    /// Compute Engine, by its key usage. A device identity has no role here.
    pub fn of(tbs: &Tbs) -> Option<Self> {
        let purposes = tbs.key_purposes();
        let has = |purpose: &str| purposes.iter().any(|found| found == purpose);
        if is_device_identity(tbs) {
            return None;
        }
        match (has(ENDORSEMENT_KEY_PURPOSE), has(ATTESTATION_KEY_PURPOSE)) {
            (true, false) => Some(Self::Endorsement),
            (false, true) => Some(Self::Attestation),
            (true, true) => None,
            (false, false) => Self::of_instance(tbs),
        }
    }

    fn of_instance(tbs: &Tbs) -> Option<Self> {
        if tbs.extension(EXTENDED_KEY_USAGE).is_some() || !is_compute_instance(tbs) {
            return None;
        }
        let value = &tbs.extension(KEY_USAGE)?.value;
        match der::only("keyUsage", der::BIT_STRING, value) {
            // digitalSignature is bit 0, keyEncipherment bit 2, keyAgreement bit 4.
            Ok([_, 0x80]) => Some(Self::Attestation),
            Ok([_, 0x20 | 0x08]) => Some(Self::Endorsement),
            _ => None,
        }
    }
}

/// Whether the certificate names an instance of Google Compute Engine, and Google calls it a production one: `isProduction` is `[1]`
/// of the security properties, `[0]` of the extension.
fn is_compute_instance(tbs: &Tbs) -> bool {
    let what = "GCE instance identity";
    let read = || {
        let value = &tbs.extension(COMPUTE_INSTANCE)?.value;
        let fields = der::elements(what, der::only(what, der::SEQUENCE, value).ok()?, NAMES_MAX).ok()?;
        let properties = fields.iter().find(|field| field.tag == 0xa0)?;
        let properties = der::only(what, der::SEQUENCE, properties.content).ok()?;
        let properties = der::elements(what, properties, NAMES_MAX).ok()?;
        let production = properties.iter().find(|property| property.tag == 0xa1)?;
        der::only(what, 0x01, production.content).ok().map(|octets| octets == [0xff])
    };
    read().unwrap_or(false)
}

fn is_device_identity(tbs: &Tbs) -> bool {
    let what = "subjectAltName";
    let names = || {
        let value = &tbs.extension(SUBJECT_ALT_NAME)?.value;
        der::elements(what, der::only(what, der::SEQUENCE, value).ok()?, NAMES_MAX).ok()
    };
    let is_module = |name: &der::Element<'_>| {
        let oid = der::expect(what, der::OBJECT_IDENTIFIER, name.content).ok();
        name.tag == OTHER_NAME
            && oid.and_then(|(oid, _)| der::oid_text(oid)).as_deref() == Some(HARDWARE_MODULE_NAME)
    };
    names().is_some_and(|names| names.iter().any(is_module))
}

/// A TPM, as a certificate of one of its keys names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// `tpmManufacturer`: `id:` and eight hexadecimal digits.
    pub manufacturer: Option<String>,
    /// `tpmModel`.
    pub model: Option<String>,
    /// `tpmVersion`: the firmware version, in the vendor's own form.
    pub version: Option<String>,
    /// The AAGUID that an attestation key certificate may be limited to (WebAuthn section 8.2.1).
    pub aaguid: Option<Vec<u8>>,
    /// Whether the certificate names an instance of Google Compute Engine, whose TPMs are virtual.
    pub is_compute_instance: bool,
}

impl Device {
    /// Reads a tbsCertificate. The TPM attributes may be missing, each alone or all.
    ///
    /// # Errors
    /// [`Reject::Malformed`]; [`Reject::FieldRepeated`] where an attribute stands twice; [`Reject::TooLarge`].
    pub fn from_tbs(tbs: &Tbs) -> Result<Self, Reject> {
        let mut device = Self { is_compute_instance: is_compute_instance(tbs), ..Self::default() };
        if let Some(extension) = tbs.extension(SUBJECT_ALT_NAME) {
            device.read_names(&extension.value)?;
        }
        if let Some(extension) = tbs.extension(AAGUID) {
            device.aaguid =
                Some(der::only("id-fido-gen-ce-aaguid", der::OCTET_STRING, &extension.value)?.to_vec());
        }
        Ok(device)
    }

    /// The same for the certificate of an attestation key, which must be X.509 version 3 and no authority.
    ///
    /// # Errors
    /// Those of [`Device::from_tbs`]; [`Reject::PropertyRefused`] where the certificate is of another kind.
    pub fn of_attestation_key(tbs: &Tbs) -> Result<Self, Reject> {
        if tbs.version() != 2 {
            return Err(Reject::PropertyRefused {
                field: "attestation key certificate version",
                expected: Operand::Word("v3"),
                found: Operand::Number(i128::from(tbs.version())),
            });
        }
        if tbs.is_authority() == Some(true) {
            return Err(Reject::PropertyRefused {
                field: "attestation key certificate basicConstraints.cA",
                expected: Operand::Word("false"),
                found: Operand::Word("true"),
            });
        }
        if certificate_policies(tbs)?.iter().any(|policy| policy == BELIEVED_THE_USER) {
            return Err(Reject::PropertyRefused {
                field: "attestation key certificate certificatePolicies",
                expected: Operand::Word("an endorsement key that was verified"),
                found: Operand::Oid(BELIEVED_THE_USER.to_owned()),
            });
        }
        Self::from_tbs(tbs)
    }

    fn read_names(&mut self, subject_alt_name: &[u8]) -> Result<(), Reject> {
        let what = "subjectAltName";
        let names = der::elements(what, der::only(what, der::SEQUENCE, subject_alt_name)?, NAMES_MAX)?;
        for name in names.iter().filter(|name| name.tag == DIRECTORY_NAME) {
            let relative = der::only(what, der::SEQUENCE, name.content)?;
            for set in der::elements(what, relative, NAMES_MAX)? {
                for attribute in der::elements(what, set.content, NAMES_MAX)? {
                    self.read_attribute(attribute.content)?;
                }
            }
        }
        Ok(())
    }

    fn read_attribute(&mut self, attribute: &[u8]) -> Result<(), Reject> {
        let what = "TPM attribute";
        let (oid, value) = der::expect(what, der::OBJECT_IDENTIFIER, attribute)?;
        let (field, to) = match der::oid_text(oid).as_deref() {
            Some(TPM_MANUFACTURER) => ("tpmManufacturer", &mut self.manufacturer),
            Some(TPM_MODEL) => ("tpmModel", &mut self.model),
            Some(TPM_VERSION) => ("tpmVersion", &mut self.version),
            _ => return Ok(()),
        };
        let (value, _) = der::read(what, value)?;
        let size = value.content.len();
        if size > ATTRIBUTE_LEN_BYTES_MAX {
            return Err(Reject::TooLarge { what, size, limit: ATTRIBUTE_LEN_BYTES_MAX });
        }
        let text = str::from_utf8(value.content).map_err(|_| Reject::Malformed { what })?;
        if to.replace(text.to_owned()).is_some() {
            return Err(Reject::FieldRepeated { field });
        }
        Ok(())
    }

    /// Whether the TPM calls itself a software or virtual one. Only a lowering is taken from a name.
    pub fn is_named_virtual(&self) -> bool {
        let is_virtual = |model: &String| {
            let model = model.to_ascii_lowercase();
            model.contains("swtpm") || model.contains("vtpm")
        };
        self.manufacturer.as_deref() == Some(LIBTPMS) || self.model.as_ref().is_some_and(is_virtual)
    }

    /// The word for the manufacturer, where its identifier is known here.
    pub fn vendor(&self) -> Option<&'static str> {
        let id = self.manufacturer.as_deref()?.strip_prefix("id:")?.to_ascii_uppercase();
        Some(match id.as_str() {
            "00001014" | "49424D00" => "ibm",
            "414D4400" => "amd",
            "41544D4C" => "microchip",
            "474F4F47" => "google",
            "48504500" => "hpe",
            "49465800" => "infineon",
            "494E5443" => "intel",
            "4D534654" => "microsoft",
            "4E534700" => "nsing",
            "4E544300" => "nuvoton",
            "4E545A00" => "nationz",
            "51434F4D" => "qualcomm",
            "534D534E" => "samsung",
            "53544D20" => "stmicro",
            "564D5700" => "vmware",
            _ => return None,
        })
    }

    /// Says the facts about the module, and where the key is: in *a* TPM, of a kind that only a catalogue knows.
    pub fn emit(&self, to: &mut Emission) {
        match (self.is_named_virtual(), self.is_compute_instance) {
            (true, _) => to.statement_word("key.storage", Words::Storage, "tpm.virtual"),
            (false, true) => to.practice_word("key.storage", Words::Storage, "tpm.virtual"),
            (false, false) => to.statement_word("key.storage", Words::Storage, "tpm"),
        }
        match self.vendor() {
            Some(vendor) => to.statement_word("module.vendor", Words::Vendor, vendor),
            None if self.is_compute_instance && self.manufacturer.is_none() => {
                to.practice_word("module.vendor", Words::Vendor, "google");
            }
            None => {}
        }
        for (path, value) in [("module.model", &self.model), ("module.firmware", &self.version)] {
            if let Some(text) = value {
                to.statement(path, Value::Text(text.clone()));
            }
        }
    }
}

fn certificate_policies(tbs: &Tbs) -> Result<Vec<String>, Reject> {
    let what = "certificatePolicies";
    let Some(extension) = tbs.extension(CERTIFICATE_POLICIES) else { return Ok(Vec::new()) };
    let policies = der::elements(what, der::only(what, der::SEQUENCE, &extension.value)?, NAMES_MAX)?;
    let policy = |policy: &der::Element<'_>| {
        let (oid, _) = der::expect(what, der::OBJECT_IDENTIFIER, policy.content)?;
        der::oid_text(oid).ok_or(Reject::Malformed { what })
    };
    policies.iter().map(policy).collect()
}

/// Whether a certificate read from a TPM's storage had padding behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// The bytes end with the certificate.
    Absent,
    /// Bytes of 0x00 or 0xFF follow, as they do where the storage index is larger than the certificate.
    Trimmed,
}

/// The certificate at the start of what an NV index holds, without the padding.
///
/// # Errors
/// [`Reject::TooLarge`], [`Reject::Malformed`]; [`Reject::TrailingBytes`] where what follows is no padding.
pub fn without_padding(bytes: &[u8]) -> Result<(&[u8], Padding), Reject> {
    let (what, limit) = ("endorsement key certificate", limits::CERTIFICATE_LEN_BYTES_MAX);
    if bytes.len() > limit {
        return Err(Reject::TooLarge { what, size: bytes.len(), limit });
    }
    let (element, rest) = der::read(what, bytes)?;
    let is_padding = |byte: u8| rest.iter().all(|found| *found == byte);
    match rest {
        [] => Ok((element.raw, Padding::Absent)),
        _ if is_padding(0x00) || is_padding(0xff) => Ok((element.raw, Padding::Trimmed)),
        _ => Err(Reject::TrailingBytes { what, extra_bytes: rest.len() }),
    }
}
