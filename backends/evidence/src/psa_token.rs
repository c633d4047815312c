//! PSA attestation tokens: the initial attestation of an Arm platform, with what booted on it.
//!
//! The platform's initial attestation key signs; the manufacturer enrols that key. A token proves the identity of the
//! root of trust, its life cycle and the measurements of its software. It says nothing of any key, and so it is about
//! its attestation key alone: no request is bound by it. The nonce is the verifier's own, of 32, 48 or 64 bytes.
//! A token with a MAC (COSE_Mac0) is refused: who can check it can make it. The certification reference that a token
//! may name is the device's own word, and becomes no fact.
//!
//! The item is the token. The attestation key must be enrolled (see `enrolled`); it may come along as a second part.
//!
//! Source: RFC 9783, sections 4 and 5.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::cose::Message;
use crate::eat::{NONCE, PROFILE, UEID, enrolled_keys, hex};
use crate::enrolled;
use crate::formats::Format;
use crate::{cbor, cose};
use ciborium::Value as Cbor;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::join;
use pkic_vocab::Value;
use pkic_vocab::words::Words;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "RFC 9783",
    proves: "life cycle and measurements of an Arm platform",
    leaves_open: "anything of a key",
    unsigned: "the unprotected header; the certification reference is signed, and is the device's own word",
    detect: |input| {
        // A token with a MAC is one of these, to be refused.
        Message::of_part(input.evidence, 0).is_ok_and(|message| {
            let profile = message.claim(PROFILE).and_then(Cbor::as_text);
            matches!(message.tag, None | Some(MAC0_TAG))
                && profile.is_some_and(|name| PROFILES.contains(&name))
        })
    },
    appraise,
};

const NAME: &str = "psa-token";
/// The profile of RFC 9783, and the name that it had in drafts.
const PROFILES: [&str; 2] = ["tag:psacertified.org,2023:psa#tfm", "http://arm.com/psa/2.0.0"];
const MAC0_TAG: u64 = 17;

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let message = Message::of_part(input.evidence, 0)?;
    match message.tag {
        None => {}
        Some(MAC0_TAG) => {
            return Err(Reject::AlgorithmUnsupported { found: Operand::Word("COSE_Mac0") }.into());
        }
        Some(_) => return Err(Reject::Malformed { what: NAME }.into()),
    }
    let signed = message.sign1.signed(NAME)?;
    let (key, token) = enrolled::mint(enrolled_keys(NAME, input)?, &signed, |signed| {
        Token::read(&cose::payload_of(NAME, signed)?)
    })?;
    let signer = key.decode(|spki| Ok(spki.to_vec()))?;
    input.conclude(&join(&token, &signer, Token::signed_by)?)
}

// Labels of claims (RFC 9783 section 4), and of the members of a software component (section 4.4.1).
const LIFECYCLE: i64 = 2395;
const IMPLEMENTATION_ID: i64 = 2396;
const SOFTWARE_COMPONENTS: i64 = 2399;
const MEASUREMENT_TYPE: i64 = 1;
const MEASUREMENT_VALUE: i64 = 2;
/// Software components of one platform: real ones report at most a dozen.
const COMPONENTS_MAX: usize = 64;

/// What PSA and CCA platforms say of themselves alike.
#[derive(Debug, Clone)]
pub(crate) struct Platform {
    lifecycle: i64,
    implementation_id: Vec<u8>,
    instance_id: Vec<u8>,
    measurements: Vec<(String, Vec<u8>)>,
}

impl Platform {
    /// Reads the claims that every such token must have.
    ///
    /// # Errors
    /// [`Reject::FieldMissing`], [`Reject::Malformed`], [`Reject::TooLarge`].
    pub(crate) fn read(claims: &Cbor) -> Result<Self, Reject> {
        let field = "software components";
        let components = cbor::number_field(claims, SOFTWARE_COMPONENTS).and_then(Cbor::as_array);
        let components = components.ok_or(Reject::FieldMissing { field })?;
        if components.len() > COMPONENTS_MAX {
            return Err(Reject::TooLarge { what: field, size: components.len(), limit: COMPONENTS_MAX });
        }
        let measurement = |(index, component): (usize, &Cbor)| {
            let name = cbor::number_field(component, MEASUREMENT_TYPE).and_then(Cbor::as_text);
            let name = name.map_or_else(|| format!("component{index}"), str::to_owned);
            Ok((name, octets(component, MEASUREMENT_VALUE, "measurement value")?))
        };
        let lifecycle = cbor::number_field(claims, LIFECYCLE).and_then(Cbor::as_integer);
        let lifecycle = lifecycle.and_then(|value| i64::try_from(value).ok());
        Ok(Self {
            lifecycle: lifecycle.ok_or(Reject::FieldMissing { field: "security lifecycle" })?,
            implementation_id: octets(claims, IMPLEMENTATION_ID, "implementation id")?,
            instance_id: octets(claims, UEID, "instance id")?,
            measurements: components.iter().enumerate().map(measurement).collect::<Result<_, _>>()?,
        })
    }

    /// Says the facts, with further measurements beside the platform's own.
    pub(crate) fn emit(&self, further: &[(String, Vec<u8>)], to: &mut Emission) {
        let (word, is_debug) = match self.lifecycle {
            0x1000..=0x10ff => (Some("assembly-and-test"), None),
            0x2000..=0x20ff => (Some("provisioning"), None),
            0x3000..=0x30ff => (Some("secured"), Some(false)),
            0x4000..=0x40ff => (Some("debug"), Some(true)),
            0x5000..=0x50ff => (Some("recoverable-debug"), Some(true)),
            0x6000..=0x60ff => (Some("decommissioned"), None),
            // 0x0000 to 0x00ff is the token's own word for unknown.
            _ => (None, None),
        };
        if let Some(word) = word {
            to.statement_word("platform.lifecycle", Words::Lifecycle, word);
        }
        if let Some(is_debug) = is_debug {
            to.statement("platform.debug", Value::Bool(is_debug));
        }
        to.statement("module.model", Value::Text(hex(&self.implementation_id)));
        to.statement("module.serial", Value::Text(hex(&self.instance_id)));
        let record = |(name, digest): &(String, Vec<u8>)| {
            Value::Record(vec![Some(Value::Text(name.clone())), Some(Value::Bytes(digest.clone()))])
        };
        let measurements = self.measurements.iter().chain(further).map(record).collect();
        to.statement("platform.measurements", Value::List(measurements));
    }
}

/// The byte string of a label.
///
/// # Errors
/// [`Reject::FieldMissing`] where it is absent, no byte string, or stands twice.
pub(crate) fn octets(map: &Cbor, label: i64, field: &'static str) -> Result<Vec<u8>, Reject> {
    let value = cbor::number_field(map, label).and_then(Cbor::as_bytes);
    value.cloned().ok_or(Reject::FieldMissing { field })
}

/// The challenge, which has the length of a digest (RFC 9783 section 4.1.1).
///
/// # Errors
/// Those of [`octets`]; [`Reject::FieldMismatch`] for another length.
pub(crate) fn challenge(claims: &Cbor) -> Result<Vec<u8>, Reject> {
    let nonce = octets(claims, NONCE, "nonce")?;
    match nonce.len() {
        32 | 48 | 64 => Ok(nonce),
        len => Err(Reject::FieldMismatch {
            field: "length of nonce",
            expected: Operand::Word("32, 48 or 64"),
            found: Operand::Number(len as i128),
        }),
    }
}

/// A token with the key that signed it.
#[derive(Debug, Clone)]
struct Token {
    nonce: Vec<u8>,
    platform: Platform,
    signer: Vec<u8>,
}

impl Token {
    fn read(payload: &[u8]) -> Result<Self, Reject> {
        let claims = cbor::read(NAME, payload)?;
        let profile = cbor::number_field(&claims, PROFILE).and_then(Cbor::as_text).unwrap_or_default();
        if !PROFILES.contains(&profile) {
            return Err(Reject::FieldMismatch {
                field: "eat_profile",
                expected: Operand::Word("tag:psacertified.org,2023:psa#tfm"),
                found: Operand::text(profile),
            });
        }
        Ok(Self { nonce: challenge(&claims)?, platform: Platform::read(&claims)?, signer: Vec::new() })
    }

    #[expect(clippy::unnecessary_wraps, clippy::ptr_arg, reason = "the mint's signature")]
    fn signed_by(&self, signer: &Vec<u8>) -> Result<Self, Reject> {
        Ok(Self { signer: signer.clone(), ..self.clone() })
    }
}

impl Statement for Token {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.signer
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nonce(&self.nonce)
    }

    fn emit(&self, to: &mut Emission) {
        self.platform.emit(&[], to);
    }
}
