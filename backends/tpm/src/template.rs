//! Public areas of the keys that are made here, as TPMT_PUBLIC.
//!
//! Source: TPM 2.0 Library, Part 2, sections 8.3 (attributes) and 12.2 (public areas); TCG TPM v2.0 Provisioning
//! Guidance, section 7.5.1 (storage root key).
use pkic_facts::crypto::KeyKind;

const FIXED_TPM: u32 = 1 << 1;
const FIXED_PARENT: u32 = 1 << 4;
const SENSITIVE_DATA_ORIGIN: u32 = 1 << 5;
const USER_WITH_AUTH: u32 = 1 << 6;
const NO_DA: u32 = 1 << 10;
const RESTRICTED: u32 = 1 << 16;
const DECRYPT: u32 = 1 << 17;
const SIGN: u32 = 1 << 18;
/// What every key made here is: made inside, never to leave, and used with its authorisation value.
const HELD: u32 = FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN | USER_WITH_AUTH;

const TPM_ALG_RSA: u16 = 0x0001;
const TPM_ALG_AES: u16 = 0x0006;
const TPM_ALG_SHA256: u16 = 0x000b;
const TPM_ALG_NULL: u16 = 0x0010;
const TPM_ALG_ECDSA: u16 = 0x0018;
const TPM_ALG_ECC: u16 = 0x0023;
const TPM_ALG_CFB: u16 = 0x0043;
const TPM_ECC_NIST_P256: u16 = 0x0003;

/// The storage root key: the parent of the owner's keys, made again from the owner's seed whenever it is needed.
pub(crate) fn storage_root_key() -> Vec<u8> {
    let aes_128_cfb = [TPM_ALG_AES, 128, TPM_ALG_CFB];
    ecc(HELD | NO_DA | RESTRICTED | DECRYPT, &aes_128_cfb, &[TPM_ALG_NULL], TPM_ECC_NIST_P256)
}

/// A key that signs what it is given; nothing for a kind or size that no TPM has. Without an authorisation value there
/// is nothing to guess, so that others' wrong guesses need not lock it.
pub(crate) fn signing_key(kind: KeyKind, bits: Option<u16>, has_auth: bool) -> Option<Vec<u8>> {
    let attributes = HELD | SIGN | if has_auth { 0 } else { NO_DA };
    match (kind, bits) {
        (KeyKind::Rsa, Some(bits @ (2048 | 3072 | 4096))) => Some(rsa(attributes, bits)),
        (KeyKind::Rsa, None) => Some(rsa(attributes, 2048)),
        (KeyKind::Rsa, Some(_)) => None,
        _ => curve_id(kind).map(|curve| ecc(attributes, &[TPM_ALG_NULL], &[TPM_ALG_NULL], curve)),
    }
}

/// An attestation key: ECDSA on P-256, and restricted, so that it signs nothing that its TPM did not make.
pub(crate) fn attestation_key(has_auth: bool) -> Vec<u8> {
    let attributes = HELD | SIGN | RESTRICTED | if has_auth { 0 } else { NO_DA };
    ecc(attributes, &[TPM_ALG_NULL], &[TPM_ALG_ECDSA, TPM_ALG_SHA256], TPM_ECC_NIST_P256)
}

const fn curve_id(kind: KeyKind) -> Option<u16> {
    match kind {
        KeyKind::P256 => Some(TPM_ECC_NIST_P256),
        KeyKind::P384 => Some(0x0004),
        KeyKind::P521 => Some(0x0005),
        _ => None,
    }
}

fn ecc(attributes: u32, symmetric: &[u16], scheme: &[u16], curve: u16) -> Vec<u8> {
    // No KDF; both coordinates of the point are the TPM's to fill in.
    let parameters = [symmetric, scheme, &[curve, TPM_ALG_NULL, 0, 0]].concat();
    [head(TPM_ALG_ECC, attributes), words(&parameters)].concat()
}

fn rsa(attributes: u32, bits: u16) -> Vec<u8> {
    // Neither symmetric algorithm nor scheme; the exponent 0 stands for 65537; the modulus is the TPM's to fill in.
    [head(TPM_ALG_RSA, attributes), words(&[TPM_ALG_NULL, TPM_ALG_NULL, bits, 0, 0, 0])].concat()
}

/// Type, Name algorithm, attributes, and no policy.
fn head(kind: u16, attributes: u32) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &TPM_ALG_SHA256.to_be_bytes(), &attributes.to_be_bytes(), &[0, 0]].concat()
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}
