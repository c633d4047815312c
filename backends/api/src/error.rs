//! What goes wrong with a store: what, where, and who can mend it.
use crate::uri::KeyUri;
use pkic_facts::crypto::Scheme;
use std::fmt;

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Problem {
    /// The URI, or what the deployment says of the store, is not fit for it.
    Configuration,
    /// The store has no such key.
    KeyUnknown,
    /// More than one key has that URI.
    KeyAmbiguous,
    /// The store knows the key and does not do this with it.
    Unsupported,
    /// A PIN, password or credential is missing, or the store refused it.
    Credentials,
    /// The store refused: the key's own policy, or the rights of the caller.
    Denied,
    /// The store cannot be reached, or was lost and did not come back.
    Unreachable,
    /// The store did not answer in time.
    TimedOut,
    /// The store asks to be asked less often, and still did after the retries.
    Throttled,
    /// The answer is not what the store's interface promises.
    Answer,
    /// A file could not be read or written.
    File,
}

impl Problem {
    /// The word in records and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Problem::Configuration => "configuration",
            Problem::KeyUnknown => "key-unknown",
            Problem::KeyAmbiguous => "key-ambiguous",
            Problem::Unsupported => "unsupported",
            Problem::Credentials => "credentials",
            Problem::Denied => "denied",
            Problem::Unreachable => "unreachable",
            Problem::TimedOut => "timed-out",
            Problem::Throttled => "throttled",
            Problem::Answer => "answer",
            Problem::File => "file",
        }
    }

    /// Whether the same call may succeed later with nothing changed.
    pub const fn is_passing(self) -> bool {
        matches!(self, Problem::Unreachable | Problem::TimedOut | Problem::Throttled)
    }
}

/// A store's refusal or failure. It never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// Of what kind it is.
    pub problem: Problem,
    /// Where: the key's URI, or the store.
    pub at: String,
    /// What happened.
    pub what: String,
    /// How to mend it.
    pub help: String,
}

impl StoreError {
    /// A failure of that kind at a key or store.
    pub fn new(
        problem: Problem,
        at: impl fmt::Display,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> StoreError {
        StoreError { problem, at: at.to_string(), what: what.into(), help: help.into() }
    }

    /// A URI that belongs to another kind of store.
    pub fn wrong_scheme(uri: &KeyUri, kind: &str) -> StoreError {
        let what = format!("a {kind} store has no keys under `{}:`", uri.scheme().name());
        StoreError::new(Problem::Configuration, uri, what, "name the store that the URI belongs to")
    }

    /// A URI at which there is no key.
    pub fn key_unknown(uri: &KeyUri, help: impl Into<String>) -> StoreError {
        StoreError::new(Problem::KeyUnknown, uri, "the store has no such key", help)
    }

    /// A scheme that is none of the key's.
    pub fn scheme_unsupported(uri: &KeyUri, scheme: Scheme) -> StoreError {
        let what = format!("the key does not sign with `{}`", scheme.name());
        StoreError::new(Problem::Unsupported, uri, what, "`pkic store probe` lists what it does")
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.at, self.what, self.help)
    }
}

impl std::error::Error for StoreError {}
