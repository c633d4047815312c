//! HSS (RFC 8554) of trees of SHA-256 with 32 bytes and Winternitz parameter 8, each tree by the crate `lms-signature`.
use crate::der;
use lms_signature::lms::{LmsMode, LmsSha256M32H5, LmsSha256M32H10, Signature, VerifyingKey};
use lms_signature::ots::LmsOtsSha256N32W8;
// The trait is of the crate `signature`, which both share.
use ::dsa::signature::Verifier;

/// Most trees above each other (RFC 8554 section 6).
const LEVELS_MAX: u32 = 8;
/// `u32str(type) || u32str(otstype) || I || T[1]`.
const TREE_KEY_LEN_BYTES: usize = 56;
/// LMOTS_SHA256_N32_W8: type, C, and 34 strings.
const OTS_LEN_BYTES: usize = 4 + 32 + 34 * 32;

/// Whether the signature verifies. The key is `u32str(L) || pub[0]`, bare (RFC 9708) or in an OCTET STRING (RFC 8708).
pub(super) fn is_valid(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = der::only("HSS-LMS-HashSig-PublicKey", der::OCTET_STRING, key).unwrap_or(key);
    verify(key, message, signature).is_some()
}

fn verify(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let (levels, mut key) = number(key)?;
    let (signed_keys, mut rest) = number(signature)?;
    if levels > LEVELS_MAX || signed_keys.checked_add(1)? != levels {
        return None;
    }
    for _ in 0..signed_keys {
        let (by_parent, after) = rest.split_at_checked(signature_len_bytes(key)?)?;
        let (child, after) = after.split_at_checked(TREE_KEY_LEN_BYTES)?;
        verify_tree(key, child, by_parent)?;
        (key, rest) = (child, after);
    }
    verify_tree(key, message, rest)
}

/// The length of a signature of the tree with that key.
fn signature_len_bytes(key: &[u8]) -> Option<usize> {
    let height = match number(key)?.0 {
        5 => 5,
        6 => 10,
        _ => return None,
    };
    Some(4 + OTS_LEN_BYTES + 4 + height * 32)
}

/// Checks the signature of one tree; type and otstype are those of the key.
fn verify_tree(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    match number(key)?.0 {
        5 => verify_with::<LmsSha256M32H5<LmsOtsSha256N32W8>>(key, message, signature),
        6 => verify_with::<LmsSha256M32H10<LmsOtsSha256N32W8>>(key, message, signature),
        _ => None,
    }
}

fn verify_with<Mode: LmsMode>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = VerifyingKey::<Mode>::try_from(key).ok()?;
    let signature = Signature::<Mode>::try_from(signature).ok()?;
    key.verify(message, &signature).ok()
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}
