//! The WebAuthn attestation statement `packed`: an authenticator says that it holds a credential key, as most FIDO2 keys do.
//!
//! An attestation key that all authenticators of a batch share signs authenticator data and client data hash, and its certificate
//! leads to the vendor. It proves which model (AAGUID) registered the key. What the model does with its keys it does not say: that is
//! known from a catalogue alone. The challenge is the nonce.
//!
//! Without `x5c` the credential key signed for itself (self attestation): whoever made the key in software can do that, so it ties
//! nobody to an anchor and is unproven. The AAGUID of such a statement is anybody's, too.
//!
//! Source: W3C Web Authentication Level 3, section 8.2 and 8.2.1.
use super::leaf::Leaf;
use super::{Answer, Object, Registration, algorithm, answer, attestation_profile, chain, reach};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::{cbor, cose};
use pkic_facts::crypto::Strength;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::PathProfile;
use pkic_facts::reject::Reject;
use pkic_facts::verified::{SignedBytes, TrustedKey, join, mint};

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "W3C Web Authentication Level 3, section 8.2",
    proves: "the model (AAGUID) of the authenticator",
    leaves_open: "where the key is: FIDO's metadata, a catalogue; self attestation proves nothing",
    unsigned: "client data but for their digest; `fmt` and the order of the members",
    detect: |input| Object::is_of(input, "packed"),
    appraise,
};

const NAME: &str = "webauthn-packed";

const PROFILE: PathProfile = attestation_profile(NAME);

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let object = Object::find(input, "packed")?;
    let statement = object.statement()?;
    let signed = SignedBytes {
        what: "authenticatorData and client data hash",
        message: object.to_be_signed()?,
        scheme: cose::scheme(algorithm(statement)?)?,
        signature: cbor::bytes(statement, "sig")?.to_vec(),
    };
    let chain = chain(statement)?;
    if chain.is_empty() {
        return Err(NotVerified::Unproven(Reject::FieldMissing { field: "x5c" }));
    }
    let path = reach(&chain, &PROFILE, input)?;
    let leaf = path.decode_leaf(Leaf::of_packed)?;
    let registration = mint(&signed, &TrustedKey::of_path(&path), Strength::Current, Registration::read)?;
    let answer = answer(&registration, object.client_data()?)?;
    input.conclude(&join(&answer, &leaf, Credential::new)?)
}

/// A credential key with the authenticator that registered it.
#[derive(Debug)]
struct Credential {
    answer: Answer,
    leaf: Leaf,
}

impl Credential {
    fn new(answer: &Answer, leaf: &Leaf) -> Result<Self, Reject> {
        leaf.check_aaguid(&answer.registration.aaguid)?;
        Ok(Self { answer: answer.clone(), leaf: leaf.clone() })
    }
}

impl Statement for Credential {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.answer.registration.credential_key
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nonce(&self.answer.challenge)
    }

    fn emit(&self, to: &mut Emission) {
        self.leaf.emit(&self.answer.registration.aaguid, to);
    }
}
