//! Keys that the operator enrolled by themselves, for evidence whose signer has no certificate.
//!
//! There is one way, for every format: `anchors.toml` lists the key as `[[key]]`, and its file (PEM) stands beside, among
//! the anchors. Evidence may bring the key along as a hint which one it is. That alone enrols nothing: a hint counts as
//! far as it is listed, so that evidence never anchors itself.
use crate::appraise::{Input, NotVerified};
use pkic_facts::crypto::Strength;
use pkic_facts::reject::Reject;
use pkic_facts::verified::{self, SignedBytes, TrustedKey, Verified};

/// The keys to try: the hints, then the key files among the anchors, as far as they are enrolled for the format.
///
/// # Errors
/// [`NotVerified::Unproven`] where there is none.
pub(crate) fn keys(
    format: &'static str,
    hints: &[Vec<u8>],
    input: &Input<'_>,
) -> Result<Vec<TrustedKey>, NotVerified> {
    let Input { anchors, evidence, now, .. } = *input;
    let mut refusal = Reject::FieldMissing { field: "attestation key" };
    let mut found = Vec::new();
    for spki in hints {
        match TrustedKey::enrolled(anchors, spki, format, evidence, now) {
            Ok(key) => found.push(key),
            Err(reject) => refusal = reject,
        }
    }
    let others = anchors.public_keys().filter(|spki| hints.iter().all(|hint| hint != spki));
    found.extend(others.filter_map(|spki| TrustedKey::enrolled(anchors, spki, format, evidence, now).ok()));
    if found.is_empty() { Err(NotVerified::Unproven(refusal)) } else { Ok(found) }
}

/// Mints with the first of these keys that signed, and says which it was.
///
/// # Errors
/// Those of [`verified::mint`]; where none of them signed, the refusal of the first.
pub(crate) fn mint<T>(
    keys: Vec<TrustedKey>,
    signed: &SignedBytes,
    decode: fn(&[u8]) -> Result<T, Reject>,
) -> Result<(TrustedKey, Verified<T>), Reject> {
    let mut refusal = None;
    for key in keys {
        match verified::mint(signed, &key, Strength::Current, decode) {
            Ok(value) => return Ok((key, value)),
            Err(reject @ (Reject::SignatureInvalid { .. } | Reject::AlgorithmKeyMismatch { .. })) => {
                refusal = refusal.or(Some(reject));
            }
            Err(reject) => return Err(reject),
        }
    }
    Err(refusal.unwrap_or(Reject::FieldMissing { field: "attestation key" }))
}
