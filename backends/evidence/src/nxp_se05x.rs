//! NXP EdgeLock SE05x: an object read with attestation, in the container. There is no sample from a device: the bytes
//! are read as NXP's middleware and its application notes have them.
//!
//! The applet signs, with a key that NXP puts on the chip, the digest of the command and then the object's value, the
//! chip's unique id, the object's attributes, its size and a relative time. The command has the caller's nonce. The
//! attributes say whether a key pair was made inside, and what its policies allow. That private keys are never read out,
//! and that the chip is one of its own, is NXP's practice.
//!
//! Pitfalls: applets before 7.2 sign values without tags and lengths, so that a file's content can stand for attributes:
//! NXP itself calls many such readings not reliable, and this reader takes none of them. Public keys can be read with
//! attestation too and prove no private key. Under one root NXP certifies other keys, which sign whatever their owner
//! likes: so the certificate of the attestation key must be issued by an anchor itself, the authority for attestation
//! keys, and a root above it does not do. What NXP provisioned has no `key.origin`: how it was made is not said.
//! Source: NXP AN12413, AN12543 and AN12436; NXP Plug & Trust middleware 4 (reading with attestation, applet 7.2).
use crate::appraise::{Appraised, Input, NotVerified};
use crate::container::Container;
use crate::formats::Format;
use crate::spki::{Curve, ecc_spki};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Hash, Scheme, Strength};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{PathInput, PathProfile, verify_path};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{HashOf, SignedBytes, TrustedKey, join, mint};
use pkic_vocab::Value;
use pkic_vocab::words::Words;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "NXP AN12413, applet 7.2",
    proves: "origin and policy of an object in an SE05x",
    leaves_open: "RSA and Ed25519 objects; older applets",
    unsigned: "the container; the command but for its digest, which the chip computes",
    detect: is_present,
    appraise,
};

const NAME: &str = "nxp-se05x";
const RESPONSE: &str = "attested response";
const COMMAND: &str = "read command";

/// The attestation key's certificate stands right below the anchor.
const PROFILE: PathProfile = PathProfile::strict(NAME, 1);

/// `kSE05x_TAG_1` and following, in a response: value, unique id, attributes, size; then time and signature.
const SIGNED_TAGS: [u8; 5] = [0x41, 0x42, 0x43, 0x44, 0x4f];
const SIGNATURE_TAG: u8 = 0x52;
/// In a command: the object, the attestation key, the algorithm, the nonce.
const COMMAND_TAGS: [u8; 4] = [0x41, 0x45, 0x46, 0x47];
/// `INS_READ | INS_ATTEST` of the applet's class, then P1 and P2, which read the whole object.
const COMMAND_HEAD: [u8; 4] = [0x80, 0x22, 0, 0];
/// `kSE05x_AttestationAlgo_EC_SHA_256`.
const EC_SHA_256: u8 = 0x21;
const NONCE_LEN_BYTES: usize = 16;
const UNIQUE_ID_LEN_BYTES: usize = 18;
/// Elements of one command or response.
const ELEMENTS_MAX: usize = 16;
/// `POLICY_OBJ_ALLOW_IMPORT_EXPORT`.
const ALLOW_IMPORT_EXPORT: u32 = 0x1000;

fn is_present(input: &Input<'_>) -> bool {
    Container::is_of(NAME, input.evidence)
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let mut container = Container::open(NAME, input.evidence)?;
    let command = container.require("command")?;
    let response = container.require("response")?;
    let certificate = Certificate::from_der(&container.require("attestation-key-certificate")?)?;
    container.finish()?;
    let path = verify_path(&PathInput {
        evidence: input.evidence,
        leaf: &certificate,
        carried: &[],
        anchors: input.anchors,
        profile: &PROFILE,
        now: input.now,
    })?;
    let signed = signed_bytes(&command, &response)?;
    let object = mint(&signed, &TrustedKey::of_path(&path), Strength::Current, Object::decode)?;
    let command = object.preimage(Object::command_digest, &command, Command::decode)?;
    let statement = join(&object, &command, KeyStatement::of)?;
    input.conclude(&statement)
}

/// What the applet signs: the command's digest, then the response's elements with lengths of two octets.
fn signed_bytes(command: &[u8], response: &[u8]) -> Result<SignedBytes, Reject> {
    let elements = read_elements(RESPONSE, response)?;
    let Some(((SIGNATURE_TAG, signature), signed)) =
        elements.split_last().map(|(last, signed)| (*last, signed))
    else {
        return Err(Reject::FieldMissing { field: "signature of the response" });
    };
    let mut message = Hash::Sha256.digest(command);
    for (tag, value) in signed {
        let length = u16::try_from(value.len()).map_err(|_| Reject::Malformed { what: RESPONSE })?;
        message.extend([*tag, 0x82]);
        message.extend(length.to_be_bytes());
        message.extend_from_slice(value);
    }
    Ok(SignedBytes {
        what: "digest of the command, and the response",
        message,
        scheme: Scheme::Ecdsa(Hash::Sha256),
        signature: signature.to_vec(),
    })
}

/// Elements of a tag, a length of one, two or three octets, and a value.
fn read_elements<'a>(what: &'static str, bytes: &'a [u8]) -> Result<Vec<(u8, &'a [u8])>, Reject> {
    let malformed = || Reject::Malformed { what };
    let mut elements = Vec::new();
    let mut rest = bytes;
    while let Some((tag, after)) = rest.split_first() {
        let (length, after) = match after {
            [0x82, high, low, after @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), after),
            [0x81, length, after @ ..] => (usize::from(*length), after),
            [length @ ..=0x7f, after @ ..] => (usize::from(*length), after),
            _ => return Err(malformed()),
        };
        let (value, after) = after.split_at_checked(length).ok_or_else(malformed)?;
        elements.push((*tag, value));
        if elements.len() > ELEMENTS_MAX {
            return Err(Reject::TooLarge { what, size: elements.len(), limit: ELEMENTS_MAX });
        }
        rest = after;
    }
    Ok(elements)
}

/// The one value of that tag.
fn only<'a>(what: &'static str, elements: &[(u8, &'a [u8])], tag: u8) -> Result<&'a [u8], Reject> {
    let mut found = elements.iter().filter(|(of, _)| *of == tag);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Ok(value),
        (None, _) => Err(Reject::FieldMissing { field: what }),
        (Some(_), Some(_)) => Err(Reject::FieldRepeated { field: what }),
    }
}

/// An object as the applet signed it.
#[derive(Debug)]
struct Object {
    command_digest: Vec<u8>,
    id: [u8; 4],
    spki: Vec<u8>,
    unique_id: [u8; UNIQUE_ID_LEN_BYTES],
    origin: u8,
    /// What every policy together allows, where there are any.
    allowed: Option<u32>,
}

impl Object {
    fn decode(message: &[u8]) -> Result<Self, Reject> {
        let malformed = Reject::Malformed { what: RESPONSE };
        let (command_digest, elements) = message.split_at_checked(32).ok_or(malformed.clone())?;
        let elements = read_elements(RESPONSE, elements)?;
        let tags: Vec<u8> = elements.iter().map(|(tag, _)| *tag).collect();
        if tags != SIGNED_TAGS {
            let (expected, found) = (Operand::bytes(&SIGNED_TAGS), Operand::bytes(&tags));
            return Err(Reject::FieldMismatch { field: "tags of the response", expected, found });
        }
        let value = |tag| only(RESPONSE, &elements, tag);
        let attributes = Attributes::decode(value(0x43)?)?;
        Ok(Self {
            command_digest: command_digest.to_vec(),
            id: attributes.id,
            spki: spki(attributes.object_type, value(0x41)?)?,
            unique_id: <[u8; UNIQUE_ID_LEN_BYTES]>::try_from(value(0x42)?).map_err(|_| malformed)?,
            origin: attributes.origin,
            allowed: attributes.allowed,
        })
    }

    fn command_digest(&self) -> Result<HashOf, Reject> {
        Ok(HashOf { what: "command", hash: Hash::Sha256, digest: self.command_digest.clone() })
    }
}

/// The key of an object, whose type tells its curve. Objects that are no key pairs are refused.
fn spki(object_type: u8, point: &[u8]) -> Result<Vec<u8>, Reject> {
    let curve = match object_type {
        0x29 => Curve::P256,
        0x2d => Curve::P384,
        0x31 => Curve::P521,
        other => {
            let expected = Operand::Word("an EC key pair on P-256, P-384 or P-521");
            let found = Operand::Number(other.into());
            return Err(Reject::PropertyRefused { field: "object type", expected, found });
        }
    };
    let width = curve.coordinate_len_bytes();
    match point.split_first() {
        Some((0x04, octets)) if octets.len() == width.saturating_mul(2) => {
            let (x, y) = octets.split_at(width);
            Ok(ecc_spki(curve, x, y))
        }
        _ => Err(Reject::Malformed { what: "public key of the object" }),
    }
}

/// `ObjectAttributes` of applet 7.2.
#[derive(Debug)]
struct Attributes {
    id: [u8; 4],
    object_type: u8,
    allowed: Option<u32>,
    origin: u8,
}

impl Attributes {
    /// Identifier (4), type (1), authentication (1), tag length or attempts (2), owner (4), reserved or attempts (2),
    /// policies, origin (1), version (4).
    fn decode(bytes: &[u8]) -> Result<Self, Reject> {
        let malformed = Reject::Malformed { what: "object attributes" };
        let (head, rest) = bytes.split_first_chunk::<14>().ok_or(malformed.clone())?;
        let (policies, [origin, ..]) = rest.split_last_chunk::<5>().ok_or(malformed)?;
        let [a, b, c, d, object_type, ..] = *head;
        Ok(Self { id: [a, b, c, d], object_type, allowed: read_policies(policies)?, origin: *origin })
    }
}

/// Policies: a length, the authentication object (4), what it is allowed (4), and conditions.
fn read_policies(bytes: &[u8]) -> Result<Option<u32>, Reject> {
    let malformed = || Reject::Malformed { what: "policies of the object" };
    let (mut allowed, mut rest) = (None, bytes);
    while let Some((length, after)) = rest.split_first() {
        let (policy, after) = after.split_at_checked((*length).into()).ok_or_else(malformed)?;
        let (_, rules) = policy.split_first_chunk::<4>().ok_or_else(malformed)?;
        let (rules, _) = rules.split_first_chunk::<4>().ok_or_else(malformed)?;
        allowed = Some(allowed.unwrap_or(0) | u32::from_be_bytes(*rules));
        rest = after;
    }
    Ok(allowed)
}

/// The command that was answered.
#[derive(Debug)]
struct Command {
    object: [u8; 4],
    nonce: [u8; NONCE_LEN_BYTES],
}

impl Command {
    /// The head, the length (0 and two octets), then elements.
    fn decode(bytes: &[u8]) -> Result<Self, Reject> {
        let malformed = Reject::Malformed { what: COMMAND };
        let (head, rest) = bytes.split_first_chunk::<4>().ok_or(malformed.clone())?;
        let ([zero, high, low], elements) = rest.split_first_chunk::<3>().ok_or(malformed.clone())?;
        if *head != COMMAND_HEAD
            || *zero != 0
            || usize::from(u16::from_be_bytes([*high, *low])) != elements.len()
        {
            return Err(malformed);
        }
        let elements = read_elements(COMMAND, elements)?;
        // An offset, a length or a component would read a part of the object alone.
        if let Some((tag, _)) = elements.iter().find(|(tag, _)| !COMMAND_TAGS.contains(tag)) {
            let (expected, found) = (Operand::bytes(&COMMAND_TAGS), Operand::bytes(&[*tag]));
            return Err(Reject::FieldMismatch { field: "tags of the command", expected, found });
        }
        let algorithm = only(COMMAND, &elements, 0x46)?;
        if algorithm != [EC_SHA_256] {
            return Err(Reject::AlgorithmUnsupported { found: Operand::bytes(algorithm) });
        }
        let object = <[u8; 4]>::try_from(only(COMMAND, &elements, 0x41)?).map_err(|_| malformed.clone())?;
        let nonce = only(COMMAND, &elements, 0x47)?;
        let nonce = <[u8; NONCE_LEN_BYTES]>::try_from(nonce).map_err(|_| malformed)?;
        Ok(Self { object, nonce })
    }
}

/// What the chip says of a key pair, in answer to a command.
#[derive(Debug)]
struct KeyStatement {
    spki: Vec<u8>,
    unique_id: [u8; UNIQUE_ID_LEN_BYTES],
    origin: u8,
    allowed: Option<u32>,
    nonce: [u8; NONCE_LEN_BYTES],
}

impl KeyStatement {
    fn of(object: &Object, command: &Command) -> Result<Self, Reject> {
        if object.id != command.object {
            let (expected, found) = (Operand::bytes(&command.object), Operand::bytes(&object.id));
            return Err(Reject::FieldMismatch { field: "object identifier", expected, found });
        }
        let Object { spki, unique_id, origin, allowed, .. } = object;
        let (unique_id, origin, allowed) = (*unique_id, *origin, *allowed);
        Ok(Self { spki: spki.clone(), unique_id, origin, allowed, nonce: command.nonce })
    }
}

impl Statement for KeyStatement {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nonce(&self.nonce)
    }

    fn emit(&self, to: &mut Emission) {
        to.practice_word("key.storage", Words::Storage, "se.discrete");
        to.practice_word("module.vendor", Words::Vendor, "nxp");
        match self.origin {
            1 => to.statement_word("key.origin", Words::Origin, "imported"),
            2 => to.statement_word("key.origin", Words::Origin, "generated"),
            _ => {}
        }
        match self.allowed {
            Some(allowed) if allowed & ALLOW_IMPORT_EXPORT != 0 => {
                to.statement_word("key.export", Words::Export, "wrapped");
            }
            Some(_) => to.practice_word("key.export", Words::Export, "never"),
            // What a chip allows without policies is not known here.
            None => {}
        }
        let serial = self.unique_id.iter().map(|octet| format!("{octet:02x}")).collect();
        to.statement("module.serial", Value::Text(serial));
    }
}
