//! The WebAuthn attestation statement `fido-u2f`: a U2F authenticator says that it holds a credential key.
//!
//! An attestation key that all authenticators of a batch share signs a zero byte, the relying party id's hash, the client data hash,
//! the credential id and the key's point; its certificate leads to the vendor. Of the authenticator data, flags, counter and AAGUID
//! are not covered by the signature and not read: the key is taken from the signed bytes. It proves which vendor's authenticator
//! registered the key; the model, only where the certificate names it. The challenge is the nonce.
//!
//! Source: W3C Web Authentication Level 3, section 8.6; FIDO U2F Raw Message Formats 1.2, section 4.3.
use super::leaf::Leaf;
use super::{Answer, Object, Registration, answer, attestation_profile, chain, reach};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::cbor;
use crate::formats::Format;
use crate::spki::{Curve, ecc_spki};
use pkic_facts::crypto::{Hash, KeyKind, PublicKey, Scheme, Strength};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::PathProfile;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{SignedBytes, TrustedKey, join, mint};

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "W3C Web Authentication Level 3, section 8.6",
    proves: "the vendor of the authenticator",
    leaves_open: "model and place of the key, unless the certificate names them",
    unsigned: "flags, counter and AAGUID of the authenticator data; `fmt`",
    detect: |input| Object::is_of(input, "fido-u2f"),
    appraise,
};

const NAME: &str = "webauthn-u2f";

const PROFILE: PathProfile = attestation_profile(NAME);

/// Bytes of an uncompressed point on P-256.
const POINT_LEN: usize = 65;

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let object = Object::find(input, "fido-u2f")?;
    let statement = object.statement()?;
    let signed = SignedBytes {
        what: "U2F registration message",
        message: registration_message(&object)?,
        scheme: Scheme::Ecdsa(Hash::Sha256),
        signature: cbor::bytes(statement, "sig")?.to_vec(),
    };
    let chain = chain(statement)?;
    if chain.len() > 1 {
        return Err(Reject::FieldRepeated { field: "x5c" }.into());
    }
    let path = reach(&chain, &PROFILE, input)?;
    let leaf = path.decode_leaf(Leaf::of_u2f)?;
    let registration = mint(&signed, &TrustedKey::of_path(&path), Strength::Current, read_message)?;
    let answer = answer(&registration, object.client_data()?)?;
    input.conclude(&join(&answer, &leaf, Credential::new)?)
}

/// What the authenticator signed, put together again from the authenticator data.
fn registration_message(object: &Object<'_>) -> Result<Vec<u8>, Reject> {
    let claimed = Registration::read(&object.to_be_signed()?)?;
    let key = PublicKey::from_spki(&claimed.credential_key)?;
    if key.kind != KeyKind::P256 {
        let (expected, found) = (Operand::Word("a P-256 key"), Operand::bytes(&claimed.credential_key));
        return Err(Reject::FieldMismatch { field: "credentialPublicKey", expected, found });
    }
    let parts =
        [&[0], claimed.rp_id_hash.as_slice(), &claimed.client_data_hash, &claimed.credential_id, key.octets];
    Ok(parts.concat())
}

/// Reads what was signed. It says neither counter nor model.
fn read_message(message: &[u8]) -> Result<Registration, Reject> {
    let malformed = || Reject::Malformed { what: "registration response message" };
    let ([reserved], rest) = message.split_first_chunk::<1>().ok_or_else(malformed)?;
    let (rp_id_hash, rest) = rest.split_at_checked(32).ok_or_else(malformed)?;
    let (client_data_hash, rest) = rest.split_at_checked(32).ok_or_else(malformed)?;
    let id_len = rest.len().checked_sub(POINT_LEN).ok_or_else(malformed)?;
    let (credential_id, point) = rest.split_at_checked(id_len).ok_or_else(malformed)?;
    let ([form], point) = point.split_first_chunk::<1>().ok_or_else(malformed)?;
    let (x, y) = point.split_at_checked(Curve::P256.coordinate_len_bytes()).ok_or_else(malformed)?;
    if (*reserved, *form) != (0, 4) {
        return Err(malformed());
    }
    Ok(Registration {
        rp_id_hash: rp_id_hash.to_vec(),
        sign_count: None,
        aaguid: Vec::new(),
        credential_id: credential_id.to_vec(),
        credential_key: ecc_spki(Curve::P256, x, y),
        client_data_hash: client_data_hash.to_vec(),
    })
}

/// A credential key with the authenticator that registered it.
#[derive(Debug)]
struct Credential {
    answer: Answer,
    leaf: Leaf,
}

impl Credential {
    #[expect(clippy::unnecessary_wraps, reason = "the mint's signature")]
    fn new(answer: &Answer, leaf: &Leaf) -> Result<Self, Reject> {
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
