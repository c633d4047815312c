//! PKCS#10 certification requests: proof of possession, the key, and what the requester asks for and carries.
use crate::certificate::{self, Extension};
use crate::crypto::Sha256Digest;
use crate::crypto::{KeyKind, PublicKey, Scheme, Strength, verify_signature};
use crate::der::{self, Element};
use crate::pem;
use crate::reject::Reject;
use pkic_vocab::words::Words;
use pkic_vocab::{Grade, Value, limits};
use std::sync::OnceLock;

/// `extensionRequest` (RFC 2985 section 5.4.2).
const EXTENSION_REQUEST: &str = "1.2.840.113549.1.9.14";
/// `challengePassword` (RFC 2985 section 5.4.1).
const CHALLENGE_PASSWORD: &str = "1.2.840.113549.1.9.7";
/// Attributes and extensions of one request: the largest sample carries six.
const ATTRIBUTES_MAX: usize = 64;

/// An attribute of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its type, in dotted form.
    pub oid: String,
    /// Its values, each as it stands.
    pub values: Vec<Vec<u8>>,
}

/// A certification request. Everything in it is the requester's claim, but for [`Self::is_possession_proven`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificationRequest {
    /// The bytes that it came in.
    file: Vec<u8>,
    der: Vec<u8>,
    spki: Vec<u8>,
    subject: Vec<u8>,
    attributes: Vec<Attribute>,
    extensions: Vec<Extension>,
    proof: Proof,
}

/// Whether the signature holds, once somebody has asked: it follows from the request's bytes alone.
#[derive(Debug, Clone, Default)]
struct Proof(OnceLock<bool>);

impl PartialEq for Proof {
    fn eq(&self, _: &Proof) -> bool {
        true
    }
}

impl Eq for Proof {}

/// What a request carries against replay.
#[derive(Debug)]
pub(crate) struct Challenges(Vec<Vec<u8>>);

impl Challenges {
    /// Whether this nonce is among them, as bytes or in hexadecimal digits.
    pub(crate) fn contain(&self, nonce: &[u8]) -> bool {
        let halves = nonce.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
        let digits = halves.filter_map(|half| char::from_digit(half.into(), 16));
        let is_hex = |text: &[u8]| text.iter().map(|digit| char::from(*digit)).eq(digits.clone());
        !nonce.is_empty() && self.0.iter().any(|text| *text == nonce || is_hex(text))
    }
}

impl CertificationRequest {
    /// Reads a request in PEM or DER.
    ///
    /// A signature that does not verify is no error here: [`Self::is_possession_proven`] tells, and checks it then.
    ///
    /// # Errors
    /// [`Reject::TooLarge`] beyond [`limits::CSR_LEN_BYTES_MAX`], checked first; [`Reject::Malformed`];
    /// [`Reject::TrailingBytes`]; [`Reject::FieldRepeated`] for an attribute or extension that stands twice.
    pub fn from_bytes(bytes: &[u8]) -> Result<CertificationRequest, Reject> {
        let der = der_of(bytes)?;
        let Parts { subject, spki, attributes, .. } = Parts::of(&der)?;
        let attributes = read_attributes(attributes)?;
        Ok(CertificationRequest {
            file: bytes.to_vec(),
            spki: spki.raw.to_vec(),
            subject: subject.raw.to_vec(),
            extensions: requested_extensions(&attributes)?,
            attributes,
            proof: Proof::default(),
            der,
        })
    }

    /// Whether a file, in PEM or DER, is this very request.
    pub fn is_in(&self, file: &[u8]) -> bool {
        file == self.file || der_of(file).is_ok_and(|der| der == self.der)
    }

    /// The request in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The subjectPublicKeyInfo, as it stands.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The subject name that is asked for, as it stands.
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// Whether the request is signed with the private key of its own public key. The signature is checked once.
    pub fn is_possession_proven(&self) -> bool {
        *self.proof.0.get_or_init(|| self.check_signature().is_ok())
    }

    fn check_signature(&self) -> Result<(), Reject> {
        let Parts { info, algorithm, signature, .. } = Parts::of(&self.der)?;
        let scheme = Scheme::from_algorithm_identifier(algorithm.raw)?;
        verify_signature(&self.spki, scheme, Strength::Current, info.raw, signature)
    }

    /// All attributes, in their order.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// The attribute of that type, in dotted form.
    pub fn attribute(&self, oid: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.oid == oid)
    }

    /// The extensions that are asked for, in their order.
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// The extension asked for with that object identifier, in dotted form.
    pub fn extension(&self, oid: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.oid == oid)
    }

    /// Whether the signed request carries this nonce as its challengePassword, as bytes or in hexadecimal digits.
    pub fn carries_nonce(&self, nonce: &[u8]) -> bool {
        self.challenges().contain(nonce)
    }

    /// The challengePasswords of a request whose signature holds.
    pub(crate) fn challenges(&self) -> Challenges {
        let values = self.attribute(CHALLENGE_PASSWORD).filter(|_| self.is_possession_proven());
        let values = values.map_or(&[][..], |attribute| &attribute.values);
        let read = values.iter().filter_map(|value| der::read("challengePassword", value).ok());
        Challenges(read.filter(|(_, rest)| rest.is_empty()).map(|(text, _)| text.content.to_vec()).collect())
    }

    /// Says the facts of the request: path, value, and the grade that reading a request can give.
    pub(crate) fn describe(
        &self,
        mut say: impl FnMut(&'static str, Value, Grade) -> Result<(), Reject>,
    ) -> Result<(), Reject> {
        let digest = Sha256Digest::of(&self.spki);
        say("request.proof-of-possession", Value::Bool(self.is_possession_proven()), Grade::Observed)?;
        say("request.public-key", Value::Bytes(digest.0.to_vec()), Grade::Claimed)?;
        let Ok(key) = PublicKey::from_spki(&self.spki) else { return Ok(()) };
        let Ok(bits) = key.bits() else { return Ok(()) };
        let Some((algorithm, strength)) = algorithm_of(key.kind, bits) else { return Ok(()) };
        if let Some(word) = Words::Algorithm.word(algorithm) {
            say("key.algorithm", Value::Word(word), Grade::Claimed)?;
        }
        if matches!(key.kind, KeyKind::Rsa | KeyKind::P256 | KeyKind::P384 | KeyKind::P521) {
            let bits = i64::try_from(bits).map_err(|_| Reject::ValueUnfit { path: "key.size" })?;
            say("key.size", Value::Int(bits), Grade::Claimed)?;
        }
        say("key.strength", Value::Int(strength), Grade::Claimed)
    }
}

/// A request, taken apart. Nothing is checked.
struct Parts<'a> {
    info: Element<'a>,
    subject: Element<'a>,
    spki: Element<'a>,
    attributes: &'a [u8],
    algorithm: Element<'a>,
    signature: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(raw: &'a [u8]) -> Result<Parts<'a>, Reject> {
        let what = "CertificationRequest";
        let body = der::only(what, der::SEQUENCE, raw)?;
        let (info, rest) = der::read("certificationRequestInfo", body)?;
        let (algorithm, rest) = der::read("signatureAlgorithm", rest)?;
        let signature = match der::only("signature", der::BIT_STRING, rest)?.split_first() {
            Some((0, octets)) => octets,
            _ => return Err(Reject::Malformed { what }),
        };
        let fields = der::elements(what, der::only(what, der::SEQUENCE, info.raw)?, 4)?;
        let (subject, spki, attributes) = match fields.as_slice() {
            [version, subject, spki] if version.raw == [2, 1, 0] => (*subject, *spki, [].as_slice()),
            [version, subject, spki, attributes] if version.raw == [2, 1, 0] && attributes.tag == 0xa0 => {
                (*subject, *spki, attributes.content)
            }
            _ => return Err(Reject::Malformed { what }),
        };
        Ok(Parts { info, subject, spki, attributes, algorithm, signature })
    }
}

/// The subjectPublicKeyInfo of a request in PEM or DER that only says which key is meant: its signature is not checked,
/// its attributes are not read, and so it proves nothing.
///
/// # Errors
/// [`Reject::TooLarge`] beyond [`limits::CSR_LEN_BYTES_MAX`]; [`Reject::Malformed`], [`Reject::TrailingBytes`].
pub fn named_key(bytes: &[u8]) -> Result<Vec<u8>, Reject> {
    Ok(Parts::of(&der_of(bytes)?)?.spki.raw.to_vec())
}

/// The DER of a request in PEM or DER, not yet read.
///
/// # Errors
/// [`Reject::TooLarge`] beyond [`limits::CSR_LEN_BYTES_MAX`]; [`Reject::Malformed`] where it is neither, or PEM with more
/// than one block.
fn der_of(bytes: &[u8]) -> Result<Vec<u8>, Reject> {
    let (what, limit) = ("CertificationRequest", limits::CSR_LEN_BYTES_MAX);
    if bytes.len() > limit {
        return Err(Reject::TooLarge { what, size: bytes.len(), limit });
    }
    if bytes.first() == Some(&0x30) {
        return Ok(bytes.to_vec());
    }
    pem::only(what, bytes, |label| label.ends_with("CERTIFICATE REQUEST"))
}

/// The algorithm's word and its bits of security. Source: NIST SP 800-57 part 1 rev. 5, table 2; FIPS 204 table 1. The keys of some
/// modules' own signatures have none: nobody asks for certificates for them.
fn algorithm_of(kind: KeyKind, bits: usize) -> Option<(&'static str, i64)> {
    Some(match (kind, bits) {
        (KeyKind::Rsa, 1024) => ("rsa-1024", 80),
        (KeyKind::Rsa, 2048) => ("rsa-2048", 112),
        (KeyKind::Rsa, 3072) => ("rsa-3072", 128),
        (KeyKind::Rsa, 4096) => ("rsa-4096", 128),
        (KeyKind::Rsa, 15360..) => ("rsa-other", 256),
        (KeyKind::Rsa, 7680..) => ("rsa-other", 192),
        (KeyKind::Rsa, 3072..) => ("rsa-other", 128),
        (KeyKind::Rsa, 2048..) => ("rsa-other", 112),
        (KeyKind::Rsa, 1024..) => ("rsa-other", 80),
        (KeyKind::Rsa, _) => ("rsa-other", 0),
        (KeyKind::P256, _) => ("ecdsa-p256", 128),
        (KeyKind::P384, _) => ("ecdsa-p384", 192),
        (KeyKind::P521, _) => ("ecdsa-p521", 256),
        (KeyKind::Ed25519, _) => ("ed25519", 128),
        (KeyKind::MlDsa44, _) => ("ml-dsa-44", 128),
        (KeyKind::MlDsa65, _) => ("ml-dsa-65", 192),
        (KeyKind::MlDsa87, _) => ("ml-dsa-87", 256),
        (KeyKind::Dsa | KeyKind::HssLms, _) => return None,
    })
}

fn read_attributes(content: &[u8]) -> Result<Vec<Attribute>, Reject> {
    let what = "attributes";
    let mut found: Vec<Attribute> = Vec::new();
    for element in der::elements(what, content, ATTRIBUTES_MAX)? {
        let body = der::only(what, der::SEQUENCE, element.raw)?;
        let (oid, values) = der::expect(what, der::OBJECT_IDENTIFIER, body)?;
        let oid = der::oid_text(oid).ok_or(Reject::Malformed { what })?;
        if found.iter().any(|seen| seen.oid == oid) {
            return Err(Reject::FieldRepeated { field: "attribute" });
        }
        let values = der::elements(what, der::only(what, der::SET, values)?, ATTRIBUTES_MAX)?;
        found.push(Attribute { oid, values: values.iter().map(|value| value.raw.to_vec()).collect() });
    }
    Ok(found)
}

fn requested_extensions(attributes: &[Attribute]) -> Result<Vec<Extension>, Reject> {
    let what = "extensionRequest";
    let Some(attribute) = attributes.iter().find(|attribute| attribute.oid == EXTENSION_REQUEST) else {
        return Ok(Vec::new());
    };
    let [value] = attribute.values.as_slice() else { return Err(Reject::FieldRepeated { field: what }) };
    certificate::extensions(what, value, ATTRIBUTES_MAX)
}
