//! DSA with SHA-256 (FIPS 186-4), by the crate `dsa`: the check alone, of keys of 2048 or 3072 bits.
use super::Hash;
use crate::der;
use crate::reject::Reject;
use ::dsa::signature::hazmat::PrehashVerifier;
use ::dsa::{BoxedUint, Components, Signature, VerifyingKey};

const WHAT: &str = "DSA public key";
/// Sizes of p that FIPS 186-4 section 4.2 has left.
const MODULUS_BITS: [usize; 2] = [2048, 3072];

/// Bits of p, by whole octets.
pub(super) fn modulus_bits(spki: &[u8]) -> Result<usize, Reject> {
    let [p, ..] = parameters(spki)?;
    Ok(p.len().saturating_mul(8))
}

/// Whether the signature, `SEQUENCE { r INTEGER, s INTEGER }`, verifies.
pub(super) fn is_valid(spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    verify(spki, message, signature).is_some()
}

fn verify(spki: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let [p, q, g, y] = parameters(spki).ok()?;
    if !MODULUS_BITS.contains(&p.len().saturating_mul(8)) || y.len() > p.len() {
        return None;
    }
    let components = Components::from_components(number(p, p)?, number(q, q)?, number(g, p)?).ok()?;
    let key = VerifyingKey::from_components(components, number(y, p)?).ok()?;
    let body = der::only("DSA signature", der::SEQUENCE, signature).ok()?;
    let (r, rest) = der::expect("DSA signature", der::INTEGER, body).ok()?;
    let s = der::only("DSA signature", der::INTEGER, rest).ok()?;
    let signature = Signature::from_components(number(positive(r)?, q)?, number(positive(s)?, q)?)?;
    key.verify_prehash(&Hash::Sha256.digest(message), &signature).ok()
}

/// p, q, g and y, without leading zeros. Source: RFC 3279 section 2.3.2.
fn parameters(spki: &[u8]) -> Result<[&[u8]; 4], Reject> {
    let malformed = || Reject::Malformed { what: WHAT };
    let body = der::only(WHAT, der::SEQUENCE, spki)?;
    let (algorithm, key) = der::expect(WHAT, der::SEQUENCE, body)?;
    let (_, parameters) = der::expect(WHAT, der::OBJECT_IDENTIFIER, algorithm)?;
    let (p, rest) = der::expect(WHAT, der::INTEGER, der::only(WHAT, der::SEQUENCE, parameters)?)?;
    let (q, rest) = der::expect(WHAT, der::INTEGER, rest)?;
    let g = der::only(WHAT, der::INTEGER, rest)?;
    let Some((0, y)) = der::only(WHAT, der::BIT_STRING, key)?.split_first() else { return Err(malformed()) };
    let y = der::only(WHAT, der::INTEGER, y)?;
    let positive = |content| positive(content).ok_or_else(malformed);
    Ok([positive(p)?, positive(q)?, positive(g)?, positive(y)?])
}

/// The significant octets of an INTEGER that is not negative.
fn positive(content: &[u8]) -> Option<&[u8]> {
    match content {
        [0, rest @ ..] => Some(rest),
        [first, ..] if first & 0x80 == 0 => Some(content),
        _ => None,
    }
}

/// The number as wide as `like`: the crate takes sizes by width.
fn number(octets: &[u8], like: &[u8]) -> Option<BoxedUint> {
    let bits = u32::try_from(like.len().checked_mul(8)?).ok()?;
    BoxedUint::from_be_slice(octets, bits).ok()
}
