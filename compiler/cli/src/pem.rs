//! PEM (RFC 7468): the one block of a label in a text.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The bytes of the only block with that label; `None` where there is none, more than one, or it does not decode.
pub(crate) fn block(label: &str, text: &str) -> Option<Vec<u8>> {
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let (_, rest) = text.split_once(&begin)?;
    let (body, rest) = rest.split_once(&end)?;
    if rest.contains(&begin) {
        return None;
    }
    let digits: String = body.split_whitespace().collect();
    STANDARD.decode(digits).ok()
}

/// The octets as a block with that label.
pub(crate) fn encode(label: &str, octets: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (at, digit) in (0usize..).zip(STANDARD.encode(octets).chars()) {
        if at > 0 && at % 64 == 0 {
            text.push('\n');
        }
        text.push(digit);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_block_is_read_and_two_are_not() {
        let text = "note\n-----BEGIN X-----\nAQID\nBA==\n-----END X-----\n";
        assert_eq!(block("X", text), Some(vec![1, 2, 3, 4]));
        assert_eq!(block("Y", text), None);
        assert_eq!(block("X", &text.repeat(2)), None);
        assert_eq!(block("X", &text.replace("AQID", "A*ID")), None);
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 47, 48, 49, 1000] {
            let octets = vec![7; length];
            let text = encode("X", &octets);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            assert_eq!(block("X", &text), Some(octets));
        }
    }
}
