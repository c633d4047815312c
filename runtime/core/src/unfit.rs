//! A part of a certificate or request that no fact can stand for.
use std::fmt;

/// Why a part of a certificate or request cannot become a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The part: a field's name, or the dotted OID of an attribute or extension.
    pub part: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Unfit {
    pub(crate) fn new(part: &str, why: &'static str) -> Unfit {
        Unfit { part: part.to_owned(), why }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.part, self.why)
    }
}

impl std::error::Error for Unfit {}
