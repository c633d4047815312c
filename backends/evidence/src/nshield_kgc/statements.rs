//! What a module signs about itself and about a key, and what the security officer's key signs about the world.
use super::acl::{self, Group};
use super::ncore::{KeyData, KeyHash, Reader};
use super::warrant::Information;
use pkic_facts::crypto::Hash;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::HashOf;

/// Attributes of one module state, and module keys of one list.
const ITEMS_MAX: usize = 64;

/// A module state certificate.
#[derive(Debug)]
pub(super) struct ModuleState {
    serial: String,
    kml: Vec<u8>,
    knso: KeyHash,
    module_keys: Vec<KeyHash>,
}

impl ModuleState {
    pub(super) fn decode(message: &[u8]) -> Result<Self, Reject> {
        let what = "module state certificate";
        let mut reader = Reader::of(what, message);
        check_word(&mut reader, "M_ModCertType", 4)?;
        check_word(&mut reader, "module state flags", 0)?;
        let (mut serial, mut kml, mut knso, mut module_keys) = (None, None, None, None);
        for _ in 0..reader.count(ITEMS_MAX)? {
            let is_repeated = match reader.word()? {
                2 => serial.replace(reader.text()?).is_some(),
                3 => kml.replace(read_key(&mut reader)?).is_some(),
                5 => {
                    let hash = reader.hash()?;
                    reader.word()?;
                    knso.replace(hash).is_some()
                }
                6 => module_keys.replace(read_module_keys(&mut reader)?).is_some(),
                // KLF2 itself.
                13 => {
                    read_key(&mut reader)?;
                    false
                }
                other => {
                    let expected = Operand::Word("ESN, KML, KNSO, KMList or KLF2");
                    let found = Operand::Number(other.into());
                    return Err(Reject::FieldMismatch { field: "M_ModuleAttribTag", expected, found });
                }
            };
            if is_repeated {
                return Err(Reject::FieldRepeated { field: "M_ModuleAttribTag" });
            }
        }
        reader.finish()?;
        let missing = |field| move || Reject::FieldMissing { field };
        Ok(Self {
            serial: serial.ok_or_else(missing("ESN"))?,
            kml: kml.ok_or_else(missing("KML"))?,
            knso: knso.ok_or_else(missing("KNSO"))?,
            module_keys: module_keys.ok_or_else(missing("KMList"))?,
        })
    }
}

fn read_key(reader: &mut Reader<'_>) -> Result<Vec<u8>, Reject> {
    reader.hash()?;
    let key = KeyData::read(reader)?;
    reader.word()?;
    key.spki()
}

fn read_module_keys(reader: &mut Reader<'_>) -> Result<Vec<KeyHash>, Reject> {
    let mut keys = Vec::new();
    for _ in 0..reader.count(ITEMS_MAX)? {
        keys.push(reader.hash()?);
        reader.word()?;
        reader.word()?;
    }
    Ok(keys)
}

/// A module: what its warrant and its state say in agreement.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) serial: String,
    /// The subjectPublicKeyInfo of KML.
    pub(super) kml: Vec<u8>,
    pub(super) knso: KeyHash,
    module_keys: Vec<KeyHash>,
}

impl Module {
    pub(super) fn of(information: &Information, state: &ModuleState) -> Result<Self, Reject> {
        if information.serial != state.serial {
            let (expected, found) = (Operand::text(&information.serial), Operand::text(&state.serial));
            return Err(Reject::FieldMismatch { field: "electronic serial number", expected, found });
        }
        let ModuleState { serial, kml, knso, module_keys } = state;
        let (serial, kml, module_keys) = (serial.clone(), kml.clone(), module_keys.clone());
        Ok(Self { serial, kml, knso: *knso, module_keys })
    }

    pub(super) fn knso_hash(&self) -> Result<HashOf, Reject> {
        Ok(HashOf { what: "knsopub", hash: Hash::Sha1, digest: self.knso.to_vec() })
    }
}

/// A world binding: the module key of a Security World.
#[derive(Debug)]
pub(super) struct World {
    knso: KeyHash,
    module_key: KeyHash,
}

impl World {
    pub(super) const HEAD: &'static [u8] = b"Module keys: suite = ";
    pub(super) const FIPS_HEAD: &'static [u8] = b"Module setup, FIPS3; suite = ";

    pub(super) fn decode(message: &[u8]) -> Result<Self, Reject> {
        let malformed = Reject::Malformed { what: "world binding" };
        let body = [Self::HEAD, Self::FIPS_HEAD].iter().find_map(|head| message.strip_prefix(*head));
        let body = body.ok_or(malformed.clone())?;
        let end = body.iter().position(|octet| *octet == 0).ok_or(malformed.clone())?;
        let (suite, hashes) = body.split_at_checked(end).ok_or(malformed.clone())?;
        if suite.is_empty() || !suite.iter().all(u8::is_ascii_alphanumeric) {
            return Err(malformed);
        }
        let mut reader = Reader::of("world binding", hashes.get(1..).unwrap_or_default());
        let (knso, module_key) = (reader.hash()?, reader.hash()?);
        Ok(Self { knso, module_key })
    }

    /// The world's key, which the module must have.
    pub(super) fn module_key_in(module: &Module, world: &World) -> Result<KeyHash, Reject> {
        let is_of_module = module.knso == world.knso && module.module_keys.contains(&world.module_key);
        if is_of_module {
            return Ok(world.module_key);
        }
        let (expected, found) =
            (Operand::Word("a key on the module's list"), Operand::bytes(&world.module_key));
        Err(Reject::FieldMismatch { field: "hkm", expected, found })
    }
}

/// A key generation certificate.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) acl: Vec<Group>,
    key_hash: KeyHash,
}

impl Generation {
    pub(super) fn decode(message: &[u8]) -> Result<Self, Reject> {
        let mut reader = Reader::of("key generation certificate", message);
        check_word(&mut reader, "M_ModCertType", 2)?;
        check_word(&mut reader, "key generation flags", 0)?;
        match reader.word()? {
            2 => read_rsa_parameters(&mut reader)?,
            // A curve by its name.
            45 | 47 => {
                reader.word()?;
            }
            other => return Err(Reject::AlgorithmUnsupported { found: Operand::Number(other.into()) }),
        }
        let acl = acl::read(&mut reader)?;
        let key_hash = reader.hash()?;
        reader.finish()?;
        Ok(Self { acl, key_hash })
    }

    pub(super) fn key_hash(&self) -> Result<HashOf, Reject> {
        Ok(HashOf { what: "pubkeydata", hash: Hash::Sha1, digest: self.key_hash.to_vec() })
    }
}

fn read_rsa_parameters(reader: &mut Reader<'_>) -> Result<(), Reject> {
    let flags = reader.word()?;
    if flags & !7 != 0 {
        let found = Operand::Number(flags.into());
        return Err(Reject::FieldMismatch {
            field: "RSA generation flags",
            expected: Operand::Number(7),
            found,
        });
    }
    reader.word()?;
    if flags & 1 != 0 {
        reader.number()?;
    }
    if flags & 2 != 0 {
        reader.word()?;
    }
    Ok(())
}

fn check_word(reader: &mut Reader<'_>, field: &'static str, expected: u32) -> Result<(), Reject> {
    let found = reader.word()?;
    if found == expected {
        return Ok(());
    }
    let (expected, found) = (Operand::Number(expected.into()), Operand::Number(found.into()));
    Err(Reject::FieldMismatch { field, expected, found })
}
