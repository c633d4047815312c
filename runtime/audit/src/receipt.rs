//! Receipts: that an entry is in the log, for whoever has the log's key and nothing else (C2SP tlog-proof).
use crate::checkpoint::{Checkpoint, Cosignature, SignedCheckpoint};
use crate::error::NoteError;
use crate::note::{NOTE_LEN_BYTES_MAX, VerifierKey};
use crate::proof::{PROOF_LEN_MAX, shows_inclusion};
use crate::tree::{TREE_SIZE_MAX, leaf_hash};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use pkic_facts::crypto::Sha256Digest;

/// The first line. Source: C2SP tlog-proof, Format.
const HEAD: &str = "c2sp.org/tlog-proof@v1";
/// Bytes of a receipt: its checkpoint, and a proof of at most 64 lines of 45 bytes.
pub const RECEIPT_LEN_BYTES_MAX: usize = NOTE_LEN_BYTES_MAX + 4096;

/// An inclusion proof with the checkpoint that it leads to. Nothing of it is verified until [`Receipt::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    index: u64,
    proof: Vec<Sha256Digest>,
    checkpoint: SignedCheckpoint,
}

impl Receipt {
    pub(crate) fn new(index: u64, proof: Vec<Sha256Digest>, checkpoint: SignedCheckpoint) -> Receipt {
        Receipt { index, proof, checkpoint }
    }

    /// The index that the receipt claims for its entry.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The text of C2SP tlog-proof, for a file with the extension `.tlog-proof`.
    pub fn encode(&self) -> String {
        let proof: String = self.proof.iter().map(|hash| format!("{}\n", BASE64.encode(hash.0))).collect();
        format!("{HEAD}\nindex {}\n{proof}\n{}", self.index, self.checkpoint.encode())
    }

    /// Reads a receipt of at most [`RECEIPT_LEN_BYTES_MAX`] bytes. A line of extra data is skipped: nobody signed it.
    ///
    /// # Errors
    /// [`NoteError::Malformed`], [`NoteError::TooLong`].
    pub fn decode(bytes: &[u8]) -> Result<Receipt, NoteError> {
        if bytes.len() > RECEIPT_LEN_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed)?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(NoteError::Malformed)?;
        let (index, proof) = decode_head(head).ok_or(NoteError::Malformed)?;
        Ok(Receipt { index, proof, checkpoint: SignedCheckpoint::parse(checkpoint.as_bytes())? })
    }

    /// Whether the log of `key` has these bytes as its entry at [`Receipt::index`]; what comes back is the checkpoint
    /// that says so.
    ///
    /// # Errors
    /// As [`SignedCheckpoint::verify`]; [`NoteError::NotIncluded`] where the proof does not lead from the entry to the
    /// root.
    pub fn verify(&self, entry: &[u8], key: &VerifierKey) -> Result<Checkpoint, NoteError> {
        let checkpoint = self.checkpoint.verify(key)?;
        let (size, root) = (checkpoint.size(), checkpoint.root());
        if !shows_inclusion(&self.proof, leaf_hash(entry), self.index, size, root) {
            return Err(NoteError::NotIncluded { index: self.index, size });
        }
        Ok(checkpoint)
    }

    /// Who of these witnesses cosigned the checkpoint: [`SignedCheckpoint::cosignatures`].
    ///
    /// # Errors
    /// [`NoteError::Signature`] where a signature under the name of one of them does not hold.
    pub fn cosignatures(&self, witnesses: &[VerifierKey]) -> Result<Vec<Cosignature>, NoteError> {
        self.checkpoint.cosignatures(witnesses)
    }
}

fn decode_head(head: &str) -> Option<(u64, Vec<Sha256Digest>)> {
    let mut lines = head.split('\n');
    if lines.next()? != HEAD {
        return None;
    }
    let mut line = lines.next()?;
    if let Some(extra) = line.strip_prefix("extra ") {
        BASE64.decode(extra).ok()?;
        line = lines.next()?;
    }
    let digits = line.strip_prefix("index ")?;
    let index: u64 = digits.parse().ok()?;
    if index.to_string() != digits || index >= TREE_SIZE_MAX {
        return None;
    }
    let mut proof = Vec::new();
    for line in lines {
        if proof.len() == PROOF_LEN_MAX {
            return None;
        }
        proof.push(Sha256Digest(BASE64.decode(line).ok()?.try_into().ok()?));
    }
    Some((index, proof))
}
