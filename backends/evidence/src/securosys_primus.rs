//! Securosys Primus key attestation: a module says in XML what attributes a key has, and signs the text.
//!
//! An item has three parts or more, in any order: the XML file, the detached signature (RSASSA-PKCS1-v1_5 with SHA-256 over
//! the file, byte for byte), and PEM files with the certificates of the attestation key and of the device. The text is
//! neither canonicalised nor parsed before its signature holds: what is no part of the signed bytes never meets the reader.
//! That takes no document type, no element twice, and no text in pieces, which a comment would hide half of.
//!
//! It proves where the key is, whether it was made there and whether it may leave. Clones and backups among devices of one
//! owner are left open, and so are approvals that a use may take. There is no nonce; `attest_time` is the device's clock.
//!
//! Source: Securosys, Primus HSM key attestation; the sample of a device that the tests name.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::pkcs11::Protection;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::crypto::{Hash, Scheme, Strength};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{PathInput, PathProfile, verify_path};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{SignedBytes, TrustedKey, join, mint};
use pkic_vocab::words::Words;
use pkic_vocab::{Value, time};
use roxmltree::{Document, Node, ParsingOptions};

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Securosys Primus HSM key attestation",
    proves: "attributes of a key in a Primus HSM",
    leaves_open: "backups and clones among the owner's devices",
    unsigned: "names of the files; which of them is which is told by content",
    detect: |input| find_parts(input).is_ok(),
    appraise,
};

const NAME: &str = "securosys-primus";
const WHAT: &str = "attestation";

/// The device's certificate signs the attestation key's; both end with the root. Neither has a key identifier.
const PROFILE: PathProfile = PathProfile::strict(NAME, 2);

/// Bytes of the signature: attestation keys are RSA of 3072 bits, and 8192 is the longest that is verified.
const SIGNATURE_LEN_BYTES_MAX: usize = 1024;
/// Nodes of the text, white space included: the sample has 47.
const NODES_MAX: u32 = 256;
/// What stands before and behind the serial number in the common name of a device.
const DEVICE_NAME: (&str, &str) = ("PRIMUS HSM KEY (SN: ", ")");
/// The root element of a statement about a private key.
const PRIVATE_KEY: &str = "private_key";

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let parts = find_parts(input)?;
    let (leaf, carried) = chain(&parts.certificates)?;
    let path = verify_path(&PathInput {
        evidence: input.evidence,
        leaf: &leaf,
        carried: &carried,
        anchors: input.anchors,
        profile: &PROFILE,
        now: input.now,
    })?;
    let size = parts.signature.len();
    if size > SIGNATURE_LEN_BYTES_MAX {
        return Err(Reject::TooLarge { what: "signature", size, limit: SIGNATURE_LEN_BYTES_MAX }.into());
    }
    let signed = SignedBytes {
        what: "XML file",
        message: parts.text.to_vec(),
        scheme: Scheme::RsaPkcs1(Hash::Sha256),
        signature: parts.signature.to_vec(),
    };
    let key = mint(&signed, &TrustedKey::of_path(&path), Strength::Current, Key::read)?;
    let device = path.decode_leaf(serial_of_device)?;
    let said =
        join(&key, &device, |key, serial| Ok(Said { key: key.clone(), module_serial: serial.clone() }))?;
    input.conclude(&said)
}

/// The parts of an item, told apart by how they start.
struct Parts<'a> {
    text: &'a [u8],
    signature: &'a [u8],
    certificates: Vec<&'a [u8]>,
}

fn find_parts<'a>(input: &Input<'a>) -> Result<Parts<'a>, Reject> {
    let (mut texts, mut signatures, mut certificates) = (Vec::new(), Vec::new(), Vec::new());
    for part in input.evidence.parts() {
        let list = match part.as_slice() {
            // One signature in 256 begins with this octet as well; it is no text.
            part if part.starts_with(b"<") && std::str::from_utf8(part).is_ok() => &mut texts,
            part if part.starts_with(b"-----BEGIN CERTIFICATE-----") => &mut certificates,
            _ => &mut signatures,
        };
        list.push(part.as_slice());
    }
    match (texts.as_slice(), signatures.as_slice(), certificates.as_slice()) {
        ([], ..) => Err(Reject::FieldMissing { field: WHAT }),
        (_, [], _) => Err(Reject::FieldMissing { field: "signature" }),
        (.., []) => Err(Reject::FieldMissing { field: "certificates" }),
        ([text], [signature], _) => Ok(Parts { text, signature, certificates }),
        _ => Err(Reject::FieldRepeated { field: WHAT }),
    }
}

/// The certificate that issued none of the others, and the others.
fn chain(files: &[&[u8]]) -> Result<(Certificate, Vec<Certificate>), Reject> {
    let field = "attestation key certificate";
    let mut all = Vec::new();
    for file in files {
        all.extend(Certificate::all_from_file(file)?);
    }
    let names: Vec<Vec<u8>> = all.iter().map(|one| one.tbs().issuer().to_vec()).collect();
    let is_issuer = |one: &Certificate| names.iter().any(|name| name == one.tbs().subject());
    let (issuers, mut leaves): (Vec<Certificate>, Vec<Certificate>) = all.into_iter().partition(is_issuer);
    match (leaves.pop(), leaves.is_empty()) {
        (Some(leaf), true) => Ok((leaf, issuers)),
        (Some(_), false) => Err(Reject::FieldRepeated { field }),
        (None, _) => Err(Reject::FieldMissing { field }),
    }
}

/// The serial number of the device, which the certificate of its attestation key names as issuer.
fn serial_of_device(tbs: &Tbs) -> Result<Option<String>, Reject> {
    let name = Tbs::common_name(tbs.issuer()).unwrap_or_default();
    let serial = name.strip_prefix(DEVICE_NAME.0).and_then(|name| name.strip_suffix(DEVICE_NAME.1));
    Ok(serial.map(str::to_owned))
}

/// What is attested of a private key.
#[derive(Clone, Debug)]
struct Key {
    spki: Vec<u8>,
    creation: String,
    created: i64,
    protection: Protection,
}

impl Key {
    fn read(text: &[u8]) -> Result<Self, Reject> {
        let malformed = || Reject::Malformed { what: WHAT };
        let text = str::from_utf8(text).map_err(|_| malformed())?;
        let options =
            ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options).map_err(|_| malformed())?;
        let key = document.root_element();
        let kind = key.tag_name().name();
        if kind != PRIVATE_KEY {
            let (expected, found) = (Operand::Word(PRIVATE_KEY), Operand::text(kind));
            return Err(Reject::PropertyRefused { field: "root element", expected, found });
        }
        let creation = key.attribute("creation").ok_or(Reject::FieldMissing { field: "creation" })?;
        let date = |field| time::parse_date(required(key, field)?).ok_or(Reject::Malformed { what: field });
        // The time of the statement says how old it is, so it must be one.
        date("attest_time")?;
        let public_key = STANDARD.decode(required(key, "public_key")?).map_err(|_| malformed())?;
        let attributes = child(key, "attributes")?.ok_or(Reject::FieldMissing { field: "attributes" })?;
        Ok(Self {
            spki: public_key,
            creation: creation.to_owned(),
            created: date("create_time")?,
            protection: Protection {
                is_extractable: flag(attributes, "extractable")?,
                was_never_extractable: flag(attributes, "never_extractable")?,
                is_sensitive: flag(attributes, "sensitive")?,
                was_always_sensitive: flag(attributes, "always_sensitive")?,
            },
        })
    }

    /// How the key came to be. Words that Securosys may have for other ways are not known here.
    fn origin(&self) -> Option<&'static str> {
        match self.creation.as_str() {
            "generated" => Some("generated"),
            "derived" => Some("derived"),
            "imported" => Some("imported"),
            _ => None,
        }
    }
}

/// The one child element of that name, where there is one.
fn child<'a, 'b>(of: Node<'a, 'b>, name: &'static str) -> Result<Option<Node<'a, 'b>>, Reject> {
    let mut found = of.children().filter(|node| node.is_element() && node.tag_name().name() == name);
    match (found.next(), found.next()) {
        (found, None) => Ok(found),
        (_, Some(_)) => Err(Reject::FieldRepeated { field: name }),
    }
}

/// The text of an element that has nothing but text.
fn text<'a>(element: Node<'a, '_>, what: &'static str) -> Result<&'a str, Reject> {
    let mut children = element.children();
    match (children.next(), children.next()) {
        (Some(only), None) if only.is_text() => only.text().ok_or(Reject::Malformed { what }),
        _ => Err(Reject::Malformed { what }),
    }
}

fn required<'a>(of: Node<'a, '_>, field: &'static str) -> Result<&'a str, Reject> {
    text(child(of, field)?.ok_or(Reject::FieldMissing { field })?, field)
}

/// An attribute, where it is there. One that is absent is neither true nor false.
fn flag(attributes: Node<'_, '_>, what: &'static str) -> Result<Option<bool>, Reject> {
    match child(attributes, what)?.map(|element| text(element, what)).transpose()? {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Reject::Malformed { what }),
    }
}

/// What a device says of a key.
#[derive(Debug)]
struct Said {
    key: Key,
    module_serial: Option<String>,
}

impl Statement for Said {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.key.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Time
    }

    fn emit(&self, to: &mut Emission) {
        to.practice_word("key.storage", Words::Storage, "hsm.network");
        if let Some(origin) = self.key.origin() {
            to.statement_word("key.origin", Words::Origin, origin);
        }
        self.key.protection.emit(to);
        to.statement("key.created", Value::Date(self.key.created));
        to.practice_word("module.vendor", Words::Vendor, "securosys");
        to.practice("module.model", Value::Text("Primus HSM".to_owned()));
        if let Some(serial) = &self.module_serial {
            to.statement("module.serial", Value::Text(serial.clone()));
        }
    }
}
