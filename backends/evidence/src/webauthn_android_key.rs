//! The WebAuthn attestation statement `android-key`: a credential key with its own Android key attestation.
//!
//! `x5c` is the chain of [`super::android_key`], whose description has the client data hash for a challenge. The credential
//! key signs its own registration, which shows that it is in use with this authenticator data. The challenge in the client
//! data is the nonce.
//!
//! Source: W3C Web Authentication Level 3, section 8.4.
use crate::android_key::key_description::{ORIGIN_GENERATED, SecurityLevel, purpose};
use crate::android_key::{AttestedKey, attested_key};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::webauthn::{Answer, Object, Registration, algorithm, answer, chain};
use crate::{cbor, cose};
use pkic_facts::crypto::Strength;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{SignedBytes, TrustedKey, join, mint};

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "W3C Web Authentication Level 3, section 8.4",
    proves: "as `android-key`, for a WebAuthn key",
    leaves_open: "who holds the device",
    unsigned: "client data but for their digest; `fmt`; the order of the certificates",
    detect: |input| Object::is_registration(input, "android-key"),
    appraise,
};

const NAME: &str = "webauthn-android-key";

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let object = Object::find(input, "android-key")?;
    let statement = object.statement()?;
    let signed = SignedBytes {
        what: "authenticatorData and client data hash",
        message: object.to_be_signed()?,
        scheme: cose::scheme(algorithm(statement)?)?,
        signature: cbor::bytes(statement, "sig")?.to_vec(),
    };
    let key = attested_key(input, &chain(statement)?, NAME)?;
    let signer = TrustedKey::of_statement(&key, |key| Ok(key.key()))?;
    let registration = mint(&signed, &signer, Strength::Current, Registration::read)?;
    let answer = answer(&registration, object.client_data()?)?;
    input.conclude(&join(&key, &answer, Credential::new)?)
}

/// A registered credential key with what KeyMint and the client say of it.
#[derive(Clone, Debug)]
struct Credential {
    key: AttestedKey,
    challenge: Vec<u8>,
}

impl Credential {
    /// The described key must be the one that is registered, described for this registration, and made for signing alone.
    fn new(key: &AttestedKey, answer: &Answer) -> Result<Self, Reject> {
        let registration = &answer.registration;
        registration.check_key(key.attested_key())?;
        if key.description.challenge != registration.client_data_hash {
            return Err(Reject::FieldMismatch {
                field: "attestationChallenge",
                expected: Operand::bytes(&registration.client_data_hash),
                found: Operand::bytes(&key.description.challenge),
            });
        }
        check_authorizations(key)?;
        Ok(Self { key: key.clone(), challenge: answer.challenge.clone() })
    }
}

/// Neither list may open the key to every app; origin and purpose are looked up where the key is kept: of a key in
/// software both lists count, of another one that of KeyMint.
fn check_authorizations(key: &AttestedKey) -> Result<(), Reject> {
    let (software, hardware) = (&key.description.software, &key.description.hardware);
    let refused = |field, expected, found| Err(Reject::PropertyRefused { field, expected, found });
    if software.is_for_all_applications || hardware.is_for_all_applications {
        return refused("allApplications", Operand::Absent, Operand::Word("set"));
    }
    let lists = match key.description.level {
        SecurityLevel::Software => vec![hardware, software],
        SecurityLevel::TrustedEnvironment | SecurityLevel::StrongBox => vec![hardware],
    };
    let origins: Vec<i64> = lists.iter().filter_map(|list| list.origin).collect();
    let purposes: Vec<i64> = lists.iter().flat_map(|list| list.purposes.iter().copied()).collect();
    for (field, expected, found) in
        [("origin", ORIGIN_GENERATED, &origins), ("purpose", purpose::SIGN, &purposes)]
    {
        if found.is_empty() || found.iter().any(|found| *found != expected) {
            let other = found.iter().find(|found| **found != expected);
            let other = other.map_or(Operand::Absent, |other| Operand::Number((*other).into()));
            return refused(field, Operand::Number(expected.into()), other);
        }
    }
    Ok(())
}

impl Statement for Credential {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        self.key.attested_key()
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nonce(&self.challenge)
    }

    fn emit(&self, to: &mut Emission) {
        self.key.emit_facts(to);
    }
}
