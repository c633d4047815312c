//! Attributes of a private key that vendors took from PKCS#11, and what they say together.
//!
//! Source: PKCS#11 v3.1, section 4.9 (private key objects).
use pkic_facts::facts::Emission;
use pkic_vocab::words::Words;

/// The attributes that say whether a key may leave, or may have left. One that is absent is neither true nor false.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Protection {
    /// `CKA_EXTRACTABLE`.
    pub(crate) is_extractable: Option<bool>,
    /// `CKA_NEVER_EXTRACTABLE`.
    pub(crate) was_never_extractable: Option<bool>,
    /// `CKA_SENSITIVE`.
    pub(crate) is_sensitive: Option<bool>,
    /// `CKA_ALWAYS_SENSITIVE`.
    pub(crate) was_always_sensitive: Option<bool>,
}

impl Protection {
    /// In which form the key may leave, or may have left. None of the attributes keeps an owner from cloning and backing up
    /// keys among modules of its own, so that the least is `domain`, never `never`.
    fn export(self) -> Option<&'static str> {
        let stays = !self.is_extractable? && self.was_never_extractable?;
        let is_secret = self.is_sensitive? && self.was_always_sensitive?;
        Some(match (stays, is_secret) {
            (true, true) => "domain",
            (false, true) => "wrapped",
            (_, false) => "plain",
        })
    }

    /// Says `key.export`, where all that it takes is known.
    pub(crate) fn emit(self, to: &mut Emission) {
        if let Some(export) = self.export() {
            to.statement_word("key.export", Words::Export, export);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_left_counts_as_leaving() {
        let said = |is_extractable, was_never_extractable, is_sensitive, was_always_sensitive| {
            Protection {
                is_extractable: Some(is_extractable),
                was_never_extractable: Some(was_never_extractable),
                is_sensitive: Some(is_sensitive),
                was_always_sensitive: Some(was_always_sensitive),
            }
            .export()
        };
        assert_eq!(said(false, true, true, true), Some("domain"));
        assert_eq!(said(true, false, true, true), Some("wrapped"));
        assert_eq!(said(false, false, true, true), Some("wrapped"), "it was extractable once");
        assert_eq!(said(true, true, true, true), Some("wrapped"), "a contradiction counts for the worse");
        assert_eq!(said(true, false, false, false), Some("plain"));
        assert_eq!(said(false, false, true, false), Some("plain"), "an imported key was outside");
        assert_eq!(Protection { is_extractable: Some(false), ..Protection::default() }.export(), None);
    }
}
