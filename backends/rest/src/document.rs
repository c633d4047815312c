//! Reading JSON answers: a member that is missing, or of another type, is an error that names it.
use crate::client::Answer;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pkic_backend::error::{Problem, StoreError};
use serde_json::Value;

/// Characters of a service's own message that an error repeats.
const MESSAGE_LEN_MAX: usize = 300;

/// A JSON answer. Members are named by JSON pointers (RFC 6901).
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    at: String,
    value: Value,
}

impl Document {
    /// Reads an answer about what is at `at`. Its length was limited when it was received, its depth is by the parser.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Answer` where it is no JSON object.
    pub fn read(answer: &Answer, at: &str) -> Result<Document, StoreError> {
        let value = serde_json::from_slice(&answer.body).ok().filter(Value::is_object);
        let value = value.ok_or_else(|| {
            unfit(at, format!("the answer of {} bytes is no JSON object", answer.body.len()))
        })?;
        Ok(Document { at: at.to_owned(), value })
    }

    /// A part of an answer that was read before.
    pub fn of(value: Value, at: &str) -> Document {
        Document { at: at.to_owned(), value }
    }

    /// A member, where it is there and is not null.
    pub fn member(&self, pointer: &str) -> Option<&Value> {
        self.value.pointer(pointer).filter(|value| !value.is_null())
    }

    /// A text, where it is there.
    pub fn maybe_text(&self, pointer: &str) -> Option<&str> {
        self.member(pointer).and_then(Value::as_str)
    }

    /// A text.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Answer` where it is missing or no text.
    pub fn text(&self, pointer: &str) -> Result<&str, StoreError> {
        self.maybe_text(pointer).ok_or_else(|| self.lacks(pointer, "a text"))
    }

    /// The elements of a list; a list that is missing is empty.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Answer` where it is no list.
    pub fn list(&self, pointer: &str) -> Result<&[Value], StoreError> {
        match self.member(pointer) {
            None => Ok(&[]),
            Some(Value::Array(elements)) => Ok(elements),
            Some(_) => Err(self.lacks(pointer, "a list")),
        }
    }

    /// Octets in base64 with padding.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Answer`.
    pub fn base64(&self, pointer: &str) -> Result<Vec<u8>, StoreError> {
        STANDARD.decode(self.text(pointer)?).map_err(|_| self.lacks(pointer, "base64"))
    }

    /// Octets in base64url without padding.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Answer`.
    pub fn base64url(&self, pointer: &str) -> Result<Vec<u8>, StoreError> {
        let text = self.text(pointer)?.trim_end_matches('=');
        URL_SAFE_NO_PAD.decode(text).map_err(|_| self.lacks(pointer, "base64url"))
    }

    /// Asserts that a text is what was asked about: an answer about another key is none.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Answer`.
    pub fn is_about(&self, pointer: &str, expected: &str) -> Result<(), StoreError> {
        let found = self.text(pointer)?;
        if found == expected {
            return Ok(());
        }
        let what = format!("the answer has `{}` as {}, and not `{expected}`", plain(found), dotted(pointer));
        Err(unfit(&self.at, what))
    }

    fn lacks(&self, pointer: &str, kind: &str) -> StoreError {
        unfit(&self.at, format!("the answer has no {} that is {kind}", dotted(pointer)))
    }
}

/// An answer that is not what the interface promises.
pub fn unfit(at: &str, what: impl Into<String>) -> StoreError {
    StoreError::new(Problem::Answer, at, what, "see that the endpoint is the service's own")
}

/// A service's message on one line and of bounded length.
pub fn plain(message: &str) -> String {
    let line = message.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(MESSAGE_LEN_MAX).collect()
}

/// A pointer as people write it.
fn dotted(pointer: &str) -> String {
    format!("`{}`", pointer.trim_start_matches('/').replace('/', "."))
}
