//! What goes wrong with a log, a note or an entry, each with what was found and how to mend it.
use pkic_facts::crypto::Sha256Digest;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a signed note, a key or a receipt is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoteError {
    /// The text of a key is no key, or its key id is not that of the key, or it is of the other kind.
    Key,
    /// The bytes are no signed note, no checkpoint or no receipt.
    Malformed,
    /// A key's name is empty, too long, or has spaces, control characters or a plus sign.
    Name,
    /// The proof does not lead from the entry to the root.
    NotIncluded {
        /// The index that the receipt claims.
        index: u64,
        /// The size of its checkpoint.
        size: u64,
    },
    /// The checkpoint is of another log.
    Origin {
        /// The log of the key.
        expected: String,
        /// The log that the checkpoint names.
        found: String,
    },
    /// A signature under the name and id of a known key does not hold.
    Signature {
        /// The key's name.
        name: String,
    },
    /// The bytes are over the limit of their kind.
    TooLong,
    /// The key signed nothing here.
    Unsigned {
        /// The key's name.
        name: String,
    },
}

impl NoteError {
    /// How to mend it.
    pub fn help(&self) -> &'static str {
        match self {
            NoteError::Key => "give the whole line of the key, as it was written when the key was made",
            NoteError::Malformed | NoteError::TooLong => "fetch the file again from where the log is kept",
            NoteError::Name => "name the key like a URL without scheme: `ca.example/log`",
            NoteError::NotIncluded { .. } => "compare the entry with the one that was logged, byte by byte",
            NoteError::Origin { .. } => "give the key of the log that signed this",
            NoteError::Signature { .. } => "treat it as forged or damaged, and ask for the original",
            NoteError::Unsigned { .. } => "give the key of whoever signed this",
        }
    }
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoteError::Key => f.write_str("this is not the text of a key of this kind"),
            NoteError::Malformed => f.write_str("this does not read as what it should be"),
            NoteError::Name => f.write_str("this cannot be the name of a key"),
            NoteError::NotIncluded { index, size } => {
                write!(f, "the proof does not show this entry at index {index} of {size}")
            }
            NoteError::Origin { expected, found } => {
                write!(f, "the checkpoint is of the log `{found}`, and the key of `{expected}`")
            }
            NoteError::Signature { name } => write!(f, "the signature of `{name}` does not hold"),
            NoteError::TooLong => f.write_str("this is longer than any of its kind"),
            NoteError::Unsigned { name } => write!(f, "`{name}` did not sign this"),
        }
    }
}

impl std::error::Error for NoteError {}

/// Why an entry cannot be written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryError {
    /// The kind is no word of at most 64 letters, digits and hyphens.
    Kind,
    /// The bytes are not the one encoding of an entry.
    Malformed,
    /// The entry with its header is over 65,535 bytes: keep the payload as an object and name its digest.
    TooLong {
        /// Its size.
        len_bytes: usize,
    },
    /// More spent ids, sequences or objects than one entry may have, or a sequence's name is too long.
    TooMany,
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntryError::Kind => f.write_str("the kind of an entry is a word of letters, digits and hyphens"),
            EntryError::Malformed => f.write_str("the bytes are no entry, or another spelling of one"),
            EntryError::TooLong { len_bytes } => write!(f, "an entry of {len_bytes} bytes is over 65,535"),
            EntryError::TooMany => f.write_str("the entry spends, counts or names more than one entry may"),
        }
    }
}

impl std::error::Error for EntryError {}

/// Why the log did not do what it was asked.
#[derive(Debug, Clone)]
pub enum LogError {
    /// An id was spent before.
    AlreadySpent {
        /// The id.
        id: Sha256Digest,
        /// The entry that spent it.
        index: u64,
    },
    /// A file of the log does not hold what it must.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        what: &'static str,
    },
    /// An entry does not read, or cannot be written.
    Entry {
        /// Its index, where it stands in the log.
        index: Option<u64>,
        /// What is wrong.
        source: EntryError,
    },
    /// There is something in the directory where a log was to be made.
    Exists {
        /// The file that is there.
        path: PathBuf,
    },
    /// The log's key signed another root than the entries have: the log was forked, or its entries were changed.
    Forked {
        /// The size of the signed tree.
        size: u64,
        /// The root that was signed.
        signed: Sha256Digest,
        /// The root of the entries.
        found: Sha256Digest,
    },
    /// The device or the operating system failed.
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What it said.
        source: Arc<io::Error>,
    },
    /// Another process, or another handle of this one, writes this log.
    Locked {
        /// The file with the lock.
        path: PathBuf,
    },
    /// There is no such entry.
    NoEntry {
        /// The index that was asked for.
        index: u64,
        /// Entries of the log.
        size: u64,
    },
    /// A signed note does not hold.
    Note {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: NoteError,
    },
    /// The entry closes one that is not open.
    NotOpen {
        /// The index that it names.
        index: u64,
    },
    /// An object is over the limit.
    ObjectTooLong {
        /// Its size.
        len_bytes: usize,
    },
    /// An object that an entry names is not kept here.
    ObjectUnknown {
        /// Its digest.
        digest: Sha256Digest,
    },
    /// An earlier failure left it open what stands on the disk: open the log again once its cause is mended.
    Poisoned {
        /// The failure.
        cause: Arc<LogError>,
    },
    /// A sequence number is lower than one that the log has.
    SequenceLower {
        /// What is numbered.
        name: String,
        /// The highest in the log.
        seen: u64,
        /// The one given.
        given: u64,
    },
    /// The log has fewer entries than its key signed: it was cut, or is an old copy.
    Shortened {
        /// The size that was signed.
        signed: u64,
        /// Entries found.
        found: u64,
    },
    /// A proof asked for a tile that a tree of this size does not have.
    TileOutside {
        /// Level of the tile.
        level: u32,
        /// Its index.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
}

impl LogError {
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogError {
        let path = path.to_owned();
        move |source| LogError::Io { operation, path, source: Arc::new(source) }
    }

    pub(crate) fn note(path: &Path) -> impl FnOnce(NoteError) -> LogError {
        let path = path.to_owned();
        move |source| LogError::Note { path, source }
    }

    /// How to mend it.
    pub fn help(&self) -> &'static str {
        match self {
            LogError::AlreadySpent { .. } => "ask for a fresh one",
            LogError::Damaged { .. } => {
                "restore the directory from a copy that is as new as the last checkpoint"
            }
            LogError::Entry { source: EntryError::TooLong { .. }, .. } => {
                "keep what is large as an object, and name its digest in the entry"
            }
            LogError::Entry { .. } => "read the log with the version of pkic that wrote it",
            LogError::Exists { .. } => "open the log that is there, or choose an empty directory",
            LogError::Forked { .. } => "keep both as evidence, and find out who else had the log's key",
            LogError::Io { .. } => "mend what the operating system names, then open the log again",
            LogError::Locked { .. } => "stop the other writer, or have it write this entry",
            LogError::NoEntry { .. } => "ask for an index below the size of the checkpoint",
            LogError::Note { source, .. } => source.help(),
            LogError::NotOpen { .. } => "an entry is closed once; read the one that closed it",
            LogError::ObjectTooLong { .. } => "split the object",
            LogError::ObjectUnknown { .. } => "put the object into the log before the entry that names it",
            LogError::Poisoned { .. } => {
                "mend the cause and open the log again; what was acknowledged is kept"
            }
            LogError::SequenceLower { .. } => "give the newest edition",
            LogError::Shortened { .. } => "find the copy with all entries; do not write to this one",
            LogError::TileOutside { .. } => "verify the whole log",
        }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogError::AlreadySpent { id, index } => write!(f, "{id} was spent by entry {index}"),
            LogError::Damaged { path, what } => write!(f, "`{}` is damaged: {what}", path.display()),
            LogError::Entry { index: Some(index), source } => write!(f, "entry {index}: {source}"),
            LogError::Entry { index: None, source } => write!(f, "{source}"),
            LogError::Exists { path } => write!(f, "`{}` exists", path.display()),
            LogError::Forked { size, signed, found } => {
                write!(f, "of the first {size} entries the root is {found}, and {signed} was signed")
            }
            LogError::Io { operation, path, source } => {
                write!(f, "cannot {operation} `{}`: {source}", path.display())
            }
            LogError::Locked { path } => write!(f, "another writer holds `{}`", path.display()),
            LogError::NoEntry { index, size } => write!(f, "there is no entry {index} among {size}"),
            LogError::Note { path, source } => write!(f, "`{}`: {source}", path.display()),
            LogError::NotOpen { index } => write!(f, "entry {index} is not open"),
            LogError::ObjectTooLong { len_bytes } => write!(f, "an object of {len_bytes} bytes is too long"),
            LogError::ObjectUnknown { digest } => write!(f, "the object {digest} is not kept here"),
            LogError::Poisoned { cause } => write!(f, "the log stopped after a failure: {cause}"),
            LogError::SequenceLower { name, seen, given } => {
                write!(f, "`{name}` has sequence {given}, and the log has seen {seen}")
            }
            LogError::Shortened { signed, found } => {
                write!(f, "the log has {found} entries, and {signed} were signed")
            }
            LogError::TileOutside { level, index, size } => {
                write!(f, "a tree of {size} entries has no tile {index} of level {level}")
            }
        }
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LogError::Entry { source, .. } => Some(source),
            LogError::Io { source, .. } => Some(source.as_ref()),
            LogError::Note { source, .. } => Some(source),
            LogError::Poisoned { cause } => Some(cause.as_ref()),
            _ => None,
        }
    }
}
