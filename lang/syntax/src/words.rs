//! The reserved words, for messages and for recovery; the grammar has the same list.

/// Words that can't be names, in alphabetical order.
pub const RESERVED: &[&str] = &[
    "adopt",
    "advice",
    "all",
    "anchors",
    "any",
    "approve",
    "as",
    "at",
    "at-most",
    "authority",
    "before",
    "by",
    "certified-as",
    "cites",
    "contents",
    "critical",
    "declare",
    "default",
    "edition",
    "exception",
    "exists",
    "expect",
    "for",
    "forbid",
    "from",
    "in",
    "issued-by",
    "lab",
    "let",
    "mandate",
    "not",
    "oblige",
    "of",
    "one",
    "operations",
    "parent",
    "permit",
    "policy",
    "prefer",
    "profile",
    "reading",
    "reason",
    "refines",
    "refuse",
    "request",
    "role",
    "signers",
    "source",
    "state",
    "status",
    "tags",
    "test",
    "trust",
    "under",
    "unknown",
    "until",
    "unverified",
    "use",
    "waives",
    "warn",
    "when",
    "with",
    "within",
];

/// Whether a word can't be a name.
pub fn is_reserved(word: &str) -> bool {
    RESERVED.binary_search(&word).is_ok()
}

/// Whether a text is a name in shape: kebab-case, whether reserved or not.
pub(crate) fn is_kebab(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(is_part)
}
