//! `KeyDescription`: what a secure world says of a key, and of the device around it.
//!
//! `softwareEnforced` is what Android's key store says, which a changed system can say at will: it is read, and is
//! in no fact. `hardwareEnforced` is what KeyMint says where the security level is above software. BOOLEANs are read
//! as DER: a real device encodes `deviceLocked` as 0x01, which a lenient reader would take for locked. Authorizations
//! in another order than their tags', and those that are not known here, change nothing. Identifiers of people's
//! devices (IMEI, MEID, uniqueId) are not read.
//!
//! Source: Android Open Source Project, Key and ID attestation, schema versions 1 to 400; KeyMint `Tag.aidl`.
use pkic_facts::der::{self, Element};
use pkic_facts::facts::Emission;
use pkic_facts::reject::{Operand, Reject};
use pkic_vocab::Value;
use pkic_vocab::time::days_from_civil;
use pkic_vocab::words::Words;

/// Tag octet of BOOLEAN.
const BOOLEAN: u32 = 0x01;
/// Tag octet of ENUMERATED.
const ENUMERATED: u32 = 0x0a;
/// Authorizations of one list: the schema has 45.
const AUTHORIZATIONS_MAX: usize = 96;
/// Purposes of one key: KeyMint has 8.
const PURPOSES_MAX: usize = 16;
/// Bytes of a digest of the boot key: SHA-512.
const BOOT_KEY_LEN_BYTES_MAX: usize = 64;

/// `SecurityLevel`, from where anything may be said to where an element apart from the processor says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SecurityLevel {
    Software,
    TrustedEnvironment,
    StrongBox,
}

impl SecurityLevel {
    fn read(what: &'static str, element: &Element<'_>) -> Result<Self, Reject> {
        match enumerated(what, element)? {
            0 => Ok(Self::Software),
            1 => Ok(Self::TrustedEnvironment),
            2 => Ok(Self::StrongBox),
            other => Err(Reject::FieldMismatch {
                field: what,
                expected: Operand::Word("a SecurityLevel"),
                found: Operand::Number(other.into()),
            }),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Software => "Software",
            Self::TrustedEnvironment => "TrustedEnvironment",
            Self::StrongBox => "StrongBox",
        }
    }
}

/// The content of the extension of an attestation certificate.
#[derive(Debug, Clone)]
pub(crate) struct KeyDescription {
    /// The lower of `attestationSecurityLevel` and `keyMintSecurityLevel`: software that attests a key of the secure
    /// world may as well lie.
    pub(crate) level: SecurityLevel,
    pub(crate) challenge: Vec<u8>,
    pub(crate) software: AuthorizationList,
    pub(crate) hardware: AuthorizationList,
}

impl KeyDescription {
    pub(crate) fn read(value: &[u8]) -> Result<Self, Reject> {
        let what = "KeyDescription";
        let fields = der::elements(what, der::only(what, der::SEQUENCE, value)?, 8)?;
        let [version, attestation_level, key_mint_version, key_mint_level, challenge, unique_id, lists @ ..] =
            fields.as_slice()
        else {
            return Err(Reject::Malformed { what });
        };
        let [software, hardware] = lists else { return Err(Reject::Malformed { what }) };
        let typed = [
            (version, der::INTEGER),
            (key_mint_version, der::INTEGER),
            (challenge, der::OCTET_STRING),
            (unique_id, der::OCTET_STRING),
            (software, der::SEQUENCE),
            (hardware, der::SEQUENCE),
        ];
        if typed.iter().any(|(field, tag)| field.tag != *tag) {
            return Err(Reject::Malformed { what });
        }
        let attestation_level = SecurityLevel::read("attestationSecurityLevel", attestation_level)?;
        let key_mint_level = SecurityLevel::read("keyMintSecurityLevel", key_mint_level)?;
        Ok(Self {
            level: attestation_level.min(key_mint_level),
            challenge: challenge.content.to_vec(),
            software: AuthorizationList::read("softwareEnforced", software.content)?,
            hardware: AuthorizationList::read("hardwareEnforced", hardware.content)?,
        })
    }
}

/// What is read of an `AuthorizationList`.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationList {
    pub(crate) purposes: Vec<i64>,
    pub(crate) origin: Option<i64>,
    pub(crate) is_for_all_applications: bool,
    is_auth_free: bool,
    user_auth_type: Option<i64>,
    is_presence_required: bool,
    root_of_trust: Option<RootOfTrust>,
    os_version: Option<i64>,
    os_patch: Option<i64>,
    vendor_patch: Option<i64>,
    boot_patch: Option<i64>,
    serial: Option<String>,
    manufacturer: Option<String>,
    model: Option<String>,
}

/// `KeyPurpose`: what a key may be used for.
pub(crate) mod purpose {
    /// Signing data that the caller gives.
    pub(crate) const SIGN: i64 = 2;
    /// Signing certificates of other keys, whose content KeyMint makes.
    pub(crate) const ATTEST_KEY: i64 = 7;
}

/// `KeyOrigin`: made inside the secure world.
pub(crate) const ORIGIN_GENERATED: i64 = 0;

impl AuthorizationList {
    fn read(what: &'static str, content: &[u8]) -> Result<Self, Reject> {
        let list = Tagged(what, der::elements(what, content, AUTHORIZATIONS_MAX)?);
        list.check_distinct()?;
        Ok(Self {
            purposes: list.integers(1)?,
            is_auth_free: list.is_set(503)?,
            user_auth_type: list.integer(504)?,
            is_presence_required: list.is_set(507)?,
            is_for_all_applications: list.is_set(600)?,
            origin: list.integer(702)?,
            root_of_trust: list.content(704).map(RootOfTrust::read).transpose()?,
            os_version: list.integer(705)?,
            os_patch: list.integer(706)?,
            serial: list.text(713)?,
            manufacturer: list.text(716)?,
            model: list.text(717)?,
            vendor_patch: list.integer(718)?,
            boot_patch: list.integer(719)?,
        })
    }

    /// Says what KeyMint says of the key and of the device.
    pub(crate) fn emit(&self, to: &mut Emission) {
        let origin = match self.origin {
            Some(ORIGIN_GENERATED) => Some("generated"),
            Some(1) => Some("derived"),
            Some(2) => Some("imported"),
            Some(4) => Some("imported-wrapped"),
            _ => None,
        };
        if let Some(origin) = origin {
            to.statement_word("key.origin", Words::Origin, origin);
        }
        if let Some(presence) = self.user_presence() {
            to.statement_word("key.user-presence", Words::UserPresence, presence);
        }
        if let Some(manufacturer) = &self.manufacturer {
            to.statement_word("module.vendor", Words::Vendor, &manufacturer.to_ascii_lowercase());
        }
        for (path, text) in [("module.model", &self.model), ("module.serial", &self.serial)] {
            if let Some(text) = text {
                to.statement(path, Value::Text(text.clone()));
            }
        }
        if let Some(root_of_trust) = &self.root_of_trust {
            root_of_trust.emit(to);
            if root_of_trust.vouches_for_versions() {
                self.emit_versions(to);
            }
        }
    }

    fn emit_versions(&self, to: &mut Emission) {
        if let Some(version) = self.os_version.and_then(os_version) {
            to.statement("platform.os-version", Value::Text(version));
        }
        let patches = [
            ("platform.os-patch", self.os_patch),
            ("platform.boot-patch", self.boot_patch),
            ("platform.vendor-patch", self.vendor_patch),
        ];
        for (path, patch) in patches {
            if let Some(date) = patch.and_then(patch_date) {
                to.statement(path, Value::Date(date));
            }
        }
    }

    /// What a person must do. An authentication may hold for a while, and the list says how long: it is asked for all the
    /// same. Where either a password or a biometric match will do, no word fits.
    fn user_presence(&self) -> Option<&'static str> {
        let (password, biometric) = (Some(1), Some(2));
        match (self.is_auth_free, self.user_auth_type, self.is_presence_required) {
            (true, None, false) => Some("none"),
            (true, None, true) => Some("touch"),
            (false, kind, false) if kind == password => Some("pin"),
            (false, kind, true) if kind == password => Some("pin-and-touch"),
            (false, kind, _) if kind == biometric => Some("biometric"),
            _ => None,
        }
    }
}

/// `RootOfTrust`: what the boot loader told the secure world.
#[derive(Debug, Clone)]
struct RootOfTrust {
    boot_key: Vec<u8>,
    is_locked: bool,
    boot: &'static str,
}

impl RootOfTrust {
    /// Keymaster 4 added the last field, `verifiedBootHash`.
    fn read(content: &[u8]) -> Result<Self, Reject> {
        let what = "RootOfTrust";
        let fields = der::elements(what, der::only(what, der::SEQUENCE, content)?, 4)?;
        let [boot_key, is_locked, state, ..] = fields.as_slice() else {
            return Err(Reject::Malformed { what });
        };
        let limit = BOOT_KEY_LEN_BYTES_MAX;
        if boot_key.content.len() > limit {
            return Err(Reject::TooLarge { what: "verifiedBootKey", size: boot_key.content.len(), limit });
        }
        if boot_key.tag != der::OCTET_STRING || is_locked.tag != BOOLEAN {
            return Err(Reject::Malformed { what });
        }
        let is_locked = match is_locked.content {
            [0x00] => false,
            [0xff] => true,
            _ => return Err(Reject::Malformed { what: "deviceLocked" }),
        };
        let boot = match enumerated("verifiedBootState", state)? {
            0 => "verified",
            1 => "self-signed",
            2 => "unchecked",
            3 => "failed",
            other => {
                let (expected, found) = (Operand::Word("a VerifiedBootState"), Operand::Number(other.into()));
                return Err(Reject::FieldMismatch { field: "verifiedBootState", expected, found });
            }
        };
        Ok(Self { boot_key: boot_key.content.to_vec(), is_locked, boot })
    }

    /// Versions are read from the images that boot: where those are not verified, anybody wrote them.
    fn vouches_for_versions(&self) -> bool {
        self.is_locked && matches!(self.boot, "verified" | "self-signed")
    }

    /// A key of zeros or of nothing stands where no key verified.
    fn emit(&self, to: &mut Emission) {
        to.statement_word("platform.boot", Words::Boot, self.boot);
        to.statement("platform.locked", Value::Bool(self.is_locked));
        if self.boot_key.iter().any(|octet| *octet != 0) {
            to.statement("platform.boot-key", Value::Bytes(self.boot_key.clone()));
        }
    }
}

/// The elements of a list in which each has a context tag of its own, with the list's name.
struct Tagged<'a>(&'static str, Vec<Element<'a>>);

impl<'a> Tagged<'a> {
    /// Of two values under one tag, each reader would take another.
    fn check_distinct(&self) -> Result<(), Reject> {
        let mut tags: Vec<u32> = self.1.iter().map(|element| element.tag).collect();
        tags.sort_unstable();
        match tags.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            true => Err(Reject::FieldRepeated { field: self.0 }),
            false => Ok(()),
        }
    }

    fn content(&self, number: u32) -> Option<&'a [u8]> {
        let tag = explicit_tag(number);
        self.1.iter().find(|element| element.tag == tag).map(|element| element.content)
    }

    fn integer(&self, number: u32) -> Result<Option<i64>, Reject> {
        let read = |content| der::integer(self.0, der::only(self.0, der::INTEGER, content)?);
        self.content(number).map(read).transpose()
    }

    fn integers(&self, number: u32) -> Result<Vec<i64>, Reject> {
        let Some(content) = self.content(number) else { return Ok(Vec::new()) };
        let elements = der::elements(self.0, der::only(self.0, der::SET, content)?, PURPOSES_MAX)?;
        let read = |element: &Element<'_>| match element.tag {
            der::INTEGER => der::integer(self.0, element.content),
            _ => Err(Reject::Malformed { what: self.0 }),
        };
        elements.iter().map(read).collect()
    }

    /// An authorization without a value is a NULL.
    fn is_set(&self, number: u32) -> Result<bool, Reject> {
        match self.content(number) {
            None => Ok(false),
            Some([0x05, 0x00]) => Ok(true),
            Some(_) => Err(Reject::Malformed { what: self.0 }),
        }
    }

    fn text(&self, number: u32) -> Result<Option<String>, Reject> {
        let Some(content) = self.content(number) else { return Ok(None) };
        let octets = der::only(self.0, der::OCTET_STRING, content)?;
        let text = std::str::from_utf8(octets).map_err(|_| Reject::Malformed { what: self.0 })?;
        Ok(Some(text.to_owned()))
    }
}

fn enumerated(what: &'static str, element: &Element<'_>) -> Result<i64, Reject> {
    match element.tag {
        ENUMERATED => der::integer(what, element.content),
        _ => Err(Reject::Malformed { what }),
    }
}

/// The identifier octets of `[number] EXPLICIT`, as [`der::read`] gives them, for numbers below 2^14.
const fn explicit_tag(number: u32) -> u32 {
    match number {
        0..=30 => 0xa0 | number,
        31..=127 => 0xbf00 | number,
        _ => 0xbf_8000 | ((number >> 7) << 8) | (number & 0x7f),
    }
}

/// The version that six digits stand for, two for each part; zero stands for none.
fn os_version(digits: i64) -> Option<String> {
    let (major, minor, sub_minor) = (digits / 10_000, digits / 100 % 100, digits % 100);
    (1..1_000_000).contains(&digits).then(|| format!("{major}.{minor}.{sub_minor}"))
}

/// The first second of the day `YYYYMMDD`, or of the month `YYYYMM`; anything else is no patch level.
fn patch_date(digits: i64) -> Option<i64> {
    let (year, month, day) = match digits {
        100_000..=999_999 => (digits / 100, digits % 100, 1),
        10_000_000..=99_999_999 => (digits / 10_000, digits / 100 % 100, digits % 100),
        _ => return None,
    };
    days_from_civil(year, month, day)?.checked_mul(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_as_they_are_read() {
        for (number, octets) in [(1, &[0xa1u8][..]), (503, &[0xbf, 0x83, 0x77]), (702, &[0xbf, 0x85, 0x3e])] {
            let (element, _) = der::read("tag", &[octets, &[0]].concat()).map(|(e, _)| (e.tag, ())).unwrap();
            assert_eq!(element, explicit_tag(number));
        }
    }

    #[test]
    fn patch_levels_are_dates() {
        assert_eq!(patch_date(201_908), Some(1_564_617_600));
        assert_eq!(patch_date(20_190_805), Some(1_564_963_200));
        for digits in [0, -1, 201_913, 20_190_231, 20_190_800, 2019, i64::MAX, i64::MIN] {
            assert_eq!(patch_date(digits), None, "{digits}");
        }
        assert_eq!(os_version(140_000).as_deref(), Some("14.0.0"));
        assert_eq!(os_version(80_102).as_deref(), Some("8.1.2"));
        assert_eq!(os_version(0), None);
    }
}
