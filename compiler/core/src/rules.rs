//! The rules: every code that a diagnostic can have, with its page.
use crate::diagnostic::Severity;

/// A rule of the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// `E0101`; warnings begin with `W`.
    pub code: &'static str,
    /// Name in kebab-case.
    pub name: &'static str,
    /// Whether it stops the compilation.
    pub severity: Severity,
    /// One sentence.
    pub summary: &'static str,
    /// Its page, in Markdown: meaning, a failing example, the mended example, the rationale.
    pub page: &'static str,
}

/// Every rule, sorted by code.
pub const RULES: &[Rule] = &[];

/// The rule of that code.
pub fn by_code(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}
