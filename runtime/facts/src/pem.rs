//! PEM (RFC 7468), read leniently: any text may stand around the blocks, and lines may have any length.
//!
//! A block is decoded when its contents are asked for, since most readers want those of one label. Limits on size are the
//! caller's, who knows what the file is.
use crate::reject::Reject;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr;

const WHAT: &str = "PEM";
const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";

/// A block of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    /// What the block says that it is, such as `CERTIFICATE`.
    pub label: &'a str,
    /// The lines between the first and the last.
    body: &'a [u8],
}

impl Block<'_> {
    /// The octets inside.
    ///
    /// # Errors
    /// [`Reject::Malformed`] where the lines are no base64.
    pub fn contents(&self) -> Result<Vec<u8>, Reject> {
        let mut digits = Vec::with_capacity(self.body.len());
        let mut lines = blocks(self.body);
        while let Some(line) = lines.line() {
            digits.extend_from_slice(line.trim_ascii_end());
        }
        STANDARD.decode(digits).map_err(|_| Reject::Malformed { what: WHAT })
    }
}

/// The blocks of a file, in their order; none where it is no PEM. One without a label or an end is [`Reject::Malformed`].
pub fn blocks(bytes: &[u8]) -> Blocks<'_> {
    Blocks { rest: bytes }
}

/// The octets inside the one block that a file has, where its label is such.
///
/// # Errors
/// [`Reject::Malformed`] where there is no block, another, one that does not read, or more of them.
pub fn only(what: &'static str, bytes: &[u8], is_wanted: fn(&str) -> bool) -> Result<Vec<u8>, Reject> {
    let malformed = || Reject::Malformed { what };
    let mut blocks = blocks(bytes);
    // Most files that are asked are another's: their label is enough to know.
    let label = blocks.label().flatten().filter(|label| is_wanted(label)).ok_or_else(malformed)?;
    match (blocks.block(label), blocks.next()) {
        (Some(block), None) => block.contents().map_err(|_| malformed()),
        _ => Err(malformed()),
    }
}

/// See [`blocks`].
#[derive(Debug, Clone)]
pub struct Blocks<'a> {
    rest: &'a [u8],
}

impl<'a> Blocks<'a> {
    /// The next line, with what ends it.
    fn line(&mut self) -> Option<&'a [u8]> {
        let end = memchr(b'\n', self.rest).map_or(self.rest.len(), |at| at.saturating_add(1));
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        (!line.is_empty()).then_some(line)
    }

    /// The label of the next block, where there is a block, and where it has one.
    fn label(&mut self) -> Option<Option<&'a str>> {
        loop {
            if let Some(first) = self.line()?.strip_prefix(BEGIN) {
                let label = std::str::from_utf8(first).ok().and_then(|first| first.split_once("-----"));
                return Some(label.map(|(label, _)| label));
            }
        }
    }

    /// The block that this label begins.
    fn block(&mut self, label: &'a str) -> Option<Block<'a>> {
        let lines = self.rest;
        let mut len: usize = 0;
        loop {
            let line = self.line()?;
            if line.starts_with(END) {
                return Some(Block { label, body: lines.get(..len)? });
            }
            len = len.checked_add(line.len())?;
        }
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, Reject>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.label()?.and_then(|label| self.block(label));
        Some(block.ok_or(Reject::Malformed { what: WHAT }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_stand_between_any_text() {
        let file = b"\xff\nname: x\r\n-----BEGIN A KEY-----\r\nAQID\r\nBA==\r\n-----END A KEY-----\r\n-----BEGIN B-----\n-----END B-----";
        let found: Vec<Block<'_>> = blocks(file).collect::<Result<_, _>>().unwrap();
        let [first, second] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((first.label, first.contents()), ("A KEY", Ok(vec![1, 2, 3, 4])));
        assert_eq!((second.label, second.contents()), ("B", Ok(Vec::new())));
        assert_eq!(blocks(b"no PEM").count() + blocks(b"").count(), 0);
        assert!(only("file", file, |_| true).is_err(), "there are two");
    }

    #[test]
    fn a_block_that_does_not_read_is_malformed() {
        for file in [
            "-----BEGIN A-----\nAQID",
            "-----BEGIN A-----\nAQI\n-----END A-----",
            "-----BEGIN A-----\nAQ==AQ==\n-----END A-----",
            "-----BEGIN A-----\nAQ\u{a0}ID\n-----END A-----",
            "-----BEGIN A\nAQID\n-----END A-----",
        ] {
            let found = blocks(file.as_bytes()).next().unwrap().and_then(|block| block.contents());
            assert_eq!(found, Err(Reject::Malformed { what: "PEM" }), "{file}");
            assert_eq!(only("file", file.as_bytes(), |_| true), Err(Reject::Malformed { what: "file" }));
        }
        assert!(only("file", b"-----BEGIN A-----\nAQID\n-----END A-----\n", |label| label == "A").is_ok());
    }
}
