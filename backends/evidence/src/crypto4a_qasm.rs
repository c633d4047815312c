//! Crypto4A QASM attestation: claims about a module and a key, in DER, signed by two keys of the module.
//!
//! A claim is a predicate, for most the UUID of the object that it is about, and a value. The module checks each before
//! it signs, and one that does not hold is not there: an absent claim is unknown. The same claims are signed with ECDSA
//! on P-384 and with HSS, and both keys are certified by Crypto4A. Both signatures are asked for here, though tools can
//! make messages with one: a message that rests on ECDSA alone would not be worth what the format promises.
//!
//! It proves what is claimed of the key, `key-is-confined` above all: generated there, and never to leave. It proves no
//! certification, and no mode where the claim of it is missing. There is no nonce: the time is the module's own. A
//! message about several keys is refused, for which of them counts is not the message's to say.
//!
//! Pitfall: the published page has other object identifiers than the messages (`6.1.1.N` for `6.1.N`).
//! Source: Crypto4A, C4A-302-0043 "Attestation in QASM"; PKI Consortium, Remote Key Attestation, Crypto4A QASM.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Hash, Scheme, Strength};
use pkic_facts::der;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{KeyPurpose, PathInput, PathProfile, verify_path};
use pkic_facts::pem;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{SignedBytes, TrustedKey, Verified, join, mint};
use pkic_vocab::Value;
use pkic_vocab::words::Words;
use std::borrow::Cow;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Crypto4A C4A-302-0043",
    proves: "claims of a QASM about a key, signed twice",
    leaves_open: "what is not claimed",
    unsigned: "certificates beside the claims; the order of the two signatures",
    detect: is_present,
    appraise,
};

const NAME: &str = "crypto4a-qasm";
const WHAT: &str = "attestation message";

/// Content octets of 1.3.6.1.4.1.39901.6, under which all predicates stand.
const CLAIM_ARC: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0xb7, 0x5d, 6];
const QASM_SERIAL: [u8; 2] = [1, 1];
const ATTESTATION_TIME: [u8; 2] = [1, 2];
const QASM_FIRMWARE_VERSION: [u8; 2] = [1, 3];
const QASM_CERTIFIED_PRODUCTION: [u8; 2] = [1, 4];
const QASM_IS_IN_FIPS_MODE: [u8; 2] = [1, 5];
const ATTESTATION_KEYS_ARE_UNIQUE: [u8; 2] = [2, 0];
const KEY_SPKI: [u8; 2] = [2, 1];
const OBJECT_CLASS: [u8; 2] = [2, 4];
const KEY_IS_CONFINED: [u8; 2] = [2, 7];
const KEY_IS_HARDWARE_GENERATED: [u8; 2] = [2, 8];
/// `private-key`.
const CLASS_PRIVATE_KEY: i64 = 4;

/// Claims of one message: the sample has fourteen.
const CLAIMS_MAX: usize = 256;
/// Certificates beside those of the signers: the sample has two.
const CERTIFICATES_MAX: usize = 8;
/// `id-alg-hss-lms-hashsig` (RFC 9708).
const HSS_LMS: &str = "1.2.840.113549.1.9.16.3.17";

/// Signer, subordinate authority, root; both signers are certified for attestation and no more.
const PROFILE: PathProfile = PathProfile {
    key_purpose: KeyPurpose::Required("1.3.6.1.4.1.39901.4.1.1"),
    ..PathProfile::strict(NAME, 3)
};

fn is_present(input: &Input<'_>) -> bool {
    let is_claim = |bytes: &[u8]| {
        let message = Message::read(bytes).ok()?;
        let (_, claims) =
            der::expect(WHAT, der::INTEGER, der::only(WHAT, der::SEQUENCE, message.claims).ok()?).ok()?;
        let (claim, _) =
            der::expect(WHAT, der::SEQUENCE, der::only(WHAT, der::SEQUENCE, claims).ok()?).ok()?;
        let (oid, _) = der::expect(WHAT, der::OBJECT_IDENTIFIER, claim).ok()?;
        Some(oid.starts_with(CLAIM_ARC))
    };
    message_bytes(input).and_then(|bytes| is_claim(&bytes)).unwrap_or(false)
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let bytes = message_bytes(input).ok_or(Reject::Malformed { what: WHAT })?;
    let message = Message::read(&bytes)?;
    let by_ecdsa = verify(input, &message, Scheme::Ecdsa(Hash::Sha384))?;
    let by_hss = verify(input, &message, Scheme::HssLms)?;
    let statement = join(&by_ecdsa, &by_hss, |claims, _| claims.statement())?;
    input.conclude(&statement)
}

/// The message in DER: as it came, or from PEM.
fn message_bytes<'a>(input: &Input<'a>) -> Option<Cow<'a, [u8]>> {
    let [bytes] = input.evidence.parts() else { return None };
    if bytes.first() == Some(&0x30) {
        return Some(Cow::Borrowed(bytes));
    }
    pem::only(WHAT, bytes, |label| label == "ATTESTATION MESSAGE").ok().map(Cow::Owned)
}

/// Checks the one signature of that scheme, made by a key that Crypto4A certifies.
fn verify(input: &Input<'_>, message: &Message<'_>, scheme: Scheme) -> Result<Verified<Claims>, Reject> {
    let mut blocks = message.blocks.iter().filter(|block| block.scheme == scheme);
    let block = match (blocks.next(), blocks.next()) {
        (Some(block), None) => block,
        (None, _) => return Err(Reject::FieldMissing { field: scheme.name() }),
        (Some(_), Some(_)) => return Err(Reject::FieldRepeated { field: scheme.name() }),
    };
    let path = verify_path(&PathInput {
        evidence: input.evidence,
        leaf: &block.signer,
        carried: &message.certificates,
        anchors: input.anchors,
        profile: &PROFILE,
        now: input.now,
    })?;
    let signed = SignedBytes {
        what: "QASM claims",
        message: message.claims.to_vec(),
        scheme,
        signature: block.signature.to_vec(),
    };
    mint(&signed, &TrustedKey::of_path(&path), Strength::Current, Claims::decode)
}

/// A message, taken apart. Nothing is checked.
struct Message<'a> {
    /// The claims as they were signed.
    claims: &'a [u8],
    blocks: Vec<SignatureBlock<'a>>,
    certificates: Vec<Certificate>,
}

struct SignatureBlock<'a> {
    signer: Certificate,
    scheme: Scheme,
    signature: &'a [u8],
}

impl<'a> Message<'a> {
    /// `SEQUENCE { version, claims, SEQUENCE OF SignatureBlock, [0] IMPLICIT SEQUENCE OF Certificate OPTIONAL }`.
    fn read(bytes: &'a [u8]) -> Result<Self, Reject> {
        let malformed = Reject::Malformed { what: WHAT };
        let fields = der::elements(WHAT, der::only(WHAT, der::SEQUENCE, bytes)?, 4)?;
        let (claims, blocks, certificates) = match fields.as_slice() {
            [version, claims, blocks] if version.raw == [2, 1, 1] => (claims, blocks, None),
            [version, claims, blocks, certificates]
                if version.raw == [2, 1, 1] && certificates.tag == 0xa0 =>
            {
                (claims, blocks, Some(certificates))
            }
            _ => return Err(malformed),
        };
        let content = certificates.map(|certificates| certificates.content).unwrap_or_default();
        let certificates = der::elements(WHAT, content, CERTIFICATES_MAX)?;
        let blocks = der::elements(WHAT, der::only(WHAT, der::SEQUENCE, blocks.raw)?, 2)?;
        Ok(Self {
            claims: claims.raw,
            blocks: blocks.iter().map(|block| SignatureBlock::read(block.raw)).collect::<Result<_, _>>()?,
            certificates: certificates
                .iter()
                .map(|certificate| Certificate::from_der(certificate.raw))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl<'a> SignatureBlock<'a> {
    /// `SEQUENCE { signer SEQUENCE { [0] key identifier, [2] certificate }, AlgorithmIdentifier, BIT STRING }`.
    fn read(raw: &'a [u8]) -> Result<Self, Reject> {
        let (what, malformed) = ("SignatureBlock", Reject::Malformed { what: "SignatureBlock" });
        let fields = der::elements(what, der::only(what, der::SEQUENCE, raw)?, 3)?;
        let [signer, algorithm, signature] = fields.as_slice() else { return Err(malformed) };
        let identifiers = der::elements(what, der::only(what, der::SEQUENCE, signer.raw)?, 3)?;
        let certificate = identifiers.iter().find(|identifier| identifier.tag == 0xa2);
        let certificate = certificate.ok_or(Reject::FieldMissing { field: "certificate of the signer" })?;
        let Some((0, signature)) = der::only(what, der::BIT_STRING, signature.raw)?.split_first() else {
            return Err(malformed);
        };
        let signer = Certificate::from_der(certificate.content)?;
        Ok(Self { signer, scheme: scheme(algorithm.raw)?, signature })
    }
}

fn scheme(algorithm: &[u8]) -> Result<Scheme, Reject> {
    let (oid, rest) = der::expect(WHAT, der::OBJECT_IDENTIFIER, der::only(WHAT, der::SEQUENCE, algorithm)?)?;
    let is_hss = rest.is_empty() && der::oid_text(oid).as_deref() == Some(HSS_LMS);
    if is_hss { Ok(Scheme::HssLms) } else { Scheme::from_algorithm_identifier(algorithm) }
}

/// The claims that were signed.
#[derive(Debug)]
struct Claims(Vec<Claim>);

#[derive(Debug)]
struct Claim {
    predicate: [u8; 2],
    /// The UUID of the object that it is about; claims about the module have none.
    subject: Option<[u8; 16]>,
    value: Option<Complement>,
}

#[derive(Debug)]
enum Complement {
    Octets(Vec<u8>),
    Text(String),
    Time,
    Number(i64),
}

impl Claims {
    fn decode(raw: &[u8]) -> Result<Self, Reject> {
        let what = "claims";
        let (version, claims) = der::expect(what, der::INTEGER, der::only(what, der::SEQUENCE, raw)?)?;
        if version != [1] {
            return Err(Reject::Malformed { what });
        }
        let claims = der::elements(what, der::only(what, der::SEQUENCE, claims)?, CLAIMS_MAX)?;
        let claims = claims.iter().filter_map(|claim| Claim::decode(claim.raw).transpose());
        claims.collect::<Result<_, _>>().map(Claims)
    }

    /// What they say about the one key that they name by its subjectPublicKeyInfo.
    fn statement(&self) -> Result<KeyStatement, Reject> {
        let key = self.only(KEY_SPKI, |claim| claim.subject.is_some())?;
        let key = key.ok_or(Reject::FieldMissing { field: "key-spki" })?;
        let Some(Complement::Octets(spki)) = &key.value else {
            return Err(Reject::Malformed { what: "key-spki" });
        };
        let of_key = |claim: &Claim| claim.subject == key.subject;
        let class = match self.only(OBJECT_CLASS, of_key)?.map(|claim| &claim.value) {
            Some(Some(Complement::Number(CLASS_PRIVATE_KEY))) => None,
            Some(Some(Complement::Number(other))) => Some(Operand::Number((*other).into())),
            _ => Some(Operand::Absent),
        };
        if let Some(found) = class {
            let expected = Operand::Number(CLASS_PRIVATE_KEY.into());
            return Err(Reject::PropertyRefused { field: "object-class", expected, found });
        }
        let is_said = |predicate| Ok(self.only(predicate, of_key)?.is_some());
        let of_module = |claim: &Claim| claim.subject.is_none();
        let is_module = |predicate| Ok(self.only(predicate, of_module)?.is_some());
        let text = |predicate| match self.only(predicate, of_module)?.map(|claim| &claim.value) {
            None => Ok(None),
            Some(Some(Complement::Text(text))) => Ok(Some(text.clone())),
            Some(_) => Err(Reject::Malformed { what: "claim about the module" }),
        };
        let time = self.only(ATTESTATION_TIME, of_module)?.map(|claim| &claim.value);
        Ok(KeyStatement {
            spki: spki.clone(),
            serial: text(QASM_SERIAL)?,
            firmware: text(QASM_FIRMWARE_VERSION)?,
            has_time: matches!(time, Some(Some(Complement::Time))),
            is_production: is_module(QASM_CERTIFIED_PRODUCTION)? && is_module(ATTESTATION_KEYS_ARE_UNIQUE)?,
            is_fips_mode: is_module(QASM_IS_IN_FIPS_MODE)?,
            is_generated: is_said(KEY_IS_HARDWARE_GENERATED)?,
            is_confined: is_said(KEY_IS_CONFINED)?,
        })
    }

    /// The claim with that predicate, if there is one.
    fn only(&self, predicate: [u8; 2], is_about: impl Fn(&Claim) -> bool) -> Result<Option<&Claim>, Reject> {
        let mut found = self.0.iter().filter(|claim| claim.predicate == predicate && is_about(claim));
        match (found.next(), found.next()) {
            (first, None) => Ok(first),
            _ => Err(Reject::FieldRepeated { field: "claim" }),
        }
    }
}

impl Claim {
    /// `SEQUENCE { predicate, [0] { [0] UUID } OPTIONAL, [1] { complement } OPTIONAL }`; nothing for a predicate of
    /// another arc.
    fn decode(raw: &[u8]) -> Result<Option<Self>, Reject> {
        let (what, malformed) = ("claim", Reject::Malformed { what: "claim" });
        let (predicate, mut rest) =
            der::expect(what, der::OBJECT_IDENTIFIER, der::only(what, der::SEQUENCE, raw)?)?;
        let predicate = predicate.strip_prefix(CLAIM_ARC).map(<[u8; 2]>::try_from);
        let Some(Ok(predicate)) = predicate else { return Ok(None) };
        let (mut subject, mut value) = (None, None);
        while !rest.is_empty() {
            let (field, after) = der::read(what, rest)?;
            let is_repeated = match field.tag {
                0xa0 => {
                    let uuid = <[u8; 16]>::try_from(der::only(what, 0x80, field.content)?);
                    subject.replace(uuid.map_err(|_| malformed.clone())?).is_some()
                }
                0xa1 => value.replace(Complement::decode(field.content)?).is_some(),
                _ => true,
            };
            if is_repeated {
                return Err(malformed);
            }
            rest = after;
        }
        Ok(Some(Self { predicate, subject, value }))
    }
}

impl Complement {
    fn decode(content: &[u8]) -> Result<Self, Reject> {
        let (what, malformed) =
            ("complement of a claim", Reject::Malformed { what: "complement of a claim" });
        let (value, rest) = der::read(what, content)?;
        if !rest.is_empty() {
            return Err(Reject::TrailingBytes { what, extra_bytes: rest.len() });
        }
        match value.tag {
            0x80 => Ok(Self::Octets(value.content.to_vec())),
            0x81 => String::from_utf8(value.content.to_vec()).map(Self::Text).map_err(|_| malformed),
            0x82 => Ok(Self::Time),
            0x83 => der::integer(what, value.content).map(Self::Number),
            _ => Err(malformed),
        }
    }
}

/// What the module claims of one key and of itself.
#[derive(Debug)]
struct KeyStatement {
    spki: Vec<u8>,
    serial: Option<String>,
    firmware: Option<String>,
    has_time: bool,
    is_production: bool,
    is_fips_mode: bool,
    is_generated: bool,
    is_confined: bool,
}

impl Statement for KeyStatement {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        if self.has_time { Carried::Time } else { Carried::Nothing }
    }

    fn emit(&self, to: &mut Emission) {
        to.practice_word("module.vendor", Words::Vendor, "crypto4a");
        // Units for development exist: a key of one is not known to be in an HSM. The claims do not tell blade from card.
        if self.is_production {
            to.practice_word("key.storage", Words::Storage, "hsm");
        }
        if self.is_generated {
            to.statement_word("key.origin", Words::Origin, "generated");
        }
        if self.is_confined {
            to.statement_word("key.export", Words::Export, "never");
        }
        if self.is_fips_mode {
            to.statement_word("module.mode", Words::ModuleMode, "fips");
        }
        if let Some(serial) = &self.serial {
            to.statement("module.serial", Value::Text(serial.clone()));
        }
        if let Some(firmware) = &self.firmware {
            to.statement("module.firmware", Value::Text(firmware.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spki::element;

    const KEY: u8 = 7;

    /// A claim about an object, or about the module where there is none.
    fn claim(predicate: [u8; 2], object: Option<u8>, value: &[u8]) -> Vec<u8> {
        let oid = element(0x06, &[CLAIM_ARC, &predicate]);
        let subject =
            object.map_or_else(Vec::new, |object| element(0xa0, &[&element(0x80, &[&[object; 16]])]));
        let value = if value.is_empty() { Vec::new() } else { element(0xa1, &[value]) };
        element(0x30, &[&oid, &subject, &value])
    }

    fn statement(claims: &[Vec<u8>]) -> Result<KeyStatement, &'static str> {
        let raw = element(0x30, &[&[2, 1, 1], &element(0x30, &[&claims.concat()])]);
        Claims::decode(&raw).and_then(|claims| claims.statement()).map_err(|reject| reject.code())
    }

    fn key_and_class() -> [Vec<u8>; 2] {
        [claim(KEY_SPKI, Some(KEY), b"\x80\x01k"), claim(OBJECT_CLASS, Some(KEY), &[0x83, 1, 4])]
    }

    #[test]
    fn what_is_not_claimed_of_the_key_is_not_said_of_it() {
        let said = statement(&key_and_class()).unwrap();
        assert!(!said.is_production && !said.is_generated && !said.is_confined && !said.is_fips_mode);
        assert_eq!((said.spki.as_slice(), said.freshness()), (&b"k"[..], Carried::Nothing));
        let of_other = [KEY_IS_CONFINED, KEY_IS_HARDWARE_GENERATED].map(|what| claim(what, Some(9), &[]));
        let said = statement(&[&key_and_class()[..], &of_other].concat()).unwrap();
        assert!(!said.is_generated && !said.is_confined, "claims about another object");
        let half = [claim(QASM_CERTIFIED_PRODUCTION, None, &[])];
        assert!(!statement(&[&key_and_class()[..], &half].concat()).unwrap().is_production);
        let mode = [claim(QASM_IS_IN_FIPS_MODE, None, &[])];
        assert!(statement(&[&key_and_class()[..], &mode].concat()).unwrap().is_fips_mode);
    }

    #[test]
    fn one_private_key_is_attested() {
        let [key, class] = key_and_class();
        assert_eq!(statement(std::slice::from_ref(&class)).unwrap_err(), "field-missing");
        assert_eq!(statement(std::slice::from_ref(&key)).unwrap_err(), "property-refused");
        let public = claim(OBJECT_CLASS, Some(KEY), &[0x83, 1, 3]);
        assert_eq!(statement(&[key.clone(), public]).unwrap_err(), "property-refused");
        let second = claim(KEY_SPKI, Some(9), b"\x80\x01l");
        assert_eq!(statement(&[key.clone(), class.clone(), second]).unwrap_err(), "field-repeated");
        let text = claim(KEY_SPKI, Some(KEY), b"\x81\x01k");
        assert_eq!(statement(&[text, class.clone()]).unwrap_err(), "malformed");
        let of_module = claim(KEY_SPKI, None, b"\x80\x01k");
        assert_eq!(statement(&[of_module, class]).unwrap_err(), "field-missing");
    }
}
