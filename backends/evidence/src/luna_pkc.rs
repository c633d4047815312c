//! Thales Luna public key confirmation (PKC): a Luna HSM certifies the public key of a pair that it made.
//!
//! The statement is an X.509 certificate for the key, in a PKCS#7 message that nobody signed: a bag of certificates. The
//! HSM's device authentication key signs it (DAC), whose certificate the HSM's hardware origin key signed (HOC), and so on
//! over Thales's manufacturing integrity certificate (MIC) to the root. Each certificate has one extended key usage that
//! says which of these it is, and the sequence must be exact: any other certificate of a Luna HSM is no confirmation.
//! The ECC format is shorter. A bag may leave out the root, and what it carries as root is never looked at: the anchor's
//! key is ours, so neither its SHA-1 signature nor its lack of basicConstraints counts.
//!
//! No field says how the key is kept. By Thales's practice a confirmation is issued only for keys that a Luna HSM
//! made and that never leave Luna HSMs; whether they are cloned within the owner's domain, a partition's policy says,
//! which no certificate shows. It carries no nonce, and no time but the HSM's.
//!
//! Pitfalls: critical extended key usages that nobody else knows, explicit `critical FALSE` (not DER), and the HSM's serial
//! number, which is little-endian. Source: Thales Luna documentation, "Verifying HSM authenticity or key attestation".
use crate::appraise::{Appraised, Input, NotVerified};
use crate::cms::SignedData;
use crate::formats::Format;
use crate::x509::{self, extension, same};
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{CaBit, KeyPurpose, PathProfile};
use pkic_facts::pem;
use pkic_facts::reject::{Operand, Reject};
use pkic_vocab::Value;
use pkic_vocab::words::Words;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Thales Luna PKC",
    proves: "a Luna module generated the key",
    leaves_open: "whether its partition may clone or export: `domain` by Thales's word",
    unsigned: "the PKCS #7 message: a bag of certificates without a signer",
    detect: is_present,
    appraise,
};

const NAME: &str = "luna-pkc";

/// Extended key usage of a public key confirmation.
const CONFIRMATION: &str = "1.3.6.1.4.1.12383.1.13";
/// The extended key usages below the root, the leaf's first: PKC, DAC, HOC, MIC.
const RSA_SEQUENCE: &[&str] =
    &[CONFIRMATION, "1.3.6.1.4.1.12383.1.12", "1.3.6.1.4.1.12383.1.8", "1.3.6.1.4.1.12383.1.7"];
/// The same of the ECC format.
const ECC_SEQUENCE: &[&str] = &[CONFIRMATION, "1.3.6.1.4.1.12383.1.15"];

/// Serial number of the HSM: four octets, little-endian.
const SERIAL: &str = "1.3.6.1.4.1.12383.2.1";

/// The sequence of extended key usages says who issues. The certificates of the older roots have no basicConstraints.
const PROFILE: PathProfile = PathProfile {
    ca_bit: CaBit::AbsentTolerated,
    key_purpose: KeyPurpose::Required(CONFIRMATION),
    ..PathProfile::strict(NAME, RSA_SEQUENCE.len())
};

fn is_present(input: &Input<'_>) -> bool {
    certificates(input).is_ok_and(|found| found.iter().any(|certificate| is_confirmation(certificate.tbs())))
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let path =
        x509::path_of(input, certificates(input)?, is_confirmation, "public key confirmation", &PROFILE)?;
    input.conclude(&path.decode_all(Confirmation::decode)?)
}

/// The certificates of a PKCS#7 message in PEM or DER, or of certificate files.
fn certificates(input: &Input<'_>) -> Result<Vec<Certificate>, Reject> {
    let [part] = input.evidence.parts() else { return x509::certificates(input) };
    let armoured = part.starts_with(b"-----BEGIN").then(|| pem::blocks(part).next()).flatten();
    let message = match armoured {
        Some(Ok(block)) if ["PKCS7", "CMS"].contains(&block.label) => block.contents()?,
        _ if SignedData::is_at(part) => part.clone(),
        _ => return x509::certificates(input),
    };
    let message = SignedData::read(&message)?;
    if message.content.is_some() || !message.signers.is_empty() {
        return Err(Reject::Malformed { what: "bag of certificates" });
    }
    message.certificates.into_iter().map(Certificate::from_der).collect()
}

fn is_confirmation(tbs: &Tbs) -> bool {
    tbs.key_purposes().iter().any(|purpose| purpose == CONFIRMATION)
}

/// What a Luna HSM signed about a key, with what its makers signed about the HSM.
#[derive(Debug)]
struct Confirmation {
    spki: Vec<u8>,
    serial: u32,
    model: Option<String>,
}

impl Confirmation {
    fn decode(path: &[&Tbs]) -> Result<Confirmation, Reject> {
        check_sequence(path)?;
        let missing = Reject::FieldMissing { field: "device authentication certificate" };
        let [leaf, device, ..] = path else { return Err(missing) };
        let serial = extension(leaf, SERIAL, "HSM serial number")?;
        if let Some(of_device) = device.extension(SERIAL) {
            same("HSM serial number", &of_device.value, serial)?;
        }
        let serial =
            <[u8; 4]>::try_from(serial).map_err(|_| Reject::Malformed { what: "HSM serial number" })?;
        let serial = u32::from_le_bytes(serial);
        Ok(Confirmation { spki: leaf.spki().to_vec(), serial, model: model(device, serial) })
    }
}

/// Each certificate must have one extended key usage, and they must be those of one of the two formats.
fn check_sequence(path: &[&Tbs]) -> Result<(), Reject> {
    let expected = if path.len() == ECC_SEQUENCE.len() { ECC_SEQUENCE } else { RSA_SEQUENCE };
    for (index, expected) in expected.iter().enumerate() {
        let found = path.get(index).map(|tbs| tbs.key_purposes()).unwrap_or_default();
        if found != [*expected] {
            let found = found.first().map_or(Operand::Absent, |oid| Operand::Oid(oid.clone()));
            let expected = Operand::Word(expected);
            return Err(Reject::FieldMismatch { field: "extended key usage sequence", expected, found });
        }
    }
    Ok(())
}

/// The model in the device's name, which is model, hyphen, serial number.
fn model(device: &Tbs, serial: u32) -> Option<String> {
    let name = Tbs::common_name(device.subject())?;
    let (model, number) = name.rsplit_once('-')?;
    (number == serial.to_string() && !model.is_empty()).then(|| model.to_owned())
}

impl Statement for Confirmation {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nothing
    }

    fn emit(&self, to: &mut Emission) {
        // A card in a host, an appliance on the network and a cloud service of Thales all issue confirmations.
        to.practice_word("key.storage", Words::Storage, "hsm");
        to.practice_word("key.origin", Words::Origin, "generated");
        to.practice_word("key.export", Words::Export, "domain");
        to.practice_word("module.vendor", Words::Vendor, "thales");
        to.statement("module.serial", Value::Text(self.serial.to_string()));
        if let Some(model) = &self.model {
            to.statement("module.model", Value::Text(model.clone()));
        }
    }
}
