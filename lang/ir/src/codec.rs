//! Canonical bytes: CBOR of definite lengths and shortest integers, records as arrays in a fixed order.
//!
//! Facts, words and grades stand by name, so that the order of the vocabulary is no part of the meaning. The decoder
//! checks lengths before it reserves memory, then the whole program, then that it re-encodes to the same bytes.
use crate::error::DecodeError;
use crate::program::Program;
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use pkic_vocab::{FactId, limits};
use sha2::{Digest, Sha256};

/// Version of the format, the first item of every program.
pub const FORMAT_VERSION: u64 = 1;
/// Edition of the vocabulary that names are taken from.
pub const EDITION: &str = "2026";

/// Writes canonical CBOR into memory, which cannot fail.
pub(crate) struct Writer(Encoder<Vec<u8>>);

impl Writer {
    pub(crate) fn array(&mut self, len: usize) {
        self.0.array(u64::try_from(len).unwrap_or(u64::MAX)).ok();
    }

    pub(crate) fn uint(&mut self, value: u64) {
        self.0.u64(value).ok();
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.0.str(value).ok();
    }
}

/// Reads CBOR, and keeps the offset for errors.
pub(crate) struct Reader<'b> {
    decoder: Decoder<'b>,
    facts: BTreeMap<&'static str, FactId>,
}

impl<'b> Reader<'b> {
    fn new(bytes: &'b [u8]) -> Reader<'b> {
        let facts = FactId::all().map(|id| (id.def().path, id)).collect();
        Reader { decoder: Decoder::new(bytes), facts }
    }

    pub(crate) fn at(&self) -> usize {
        self.decoder.position()
    }

    pub(crate) fn malformed(&self, what: &'static str) -> DecodeError {
        DecodeError::Malformed { at: self.at(), what }
    }

    /// The length of an array, which no input can make larger than the bytes that are left.
    pub(crate) fn array(&mut self, what: &'static str, max: usize) -> Result<usize, DecodeError> {
        let at = self.at();
        let Ok(Some(len)) = self.decoder.array() else {
            return Err(DecodeError::Malformed { at, what });
        };
        let left = self.decoder.input().len().saturating_sub(self.at());
        match usize::try_from(len) {
            Ok(len) if len <= max && len <= left => Ok(len),
            _ => Err(DecodeError::Limit { what, at, found: len, max: max.min(left) as u64 }),
        }
    }

    pub(crate) fn record(&mut self, what: &'static str, len: usize) -> Result<(), DecodeError> {
        let at = self.at();
        if self.array(what, len)? == len { Ok(()) } else { Err(DecodeError::Malformed { at, what }) }
    }

    pub(crate) fn uint(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        let at = self.at();
        self.decoder.u64().map_err(|_| DecodeError::Malformed { at, what })
    }

    pub(crate) fn text(&mut self, what: &'static str) -> Result<&'b str, DecodeError> {
        let at = self.at();
        let text = self.decoder.str().map_err(|_| DecodeError::Malformed { at, what })?;
        within(what, at, text.len())?;
        Ok(text)
    }

    /// A name that `find` knows.
    pub(crate) fn name<T>(
        &mut self,
        what: &'static str,
        find: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, DecodeError> {
        let at = self.at();
        let name = self.text(what)?;
        find(name).ok_or_else(|| DecodeError::UnknownName { at, what, name: name.to_owned() })
    }

    pub(crate) fn fact(&mut self) -> Result<FactId, DecodeError> {
        let at = self.at();
        let name = self.text("fact")?;
        let found = self.facts.get(name).copied();
        found.ok_or_else(|| DecodeError::UnknownName { at, what: "fact", name: name.to_owned() })
    }

    fn is_null(&self) -> bool {
        matches!(self.decoder.datatype(), Ok(Type::Null))
    }
}

fn within(what: &'static str, at: usize, len: usize) -> Result<(), DecodeError> {
    let max = limits::TEXT_LEN_BYTES_MAX;
    if len <= max {
        return Ok(());
    }
    Err(DecodeError::Limit { what, at, found: len as u64, max: max as u64 })
}

/// Something with canonical bytes.
pub(crate) trait Code: Sized {
    /// The most that one list may hold of it.
    const LIST_MAX: usize = limits::LIST_LEN_MAX;
    fn put(&self, w: &mut Writer);
    fn take(r: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

impl Code for bool {
    fn put(&self, w: &mut Writer) {
        w.0.bool(*self).ok();
    }

    fn take(r: &mut Reader<'_>) -> Result<bool, DecodeError> {
        let at = r.at();
        r.decoder.bool().map_err(|_| DecodeError::Malformed { at, what: "bool" })
    }
}

impl Code for u8 {
    fn put(&self, w: &mut Writer) {
        w.uint(u64::from(*self));
    }

    fn take(r: &mut Reader<'_>) -> Result<u8, DecodeError> {
        let at = r.at();
        let value = r.uint("byte")?;
        u8::try_from(value).map_err(|_| DecodeError::Malformed { at, what: "byte" })
    }
}

impl Code for u32 {
    fn put(&self, w: &mut Writer) {
        w.uint(u64::from(*self));
    }

    fn take(r: &mut Reader<'_>) -> Result<u32, DecodeError> {
        let at = r.at();
        let value = r.uint("index or count")?;
        u32::try_from(value).map_err(|_| DecodeError::Malformed { at, what: "index or count" })
    }
}

impl Code for u64 {
    fn put(&self, w: &mut Writer) {
        w.uint(*self);
    }

    fn take(r: &mut Reader<'_>) -> Result<u64, DecodeError> {
        r.uint("count")
    }
}

impl Code for i64 {
    fn put(&self, w: &mut Writer) {
        w.0.i64(*self).ok();
    }

    fn take(r: &mut Reader<'_>) -> Result<i64, DecodeError> {
        let at = r.at();
        r.decoder.i64().map_err(|_| DecodeError::Malformed { at, what: "number" })
    }
}

impl Code for String {
    fn put(&self, w: &mut Writer) {
        w.text(self);
    }

    fn take(r: &mut Reader<'_>) -> Result<String, DecodeError> {
        r.text("text").map(str::to_owned)
    }
}

impl Code for [u8; 32] {
    fn put(&self, w: &mut Writer) {
        w.0.bytes(self).ok();
    }

    fn take(r: &mut Reader<'_>) -> Result<[u8; 32], DecodeError> {
        let at = r.at();
        let bytes = r.decoder.bytes().ok().and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or(DecodeError::Malformed { at, what: "digest" })
    }
}

/// Bytes of any length up to the limit of a text; a list of numbers would be another thing.
pub(crate) struct Octets(pub(crate) Vec<u8>);

impl Code for Octets {
    fn put(&self, w: &mut Writer) {
        w.0.bytes(&self.0).ok();
    }

    fn take(r: &mut Reader<'_>) -> Result<Octets, DecodeError> {
        let at = r.at();
        let bytes = r.decoder.bytes().map_err(|_| DecodeError::Malformed { at, what: "bytes" })?;
        within("bytes", at, bytes.len())?;
        Ok(Octets(bytes.to_vec()))
    }
}

/// Null for nothing: no type here has null for one of its own values.
impl<T: Code> Code for Option<T> {
    fn put(&self, w: &mut Writer) {
        match self {
            None => {
                w.0.null().ok();
            }
            Some(value) => value.put(w),
        }
    }

    fn take(r: &mut Reader<'_>) -> Result<Option<T>, DecodeError> {
        if !r.is_null() {
            return T::take(r).map(Some);
        }
        let at = r.at();
        r.decoder.null().map_err(|_| DecodeError::Malformed { at, what: "null" })?;
        Ok(None)
    }
}

impl<T: Code> Code for Vec<T> {
    fn put(&self, w: &mut Writer) {
        w.array(self.len());
        for entry in self {
            entry.put(w);
        }
    }

    fn take(r: &mut Reader<'_>) -> Result<Vec<T>, DecodeError> {
        // Nothing is reserved: a large array must be paid for with bytes that decode.
        let mut entries = Vec::new();
        for _ in 0..r.array("list", T::LIST_MAX)? {
            entries.push(T::take(r)?);
        }
        Ok(entries)
    }
}

impl<A: Code, B: Code> Code for (A, B) {
    const LIST_MAX: usize = limits::PROFILES_MAX;

    fn put(&self, w: &mut Writer) {
        w.array(2);
        self.0.put(w);
        self.1.put(w);
    }

    fn take(r: &mut Reader<'_>) -> Result<(A, B), DecodeError> {
        r.record("pair", 2)?;
        Ok((A::take(r)?, B::take(r)?))
    }
}

impl Program {
    /// The canonical bytes. No other bytes decode to this program, spelled as it is: distinguished names that compare
    /// as equal but are spelled differently have different bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer(Encoder::new(Vec::new()));
        w.array(3);
        w.uint(FORMAT_VERSION);
        w.text(EDITION);
        self.put(&mut w);
        w.0.into_writer()
    }

    /// Reads a program and checks everything that it says.
    ///
    /// # Errors
    /// [`DecodeError`] with the first thing that is wrong: another version, an item over its limit, a name that the
    /// vocabulary does not have, whatever [`crate::check`] finds, or bytes that are not the canonical ones.
    pub fn decode(bytes: &[u8]) -> Result<Program, DecodeError> {
        let max = limits::PROGRAM_LEN_BYTES_MAX;
        if bytes.len() > max {
            let (found, max) = (bytes.len() as u64, max as u64);
            return Err(DecodeError::Limit { what: "program", at: 0, found, max });
        }
        let mut r = Reader::new(bytes);
        r.record("program", 3)?;
        let version = r.uint("version of the format")?;
        if version != FORMAT_VERSION {
            return Err(DecodeError::Version { found: version });
        }
        r.name("edition of the vocabulary", |name| (name == EDITION).then_some(()))?;
        let program = Program::take(&mut r)?;
        if r.at() != bytes.len() {
            return Err(DecodeError::Trailing { at: r.at() });
        }
        crate::check(&program)?;
        if program.encode() == bytes { Ok(program) } else { Err(DecodeError::NotCanonical) }
    }

    /// SHA-256 of the canonical bytes: one digest, one meaning.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.encode()).into()
    }
}
