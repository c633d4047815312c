//! Pages of the codes that are not the compiler's: of test runs and of deployment files.

/// A code of this crate.
pub(crate) struct Code {
    /// `E0503`; a warning's begins with `W`.
    pub(crate) code: &'static str,
    /// One sentence.
    pub(crate) summary: &'static str,
    /// Its page, in Markdown.
    pub(crate) page: &'static str,
}

impl Code {
    /// How bad it is.
    pub(crate) fn severity(&self) -> &'static str {
        if self.code.starts_with('W') { "warning" } else { "error" }
    }
}

macro_rules! codes {
    ($($code:literal $summary:literal)*) => {
        /// The codes, in order.
        pub(crate) const CODES: &[Code] = &[
            $(Code { code: $code, summary: $summary, page: include_str!(concat!("pages/", $code, ".md")) }),*
        ];
    };
}

codes! {
    "E0503" "a test came out otherwise"
    "E0504" "a test cannot be run"
    "E0601" "a deployment file that is no TOML"
    "E0602" "a setting that there is not"
    "E0603" "a value that does not fit its setting"
    "E0604" "a setting is missing"
    "E0605" "a secret stands in the deployment file"
    "E0606" "a key URI that leads to no key"
    "E0607" "a name that is declared nowhere"
    "E0608" "a file that cannot be used"
    "E0609" "a policy that this deployment may not load"
    "E0610" "a key store that does not give the key"
    "W0611" "a key URI that other tools read differently"
    "W0612" "a setting without effect"
    "W0613" "what only shows where the deployment runs"
}

/// What a code is about, in one sentence.
pub(crate) fn summary(code: &str) -> Option<&'static str> {
    CODES.iter().find(|own| own.code == code).map(|own| own.summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_nobody_elses() {
        for entry in CODES {
            assert!(pkic_compiler::rules::by_code(entry.code).is_none(), "{}", entry.code);
            assert!(entry.page.starts_with(&format!("# {} ", entry.code)));
        }
        assert!(CODES.is_sorted_by_key(|entry| entry.code.trim_start_matches(['E', 'W'])));
    }
}
