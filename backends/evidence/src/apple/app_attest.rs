//! Apple App Attest: Apple certifies a key that an app's instance made.
//!
//! The attestation object (`fmt` `apple-appattest`) comes with the client data whose hash the app gave to `attestKey`: here they are our
//! nonce, as it stands. The certificate, for three days, has the digest of authenticator data and client data hash. The receipt beside
//! it is Apple's own and is not read.
//!
//! Which app it was is in the digest of team and bundle identifier (`rpIdHash`), said as a measurement: a policy must compare it, for
//! any developer's app can answer. The AAGUID tells the development environment from production.
//!
//! Such a key signs assertions alone, never a certification request: nothing is bound to one, and with any request the evidence is
//! refused at stage `binding`.
//!
//! Source: Apple Developer Documentation, Validating apps that connect to your server (attestation).
use super::{RegisteredKey, emit_enclave, is_of_app_attest};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::webauthn::{
    Object, Registration, aaguid_text, attestation_profile, chain, client_data_hash, reach,
};
use pkic_facts::crypto::{PublicKey, Sha256Digest};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::PathProfile;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::join;
use pkic_vocab::{Value, limits};

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Apple, Validating apps that connect to your server",
    proves: "an instance of an app made the key",
    leaves_open: "anything about a request: such keys sign none",
    unsigned: "client data but for their digest; the receipt; `fmt`",
    detect: |input| Object::is_registration(input, "apple-appattest"),
    appraise,
};

const NAME: &str = "apple-app-attest";

const PROFILE: PathProfile = attestation_profile(NAME);

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let object = Object::find(input, "apple-appattest")?;
    let path = reach(&chain(object.statement()?)?, &PROFILE, input)?;
    let key = path.decode_leaf(RegisteredKey::read)?;
    let registration = key.preimage(RegisteredKey::nonce, &object.to_be_signed()?, Registration::read)?;
    let client_data = registration.preimage(client_data_hash, object.client_data()?, read_client_data)?;
    let registered = join(&registration, &key, Registered::new)?;
    input.conclude(&join(&registered, &client_data, Registered::answering)?)
}

/// Client data may be anything that the server and its app agreed on.
fn read_client_data(bytes: &[u8]) -> Result<Vec<u8>, Reject> {
    let (size, limit) = (bytes.len(), limits::TEXT_LEN_BYTES_MAX);
    if size > limit {
        return Err(Reject::TooLarge { what: "clientData", size, limit });
    }
    Ok(bytes.to_vec())
}

/// A key that Apple certified for an instance of an app.
#[derive(Clone, Debug)]
struct Registered {
    registration: Registration,
    client_data: Vec<u8>,
}

impl Registered {
    /// The registration must be the first use of the certified key, named by its digest, in an environment that Apple has.
    fn new(registration: &Registration, key: &RegisteredKey) -> Result<Self, Reject> {
        registration.check_key(&key.spki)?;
        let mismatch = |field, expected, found| Err(Reject::FieldMismatch { field, expected, found });
        if registration.sign_count != Some(0) {
            let found =
                registration.sign_count.map_or(Operand::Absent, |count| Operand::Number(count.into()));
            return mismatch("signCount", Operand::Number(0), found);
        }
        let found = registration.aaguid.as_slice();
        if !is_of_app_attest(found) {
            return mismatch("aaguid", Operand::Word("appattest or appattestdevelop"), Operand::bytes(found));
        }
        let key_id = Sha256Digest::of(PublicKey::from_spki(&key.spki)?.octets);
        if registration.credential_id != key_id.0 {
            return mismatch(
                "credentialId",
                Operand::Digest(key_id),
                Operand::bytes(&registration.credential_id),
            );
        }
        Ok(Self { registration: registration.clone(), client_data: Vec::new() })
    }

    #[expect(clippy::ptr_arg, clippy::unnecessary_wraps, reason = "the mint's signature")]
    fn answering(&self, client_data: &Vec<u8>) -> Result<Self, Reject> {
        Ok(Self { client_data: client_data.clone(), ..self.clone() })
    }
}

impl Statement for Registered {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.registration.credential_key
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nonce(&self.client_data)
    }

    fn emit(&self, to: &mut Emission) {
        emit_enclave(to);
        if let Some(text) = aaguid_text(&self.registration.aaguid) {
            to.statement("module.aaguid", Value::Text(text));
        }
        let digest = Value::Bytes(self.registration.rp_id_hash.clone());
        let app = Value::Record(vec![Some(Value::Text("rpIdHash".to_owned())), Some(digest)]);
        to.statement("platform.measurements", Value::List(vec![app]));
    }
}
