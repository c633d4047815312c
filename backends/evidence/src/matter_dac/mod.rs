//! Matter device attestation: a product's maker certifies a key of the device (DAC) under its own intermediate (PAI), and a
//! root (PAA) of the alliance's list.
//!
//! The item is certificate files, and beside them, where there are such, the certification declaration (CMS) and the key
//! that signs declarations. Or it is a container (see [`crate::container`]) with the answer of a device to a
//! commissioner: `attestation-elements`, `attestation-challenge` (of the session, which the device does not send),
//! `attestation-signature` and the list `certificates`; the declaration is then inside the elements.
//!
//! What must agree: the vendor in DAC and PAI, and in the PAA where it names one; the product in DAC and PAI where that
//! names one; and both with the declaration, which may name another maker's DAC and limit the roots. A declaration is
//! signed by a key of the alliance, which stands in no certificate here: it is enrolled as an anchor by itself. A
//! declaration without that key says nothing.
//!
//! It proves which product the device is, and with the elements that it holds the DAC's key now (our nonce). Where the
//! key lives no field says: that it be protected is a rule of the certification, not evidence, and so is unknown. The
//! specification has the chain checked as of the DAC's notBefore; here it must be valid now. The alliance's revocation
//! sets are not read.
//! Source: Matter core specification 1.2, section 6.2 (certificates), 6.3 (declaration), 11.18.4 (elements).
use crate::appraise::{Appraised, Input, NotVerified};
use crate::cms::SignedData;
use crate::container::Container;
use crate::formats::Format;
use crate::x509;
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::crypto::{Hash, Scheme, Strength, ecdsa_der_of_fixed};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::PathProfile;
use pkic_facts::pem;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{SignedBytes, TrustedKey, join, mint};
use pkic_vocab::Value;
use pkic_vocab::words::Words;

mod declaration;
mod tlv;

use declaration::Declaration;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Matter core specification 1.2",
    proves: "vendor, product and kind of certification declaration",
    leaves_open: "where the key is: a rule of the programme, no field",
    unsigned: "a certification declaration without the key that signs declarations; the container, and the name of the session's challenge",
    detect: is_present,
    appraise,
};

const NAME: &str = "matter-dac";

/// Attribute of a name: vendor, four hexadecimal digits.
const VENDOR: &str = "1.3.6.1.4.1.37244.2.1";
/// Attribute of a name: product, four hexadecimal digits.
const PRODUCT: &str = "1.3.6.1.4.1.37244.2.2";
/// The same inside a common name, for CAs that cannot make those attributes.
const VENDOR_IN_NAME: &str = "Mvid:";
const PRODUCT_IN_NAME: &str = "Mpid:";

/// Octets of the session's challenge, which is signed behind the elements.
const CHALLENGE_LEN_BYTES: usize = 16;
/// Octets of the commissioner's nonce.
const NONCE_LEN_BYTES: usize = 32;

/// The DAC and the PAI: every other shape breaks the specification.
const PROFILE: PathProfile = PathProfile::strict(NAME, 2);

fn is_present(input: &Input<'_>) -> bool {
    let is_container = is_container(input);
    is_container
        || Item::of_parts(input).is_ok_and(|item| item.certificates.iter().any(|found| is_dac(found.tbs())))
}

fn is_container(input: &Input<'_>) -> bool {
    input.evidence.parts().len() == 1 && Container::is_of(NAME, input.evidence)
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let mut item = Item::read(input)?;
    let path = x509::path_of(input, std::mem::take(&mut item.certificates), is_dac, "DAC", &PROFILE)?;
    let mut device = path.decode_all(Device::decode)?;
    if let Some(answer) = &item.answer {
        let elements = mint(answer, &TrustedKey::of_path(&path), Strength::Current, Elements::decode)?;
        item.declaration = Some(elements.value().declaration.clone());
        device = join(&device, &elements, |device, elements| {
            Ok(Device { nonce: Some(elements.nonce.clone()), ..device.clone() })
        })?;
    }
    if let (Some(message), Some(key)) = (&item.declaration, &item.declaration_key) {
        let signed = declaration::signed(message)?;
        let key = TrustedKey::enrolled(input.anchors, key, NAME, input.evidence, input.now);
        let key = key.map_err(NotVerified::Unproven)?;
        let declaration = mint(&signed, &key, Strength::Current, Declaration::decode)?;
        device = join(&device, &declaration, Device::declared)?;
    }
    input.conclude(&device)
}

/// What the item has, not yet trusted.
#[derive(Debug, Default)]
struct Item {
    certificates: Vec<Certificate>,
    declaration: Option<Vec<u8>>,
    declaration_key: Option<Vec<u8>>,
    answer: Option<SignedBytes>,
}

impl Item {
    fn read(input: &Input<'_>) -> Result<Item, Reject> {
        match input.evidence.parts() {
            [_] if is_container(input) => Item::of_container(input),
            _ => Item::of_parts(input),
        }
    }

    /// Certificates, a declaration and a public key, each of which shows what it is.
    fn of_parts(input: &Input<'_>) -> Result<Item, Reject> {
        let mut item = Item::default();
        let mut files = Vec::new();
        for part in input.evidence.parts() {
            let (to, value) = match public_key(part) {
                Some(key) => (&mut item.declaration_key, key),
                None if SignedData::is_at(part) => (&mut item.declaration, part.clone()),
                None => {
                    files.push(part.as_slice());
                    continue;
                }
            };
            if to.replace(value).is_some() {
                return Err(Reject::FieldRepeated { field: "certification declaration" });
            }
        }
        item.certificates = match files.len() == input.evidence.parts().len() {
            true => x509::certificates(input)?,
            false => x509::certificates_of(&files)?,
        };
        Ok(item)
    }

    fn of_container(input: &Input<'_>) -> Result<Item, Reject> {
        let mut container = Container::open(NAME, input.evidence)?;
        let certificates = container.take_list("certificates")?;
        let certificates = certificates.iter().map(|der| Certificate::from_der(der));
        let certificates = certificates.collect::<Result<Vec<_>, Reject>>()?;
        let elements = container.require("attestation-elements")?;
        let challenge = container.require("attestation-challenge")?;
        if challenge.len() != CHALLENGE_LEN_BYTES {
            return Err(Reject::Malformed { what: "attestation-challenge" });
        }
        let signature = container.require("attestation-signature")?;
        let signature =
            ecdsa_der_of_fixed(&signature, 32).ok_or(Reject::Malformed { what: "attestation-signature" })?;
        let declaration_key = container.take("certification-declaration-key")?;
        container.finish()?;
        let message = [elements, challenge].concat();
        let answer = SignedBytes {
            what: "attestation_elements and challenge",
            message,
            scheme: Scheme::Ecdsa(Hash::Sha256),
            signature,
        };
        Ok(Item { certificates, declaration: None, declaration_key, answer: Some(answer) })
    }
}

fn public_key(part: &[u8]) -> Option<Vec<u8>> {
    let armoured = part.starts_with(b"-----BEGIN PUBLIC KEY-----");
    let block = armoured.then(|| pem::blocks(part).next()).flatten()?.ok()?;
    block.contents().ok()
}

/// A certificate that names a product and is no authority. A PAI may name one too.
fn is_dac(tbs: &Tbs) -> bool {
    let names_product = matches!(id(tbs.subject(), PRODUCT, PRODUCT_IN_NAME), Ok(Some(_)));
    names_product && tbs.is_authority() != Some(true)
}

/// The vendor or product of a name.
fn id(name: &[u8], oid: &str, prefix: &str) -> Result<Option<u16>, Reject> {
    let what = "vendor or product of a name";
    let digits = match x509::attribute(name, oid, what)? {
        Some(digits) => digits,
        None => {
            let common_name = Tbs::common_name(name).unwrap_or_default();
            match common_name.split_once(prefix).and_then(|(_, rest)| rest.get(..4)) {
                Some(digits) => digits.to_owned(),
                None => return Ok(None),
            }
        }
    };
    let is_hex = digits.len() == 4 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'));
    let id = u16::from_str_radix(&digits, 16).ok().filter(|_| is_hex);
    id.map(Some).ok_or(Reject::Malformed { what })
}

fn vendor(name: &[u8]) -> Result<Option<u16>, Reject> {
    id(name, VENDOR, VENDOR_IN_NAME)
}

fn product(name: &[u8]) -> Result<Option<u16>, Reject> {
    id(name, PRODUCT, PRODUCT_IN_NAME)
}

fn same_id(field: &'static str, expected: u16, found: u16) -> Result<(), Reject> {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (Operand::Number(i128::from(expected)), Operand::Number(i128::from(found)));
    Err(Reject::FieldMismatch { field, expected, found })
}

/// A device, by its certificates and what else is verified of it.
#[derive(Debug, Clone)]
struct Device {
    spki: Vec<u8>,
    vendor: u16,
    product: u16,
    /// Of the root, as the PAI names it.
    root_key_id: Option<Vec<u8>>,
    nonce: Option<Vec<u8>>,
    certification: Option<&'static str>,
}

impl Device {
    /// Reads the path: DAC and PAI. The PAI's issuer is, octet for octet, the subject of the PAA.
    fn decode(path: &[&Tbs]) -> Result<Device, Reject> {
        let [dac, pai] = path else { return Err(Reject::FieldMissing { field: "PAI" }) };
        let of_device = vendor(dac.subject())?.ok_or(Reject::FieldMissing { field: "DAC vendor" })?;
        let of_intermediate = vendor(pai.subject())?.ok_or(Reject::FieldMissing { field: "PAI vendor" })?;
        same_id("PAI vendor", of_device, of_intermediate)?;
        if let Some(of_root) = vendor(pai.issuer())? {
            same_id("PAA vendor", of_device, of_root)?;
        }
        let product_of_device =
            product(dac.subject())?.ok_or(Reject::FieldMissing { field: "DAC product" })?;
        if let Some(of_intermediate) = product(pai.subject())? {
            same_id("PAI product", product_of_device, of_intermediate)?;
        }
        Ok(Device {
            spki: dac.spki().to_vec(),
            vendor: of_device,
            product: product_of_device,
            root_key_id: x509::authority_key_id(pai)?,
            nonce: None,
            certification: None,
        })
    }

    /// The device with what the declaration says, which must be a declaration of this device.
    fn declared(&self, declaration: &Declaration) -> Result<Device, Reject> {
        match declaration.dac_origin {
            Some((vendor, product)) => {
                same_id("declaration dac_origin_vendor_id", vendor, self.vendor)?;
                same_id("declaration dac_origin_product_id", product, self.product)?;
            }
            None => {
                same_id("declaration vendor_id", declaration.vendor, self.vendor)?;
                if !declaration.products.contains(&self.product) {
                    let (expected, found) =
                        (Operand::Word("the DAC's product"), Operand::Number(i128::from(self.product)));
                    return Err(Reject::FieldMismatch {
                        field: "declaration product_id_array",
                        expected,
                        found,
                    });
                }
            }
        }
        let is_authorized = |root: &Vec<u8>| declaration.authorized_roots.contains(root);
        if !declaration.authorized_roots.is_empty() && !self.root_key_id.as_ref().is_some_and(is_authorized) {
            let found = self.root_key_id.as_deref().map_or(Operand::Absent, Operand::bytes);
            let expected = Operand::Word("an authorized PAA");
            return Err(Reject::FieldMismatch { field: "declaration authorized_paa_list", expected, found });
        }
        Ok(Device { certification: Some(declaration.certification), ..self.clone() })
    }
}

/// What a device signed in answer to a commissioner.
#[derive(Debug)]
struct Elements {
    declaration: Vec<u8>,
    nonce: Vec<u8>,
}

impl Elements {
    /// Reads the elements, with the session's challenge behind them.
    fn decode(signed: &[u8]) -> Result<Elements, Reject> {
        let what = "attestation-elements";
        let len = signed.len().checked_sub(CHALLENGE_LEN_BYTES).ok_or(Reject::Malformed { what })?;
        let (elements, _) = signed.split_at_checked(len).ok_or(Reject::Malformed { what })?;
        let elements = tlv::Structure::read(what, elements)?;
        let nonce = elements.octets(2, "attestation_nonce")?;
        if nonce.len() != NONCE_LEN_BYTES {
            return Err(Reject::Malformed { what: "attestation_nonce" });
        }
        let declaration = elements.octets(1, "certification_declaration")?;
        Ok(Elements { declaration: declaration.to_vec(), nonce: nonce.to_vec() })
    }
}

impl Statement for Device {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        self.nonce.as_deref().map_or(Carried::Nothing, Carried::Nonce)
    }

    fn emit(&self, to: &mut Emission) {
        to.statement("module.vendor-id", Value::Int(i64::from(self.vendor)));
        to.statement("module.product-id", Value::Int(i64::from(self.product)));
        if let Some(certification) = self.certification {
            to.statement_word("module.matter-certification", Words::MatterCertification, certification);
        }
    }
}
