//! The access control list that a key was generated with, and in which form it lets the private key leave.
//!
//! Lists are read to the end: what an unknown action or flag allows is not known, so it is refused. A group that needs
//! somebody's certificate counts as if it were given.
//! Source: Entrust, nShield app notes "Wire format" (ACL format) and "Key Attestation Format" (ACL verification).
use super::ncore::{KeyHash, Reader};
use pkic_facts::reject::{Operand, Reject};

/// Groups of one list, limits and actions of one group. Real lists have three groups at most.
const ITEMS_MAX: usize = 32;

const EXPORT_AS_PLAIN: u32 = 0x4;
const EXPAND_ACL: u32 = 0x40;
/// SetAppData, UseAsBlobKey, UseAsKM, UseAsLoaderKey: no business of a key that signs.
const FORBIDDEN: u32 = 0x10 | 0x400 | 0x800 | 0x4000;
const OPERATIONS_KNOWN: u32 = 0xffff;
/// `DeriveMech_PublicFromPrivate`.
const PUBLIC_FROM_PRIVATE: u32 = 29;

/// Hashes of the well-known module keys, of 3DES and AES worlds. Every module has one, and its value is public: a blob
/// under it is the key itself.
const WELL_KNOWN_KEYS: [KeyHash; 2] = [
    *b"\x1d\x57\x22\x01\xbe\x53\x3e\xbc\x89\xf3\x0f\xdd\x8f\x3f\xac\x6c\xa3\x39\x5b\xf0",
    *b"\xc2\xbe\x99\xfe\x1c\x77\xf1\xb7\x5d\x48\xe2\xfd\x2d\xf8\xdf\xfc\x0c\x96\x9b\xcb",
];

/// A permission group, as far as it bears on export.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Whether its actions need a certificate of another key, such as the security officer's.
    is_certified: bool,
    actions: Vec<Action>,
}

#[derive(Debug, Clone)]
enum Action {
    Operations(u32),
    MakeArchiveBlob,
    MakeBlob(MakeBlob),
    DerivePublic,
}

#[derive(Debug, Clone)]
struct MakeBlob {
    module_key: Option<KeyHash>,
    is_bound: bool,
}

/// `M_ACL`.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Vec<Group>, Reject> {
    let count = reader.count(ITEMS_MAX)?;
    (0..count).map(|_| read_group(reader)).collect()
}

/// Where the key may go, least first: the words of `key.export`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Export {
    Never,
    Domain,
    Wrapped,
    Plain,
}

impl Export {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Export::Never => "never",
            Export::Domain => "domain",
            Export::Wrapped => "wrapped",
            Export::Plain => "plain",
        }
    }
}

/// The farthest that any group lets the key go. A blob under the world's module key stays in the owner's modules
/// (`domain`); one under another key, in an archive, or made with somebody's certificate is `wrapped`; one under a key
/// that is public or not named is `plain`, as is whatever may still be allowed later.
///
/// # Errors
/// [`Reject::PropertyRefused`] for operations that no signing key needs.
pub(super) fn export(groups: &[Group], world_key: Option<KeyHash>) -> Result<Export, Reject> {
    let mut farthest = Export::Never;
    for group in groups {
        for action in &group.actions {
            farthest = farthest.max(export_of(action, world_key)?);
        }
        if group.is_certified {
            farthest = farthest.max(Export::Wrapped);
        }
    }
    Ok(farthest)
}

fn export_of(action: &Action, world_key: Option<KeyHash>) -> Result<Export, Reject> {
    match action {
        Action::Operations(operations) if operations & (FORBIDDEN | !OPERATIONS_KNOWN) != 0 => {
            Err(refused("ACL operations", "those of a signing key", *operations))
        }
        Action::Operations(operations) if operations & (EXPORT_AS_PLAIN | EXPAND_ACL) != 0 => {
            Ok(Export::Plain)
        }
        Action::Operations(_) | Action::DerivePublic => Ok(Export::Never),
        Action::MakeArchiveBlob => Ok(Export::Wrapped),
        Action::MakeBlob(blob) => Ok(match blob.module_key {
            None => Export::Plain,
            Some(key) if WELL_KNOWN_KEYS.contains(&key) => Export::Plain,
            Some(key) if Some(key) == world_key && blob.is_bound => Export::Domain,
            Some(_) => Export::Wrapped,
        }),
    }
}

fn read_group(reader: &mut Reader<'_>) -> Result<Group, Reject> {
    let flags = known(reader.word()?, 0x6f, "ACL group flags")?;
    for _ in 0..reader.count(ITEMS_MAX)? {
        match reader.word()? {
            1 | 6 => {
                reader.hash()?;
                reader.word()?;
            }
            3 => {
                reader.word()?;
            }
            other => return Err(refused("ACL use limit", "Global, Time or Auth", other)),
        }
    }
    let count = reader.count(ITEMS_MAX)?;
    let actions = (0..count).map(|_| read_action(reader)).collect::<Result<Vec<_>, _>>()?;
    if flags & 0x1 != 0 {
        reader.hash()?;
    }
    if flags & 0x4 != 0 {
        reader.hash()?;
        reader.word()?;
    }
    if flags & 0x8 != 0 {
        reader.text()?;
    }
    if flags & 0x40 != 0 {
        reader.hash_ex()?;
        reader.word()?;
    }
    Ok(Group { is_certified: flags & (0x1 | 0x4 | 0x40) != 0, actions })
}

fn read_action(reader: &mut Reader<'_>) -> Result<Action, Reject> {
    match reader.word()? {
        1 => Ok(Action::Operations(reader.word()?)),
        2 => read_make_blob(reader).map(Action::MakeBlob),
        3 => {
            let flags = known(reader.word()?, 0x3, "MakeArchiveBlob flags")?;
            reader.word()?;
            if flags & 0x1 != 0 {
                reader.hash()?;
            }
            if flags & 0x2 != 0 {
                read_blob_file(reader)?;
            }
            Ok(Action::MakeArchiveBlob)
        }
        5 | 47 => {
            let flags = reader.word()?;
            reader.word()?;
            let mechanism = reader.word()?;
            let other_keys = reader.word()?;
            match (mechanism, flags, other_keys) {
                (PUBLIC_FROM_PRIVATE, 0, 0) => Ok(Action::DerivePublic),
                _ => Err(refused("ACL DeriveKey mechanism", "PublicFromPrivate", mechanism)),
            }
        }
        other => {
            let known = "OpPermissions, MakeBlob, MakeArchiveBlob or DeriveKey";
            Err(refused("ACL action", known, other))
        }
    }
}

fn read_make_blob(reader: &mut Reader<'_>) -> Result<MakeBlob, Reject> {
    let flags = known(reader.word()?, 0x7f, "MakeBlob flags")?;
    let module_key = if flags & 0x4 != 0 { Some(reader.hash()?) } else { None };
    if flags & 0x8 != 0 {
        reader.hash()?;
    }
    if flags & 0x10 != 0 {
        for _ in ["flags", "sharesneeded", "sharestotal", "timelimit"] {
            reader.word()?;
        }
    }
    if flags & 0x40 != 0 {
        read_blob_file(reader)?;
    }
    // The module key alone, or a token that is named; and no token that the module key does not protect.
    Ok(MakeBlob { module_key, is_bound: flags & (0x1 | 0x8) != 0 && flags & 0x20 == 0 })
}

fn read_blob_file(reader: &mut Reader<'_>) -> Result<(), Reject> {
    let flags = known(reader.word()?, 0x3, "blob file flags")?;
    if flags & 0x1 != 0 {
        reader.word()?;
    }
    if flags & 0x2 != 0 {
        reader.hash()?;
    }
    Ok(())
}

fn known(flags: u32, known: u32, field: &'static str) -> Result<u32, Reject> {
    if flags & !known == 0 { Ok(flags) } else { Err(refused(field, "flags that are known", flags)) }
}

fn refused(field: &'static str, expected: &'static str, found: u32) -> Reject {
    Reject::PropertyRefused { field, expected: Operand::Word(expected), found: Operand::Number(found.into()) }
}
