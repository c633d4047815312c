//! What the attestation certificate of a FIDO authenticator says about its model.
//!
//! Source: W3C Web Authentication Level 3, section 8.2.1 (packed) and 8.2.2 (enterprise);
//! Yubico, FIDO Product OID Arc (docs.yubico.com/hardware/oid).
use super::aaguid_text;
use pkic_facts::certificate::Tbs;
use pkic_facts::der;
use pkic_facts::facts::Emission;
use pkic_facts::reject::{Operand, Reject};
use pkic_vocab::Value;
use pkic_vocab::words::Words;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

/// `id-fido-gen-ce-aaguid`: the model that the certificate is for.
const AAGUID: &str = "1.3.6.1.4.1.45724.1.1.4";
/// Yubico: the product, an object identifier in text.
const YUBICO_PRODUCT: &str = "1.3.6.1.4.1.41482.2";
/// Yubico: firmware version, an OCTET STRING of three bytes.
const YUBICO_FIRMWARE: &str = "1.3.6.1.4.1.41482.13.1";
/// What the organizational unit of a `packed` attestation certificate must be.
const UNIT: &str = "Authenticator Attestation";

/// An attestation certificate, as far as it speaks of the authenticator.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// The model that the certificate is limited to, where it is.
    pub(super) aaguid: Option<Vec<u8>>,
    product: Option<Vec<u8>>,
    firmware: Option<[u8; 3]>,
}

impl Leaf {
    /// Reads the certificate of a `packed` attestation key.
    ///
    /// # Errors
    /// [`Reject::PropertyRefused`] where it breaks a rule of section 8.2.1; [`Reject::Malformed`].
    pub(super) fn of_packed(tbs: &Tbs) -> Result<Self, Reject> {
        check_subject(tbs)?;
        if tbs.is_authority() != Some(false) {
            return Err(is_authority(tbs));
        }
        Self::of_tbs(tbs)
    }

    /// Reads the certificate of a `fido-u2f` attestation key, which has no rules but to be no authority.
    ///
    /// # Errors
    /// [`Reject::PropertyRefused`], [`Reject::Malformed`].
    pub(super) fn of_u2f(tbs: &Tbs) -> Result<Self, Reject> {
        if tbs.is_authority() == Some(true) {
            return Err(is_authority(tbs));
        }
        Self::of_tbs(tbs)
    }

    fn of_tbs(tbs: &Tbs) -> Result<Self, Reject> {
        if tbs.version() != 2 {
            return Err(Reject::PropertyRefused {
                field: "attestation certificate version",
                expected: Operand::Word("v3"),
                found: Operand::Number(i128::from(tbs.version())),
            });
        }
        let value = |oid: &str| tbs.extension(oid).map(|extension| extension.value.as_slice());
        let octets = |what, value| Ok::<_, Reject>(der::only(what, der::OCTET_STRING, value)?.to_vec());
        let firmware = value(YUBICO_FIRMWARE).map(|value| octets("firmware version", value)).transpose()?;
        let firmware = firmware.map(|firmware| {
            <[u8; 3]>::try_from(firmware).map_err(|_| Reject::Malformed { what: "firmware version" })
        });
        Ok(Self {
            aaguid: value(AAGUID).map(|value| octets("id-fido-gen-ce-aaguid", value)).transpose()?,
            product: value(YUBICO_PRODUCT).map(<[u8]>::to_vec),
            firmware: firmware.transpose()?,
        })
    }

    /// Asserts that a certificate that is limited to one model vouches for no other.
    ///
    /// # Errors
    /// [`Reject::FieldMismatch`].
    pub(super) fn check_aaguid(&self, found: &[u8]) -> Result<(), Reject> {
        match &self.aaguid {
            Some(expected) if expected != found => Err(Reject::FieldMismatch {
                field: "aaguid",
                expected: Operand::bytes(expected),
                found: Operand::bytes(found),
            }),
            _ => Ok(()),
        }
    }

    /// The product, as Yubico names it.
    fn model(&self) -> Option<&'static str> {
        Some(match self.product.as_deref()? {
            b"1.3.6.1.4.1.41482.1.1" => "Security Key by Yubico",
            b"1.3.6.1.4.1.41482.1.2" => "YubiKey NEO",
            b"1.3.6.1.4.1.41482.1.3" => "YubiKey Plus",
            b"1.3.6.1.4.1.41482.1.4" => "YubiKey Edge",
            b"1.3.6.1.4.1.41482.1.5" => "YubiKey 4",
            b"1.3.6.1.4.1.41482.1.7" => "YubiKey 5",
            b"1.3.6.1.4.1.41482.1.9" => "YubiKey Bio",
            _ => return None,
        })
    }

    /// Says the facts about the authenticator. Where it keeps keys, and whether they may leave, only a catalogue knows (FIDO
    /// Metadata Service, by AAGUID): synced passkeys have AAGUIDs too.
    pub(super) fn emit(&self, aaguid: &[u8], to: &mut Emission) {
        if let Some(text) = aaguid_text(aaguid) {
            to.statement("module.aaguid", Value::Text(text));
        }
        if self.product.is_some() {
            to.statement_word("module.vendor", Words::Vendor, "yubico");
        }
        if let Some(model) = self.model() {
            to.statement("module.model", Value::Text(model.to_owned()));
        }
        if let Some([major, minor, patch]) = self.firmware {
            to.statement("module.firmware", Value::Text(format!("{major}.{minor}.{patch}")));
        }
    }
}

fn is_authority(tbs: &Tbs) -> Reject {
    Reject::PropertyRefused {
        field: "attestation certificate basicConstraints.cA",
        expected: Operand::Word("false"),
        found: tbs
            .is_authority()
            .map_or(Operand::Absent, |found| Operand::Word(if found { "true" } else { "false" })),
    }
}

/// Country, organization and common name are there, and the unit is the prescribed one, alone.
fn check_subject(tbs: &Tbs) -> Result<(), Reject> {
    let (_, name) = X509Name::from_der(tbs.subject()).map_err(|_| Reject::Malformed { what: "subject" })?;
    let names = [
        ("attestation certificate subject country", name.iter_country().count()),
        ("attestation certificate subject organization", name.iter_organization().count()),
        ("attestation certificate subject common name", name.iter_common_name().count()),
    ];
    if let Some((field, _)) = names.into_iter().find(|(_, count)| *count == 0) {
        let (expected, found) = (Operand::Word("a name"), Operand::Absent);
        return Err(Reject::PropertyRefused { field, expected, found });
    }
    let units: Vec<&str> = name.iter_organizational_unit().filter_map(|unit| unit.as_str().ok()).collect();
    if units != [UNIT] {
        return Err(Reject::PropertyRefused {
            field: "attestation certificate subject organizational unit",
            expected: Operand::Word(UNIT),
            found: units.first().map_or(Operand::Absent, |unit| Operand::text(unit)),
        });
    }
    Ok(())
}
