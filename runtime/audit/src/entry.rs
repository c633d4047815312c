//! Entries: a header that the log itself understands, and a payload that it does not.
//!
//! The encoding is deterministic CBOR (RFC 8949 section 4.2.1); the decoder encodes what it understood again and
//! compares, so that an entry has one spelling. What kinds there are, and what stands in a payload, is the caller's.
use crate::error::EntryError;
use crate::tile::ENTRY_LEN_BYTES_MAX;
use minicbor::data::Type;
use minicbor::{Decoder, Encoder, decode};
use pkic_facts::crypto::Sha256Digest;
use std::convert::Infallible;

/// Version of the layout.
const VERSION: u64 = 1;
/// Bytes of a kind.
pub const KIND_LEN_BYTES_MAX: usize = 64;
/// Ids that one entry spends: a nonce, and as many approvals and exceptions as one decision counts (64 each), twice over.
pub const SPENDS_MAX: usize = 256;
/// Artefacts whose sequences one entry tells: bundle, catalogues, anchor sets and statements of one decision.
pub const SEQUENCES_MAX: usize = 64;
/// Objects that one entry names: the items of evidence of one decision (16) with its inputs, and room to spare.
pub const OBJECTS_MAX: usize = 64;
/// Bytes of the name of a sequence: a kind, and the longest name of an envelope (255).
pub const SEQUENCE_NAME_LEN_BYTES_MAX: usize = 320;

/// What is written: a record with what the log must know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was written, in seconds since 1970-01-01T00:00:00Z, by the caller's clock.
    pub time: i64,
    /// What it is: lower-case letters, digits and hyphens, at most [`KIND_LEN_BYTES_MAX`].
    pub kind: String,
    /// Whether another entry completes it, or it completes another.
    pub part: Part,
    /// What can be spent once and is spent by it, at most [`SPENDS_MAX`].
    pub spends: Vec<Spend>,
    /// Editions of artefacts that it saw, at most [`SEQUENCES_MAX`].
    pub sequences: Vec<Sequence>,
    /// Objects of the side store that it speaks of, at most [`OBJECTS_MAX`].
    pub objects: Vec<Sha256Digest>,
    /// What the caller records.
    pub payload: Vec<u8>,
}

/// How an entry hangs together with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It completes the open entry at this index, which is open no more.
    Closes(u64),
    /// It stays open until another entry closes it: an intent.
    Opens,
    /// It is complete by itself.
    Whole,
}

/// An id that counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spend {
    /// Digest of what is spent: a nonce, an approval, one use of an exception.
    pub id: Sha256Digest,
    /// From after this moment on the log may forget it, because its owner no longer takes it; in seconds since
    /// 1970-01-01T00:00:00Z. Without one it is kept for ever.
    pub expires: Option<i64>,
}

/// An edition of an artefact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// What is numbered: kind and name, at most [`SEQUENCE_NAME_LEN_BYTES_MAX`].
    pub name: String,
    /// Its number, never lower than one that the log has under this name.
    pub sequence: u64,
}

impl Entry {
    /// The bytes that the log keeps, and that a receipt is verified with.
    ///
    /// # Errors
    /// [`EntryError::Kind`], [`EntryError::TooMany`], [`EntryError::TooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, EntryError> {
        self.check()?;
        let mut encoder = Encoder::new(Vec::with_capacity(self.payload.len().saturating_add(256)));
        // A vector takes whatever is written.
        self.write(&mut encoder).map_err(|_| EntryError::Malformed)?;
        let bytes = encoder.into_writer();
        if bytes.len() > ENTRY_LEN_BYTES_MAX {
            return Err(EntryError::TooLong { len_bytes: bytes.len() });
        }
        Ok(bytes)
    }

    /// Reads an entry of at most [`ENTRY_LEN_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// [`EntryError::TooLong`]; [`EntryError::Malformed`] where it is none, or not in its one spelling.
    pub fn decode(bytes: &[u8]) -> Result<Entry, EntryError> {
        if bytes.len() > ENTRY_LEN_BYTES_MAX {
            return Err(EntryError::TooLong { len_bytes: bytes.len() });
        }
        let entry = read(&mut Decoder::new(bytes)).map_err(|_| EntryError::Malformed)?;
        if entry.encode()? != bytes {
            return Err(EntryError::Malformed);
        }
        Ok(entry)
    }

    fn check(&self) -> Result<(), EntryError> {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.kind.is_empty() || self.kind.len() > KIND_LEN_BYTES_MAX || !self.kind.bytes().all(word) {
            return Err(EntryError::Kind);
        }
        let long = |sequence: &Sequence| sequence.name.len() > SEQUENCE_NAME_LEN_BYTES_MAX;
        if self.spends.len() > SPENDS_MAX
            || self.sequences.len() > SEQUENCES_MAX
            || self.objects.len() > OBJECTS_MAX
            || self.sequences.iter().any(long)
        {
            return Err(EntryError::TooMany);
        }
        Ok(())
    }

    fn write(&self, encoder: &mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<Infallible>> {
        encoder.array(8)?.u64(VERSION)?.i64(self.time)?.str(&self.kind)?;
        match self.part {
            Part::Whole => encoder.array(0)?,
            Part::Opens => encoder.array(1)?.null()?,
            Part::Closes(index) => encoder.array(1)?.u64(index)?,
        };
        encoder.array(self.spends.len() as u64)?;
        for Spend { id, expires } in &self.spends {
            encoder.array(2)?.bytes(&id.0)?;
            match expires {
                Some(moment) => encoder.i64(*moment)?,
                None => encoder.null()?,
            };
        }
        encoder.array(self.sequences.len() as u64)?;
        for Sequence { name, sequence } in &self.sequences {
            encoder.array(2)?.str(name)?.u64(*sequence)?;
        }
        encoder.array(self.objects.len() as u64)?;
        for digest in &self.objects {
            encoder.bytes(&digest.0)?;
        }
        encoder.bytes(&self.payload)?;
        Ok(())
    }
}

fn read(decoder: &mut Decoder<'_>) -> Result<Entry, decode::Error> {
    expect_array(decoder, 8)?;
    if decoder.u64()? != VERSION {
        return Err(decode::Error::message("version"));
    }
    let entry = Entry {
        time: decoder.i64()?,
        kind: decoder.str()?.to_owned(),
        part: read_part(decoder)?,
        spends: read_list(decoder, SPENDS_MAX, |decoder| {
            expect_array(decoder, 2)?;
            let id = read_digest(decoder)?;
            let expires = if is_null(decoder)? { None } else { Some(decoder.i64()?) };
            Ok(Spend { id, expires })
        })?,
        sequences: read_list(decoder, SEQUENCES_MAX, |decoder| {
            expect_array(decoder, 2)?;
            Ok(Sequence { name: decoder.str()?.to_owned(), sequence: decoder.u64()? })
        })?,
        objects: read_list(decoder, OBJECTS_MAX, read_digest)?,
        payload: decoder.bytes()?.to_vec(),
    };
    Ok(entry)
}

fn read_part(decoder: &mut Decoder<'_>) -> Result<Part, decode::Error> {
    match decoder.array()? {
        Some(0) => Ok(Part::Whole),
        Some(1) if is_null(decoder)? => Ok(Part::Opens),
        Some(1) => Ok(Part::Closes(decoder.u64()?)),
        _ => Err(decode::Error::message("part")),
    }
}

fn read_digest(decoder: &mut Decoder<'_>) -> Result<Sha256Digest, decode::Error> {
    let bytes = decoder.bytes()?.try_into().map_err(|_| decode::Error::message("digest"))?;
    Ok(Sha256Digest(bytes))
}

fn read_list<T>(
    decoder: &mut Decoder<'_>,
    max: usize,
    mut item: impl FnMut(&mut Decoder<'_>) -> Result<T, decode::Error>,
) -> Result<Vec<T>, decode::Error> {
    let count = decoder.array()?.filter(|count| *count <= max as u64);
    let count = count.ok_or_else(|| decode::Error::message("length"))?;
    (0..count).map(|_| item(decoder)).collect()
}

fn expect_array(decoder: &mut Decoder<'_>, len: u64) -> Result<(), decode::Error> {
    if decoder.array()? == Some(len) { Ok(()) } else { Err(decode::Error::message("array")) }
}

/// Takes a null, if one is next.
fn is_null(decoder: &mut Decoder<'_>) -> Result<bool, decode::Error> {
    if decoder.datatype()? != Type::Null {
        return Ok(false);
    }
    decoder.null()?;
    Ok(true)
}
