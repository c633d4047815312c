//! Catalogues: what dated, signed lists say about modules (design D3).
//!
//! Evidence says which module holds a key; where such modules keep keys, which validations they have and what is wrong
//! with them is a [`Catalogue`]'s to say. [`Catalogue::open`] alone makes one, from a sealed envelope whose signer the
//! caller names, and [`crate::facts::Facts::endorse`] joins it. A row is joined on identity facts that are better than
//! claimed and hands the worst of their grades on, so that it never makes knowledge better than the identity that it
//! rests on. No row: unknown.
use crate::crypto::Sha256Digest;
use crate::envelope::{Expected, Kind, Manifest, Opened, open, peek};
use crate::reject::Reject;

mod join;
mod rows;

pub(crate) use join::{Identified, Join};
pub use rows::{
    Advisory, Algorithm, Class, Day, Firmware, Format, Identity, KeyDigest, Range, RowError, Rows, Scheme,
    Severity, Source, Standing, Storage, Validation, Vendor, Version,
};

/// Whose catalogue counts, and how old it may be.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// Names of catalogues that count.
    pub names: &'a [&'a str],
    /// SHA-256 of the subjectPublicKeyInfo of every signer that counts.
    pub signers: &'a [Sha256Digest],
    /// The oldest that it may be, in seconds since it was made; nothing leaves that to its own end.
    pub age_s_max: Option<i64>,
}

/// A catalogue that was opened at a moment, and counts at that moment.
#[derive(Debug)]
pub struct Catalogue {
    rows: Rows,
    manifest: Manifest,
    signer: Sha256Digest,
    digest: Sha256Digest,
    now: i64,
    not_after: i64,
}

impl Catalogue {
    /// Opens a sealed catalogue. `last_seen` is the highest sequence number seen of its name.
    ///
    /// # Errors
    /// Those of [`open`]; [`Reject::FieldMismatch`] for a name that does not count; [`Reject::Stale`] for one that is
    /// older than it may be; [`Reject::Malformed`] for rows that do not read.
    pub fn open(
        bytes: &[u8],
        trust: &Trust<'_>,
        last_seen: Option<u64>,
        now: i64,
    ) -> Result<Catalogue, Reject> {
        let said = peek(bytes)?.manifest.name;
        let name = trust.names.iter().find(|name| **name == said).or(trust.names.first());
        let name = name.copied().unwrap_or_default();
        let expected = Expected { kind: Kind::Catalogue, name, signers: trust.signers, last_seen, now };
        let opened = open(bytes, &expected)?;
        let not_after = end(opened.manifest(), trust.age_s_max);
        if now > not_after {
            return Err(Reject::Stale { stale_after: not_after, now });
        }
        Catalogue::of(&opened, now, not_after)
    }

    fn of(opened: &Opened, now: i64, not_after: i64) -> Result<Catalogue, Reject> {
        Ok(Catalogue {
            rows: Rows::from_payload(opened.payload())?,
            manifest: opened.manifest().clone(),
            signer: opened.signer(),
            digest: opened.digest(),
            now,
            not_after,
        })
    }

    /// Its rows.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// What its signer says of it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of the signer's subjectPublicKeyInfo.
    pub fn signer(&self) -> Sha256Digest {
        self.signer
    }

    /// SHA-256 of the envelope.
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// The moment at which it was opened, and of which its status is.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The last second at which it counts.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }
}

/// The last second at which a catalogue counts for somebody who allows that age.
fn end(manifest: &Manifest, age_s_max: Option<i64>) -> i64 {
    let by_age = age_s_max.map_or(i64::MAX, |age| manifest.created.saturating_add(age));
    manifest.stale_after.min(by_age)
}
