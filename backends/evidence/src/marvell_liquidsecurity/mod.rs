//! Marvell LiquidSecurity key attestation, as Google Cloud HSM hands it out: a partition of a module says what attributes
//! a key has.
//!
//! An item has two parts, in either order: the gzip file with the module's answer (`response`), and a PEM file with the
//! chains of maker and owner (`module`). `gcloud kms keys versions describe --attestation-file` and
//! `get-certificate-chain` write them. The partition's key signs the answer; Marvell and the owner each certify that key and
//! the card's, and only where both certify the same two keys is it known that Marvell made what the owner runs.
//!
//! It proves where the key is, whether it was made there and whether it may leave. It does not keep the owner from cloning
//! and backing it up among modules of its own, says nothing of the mode that the module runs in or of a validation, and has
//! neither nonce nor time. Symmetric keys are attested too, and nothing ties those to a request: they are refused.
//!
//! Source: Google Cloud, Verifying attestations; Marvell, LiquidSecurity HSM software key attestation.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::x509::Files;
use flate2::bufread::GzDecoder;
use module::{Certificates, Module, Owner};
use pkic_facts::crypto::Strength;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::reject::Reject;
use pkic_facts::verified::{join, mint};
use pkic_vocab::words::Words;
use response::{Key, Response};
use std::io::Read as _;

pub(crate) mod module;
pub(crate) mod response;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Marvell LiquidSecurity software key attestation; Google Cloud HSM",
    proves: "PKCS #11 attributes of a key in a LiquidSecurity module, and whose module it is",
    leaves_open: "a FIPS mode; clones within the owner's domain",
    unsigned: "names of the two files; the gzip container; other certificates in the file",
    detect: |input| find_parts(input).is_ok(),
    appraise,
};

const NAME: &str = "marvell-liquidsecurity";

/// What a gzip file starts with (RFC 1952 section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Bytes of an answer once inflated: the largest sample has 2,112, and attributes of 4096-bit keys add some hundreds.
const ANSWER_LEN_BYTES_MAX: u16 = 32 << 10;

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let (answer, file) = find_parts(input)?;
    let answer = inflate(answer)?;
    let files = input.evidence.reading(Files::read);
    let found = files.0.get(file).ok_or(Reject::FieldMissing { field: "certificate chains" })?;
    let certificates = Certificates::of(found.as_deref().map_err(Reject::clone)?)?;
    let (partition, module) = certificates.made(NAME, input)?;
    let module = certificates.owned(NAME, &module, input)?;
    let signed = response::signed(&answer, certificates.scheme()?)?;
    let response = mint(&signed, &partition, Strength::Current, Response::read)?;
    let key = response.project(Key::of_pair)?;
    let said = join(&key, &module, |key, module| Ok(Said { key: key.clone(), module: module.clone() }))?;
    input.conclude(&said)
}

/// The gzip file, and which part the certificates are.
fn find_parts<'a>(input: &Input<'a>) -> Result<(&'a [u8], usize), Reject> {
    let [first, second] = input.evidence.parts() else {
        return Err(Reject::FieldMissing { field: "certificate chains" });
    };
    match (first.starts_with(&GZIP), second.starts_with(&GZIP)) {
        (true, false) => Ok((first, 1)),
        (false, true) => Ok((second, 0)),
        (true, true) => Err(Reject::FieldRepeated { field: "attestation" }),
        (false, false) => Err(Reject::FieldMissing { field: "attestation" }),
    }
}

/// Inflates one gzip member with nothing behind it, and no further than an answer is long.
fn inflate(file: &[u8]) -> Result<Vec<u8>, Reject> {
    let what = "attestation";
    let mut member = GzDecoder::new(file);
    let mut answer = Vec::new();
    let limit = u64::from(ANSWER_LEN_BYTES_MAX).saturating_add(1);
    member.by_ref().take(limit).read_to_end(&mut answer).map_err(|_| Reject::Malformed { what })?;
    if answer.len() > usize::from(ANSWER_LEN_BYTES_MAX) {
        return Err(Reject::TooLarge { what, size: answer.len(), limit: usize::from(ANSWER_LEN_BYTES_MAX) });
    }
    match member.into_inner() {
        [] => Ok(answer),
        rest => Err(Reject::TrailingBytes { what, extra_bytes: rest.len() }),
    }
}

/// What a partition says of a key, in a module that has an owner.
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
        // Google's modules serve its key service, shared or for one tenant. What another owner does, its root does not say.
        if self.module.owner() == Some(Owner::Google) {
            to.practice_word("key.storage", Words::Storage, "cloud-kms");
            to.practice_word("key.custody", Words::Custody, "provider");
        } else {
            to.practice_word("key.storage", Words::Storage, "hsm");
        }
        self.key.emit(to);
        self.module.emit(to);
    }
}
