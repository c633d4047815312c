//! Asking witnesses for cosignatures (C2SP tlog-witness): what is sent, and what the answers mean.
//!
//! How a witness is reached is the caller's: [`Witness`] carries a body there and an answer back. What it answers counts
//! for nothing until its key is held against it.
use crate::checkpoint::{Cosignature, SignedCheckpoint};
use crate::error::{LogError, NoteError};
use crate::log::Log;
use crate::note::VerifierKey;
use crate::reader::Reader;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt;

/// Requests of one call: one, a second with the size that the witness told, and one more should somebody else have
/// brought it a checkpoint in between.
const REQUESTS_MAX: usize = 3;
/// Characters of a witness's own message that an error repeats.
const MESSAGE_LEN_MAX: usize = 200;

/// A witness. Its key, and how it is reached, are the caller's to know.
pub trait Witness {
    /// The key that its cosignatures are verified with.
    fn key(&self) -> &VerifierKey;

    /// Sends the body of an `add-checkpoint` request, and returns what the witness answered. It ends within a time of its
    /// own, and so does the answer's length.
    ///
    /// # Errors
    /// In words, where there is no answer.
    fn add_checkpoint(&self, body: Vec<u8>) -> Result<Answer, String>;
}

/// What a witness answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code of HTTP.
    pub status: u16,
    /// The media type of the body, without parameters; empty where the answer says none.
    pub media_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a witness gave no cosignature.
#[derive(Debug)]
pub enum WitnessError {
    /// It cosigned a checkpoint of more entries than this log has: the log was cut, put back, or is another one.
    Ahead {
        /// Entries of the checkpoint that it cosigned.
        seen: u64,
        /// Entries of this log.
        size: u64,
    },
    /// The log as it is does not continue what the witness cosigned, by the witness's word.
    Contradicted {
        /// Entries of the checkpoint that it cosigned.
        seen: u64,
    },
    /// What it answered is no cosignature of its own on the checkpoint.
    Cosignature(NoteError),
    /// This log cannot be read, or the cosignature not be kept.
    Log(LogError),
    /// It told another size each time.
    Restless,
    /// It refuses: its status code, and what it says.
    Refused {
        /// The status code of HTTP.
        status: u16,
        /// Its message, of bounded length and on one line.
        message: String,
    },
    /// It gave no answer.
    Unanswered(String),
}

impl fmt::Display for WitnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WitnessError::Ahead { seen, size } => write!(
                f,
                "it cosigned a checkpoint of {seen} entries, and this log has {size}: the log was cut, or is another"
            ),
            WitnessError::Contradicted { seen } => write!(
                f,
                "it says that this log does not continue the checkpoint of {seen} entries that it cosigned: the log was \
                 forked, or the witness lies"
            ),
            WitnessError::Cosignature(error) => write!(f, "its answer is no cosignature of its own: {error}"),
            WitnessError::Log(error) => error.fmt(f),
            WitnessError::Restless => f.write_str("it told another size each time: ask it again"),
            WitnessError::Refused { status, message } => {
                let why = match status {
                    403 => " (it has another key for this log)",
                    404 => " (it does not know this log: ask its operator to add the log's verifier key)",
                    _ => "",
                };
                write!(f, "it refuses with status {status}{why} {message}")
            }
            WitnessError::Unanswered(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for WitnessError {}

impl From<LogError> for WitnessError {
    fn from(error: LogError) -> WitnessError {
        WitnessError::Log(error)
    }
}

impl Log {
    /// Publishes the log, has each witness cosign its checkpoint, and keeps each cosignature once it is verified. What came
    /// of it stands in the order of the witnesses.
    ///
    /// A witness is told the size of the last checkpoint that it is known to have cosigned, and asked again with the size
    /// that it tells where that is another. Source: C2SP tlog-witness, add-checkpoint.
    ///
    /// # Errors
    /// [`LogError`] where the log, or what was cosigned before, cannot be read: nobody is asked then.
    pub fn ask_witnesses(
        &self,
        witnesses: &[&dyn Witness],
    ) -> Result<Vec<Result<Cosignature, WitnessError>>, LogError> {
        self.publish()?;
        let reader = self.reader()?;
        // Keeping the first new cosignature forgets who cosigned the checkpoint before.
        let seen = witnesses.iter().map(|witness| last_cosigned(&reader, witness.key()));
        let seen = seen.collect::<Result<Vec<u64>, LogError>>()?;
        Ok(witnesses.iter().zip(seen).map(|(witness, old)| self.ask(&reader, *witness, old)).collect())
    }

    fn ask(&self, reader: &Reader, witness: &dyn Witness, mut old: u64) -> Result<Cosignature, WitnessError> {
        let size = reader.checkpoint().size();
        for _ in 0..REQUESTS_MAX {
            let answer = witness.add_checkpoint(request(reader, old)?).map_err(WitnessError::Unanswered)?;
            match (answer.status, told_size(&answer)) {
                (200, _) => return self.keep(reader, witness.key(), &answer.body),
                (409, Some(seen)) if seen > size => return Err(WitnessError::Ahead { seen, size }),
                // It has a checkpoint of that very size, with another root.
                (409, Some(seen)) if seen == old => return Err(WitnessError::Contradicted { seen }),
                (409, Some(seen)) => old = seen,
                (422, _) => return Err(WitnessError::Contradicted { seen: old }),
                (status, _) => return Err(WitnessError::Refused { status, message: message(&answer.body) }),
            }
        }
        Err(WitnessError::Restless)
    }

    fn keep(&self, reader: &Reader, key: &VerifierKey, lines: &[u8]) -> Result<Cosignature, WitnessError> {
        let note = [reader.signed_checkpoint().encode().as_bytes(), lines].concat();
        let signed = SignedCheckpoint::parse(&note).map_err(WitnessError::Cosignature)?;
        let keys = std::slice::from_ref(key);
        let found = signed.cosignatures(keys).map_err(WitnessError::Cosignature)?;
        let unsigned = || WitnessError::Cosignature(NoteError::Unsigned { name: key.name().to_owned() });
        let cosignature = found.into_iter().next().ok_or_else(unsigned)?;
        self.add_cosignatures(&note, keys)?;
        Ok(cosignature)
    }
}

/// Entries of the latest checkpoint that is kept with a cosignature of this key; none where there is no such.
fn last_cosigned(reader: &Reader, key: &VerifierKey) -> Result<u64, LogError> {
    let Some(signed) = reader.witnessed_checkpoint()? else { return Ok(0) };
    let path = reader.dir.join(crate::files::WITNESSED);
    let found = signed.cosignatures(std::slice::from_ref(key)).map_err(LogError::note(&path))?;
    let checkpoint = signed.verify(&reader.key).map_err(LogError::note(&path))?;
    Ok(if found.is_empty() { 0 } else { checkpoint.size() })
}

/// The old size, the consistency proof, an empty line, and the checkpoint.
fn request(reader: &Reader, old: u64) -> Result<Vec<u8>, LogError> {
    let mut body = format!("old {old}\n");
    for hash in reader.consistency_proof(old)? {
        body.push_str(&BASE64.encode(hash.0));
        body.push('\n');
    }
    body.push('\n');
    body.push_str(&reader.signed_checkpoint().encode());
    Ok(body.into_bytes())
}

/// The size that a witness tells: a decimal number without leading zeroes, and a line feed.
fn told_size(answer: &Answer) -> Option<u64> {
    let text = std::str::from_utf8(&answer.body).ok().filter(|_| answer.media_type == "text/x.tlog.size")?;
    let digits = text.strip_suffix('\n')?;
    digits.parse().ok().filter(|size: &u64| size.to_string() == digits)
}

fn message(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_LEN_MAX).collect()
}
