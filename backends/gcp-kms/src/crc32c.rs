//! The checksum that Cloud KMS puts beside octets: CRC32C (RFC 3720 section 12.1), which guards against faults on the
//! way and against nobody.

/// The checksum as the service writes it: decimal digits.
pub(crate) fn crc32c(octets: &[u8]) -> String {
    let step = |crc: u32, octet: &u8| {
        let mixed = crc ^ u32::from(*octet);
        (0..8).fold(mixed, |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    };
    (!octets.iter().fold(u32::MAX, step)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4: 32 octets of zeros, of ones, and ascending; and the check value of the CRC catalogues.
    #[test]
    fn the_vectors_of_rfc_3720_hold() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa_u32.to_string());
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43_u32.to_string());
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e_u32.to_string());
        assert_eq!(crc32c(b"123456789"), 0xe306_9283_u32.to_string());
    }
}
