//! Checkpoints (C2SP tlog-checkpoint): what a log says of itself, and who saw it.
//!
//! [`SignedCheckpoint`] is what was read; [`Checkpoint`] is what a key vouches for, and only verifying makes one.
use crate::error::NoteError;
use crate::note::{KeyKind, NoteKey, SIGNATURES_MAX, SignedNote, VerifierKey};
use crate::tree::TREE_SIZE_MAX;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use pkic_facts::crypto::Sha256Digest;

/// Size and root of a log at one moment, as its key signed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Sha256Digest,
}

impl Checkpoint {
    /// The name of the log, which is that of its key.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Entries of the log.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree over its entries (RFC 6962 section 2.1).
    pub fn root(&self) -> &Sha256Digest {
        &self.root
    }

    fn parse(text: &str) -> Option<Checkpoint> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        if origin.is_empty() || lines.any(str::is_empty) {
            return None;
        }
        let number: u64 = size.parse().ok()?;
        // Leading zeros and signs would give one size several spellings.
        if number.to_string() != size || number > TREE_SIZE_MAX {
            return None;
        }
        let root = BASE64.decode(root).ok()?;
        Some(Checkpoint {
            origin: origin.to_owned(),
            size: number,
            root: Sha256Digest(root.try_into().ok()?),
        })
    }
}

/// A witness's word that a checkpoint continues all that it saw of the log before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Name of the witness's key.
    pub witness: String,
    /// When it signed, in seconds since 1970-01-01T00:00:00Z, by its own clock.
    pub time: u64,
}

/// A checkpoint as it was read, with its signatures: nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint(SignedNote);

impl SignedCheckpoint {
    /// Reads a signed note of at most [`crate::note::NOTE_LEN_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// [`NoteError::Malformed`], [`NoteError::TooLong`].
    pub fn parse(bytes: &[u8]) -> Result<SignedCheckpoint, NoteError> {
        SignedNote::parse(bytes).map(SignedCheckpoint)
    }

    /// Signs size and root of a log.
    pub(crate) fn sign(key: &NoteKey, size: u64, root: &Sha256Digest) -> SignedCheckpoint {
        let text = format!("{}\n{size}\n{}\n", key.verifier().name(), BASE64.encode(root.0));
        let signatures = vec![key.sign(&text, 0)];
        SignedCheckpoint(SignedNote { text, signatures })
    }

    /// The signed note, as it stands in a file.
    pub fn encode(&self) -> String {
        self.0.encode()
    }

    /// What the log's key vouches for.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`] where the key signed nothing; [`NoteError::Signature`] where a signature under its name
    /// does not hold; [`NoteError::Malformed`] where the text is no checkpoint; [`NoteError::Origin`] where it is of a
    /// log of another name.
    pub fn verify(&self, key: &VerifierKey) -> Result<Checkpoint, NoteError> {
        self.0.verify(key)?;
        let checkpoint = Checkpoint::parse(&self.0.text).ok_or(NoteError::Malformed)?;
        if checkpoint.origin != key.name() {
            return Err(NoteError::Origin { expected: key.name().to_owned(), found: checkpoint.origin });
        }
        Ok(checkpoint)
    }

    /// Who of these witnesses cosigned it, each once, in the order of the keys. Counting them is the caller's: k of n
    /// holds where `k` or more come back, if no two of the `n` keys are of one operator.
    ///
    /// # Errors
    /// [`NoteError::Signature`] where a signature under the name of one of them does not hold.
    pub fn cosignatures(&self, witnesses: &[VerifierKey]) -> Result<Vec<Cosignature>, NoteError> {
        let mut found: Vec<Cosignature> = Vec::new();
        let mut keys = Vec::new();
        for key in witnesses.iter().filter(|key| key.kind() == KeyKind::Witness) {
            // The message does not name the witness: one key under two names is one witness.
            if keys.contains(&key.public_key()) {
                continue;
            }
            if let Some(time) = self.0.cosigned_at(key)? {
                keys.push(key.public_key());
                found.push(Cosignature { witness: key.name().to_owned(), time });
            }
        }
        Ok(found)
    }

    /// Adds a witness's cosignature. That the checkpoint continues what the witness saw before is the caller's to have
    /// checked, by [`crate::shows_consistency`]; `time` is the witness's, in seconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`NoteError::Key`] where the key is no witness's; [`NoteError::TooLong`] where the note is full.
    pub fn cosign(&mut self, witness: &NoteKey, time: u64) -> Result<(), NoteError> {
        if witness.verifier().kind() != KeyKind::Witness || i64::try_from(time).is_err() {
            return Err(NoteError::Key);
        }
        if self.0.signatures.len() >= SIGNATURES_MAX {
            return Err(NoteError::TooLong);
        }
        let signature = witness.sign(&self.0.text, time);
        self.0.signatures.push(signature);
        Ok(())
    }

    /// Adds the signatures of another note of the same text.
    pub(crate) fn merge(&mut self, other: &SignedCheckpoint) {
        if self.0.text == other.0.text {
            let new = other.0.signatures.iter().filter(|signature| !self.0.signatures.contains(signature));
            let new: Vec<_> = new.cloned().collect();
            self.0.signatures.extend(new);
            self.0.signatures.truncate(SIGNATURES_MAX);
        }
    }

    /// The same checkpoint with the signatures of `key` and of these witnesses alone.
    pub(crate) fn only_from(&self, key: &VerifierKey, witnesses: &[VerifierKey]) -> SignedCheckpoint {
        let mut signatures = self.0.signatures_of(std::slice::from_ref(key));
        signatures.extend(self.0.signatures_of(witnesses));
        SignedCheckpoint(SignedNote { text: self.0.text.clone(), signatures })
    }
}
