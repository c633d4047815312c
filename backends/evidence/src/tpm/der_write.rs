//! Writing the few DER structures that TPM keys and signatures are compared and checked as.

/// One element: tag, length, and the concatenation of `parts`.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
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
pub(super) fn integer(octets: &[u8]) -> Vec<u8> {
    let mut significant = octets;
    while let [0, rest @ ..] = significant {
        significant = rest;
    }
    match significant.first() {
        Some(first) if first & 0x80 == 0 => element(0x02, &[significant]),
        _ => element(0x02, &[&[0], significant]),
    }
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
