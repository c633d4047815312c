//! Why bytes are no program, or a program is not well formed.
use alloc::string::String;
use core::fmt;

/// Why bytes were not taken as a program. An answer about the input; the first thing wrong is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes at this offset are no CBOR item of the kind that stands here.
    Malformed {
        /// Offset in bytes.
        at: usize,
        /// What should stand here.
        what: &'static str,
    },
    /// Another version of the format.
    Version {
        /// The version that the bytes state.
        found: u64,
    },
    /// Something is longer, deeper or more than its limit.
    Limit {
        /// What is too long.
        what: &'static str,
        /// Its place: an offset in bytes while decoding, an index while checking.
        at: usize,
        /// How long it is.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// A word, fact or other name that the vocabulary does not have.
    UnknownName {
        /// Offset in bytes.
        at: usize,
        /// What it should be the name of.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Bytes after the end of the program.
    Trailing {
        /// Offset of the first of them.
        at: usize,
    },
    /// The same program has other bytes: these are not its canonical ones.
    NotCanonical,
    /// An index names nothing, or something that does not stand before it.
    Index {
        /// What it should name.
        what: &'static str,
        /// Index of the entry that holds it.
        at: usize,
    },
    /// Entries are not sorted, or one stands twice.
    Order {
        /// What is out of order.
        what: &'static str,
        /// Index of the later entry.
        at: usize,
    },
    /// A value, relation or operand does not fit the type of what it stands with.
    Type {
        /// What does not fit.
        what: &'static str,
        /// Index of the entry that holds it.
        at: usize,
    },
    /// Something holds nothing that must hold something.
    Empty {
        /// What is empty.
        what: &'static str,
        /// Index of the entry that holds it.
        at: usize,
    },
    /// A profile states another cost than a decision on it has.
    Cost {
        /// Index of the profile.
        at: usize,
        /// What it states.
        stated: u64,
        /// What it is.
        found: u64,
    },
    /// `from` does not stand before `before`, or `min` is over `max`.
    Range {
        /// What has no extent.
        what: &'static str,
        /// Index of the entry that holds it.
        at: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Malformed { at, what } => write!(f, "byte {at}: expected {what}"),
            DecodeError::Version { found } => {
                write!(f, "version {found} of the program format, this build reads {}", crate::FORMAT_VERSION)
            }
            DecodeError::Limit { what, at, found, max } => {
                write!(f, "{what} at {at}: {found} is over the limit of {max}")
            }
            DecodeError::UnknownName { at, what, name } => write!(f, "byte {at}: no {what} `{name}`"),
            DecodeError::Trailing { at } => write!(f, "byte {at}: the program ends here, the bytes do not"),
            DecodeError::NotCanonical => f.write_str("the bytes are not the canonical ones of their program"),
            DecodeError::Index { what, at } => write!(f, "entry {at}: its {what} does not exist before it"),
            DecodeError::Order { what, at } => write!(f, "{what} {at} is out of order or stands twice"),
            DecodeError::Type { what, at } => write!(f, "entry {at}: its {what} does not fit"),
            DecodeError::Empty { what, at } => write!(f, "entry {at}: its {what} is empty"),
            DecodeError::Cost { at, stated, found } => {
                write!(f, "profile {at}: it states a cost of {stated}, a decision on it costs {found}")
            }
            DecodeError::Range { what, at } => write!(f, "entry {at}: its {what} has no extent"),
        }
    }
}

impl core::error::Error for DecodeError {}
