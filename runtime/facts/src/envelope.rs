//! The one envelope of everything that pkic signs: bundle, catalogue, anchor set, statement, acknowledgement (D18).
//!
//! It is a COSE_Sign1 (RFC 9052) over a manifest and a payload, in deterministic CBOR (RFC 8949 section 4.2.1). The
//! reader encodes what it understood again and compares it with what it read, so that there is one spelling of each
//! envelope. The signer's key travels inside; which keys count is the reader's list.
use crate::crypto::{Scheme, Sha256Digest, Strength, ecdsa_der_of_fixed, verify_signature};
use crate::reject::{Operand, Reject};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use coset::cbor::Value;
use coset::iana::Algorithm;
use coset::{AsCborValue, CborSerializable, CoseSign1, CoseSign1Builder, HeaderBuilder, Label};
use pkic_vocab::limits;

/// The version of manifest and payload layout.
const VERSION: u64 = 1;
/// Label of the signer's subjectPublicKeyInfo in the protected header: private use (RFC 9052 section 3.1).
const SPKI_LABEL: i64 = -70_001;
/// Levels of nesting in an envelope: array, payload's array, manifest.
const NESTING_MAX: usize = 6;
/// Bytes of a name: a file name fits.
const NAME_LEN_BYTES_MAX: usize = 255;
/// Bytes around the payload: headers, manifest and signature take less.
const OVERHEAD_LEN_BYTES_MAX: usize = 4096;
/// Bytes of an envelope: the largest payload with what stands around it.
pub const ENVELOPE_LEN_BYTES_MAX: usize =
    limits::PROGRAM_LEN_BYTES_MAX.saturating_add(OVERHEAD_LEN_BYTES_MAX);
/// Seconds by which the signer's clock may run ahead of the reader's: the value that Kerberos recommends
/// (RFC 4120 section 8.2).
pub const CLOCK_SKEW_S_MAX: i64 = 300;

/// What an envelope holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A person's acknowledgement of a finding or a change.
    Acknowledgement,
    /// An anchor set.
    AnchorSet,
    /// A compiled policy.
    Bundle,
    /// A catalogue of certifications.
    Catalogue,
    /// A statement of a witness.
    Statement,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 5] =
        [Kind::Acknowledgement, Kind::AnchorSet, Kind::Bundle, Kind::Catalogue, Kind::Statement];

    /// The word in the manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Acknowledgement => "acknowledgement",
            Kind::AnchorSet => "anchor-set",
            Kind::Bundle => "bundle",
            Kind::Catalogue => "catalogue",
            Kind::Statement => "statement",
        }
    }
}

/// What an envelope says about its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What the payload is.
    pub kind: Kind,
    /// The artefact's name, at most 255 bytes; sequence numbers count within kind and name.
    pub name: String,
    /// Goes up with each edition.
    pub sequence: u64,
    /// SHA-256 of the envelope of the edition before.
    pub previous: Option<Sha256Digest>,
    /// When it was made, in seconds since 1970-01-01T00:00:00Z, by the signer's clock.
    pub created: i64,
    /// After this moment it counts no more, in seconds since 1970-01-01T00:00:00Z.
    pub stale_after: i64,
}

/// A key that signs envelopes.
pub struct SigningKey {
    pair: Pair,
    spki: Vec<u8>,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(Box<EcdsaKeyPair>),
}

impl std::fmt::Debug for SigningKey {
    /// Shows the public key's digest alone.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.spki_digest())
    }
}

impl SigningKey {
    /// Reads an Ed25519 or ECDSA P-256 private key in PKCS#8 DER.
    ///
    /// # Errors
    /// [`Reject::Malformed`] where it is neither.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<SigningKey, Reject> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8) {
            const HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
            let spki = [&HEAD, pair.public_key().as_ref()].concat();
            return Ok(SigningKey { pair: Pair::Ed25519(pair), spki });
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
            .map_err(|_| Reject::Malformed { what: "PKCS#8 key of Ed25519 or ECDSA P-256" })?;
        const HEAD: [u8; 26] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
            0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        let spki = [&HEAD, pair.public_key().as_ref()].concat();
        Ok(SigningKey { pair: Pair::P256(Box::new(pair)), spki })
    }

    /// The public key's subjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of the subjectPublicKeyInfo, by which readers trust it.
    pub fn spki_digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.spki)
    }

    fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Ed25519(_) => Algorithm::EdDSA,
            Pair::P256(_) => Algorithm::ES256,
        }
    }

    /// ECDSA draws its nonce from the system, which aws-lc mixes with the key and the message.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Reject> {
        match &self.pair {
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message);
                Ok(signature.map_err(|_| Reject::Malformed { what: "signing key" })?.as_ref().to_vec())
            }
        }
    }
}

/// What a reader takes.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The kind that it needs.
    pub kind: Kind,
    /// The name that it needs.
    pub name: &'a str,
    /// SHA-256 of the subjectPublicKeyInfo of every signer that counts.
    pub signers: &'a [Sha256Digest],
    /// The highest sequence number seen for this kind and name.
    pub last_seen: Option<u64>,
    /// The time of reading, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
}

/// What an envelope says of itself. Nothing of it is checked: it tells a reader what to ask [`open`] for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peeked {
    /// What it says about its payload.
    pub manifest: Manifest,
    /// SHA-256 of the subjectPublicKeyInfo that travels inside.
    pub signer: Sha256Digest,
}

/// Reads what an envelope says of itself. Its signature may be anybody's, and may not hold.
///
/// # Errors
/// [`Reject::TooLarge`], checked before parsing; [`Reject::Malformed`]; [`Reject::TrailingBytes`];
/// [`Reject::FieldMissing`] without a signer; [`Reject::VersionUnsupported`].
pub fn peek(bytes: &[u8]) -> Result<Peeked, Reject> {
    let (envelope, spki) = take_apart(bytes)?;
    let (manifest, _) = read_content(envelope.payload.as_deref().unwrap_or_default())?;
    Ok(Peeked { manifest, signer: Sha256Digest::of(&spki) })
}

/// A payload whose envelope was checked. [`open`] alone makes it.
#[derive(Debug)]
pub struct Opened {
    manifest: Manifest,
    payload: Vec<u8>,
    signer: Sha256Digest,
    digest: Sha256Digest,
}

impl Opened {
    /// What the signer says about the payload.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// SHA-256 of the signer's subjectPublicKeyInfo.
    pub fn signer(&self) -> Sha256Digest {
        self.signer
    }

    /// SHA-256 of the envelope, for records and for the next edition's `previous`.
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }
}

/// Seals a payload.
///
/// # Errors
/// [`Reject::TooLarge`] for a payload beyond [`limits::PROGRAM_LEN_BYTES_MAX`] or a name beyond 255 bytes.
pub fn seal(manifest: &Manifest, payload: &[u8], key: &SigningKey) -> Result<Vec<u8>, Reject> {
    let what = "envelope";
    let (size, limit) = (payload.len(), limits::PROGRAM_LEN_BYTES_MAX);
    if size > limit {
        return Err(Reject::TooLarge { what, size, limit });
    }
    let (size, limit) = (manifest.name.len(), NAME_LEN_BYTES_MAX);
    if size > limit {
        return Err(Reject::TooLarge { what: "name", size, limit });
    }
    let unsigned = unsigned(manifest, payload, key.algorithm(), &key.spki)?;
    let signature = key.sign(&unsigned.tbs_data(&[]))?;
    encode(CoseSign1 { signature, ..unsigned })
}

/// Opens an envelope: nothing of it counts before everything about it was checked.
///
/// # Errors
/// [`Reject::TooLarge`], checked before parsing; [`Reject::Malformed`]; [`Reject::TrailingBytes`];
/// [`Reject::VersionUnsupported`]; [`Reject::SignerUnknown`]; [`Reject::SignatureInvalid`]; [`Reject::KindMismatch`];
/// [`Reject::FieldMismatch`] for another name; [`Reject::SequenceRollback`]; [`Reject::CreatedLater`] for one made more
/// than [`CLOCK_SKEW_S_MAX`] after now; [`Reject::Stale`].
pub fn open(bytes: &[u8], expected: &Expected<'_>) -> Result<Opened, Reject> {
    let (envelope, spki) = take_apart(bytes)?;
    let signer = Sha256Digest::of(&spki);
    if !expected.signers.contains(&signer) {
        return Err(Reject::SignerUnknown { key: signer });
    }
    check_signature(&envelope, &spki)?;
    let (manifest, payload) = read_content(envelope.payload.as_deref().unwrap_or_default())?;
    let algorithm = algorithm_of(&envelope)?;
    let rebuilt = unsigned(&manifest, &payload, algorithm, &spki)?;
    if encode(CoseSign1 { signature: envelope.signature, ..rebuilt })? != bytes {
        return Err(Reject::Malformed { what: "deterministic encoding" });
    }
    check_manifest(&manifest, expected)?;
    Ok(Opened { manifest, payload, signer, digest: Sha256Digest::of(bytes) })
}

/// The envelope with the subjectPublicKeyInfo of its signer, not yet checked.
fn take_apart(bytes: &[u8]) -> Result<(CoseSign1, Vec<u8>), Reject> {
    let (what, size, limit) = ("envelope", bytes.len(), ENVELOPE_LEN_BYTES_MAX);
    if size > limit {
        return Err(Reject::TooLarge { what, size, limit });
    }
    let value = read_cbor(what, bytes)?;
    if !has_flat_headers(&value) {
        return Err(Reject::Malformed { what });
    }
    let envelope = CoseSign1::from_cbor_value(value).map_err(|_| Reject::Malformed { what })?;
    let spki = signer_spki(&envelope).ok_or(Reject::FieldMissing { field: "signer" })?;
    Ok((envelope, spki))
}

/// Whether no header holds anything but scalars, as ours do not. A countersignature has headers of its own, in which a
/// countersignature may stand, and coset goes down all of them on the stack.
fn has_flat_headers(envelope: &Value) -> bool {
    let is_flat = |header: &Value| match header {
        Value::Map(fields) => fields
            .iter()
            .all(|(_, value)| matches!(value, Value::Integer(_) | Value::Bytes(_) | Value::Text(_))),
        _ => false,
    };
    let Some([Value::Bytes(protected), unprotected, ..]) = envelope.as_array().map(Vec::as_slice) else {
        return false;
    };
    let protected =
        if protected.is_empty() { Ok(Value::Map(Vec::new())) } else { read_cbor("header", protected) };
    protected.is_ok_and(|header| is_flat(&header)) && is_flat(unprotected)
}

fn check_manifest(manifest: &Manifest, expected: &Expected<'_>) -> Result<(), Reject> {
    if manifest.kind != expected.kind {
        return Err(Reject::KindMismatch { expected: expected.kind.name(), found: manifest.kind.name() });
    }
    if manifest.name != expected.name {
        let (expected, found) = (Operand::text(expected.name), Operand::text(&manifest.name));
        return Err(Reject::FieldMismatch { field: "name", expected, found });
    }
    if let Some(last_seen) = expected.last_seen.filter(|last_seen| manifest.sequence < *last_seen) {
        return Err(Reject::SequenceRollback { last_seen, found: manifest.sequence });
    }
    if manifest.created > expected.now.saturating_add(CLOCK_SKEW_S_MAX) {
        return Err(Reject::CreatedLater { created: manifest.created, now: expected.now });
    }
    if expected.now > manifest.stale_after {
        return Err(Reject::Stale { stale_after: manifest.stale_after, now: expected.now });
    }
    Ok(())
}

fn algorithm_of(envelope: &CoseSign1) -> Result<Algorithm, Reject> {
    use coset::RegisteredLabelWithPrivate::Assigned;
    match &envelope.protected.header.alg {
        Some(Assigned(algorithm @ (Algorithm::EdDSA | Algorithm::ES256))) => Ok(*algorithm),
        Some(Assigned(other)) => Err(Reject::AlgorithmUnsupported { found: Operand::Number(*other as i128) }),
        _ => Err(Reject::AlgorithmUnsupported { found: Operand::Absent }),
    }
}

fn check_signature(envelope: &CoseSign1, spki: &[u8]) -> Result<(), Reject> {
    let message = envelope.tbs_data(&[]);
    match algorithm_of(envelope)? {
        Algorithm::ES256 => {
            let scheme = Scheme::Ecdsa(crate::crypto::Hash::Sha256);
            let invalid = Reject::SignatureInvalid { scheme: scheme.name(), key: Sha256Digest::of(spki) };
            let signature = ecdsa_der_of_fixed(&envelope.signature, 32).ok_or(invalid)?;
            verify_signature(spki, scheme, Strength::Current, &message, &signature)
        }
        _ => verify_signature(spki, Scheme::Ed25519, Strength::Current, &message, &envelope.signature),
    }
}

fn signer_spki(envelope: &CoseSign1) -> Option<Vec<u8>> {
    let header = &envelope.protected.header;
    match header.rest.iter().find(|(label, _)| *label == Label::Int(SPKI_LABEL)) {
        Some((_, Value::Bytes(spki))) => Some(spki.clone()),
        _ => None,
    }
}

fn unsigned(
    manifest: &Manifest,
    payload: &[u8],
    algorithm: Algorithm,
    spki: &[u8],
) -> Result<CoseSign1, Reject> {
    let field = |label: u64, value: Value| (Value::from(label), value);
    let previous = manifest.previous.map_or(Value::Null, |digest| Value::Bytes(digest.0.to_vec()));
    let manifest = Value::Map(vec![
        field(1, Value::Text(manifest.kind.name().to_owned())),
        field(2, Value::Text(manifest.name.clone())),
        field(3, Value::from(manifest.sequence)),
        field(4, previous),
        field(5, Value::from(manifest.created)),
        field(6, Value::from(manifest.stale_after)),
    ]);
    let content = Value::Array(vec![Value::from(VERSION), manifest, Value::Bytes(payload.to_vec())]);
    let mut bytes = Vec::new();
    coset::cbor::into_writer(&content, &mut bytes).map_err(|_| Reject::Malformed { what: "manifest" })?;
    let protected = HeaderBuilder::new().algorithm(algorithm).value(SPKI_LABEL, Value::Bytes(spki.to_vec()));
    Ok(CoseSign1Builder::new().protected(protected.build()).payload(bytes).build())
}

fn encode(envelope: CoseSign1) -> Result<Vec<u8>, Reject> {
    envelope.to_vec().map_err(|_| Reject::Malformed { what: "envelope" })
}

fn read_content(bytes: &[u8]) -> Result<(Manifest, Vec<u8>), Reject> {
    let what = "manifest";
    let malformed = || Reject::Malformed { what };
    let Value::Array(content) = read_cbor(what, bytes)? else { return Err(malformed()) };
    let [Value::Integer(version), manifest, payload] = content.as_slice() else { return Err(malformed()) };
    let version = u64::try_from(*version).map_err(|_| malformed())?;
    if version != VERSION {
        return Err(Reject::VersionUnsupported { supported: VERSION, found: version });
    }
    let (Value::Map(fields), Value::Bytes(payload)) = (manifest, payload) else { return Err(malformed()) };
    let values: Vec<&Value> = fields.iter().map(|(_, value)| value).collect();
    let [
        Value::Text(kind),
        Value::Text(name),
        Value::Integer(sequence),
        previous,
        Value::Integer(created),
        Value::Integer(stale_after),
    ] = values.as_slice()
    else {
        return Err(malformed());
    };
    let previous = match previous {
        Value::Null => None,
        Value::Bytes(digest) => {
            Some(Sha256Digest(<[u8; 32]>::try_from(digest.as_slice()).map_err(|_| malformed())?))
        }
        _ => return Err(malformed()),
    };
    let manifest = Manifest {
        kind: Kind::ALL.into_iter().find(|known| known.name() == kind).ok_or_else(malformed)?,
        name: name.clone(),
        sequence: u64::try_from(*sequence).map_err(|_| malformed())?,
        previous,
        created: i64::try_from(*created).map_err(|_| malformed())?,
        stale_after: i64::try_from(*stale_after).map_err(|_| malformed())?,
    };
    Ok((manifest, payload.clone()))
}

fn read_cbor(what: &'static str, mut bytes: &[u8]) -> Result<Value, Reject> {
    let value = coset::cbor::de::from_reader_with_recursion_limit(&mut bytes, NESTING_MAX)
        .map_err(|_| Reject::Malformed { what })?;
    if bytes.is_empty() { Ok(value) } else { Err(Reject::TrailingBytes { what, extra_bytes: bytes.len() }) }
}
