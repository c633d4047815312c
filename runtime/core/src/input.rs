//! What the caller gives beside the request: claims and what it vouches for, as JSON; and what is wrong with an input.
use pkic_facts::json::{Entries, value_of};
use pkic_facts::reject::Reject;
use pkic_vocab::{CATALOGUE, FactDef, FactId, Subject, Value, limits};
use std::fmt;

/// Bytes of one JSON input: a fact has at most 32 kB, and few facts are long.
pub const JSON_LEN_BYTES_MAX: usize = 256 << 10;

/// An input that cannot be used: what, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// Name of the input: a file, or `request`, `profile`.
    pub input: String,
    /// The line, from 1, where the input is text.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub help: String,
}

impl InputError {
    pub(crate) fn new(input: &str, what: impl Into<String>, help: impl Into<String>) -> InputError {
        InputError { input: input.to_owned(), line: None, what: what.into(), help: help.into() }
    }

    pub(crate) fn rejected(input: &str, reject: &Reject, help: &str) -> InputError {
        InputError::new(input, reject.to_string(), help)
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}; {}", self.input, self.what, self.help),
            None => write!(f, "{}: {}; {}", self.input, self.what, self.help),
        }
    }
}

impl std::error::Error for InputError {}

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The requester: grade claimed, about its key, module, platform and itself.
    Requester,
    /// The embedding CA: grade observed, about the requester and about certificates that it issued before.
    Authority,
}

impl Speaker {
    /// Whether it may speak of a fact. What is decoded from the request, the certificate or the evidence itself is
    /// nobody's to say.
    fn may_say(self, def: &FactDef) -> bool {
        const DECODED: [&str; 6] = [
            "key.algorithm",
            "key.size",
            "key.strength",
            "request.operation",
            "request.proof-of-possession",
            "request.public-key",
        ];
        let of_requester = def.path.starts_with("request.") && !DECODED.contains(&def.path);
        match self {
            Speaker::Requester => {
                let about_key = matches!(def.subject, Subject::Key | Subject::Module | Subject::Platform);
                of_requester || (about_key && !DECODED.contains(&def.path))
            }
            Speaker::Authority => of_requester || def.subject == Subject::Record,
        }
    }
}

/// Facts that a caller gives, each checked against the catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    entries: Vec<(&'static str, Value)>,
}

impl Given {
    /// Nothing is given.
    pub const NONE: &'static Given = &Given { entries: Vec::new() };

    /// Reads a JSON object from paths to values: `{"request.tags": ["pci"], "request.requester.id": "ra-7"}`.
    ///
    /// A word, date, span or name is a string as policies write it; a list is an array; a record is an object.
    ///
    /// # Errors
    /// [`InputError`] for JSON that does not read or says a path twice, a path that is unknown or not the speaker's
    /// to say, and a value that does not fit its path.
    pub fn from_json(input: &str, bytes: &[u8], speaker: Speaker) -> Result<Given, InputError> {
        if bytes.len() > JSON_LEN_BYTES_MAX {
            let what = format!("{} bytes, the limit is {JSON_LEN_BYTES_MAX}", bytes.len());
            return Err(InputError::new(input, what, "give fewer facts"));
        }
        let Entries(entries) = serde_json::from_slice(bytes).map_err(|error| InputError {
            input: input.to_owned(),
            line: (error.line() > 0).then(|| error.line()),
            what: error.to_string(),
            help: "write one JSON object from fact paths to values".to_owned(),
        })?;
        let entries = entries.into_iter().map(|(path, value)| read_entry(input, &path, &value, speaker));
        Ok(Given { entries: entries.collect::<Result<_, _>>()? })
    }

    /// The facts, in the order in which they were given.
    pub fn entries(&self) -> &[(&'static str, Value)] {
        &self.entries
    }
}

fn read_entry(
    input: &str,
    path: &str,
    value: &serde_json::Value,
    speaker: Speaker,
) -> Result<(&'static str, Value), InputError> {
    let Some(fact) = FactId::from_path(path) else {
        let known = CATALOGUE.iter().map(|def| def.path).filter(|known| speaker_knows(speaker, known));
        return Err(InputError::new(input, format!("unknown fact `{path}`"), did_you_mean(path, known)));
    };
    let def = fact.def();
    if !speaker.may_say(def) || def.is_keyed() {
        let help = match speaker {
            Speaker::Requester => "claims are about the key, its module, its platform and the requester",
            Speaker::Authority => "the authority vouches for `request.*`, `predecessor.*` and `companion.*`",
        };
        return Err(InputError::new(input, format!("`{path}` cannot be given here"), help));
    }
    let value = value_of(def.ty, value).map_err(|what| {
        InputError::new(input, format!("`{path}`: {what}"), format!("its type is {}", def.ty.name()))
    })?;
    Ok((def.path, value))
}

fn speaker_knows(speaker: Speaker, path: &str) -> bool {
    FactId::from_path(path).is_some_and(|fact| speaker.may_say(fact.def()))
}

/// The help for an unknown name: the nearest of the known ones.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match known.min_by_key(|known| distance(known, name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "there is none to name".to_owned(),
    }
}

/// Single-character edits from one path to another. Both are short.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().take(limits::LIST_LEN_MAX).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, have) in from.chars().enumerate() {
        let mut next = vec![index.saturating_add(1)];
        for ((want, diagonal), above) in to.iter().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or_default();
            let change = diagonal.saturating_add(usize::from(*want != have));
            next.push(change.min(above.saturating_add(1)).min(left.saturating_add(1)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
