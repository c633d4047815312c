//! What PKCS #11 says of a key and its token, as facts.
//!
//! Where the key lives is not among them: a soft token calls its keys unextractable as a module of steel does. That is
//! for a catalogue to say, by the token's manufacturer and model.
use crate::failure::Answer;
use crate::object;
use cryptoki::object::{AttributeType, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::TokenInfo;
use pkic_backend::observed::Observed;
use pkic_vocab::words::Words;

/// What is asked of a private key.
const FLAGS: [AttributeType; 5] = [
    AttributeType::Local,
    AttributeType::Extractable,
    AttributeType::NeverExtractable,
    AttributeType::Sensitive,
    AttributeType::AlwaysSensitive,
];

/// What the token says of itself and of a private key.
pub(crate) fn of_key(session: &Session, key: ObjectHandle, token: &TokenInfo) -> Answer<Observed> {
    let mut observed = Observed::new();
    observed.text("module.manufacturer", token.manufacturer_id());
    observed.text("module.model", token.model());
    observed.text("module.serial", token.serial_number());
    observed.text("module.firmware", &firmware(token));
    let said = object::read_all(session, key, &FLAGS)?;
    let flag = |of| object::flag_of(&said, of);
    // A key that was not made here was imported, unwrapped or derived: PKCS #11 does not say which.
    if flag(AttributeType::Local) == Some(true) {
        observed.word("key.origin", Words::Origin, "generated");
    }
    let extractable = Extractable {
        now: flag(AttributeType::Extractable),
        never: flag(AttributeType::NeverExtractable),
        sensitive: flag(AttributeType::Sensitive),
        always_sensitive: flag(AttributeType::AlwaysSensitive),
    };
    if let Some(word) = extractable.export() {
        observed.word("key.export", Words::Export, word);
    }
    Ok(observed)
}

/// CK_VERSION with `pkcs11:` before it. It has two octets, into which vendors put three numbers, each in its own way: a
/// YubiKey's 5.4.3 is 5.43 here. Compared as a version it would be newer than 5.7, and an advisory would pass it by; so
/// written it compares with none.
fn firmware(token: &TokenInfo) -> String {
    let version = token.firmware_version();
    match (version.major(), version.minor()) {
        (0, 0) => String::new(),
        (major, minor) => format!("pkcs11:{major}.{minor}"),
    }
}

/// CKA_EXTRACTABLE, CKA_NEVER_EXTRACTABLE, CKA_SENSITIVE and CKA_ALWAYS_SENSITIVE.
#[derive(Debug, Clone, Copy)]
struct Extractable {
    now: Option<bool>,
    never: Option<bool>,
    sensitive: Option<bool>,
    always_sensitive: Option<bool>,
}

impl Extractable {
    /// In which form the key may leave, or may have left: a bit that was set once and cleared later has let it out. What
    /// the token does not say counts as the worse. CKA_WRAP_WITH_TRUSTED does not make it better: which wrapping keys
    /// are trusted, and who has them, is not said.
    fn export(self) -> Option<&'static str> {
        let is_extractable = self.now?;
        let may_have_left = is_extractable || self.never != Some(true);
        let is_sensitive = self.sensitive == Some(true) && self.always_sensitive == Some(true);
        Some(match (may_have_left, is_sensitive) {
            (false, _) => "never",
            (true, true) => "wrapped",
            (true, false) => "plain",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_leaves_only_if_it_never_could() {
        let (yes, no) = (Some(true), Some(false));
        for (now, never, sensitive, always_sensitive, export) in [
            (no, yes, yes, yes, Some("never")),
            (no, yes, no, no, Some("never")),
            (no, no, yes, yes, Some("wrapped")),
            (no, None, yes, yes, Some("wrapped")),
            (no, no, yes, no, Some("plain")),
            (yes, no, yes, yes, Some("wrapped")),
            (yes, yes, yes, yes, Some("wrapped")),
            (yes, no, yes, no, Some("plain")),
            (yes, no, no, no, Some("plain")),
            (no, None, None, None, Some("plain")),
            (None, yes, yes, yes, None),
        ] {
            let extractable = Extractable { now, never, sensitive, always_sensitive };
            assert_eq!(extractable.export(), export, "{extractable:?}");
        }
    }
}
