//! What the parser has to say about a file.

use alloc::string::String;

use crate::ast::Span;

/// One thing that is wrong with the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The code, a key of [`crate::codes::CODES`].
    pub code: &'static str,
    /// The text it is about.
    pub span: Span,
    /// One sentence, lower case, no final stop.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// An edit that mends it and can't change the meaning of anything else.
    pub fix: Option<Edit>,
}

/// Replace the text of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// What stands there afterwards.
    pub text: String,
}
