//! What a log of certificate transparency signs, octet by octet from RFC 6962 and by none of our own code.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing)]

/// The digitally-signed struct of a precertificate: section 3.2. `tbs` is without poison, `issuer_key` the SHA-256 of the
/// issuer's key.
pub fn message(tbs: &[u8], issuer_key: &[u8; 32], at_ms: u64) -> Vec<u8> {
    let tbs_len = u32::try_from(tbs.len()).unwrap().to_be_bytes();
    [&[0, 0][..], &at_ms.to_be_bytes(), &[0, 1], issuer_key, &tbs_len[1..], tbs, &[0, 0]].concat()
}

/// The tbsCertificate of a precertificate without its poison, which stands last: by cutting, and so not by our own code.
pub fn unpoisoned(tbs: &[u8]) -> Vec<u8> {
    let poison = [0x30, 0x13, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x03];
    let poison = [&poison[..], &[0x01, 0x01, 0xff, 0x04, 0x02, 0x05, 0x00]].concat();
    assert!(tbs.ends_with(&poison));
    let reaches_end = |at: &usize| {
        let (head, len) = length(tbs, *at);
        tbs[*at] == 0xa3 && at + head + len == tbs.len()
    };
    let extensions = (0..tbs.len() - poison.len()).find(reaches_end).unwrap();
    let list = extensions + length(tbs, extensions).0;
    let mut cut = tbs[..tbs.len() - poison.len()].to_vec();
    for at in [0, extensions, list] {
        let (head, len) = length(tbs, at);
        let shorter = len - poison.len();
        match head {
            2 => cut[at + 1] = u8::try_from(shorter).unwrap(),
            3 => cut[at + 2] = u8::try_from(shorter).ok().filter(|len| *len > 127).unwrap(),
            _ => {
                assert!(shorter > 255);
                cut[at + 2..at + 4].copy_from_slice(&u16::try_from(shorter).unwrap().to_be_bytes());
            }
        }
    }
    cut
}

/// Octets of tag and length of the element there, and of its content.
fn length(der: &[u8], at: usize) -> (usize, usize) {
    let octet = |index: usize| usize::from(*der.get(at + index).unwrap_or(&0));
    match octet(1) {
        0x82 => (4, octet(2) << 8 | octet(3)),
        0x81 => (3, octet(2)),
        short => (2, short),
    }
}
