//! What nShield modules write: the marshalled form of nCore structures, public keys in it, and key hashes.
//!
//! Words are little-endian and have four octets, numbers are little-endian behind a word with their length.
//! Source: Entrust, nShield app notes "Wire format" and "nCore Key Hash".
use crate::spki::{Curve, bit_string, ecc_spki, element, integer, rsa_key_spki};
use pkic_facts::crypto::{Hash, Scheme};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::SignedBytes;

/// A key hash (`M_Hash`): SHA-1.
pub(super) type KeyHash = [u8; 20];
/// `Mech_SHA1Hash`: the one hash that `M_KeyHashEx` has in these bundles.
const SHA1_HASH: u32 = 44;
/// Octets of one number: an RSA modulus of 8192 bits.
const NUMBER_LEN_BYTES_MAX: usize = 1024;

/// Reads what is left of a structure.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn of(what: &'static str, rest: &'a [u8]) -> Self {
        Self { what, rest }
    }

    pub(super) fn word(&mut self) -> Result<u32, Reject> {
        let octets = <[u8; 4]>::try_from(self.take(4)?).map_err(|_| Reject::Malformed { what: self.what })?;
        Ok(u32::from_le_bytes(octets))
    }

    /// A number of items that follow, each of at least four octets, and at most `limit`.
    pub(super) fn count(&mut self, limit: usize) -> Result<usize, Reject> {
        let size = usize::try_from(self.word()?).unwrap_or(usize::MAX);
        if size > limit { Err(Reject::TooLarge { what: self.what, size, limit }) } else { Ok(size) }
    }

    pub(super) fn hash(&mut self) -> Result<KeyHash, Reject> {
        KeyHash::try_from(self.take(20)?).map_err(|_| Reject::Malformed { what: self.what })
    }

    /// `M_KeyHashEx`.
    pub(super) fn hash_ex(&mut self) -> Result<KeyHash, Reject> {
        match self.word()? {
            SHA1_HASH => self.hash(),
            other => Err(unsupported(other)),
        }
    }

    /// A number without leading zeros, big-endian.
    pub(super) fn number(&mut self) -> Result<Vec<u8>, Reject> {
        let len = self.count(NUMBER_LEN_BYTES_MAX)?;
        Ok(big_endian(self.take(len)?))
    }

    /// `M_ASCIIString`: its length counts a zero octet at the end, and it is filled up to whole words.
    pub(super) fn text(&mut self) -> Result<String, Reject> {
        let malformed = Reject::Malformed { what: self.what };
        let len = self.count(NUMBER_LEN_BYTES_MAX)?;
        let text = self.take(len)?;
        self.take(len.wrapping_neg() & 3)?;
        let text = text.strip_suffix(&[0]).unwrap_or(text);
        if text.iter().any(|octet| !octet.is_ascii_graphic()) {
            return Err(malformed);
        }
        String::from_utf8(text.to_vec()).map_err(|_| malformed)
    }

    pub(super) fn finish(self) -> Result<(), Reject> {
        match self.rest.len() {
            0 => Ok(()),
            extra_bytes => Err(Reject::TrailingBytes { what: self.what, extra_bytes }),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Reject> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Reject::Malformed { what: self.what })?;
        self.rest = rest;
        Ok(taken)
    }
}

/// A key hash that stands alone.
pub(super) fn key_hash(what: &'static str, bytes: &[u8]) -> Result<KeyHash, Reject> {
    let mut reader = Reader::of(what, bytes);
    let hash = reader.hash_ex()?;
    reader.finish()?;
    Ok(hash)
}

/// The message with its signature, an `M_CipherText` of two numbers.
pub(super) fn signed(
    (message_name, message): (&'static str, Vec<u8>),
    what: &'static str,
    cipher_text: &[u8],
) -> Result<SignedBytes, Reject> {
    let mut reader = Reader::of(what, cipher_text);
    let scheme = match reader.word()? {
        170 => Scheme::DsaSha256,
        187 => Scheme::Ecdsa(Hash::Sha512),
        other => return Err(unsupported(other)),
    };
    let (r, s) = (reader.number()?, reader.number()?);
    reader.finish()?;
    Ok(SignedBytes {
        what: message_name,
        message,
        scheme,
        signature: element(0x30, &[&integer(&r), &integer(&s)]),
    })
}

/// A public key (`M_KeyData`), its numbers big-endian.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyData {
    Rsa {
        exponent: Vec<u8>,
        modulus: Vec<u8>,
    },
    /// p, q, g, y.
    Dsa([Vec<u8>; 4]),
    Ecc {
        prefix: &'static str,
        curve: Curve,
        x: Vec<u8>,
        y: Vec<u8>,
    },
}

impl KeyData {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Reject> {
        let prefix = match reader.word()? {
            1 => return Ok(Self::Rsa { exponent: reader.number()?, modulus: reader.number()? }),
            3 => {
                let mut number = || reader.number();
                return Ok(Self::Dsa([number()?, number()?, number()?, number()?]));
            }
            44 => "EC00",
            46 => "ECDSA00",
            other => return Err(unsupported(other)),
        };
        let curve = match reader.word()? {
            4 => Curve::P256,
            5 => Curve::P384,
            6 => Curve::P521,
            other => return Err(unsupported(other)),
        };
        match reader.word()? {
            0 => Ok(Self::Ecc { prefix, curve, x: reader.number()?, y: reader.number()? }),
            flags => Err(unsupported(flags)),
        }
    }

    /// A key that stands alone.
    pub(super) fn of(what: &'static str, bytes: &[u8]) -> Result<Self, Reject> {
        let mut reader = Reader::of(what, bytes);
        let key = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(key)
    }

    pub(super) fn spki(&self) -> Result<Vec<u8>, Reject> {
        match self {
            Self::Rsa { exponent, modulus } => Ok(rsa_key_spki(modulus, exponent)),
            Self::Dsa([p, q, g, y]) => Ok(dsa_spki(p, q, g, y)),
            Self::Ecc { curve, x, y, .. } => {
                let width = curve.coordinate_len_bytes();
                let fits = x.len() <= width && y.len() <= width;
                if fits { Ok(ecc_spki(*curve, x, y)) } else { Err(Reject::Malformed { what: "M_KeyData" }) }
            }
        }
    }

    /// What the key's hash is the hash of.
    pub(super) fn hash_input(&self) -> Vec<u8> {
        let (prefix, material) = match self {
            Self::Rsa { exponent, modulus } => ("RSA00", [block(exponent), block(modulus)].concat()),
            Self::Dsa(numbers) => ("DSA00", numbers.iter().flat_map(|number| block(number)).collect()),
            Self::Ecc { prefix, curve, x, y } => (*prefix, [domain(*curve), block(x), block(y)].concat()),
        };
        [HASH_HEAD, prefix.as_bytes(), &[0], &material, HASH_TAIL].concat()
    }
}

const HASH_HEAD: &[u8] = b"nFast KeyHash\0";
const HASH_TAIL: &[u8] = b"invented by nCipher 1997\0";

/// The subjectPublicKeyInfo of the key whose hash is over these bytes.
///
/// Nothing in them tells where one number ends and the next starts: a reading that is not the only one is refused.
pub(super) fn spki_of_hash_input(input: &[u8]) -> Result<Vec<u8>, Reject> {
    let malformed = Reject::Malformed { what: "key hash input" };
    let body = input.strip_prefix(HASH_HEAD).and_then(|body| body.strip_suffix(HASH_TAIL));
    let body = body.ok_or(malformed.clone())?;
    if let Some(numbers) = body.strip_prefix(b"RSA00\0") {
        let (exponent, modulus) = numbers.split_at_checked(BLOCK_LEN_BYTES).ok_or(malformed)?;
        return Ok(rsa_key_spki(&big_endian(modulus), &big_endian(exponent)));
    }
    if let Some(numbers) = body.strip_prefix(b"DSA00\0") {
        let width = match numbers.len() {
            832 => 256,
            1216 => 384,
            _ => return Err(malformed),
        };
        let (p, rest) = numbers.split_at_checked(width).ok_or(malformed.clone())?;
        let (q, rest) = rest.split_at_checked(BLOCK_LEN_BYTES).ok_or(malformed.clone())?;
        let (g, y) = rest.split_at_checked(width).ok_or(malformed)?;
        return Ok(dsa_spki(&big_endian(p), &big_endian(q), &big_endian(g), &big_endian(y)));
    }
    let material = [&b"ECDSA00\0"[..], b"EC00\0"].iter().find_map(|prefix| body.strip_prefix(*prefix));
    let material = material.ok_or(malformed.clone())?;
    let curves = [Curve::P256, Curve::P384, Curve::P521].into_iter();
    let found =
        curves.filter_map(|curve| Some((curve, material.strip_prefix(domain(curve).as_slice())?))).next();
    let (curve, coordinates) = found.ok_or(malformed.clone())?;
    let widths = [BLOCK_LEN_BYTES, 2 * BLOCK_LEN_BYTES].into_iter();
    let mut readings = widths.filter_map(|width| {
        let (x, y) = coordinates.split_at_checked(width)?;
        let (x, y) = (big_endian(x), big_endian(y));
        let width = curve.coordinate_len_bytes();
        let is_reading =
            x.len() <= width && y.len() <= width && [block(&x), block(&y)].concat() == coordinates;
        is_reading.then(|| ecc_spki(curve, &x, &y))
    });
    match (readings.next(), readings.next()) {
        (Some(spki), None) => Ok(spki),
        _ => Err(malformed),
    }
}

const BLOCK_LEN_BYTES: usize = 64;

/// A number, little-endian, filled up to whole blocks.
fn block(number: &[u8]) -> Vec<u8> {
    let mut octets: Vec<u8> = number.iter().rev().copied().collect();
    octets.resize(octets.len().next_multiple_of(BLOCK_LEN_BYTES), 0);
    octets
}

/// Two words of zero (prime curve, prime field), bits of the field, then p, a, b, x and y of G, its order, its cofactor.
fn domain(curve: Curve) -> Vec<u8> {
    // Source: FIPS 186-4 appendix D.1.2.
    let (bits, numbers): (u32, [&str; 6]) = match curve {
        Curve::P256 => (
            256,
            [
                "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
                "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
                "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
                "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
                "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
                "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
            ],
        ),
        Curve::P384 => (
            384,
            [
                "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
                "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000fffffffc",
                "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
                "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
                "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
                "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
            ],
        ),
        Curve::P521 => (
            521,
            [
                "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc",
                "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
                "c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
                "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
                "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
            ],
        ),
    };
    let mut material = vec![0; 8];
    material.extend(bits.to_le_bytes());
    material.extend(numbers.iter().flat_map(|number| block(&octets_of(number))));
    material.extend(block(&[1]));
    material
}

/// The octets that pairs of hexadecimal digits stand for.
fn octets_of(digits: &str) -> Vec<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs.filter_map(|pair| Some((value(*pair.first()?)? << 4) | value(*pair.last()?)?)).collect()
}

/// The significant octets of a little-endian number, big-endian.
fn big_endian(octets: &[u8]) -> Vec<u8> {
    octets.iter().rev().copied().skip_while(|octet| *octet == 0).collect()
}

/// `id-dsa` (RFC 3279 section 2.3.2).
fn dsa_spki(p: &[u8], q: &[u8], g: &[u8], y: &[u8]) -> Vec<u8> {
    let parameters = element(0x30, &[&integer(p), &integer(q), &integer(g)]);
    let algorithm = [&[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], parameters.as_slice()];
    element(0x30, &[&element(0x30, &algorithm), &bit_string(&integer(y))])
}

fn unsupported(number: u32) -> Reject {
    Reject::AlgorithmUnsupported { found: Operand::Number(number.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and its hash are the example of the app note, but for the prefix of its key type.
    #[test]
    fn hash_inputs_lead_back_to_their_keys() {
        let x = octets_of("08f81421c7e89597d9b5a2bbd536f7305bcbd669194a281338cdb613bb0f9fd1");
        let y = octets_of("2d5b7759bd9e3fcd4aea4f4853f2aaeac675aa165947e3438044f6e57ccd89c4");
        let p256 = KeyData::Ecc { prefix: "EC00", curve: Curve::P256, x, y };
        let rsa = KeyData::Rsa { exponent: vec![1, 0, 1], modulus: vec![0x91; 256] };
        let dsa = KeyData::Dsa([vec![0x91; 256], vec![0x91; 32], vec![0x71; 256], vec![0x11; 256]]);
        let long = |x: Vec<u8>, y: Vec<u8>| KeyData::Ecc { prefix: "ECDSA00", curve: Curve::P521, x, y };
        let keys = [
            p256,
            rsa,
            dsa,
            long(vec![1; 66], vec![1; 64]),
            long(vec![1; 64], vec![1; 66]),
            long(vec![1; 66], vec![1; 66]),
        ];
        for key in keys {
            assert_eq!(spki_of_hash_input(&key.hash_input()), key.spki(), "{key:?}");
        }
        let two_readings = long(vec![1; 66], vec![1]);
        assert!(
            spki_of_hash_input(&two_readings.hash_input()).is_err(),
            "so short a y can be read in two ways"
        );
        assert!(spki_of_hash_input(b"nFast KeyHash\0RSA00\0invented by nCipher 1997\0").is_err());
    }

    #[test]
    fn lengths_are_held_to() {
        assert_eq!(Reader::of("x", &[0xff; 64]).number().unwrap_err().code(), "too-large");
        assert_eq!(Reader::of("x", &[8, 0, 0, 0, 1]).number().unwrap_err().code(), "malformed");
        assert_eq!(Reader::of("x", b"\x03\0\0\0ab\0\0").text(), Ok("ab".to_owned()));
        assert_eq!(Reader::of("x", b"\x03\0\0\0a\0b\0").text().unwrap_err().code(), "malformed");
        assert_eq!(key_hash("x", &[44, 0, 0, 0]).unwrap_err().code(), "malformed");
    }
}
