//! Entrust nShield: the bundle of `nfkmattest`, in which a module certifies that it generated a key, and with which
//! access control list.
//!
//! A warrant leads from Entrust's root KWARN-1, a bare P-521 key, over delegations to the module's key KLF2 and its
//! electronic serial number. KLF2 signs the module state: the serial number again, the key KML, the hash of the security
//! officer's key KNSO, and the module keys. KML, often a DSA key, signs the key generation certificate: the hash of the
//! public key and the list. A world binding, signed by KNSO, names the module key of the Security World.
//!
//! It proves that the module generated the key and what the list allows. It does not prove that the Security World's
//! administrators are honest: KNSO is theirs, and so the module's mode is not told (the world binding of a FIPS world is
//! its owner's word), and `domain` means modules that they load their world into. Key hashes are SHA-1, which
//! `module.weak-hash` says. A warrant of the type FieldUpgrade rests on a DSA key of 1024 bits from the factory; nothing
//! tells it apart in the facts. Approvals in a warrant (FIPS 140) are not used. There is no date and no nonce.
//!
//! Pitfalls: a module's list of keys has a public one in it, so a blob is held to the key that the world binding names;
//! names of roots in the bundle are not signed, so the enrolled key decides; actions that are not known are refused.
//! Source: Entrust, nShield app notes "Key Attestation Format", "Warrants", "Wire format" and "nCore Key Hash".
use crate::appraise::{Appraised, Input, NotVerified};
use crate::container;
use crate::formats::Format;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use pkic_facts::crypto::{Sha256Digest, Strength};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::reject::Reject;
use pkic_facts::verified::{CertifiedKey, SignedBytes, TrustedKey, Verified, join, mint};
use pkic_vocab::Value;
use pkic_vocab::words::Words;
use serde_json::{Map, Value as Json};
use statements::{Generation, Module, ModuleState, World};

mod acl;
mod ddds;
mod ncore;
mod statements;
mod warrant;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "Entrust nShield Key Attestation Format",
    proves: "an nShield generated the key; what its access control list lets it do",
    leaves_open: "a FIPS mode",
    unsigned: "names in the bundle: of the roots, of the keys, of the Security World",
    detect: is_present,
    appraise,
};

const NAME: &str = "nshield-kgc";

/// SHA-256 of the subjectPublicKeyInfo of KWARN-1, as Entrust publishes it: what a refusal names.
const KWARN_1: Sha256Digest = Sha256Digest(*b"\xdf\x8f\x05\xa3\x95\x96\xbb\x9c\x4a\x8c\xc4\xd3\xb6\xde\x10\x60\x7f\x36\x2d\x71\x82\xe8\x81\xea\x82\xa5\xed\xc7\xcd\xcd\xf8\x4f");

/// Octets of one member: the module state, its largest, has 1.6 kB.
const MEMBER_LEN_BYTES_MAX: usize = 64 << 10;

/// Tools write base64url with padding and without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn is_present(input: &Input<'_>) -> bool {
    let json = input.evidence.reading(container::Json::read);
    let has = |members: &Map<String, Json>| {
        ["warrant", "modstatemsg", "kcmsg"].iter().all(|name| members.contains_key(*name))
    };
    json.0.as_ref().is_some_and(has)
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let bundle = Bundle::open(input)?;
    let module = verify_module(input, &bundle)?;
    // Before the key's certificate: what a digest refuses needs no DSA check.
    let world = verify_world(&bundle, &module)?;
    let kml = trusted(&module.project(|module| Ok(module.kml.clone()))?)?;
    let public_key = ncore::KeyData::of("pubkeydata", &bundle.require("pubkeydata")?)?;
    let signed = ncore::signed(("kcmsg", bundle.require("kcmsg")?), "kcsig", &bundle.require("kcsig")?)?;
    let generation = mint(&signed, &kml, Strength::Current, Generation::decode)?;
    let spki =
        generation.preimage(Generation::key_hash, &public_key.hash_input(), ncore::spki_of_hash_input)?;
    let key = join(&generation, &spki, |generation, spki| Ok((spki.clone(), generation.acl.clone())))?;
    let statement = match world {
        Some(world) => {
            let world_key = join(&module, &world, World::module_key_in)?;
            let owned = join(&module, &world_key, |module, key| Ok((module.serial.clone(), Some(*key))))?;
            join(&owned, &key, KeyStatement::of)?
        }
        None => {
            let unowned = module.project(|module| Ok((module.serial.clone(), None)))?;
            join(&unowned, &key, KeyStatement::of)?
        }
    };
    input.conclude(&statement)
}

/// The module, from the root over the warrant to the state that the module signed.
fn verify_module(input: &Input<'_>, bundle: &Bundle) -> Result<Verified<Module>, Reject> {
    let warrant = bundle.require("warrant")?;
    let certificates = warrant::certificates(&warrant)?;
    let (last, delegations) =
        certificates.split_last().ok_or(Reject::FieldMissing { field: "warrant certificate" })?;
    let mut key = root_of(input, certificates.first().unwrap_or(last), delegations.len())?;
    for (index, delegation) in delegations.iter().enumerate() {
        let depth = delegations.len().saturating_sub(index);
        let delegate = mint(delegation, &key, Strength::Current, warrant::delegate_key);
        key = trusted(&delegate.map_err(|reject| of_link(reject, depth))?)?;
    }
    let information = mint(last, &key, Strength::Current, warrant::Information::decode);
    let information = information.map_err(|reject| of_link(reject, 0))?;
    let klf2 = trusted(&information.project(|information| Ok(information.klf2.clone()))?)?;
    let signed = ncore::signed(
        ("modstatemsg", bundle.require("modstatemsg")?),
        "modstatesig",
        &bundle.require("modstatesig")?,
    )?;
    let state = mint(&signed, &klf2, Strength::Current, ModuleState::decode)?;
    join(&information, &state, Module::of)
}

/// The enrolled key that signed the first certificate of a warrant.
fn root_of(input: &Input<'_>, first: &SignedBytes, depth: usize) -> Result<TrustedKey, Reject> {
    let mut refusal = Reject::KeyNotEnrolled { key: KWARN_1 };
    for spki in input.anchors.public_keys() {
        let enrolled = TrustedKey::enrolled(input.anchors, spki, NAME, input.evidence, input.now);
        let Ok(key) = enrolled else { continue };
        match mint(first, &key, Strength::Current, |_| Ok(())) {
            Ok(_) => return Ok(key),
            Err(reject) => refusal = of_link(reject, depth),
        }
    }
    Err(refusal)
}

fn of_link(reject: Reject, depth: usize) -> Reject {
    match reject {
        Reject::SignatureInvalid { key, .. } => Reject::LinkSignature { issuer_key: key, depth },
        other => other,
    }
}

fn trusted(spki: &Verified<Vec<u8>>) -> Result<TrustedKey, Reject> {
    TrustedKey::of_statement(spki, |spki| Ok(CertifiedKey { spki: spki.clone(), not_after: None }))
}

/// What the security officer's key says of the Security World; a key that is not kept has none.
fn verify_world(bundle: &Bundle, module: &Verified<Module>) -> Result<Option<Verified<World>>, Reject> {
    if !bundle.has("knsopub") {
        return Ok(None);
    }
    let knso = ncore::KeyData::of("knsopub", &bundle.require("knsopub")?)?;
    let spki = module.preimage(Module::knso_hash, &knso.hash_input(), ncore::spki_of_hash_input)?;
    let (head, name, hashes): (_, _, &[&'static str]) = match bundle.has(FIPS_BINDING) {
        true => (World::FIPS_HEAD, FIPS_BINDING, &["hkm", "hkmc", "hkfips"]),
        false => (World::HEAD, BINDING, &["hkm", "hkmc"]),
    };
    let mut message = [head, bundle.text("ciphersuite")?.as_bytes(), &[0], &module.value().knso].concat();
    for field in hashes {
        message.extend(ncore::key_hash(field, &bundle.require(field)?)?);
    }
    let signed = ncore::signed(("world binding", message), name, &bundle.require(name)?)?;
    mint(&signed, &trusted(&spki)?, Strength::Current, World::decode).map(Some)
}

/// The signature of a world binding, and of that of a world in FIPS mode.
const BINDING: &str = "CertKMaKMCbKNSO";
const FIPS_BINDING: &str = "CertKMaKMCaKFIPSbKNSO";

/// The members of a bundle. Nothing signs it: what it brings, the signatures inside decide.
struct Bundle(Map<String, Json>);

impl Bundle {
    fn open(input: &Input<'_>) -> Result<Self, Reject> {
        let members = input.evidence.reading(container::Json::read).0.clone();
        members.map(Self).ok_or(Reject::Malformed { what: "nfkmattest bundle" })
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn text(&self, name: &'static str) -> Result<&str, Reject> {
        let member = self.0.get(name).ok_or(Reject::FieldMissing { field: name })?;
        let text = member.as_str().ok_or(Reject::Malformed { what: name })?;
        let (size, limit) = (text.len(), MEMBER_LEN_BYTES_MAX);
        if size > limit { Err(Reject::TooLarge { what: name, size, limit }) } else { Ok(text) }
    }

    fn require(&self, name: &'static str) -> Result<Vec<u8>, Reject> {
        BASE64.decode(self.text(name)?).map_err(|_| Reject::Malformed { what: name })
    }
}

/// What the module says about the key.
#[derive(Debug)]
struct KeyStatement {
    spki: Vec<u8>,
    serial: String,
    export: acl::Export,
}

impl KeyStatement {
    fn of(
        (serial, world_key): &(String, Option<ncore::KeyHash>),
        (spki, acl): &(Vec<u8>, Vec<acl::Group>),
    ) -> Result<Self, Reject> {
        let export = acl::export(acl, *world_key)?;
        Ok(Self { spki: spki.clone(), serial: serial.clone(), export })
    }
}

impl Statement for KeyStatement {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nothing
    }

    fn emit(&self, to: &mut Emission) {
        // Warrants are made for nShield modules alone; of which build one is, they do not say.
        to.practice_word("key.storage", Words::Storage, "hsm");
        to.practice_word("module.vendor", Words::Vendor, "entrust");
        to.statement_word("key.origin", Words::Origin, "generated");
        to.statement_word("key.export", Words::Export, self.export.name());
        to.statement("module.serial", Value::Text(self.serial.clone()));
    }
}
