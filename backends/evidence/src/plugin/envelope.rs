//! The envelopes that a sandboxed format's payload may come in, opened and verified here.
//!
//! In a certificate the payload is the tbsCertificate, and the attested key is the certificate's. In every other envelope
//! the payload is what the signer signed, and the attested key is the one that it confirms: the claim `cnf` of a CBOR or
//! JSON map (RFC 8747, RFC 7800). A payload of another kind, or without that claim, is about no key, so that it serves no
//! request. The nonce is the claim `eat_nonce` (RFC 9711). The signer stands in further parts of the item: its certificate
//! with those above it, or its bare key where that is enrolled. A certificate inside the message is not looked at.
//!
//! Source: RFC 5280; RFC 9052; RFC 7515; RFC 5652, section 5.
use crate::appraise::{Input, NotVerified};
use crate::cms::SignedData;
use crate::jose::{self, Jws};
use crate::spki::public_key_of;
use crate::x509::{certificates, certificates_of, one, path_through};
use crate::{cose, eat};
use ciborium::Value as Cbor;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Hash, KeyKind, PublicKey, Scheme, Strength};
use pkic_facts::der;
use pkic_facts::facts::Payload;
use pkic_facts::path::{CaBit, PathProfile};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{HashOf, SignedBytes, TrustedKey, Verified, mint};

/// An envelope, with what tells the items of one format from those of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Envelope {
    /// An X.509 certificate with this extension; one alone of the item's certificates has it.
    Certificate {
        /// The extension, in dotted form.
        extension: String,
        /// Whether its issuers may lack basicConstraints, as on some devices.
        may_lack_ca_bit: bool,
    },
    /// A COSE_Sign1 whose protected header has this content type (label 3).
    CoseSign1 {
        /// The media type.
        content_type: String,
    },
    /// A JWS in compact form with this `typ`.
    Jws {
        /// The type.
        typ: String,
    },
    /// A CMS SignedData with one signer and this eContentType.
    Cms {
        /// The content type, in dotted form.
        content_type: String,
    },
    /// Bytes that begin so, with a detached signature in the second part.
    Detached {
        /// What the bytes begin with.
        prefix: Vec<u8>,
    },
}

/// Four as the longest of our own formats has below the root, and the leaf.
const PROFILE: PathProfile = PathProfile::strict(super::NAME, 5);

const MESSAGE: &str = "message";
/// contentType and messageDigest (RFC 5652 section 11).
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
/// Attributes that one signer signs: CAdES defines about twenty.
const ATTRIBUTES_MAX: usize = 32;
/// `[0]` constructed.
const EXPLICIT_0: u32 = 0xa0;

impl Envelope {
    /// The word for this kind of envelope.
    pub const fn name(&self) -> &'static str {
        match self {
            Envelope::Certificate { .. } => "certificate",
            Envelope::CoseSign1 { .. } => "cose-sign1",
            Envelope::Jws { .. } => "jws",
            Envelope::Cms { .. } => "cms",
            Envelope::Detached { .. } => "detached",
        }
    }

    /// Whether the item looks like such an envelope. It never refuses.
    pub fn is_present(&self, input: &Input<'_>) -> bool {
        let bytes = input.evidence.bytes();
        match self {
            Envelope::Certificate { extension, .. } => certificates(input)
                .is_ok_and(|found| found.iter().any(|one| one.tbs().extension(extension).is_some())),
            Envelope::CoseSign1 { content_type } => {
                cose::may_be_message(bytes)
                    && cose::Sign1::read(MESSAGE, bytes).is_ok_and(|message| {
                        message.protected(3).and_then(Cbor::as_text) == Some(content_type.as_str())
                    })
            }
            Envelope::Jws { typ } => {
                bytes.starts_with(b"ey")
                    && Jws::read(MESSAGE, bytes).is_ok_and(|message| {
                        message.header().get("typ").and_then(serde_json::Value::as_str) == Some(typ)
                    })
            }
            Envelope::Cms { content_type } => {
                SignedData::is_at(bytes)
                    && SignedData::read(bytes).is_ok_and(|message| message.is_of(content_type))
            }
            Envelope::Detached { prefix } => bytes.starts_with(prefix) && input.evidence.parts().len() > 1,
        }
    }

    /// Opens the envelope and verifies it.
    ///
    /// # Errors
    /// [`NotVerified::Unproven`] where nobody stands for the signer; else the refusal.
    pub(super) fn open(&self, input: &Input<'_>) -> Result<Verified<Payload>, NotVerified> {
        let bytes = input.evidence.bytes();
        match self {
            Envelope::Certificate { extension, may_lack_ca_bit } => {
                Ok(of_certificate(input, extension, *may_lack_ca_bit)?)
            }
            Envelope::CoseSign1 { .. } => {
                let message = cose::Sign1::read(MESSAGE, bytes)?;
                let key = signer(input, 1)?;
                Ok(mint(&message.signed(MESSAGE)?, &key, Strength::Current, |signed| {
                    claims(&cose::payload_of(MESSAGE, signed)?)
                })?)
            }
            Envelope::Jws { .. } => {
                let message = Jws::read(MESSAGE, bytes)?;
                let key = signer(input, 1)?;
                Ok(mint(message.signed(), &key, Strength::Current, |signed| {
                    claims(&jose::payload_of(MESSAGE, signed)?)
                })?)
            }
            Envelope::Cms { content_type } => of_cms(input, content_type),
            Envelope::Detached { .. } => {
                let key = signer(input, 2)?;
                let signature = input.evidence.parts().get(1).cloned();
                let signature = signature.ok_or(Reject::FieldMissing { field: "signature" })?;
                let signed = SignedBytes {
                    what: "payload",
                    message: bytes.to_vec(),
                    scheme: scheme_of(key.spki())?,
                    signature,
                };
                Ok(mint(&signed, &key, Strength::Current, claims)?)
            }
        }
    }
}

/// The payload of bytes that may be a map of claims.
fn claims(bytes: &[u8]) -> Result<Payload, Reject> {
    eat::payload_of(bytes)
}

/// The one certificate with the extension, reached from an anchor.
fn of_certificate(
    input: &Input<'_>,
    extension: &str,
    may_lack_ca_bit: bool,
) -> Result<Verified<Payload>, Reject> {
    let has = |certificate: &Certificate| certificate.tbs().extension(extension).is_some();
    let (leaves, others): (Vec<_>, Vec<_>) = certificates(input)?.into_iter().partition(has);
    let leaf = one(leaves, "certificate with the extension")?;
    let ca_bit = if may_lack_ca_bit { CaBit::AbsentTolerated } else { CaBit::Required };
    let path = path_through(input, &leaf, &others, &PathProfile { ca_bit, ..PROFILE })?;
    path.decode_leaf(|tbs| {
        let key = Some(tbs.spki().to_vec());
        Ok(Payload { bytes: tbs.raw().to_vec(), key, ..Payload::default() })
    })
}

/// The signer that the parts of the item from `from` on stand for: an enrolled key, or a certificate with its issuers.
fn signer(input: &Input<'_>, from: usize) -> Result<TrustedKey, NotVerified> {
    let parts: Vec<&[u8]> = input.evidence.parts().iter().skip(from).map(Vec::as_slice).collect();
    if parts.is_empty() {
        return Err(NotVerified::Unproven(Reject::FieldMissing { field: "signer's certificate or key" }));
    }
    if let [file] = parts.as_slice()
        && let Some(spki) = public_key_of(file)
    {
        let key = TrustedKey::enrolled(input.anchors, &spki, super::NAME, input.evidence, input.now);
        return key.map_err(NotVerified::Unproven);
    }
    let mut found = certificates_of(&parts)?.into_iter();
    let leaf = found.next().ok_or(Reject::FieldMissing { field: "signer's certificate" })?;
    let others: Vec<Certificate> = found.collect();
    Ok(TrustedKey::of_path(&path_through(input, &leaf, &others, &PROFILE)?))
}

/// What a key signs with where nothing says the algorithm: one for each kind of key.
fn scheme_of(spki: &[u8]) -> Result<Scheme, Reject> {
    match PublicKey::from_spki(spki)?.kind {
        KeyKind::P256 => Ok(Scheme::Ecdsa(Hash::Sha256)),
        KeyKind::P384 => Ok(Scheme::Ecdsa(Hash::Sha384)),
        KeyKind::P521 => Ok(Scheme::Ecdsa(Hash::Sha512)),
        KeyKind::Rsa => Ok(Scheme::RsaPkcs1(Hash::Sha256)),
        KeyKind::Ed25519 => Ok(Scheme::Ed25519),
        KeyKind::MlDsa44 => Ok(Scheme::MlDsa44),
        KeyKind::MlDsa65 => Ok(Scheme::MlDsa65),
        KeyKind::MlDsa87 => Ok(Scheme::MlDsa87),
        KeyKind::Dsa | KeyKind::HssLms => {
            Err(Reject::AlgorithmUnsupported { found: Operand::Word("no algorithm of a detached signature") })
        }
    }
}

/// A SignedData whose one signer signed attributes with the content's digest. Without them it would be open whether
/// bytes were signed as content or as attributes, so they must be there.
fn of_cms(input: &Input<'_>, content_type: &str) -> Result<Verified<Payload>, NotVerified> {
    let malformed = Reject::Malformed { what: "SignerInfo" };
    let message = SignedData::read(input.evidence.bytes())?;
    let content = message.content.ok_or(Reject::FieldMissing { field: "eContent" })?;
    let key = signer(input, 1)?;
    let fields = der::elements("SignerInfo", one(message.signers, "SignerInfo")?, 7)?;
    let [_, _, _, attributes, algorithm, signature, ..] = fields.as_slice() else {
        return Err(malformed.into());
    };
    if attributes.tag != EXPLICIT_0 {
        return Err(Reject::FieldMissing { field: "signedAttrs" }.into());
    }
    if (algorithm.tag, signature.tag) != (der::SEQUENCE, der::OCTET_STRING) {
        return Err(malformed.into());
    }
    // What is signed has the tag of a SET, not that of the field (RFC 5652 section 5.4).
    let tail = attributes.raw.get(1..).unwrap_or_default();
    let signed = SignedBytes {
        what: "SignedAttributes",
        message: [&[0x31], tail].concat(),
        scheme: cms_scheme(algorithm.raw, key.spki())?,
        signature: signature.content.to_vec(),
    };
    let attributes = mint(&signed, &key, Strength::Current, Attributes::read)?;
    if attributes.value().content_type != content_type {
        let (expected, found) =
            (Operand::Oid(content_type.to_owned()), Operand::Oid(attributes.value().content_type.clone()));
        return Err(Reject::FieldMismatch { field: "contentType", expected, found }.into());
    }
    Ok(attributes.preimage(Attributes::digest_of, content, claims)?)
}

/// An RSA key's algorithm may be named without a hash function (RFC 3370 section 3.2): that of [`scheme_of`] counts then.
fn cms_scheme(algorithm: &[u8], spki: &[u8]) -> Result<Scheme, Reject> {
    const RSA_ENCRYPTION: &str = "1.2.840.113549.1.1.1";
    let what = "signatureAlgorithm";
    let (oid, _) = der::expect(what, der::OBJECT_IDENTIFIER, der::only(what, der::SEQUENCE, algorithm)?)?;
    match der::oid_text(oid).as_deref() {
        Some(RSA_ENCRYPTION) => scheme_of(spki),
        _ => Scheme::from_algorithm_identifier(algorithm),
    }
}

/// The attributes that say what was signed.
struct Attributes {
    content_type: String,
    digest: Vec<u8>,
}

impl Attributes {
    fn read(set: &[u8]) -> Result<Self, Reject> {
        let what = "signedAttrs";
        let (mut kinds, mut digests) = (Vec::new(), Vec::new());
        for attribute in der::elements(what, der::only(what, der::SET, set)?, ATTRIBUTES_MAX)? {
            let (oid, values) = der::expect(what, der::OBJECT_IDENTIFIER, attribute.content)?;
            let values = der::only(what, der::SET, values)?;
            match der::oid_text(oid).as_deref() {
                Some(CONTENT_TYPE) => {
                    let oid = der::oid_text(der::only(what, der::OBJECT_IDENTIFIER, values)?);
                    kinds.push(oid.ok_or(Reject::Malformed { what })?);
                }
                Some(MESSAGE_DIGEST) => digests.push(der::only(what, der::OCTET_STRING, values)?.to_vec()),
                _ => {}
            }
        }
        Ok(Self { content_type: one(kinds, "contentType")?, digest: one(digests, "messageDigest")? })
    }

    /// No other function of pkic's has digests of that length.
    fn digest_of(&self) -> Result<HashOf, Reject> {
        let hash = match self.digest.len() {
            32 => Hash::Sha256,
            48 => Hash::Sha384,
            64 => Hash::Sha512,
            _ => return Err(Reject::Malformed { what: "messageDigest" }),
        };
        Ok(HashOf { what: "eContent", hash, digest: self.digest.clone() })
    }
}
