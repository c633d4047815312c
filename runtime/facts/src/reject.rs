//! Why evidence is refused: a closed set of answers with stable codes, the stage that refused, and both sides of
//! each failed comparison.
use crate::crypto::Sha256Digest;
use pkic_vocab::hex::Hex;
use pkic_vocab::time::format_date;
use std::fmt;

mod plugin;

pub use plugin::PluginFault;

/// The stage of appraisal that refused. Negative vectors name it, so a wrong refusal does not pass for a right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The bytes are too large, truncated or not of the encoding they claim to be.
    Parse,
    /// The bytes decode, but are not what the format's specification prescribes.
    Format,
    /// No path of certificates leads from the evidence to a trust anchor.
    Path,
    /// The signature over the statement itself does not hold.
    Signature,
    /// The statement is about another key than the request.
    Binding,
    /// The statement is not an answer to our challenge, or is out of date.
    Freshness,
    /// The statement is genuine and says something that this format's profile does not accept.
    Profile,
}

impl Stage {
    /// All stages, in the order in which appraisal passes them.
    pub const ALL: [Stage; 7] = [
        Stage::Parse,
        Stage::Format,
        Stage::Path,
        Stage::Signature,
        Stage::Binding,
        Stage::Freshness,
        Stage::Profile,
    ];

    /// The word for this stage in reports and vectors.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Parse => "parse",
            Stage::Format => "format",
            Stage::Path => "path",
            Stage::Signature => "signature",
            Stage::Binding => "binding",
            Stage::Freshness => "freshness",
            Stage::Profile => "profile",
        }
    }
}

/// One side of a failed comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// There is no value.
    Absent,
    /// Bytes; at most the first [`Operand::SHOWN_LEN_BYTES_MAX`] are kept.
    Bytes(Vec<u8>),
    /// A SHA-256 digest.
    Digest(Sha256Digest),
    /// A word of pkic or of the standard.
    Word(&'static str),
    /// A number.
    Number(i128),
    /// A dotted object identifier.
    Oid(String),
    /// Text from the evidence; at most the first [`Operand::SHOWN_LEN_BYTES_MAX`] bytes are kept.
    Text(String),
    /// A moment, in seconds since 1970-01-01T00:00:00Z.
    Time(i64),
}

impl Operand {
    /// Bytes of one operand that are kept: a SHA-512 digest fits.
    pub const SHOWN_LEN_BYTES_MAX: usize = 64;

    /// The operand for these bytes, cut to what is shown.
    pub fn bytes(bytes: &[u8]) -> Operand {
        Operand::Bytes(bytes.iter().copied().take(Operand::SHOWN_LEN_BYTES_MAX).collect())
    }

    /// The operand for this text, cut to what is shown; control characters become `?`.
    pub fn text(text: &str) -> Operand {
        let shown = text.chars().map(|c| if c.is_control() { '?' } else { c });
        Operand::Text(shown.take(Operand::SHOWN_LEN_BYTES_MAX / 4).collect())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Absent => f.write_str("nothing"),
            Operand::Bytes(bytes) => {
                f.write_str("`")?;
                Hex(bytes).fmt(f)?;
                f.write_str("`")
            }
            Operand::Digest(digest) => write!(f, "`{digest}`"),
            Operand::Word(word) => write!(f, "`{word}`"),
            Operand::Number(number) => write!(f, "{number}"),
            Operand::Oid(oid) => write!(f, "`{oid}`"),
            Operand::Text(text) => write!(f, "`{text}`"),
            Operand::Time(moment) => f.write_str(&format_date(*moment)),
        }
    }
}

/// Why a piece of evidence, a request or an envelope is refused.
///
/// `what` and `field` name a structure or field in the spelling of its standard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reject {
    /// More bytes, items or levels than the limit, checked before parsing.
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The limit that it breaks.
        limit: usize,
    },
    /// The bytes do not decode.
    Malformed {
        /// What was being read.
        what: &'static str,
    },
    /// Bytes are left over behind a complete structure.
    TrailingBytes {
        /// The structure that was complete.
        what: &'static str,
        /// Bytes left over.
        extra_bytes: usize,
    },
    /// The bytes are of no evidence format that this build knows.
    FormatUnknown,
    /// A required field is not there.
    FieldMissing {
        /// The field.
        field: &'static str,
    },
    /// A field that may stand once stands more often.
    FieldRepeated {
        /// The field.
        field: &'static str,
    },
    /// Two fields that must agree do not, or one has a value that its specification does not allow.
    FieldMismatch {
        /// The field.
        field: &'static str,
        /// What it had to be.
        expected: Operand,
        /// What it is.
        found: Operand,
    },
    /// Nothing that was supplied issued this certificate, and it is no anchor.
    IssuerUnknown {
        /// SHA-256 of the issuer name that was looked for, in DER.
        issuer: Sha256Digest,
        /// Certificates above the leaf that had been reached.
        depth: usize,
    },
    /// A certificate or anchor has the issuer's name, and the signature does not verify with its key.
    LinkSignature {
        /// SHA-256 of the subjectPublicKeyInfo that bears the issuer's name.
        issuer_key: Sha256Digest,
        /// Certificates above the leaf that had been reached.
        depth: usize,
    },
    /// The path is longer than the format allows.
    PathTooLong {
        /// The most certificates that the format allows.
        limit: usize,
    },
    /// The path search spent its budget of signature checks.
    BudgetExhausted {
        /// The number of checks allowed.
        limit: usize,
    },
    /// An issuer on the path is not marked as a certification authority.
    NotAnAuthority {
        /// SHA-256 of that certificate's subjectPublicKeyInfo.
        certificate_key: Sha256Digest,
    },
    /// A certificate of the path is used outside its validity period.
    OutsideValidity {
        /// Its notBefore.
        not_before: i64,
        /// Its notAfter.
        not_after: i64,
        /// The time of appraisal.
        now: i64,
    },
    /// A certificate has a critical extension that the format's profile does not know.
    CriticalExtension {
        /// The extension's object identifier.
        oid: String,
    },
    /// A list names a certificate of the path.
    Revoked {
        /// The certificate's serial number.
        serial: Operand,
        /// `revoked` or `suspended`.
        status: &'static str,
        /// When it was revoked, where the list says it.
        since: Option<i64>,
        /// The name that the list was given under.
        list: String,
        /// When the list was made, or fetched where it does not say.
        dated: i64,
    },
    /// The leaf lacks the extended key usage that the format prescribes.
    KeyPurpose {
        /// The object identifier that had to be there.
        expected: &'static str,
        /// The first one that is there.
        found: Operand,
    },
    /// The key is not enrolled as an anchor.
    KeyNotEnrolled {
        /// SHA-256 of its subjectPublicKeyInfo.
        key: Sha256Digest,
    },
    /// The signature does not verify.
    SignatureInvalid {
        /// The algorithm that was used.
        scheme: &'static str,
        /// SHA-256 of the subjectPublicKeyInfo that was used.
        key: Sha256Digest,
    },
    /// The signature algorithm is not one that pkic verifies.
    AlgorithmUnsupported {
        /// Its object identifier or registered number.
        found: Operand,
    },
    /// The signature algorithm does not go with the key.
    AlgorithmKeyMismatch {
        /// The algorithm of the signature.
        scheme: &'static str,
        /// The algorithm of the key.
        key_algorithm: Operand,
    },
    /// The algorithm or key is too weak for this format.
    AlgorithmWeak {
        /// The algorithm that was used.
        scheme: &'static str,
        /// Bits of the key, where the key is what is weak.
        key_bits: Option<usize>,
    },
    /// The bytes do not have the digest that the signed statement gives for them.
    DigestMismatch {
        /// What was hashed.
        what: &'static str,
        /// The digest in the signed statement.
        expected: Operand,
        /// The digest of the bytes at hand.
        found: Operand,
    },
    /// The request is not signed with the key that it asks a certificate for.
    PossessionUnproven {
        /// SHA-256 of the request's subjectPublicKeyInfo.
        request_key: Sha256Digest,
    },
    /// The statement is about another key than the request.
    KeyMismatch {
        /// SHA-256 of the request's subjectPublicKeyInfo.
        request_key: Sha256Digest,
        /// SHA-256 of the attested subjectPublicKeyInfo.
        attested_key: Sha256Digest,
    },
    /// A fact was offered from another item of evidence than the one being appraised.
    OtherEvidence {
        /// SHA-256 of the item being appraised.
        expected: Sha256Digest,
        /// SHA-256 of the item that the fact came from.
        found: Sha256Digest,
    },
    /// Two statements of one item were appraised at different moments: what held at one need not hold at the other.
    OtherMoment {
        /// When the first was appraised.
        expected: i64,
        /// When the second was.
        found: i64,
    },
    /// The evidence answers another challenge than ours.
    NonceMismatch {
        /// Our challenge.
        expected: Operand,
        /// What the evidence carries.
        found: Operand,
    },
    /// The challenge was not made with our key, or not for what it is said to be for.
    ChallengeForged,
    /// The challenge was made for something else than is asked.
    ChallengeMismatch {
        /// `authority`, `profile` or `requester`.
        field: &'static str,
        /// What is asked; nothing where that is not known.
        expected: Option<String>,
        /// What the challenge was made for.
        found: String,
    },
    /// The challenge is past its end.
    ChallengeExpired {
        /// Its last moment.
        expires: i64,
        /// The time of the check.
        now: i64,
    },
    /// A signed artefact has a layout that this build does not read.
    VersionUnsupported {
        /// The version that it reads.
        supported: u64,
        /// The version of the artefact.
        found: u64,
    },
    /// A signed artefact is signed by a key that does not count here.
    SignerUnknown {
        /// SHA-256 of the signer's subjectPublicKeyInfo.
        key: Sha256Digest,
    },
    /// A signed artefact is of another kind than needed.
    KindMismatch {
        /// The kind needed.
        expected: &'static str,
        /// The kind found.
        found: &'static str,
    },
    /// A signed artefact is older than one that was seen before.
    SequenceRollback {
        /// The sequence number last seen.
        last_seen: u64,
        /// The sequence number of this artefact.
        found: u64,
    },
    /// A signed artefact is made after the time of the check.
    CreatedLater {
        /// When it was made, by the signer's clock.
        created: i64,
        /// The time of the check.
        now: i64,
    },
    /// A signed artefact is past its date.
    Stale {
        /// When it went stale.
        stale_after: i64,
        /// The time of the check.
        now: i64,
    },
    /// A genuine statement has a property that the format's profile does not accept.
    PropertyRefused {
        /// The property.
        field: &'static str,
        /// What it had to be.
        expected: Operand,
        /// What it is.
        found: Operand,
    },
    /// A caller says a fact that only a request, a certificate, a policy or evidence says.
    FactReserved {
        /// The fact's path.
        path: &'static str,
    },
    /// The value does not fit the type of its fact.
    ValueUnfit {
        /// The fact's path.
        path: &'static str,
    },
    /// A sandboxed format did or said what it may not.
    Plugin {
        /// SHA-256 of the module.
        module: Sha256Digest,
        /// What it did.
        fault: PluginFault,
    },
    /// The policy does not name this sandboxed format, so that nothing it says counts.
    PluginNotPinned {
        /// SHA-256 of the module.
        module: Sha256Digest,
    },
}

impl Reject {
    /// The stable code. It stands in records and metrics, and never changes its meaning.
    pub const fn code(&self) -> &'static str {
        self.class().0
    }

    /// The stage that refused.
    pub const fn stage(&self) -> Stage {
        self.class().1
    }

    const fn class(&self) -> (&'static str, Stage) {
        match self {
            Reject::TooLarge { .. } => ("too-large", Stage::Parse),
            Reject::Malformed { .. } => ("malformed", Stage::Parse),
            Reject::TrailingBytes { .. } => ("trailing-bytes", Stage::Parse),
            Reject::FormatUnknown => ("format-unknown", Stage::Format),
            Reject::FieldMissing { .. } => ("field-missing", Stage::Format),
            Reject::FieldRepeated { .. } => ("field-repeated", Stage::Format),
            Reject::FieldMismatch { .. } => ("field-mismatch", Stage::Format),
            Reject::IssuerUnknown { .. } => ("issuer-unknown", Stage::Path),
            Reject::LinkSignature { .. } => ("link-signature", Stage::Path),
            Reject::PathTooLong { .. } => ("path-too-long", Stage::Path),
            Reject::BudgetExhausted { .. } => ("budget-exhausted", Stage::Path),
            Reject::NotAnAuthority { .. } => ("not-an-authority", Stage::Path),
            Reject::OutsideValidity { .. } => ("outside-validity", Stage::Path),
            Reject::CriticalExtension { .. } => ("critical-extension", Stage::Path),
            Reject::Revoked { .. } => ("revoked", Stage::Path),
            Reject::KeyPurpose { .. } => ("key-purpose", Stage::Path),
            Reject::KeyNotEnrolled { .. } => ("key-not-enrolled", Stage::Path),
            Reject::SignatureInvalid { .. } => ("signature-invalid", Stage::Signature),
            Reject::AlgorithmUnsupported { .. } => ("algorithm-unsupported", Stage::Signature),
            Reject::AlgorithmKeyMismatch { .. } => ("algorithm-key-mismatch", Stage::Signature),
            Reject::AlgorithmWeak { .. } => ("algorithm-weak", Stage::Signature),
            Reject::DigestMismatch { .. } => ("digest-mismatch", Stage::Signature),
            Reject::PossessionUnproven { .. } => ("possession-unproven", Stage::Binding),
            Reject::KeyMismatch { .. } => ("key-mismatch", Stage::Binding),
            Reject::OtherEvidence { .. } => ("other-evidence", Stage::Binding),
            Reject::OtherMoment { .. } => ("other-moment", Stage::Freshness),
            Reject::NonceMismatch { .. } => ("nonce-mismatch", Stage::Freshness),
            Reject::ChallengeForged => ("challenge-forged", Stage::Freshness),
            Reject::ChallengeMismatch { .. } => ("challenge-mismatch", Stage::Freshness),
            Reject::ChallengeExpired { .. } => ("challenge-expired", Stage::Freshness),
            Reject::VersionUnsupported { .. } => ("version-unsupported", Stage::Parse),
            Reject::SignerUnknown { .. } => ("signer-unknown", Stage::Signature),
            Reject::KindMismatch { .. } => ("kind-mismatch", Stage::Format),
            Reject::SequenceRollback { .. } => ("sequence-rollback", Stage::Freshness),
            Reject::CreatedLater { .. } => ("created-later", Stage::Freshness),
            Reject::Stale { .. } => ("stale", Stage::Freshness),
            Reject::PropertyRefused { .. } => ("property-refused", Stage::Profile),
            Reject::FactReserved { .. } => ("fact-reserved", Stage::Profile),
            Reject::ValueUnfit { .. } => ("value-unfit", Stage::Profile),
            Reject::Plugin { fault, .. } => (fault.code(), fault.stage()),
            Reject::PluginNotPinned { .. } => ("plugin-not-pinned", Stage::Format),
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reject::TooLarge { what, size, limit } => {
                write!(f, "{what} has size {size}, the limit is {limit}")
            }
            Reject::Malformed { what } => write!(f, "{what} does not decode"),
            Reject::TrailingBytes { what, extra_bytes } => write!(f, "{extra_bytes} bytes follow {what}"),
            Reject::FormatUnknown => f.write_str("the evidence is of no known format"),
            Reject::FieldMissing { field } => write!(f, "{field} is missing"),
            Reject::FieldRepeated { field } => write!(f, "{field} stands more than once"),
            Reject::FieldMismatch { field, expected, found } => {
                write!(f, "{field} is {found}, expected {expected}")
            }
            Reject::IssuerUnknown { issuer, depth } => {
                write!(f, "no issuer with the name of digest `{issuer}` at depth {depth}")
            }
            Reject::LinkSignature { issuer_key, depth } => {
                write!(
                    f,
                    "the key `{issuer_key}` has the issuer's name and did not sign the certificate at depth {depth}"
                )
            }
            Reject::PathTooLong { limit } => write!(f, "no path to an anchor within {limit} certificates"),
            Reject::BudgetExhausted { limit } => {
                write!(f, "the path search needs more than {limit} signature checks")
            }
            Reject::NotAnAuthority { certificate_key } => {
                write!(f, "the issuer with key `{certificate_key}` is no certification authority")
            }
            Reject::OutsideValidity { not_before, not_after, now } => write!(
                f,
                "a certificate is valid from {} to {}, and now is {}",
                format_date(*not_before),
                format_date(*not_after),
                format_date(*now)
            ),
            Reject::CriticalExtension { oid } => {
                write!(f, "the critical extension `{oid}` is not known here")
            }
            Reject::Revoked { serial, status, since, list, dated } => {
                write!(f, "the certificate with serial number {serial} is {status}")?;
                if let Some(since) = since {
                    write!(f, " since {}", format_date(*since))?;
                }
                write!(f, ", says `{list}` of {}", format_date(*dated))
            }
            Reject::KeyPurpose { expected, found } => {
                write!(f, "the key purpose is {found}, expected `{expected}`")
            }
            Reject::KeyNotEnrolled { key } => write!(f, "the key `{key}` is no anchor"),
            Reject::SignatureInvalid { scheme, key } => {
                write!(f, "the {scheme} signature does not verify with the key `{key}`")
            }
            Reject::AlgorithmUnsupported { found } => write!(f, "the algorithm {found} is not supported"),
            Reject::AlgorithmKeyMismatch { scheme, key_algorithm } => {
                write!(f, "a {scheme} signature cannot come from a key of algorithm {key_algorithm}")
            }
            Reject::AlgorithmWeak { scheme, key_bits: Some(bits) } => {
                write!(f, "{scheme} with {bits} bits is too weak")
            }
            Reject::AlgorithmWeak { scheme, key_bits: None } => write!(f, "{scheme} is too weak"),
            Reject::DigestMismatch { what, expected, found } => {
                write!(f, "the digest of {what} is {found}, the signed statement says {expected}")
            }
            Reject::PossessionUnproven { request_key } => {
                write!(f, "the request is not signed with its own key `{request_key}`")
            }
            Reject::KeyMismatch { request_key, attested_key } => {
                write!(f, "the evidence is about the key `{attested_key}`, the request about `{request_key}`")
            }
            Reject::OtherEvidence { expected, found } => {
                write!(f, "a fact comes from the evidence `{found}`, not from `{expected}`")
            }
            Reject::OtherMoment { expected, found } => write!(
                f,
                "a statement was appraised as of {}, another as of {}",
                format_date(*found),
                format_date(*expected)
            ),
            Reject::NonceMismatch { expected, found } => {
                write!(f, "the nonce is {found}, ours was {expected}")
            }
            Reject::ChallengeForged => {
                f.write_str("the challenge was not made with this key for what it says that it is for")
            }
            Reject::ChallengeMismatch { field, expected: Some(expected), found } => {
                write!(f, "the challenge is for the {field} `{found}`, not for `{expected}`")
            }
            Reject::ChallengeMismatch { field, expected: None, found } => {
                write!(f, "the challenge is for the {field} `{found}`, and who asks is not known")
            }
            Reject::ChallengeExpired { expires, now } => {
                let (expires, now) = (format_date(*expires), format_date(*now));
                write!(f, "the challenge ended at {expires}, and now is {now}")
            }
            Reject::VersionUnsupported { supported, found } => {
                write!(f, "version {found} of the envelope is not supported, only {supported}")
            }
            Reject::SignerUnknown { key } => {
                write!(f, "the signer's key `{key}` is not one of those that count")
            }
            Reject::KindMismatch { expected, found } => write!(f, "this is a {found}, expected a {expected}"),
            Reject::SequenceRollback { last_seen, found } => {
                write!(f, "sequence {found} is lower than {last_seen}, which was seen before")
            }
            Reject::CreatedLater { created, now } => {
                write!(f, "made at {}, and now is {}", format_date(*created), format_date(*now))
            }
            Reject::Stale { stale_after, now } => {
                write!(f, "stale after {}, and now is {}", format_date(*stale_after), format_date(*now))
            }
            Reject::PropertyRefused { field, expected, found } => {
                write!(f, "{field} is {found}, this format accepts {expected}")
            }
            Reject::FactReserved { path } => write!(f, "the fact `{path}` is not a caller's to say"),
            Reject::ValueUnfit { path } => write!(f, "the value does not fit the fact `{path}`"),
            Reject::Plugin { module, fault } => write!(f, "the plugin `{module}` {fault}"),
            Reject::PluginNotPinned { module } => {
                write!(f, "the policy does not name the plugin `{module}` in `signers plugins`")
            }
        }
    }
}

impl std::error::Error for Reject {}
