//! The WebAuthn attestation statement `tpm`: `TPM2_Certify` over a credential key, as Windows makes it for Windows Hello.
//!
//! The item has two parts, in either order: the attestation object (CBOR) and the client data (JSON). The challenge in the client
//! data is the nonce. Windows signs with RSA and SHA-1, which is tolerated and said in `module.weak-hash`. The relying party id and
//! the origin are not looked at: the key is certified for us, and the nonce says that it was made for us.
//!
//! Source: W3C Web Authentication Level 3, section 8.3 (statement and certificate), 6.5.1 (attested credential data), 5.8.1 (client data);
//! RFC 9053 and RFC 8812 (COSE algorithms).
use super::certify::certified_name;
use super::ek::{ATTESTATION_KEY_PURPOSE, CERTIFICATE_POLICIES, Device};
use super::key::{Certification, Key};
use super::public::{Curve, ecc_spki, rsa_key_spki};
use super::structures::{Attest, digest_len_bytes};
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
    detect: |input| find_parts(input).is_ok(),
    appraise,
};

const NAME: &str = "webauthn-tpm";
/// Levels of nesting of the attestation object: map, statement, list of certificates.
const CBOR_DEPTH_MAX: usize = 8;
/// Certificates in `x5c`: Windows sends two.
const CHAIN_LEN_MAX: usize = 10;
/// Bytes of a client data hash: always SHA-256.
const CLIENT_DATA_HASH_LEN: usize = 32;

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
    let (object, client_data) = find_parts(input)?;
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

/// The attestation object, read as CBOR, and the client data.
fn find_parts<'a>(input: &Input<'a>) -> Result<(Value, &'a [u8]), Reject> {
    let (first, second) = match input.evidence.parts() {
        [first, second] => (first.as_slice(), second.as_slice()),
        _ => return Err(Reject::FieldMissing { field: "clientDataJSON" }),
    };
    let is_json = |part: &[u8]| part.first() == Some(&b'{');
    let (object, client_data) = if is_json(first) { (second, first) } else { (first, second) };
    let object = read_cbor("attestationObject", object)?;
    match field(&object, "fmt").and_then(Value::as_text) {
        Some("tpm") => Ok((object, client_data)),
        found => Err(Reject::FieldMismatch {
            field: "fmt",
            expected: Operand::Word("tpm"),
            found: found.map_or(Operand::Absent, Operand::text),
        }),
    }
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
        let statement = field(&object, "attStmt").ok_or(Reject::FieldMissing { field: "attStmt" })?;
        let version = field(statement, "ver").and_then(Value::as_text);
        if version != Some("2.0") {
            return Err(Reject::FieldMismatch {
                field: "ver",
                expected: Operand::Word("2.0"),
                found: version.map_or(Operand::Absent, Operand::text),
            });
        }
        let alg = field(statement, "alg").and_then(Value::as_integer);
        let alg = alg.ok_or(Reject::FieldMissing { field: "alg" })?;
        let chain = field(statement, "x5c").and_then(Value::as_array);
        let chain = chain.ok_or(Reject::FieldMissing { field: "x5c" })?;
        if chain.len() > CHAIN_LEN_MAX {
            return Err(Reject::TooLarge { what: "x5c", size: chain.len(), limit: CHAIN_LEN_MAX });
        }
        let certificate =
            |item: &Value| Certificate::from_der(item.as_bytes().ok_or(Reject::Malformed { what: "x5c" })?);
        Ok(Self {
            auth_data: bytes(&object, "authData")?.to_vec(),
            signed: SignedBytes {
                message: bytes(statement, "certInfo")?.to_vec(),
                scheme: scheme(i128::from(alg))?,
                signature: bytes(statement, "sig")?.to_vec(),
            },
            public_area: bytes(statement, "pubArea")?.to_vec(),
            chain: chain.iter().map(certificate).collect::<Result<_, _>>()?,
        })
    }
}

/// The scheme of a COSE algorithm that a TPM can sign with.
fn scheme(alg: i128) -> Result<Scheme, Reject> {
    match alg {
        -7 => Ok(Scheme::Ecdsa(Hash::Sha256)),
        -35 => Ok(Scheme::Ecdsa(Hash::Sha384)),
        -36 => Ok(Scheme::Ecdsa(Hash::Sha512)),
        -37 => Ok(Scheme::RsaPss(Hash::Sha256)),
        -38 => Ok(Scheme::RsaPss(Hash::Sha384)),
        -39 => Ok(Scheme::RsaPss(Hash::Sha512)),
        -257 => Ok(Scheme::RsaPkcs1(Hash::Sha256)),
        -258 => Ok(Scheme::RsaPkcs1(Hash::Sha384)),
        -259 => Ok(Scheme::RsaPkcs1(Hash::Sha512)),
        -65_535 => Ok(Scheme::RsaPkcs1(Hash::Sha1)),
        other => Err(Reject::AlgorithmUnsupported { found: Operand::Number(other) }),
    }
}

const fn hash_of(scheme: Scheme) -> Option<Hash> {
    match scheme {
        Scheme::RsaPkcs1(hash) | Scheme::RsaPss(hash) | Scheme::Ecdsa(hash) => Some(hash),
        Scheme::Ed25519 | Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87 => None,
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

/// Authenticator data of a registration, followed by the hash of the client data.
#[derive(Debug)]
struct Registration {
    aaguid: Vec<u8>,
    credential_key: Vec<u8>,
    client_data_hash: Vec<u8>,
}

impl Registration {
    /// `rpIdHash` (32), flags (1), `signCount` (4), `aaguid` (16), length of the credential id (2), the id, its key in COSE form,
    /// extensions if the flags say so; then the hash.
    fn read(bytes: &[u8]) -> Result<Self, Reject> {
        let what = "authenticatorData";
        let malformed = || Reject::Malformed { what };
        let len = bytes.len().checked_sub(CLIENT_DATA_HASH_LEN).ok_or_else(malformed)?;
        let (data, client_data_hash) = bytes.split_at_checked(len).ok_or_else(malformed)?;
        let (head, rest) = data.split_at_checked(37).ok_or_else(malformed)?;
        let flags = *head.get(32).ok_or_else(malformed)?;
        let (has_credential, has_extensions) = (flags & 0x40 != 0, flags & 0x80 != 0);
        if !has_credential {
            return Err(Reject::FieldMissing { field: "attestedCredentialData" });
        }
        let (aaguid, rest) = rest.split_at_checked(16).ok_or_else(malformed)?;
        let (id_len, rest) = rest.split_first_chunk::<2>().ok_or_else(malformed)?;
        let (_, mut rest) =
            rest.split_at_checked(usize::from(u16::from_be_bytes(*id_len))).ok_or_else(malformed)?;
        let key = read_cbor_item(what, &mut rest)?;
        if has_extensions {
            read_cbor_item(what, &mut rest)?;
        }
        if !rest.is_empty() {
            return Err(Reject::TrailingBytes { what, extra_bytes: rest.len() });
        }
        Ok(Self {
            aaguid: aaguid.to_vec(),
            credential_key: cose_key_spki(&key)?,
            client_data_hash: client_data_hash.to_vec(),
        })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the mint's signature")]
fn client_data_hash_of(registration: &Registration) -> Result<HashOf, Reject> {
    let digest = registration.client_data_hash.clone();
    Ok(HashOf { what: "clientDataJSON", hash: Hash::Sha256, digest })
}

/// What is read of the client data.
#[derive(Debug)]
struct ClientData {
    challenge: Vec<u8>,
}

impl ClientData {
    fn read(bytes: &[u8]) -> Result<Self, Reject> {
        let what = "clientDataJSON";
        let malformed = || Reject::Malformed { what };
        let json: serde_json::Value = serde_json::from_slice(bytes).map_err(|_| malformed())?;
        let text = |name: &str| json.get(name).and_then(serde_json::Value::as_str);
        let kind = text("type");
        if kind != Some("webauthn.create") {
            return Err(Reject::FieldMismatch {
                field: "clientData.type",
                expected: Operand::Word("webauthn.create"),
                found: kind.map_or(Operand::Absent, Operand::text),
            });
        }
        let challenge = text("challenge").ok_or(Reject::FieldMissing { field: "clientData.challenge" })?;
        Ok(Self { challenge: URL_SAFE_NO_PAD.decode(challenge).map_err(|_| malformed())? })
    }
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

/// The subjectPublicKeyInfo of a COSE key of type EC2 (2) or RSA (3).
fn cose_key_spki(key: &Value) -> Result<Vec<u8>, Reject> {
    let what = "COSE_Key";
    let integer = |label: i64| number_field(key, label).and_then(Value::as_integer).map(i128::from);
    let octets = |label: i64| {
        number_field(key, label)
            .and_then(Value::as_bytes)
            .map(Vec::as_slice)
            .ok_or(Reject::Malformed { what })
    };
    match (integer(1), integer(-1)) {
        (Some(2), Some(curve)) => {
            let curve = match curve {
                1 => Curve::P256,
                2 => Curve::P384,
                3 => Curve::P521,
                other => return Err(Reject::AlgorithmUnsupported { found: Operand::Number(other) }),
            };
            Ok(ecc_spki(curve, octets(-2)?, octets(-3)?))
        }
        (Some(3), None) => Ok(rsa_key_spki(octets(-1)?, octets(-2)?)),
        _ => Err(Reject::Malformed { what }),
    }
}

fn field<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    let mut values = map.as_map()?.iter().filter(|(key, _)| key.as_text() == Some(name));
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value)
}

fn number_field(map: &Value, label: i64) -> Option<&Value> {
    let mut values = map.as_map()?.iter().filter(|(key, _)| key.as_integer() == Some(label.into()));
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value)
}

fn bytes<'a>(map: &'a Value, name: &'static str) -> Result<&'a [u8], Reject> {
    let value = field(map, name).and_then(Value::as_bytes);
    value.map(Vec::as_slice).ok_or(Reject::FieldMissing { field: name })
}

fn read_cbor(what: &'static str, mut bytes: &[u8]) -> Result<Value, Reject> {
    let value = read_cbor_item(what, &mut bytes)?;
    match bytes {
        [] => Ok(value),
        rest => Err(Reject::TrailingBytes { what, extra_bytes: rest.len() }),
    }
}

fn read_cbor_item(what: &'static str, bytes: &mut &[u8]) -> Result<Value, Reject> {
    ciborium::de::from_reader_with_recursion_limit(bytes, CBOR_DEPTH_MAX)
        .map_err(|_| Reject::Malformed { what })
}
