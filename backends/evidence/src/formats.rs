//! The table of evidence formats. What each answers follows one rule: [`Verdict`](crate::Verdict) has it.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::{arm_cca, cmw, eat, lamps_csr_attestation, pkix_key_attestation, psa_token, tpm, yubikey_piv};

/// An evidence format.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// Its word in the vocabulary, which is also the name of its file.
    pub name: &'static str,
    /// The specification that the file implements.
    pub source: &'static str,
    /// Whether the input looks like this format. It reads no further than it must, and never refuses.
    pub detect: fn(&Input<'_>) -> bool,
    /// Appraises the input.
    pub appraise: fn(&Input<'_>) -> Result<Appraised, NotVerified>,
}

/// Every format of this build, in the order in which they are tried.
pub const FORMATS: &[Format] = &[
    yubikey_piv::FORMAT,
    tpm::certify::CERTIFY,
    tpm::certify::CERTIFY_CREATION,
    tpm::webauthn_tpm::FORMAT,
    lamps_csr_attestation::FORMAT,
    pkix_key_attestation::FORMAT,
    psa_token::FORMAT,
    arm_cca::FORMAT,
    eat::FORMAT,
    cmw::FORMAT,
];

/// The format of that name.
pub fn by_name(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// The first format that the input looks like.
pub fn detect(input: &Input<'_>) -> Option<&'static Format> {
    FORMATS.iter().find(|format| (format.detect)(input))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pkic_vocab::words::Words;

    #[test]
    fn every_format_is_a_word_and_stands_once() {
        for (index, format) in FORMATS.iter().enumerate() {
            assert!(Words::Format.word(format.name).is_some(), "{}", format.name);
            assert!(FORMATS.iter().skip(index + 1).all(|other| other.name != format.name), "{}", format.name);
        }
        assert!(by_name("yubikey-piv").is_some());
        assert!(by_name("no-such-format").is_none());
    }
}
