//! Approvals: what people sign, whose signature it is, and whether it counts (design D14).
//!
//! A person signs a short text that says in lines what is approved, with an SSH key that the policy lists as a
//! member's of a group. [`check`] holds that text against what is really asked, each signature against the keys of
//! the policy, and each person against the requester; what comes out is what [`pkic_eval::Ask`] takes. How many
//! persons of which group a decision needs is the evaluator's to say, who never counts one twice.
//!
//! Nothing here knows which ids were spent: the log does, under its lock. Nothing draws an id or reads a clock.
pub mod exception;
mod sshsig;
mod text;

use crate::bundle::Loaded;
use pkic_facts::crypto::Sha256Digest;
use pkic_ir::Program;
use pkic_vocab::limits::APPROVALS_MAX;
use pkic_vocab::time::format_date;
use ssh_key::public::KeyData;
use std::fmt;

pub use sshsig::SIGNATURE_LEN_BYTES_MAX;
pub use text::{ApprovalId, ApprovalRequest, Asked, TEXT_LEN_BYTES_MAX};

/// The namespace of signatures that approve a request: `ssh-keygen -Y sign -n pkic-approval@1`.
///
/// A signature that was made for anything else never approves.
pub const NAMESPACE: &str = "pkic-approval@1";

/// Approvals of a request whose signatures hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvals<'p> {
    /// For [`pkic_eval::Ask::approvals`]: index of a group, and name of the member who approved. A person stands
    /// here once for each of their groups in which the policy gives them the key that signed.
    pub approvals: Vec<(u32, &'p str)>,
    /// Whose signatures count, for the record.
    pub signers: Vec<Signer<'p>>,
    /// Which signatures do not count, and why.
    pub refused: Vec<Refused>,
}

/// A signature that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer<'p> {
    /// Its place among the signatures, from 0.
    pub signature: usize,
    /// Name of the member.
    pub member: &'p str,
    /// Fingerprint of the key, as `ssh-keygen -l` shows it.
    pub key: String,
    /// SHA-256 of the signature as it was given.
    pub digest: Sha256Digest,
}

/// A signature that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its place among the signatures, from 0.
    pub signature: usize,
    /// Why.
    pub why: Why,
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// pkic does not verify signatures of that algorithm; of RSA, those with SHA-1.
    AlgorithmUnsupported {
        /// The algorithm, as SSH names it.
        found: String,
    },
    /// The key is too weak: RSA of fewer than 2048 bits.
    AlgorithmWeak {
        /// Fingerprint of the key.
        key: String,
    },
    /// The policy gives one key to several persons, so that nobody can say who signed.
    KeyShared {
        /// Fingerprint of the key.
        key: String,
        /// The names.
        members: Vec<String>,
    },
    /// No group of the policy has a member with that key.
    KeyUnknown {
        /// Fingerprint of the key.
        key: String,
    },
    /// It is no armored SSH signature.
    Malformed,
    /// It was made for something else.
    NamespaceMismatch {
        /// What it had to be made for.
        expected: &'static str,
        /// What it was made for.
        found: String,
    },
    /// That person signed already, with the same key.
    Repeated {
        /// Name of the member.
        member: String,
    },
    /// The requester approves nothing of their own.
    Requester {
        /// Name of the member.
        member: String,
    },
    /// It does not verify: it is over another text, or was changed.
    SignatureInvalid {
        /// Fingerprint of the key.
        key: String,
    },
    /// It is too large.
    TooLarge {
        /// Its size in bytes.
        size_bytes: usize,
        /// The limit in bytes.
        limit_bytes: usize,
    },
    /// A security key signed without its user touching it: an approval is an act of a person.
    UserAbsent {
        /// Fingerprint of the key.
        key: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::AlgorithmUnsupported { found } => write!(f, "the algorithm `{found}` is not supported"),
            Why::AlgorithmWeak { key } => write!(f, "the key `{key}` is too weak"),
            Why::KeyShared { key, members } => {
                write!(f, "the policy gives the key `{key}` to {}", members.join(" and to "))
            }
            Why::KeyUnknown { key } => write!(f, "no member of a group has the key `{key}`"),
            Why::Malformed => f.write_str("it is no armored SSH signature"),
            Why::NamespaceMismatch { expected, found } => {
                write!(f, "it was made for `{}`, expected `{expected}`", found.escape_default())
            }
            Why::Repeated { member } => write!(f, "`{member}` signed already"),
            Why::Requester { member } => write!(f, "`{member}` is the requester"),
            Why::SignatureInvalid { key } => {
                write!(f, "it does not verify over this text with the key `{key}`")
            }
            Why::TooLarge { size_bytes, limit_bytes } => {
                write!(f, "it has {size_bytes} bytes, the limit is {limit_bytes}")
            }
            Why::UserAbsent { key } => write!(f, "the security key `{key}` signed without its user"),
        }
    }
}

/// Why no signature under a text counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Void {
    /// The approval has ended.
    Expired {
        /// The last second at which it counts.
        not_after: i64,
        /// The time of the check.
        now: i64,
    },
    /// Something else was approved than is asked.
    Mismatch {
        /// The line of the text.
        field: &'static str,
        /// What was approved.
        approved: String,
        /// What is asked.
        asked: String,
    },
    /// There are too many signatures.
    TooMany {
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The policy has no exception of that name.
    ExceptionUnknown {
        /// The name.
        exception: String,
    },
}

impl fmt::Display for Void {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Void::Expired { not_after, now } => {
                let (not_after, now) = (format_date(*not_after), format_date(*now));
                write!(f, "the approval ended at {not_after}, and now is {now}")
            }
            Void::Mismatch { field, approved, asked } => {
                write!(f, "the {field} that was approved is `{approved}`, asked is `{asked}`")
            }
            Void::TooMany { found, limit } => write!(f, "{found} signatures, the limit is {limit}"),
            Void::ExceptionUnknown { exception } => write!(f, "the policy has no exception `{exception}`"),
        }
    }
}

impl std::error::Error for Void {}

/// Checks signatures under an approval request, each as `ssh-keygen -Y sign` writes it.
///
/// `asked` is what the caller is about to do, from its own inputs, under the program that is loaded, whichever it
/// names; `request` is what people signed. The caller spends
/// [`ApprovalRequest::id`] with the intent record, and lets no permit outlast [`ApprovalRequest::not_after`].
///
/// # Errors
/// [`Void`] where nothing counts, whoever signed: an approval of something else, or one that has ended.
pub fn check<'p>(
    loaded: &'p Loaded,
    asked: &Asked,
    request: &ApprovalRequest,
    signatures: &[&[u8]],
    now: i64,
) -> Result<Approvals<'p>, Void> {
    check_count(signatures)?;
    let program = loaded.digest();
    let asked = Asked { program, ..asked.clone() };
    if let Some((field, approved, asked)) = request.difference(&asked) {
        return Err(Void::Mismatch { field, approved, asked });
    }
    if now > request.not_after() {
        return Err(Void::Expired { not_after: request.not_after(), now });
    }
    let keys = Keys::new(loaded.program());
    let is_allowed = |member: &str| {
        let is_requester = is_same_person(member, &request.asked().requester);
        if is_requester { Err(Why::Requester { member: member.to_owned() }) } else { Ok(()) }
    };
    Ok(keys.count(signatures, NAMESPACE, request.text().as_bytes(), is_allowed))
}

fn check_count(signatures: &[&[u8]]) -> Result<(), Void> {
    let (found, limit) = (signatures.len(), APPROVALS_MAX);
    if found > limit { Err(Void::TooMany { found, limit }) } else { Ok(()) }
}

/// Whether a member of a group is the one who asks. Members have names in lower case; how the embedding authority
/// spells a requester is its own.
fn is_same_person(member: &str, requester: &str) -> bool {
    member.to_lowercase() == requester.trim().to_lowercase()
}

/// The keys of all groups of a program.
struct Keys<'p>(Vec<(u32, &'p str, KeyData)>);

impl<'p> Keys<'p> {
    /// A member whose line does not read has no key here, and approves nothing.
    fn new(program: &'p Program) -> Keys<'p> {
        let groups = (0u32..).zip(&program.groups);
        let members = groups.flat_map(|(group, of)| of.members.iter().map(move |member| (group, member)));
        let keys = members.filter_map(|(group, member)| {
            Some((group, member.name.as_str(), sshsig::key_of_line(&member.key)?))
        });
        Keys(keys.collect())
    }

    /// Which signatures over a text count: each of a member, none twice with one key.
    fn count(
        &self,
        signatures: &[&[u8]],
        namespace: &'static str,
        text: &[u8],
        is_allowed: impl Fn(&str) -> Result<(), Why>,
    ) -> Approvals<'p> {
        let mut found = Approvals { approvals: Vec::new(), signers: Vec::new(), refused: Vec::new() };
        for (place, signature) in signatures.iter().enumerate() {
            let counted = self.signer(place, signature, namespace, text).and_then(|(signer, groups)| {
                is_allowed(signer.member)?;
                match found.signers.iter().any(|other| other.key == signer.key) {
                    true => Err(Why::Repeated { member: signer.member.to_owned() }),
                    false => Ok((signer, groups)),
                }
            });
            match counted {
                Err(why) => found.refused.push(Refused { signature: place, why }),
                Ok((signer, groups)) => {
                    found.approvals.extend(groups.into_iter().map(|group| (group, signer.member)));
                    found.signers.push(signer);
                }
            }
        }
        found
    }

    /// Whose signature it is, and the groups in which they have the key.
    fn signer(
        &self,
        place: usize,
        signature: &[u8],
        namespace: &'static str,
        text: &[u8],
    ) -> Result<(Signer<'p>, Vec<u32>), Why> {
        let read = sshsig::read(signature, namespace)?;
        let key = sshsig::fingerprint(read.public_key());
        let owners = || self.0.iter().filter(|(.., known)| known == read.public_key());
        let Some((_, member, _)) = owners().next() else { return Err(Why::KeyUnknown { key }) };
        let mut members: Vec<String> = owners().map(|(_, name, _)| (*name).to_owned()).collect();
        members.sort_unstable();
        members.dedup();
        if members.len() > 1 {
            return Err(Why::KeyShared { key, members });
        }
        sshsig::verify(&read, text)?;
        let digest = Sha256Digest::of(signature);
        Ok((Signer { signature: place, member, key, digest }, owners().map(|(group, ..)| *group).collect()))
    }
}
