//! Pages of the codes that only a run can find; those of the compiler are its own.

/// A code of this crate.
pub(crate) struct Code {
    /// `E0503`.
    pub(crate) code: &'static str,
    /// One sentence.
    pub(crate) summary: &'static str,
    /// Its page, in Markdown.
    pub(crate) page: &'static str,
}

/// Codes of `pkic test`.
pub(crate) const CODES: &[Code] = &[
    Code { code: "E0503", summary: "a test came out otherwise", page: include_str!("pages/E0503.md") },
    Code { code: "E0504", summary: "a test cannot be run", page: include_str!("pages/E0504.md") },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_nobody_elses() {
        for entry in CODES {
            assert!(pkic_compiler::rules::by_code(entry.code).is_none(), "{}", entry.code);
            assert!(entry.page.starts_with(&format!("# {} ", entry.code)));
        }
    }
}
