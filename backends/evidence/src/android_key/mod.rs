//! Android Key Attestation: KeyMint certifies a key of its own, with an attestation key that Google's CA certified.
//!
//! The item is the chain that `KeyStore.getCertificateChain()` gives, in that order, as one PEM file or as a part for each
//! certificate: the attested key's certificate with its `KeyDescription`, the attestation key's, its issuers. It proves
//! where the key is (trusted environment or StrongBox), how it came there, and what the device had booted. It does not
//! prove that the device is a person's, nor any certification. Its challenge is the nonce.
//!
//! - The description that counts is the one nearest the root. Any app can sign with a key of its own, and so forge a
//!   certificate with a description below it. Another is believed only if every described key above it is an attest key:
//!   one that KeyMint generated and lets sign nothing but certificates that KeyMint fills in itself.
//! - A described key issues no certificate on the path, and the first certificate must be a described one.
//! - Whether dates count is said at `Provisioning`. The dates of described certificates are the app's choice.
//! - Keys of leaked attestation keys are the attack that is seen in practice. Against it helps the vendor's status list
//!   of certificate serial numbers alone: see `evidence.revocation`.
//! - A chain of the software implementation verifies where its root, whose intermediate's private key is public, is an
//!   anchor, and says that the key is in software and no more.
//!
//! Source: developer.android.com, Verify hardware-backed key pairs with key attestation;
//! source.android.com, Key and ID attestation.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::x509::{Files, of_every_part};
use key_description::{KeyDescription, ORIGIN_GENERATED, SecurityLevel, purpose};
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::crypto::Strength;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{CaBit, KeyPurpose, PathInput, PathProfile, Validity, verify_path};
use pkic_facts::pem;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{CertifiedKey, TrustedKey, Verified, join, mint_certificate};
use pkic_vocab::words::Words;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

pub(crate) mod key_description;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Android Key Attestation",
    proves: "where the key is (TEE, StrongBox or software), how it came there, what the device had booted",
    leaves_open: "who holds the device; any certification",
    unsigned: "the order of the certificates; certificates that the path does not use",
    detect: is_present,
    appraise,
};

const NAME: &str = "android-key";
/// The extension with `KeyDescription`.
const KEY_DESCRIPTION: &str = "1.3.6.1.4.1.11129.2.1.17";
/// The same in DER.
const KEY_DESCRIPTION_DER: &[u8] = &[0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x01, 0x11];
/// Described keys of one chain: the sample with an attest key has two.
const DESCRIBED_MAX: usize = 4;
/// In the name of an attestation key: what holds it, as factories write it.
const TITLE: &str = "2.5.4.12";
/// In the name of an attestation key: what holds it, as Google's server writes it.
const ORGANIZATION: &str = "2.5.4.10";
/// In the name of an attestation key: its number.
const SERIAL_NUMBER: &str = "2.5.4.5";
/// What the common name of the software implementation's intermediates starts with.
const SOFTWARE_NAME: &str = "Android Keystore Software Attestation";
/// Critical extensions of a described certificate that are understood: keyUsage and basicConstraints.
const CRITICAL_KNOWN: [&str; 2] = ["2.5.29.15", "2.5.29.19"];

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let key = attested_key(input, &certificates(input)?, NAME)?;
    input.conclude(&key)
}

/// Whether there is a described certificate in a part that reads, or in one that reads in part.
fn is_present(input: &Input<'_>) -> bool {
    let files = input.evidence.reading(Files::read);
    files.0.iter().zip(input.evidence.parts()).any(|(found, part)| match found {
        Ok(found) => found.iter().any(is_described),
        Err(_) => has_described(part),
    })
}

/// Whether there is a described certificate in a file. Only a certificate in which the identifier occurs is read.
fn has_described(file: &[u8]) -> bool {
    let has = |der: &[u8]| {
        let occurs = der.windows(KEY_DESCRIPTION_DER.len()).any(|window| window == KEY_DESCRIPTION_DER);
        occurs && Certificate::from_der(der).is_ok_and(|certificate| is_described(&certificate))
    };
    match file.first() {
        Some(0x30) => has(file),
        _ => pem::blocks(file)
            .map_while(Result::ok)
            .filter(|block| block.label == "CERTIFICATE")
            .any(|block| block.contents().is_ok_and(|contents| has(&contents))),
    }
}

fn certificates(input: &Input<'_>) -> Result<Vec<Certificate>, Reject> {
    of_every_part(input)
}

fn is_described(certificate: &Certificate) -> bool {
    certificate.tbs().extension(KEY_DESCRIPTION).is_some()
}

/// How an attestation key came to its certificate, which decides how the path is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Provisioning {
    /// At the factory. Dates do not count: these certificates can't be renewed, and devices in use outlive them. It costs
    /// that a leaked key is stopped by the status list alone, before its certificate's end and after it. Devices of 2016
    /// have attestation keys with `cA` FALSE; every factory key attests and does nothing else.
    Factory,
    /// Over the network, for weeks. Dates count, and the attestation key must be marked as an authority: Google's server
    /// certifies keys of virtual machines too, which sign what their owner likes and are not marked.
    Remote,
}

impl Provisioning {
    /// A factory writes names of a serial number and a title. Whatever has another name is judged as remote, the stricter one:
    /// to choose among certificates that nobody has verified yet gains nothing.
    fn of(issuers: &[Certificate]) -> Self {
        let is_factory_name = |certificate: &Certificate| {
            attributes(certificate.tbs().subject())
                .is_some_and(|name| name.iter().all(|(oid, _)| oid == TITLE || oid == SERIAL_NUMBER))
        };
        if issuers.iter().all(is_factory_name) { Self::Factory } else { Self::Remote }
    }

    /// Remote paths have three certificates below the root, factory paths two. A root is often carried along.
    const fn profile(self, format: &'static str) -> PathProfile {
        PathProfile {
            format,
            certificates_max: 5,
            ca_bit: CaBit::Required,
            key_purpose: KeyPurpose::Any,
            validity: match self {
                Self::Factory => Validity::Ignored,
                Self::Remote => Validity::Checked,
            },
            critical_known: &[],
            strength: Strength::Current,
        }
    }

    fn check_attestation_key(self, tbs: &Tbs) -> Result<(), Reject> {
        let is_authority = tbs.is_authority() == Some(true) && tbs.may_sign_certificates();
        match self {
            Self::Remote if !is_authority => {
                Err(Reject::NotAnAuthority { certificate_key: tbs.spki_digest() })
            }
            Self::Factory | Self::Remote => Ok(()),
        }
    }
}

/// The key that the first certificate describes, as far as the chain vouches for it.
///
/// # Errors
/// Those of [`verify_path`] and [`mint`]; [`Reject::FieldMissing`], [`Reject::FieldRepeated`], [`Reject::TooLarge`] where the
/// described certificates are not the first ones; [`Reject::PropertyRefused`] where a described key signed another one and
/// is no attest key.
pub(crate) fn attested_key(
    input: &Input<'_>,
    certificates: &[Certificate],
    format: &'static str,
) -> Result<Verified<AttestedKey>, Reject> {
    let count = certificates.iter().take_while(|certificate| is_described(certificate)).count();
    let (described, others) = certificates.split_at(count);
    if described.len() > DESCRIBED_MAX {
        let (size, limit) = (described.len(), DESCRIBED_MAX);
        return Err(Reject::TooLarge { what: "KeyDescription", size, limit });
    }
    if others.iter().any(is_described) {
        let field = "KeyDescription";
        let first = Reject::FieldMissing { field };
        return Err(if described.is_empty() { first } else { Reject::FieldRepeated { field } });
    }
    let (attester, carried) =
        others.split_first().ok_or(Reject::FieldMissing { field: "attestation certificate" })?;
    let provisioning = Provisioning::of(others);
    let path = verify_path(&PathInput {
        evidence: input.evidence,
        leaf: attester,
        carried,
        anchors: input.anchors,
        profile: &provisioning.profile(format),
        now: input.now,
    })?;
    provisioning.check_attestation_key(path.leaf().tbs())?;
    let keeper = path.decode_leaf(Keeper::decode)?;
    let mut issuer = attester;
    let mut key = TrustedKey::of_path(&path);
    let mut found: Option<Verified<AttestedKey>> = None;
    for certificate in described.iter().rev() {
        if certificate.tbs().issuer() != issuer.tbs().subject() {
            let (expected, found) = (issuer.tbs().subject(), certificate.tbs().issuer());
            let (expected, found) = (Operand::bytes(expected), Operand::bytes(found));
            return Err(Reject::FieldMismatch { field: "attested key's issuer", expected, found });
        }
        if let Some(attest_key) = &found {
            key = TrustedKey::of_statement(attest_key, AttestedKey::attest_key)?;
        }
        let statement = mint_certificate(certificate, &key, Strength::Current, AttestedKey::decode)?;
        found = Some(match &found {
            None => join(&keeper, &statement, AttestedKey::held_by)?,
            Some(attest_key) => join(attest_key, &statement, AttestedKey::attested_by)?,
        });
        issuer = certificate;
    }
    found.ok_or(Reject::FieldMissing { field: "KeyDescription" })
}

/// What holds an attestation key, by its name.
#[derive(Debug)]
struct Keeper {
    level: SecurityLevel,
}

impl Keeper {
    /// Early trusted environments have a name without a word for what they are; StrongBox always has one.
    fn decode(tbs: &Tbs) -> Result<Self, Reject> {
        let name = attributes(tbs.subject()).ok_or(Reject::Malformed { what: "subject" })?;
        let is_strong_box =
            name.iter().any(|(oid, value)| (oid == TITLE || oid == ORGANIZATION) && value == "StrongBox");
        let is_software = Tbs::common_name(tbs.subject()).is_some_and(|name| name.starts_with(SOFTWARE_NAME));
        let level = match (is_software, is_strong_box) {
            (true, _) => SecurityLevel::Software,
            (false, true) => SecurityLevel::StrongBox,
            (false, false) => SecurityLevel::TrustedEnvironment,
        };
        Ok(Self { level })
    }
}

/// A key with what KeyMint says of it.
#[derive(Debug, Clone)]
pub(crate) struct AttestedKey {
    spki: Vec<u8>,
    pub(crate) description: KeyDescription,
}

impl AttestedKey {
    fn decode(tbs: &Tbs) -> Result<Self, Reject> {
        let is_unknown = |oid: &str| oid != KEY_DESCRIPTION && !CRITICAL_KNOWN.contains(&oid);
        let critical =
            tbs.extensions().iter().find(|extension| extension.critical && is_unknown(&extension.oid));
        if let Some(extension) = critical {
            return Err(Reject::CriticalExtension { oid: extension.oid.clone() });
        }
        let field = "KeyDescription";
        let description = tbs.extension(KEY_DESCRIPTION).ok_or(Reject::FieldMissing { field })?;
        Ok(Self { spki: tbs.spki().to_vec(), description: KeyDescription::read(&description.value)? })
    }

    /// The key, to check signatures with. The dates of its certificate are its app's choice.
    pub(crate) fn key(&self) -> CertifiedKey {
        CertifiedKey { spki: self.spki.clone(), not_after: None }
    }

    /// The key, to check signatures over other keys' descriptions with. An imported key is known outside, and one with
    /// further purposes signs what its app gives it.
    fn attest_key(&self) -> Result<CertifiedKey, Reject> {
        let description = &self.description;
        let refused = |field, expected, found| Err(Reject::PropertyRefused { field, expected, found });
        if description.level == SecurityLevel::Software {
            let (expected, found) = (SecurityLevel::TrustedEnvironment.name(), description.level.name());
            return refused("security level of the issuer", Operand::Word(expected), Operand::Word(found));
        }
        let purposes = &description.hardware.purposes;
        if purposes.as_slice() != [purpose::ATTEST_KEY] {
            let other = purposes.iter().find(|found| **found != purpose::ATTEST_KEY);
            let found = other.map_or(Operand::Absent, |found| Operand::Number((*found).into()));
            return refused("purpose of the issuer", Operand::Number(purpose::ATTEST_KEY.into()), found);
        }
        match description.hardware.origin {
            Some(ORIGIN_GENERATED) => Ok(self.key()),
            origin => {
                let found = origin.map_or(Operand::Absent, |origin| Operand::Number(origin.into()));
                refused("origin of the issuer", Operand::Number(ORIGIN_GENERATED.into()), found)
            }
        }
    }

    /// A trusted environment's attestation key does not speak for StrongBox, nor software's for either.
    fn held_by(keeper: &Keeper, key: &Self) -> Result<Self, Reject> {
        if key.description.level <= keeper.level {
            return Ok(key.clone());
        }
        Err(Reject::FieldMismatch {
            field: "attestationSecurityLevel",
            expected: Operand::Word(keeper.level.name()),
            found: Operand::Word(key.description.level.name()),
        })
    }

    /// What another key says of this one is worth what that key is.
    #[expect(clippy::unnecessary_wraps, reason = "the mint's signature")]
    fn attested_by(attest_key: &Self, key: &Self) -> Result<Self, Reject> {
        let mut key = key.clone();
        key.description.level = key.description.level.min(attest_key.description.level);
        Ok(key)
    }

    /// Says what is known of the key. Of a key in software nothing else is: nobody enforces what the description says.
    pub(crate) fn emit_facts(&self, to: &mut Emission) {
        let storage = match self.description.level {
            SecurityLevel::Software => "software",
            SecurityLevel::TrustedEnvironment => "tee",
            SecurityLevel::StrongBox => "se",
        };
        to.statement_word("key.storage", Words::Storage, storage);
        if self.description.level > SecurityLevel::Software {
            // KeyMint has no way to give out a private key; no field says so.
            to.practice_word("key.export", Words::Export, "never");
            self.description.hardware.emit(to);
        }
    }
}

impl Statement for AttestedKey {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nonce(&self.description.challenge)
    }

    fn emit(&self, to: &mut Emission) {
        self.emit_facts(to);
    }
}

/// The attributes of a distinguished name, each with its dotted type; nothing where it does not read.
fn attributes(name: &[u8]) -> Option<Vec<(String, String)>> {
    let (_, name) = X509Name::from_der(name).ok()?;
    let read = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        let value = attribute.as_str().map(str::to_owned).unwrap_or_default();
        (attribute.attr_type().to_id_string(), value)
    };
    Some(name.iter_attributes().map(read).collect())
}
