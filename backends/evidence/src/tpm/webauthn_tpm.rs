//! The WebAuthn attestation statement `tpm`: `TPM2_Certify` over a credential key, as Windows makes it for Windows Hello.
//!
//! Windows signs with RSA and SHA-1, which is tolerated and said in `module.weak-hash`.
//!
//! Source: W3C Web Authentication Level 3, section 8.3 (statement and certificate), 6.5.1 (attested credential data), 5.8.1 (client data);
//! RFC 9053 and RFC 8812 (COSE algorithms).
use super::certify::certified_name;
use super::ek::{ATTESTATION_KEY_PURPOSE, CERTIFICATE_POLICIES, Device};
use super::key::{Certification, Key};
use super::structures::{Attest, digest_len_bytes};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::webauthn::{ClientData, Registration, chain, client_data_hash_of, find_parts};
use crate::{cbor, cose};
use ciborium::Value;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Hash, Scheme, Sha256Digest, Strength};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{CaBit, KeyPurpose, PathInput, PathProfile, Validity, verify_path};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{HashOf, SignedBytes, TrustedKey, join, mint};

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "W3C Web Authentication Level 3, section 8.3",
    detect: |input| find_parts(input, "tpm").is_ok(),
    appraise,
};

const NAME: &str = "webauthn-tpm";

const PROFILE: PathProfile = PathProfile {
    format: NAME,
    certificates_max: 5,
    ca_bit: CaBit::Required,
    key_purpose: KeyPurpose::Required(ATTESTATION_KEY_PURPOSE),
    validity: Validity::Checked,
    critical_known: &[CERTIFICATE_POLICIES],
    strength: Strength::Current,
};

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let (object, client_data) = find_parts(input, "tpm")?;
    let object = AttestationObject::from_value(object)?;
    let (leaf, carried) = object.chain.split_first().ok_or(Reject::FieldMissing { field: "x5c" })?;
    let path = verify_path(&PathInput {
        evidence: input.evidence,
        leaf,
        carried,
        anchors: input.anchors,
        profile: &PROFILE,
        now: input.now,
    })?;
    let device = path.decode_leaf(Device::of_attestation_key)?;
    let attest = mint(&object.signed, &TrustedKey::of_path(&path), Strength::Sha1Tolerated, Attest::read)?;
    check_extra_data(&attest.value().extra_data, object.signed.scheme)?;
    let key = attest.preimage(certified_name, &object.public_area, Key::from_public_area)?;
    let client_data_hash = Sha256Digest::of(client_data).0;
    let bound = [object.auth_data.as_slice(), &client_data_hash].concat();
    let bound = attest.preimage(extra_data, &bound, Registration::read)?;
    let client = bound.preimage(client_data_hash_of, client_data, ClientData::read)?;
    let credential = join(&key, &bound, Credential::of_registration)?;
    let credential = join(&credential, &client, Credential::with_challenge)?;
    input.conclude(&join(&credential, &device, Credential::on_device)?)
}

/// The attestation object, taken apart as far as needs no trust.
struct AttestationObject {
    auth_data: Vec<u8>,
    signed: SignedBytes,
    public_area: Vec<u8>,
    chain: Vec<Certificate>,
}

impl AttestationObject {
    fn from_value(object: Value) -> Result<Self, Reject> {
        let statement = cbor::field(&object, "attStmt").ok_or(Reject::FieldMissing { field: "attStmt" })?;
        let version = cbor::field(statement, "ver").and_then(Value::as_text);
        if version != Some("2.0") {
            return Err(Reject::FieldMismatch {
                field: "ver",
                expected: Operand::Word("2.0"),
                found: version.map_or(Operand::Absent, Operand::text),
            });
        }
        let alg = cbor::field(statement, "alg").and_then(Value::as_integer);
        let alg = alg.ok_or(Reject::FieldMissing { field: "alg" })?;
        Ok(Self {
            auth_data: cbor::bytes(&object, "authData")?.to_vec(),
            signed: SignedBytes {
                message: cbor::bytes(statement, "certInfo")?.to_vec(),
                scheme: tpm_scheme(i128::from(alg))?,
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

/// `extraData` must be a digest by the hash function of `alg`: with a weaker one, other data could have the same.
fn check_extra_data(extra_data: &[u8], scheme: Scheme) -> Result<(), Reject> {
    let expected = hash_of(scheme).map_or(0, digest_len_bytes);
    if extra_data.len() == expected {
        return Ok(());
    }
    let number = |len: usize| Operand::Number(len as i128);
    let (expected, found) = (number(expected), number(extra_data.len()));
    Err(Reject::FieldMismatch { field: "length of TPMS_ATTEST.extraData", expected, found })
}

/// `extraData` as a digest of the authenticator data and the client data hash; its length tells the hash function.
fn extra_data(attest: &Attest) -> Result<HashOf, Reject> {
    let what = "authenticatorData and clientDataHash";
    let digest = attest.extra_data.clone();
    let hashes = [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512];
    let hash = hashes.into_iter().find(|hash| digest_len_bytes(*hash) == digest.len());
    Ok(HashOf { what, hash: hash.ok_or(Reject::Malformed { what: "TPMS_ATTEST.extraData" })?, digest })
}

/// A registered credential key with what the TPM and the client say of it.
#[derive(Clone, Debug)]
struct Credential {
    key: Key,
    aaguid: Vec<u8>,
    challenge: Vec<u8>,
    device: Device,
}

impl Credential {
    /// The certified key must be the key that the authenticator data register.
    fn of_registration(key: &Key, registration: &Registration) -> Result<Self, Reject> {
        if key.spki() != registration.credential_key {
            return Err(Reject::FieldMismatch {
                field: "credentialPublicKey",
                expected: Operand::Digest(Sha256Digest::of(key.spki())),
                found: Operand::Digest(Sha256Digest::of(&registration.credential_key)),
            });
        }
        Ok(Self {
            key: key.clone(),
            aaguid: registration.aaguid.clone(),
            challenge: Vec::new(),
            device: Device::default(),
        })
    }

    #[expect(clippy::unnecessary_wraps, reason = "the mint's signature")]
    fn with_challenge(&self, client: &ClientData) -> Result<Self, Reject> {
        Ok(Self { challenge: client.challenge.clone(), ..self.clone() })
    }

    /// A certificate that is limited to one authenticator model vouches for no other.
    fn on_device(&self, device: &Device) -> Result<Self, Reject> {
        match &device.aaguid {
            Some(expected) if *expected != self.aaguid => Err(Reject::FieldMismatch {
                field: "aaguid",
                expected: Operand::bytes(expected),
                found: Operand::bytes(&self.aaguid),
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
        Carried::Nonce(&self.challenge)
    }

    fn emit(&self, to: &mut Emission) {
        self.device.emit(to);
        self.key.emit(Certification::Loaded, to);
    }
}
