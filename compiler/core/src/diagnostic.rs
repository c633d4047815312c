//! What the compiler says to the author of a policy.
use core::ops::Range;

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// There is no program until it is mended.
    Error,
    /// Certain, but allowed.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word for reports.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// One finding in a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Code of its rule: a key of [`crate::rules::RULES`].
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence, lower case, no final stop; the policy's text stands in backticks.
    pub message: String,
    /// Index into the files that were given.
    pub file: usize,
    /// The text it is about, in bytes of that file.
    pub span: Range<u32>,
    /// What to write under that text; may be empty.
    pub label: String,
    /// Other places that matter.
    pub related: Vec<Related>,
    /// Further facts, one a line.
    pub notes: Vec<String>,
    /// How to mend it.
    pub help: Option<String>,
    /// An edit that mends it.
    pub fix: Option<Fix>,
}

/// Another place that a diagnostic points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Index into the files that were given.
    pub file: usize,
    /// The text, in bytes of that file.
    pub span: Range<u32>,
    /// What it has to do with the finding.
    pub text: String,
}

/// An edit: replace a span by a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Index into the files that were given.
    pub file: usize,
    /// What is replaced, in bytes of that file; an empty span inserts.
    pub span: Range<u32>,
    /// What stands there afterwards.
    pub text: String,
    /// Whether it can be made without a look: it says what the author has said already.
    pub safe: bool,
}

impl Diagnostic {
    /// An error about a span of a file.
    pub fn error(
        code: &'static str,
        file: usize,
        span: Range<u32>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            file,
            span,
            label: String::new(),
            related: Vec::new(),
            notes: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// A warning about a span of a file.
    pub fn warning(
        code: &'static str,
        file: usize,
        span: Range<u32>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, file, span, message) }
    }

    /// With text under the span.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = label.into();
        self
    }

    /// With a way to mend it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// With a further fact.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    /// With another place that matters.
    #[must_use]
    pub fn with_related(mut self, file: usize, span: Range<u32>, text: impl Into<String>) -> Diagnostic {
        self.related.push(Related { file, span, text: text.into() });
        self
    }

    /// With an edit in the same file.
    #[must_use]
    pub fn with_fix(mut self, span: Range<u32>, text: impl Into<String>, safe: bool) -> Diagnostic {
        self.fix = Some(Fix { file: self.file, span, text: text.into(), safe });
        self
    }
}
