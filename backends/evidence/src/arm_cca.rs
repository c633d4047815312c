//! Arm CCA attestation tokens: a platform says which key signs for its realms, and that key signs for one of them.
//!
//! The platform token is signed by an enrolled platform key. Its nonce is the digest of the realm attestation key
//! (RAK), and so binds the realm token, which that key signs: of two layers, the nonce of the outer names the key of
//! the inner. The verifier's challenge stands in the realm token. The whole proves which platform in which state, and
//! which realm with which measurements. The RAK is the attested key: it signs realm tokens and nothing else, so no
//! certification request is bound by it. What a realm says of its own keys is not in the token.
//!
//! The item is the token (tag 399). The platform key must be enrolled (see `enrolled`); it may come along as a second
//! part.
//!
//! Source: draft-ffm-rats-cca-token-01, sections 3 and 4; Realm Management Monitor specification, A7 (attestation).
use crate::appraise::{Appraised, Input, NotVerified};
use crate::cose::may_be_message;
use crate::eat::enrolled_keys;
use crate::enrolled;
use crate::formats::Format;
use crate::psa_token::{Platform, challenge, octets};
use crate::spki::{Curve, ecc_spki};
use crate::{cbor, cose};
use ciborium::Value as Cbor;
use pkic_facts::crypto::{Hash, Strength};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{CertifiedKey, HashOf, TrustedKey, join, mint};

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "draft-ffm-rats-cca-token-01",
    proves: "state of platform and realm, layer bound to layer",
    leaves_open: "anything of a request's key",
    unsigned: "the wrapper around the two tokens; unprotected headers",
    detect: |input| may_be_message(input.evidence.bytes()) && Layers::read(input.evidence.bytes()).is_ok(),
    appraise,
};

const NAME: &str = "arm-cca";
/// Tag of the collection of both tokens.
const COLLECTION_TAG: u64 = 399;
// Labels in the collection.
const PLATFORM_TOKEN: i64 = 44_234;
const REALM_TOKEN: i64 = 44_241;
// Labels in a realm token.
const REALM_PUBLIC_KEY: i64 = 44_237;
const REALM_INITIAL_MEASUREMENT: i64 = 44_238;
const REALM_EXTENSIBLE_MEASUREMENTS: i64 = 44_239;
/// Extensible measurements of a realm: the architecture has four.
const MEASUREMENTS_MAX: usize = 4;

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let layers = Layers::read(input.evidence.bytes())?;
    let keys = enrolled_keys(NAME, input)?;
    let (_, platform) = enrolled::mint(keys, &layers.platform.signed(NAME)?, |signed| {
        Outer::read(&cose::payload_of(NAME, signed)?)
    })?;
    let realm_key = platform.preimage(realm_key_digest, &layers.realm_key()?, RealmKey::read)?;
    let key = TrustedKey::of_statement(&realm_key, |key| {
        Ok(CertifiedKey { spki: key.spki.clone(), not_after: None })
    })?;
    let realm = mint(&layers.realm.signed(NAME)?, &key, Strength::Current, |signed| {
        Realm::read(&cose::payload_of(NAME, signed)?)
    })?;
    input.conclude(&join(&platform, &realm, Said::of_layers)?)
}

/// Both tokens, taken apart. Nothing is checked.
struct Layers {
    platform: cose::Sign1,
    realm: cose::Sign1,
}

impl Layers {
    fn read(bytes: &[u8]) -> Result<Self, Reject> {
        let Cbor::Tag(COLLECTION_TAG, tokens) = cbor::read(NAME, bytes)? else {
            return Err(Reject::Malformed { what: NAME });
        };
        let token = |label, field| cose::Sign1::read(NAME, &octets(&tokens, label, field)?);
        Ok(Self {
            platform: token(PLATFORM_TOKEN, "platform token")?,
            realm: token(REALM_TOKEN, "realm token")?,
        })
    }

    /// The realm key as the realm token writes it: what the platform's nonce must be a digest of.
    fn realm_key(&self) -> Result<Vec<u8>, Reject> {
        octets(&cbor::read(NAME, self.realm.payload())?, REALM_PUBLIC_KEY, "realm public key")
    }
}

/// What the platform signed: its own claims, and the digest of the realm key.
#[derive(Debug, Clone)]
struct Outer {
    platform: Platform,
    nonce: Vec<u8>,
}

impl Outer {
    fn read(payload: &[u8]) -> Result<Self, Reject> {
        let claims = cbor::read(NAME, payload)?;
        Ok(Self { platform: Platform::read(&claims)?, nonce: challenge(&claims)? })
    }
}

/// The nonce of the platform token; its length tells the hash function.
fn realm_key_digest(outer: &Outer) -> Result<HashOf, Reject> {
    let hash = match outer.nonce.len() {
        32 => Hash::Sha256,
        48 => Hash::Sha384,
        64 => Hash::Sha512,
        _ => return Err(Reject::Malformed { what: "nonce of the platform token" }),
    };
    Ok(HashOf { what: "realm public key", hash, digest: outer.nonce.clone() })
}

/// A realm attestation key: a COSE_Key, or, in older tokens, a point on P-384.
#[derive(Debug, Clone)]
struct RealmKey {
    spki: Vec<u8>,
}

impl RealmKey {
    fn read(bytes: &[u8]) -> Result<Self, Reject> {
        let coordinates = bytes.strip_prefix(&[0x04]).filter(|_| bytes.len() == 97);
        let spki = match coordinates.and_then(|both| both.split_at_checked(48)) {
            Some((x, y)) => ecc_spki(Curve::P384, x, y),
            None => cose::key_spki(&cbor::read("realm public key", bytes)?)?,
        };
        Ok(Self { spki })
    }
}

/// What the realm key signed.
#[derive(Debug, Clone)]
struct Realm {
    challenge: Vec<u8>,
    key: RealmKey,
    measurements: Vec<(String, Vec<u8>)>,
}

impl Realm {
    fn read(payload: &[u8]) -> Result<Self, Reject> {
        let claims = cbor::read(NAME, payload)?;
        let nonce = challenge(&claims)?;
        if nonce.len() != 64 {
            let (expected, found) = (Operand::Number(64), Operand::Number(nonce.len() as i128));
            return Err(Reject::FieldMismatch { field: "length of realm challenge", expected, found });
        }
        let field = "realm extensible measurements";
        let extensible = cbor::number_field(&claims, REALM_EXTENSIBLE_MEASUREMENTS).and_then(Cbor::as_array);
        let extensible = extensible.ok_or(Reject::FieldMissing { field })?;
        if extensible.len() > MEASUREMENTS_MAX {
            return Err(Reject::TooLarge { what: field, size: extensible.len(), limit: MEASUREMENTS_MAX });
        }
        let initial = octets(&claims, REALM_INITIAL_MEASUREMENT, "realm initial measurement")?;
        let mut measurements = vec![("rim".to_owned(), initial)];
        for (index, value) in extensible.iter().enumerate() {
            let value = value.as_bytes().ok_or(Reject::Malformed { what: field })?;
            measurements.push((format!("rem{index}"), value.clone()));
        }
        let key = RealmKey::read(&octets(&claims, REALM_PUBLIC_KEY, "realm public key")?)?;
        Ok(Self { challenge: nonce, key, measurements })
    }
}

/// What both layers say.
#[derive(Debug, Clone)]
struct Said {
    platform: Platform,
    realm: Realm,
}

impl Said {
    #[expect(clippy::unnecessary_wraps, reason = "the mint's signature")]
    fn of_layers(outer: &Outer, realm: &Realm) -> Result<Self, Reject> {
        Ok(Self { platform: outer.platform.clone(), realm: realm.clone() })
    }
}

impl Statement for Said {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.realm.key.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nonce(&self.realm.challenge)
    }

    fn emit(&self, to: &mut Emission) {
        self.platform.emit(&self.realm.measurements, to);
    }
}
