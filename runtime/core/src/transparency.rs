//! Certificate transparency: what logs promise of a precertificate, asked for and checked.
//!
//! A log that answers with a promise of another log, of another certificate, or of nobody, gives no certificate: what it
//! signed is verified with its key before it is put into one. Source: RFC 6962 sections 3.2 and 3.3.
use crate::report::Obligation;
use pkic_facts::crypto::{Hash, Scheme, Sha256Digest, Strength, verify_signature};
use std::fmt;

/// Seconds by which a log's clock may be ahead of ours.
const AHEAD_S_MAX: i64 = 60;
/// Bytes of one timestamp: an RSA signature of 4,096 bits and extensions of the same size stay far below.
pub const TIMESTAMP_LEN_BYTES_MAX: usize = 4096;

/// Why a demand for `sct-list` cannot be met.
pub(crate) const UNOBLIGED: &str =
    "the contents demand `sct-list`, and no `oblige ct` is in force, which would have logs fill it";

/// In how many logs the obligations of a decision want its certificate.
pub(crate) fn logs_obliged(obligations: &[Obligation]) -> usize {
    let obliged = obligations.iter().filter(|each| each.name == "ct");
    let counts = obliged.flat_map(|each| &each.arguments).map(|(_, count)| count.parse::<usize>());
    // A count that does not read is none that could be met.
    counts.map(|count| count.unwrap_or(usize::MAX)).max().unwrap_or(0)
}

/// A log. Its key, and how it is reached, are the embedder's to know.
pub trait TransparencyLog: Send + Sync {
    /// Its name in messages.
    fn name(&self) -> &str;

    /// The subjectPublicKeyInfo of its key, in DER: ECDSA on P-256 or RSA, as RFC 6962 section 2.1.4 has it.
    fn spki(&self) -> &[u8];

    /// Submits a precertificate with what is above it, each in DER, and returns the SignedCertificateTimestamp as TLS
    /// writes it. It ends within a time of its own: the CA waits for it.
    ///
    /// # Errors
    /// In words, where the log gives none.
    fn add_pre_chain(&self, chain: &[&[u8]]) -> Result<Vec<u8>, String>;
}

/// Why a timestamp does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimestampError {
    /// The log is from a time ahead of ours: its moment, in milliseconds since 1970-01-01T00:00:00Z.
    Ahead(u64),
    /// It is of the log with this id.
    Log(Sha256Digest),
    /// It does not decode as a SignedCertificateTimestamp of version 1.
    Malformed,
    /// Its signature does not verify with the log's key.
    Signature,
    /// The log gave none.
    Unanswered(String),
}

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimestampError::Ahead(at) => write!(f, "its timestamp {at} is ahead of the clock"),
            TimestampError::Log(id) => write!(f, "its timestamp is of the log {id}"),
            TimestampError::Malformed => f.write_str("its timestamp does not decode"),
            TimestampError::Signature => f.write_str("the signature of its timestamp does not verify"),
            TimestampError::Unanswered(what) => f.write_str(what),
        }
    }
}

/// What the logs were to sign: the key of the issuer, and the tbsCertificate without poison and timestamps.
pub(crate) struct Precertified<'a> {
    pub(crate) issuer: Sha256Digest,
    pub(crate) tbs: &'a [u8],
}

impl Precertified<'_> {
    /// Checks what a log answered.
    pub(crate) fn check(&self, log_spki: &[u8], answer: &[u8], now: i64) -> Result<(), TimestampError> {
        let read = Timestamp::read(answer).ok_or(TimestampError::Malformed)?;
        let id = Sha256Digest::of(log_spki);
        if read.log_id != id.0 {
            return Err(TimestampError::Log(Sha256Digest(read.log_id)));
        }
        let latest = now.saturating_add(AHEAD_S_MAX).saturating_mul(1000);
        if i64::try_from(read.at_ms).map_or(true, |at_ms| at_ms > latest) {
            return Err(TimestampError::Ahead(read.at_ms));
        }
        let message = self.signed(&read).ok_or(TimestampError::Malformed)?;
        verify_signature(log_spki, read.scheme, Strength::Current, &message, read.signature)
            .map_err(|_| TimestampError::Signature)
    }

    /// The octets of the digitally-signed struct: version, certificate_timestamp, time, precert_entry, issuer_key_hash,
    /// tbs_certificate and extensions.
    fn signed(&self, read: &Timestamp<'_>) -> Option<Vec<u8>> {
        let [0, tbs_len @ ..] = u32::try_from(self.tbs.len()).ok()?.to_be_bytes() else { return None };
        let extensions_len = u16::try_from(read.extensions.len()).ok()?.to_be_bytes();
        let at = read.at_ms.to_be_bytes();
        let parts: [&[u8]; 8] =
            [&[0, 0], &at, &[0, 1], &self.issuer.0, &tbs_len, self.tbs, &extensions_len, read.extensions];
        Some(parts.concat())
    }
}

/// A SignedCertificateTimestamp of version 1, read.
struct Timestamp<'a> {
    log_id: [u8; 32],
    at_ms: u64,
    extensions: &'a [u8],
    scheme: Scheme,
    signature: &'a [u8],
}

impl<'a> Timestamp<'a> {
    fn read(bytes: &'a [u8]) -> Option<Timestamp<'a>> {
        if bytes.len() > TIMESTAMP_LEN_BYTES_MAX {
            return None;
        }
        let (&0, rest) = bytes.split_first()? else { return None };
        let (log_id, rest) = rest.split_first_chunk::<32>()?;
        let (at_ms, rest) = rest.split_first_chunk::<8>()?;
        let (extensions, rest) = prefixed(rest)?;
        let (algorithms, rest) = rest.split_first_chunk::<2>()?;
        let (signature, rest) = prefixed(rest)?;
        // SHA-256 with ECDSA or RSA: RFC 5246 section 7.4.1.4.1.
        let scheme = match algorithms {
            [4, 3] => Scheme::Ecdsa(Hash::Sha256),
            [4, 1] => Scheme::RsaPkcs1(Hash::Sha256),
            _ => return None,
        };
        let (log_id, at_ms) = (*log_id, u64::from_be_bytes(*at_ms));
        rest.is_empty().then_some(Timestamp { log_id, at_ms, extensions, scheme, signature })
    }
}

/// The SignedCertificateTimestampList of these timestamps.
pub(crate) fn list(timestamps: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut of_each = Vec::new();
    for timestamp in timestamps {
        of_each.extend(u16::try_from(timestamp.len()).ok()?.to_be_bytes());
        of_each.extend_from_slice(timestamp);
    }
    let len = u16::try_from(of_each.len()).ok()?.to_be_bytes();
    Some([&len[..], &of_each].concat())
}

/// Octets with their length in two octets before them, and what follows.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}
