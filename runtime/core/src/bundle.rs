//! The bundle: a compiled policy as it is shipped, and what the runtime knows of one that it loaded.
//!
//! A signed bundle is a sealed envelope (design D18). An unsigned one has a framing of its own, so that neither is
//! ever taken for the other; it is for evaluation, tests and lab policies.
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::envelope::{self, Expected, Kind, Manifest, Peeked, SigningKey};
use pkic_facts::reject::Reject;
use pkic_ir::{DecodeError, Program, ProgramIndex};
use pkic_vocab::limits;
use std::fmt;

/// The head of an unsigned bundle. No envelope starts with it: a COSE_Sign1 starts with a CBOR array.
const UNSIGNED_HEAD: &[u8] = b"pkic unsigned bundle 1\n";

/// Whether a reader takes unsigned bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// It does not.
    Refuse,
    /// It does, for evaluation, tests and lab policies.
    Accept,
}

/// What a reader of bundles takes.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// Name of the policy.
    pub policy: &'a str,
    /// SHA-256 of the subjectPublicKeyInfo of every signer that counts.
    pub signers: &'a [Sha256Digest],
    /// The highest sequence number that was seen of this policy.
    pub last_seen: Option<u64>,
    /// Whether an unsigned bundle is taken as well.
    pub unsigned: Unsigned,
    /// The time of reading, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
}

/// Why a bundle was not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BundleError {
    /// The envelope does not hold.
    Envelope(Box<Reject>),
    /// The bundle is unsigned, and the reader takes signed ones alone.
    Unsigned,
    /// The payload is no program.
    Program(DecodeError),
    /// The program is of another policy than its envelope says, or than the reader asked for.
    Policy {
        /// The name that was asked for.
        expected: String,
        /// The name that the program has.
        found: String,
    },
    /// The program is over the limit of bundles.
    TooLarge {
        /// Its size in bytes.
        size_bytes: usize,
    },
}

impl BundleError {
    /// How to mend it.
    pub fn help(&self) -> &'static str {
        match self {
            BundleError::Envelope(_) => "ship the bundle again, signed by a key that the deployment lists",
            BundleError::Unsigned => "sign it with `pkic build --sign`, or load it for evaluation alone",
            BundleError::Program(_) => "build the bundle again with this version of pkic",
            BundleError::Policy { .. } => "give the bundle of the policy that is asked for",
            BundleError::TooLarge { .. } => "split the policy",
        }
    }
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BundleError::Envelope(reject) => write!(f, "the bundle's envelope does not hold: {reject}"),
            BundleError::Unsigned => f.write_str("the bundle is not signed"),
            BundleError::Program(error) => write!(f, "the bundle holds no program: {error}"),
            BundleError::Policy { expected, found } => {
                write!(f, "the bundle is of the policy `{found}`, expected `{expected}`")
            }
            BundleError::TooLarge { size_bytes } => {
                write!(f, "{size_bytes} bytes, the limit is {}", limits::PROGRAM_LEN_BYTES_MAX)
            }
        }
    }
}

impl std::error::Error for BundleError {}

fn enveloped(reject: Reject) -> BundleError {
    BundleError::Envelope(Box::new(reject))
}

/// Who signed a bundle, and what the envelope says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// SHA-256 of the signer's subjectPublicKeyInfo.
    pub signer: Sha256Digest,
    /// Whether the reader listed the signer. Of [`open_for_evaluation`] it is false: the signature holds, and may be
    /// anybody's.
    pub is_signer_trusted: bool,
    /// The manifest.
    pub manifest: Manifest,
    /// SHA-256 of the envelope.
    pub digest: Sha256Digest,
}

/// A program with its index, its digest and, where it came in an envelope that holds, its seal.
///
/// Only [`open`] and [`open_for_evaluation`] make one with a seal.
#[derive(Debug)]
pub struct Loaded {
    program: Program,
    index: ProgramIndex,
    digest: Sha256Digest,
    seal: Option<Seal>,
}

impl Loaded {
    /// A program that nobody signed: one just compiled, or built by hand.
    ///
    /// # Errors
    /// [`BundleError::Program`] where it is not well formed.
    pub fn unsigned(program: Program) -> Result<Loaded, BundleError> {
        pkic_ir::check(&program).map_err(BundleError::Program)?;
        Ok(Loaded::with_seal(program, None))
    }

    fn with_seal(program: Program, seal: Option<Seal>) -> Loaded {
        let digest = Sha256Digest(program.digest());
        Loaded { index: ProgramIndex::new(&program), program, digest, seal }
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// SHA-256 of the program's canonical bytes.
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// Who signed it; nothing for an unsigned bundle.
    pub fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    /// Index of the profile of that qualified or short name.
    pub fn profile(&self, name: &str) -> Option<u32> {
        self.index.profile(&self.program, name)
    }
}

/// What the signer of a bundle says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edition {
    /// Goes up with each edition of the policy.
    pub sequence: u64,
    /// SHA-256 of the envelope of the edition before.
    pub previous: Option<Sha256Digest>,
    /// When it is made, in seconds since 1970-01-01T00:00:00Z.
    pub created: i64,
    /// After this moment it counts no more, in seconds since 1970-01-01T00:00:00Z.
    pub stale_after: i64,
}

/// Seals a program as a signed bundle.
///
/// # Errors
/// [`BundleError::Program`] where it is not well formed; [`BundleError::Envelope`] where it cannot be sealed.
pub fn seal(program: &Program, edition: &Edition, key: &SigningKey) -> Result<Vec<u8>, BundleError> {
    pkic_ir::check(program).map_err(BundleError::Program)?;
    let manifest = Manifest {
        kind: Kind::Bundle,
        name: program.policy.clone(),
        sequence: edition.sequence,
        previous: edition.previous,
        created: edition.created,
        stale_after: edition.stale_after,
    };
    envelope::seal(&manifest, &program.encode(), key).map_err(enveloped)
}

/// Writes a program as an unsigned bundle.
///
/// # Errors
/// [`BundleError::Program`] where it is not well formed.
pub fn write_unsigned(program: &Program) -> Result<Vec<u8>, BundleError> {
    pkic_ir::check(program).map_err(BundleError::Program)?;
    Ok([UNSIGNED_HEAD, &program.encode()].concat())
}

/// Opens a bundle.
///
/// # Errors
/// [`BundleError`]; nothing of a bundle counts before all of it was checked.
pub fn open(bytes: &[u8], trust: &Trust<'_>) -> Result<Loaded, BundleError> {
    let (program, seal) = match bytes.strip_prefix(UNSIGNED_HEAD) {
        Some(_) if trust.unsigned == Unsigned::Refuse => return Err(BundleError::Unsigned),
        Some(payload) => {
            if payload.len() > limits::PROGRAM_LEN_BYTES_MAX {
                return Err(BundleError::TooLarge { size_bytes: payload.len() });
            }
            (Program::decode(payload).map_err(BundleError::Program)?, None)
        }
        None => {
            let (kind, name) = (Kind::Bundle, trust.policy);
            let expected =
                Expected { kind, name, signers: trust.signers, last_seen: trust.last_seen, now: trust.now };
            let opened = envelope::open(bytes, &expected).map_err(enveloped)?;
            let program = Program::decode(opened.payload()).map_err(BundleError::Program)?;
            let manifest = opened.manifest().clone();
            let (signer, digest) = (opened.signer(), opened.digest());
            (program, Some(Seal { signer, is_signer_trusted: true, manifest, digest }))
        }
    };
    if program.policy != trust.policy {
        return Err(BundleError::Policy { expected: trust.policy.to_owned(), found: program.policy });
    }
    Ok(Loaded::with_seal(program, seal))
}

/// Opens a bundle for evaluation alone: under the name that it has itself, signed by whoever signed it, or unsigned.
///
/// What it loads never authorizes outside a lab: its seal, if any, says that nobody listed the signer.
///
/// # Errors
/// [`BundleError`]; a signature that is there must hold.
pub fn open_for_evaluation(bytes: &[u8], now: i64) -> Result<Loaded, BundleError> {
    let trust = |policy, signers| {
        open(bytes, &Trust { policy, signers, last_seen: None, unsigned: Unsigned::Accept, now })
    };
    if bytes.starts_with(UNSIGNED_HEAD) {
        return match trust("", &[]) {
            Err(BundleError::Policy { found, .. }) => trust(&found, &[]),
            other => other,
        };
    }
    let Peeked { manifest, signer } = envelope::peek(bytes).map_err(enveloped)?;
    let loaded = trust(&manifest.name, &[signer])?;
    let seal = loaded.seal.map(|seal| Seal { is_signer_trusted: false, ..seal });
    Ok(Loaded { seal, ..loaded })
}
