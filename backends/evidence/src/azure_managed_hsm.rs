//! Azure Managed HSM key attestation: a partition of a Marvell LiquidSecurity module says what attributes a key has.
//!
//! An item is the JSON document that the service answers with (`GET /keys/{name}/{version}/attestation`), whole or from
//! `attributes` or `attestation` on. In it stand, in base64url, the module's signed answer about the private key, as a rule
//! another about the public key, and a PEM bundle of certificates. Answers and certificates are those of
//! [`crate::marvell_liquidsecurity`]; nothing else in the document is signed, and nothing else is read: not the key beside
//! the attestation, nor its name, nor whether it is marked exportable.
//!
//! Marvell vouches for the module. That it is Microsoft's, only a root of the pool could say, which Microsoft does not
//! publish: a self-signed certificate in the bundle is no anchor, and without one among ours the key is in an `hsm` and no
//! more. A pool's own root may be listed.
//!
//! Keys for Secure Key Release are made to be exported: `key.export` says `wrapped` of them, and what a release policy asks
//! is not in the statement. Neither nonce nor time is.
//!
//! There is no sample from a device: the tests' documents are synthetic.
//!
//! Source: Microsoft, Validate Azure Managed HSM keys with key attestation; Marvell, LiquidSecurity HSM software key
//! attestation.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::container;
use crate::formats::Format;
use crate::marvell_liquidsecurity::module::{Certificates, Module, Owner};
use crate::marvell_liquidsecurity::response::{self, Key, Response};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Strength;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{join, mint};
use pkic_vocab::words::Words;
use serde_json::Value;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Azure Managed HSM key attestation (REST API 7.6)",
    proves: "the same, in Azure's form",
    leaves_open: "the pool's owner, unless you list its root",
    unsigned: "all of the JSON document but the module's answers and the certificates: the key beside them, its name, `exportable`, the release policy",
    detect: |input| find_attestation(input).is_ok(),
    appraise,
};

const NAME: &str = "azure-managed-hsm";

/// `attestation.version`: the one layout that Microsoft has described.
const VERSION: &str = "MRVL-1";
/// Bytes of a member once decoded: a bundle of eight certificates stays below 16 kB.
const MEMBER_LEN_BYTES_MAX: usize = 64 << 10;

/// The service writes no padding, tools that pass its answer on may.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let attestation = find_attestation(input)?;
    let version = attestation.get("version").and_then(Value::as_str);
    if version != Some(VERSION) {
        let (expected, found) = (Operand::Word(VERSION), version.map_or(Operand::Absent, Operand::text));
        return Err(Reject::FieldMismatch { field: "attestation.version", expected, found }.into());
    }
    let required = |field| member(&attestation, field)?.ok_or(Reject::FieldMissing { field });
    let certificates = Certificates::of(&Certificate::all_from_file(&required("certificatePemFile")?)?)?;
    let private = required("privateKeyAttestation")?;
    let public = member(&attestation, "publicKeyAttestation")?;
    let (partition, module) = certificates.made(NAME, input)?;
    let module = match certificates.owned(NAME, &module, input) {
        // Nobody listed its owner, or it names none: that it is owned is not known, and that it is made is.
        Err(Reject::IssuerUnknown { .. } | Reject::FieldMissing { .. }) => module,
        known => known?,
    };
    let read = |answer: &[u8]| {
        let signed = response::signed(answer, certificates.scheme()?)?;
        mint(&signed, &partition, Strength::Current, Response::read)
    };
    let private = read(&private)?;
    let key = match public {
        Some(public) => join(&private, &read(&public)?, Key::of_two)?,
        None => private.project(Key::of_pair)?,
    };
    let said = join(&key, &module, |key, module| Ok(Said { key: key.clone(), module: module.clone() }))?;
    input.conclude(&said)
}

/// The object that has the attestation: the document, its `attributes`, or their `attestation`.
fn find_attestation(input: &Input<'_>) -> Result<Value, Reject> {
    let what = "attestation";
    let [_] = input.evidence.parts() else { return Err(Reject::FieldRepeated { field: what }) };
    let document = input.evidence.reading(container::Json::read).0.clone();
    let mut object = Value::Object(document.ok_or(Reject::Malformed { what })?);
    for name in ["attributes", what] {
        if let Some(inner) = object.get_mut(name).map(Value::take) {
            object = inner;
        }
    }
    match object.get("privateKeyAttestation").and(object.get("certificatePemFile")) {
        Some(_) => Ok(object),
        None => Err(Reject::FieldMissing { field: "privateKeyAttestation" }),
    }
}

/// The bytes of a member, if it is there; the service writes null for one that is not.
fn member(attestation: &Value, what: &'static str) -> Result<Option<Vec<u8>>, Reject> {
    let text = match attestation.get(what) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text,
        Some(_) => return Err(Reject::Malformed { what }),
    };
    let (size, limit) = (text.len() / 4 * 3, MEMBER_LEN_BYTES_MAX);
    if size > limit {
        return Err(Reject::TooLarge { what, size, limit });
    }
    BASE64URL.decode(text).map(Some).map_err(|_| Reject::Malformed { what })
}

/// What a partition says of a key.
#[derive(Debug)]
struct Said {
    key: Key,
    module: Module,
}

impl Statement for Said {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        self.key.spki()
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nothing
    }

    fn emit(&self, to: &mut Emission) {
        // A root that serves every format may be another's: Google's modules are no pool of Microsoft's.
        let is_pool = self.module.owner() == Some(Owner::Other);
        let storage = if is_pool { "cloud-kms.managed-hsm" } else { "hsm" };
        to.practice_word("key.storage", Words::Storage, storage);
        self.key.emit(to);
        self.module.emit(to);
    }
}
