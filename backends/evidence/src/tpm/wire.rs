//! A bounded reader of TPM wire structures: big-endian integers and `TPM2B` byte strings.
//!
//! Source: TPM 2.0 Library, Part 1, section 11 (marshalling) and Part 2, section 10.4 (`TPM2B` types).
use pkic_facts::reject::Reject;

/// Reads from the front of a byte slice; every read is checked.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, what: &'static str, len: usize) -> Result<&'a [u8], Reject> {
        let (head, tail) = self.rest.split_at_checked(len).ok_or(Reject::Malformed { what })?;
        self.rest = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Reject> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or(Reject::Malformed { what })?;
        self.rest = tail;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, Reject> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self, what: &'static str) -> Result<u16, Reject> {
        self.array(what).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, Reject> {
        self.array(what).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, Reject> {
        self.array(what).map(u64::from_be_bytes)
    }

    /// A `TPM2B`: a 16-bit size and that many bytes, at most `limit`.
    pub(crate) fn sized(&mut self, what: &'static str, limit: usize) -> Result<&'a [u8], Reject> {
        let size = usize::from(self.u16(what)?);
        if size > limit {
            return Err(Reject::TooLarge { what, size, limit });
        }
        self.take(what, size)
    }

    /// Asserts that everything was read.
    pub(crate) const fn finish(self, what: &'static str) -> Result<(), Reject> {
        match self.rest {
            [] => Ok(()),
            rest => Err(Reject::TrailingBytes { what, extra_bytes: rest.len() }),
        }
    }
}

/// The contents of `bytes` if they are one whole `TPM2B`, else `bytes` themselves.
///
/// Tools write `TPMT_PUBLIC` and `TPMS_CREATION_DATA` with their size in front or without. The two cannot be confused: the first
/// starts with a 16-bit type of at most 0x25 and is longer than that, the second starts with two zero bytes and is not empty.
pub(crate) fn without_size_prefix(bytes: &[u8]) -> &[u8] {
    match bytes.split_first_chunk::<2>() {
        Some((size, rest)) if usize::from(u16::from_be_bytes(*size)) == rest.len() => rest,
        _ => bytes,
    }
}
