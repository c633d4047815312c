//! The WebAuthn attestation statement `apple`: Apple certifies a credential key, anonymously.
//!
//! There is no signature but that of the certificate, which is for the credential key itself and has the digest of authenticator data
//! and client data hash in an extension. It says nothing of device or system, and lives for three days. The challenge in the client
//! data is the nonce.
//!
//! Source: W3C Web Authentication Level 3, section 8.8 (Apple Anonymous Attestation).
use super::{RegisteredKey, emit_enclave, is_of_app_attest};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::webauthn::{Answer, Object, Registration, aaguid_text, answer, attestation_profile, chain, reach};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::PathProfile;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::join;
use pkic_vocab::Value;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "W3C Web Authentication Level 3, section 8.8",
    proves: "Apple certified the key, in a Secure Enclave by its practice",
    leaves_open: "device and system",
    unsigned: "client data but for their digest; `fmt`",
    detect: |input| Object::is_registration(input, "apple"),
    appraise,
};

const NAME: &str = "webauthn-apple";

const PROFILE: PathProfile = attestation_profile(NAME);

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let object = Object::find(input, "apple")?;
    let path = reach(&chain(object.statement()?)?, &PROFILE, input)?;
    let key = path.decode_leaf(RegisteredKey::read)?;
    let registration = key.preimage(RegisteredKey::nonce, &object.to_be_signed()?, Registration::read)?;
    let answer = answer(&registration, object.client_data()?)?;
    input.conclude(&join(&answer, &key, Credential::new)?)
}

/// A credential key that Apple certified.
#[derive(Debug)]
struct Credential(Answer);

impl Credential {
    /// App Attest has the same shape: where the operator's anchor for it is for any format, any app could answer under this name.
    fn new(answer: &Answer, key: &RegisteredKey) -> Result<Self, Reject> {
        answer.registration.check_key(&key.spki)?;
        if is_of_app_attest(&answer.registration.aaguid) {
            let (expected, found) =
                (Operand::Word("an authenticator"), Operand::bytes(&answer.registration.aaguid));
            return Err(Reject::FieldMismatch { field: "aaguid", expected, found });
        }
        Ok(Self(answer.clone()))
    }
}

impl Statement for Credential {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.0.registration.credential_key
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nonce(&self.0.challenge)
    }

    fn emit(&self, to: &mut Emission) {
        emit_enclave(to);
        if let Some(text) = aaguid_text(&self.0.registration.aaguid) {
            to.statement("module.aaguid", Value::Text(text));
        }
    }
}
