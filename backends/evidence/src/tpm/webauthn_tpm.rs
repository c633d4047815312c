//! The WebAuthn attestation statement `tpm`: `TPM2_Certify` over a credential key, as Windows makes it for Windows Hello.
//!
//! Windows signs with RSA and SHA-1, which is tolerated and said in `module.weak-hash`.
//!
//! The ACME challenge `device-attest-01` takes the same statement in an attestation object alone: `extraData` is then the digest of the
//! key authorization, which is the nonce to appraise with, and the key is the certified one. Authenticator data may come along, and are
//! not covered by anything. Clients hash the key authorization with SHA-256, whatever `alg` says.
//!
//! Source: W3C Web Authentication Level 3, section 8.3 (statement and certificate), 6.5.1 (attested credential data), 5.8.1 (client data);
//! RFC 9053 and RFC 8812 (COSE algorithms); draft-ietf-acme-device-attest, section 5.
use super::certify::certified_name;
use super::ek::{ATTESTATION_KEY_PURPOSE, CERTIFICATE_POLICIES, Device};
use super::key::{Certification, Key};
use super::structures::{Attest, digest_len_bytes};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::webauthn::{Answer, Object, Registration, algorithm, answer, attestation_profile, chain, reach};
use crate::{cbor, cose};
use ciborium::Value;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Hash, Scheme, Strength};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{KeyPurpose, PathProfile};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{HashOf, SignedBytes, TrustedKey, join, mint};

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "W3C Web Authentication Level 3, section 8.3",
    proves: "as `tpm2-certify`, for a Windows or ACME key",
    leaves_open: "which kind of TPM",
    unsigned: "client data, where they do not come along; `ver`; the attestation object around the statement",
    detect: |input| Object::is_of(input, "tpm"),
    appraise,
};

const NAME: &str = "webauthn-tpm";

const PROFILE: PathProfile = PathProfile {
    key_purpose: KeyPurpose::Required(ATTESTATION_KEY_PURPOSE),
    critical_known: &[CERTIFICATE_POLICIES],
    ..attestation_profile(NAME)
};

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let object = Object::find(input, "tpm")?;
    let certified = Certified::read(object.statement()?)?;
    let path = reach(&certified.chain, &PROFILE, input)?;
    let device = path.decode_leaf(Device::of_attestation_key)?;
    let attest = mint(&certified.signed, &TrustedKey::of_path(&path), Strength::Sha1Tolerated, Attest::read)?;
    let key = attest.preimage(certified_name, &certified.public_area, Key::from_public_area)?;
    let hash = hash_of(certified.signed.scheme);
    let credential = if object.has_client_data() {
        check_extra_data(&attest.value().extra_data, &[hash])?;
        let registration = attest.preimage(extra_data, &object.to_be_signed()?, Registration::read)?;
        let answer = answer(&registration, object.client_data()?)?;
        join(&key, &answer, Credential::of_registration)?
    } else {
        check_extra_data(&attest.value().extra_data, &[hash, Some(Hash::Sha256)])?;
        join(&key, &attest, Credential::of_challenge)?
    };
    input.conclude(&join(&credential, &device, Credential::on_device)?)
}

/// The statement, taken apart as far as needs no trust.
struct Certified {
    signed: SignedBytes,
    public_area: Vec<u8>,
    chain: Vec<Certificate>,
}

impl Certified {
    fn read(statement: &Value) -> Result<Self, Reject> {
        let version = cbor::field(statement, "ver").and_then(Value::as_text);
        if version != Some("2.0") {
            return Err(Reject::FieldMismatch {
                field: "ver",
                expected: Operand::Word("2.0"),
                found: version.map_or(Operand::Absent, Operand::text),
            });
        }
        Ok(Self {
            signed: SignedBytes {
                what: "TPMS_ATTEST",
                message: cbor::bytes(statement, "certInfo")?.to_vec(),
                scheme: tpm_scheme(algorithm(statement)?)?,
                signature: cbor::bytes(statement, "sig")?.to_vec(),
            },
            public_area: cbor::bytes(statement, "pubArea")?.to_vec(),
            chain: chain(statement)?,
        })
    }
}

/// The scheme of a COSE algorithm, of those that a TPM can sign with.
fn tpm_scheme(alg: i128) -> Result<Scheme, Reject> {
    let scheme = cose::scheme(alg)?;
    hash_of(scheme).map(|_| scheme).ok_or(Reject::AlgorithmUnsupported { found: Operand::Number(alg) })
}

const fn hash_of(scheme: Scheme) -> Option<Hash> {
    match scheme {
        Scheme::RsaPkcs1(hash) | Scheme::RsaPss(hash) | Scheme::Ecdsa(hash) => Some(hash),
        Scheme::Ed25519
        | Scheme::MlDsa44
        | Scheme::MlDsa65
        | Scheme::MlDsa87
        | Scheme::DsaSha256
        | Scheme::HssLms => None,
    }
}

/// `extraData` must be a digest by one of these hash functions: with a weaker one, other data could have the same.
fn check_extra_data(extra_data: &[u8], hashes: &[Option<Hash>]) -> Result<(), Reject> {
    let mut expected = hashes.iter().flatten().map(|hash| digest_len_bytes(*hash));
    if expected.clone().any(|expected| expected == extra_data.len()) {
        return Ok(());
    }
    let number = |len: usize| Operand::Number(len as i128);
    let (expected, found) = (number(expected.next().unwrap_or_default()), number(extra_data.len()));
    Err(Reject::FieldMismatch { field: "length of TPMS_ATTEST.extraData", expected, found })
}

/// `extraData` as a digest of the authenticator data and the client data hash.
fn extra_data(attest: &Attest) -> Result<HashOf, Reject> {
    let what = "authenticatorData and clientDataHash";
    Ok(HashOf { what, hash: hash_of_extra_data(attest)?, digest: attest.extra_data.clone() })
}

/// The hash function of `extraData`, which its length tells.
fn hash_of_extra_data(attest: &Attest) -> Result<Hash, Reject> {
    let hashes = [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512];
    let hash = hashes.into_iter().find(|hash| digest_len_bytes(*hash) == attest.extra_data.len());
    hash.ok_or(Reject::Malformed { what: "TPMS_ATTEST.extraData" })
}

/// A certified key with what the TPM and the client say of it.
#[derive(Clone, Debug)]
struct Credential {
    key: Key,
    /// The model of the authenticator; in ACME there is none.
    aaguid: Option<Vec<u8>>,
    nonce: Nonce,
    device: Device,
}

/// What a statement answers.
#[derive(Clone, Debug)]
enum Nonce {
    /// The challenge in client data.
    Challenge(Vec<u8>),
    /// The digest of an ACME key authorization.
    KeyAuthorization(Hash, Vec<u8>),
}

impl Credential {
    /// The certified key must be the key that the authenticator data register.
    fn of_registration(key: &Key, answer: &Answer) -> Result<Self, Reject> {
        answer.registration.check_key(key.spki())?;
        Ok(Self {
            key: key.clone(),
            aaguid: Some(answer.registration.aaguid.clone()),
            nonce: Nonce::Challenge(answer.challenge.clone()),
            device: Device::default(),
        })
    }

    fn of_challenge(key: &Key, attest: &Attest) -> Result<Self, Reject> {
        let nonce = Nonce::KeyAuthorization(hash_of_extra_data(attest)?, attest.extra_data.clone());
        Ok(Self { key: key.clone(), aaguid: None, nonce, device: Device::default() })
    }

    /// A certificate that is limited to one authenticator model vouches for no other.
    fn on_device(&self, device: &Device) -> Result<Self, Reject> {
        match (&device.aaguid, &self.aaguid) {
            (Some(expected), Some(found)) if expected != found => Err(Reject::FieldMismatch {
                field: "aaguid",
                expected: Operand::bytes(expected),
                found: Operand::bytes(found),
            }),
            _ => Ok(Self { device: device.clone(), ..self.clone() }),
        }
    }
}

impl Statement for Credential {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        self.key.spki()
    }

    fn freshness(&self) -> Carried<'_> {
        match &self.nonce {
            Nonce::Challenge(challenge) => Carried::Nonce(challenge),
            Nonce::KeyAuthorization(hash, digest) => Carried::Digest(*hash, digest),
        }
    }

    fn emit(&self, to: &mut Emission) {
        self.device.emit(to);
        self.key.emit(Certification::Loaded, to);
    }
}
