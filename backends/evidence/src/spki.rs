//! Public keys as a subjectPublicKeyInfo, and ECDSA signatures, from the integers that formats give: what keys are compared
//! and signatures checked as.
//!
//! Source: RFC 3279 section 2.2.3 and 2.3.1 (RSA), RFC 5480 section 2 (ECC, named curve, uncompressed point), RFC 8410 (Ed25519).
use pkic_facts::crypto::PublicKey;
use pkic_facts::pem;
use pkic_facts::reject::{Operand, Reject};

/// One element: tag, length, and the concatenation of `parts`.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len = parts.iter().fold(0usize, |sum, part| sum.saturating_add(part.len()));
    let mut out = vec![tag];
    if len < 0x80 {
        out.extend(len.to_be_bytes().last());
    } else {
        let octets: Vec<u8> = len.to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
        out.extend(octets.len().to_be_bytes().last().map(|count| count | 0x80));
        out.extend(octets);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A non-negative INTEGER from big-endian octets of any width.
pub(crate) fn integer(octets: &[u8]) -> Vec<u8> {
    let mut significant = octets;
    while let [0, rest @ ..] = significant {
        significant = rest;
    }
    match significant.first() {
        Some(first) if first & 0x80 == 0 => element(0x02, &[significant]),
        _ => element(0x02, &[&[0], significant]),
    }
}

/// A curve of the NIST (SP 800-186).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
}

impl Curve {
    /// The length of a coordinate, in bytes.
    pub const fn coordinate_len_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    const fn algorithm_identifier(self) -> &'static [u8] {
        match self {
            Self::P256 => &[
                0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
                0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
            ],
            Self::P384 => &[
                0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
                0x04, 0x00, 0x22,
            ],
            Self::P521 => &[
                0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
                0x04, 0x00, 0x23,
            ],
        }
    }
}

/// The subjectPublicKeyInfo of an ECC key; coordinates without leading zeros are padded.
pub fn ecc_spki(curve: Curve, x: &[u8], y: &[u8]) -> Vec<u8> {
    let width = curve.coordinate_len_bytes();
    let point = [vec![0x04], padded(x, width), padded(y, width)].concat();
    element(0x30, &[curve.algorithm_identifier(), &bit_string(&point)])
}

/// The subjectPublicKeyInfo of an RSA key from its big-endian integers.
pub(crate) fn rsa_key_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    rsa_spki(&element(0x30, &[&integer(modulus), &integer(exponent)]))
}

/// `rsaEncryption` with NULL parameters.
const RSA_ALGORITHM_IDENTIFIER: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// The subjectPublicKeyInfo of an RSAPublicKey.
pub(crate) fn rsa_spki(rsa_public_key: &[u8]) -> Vec<u8> {
    element(0x30, &[RSA_ALGORITHM_IDENTIFIER, &bit_string(rsa_public_key)])
}

/// The subjectPublicKeyInfo of an Ed25519 key (RFC 8410 section 4).
pub fn ed25519_spki(octets: &[u8]) -> Vec<u8> {
    element(0x30, &[&[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70], &bit_string(octets)])
}

/// The subjectPublicKeyInfo of an ML-DSA key (RFC 9881 section 4) of a COSE algorithm.
///
/// # Errors
/// [`Reject::AlgorithmUnsupported`].
pub(crate) fn ml_dsa_spki(alg: i128, octets: &[u8]) -> Result<Vec<u8>, Reject> {
    let last_arc = match alg {
        -48 => 0x11,
        -49 => 0x12,
        -50 => 0x13,
        other => return Err(Reject::AlgorithmUnsupported { found: Operand::Number(other) }),
    };
    let identifier = element(0x06, &[&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, last_arc]]);
    Ok(element(0x30, &[&element(0x30, &[&identifier]), &bit_string(octets)]))
}

/// The subjectPublicKeyInfo of a file that is one public key, in PEM or DER.
pub(crate) fn public_key_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let spki = match bytes.first() {
        Some(0x30) => bytes.to_vec(),
        _ => pem::only("public key", bytes, |label| label == "PUBLIC KEY").ok()?,
    };
    PublicKey::from_spki(&spki).is_ok().then_some(spki)
}

/// A BIT STRING of whole octets.
pub(crate) fn bit_string(octets: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], octets])
}

/// `octets`, no longer than `width`, with zeros in front up to `width`.
pub(crate) fn padded(octets: &[u8], width: usize) -> Vec<u8> {
    let mut out = vec![0; width.saturating_sub(octets.len())];
    out.extend_from_slice(octets);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_integers_are_shortest() {
        assert_eq!(element(0x04, &[&[1, 2], &[3]]), [0x04, 3, 1, 2, 3]);
        assert_eq!(element(0x04, &[&[0; 200]]).get(..3), Some([0x04, 0x81, 200].as_slice()));
        assert_eq!(element(0x04, &[&[0; 300]]).get(..4), Some([0x04, 0x82, 1, 44].as_slice()));
        assert_eq!(integer(&[0, 0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[]), [2, 1, 0]);
        assert_eq!(integer(&[0, 0]), [2, 1, 0]);
    }
}
