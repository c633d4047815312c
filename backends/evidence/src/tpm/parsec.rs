//! Parsec's evidence from a TPM: a key attestation token (`kat`, TPM2_Certify) and a platform attestation token (`pat`, TPM2_Quote) in one map of CBOR.
//!
//! Both tokens are signed by one attestation key; a platform token by another key is refused, so that the platform is the one that the key is on. The attestation key
//! comes as a certificate (`x5c`), or the verifier knows it: then an operator enrols it (see `enrolled`). A second part of the item
//! may hint at it, as a public key (PEM or DER) or in the CoRIM that endorses it. Nothing of the CoRIM is believed: it only carries a key, of which the enrolment
//! has the digest, and its reference values are left alone. Of an enrolled key the operator says that it is a restricted one; the tokens do not show it.
//!
//! It proves of the certified key what TPM2_Certify does, in a TPM of an unknown kind. `extraData` is the verifier's nonce, in both tokens the same. The token's `kid` is a name, not signed, and
//! is not looked at.
//!
//! Source: Parsec key and platform attestation data formats (CCC-Attestation/attested-tls-poc, format-definitions); draft-ietf-rats-corim, section 5 (attest-key-triple).
use super::certify::{Certified, carried, certified_name};
use super::key::{Certification, Key};
use super::members::{Signer, signed};
use super::public::Public;
use super::quote::{Platform, platform};
use super::structures::{Attest, Signature};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::cbor;
use crate::enrolled;
use crate::formats::Format;
use crate::spki::public_key_of;
use ciborium::Value;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Strength;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{SignedBytes, join, mint};

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Parsec key and platform attestation formats",
    proves: "as `tpm2-certify`; with a platform token, its registers",
    leaves_open: "which kind of TPM",
    unsigned: "the wrapper around the two tokens; which of them comes first",
    detect: |input| find_tokens(input).is_some(),
    appraise,
};

const NAME: &str = "parsec-tpm";
/// Certificates in `x5c`.
const CHAIN_LEN_MAX: usize = 10;
/// `tagged-pkix-base64-key-type`: a public key in PEM (draft-ietf-rats-corim, section 5.1.4.1.4).
const PKIX_KEY_TAG: u64 = 554;
/// `tagged-unsigned-corim-map`.
const CORIM_TAG: u64 = 501;
/// `tagged-concise-mid-tag`: a CoMID inside a CoRIM.
const COMID_TAG: u64 = 506;
/// Keys that are looked at in one CoRIM: the sample has one.
const KEYS_MAX: usize = 64;

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let (tokens, others) = find_tokens(input).ok_or(Reject::FieldMissing { field: "kat" })?;
    let kat = Token::read(&tokens, "kat", "certInfo")?.ok_or(Reject::FieldMissing { field: "kat" })?;
    let pat = Token::read(&tokens, "pat", "attestInfo")?;
    let public = kat.public.as_deref().ok_or(Reject::FieldMissing { field: "pubArea" })?;
    let (key, attest, device) = if kat.chain.is_empty() {
        let keys = enrolled::keys(NAME, &hints(&others)?, input)?;
        let (key, attest) = enrolled::mint(keys, &kat.signed, Attest::read)?;
        (key, attest, None)
    } else {
        let (key, device) = Signer::of_certificates(kat.chain).trust(NAME, input)?;
        let attest = mint(&kat.signed, &key, Strength::Current, Attest::read)?;
        (key, attest, device)
    };
    let certified = attest.preimage(certified_name, public, Key::from_public_area)?;
    let certified =
        join(&attest, &certified, |attest, key| Ok(Certified::new(attest, key, Certification::Loaded)))?;
    let certified = match device {
        Some(device) => join(&certified, &device, |key, device| Ok(key.on(device)))?,
        None => certified,
    };
    let said = match pat {
        Some(pat) => join(&certified, &platform(&pat.signed, &key, None)?, Said::on_platform)?,
        None => certified.project(|certified| Ok(Said { certified: certified.clone(), platform: None }))?,
    };
    input.conclude(&said)
}

/// The map of tokens, and the other parts of the item.
fn find_tokens<'a>(input: &Input<'a>) -> Option<(Value, Vec<&'a [u8]>)> {
    let mut found = None;
    let mut others = Vec::new();
    for part in input.evidence.parts() {
        // A map of one or two entries, whose first label is a text of three letters: nothing else is read here.
        let looks_so = matches!(part.as_slice(), [0xa1 | 0xa2, 0x63, b'k' | b'p', b'a', b't', ..]);
        match looks_so.then(|| cbor::read("Parsec tokens", part)) {
            Some(Ok(tokens)) if found.is_none() => found = Some(tokens),
            _ => others.push(part.as_slice()),
        }
    }
    found.map(|tokens| (tokens, others))
}

/// A token, taken apart as far as needs no trust.
struct Token {
    signed: SignedBytes,
    public: Option<Vec<u8>>,
    chain: Vec<Certificate>,
}

impl Token {
    fn read(tokens: &Value, name: &'static str, attested: &'static str) -> Result<Option<Self>, Reject> {
        let Some(token) = cbor::field(tokens, name) else { return Ok(None) };
        // The specification calls it `ver`, the library that writes it `tpmVer`.
        let version = cbor::field(token, "tpmVer").or(cbor::field(token, "ver")).and_then(Value::as_text);
        if version != Some("2.0") {
            let (expected, found) = (Operand::Word("2.0"), version.map_or(Operand::Absent, Operand::text));
            return Err(Reject::FieldMismatch { field: "tpmVer", expected, found });
        }
        let signature = Signature::read(cbor::bytes(token, "sig")?)?;
        let public = match cbor::field(token, "pubArea") {
            Some(_) => Some(Public::read(cbor::bytes(token, "pubArea")?)?.bytes().to_vec()),
            None => None,
        };
        let signed = signed(cbor::bytes(token, attested)?.to_vec(), &signature);
        Ok(Some(Self { signed, public, chain: chain(token)? }))
    }
}

fn chain(token: &Value) -> Result<Vec<Certificate>, Reject> {
    let malformed = || Reject::Malformed { what: "x5c" };
    let Some(chain) = cbor::field(token, "x5c") else { return Ok(Vec::new()) };
    let chain = chain.as_array().ok_or_else(malformed)?;
    if chain.len() > CHAIN_LEN_MAX {
        return Err(Reject::TooLarge { what: "x5c", size: chain.len(), limit: CHAIN_LEN_MAX });
    }
    chain.iter().map(|item| Certificate::from_der(item.as_bytes().ok_or_else(malformed)?)).collect()
}

/// The keys of the other parts: public keys, and those that a CoRIM endorses.
fn hints(others: &[&[u8]]) -> Result<Vec<Vec<u8>>, Reject> {
    let mut keys = Vec::new();
    for part in others {
        match public_key_of(part) {
            Some(spki) => keys.push(spki),
            None => corim_keys(&cbor::read("CoRIM", part)?, &mut keys),
        }
    }
    Ok(keys)
}

/// The keys that a CoRIM endorses as attestation keys. Its tags are member 1.
fn corim_keys(corim: &Value, keys: &mut Vec<Vec<u8>>) {
    let corim = match corim {
        Value::Tag(CORIM_TAG, corim) => corim,
        other => other,
    };
    for tag in cbor::number_field(corim, 1).and_then(Value::as_array).into_iter().flatten() {
        let Value::Tag(COMID_TAG, comid) = tag else { continue };
        if let Some(Ok(comid)) = comid.as_bytes().map(|comid| cbor::read("CoMID", comid)) {
            triple_keys(&comid, keys);
        }
    }
}

/// The keys of a CoMID's attest-key triples: triples are member 4, of which member 3.
fn triple_keys(comid: &Value, keys: &mut Vec<Vec<u8>>) {
    let triples = cbor::number_field(comid, 4).and_then(|triples| cbor::number_field(triples, 3));
    for triple in triples.and_then(Value::as_array).into_iter().flatten() {
        let listed = triple.as_array().and_then(|triple| triple.get(1)).and_then(Value::as_array);
        let texts = listed.into_iter().flatten().filter_map(|key| match key {
            Value::Tag(PKIX_KEY_TAG, key) => key.as_text(),
            _ => None,
        });
        let room = KEYS_MAX.saturating_sub(keys.len());
        keys.extend(texts.filter_map(|text| public_key_of(text.as_bytes())).take(room));
    }
}

/// A certified key, and the platform that it is on.
#[derive(Debug)]
struct Said {
    certified: Certified,
    platform: Option<Platform>,
}

impl Said {
    /// Both tokens must answer the same challenge: an old platform must not stand beside a new key.
    fn on_platform(certified: &Certified, platform: &Platform) -> Result<Self, Reject> {
        if certified.extra_data() != platform.extra_data() {
            return Err(Reject::FieldMismatch {
                field: "extraData of the platform token",
                expected: Operand::bytes(certified.extra_data()),
                found: Operand::bytes(platform.extra_data()),
            });
        }
        Ok(Self { certified: certified.clone(), platform: Some(platform.clone()) })
    }
}

impl Statement for Said {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        self.certified.spki()
    }

    fn freshness(&self) -> Carried<'_> {
        carried(self.certified.extra_data())
    }

    fn emit(&self, to: &mut Emission) {
        self.certified.emit(to);
        if let Some(platform) = &self.platform {
            platform.emit(to);
        }
    }
}
