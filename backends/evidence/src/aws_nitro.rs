//! AWS Nitro Enclaves: the hypervisor's security module says which image an enclave runs, and signs what the image gave it.
//!
//! An item is the attestation document: a COSE_Sign1 under ES384 whose payload carries its own certificate and the chain to
//! AWS's root. The certificate is made for the enclave and lives three hours. Every certificate is checked at the time of
//! appraisal and never at the time that the document gives, which a replay would give as well: an old document is refused.
//! Its time must be one at which its certificate was valid.
//!
//! It proves the measurements of the image. `public_key` is whatever the image put there: that its private half is made in
//! the enclave and stays there is for the image to see to, so that a policy must ask for `platform.measurements`. How the
//! key came to be and whether it may leave are not known. Where the first three registers are zero, the enclave was started
//! for debugging: its console is open, its image is not measured, and where its keys are is not known. `user_data` says
//! nothing here. A `public_key` that is no subjectPublicKeyInfo binds nothing.
//!
//! Source: AWS, Nitro Enclaves NSM API, attestation process, sections 3.1 and 3.2.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::cbor;
use crate::cose::{Message, payload_of};
use crate::formats::Format;
use ciborium::Value as Cbor;
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::crypto::{Hash, Scheme, Strength};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{PathInput, PathProfile, verify_path};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{TrustedKey, join, mint};
use pkic_vocab::Value;
use pkic_vocab::words::Words;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "AWS Nitro Enclaves NSM API, attestation process",
    proves: "the measurements of an enclave's image",
    leaves_open: "that the image keeps its key: compare the measurements",
    unsigned: "the unprotected header; nothing else of the document",
    detect: |input| find_document(input).is_ok(),
    appraise,
};

const NAME: &str = "aws-nitro";
const WHAT: &str = "attestation document";

/// Root, region, zone, instance, enclave: the root is an anchor of ours.
const PROFILE: PathProfile = PathProfile::strict(NAME, 4);

/// Certificates in `cabundle`: five, the root included, and room for another layer.
const CHAIN_LEN_MAX: usize = 8;
/// Registers: indices 0 to 31.
const REGISTERS_MAX: usize = 32;
/// Bytes of `public_key` (NSM API, section 3.1).
const PUBLIC_KEY_LEN_BYTES_MAX: usize = 1024;
/// Bytes of `nonce`: 512 in the first edition, 1,024 since.
const NONCE_LEN_BYTES_MAX: usize = 1024;
/// The registers that a debugging enclave leaves at zero: image, kernel with boot, application.
const MEASURED: [u8; 3] = [0, 1, 2];

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let document = find_document(input)?;
    let payload = document.claims.as_ref().map_err(Reject::clone)?;
    let leaf = Certificate::from_der(cbor::bytes(payload, "certificate")?)?;
    let path = verify_path(&PathInput {
        evidence: input.evidence,
        leaf: &leaf,
        carried: &chain(payload)?,
        anchors: input.anchors,
        profile: &PROFILE,
        now: input.now,
    })?;
    let signed = document.sign1.signed(WHAT)?;
    if signed.scheme != Scheme::Ecdsa(Hash::Sha384) {
        return Err(Reject::AlgorithmUnsupported { found: Operand::Word(signed.scheme.name()) }.into());
    }
    let document = mint(&signed, &TrustedKey::of_path(&path), Strength::Current, Document::read)?;
    let certificate = path.decode_leaf(|tbs| Ok(tbs.clone()))?;
    let document = join(&document, &certificate, Document::made_within)?;
    if document.value().public_key.is_none() && input.request.is_some() {
        return Err(Reject::FieldMissing { field: "public_key" }.into());
    }
    input.conclude(&document)
}

/// The message, and its payload, which nobody has checked yet.
fn find_document(input: &Input<'_>) -> Result<Arc<Message>, Reject> {
    let [_] = input.evidence.parts() else { return Err(Reject::FieldRepeated { field: WHAT }) };
    let message = Message::of_part(input.evidence, 0)?;
    let payload = message.claims.as_ref().map_err(Reject::clone)?;
    match (message.tag, cbor::field(payload, "cabundle")) {
        (None, Some(_)) => Ok(message),
        (Some(_), _) => Err(Reject::Malformed { what: WHAT }),
        (None, None) => Err(Reject::FieldMissing { field: "cabundle" }),
    }
}

fn chain(payload: &Cbor) -> Result<Vec<Certificate>, Reject> {
    let what = "cabundle";
    let malformed = || Reject::Malformed { what };
    let items = cbor::field(payload, what).and_then(Cbor::as_array).ok_or_else(malformed)?;
    if items.len() > CHAIN_LEN_MAX {
        return Err(Reject::TooLarge { what, size: items.len(), limit: CHAIN_LEN_MAX });
    }
    items.iter().map(|item| Certificate::from_der(item.as_bytes().ok_or_else(malformed)?)).collect()
}

/// What the security module signed.
#[derive(Clone, Debug)]
struct Document {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    timestamp_ms: u64,
    registers: BTreeMap<u8, Vec<u8>>,
    public_key: Option<Vec<u8>>,
    nonce: Option<Vec<u8>>,
}

impl Document {
    fn read(structure: &[u8]) -> Result<Self, Reject> {
        let payload = cbor::read(WHAT, &payload_of(WHAT, structure)?)?;
        let digest = cbor::field(&payload, "digest").and_then(Cbor::as_text);
        if digest != Some("SHA384") {
            let (expected, found) = (Operand::Word("SHA384"), digest.map_or(Operand::Absent, Operand::text));
            return Err(Reject::FieldMismatch { field: "digest", expected, found });
        }
        let timestamp = cbor::field(&payload, "timestamp").and_then(Cbor::as_integer);
        Ok(Self {
            timestamp_ms: timestamp
                .and_then(|timestamp| u64::try_from(timestamp).ok())
                .ok_or(Reject::FieldMissing { field: "timestamp" })?,
            registers: registers(&payload)?,
            public_key: optional(&payload, "public_key", PUBLIC_KEY_LEN_BYTES_MAX)?,
            nonce: optional(&payload, "nonce", NONCE_LEN_BYTES_MAX)?,
        })
    }

    /// The document, if it was made while its certificate was valid.
    fn made_within(&self, certificate: &Tbs) -> Result<Self, Reject> {
        let made = i64::try_from(self.timestamp_ms / 1000).unwrap_or(i64::MAX);
        let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
        let end = if made < not_before { not_before } else { not_after };
        if (not_before..=not_after).contains(&made) {
            return Ok(self.clone());
        }
        let (expected, found) = (Operand::Time(end), Operand::Time(made));
        Err(Reject::FieldMismatch { field: "timestamp", expected, found })
    }

    fn is_debug(&self) -> bool {
        let is_zero = |index| {
            self.registers.get(index).is_some_and(|register| register.iter().all(|octet| *octet == 0))
        };
        MEASURED.iter().all(is_zero)
    }
}

/// Every register, each a digest of SHA-384. The first three must be there.
fn registers(payload: &Cbor) -> Result<BTreeMap<u8, Vec<u8>>, Reject> {
    let what = "pcrs";
    let malformed = || Reject::Malformed { what };
    let map = cbor::field(payload, what).and_then(Cbor::as_map).ok_or_else(malformed)?;
    if map.len() > REGISTERS_MAX {
        return Err(Reject::TooLarge { what, size: map.len(), limit: REGISTERS_MAX });
    }
    let mut registers = BTreeMap::new();
    for (index, register) in map {
        let index = index.as_integer().and_then(|index| u8::try_from(index).ok()).ok_or_else(malformed)?;
        let register = register.as_bytes().filter(|register| register.len() == 48).ok_or_else(malformed)?;
        if usize::from(index) >= REGISTERS_MAX {
            return Err(malformed());
        }
        if registers.insert(index, register.clone()).is_some() {
            return Err(Reject::FieldRepeated { field: what });
        }
    }
    match MEASURED.iter().all(|index| registers.contains_key(index)) {
        true => Ok(registers),
        false => Err(Reject::FieldMissing { field: what }),
    }
}

/// A byte string that may be absent or null; an empty one is none.
fn optional(payload: &Cbor, what: &'static str, limit: usize) -> Result<Option<Vec<u8>>, Reject> {
    match cbor::field(payload, what) {
        None | Some(Cbor::Null) => Ok(None),
        Some(Cbor::Bytes(bytes)) if bytes.len() > limit => {
            Err(Reject::TooLarge { what, size: bytes.len(), limit })
        }
        Some(Cbor::Bytes(bytes)) => Ok(Some(bytes.clone()).filter(|bytes| !bytes.is_empty())),
        Some(_) => Err(Reject::Malformed { what }),
    }
}

impl Statement for Document {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        self.public_key.as_deref().unwrap_or_default()
    }

    fn freshness(&self) -> Carried<'_> {
        self.nonce.as_deref().map_or(Carried::Time, Carried::Nonce)
    }

    fn emit(&self, to: &mut Emission) {
        if self.public_key.is_some() && !self.is_debug() {
            to.statement_word("key.storage", Words::Storage, "tee.nitro");
        }
        to.practice_word("module.vendor", Words::Vendor, "amazon");
        to.statement("platform.debug", Value::Bool(self.is_debug()));
        let measurement = |(index, register): (&u8, &Vec<u8>)| {
            let (name, digest) = (Value::Text(format!("pcr{index}")), Value::Bytes(register.clone()));
            Value::Record(vec![Some(name), Some(digest)])
        };
        to.statement("platform.measurements", Value::List(self.registers.iter().map(measurement).collect()));
    }
}
