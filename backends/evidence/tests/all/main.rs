//! All tests of the formats in one program: sixty of them cost minutes to link.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub
)]

mod acme_negatives;
mod android_key_negatives;
mod apple_mda_negatives;
mod apple_negatives;
mod aws_nitro_negatives;
mod azure_managed_hsm_negatives;
mod bitflip;
mod cmw_negatives;
mod corim;
mod crypto4a_qasm_negatives;
mod dice_support;
mod documented;
mod ear_negatives;
mod eat_negatives;
mod expectations;
mod fortanix_dsm_negatives;
mod gsma_euicc_negatives;
mod hostile;
mod ieee_8021ar_negatives;
mod lamps_csr_attestation_negatives;
mod luna_pkc_negatives;
mod marvell_liquidsecurity_negatives;
mod marvell_support;
mod matter_dac_negatives;
mod microchip_tng_negatives;
mod nshield_kgc_negatives;
mod nxp_se05x_negatives;
mod open_dice_negatives;
mod optiga_trust_m_negatives;
mod parsec_negatives;
mod pkix_key_attestation_negatives;
mod revocation;
mod securosys_primus_negatives;
mod support;
mod swaps;
mod tcg_dice_negatives;
mod tpm_activation;
mod tpm_certificate_negatives;
mod tpm_files;
mod tpm_negatives;
mod tpm_quotes;
mod tpm_samples;
mod tpm_structures;
mod tpm_support;
mod webauthn_android_key_negatives;
mod webauthn_packed_negatives;
mod webauthn_support;
mod webauthn_u2f_negatives;
mod yubihsm2_negatives;
mod yubikey_piv_negatives;
