//! Signed notes and their Ed25519 keys (C2SP signed-note), and the witnesses' keys of C2SP tlog-cosignature.
//!
//! A note that was parsed is not verified: its text counts for nothing until a key is held against it. Randomness is
//! the caller's: a key is made from a seed.
use crate::error::NoteError;
use crate::tree::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt;

/// Bytes of a key's name: as many as the origin of an ML-DSA cosignature may have (C2SP tlog-cosignature).
pub const NAME_LEN_BYTES_MAX: usize = 255;
/// Bytes of a signed note: 16 ML-DSA signatures, which every verifier must take, fill half of it.
pub const NOTE_LEN_BYTES_MAX: usize = 128 << 10;
/// Signatures of one note: C2SP signed-note asks for 16.
pub const SIGNATURES_MAX: usize = 64;

/// How a private key's text begins, as Go's `sumdb/note` writes it.
const PRIVATE_HEAD: &str = "PRIVATE+KEY+";

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// Checkpoints of its own log: signature type 0x01.
    Log,
    /// Other logs' checkpoints, with the time: signature type 0x04.
    Witness,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            KeyKind::Log => 0x01,
            KeyKind::Witness => 0x04,
        }
    }
}

/// A key that verifies notes, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    id: [u8; 4],
    key: [u8; 32],
}

impl VerifierKey {
    fn new(name: &str, kind: KeyKind, key: [u8; 32]) -> Result<VerifierKey, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Name);
        }
        let hash = digest(&[name.as_bytes(), b"\n", &[kind.byte()], &key]);
        let [a, b, c, d, ..] = hash.0;
        Ok(VerifierKey { name: name.to_owned(), kind, id: [a, b, c, d], key })
    }

    /// Reads `<name>+<key id>+<base64 of type and key>`.
    ///
    /// # Errors
    /// [`NoteError::Name`], [`NoteError::Key`] where it is no such text or its key id is not that of the key.
    pub fn parse(text: &str) -> Result<VerifierKey, NoteError> {
        let (name, id, bytes) = split_key(text.trim_end_matches('\n'))?;
        let (kind, key) = match bytes.split_first() {
            Some((0x01, key)) => (KeyKind::Log, key),
            Some((0x04, key)) => (KeyKind::Witness, key),
            _ => return Err(NoteError::Key),
        };
        let key = VerifierKey::new(name, kind, key.try_into().map_err(|_| NoteError::Key)?)?;
        if hex(&key.id) != id {
            return Err(NoteError::Key);
        }
        Ok(key)
    }

    /// The key's name: of a log's key, the origin of its checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The 32 octets of the public key (RFC 8032).
    pub fn public_key(&self) -> &[u8; 32] {
        &self.key
    }

    /// Whether `signature` is this key's, by name and key id, which a stranger can imitate: it is no verification.
    fn owns(&self, signature: &NoteSignature) -> bool {
        self.name == signature.name && self.id == signature.id
    }

    fn holds(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.key).verify(message, signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[self.kind.byte()], self.key.as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, hex(&self.id), BASE64.encode(bytes))
    }
}

/// The private key of a log or a witness.
pub struct NoteKey {
    pair: Ed25519KeyPair,
    seed: [u8; 32],
    verifier: VerifierKey,
}

impl fmt::Debug for NoteKey {
    /// Shows the public key alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteKey({})", self.verifier)
    }
}

impl NoteKey {
    /// The key of this name, from 32 octets that nobody can guess (the private key of RFC 8032).
    ///
    /// # Errors
    /// [`NoteError::Name`] where the name is empty, longer than [`NAME_LEN_BYTES_MAX`], or has spaces, control
    /// characters or a plus sign.
    pub fn from_seed(name: &str, kind: KeyKind, seed: &[u8; 32]) -> Result<NoteKey, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NoteError::Key)?;
        let key = pair.public_key().as_ref().try_into().map_err(|_| NoteError::Key)?;
        Ok(NoteKey { verifier: VerifierKey::new(name, kind, key)?, pair, seed: *seed })
    }

    /// Reads `PRIVATE+KEY+<name>+<key id>+<base64 of type and seed>`, the text that Go's `sumdb/note` writes.
    ///
    /// # Errors
    /// As [`VerifierKey::parse`].
    pub fn parse(text: &str) -> Result<NoteKey, NoteError> {
        let public = text.trim_end_matches('\n').strip_prefix(PRIVATE_HEAD).ok_or(NoteError::Key)?;
        let (name, id, bytes) = split_key(public)?;
        let (kind, seed) = match bytes.split_first() {
            Some((0x01, seed)) => (KeyKind::Log, seed),
            Some((0x04, seed)) => (KeyKind::Witness, seed),
            _ => return Err(NoteError::Key),
        };
        let key = NoteKey::from_seed(name, kind, seed.try_into().map_err(|_| NoteError::Key)?)?;
        if hex(&key.verifier.id) != id {
            return Err(NoteError::Key);
        }
        Ok(key)
    }

    /// The private key as text, for a file that its owner alone reads. [`NoteKey::parse`] takes it.
    pub fn private_text(&self) -> String {
        let bytes = [&[self.verifier.kind.byte()], self.seed.as_slice()].concat();
        format!("{PRIVATE_HEAD}{}+{}+{}", self.verifier.name, hex(&self.verifier.id), BASE64.encode(bytes))
    }

    /// The key that verifies what this one signs.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a note's text, which ends with a line feed; `time` is that of a witness, in seconds since
    /// 1970-01-01T00:00:00Z, and goes into a witness's signature alone.
    pub(crate) fn sign(&self, text: &str, time: u64) -> NoteSignature {
        let bytes = match self.verifier.kind {
            KeyKind::Log => self.pair.sign(text.as_bytes()).as_ref().to_vec(),
            KeyKind::Witness => {
                let signature = self.pair.sign(cosigned(text, time).as_bytes());
                [&time.to_be_bytes(), signature.as_ref()].concat()
            }
        };
        NoteSignature { name: self.verifier.name.clone(), id: self.verifier.id, bytes }
    }
}

/// One signature line of a note. Not verified by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoteSignature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

/// A text with its signatures, none of them verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedNote {
    pub(crate) text: String,
    pub(crate) signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// Reads a note of at most [`NOTE_LEN_BYTES_MAX`] bytes and [`SIGNATURES_MAX`] signatures.
    pub(crate) fn parse(bytes: &[u8]) -> Result<SignedNote, NoteError> {
        if bytes.len() > NOTE_LEN_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed)?;
        if note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
            return Err(NoteError::Malformed);
        }
        let middle = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, signatures) = note.split_at(middle.saturating_add(1));
        let lines = signatures.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
        let lines = lines.filter(|lines| !lines.is_empty()).ok_or(NoteError::Malformed)?;
        if lines.split('\n').count() > SIGNATURES_MAX {
            return Err(NoteError::TooLong);
        }
        let signatures: Result<_, _> = lines.split('\n').map(NoteSignature::parse).collect();
        Ok(SignedNote { text: text.to_owned(), signatures: signatures? })
    }

    pub(crate) fn encode(&self) -> String {
        let mut note = format!("{}\n", self.text);
        for NoteSignature { name, id, bytes } in &self.signatures {
            let signature = BASE64.encode([id.as_slice(), bytes].concat());
            note.push_str(&format!("\u{2014} {name} {signature}\n"));
        }
        note
    }

    /// Whether a log's key signed the text. A signature with its name and id that does not hold spoils the note.
    pub(crate) fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut found = false;
        for signature in self.signatures.iter().filter(|signature| key.owns(signature)) {
            if key.kind != KeyKind::Log || !key.holds(self.text.as_bytes(), &signature.bytes) {
                return Err(NoteError::Signature { name: key.name.clone() });
            }
            found = true;
        }
        if found { Ok(()) } else { Err(NoteError::Unsigned { name: key.name.clone() }) }
    }

    /// The time of a witness's cosignature, if there is one; of several, the latest.
    pub(crate) fn cosigned_at(&self, key: &VerifierKey) -> Result<Option<u64>, NoteError> {
        let mut latest = None;
        for signature in self.signatures.iter().filter(|signature| key.owns(signature)) {
            let broken = || NoteError::Signature { name: key.name.clone() };
            let (time, ed25519) = signature.bytes.split_first_chunk::<8>().ok_or_else(broken)?;
            let time = u64::from_be_bytes(*time);
            let in_range = i64::try_from(time).is_ok();
            if key.kind != KeyKind::Witness
                || !in_range
                || !key.holds(cosigned(&self.text, time).as_bytes(), ed25519)
            {
                return Err(broken());
            }
            latest = latest.max(Some(time));
        }
        Ok(latest)
    }

    /// The signatures whose name and id are those of one of these keys.
    pub(crate) fn signatures_of(&self, keys: &[VerifierKey]) -> Vec<NoteSignature> {
        let known = |signature: &&NoteSignature| keys.iter().any(|key| key.owns(signature));
        self.signatures.iter().filter(known).cloned().collect()
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Result<NoteSignature, NoteError> {
        let rest = line.strip_prefix("\u{2014} ").ok_or(NoteError::Malformed)?;
        let (name, signature) = rest.split_once(' ').ok_or(NoteError::Malformed)?;
        let bytes = BASE64.decode(signature).map_err(|_| NoteError::Malformed)?;
        let (id, bytes) = bytes.split_first_chunk::<4>().ok_or(NoteError::Malformed)?;
        if !is_name(name) || bytes.is_empty() {
            return Err(NoteError::Malformed);
        }
        Ok(NoteSignature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }
}

/// What a witness signs. Source: C2SP tlog-cosignature, Ed25519 signed message.
fn cosigned(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

fn is_name(name: &str) -> bool {
    let letter = |letter: char| !letter.is_whitespace() && !letter.is_control() && letter != '+';
    !name.is_empty() && name.len() <= NAME_LEN_BYTES_MAX && name.chars().all(letter)
}

/// Name, key id and bytes of a key's text. The base64 may hold plus signs; name and id cannot.
fn split_key(text: &str) -> Result<(&str, &str, Vec<u8>), NoteError> {
    if text.len() > NAME_LEN_BYTES_MAX.saturating_add(128) {
        return Err(NoteError::TooLong);
    }
    let (name, rest) = text.split_once('+').ok_or(NoteError::Key)?;
    let (id, bytes) = rest.split_once('+').ok_or(NoteError::Key)?;
    Ok((name, id, BASE64.decode(bytes).map_err(|_| NoteError::Key)?))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
