//! The table of evidence formats. What each answers follows one rule: [`Verdict`](crate::Verdict) has it.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::{
    android_key, apple, arm_cca, aws_nitro, azure_managed_hsm, cmw, crypto4a_qasm, ear, eat, fortanix_dsm,
    gsma_euicc, ieee_8021ar, lamps_csr_attestation, luna_pkc, marvell_liquidsecurity, matter_dac,
    microchip_tng, nshield_kgc, nxp_se05x, open_dice, optiga_trust_m, pkix_key_attestation, psa_token,
    securosys_primus, tcg_dice, tpm, webauthn, webauthn_android_key, yubihsm2, yubikey_piv,
};

/// An evidence format.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// Its word in the vocabulary, which is also the name of its file.
    pub name: &'static str,
    /// The specification that the file implements.
    pub source: &'static str,
    /// What a verified item proves.
    pub proves: &'static str,
    /// What no item of it proves, and somebody might think that it did.
    pub leaves_open: &'static str,
    /// What comes with an item of it and no signature covers. Whoever hands the item in can write it anew.
    pub unsigned: &'static str,
    /// Whether the input looks like this format. It reads no further than it must, and never refuses.
    pub detect: fn(&Input<'_>) -> bool,
    /// Appraises the input.
    pub appraise: fn(&Input<'_>) -> Result<Appraised, NotVerified>,
}

/// Every format of this build, in the order in which they are tried.
pub const FORMATS: &[Format] = &[
    yubikey_piv::FORMAT,
    android_key::FORMAT,
    yubihsm2::FORMAT,
    luna_pkc::FORMAT,
    fortanix_dsm::FORMAT,
    microchip_tng::FORMAT,
    matter_dac::FORMAT,
    gsma_euicc::FORMAT,
    optiga_trust_m::FORMAT,
    tpm::certify::CERTIFY,
    tpm::certify::CERTIFY_CREATION,
    tpm::quote::FORMAT,
    tpm::webauthn_tpm::FORMAT,
    webauthn::packed::FORMAT,
    webauthn::u2f::FORMAT,
    apple::webauthn::FORMAT,
    apple::app_attest::FORMAT,
    apple::mda::FORMAT,
    lamps_csr_attestation::FORMAT,
    pkix_key_attestation::FORMAT,
    ear::FORMAT,
    tpm::parsec::FORMAT,
    open_dice::FORMAT,
    tcg_dice::FORMAT,
    tpm::certificate::FORMAT,
    // Many makers' certificates have a hardware module name: after everything that knows the maker.
    ieee_8021ar::FORMAT,
    marvell_liquidsecurity::FORMAT,
    azure_managed_hsm::FORMAT,
    aws_nitro::FORMAT,
    nshield_kgc::FORMAT,
    crypto4a_qasm::FORMAT,
    webauthn_android_key::FORMAT,
    securosys_primus::FORMAT,
    nxp_se05x::FORMAT,
    psa_token::FORMAT,
    arm_cca::FORMAT,
    eat::FORMAT,
    cmw::FORMAT,
];

/// The formats whose paths Google's attestation status list speaks for: it names serial numbers without their issuer.
pub const ANDROID_STATUS_LIST: &[&str] = &["android-key", "webauthn-android-key"];

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
