//! Octets as hexadecimal digits in lower case, as digests, serial numbers and values of octets are shown.
use core::fmt;

/// Octets that are turned into digits at a time.
const AT_ONCE: usize = 32;
/// The two digits of every octet.
const PAIRS: [[u8; 2]; 256] = pairs();

/// Shows octets as digits, two each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    /// A record of an issuance has thousands of these digits: they are written in runs, not octet by octet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for octets in self.0.chunks(AT_ONCE) {
            let mut digits = [[0u8; 2]; AT_ONCE];
            for (to, octet) in digits.iter_mut().zip(octets) {
                *to = PAIRS.get(usize::from(*octet)).copied().unwrap_or_default();
            }
            let digits = digits.get(..octets.len()).unwrap_or_default().as_flattened();
            f.write_str(core::str::from_utf8(digits).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

#[allow(clippy::indexing_slicing)] // run by the compiler alone, which refuses an index out of range
const fn pairs() -> [[u8; 2]; 256] {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut octet = 0;
    while octet < pairs.len() {
        pairs[octet] = [digits[octet >> 4], digits[octet & 0x0f]];
        octet += 1;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    #[test]
    fn octets_of_every_value_and_number_have_the_digits_of_the_standard_library() {
        let octets: Vec<u8> = (0..=255).chain([0; 2]).collect();
        for len in [0, 1, 31, 32, 33, 64, octets.len()] {
            let shown: String = octets.iter().take(len).map(|octet| format!("{octet:02x}")).collect();
            assert_eq!(Hex(&octets[..len]).to_string(), shown);
        }
    }
}
