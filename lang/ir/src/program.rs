//! The program: everything that a decision needs, and nothing that it must look up elsewhere.
use crate::expr::{Constant, Expr, ExprId};
use alloc::string::String;
use alloc::vec::Vec;
use pkic_vocab::fields::Filler;
use pkic_vocab::{Path, Purpose, Word};

/// A compiled policy. All names are qualified: `std.device-idevid`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Program {
    /// Name of the root policy.
    pub policy: String,
    /// Its version.
    pub version: String,
    /// Whether it is a lab policy: the word stands in every decision.
    pub lab: bool,
    /// Source files, in the order of [`Origin::file`]: name and SHA-256.
    pub files: Vec<(String, [u8; 32])>,
    /// Conditions; children before parents.
    pub exprs: Vec<Expr>,
    /// Requirements; those inside ways before the `one of` around them.
    pub requirements: Vec<Requirement>,
    /// Profiles, sorted by name.
    pub profiles: Vec<Profile>,
    /// Authorities, sorted by name.
    pub authorities: Vec<Authority>,
    /// Mandates that are adopted somewhere, sorted by name.
    pub mandates: Vec<Mandate>,
    /// Groups of approvers, sorted by name.
    pub groups: Vec<Group>,
    /// Anchor sets. Where there is none, the caller's anchors have the purposes that the caller's files state.
    pub anchors: Vec<AnchorSet>,
    /// Who may sign catalogues, statements and attestation results.
    pub signers: Vec<SignerSet>,
}

/// Index into [`Program::requirements`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequirementId(pub u32);

/// Where something stands in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    /// Index into [`Program::files`].
    pub file: u32,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// `cites SOURCE "CLAUSE"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// Name of the source, as declared: `cabf-tls-br`.
    pub source: String,
    /// Title of the source.
    pub title: String,
    /// Edition of the source.
    pub edition: String,
    /// The clause.
    pub clause: String,
    /// Whether the policy says that the source was not checked.
    pub unverified: bool,
}

/// Whether a requirement that is not satisfied refuses or warns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// SHALL: refuses.
    Must,
    /// SHOULD (`prefer`, or adopted as advice): warns.
    Should,
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Its id: the left path, a label, the name of a `one of`, `approve.GROUP`.
    pub id: String,
    /// Refuse or warn.
    pub strength: Strength,
    /// First second at which it holds, inclusive.
    pub from: Option<i64>,
    /// First second at which it holds no more.
    pub before: Option<i64>,
    /// Conditions of the `when` blocks around it, outermost first: it holds unless one of them is known to be false.
    pub when: Vec<ExprId>,
    /// What it asks.
    pub body: Body,
    /// The text of the requirement as the policy has it, on one line: what was needed.
    pub text: String,
    /// The doc comment above it.
    pub doc: Option<String>,
    /// Its citation, or that of the mandate or `one of` around it.
    pub cites: Option<Citation>,
    /// Where it stands.
    pub origin: Origin,
    /// Index of the mandate that it belongs to: such a requirement cannot be waived.
    pub mandate: Option<u32>,
}

/// What a requirement asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A condition.
    Expr(ExprId),
    /// At least one of these ways, wholly.
    OneOf(Vec<Way>),
    /// Approvals by members of a group, by distinct persons over all approvals of a decision.
    Approve(Approval),
}

/// `approve COUNT of GROUP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// How many persons, at least 1.
    pub count: u32,
    /// Index into [`Program::groups`].
    pub group: u32,
}

/// A named way of a `one of`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Its name.
    pub name: String,
    /// The doc comment above it.
    pub doc: Option<String>,
    /// What it asks; all of it. Never empty.
    pub requirements: Vec<RequirementId>,
}

/// A profile with everything that binds it: inherited lines and mandates included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Qualified name.
    pub name: String,
    /// The doc comment above it.
    pub doc: Option<String>,
    /// What its certificates are for; `None` for a base of any role.
    pub role: Option<Word>,
    /// Its tags, inherited ones included.
    pub tags: Vec<String>,
    /// What may be asked of it. Empty for a base: it permits nothing.
    pub operations: Vec<Word>,
    /// Indices of the authorities that may sign, first choice first.
    pub issued_by: Vec<u32>,
    /// Name of the profile that it refines.
    pub refines: Option<String>,
    /// The closed record of what its certificates may hold.
    pub contents: Vec<Field>,
    /// What binds it: inherited lines first, then its own, then mandates.
    pub requirements: Vec<RequirementId>,
    /// What the CA must do besides.
    pub obligations: Vec<Obligation>,
    /// Exceptions for it.
    pub exceptions: Vec<Exception>,
    /// How each mandate in force relates to it.
    pub mandates: Vec<MandateUse>,
    /// The most nodes and list members that one decision visits: what the compiler prints as its cost.
    pub cost: u64,
    /// Where it stands.
    pub origin: Origin,
}

/// A field of `contents`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name: `san.dns`, or a declared attribute or extension: `subject.acme-line`.
    pub name: String,
    /// Its fact.
    pub path: Path,
    /// OID of the extension that it stands in, if it does.
    pub extension: Option<String>,
    /// Fewest values: 0 for an optional field.
    pub min: u32,
    /// Most values: 1 for a field that is no list.
    pub max: u32,
    /// Whether its extension must be critical. An extension whose field does not say so must not be, but for the
    /// alternative names of an empty subject, which must (RFC 5280 section 4.2.1.6).
    pub critical: bool,
    /// The condition on its value, where there is one; absent optional fields are not asked.
    pub constraint: Option<ExprId>,
    /// The one value that is permitted, where there is just one: the draft is filled with it.
    pub fixed: Option<Constant>,
    /// The value that the draft takes where the request gives none.
    pub default: Option<Constant>,
    /// The largest span that the constraint permits, for `validity`: the draft takes it where there is no default.
    pub span_s_max: Option<i64>,
    /// Who can fill it.
    pub filler: Filler,
    /// The constraint as the policy has it, on one line.
    pub text: String,
    /// Its citation.
    pub cites: Option<Citation>,
    /// Where it stands.
    pub origin: Origin,
}

/// `oblige NAME(…)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obligation {
    /// Its name, from the closed list of the vocabulary.
    pub name: String,
    /// Arguments as written: name (empty where there is none) and value.
    pub arguments: Vec<(String, String)>,
    /// First second at which it holds.
    pub from: Option<i64>,
    /// First second at which it holds no more.
    pub before: Option<i64>,
    /// Conditions around it: it holds unless one of them is known to be false.
    pub when: Vec<ExprId>,
    /// Its citation.
    pub cites: Option<Citation>,
    /// Where it stands.
    pub origin: Origin,
}

/// `exception NAME for PROFILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Qualified name.
    pub name: String,
    /// Ids of the requirements that it waives.
    pub waives: Vec<String>,
    /// When it applies: false leaves it out, unknown waives nothing and blocks the others.
    pub when: Option<ExprId>,
    /// First second at which it holds.
    pub from: Option<i64>,
    /// First second at which it holds no more. Never absent: an exception ends.
    pub before: i64,
    /// How often it may be used.
    pub at_most: u32,
    /// Approvals over its compiled bytes.
    pub approvals: Vec<Approval>,
    /// Why.
    pub reason: String,
    /// Compensating controls: what is asked instead.
    pub requirements: Vec<RequirementId>,
    /// Where it stands.
    pub origin: Origin,
}

/// A mandate in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mandate {
    /// Qualified name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its citation.
    pub cites: Option<Citation>,
    /// Where it stands.
    pub origin: Origin,
}

/// How a mandate in force relates to a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MandateUse {
    /// Index into [`Program::mandates`].
    pub mandate: u32,
    /// How it stands to the profile.
    pub standing: Standing,
    /// Readings that were adopted.
    pub readings: Vec<String>,
    /// Why, in a sentence for the matrix of mandates and profiles.
    pub because: String,
}

/// Whether a mandate binds a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Always.
    Selected,
    /// For some requests: its condition is evaluated, and binds unless it is known to be false.
    Conditional,
    /// Never.
    NotSelected,
}

/// An authority: who signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Qualified name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Index of the profile that its key is certified as, and judged by.
    pub certified_as: Option<u32>,
    /// Qualified name of the authority above it.
    pub parent: Option<String>,
    /// Who trusts it.
    pub trust: Option<Word>,
    /// Whether its key is online.
    pub state: Option<Word>,
    /// Where it stands.
    pub origin: Origin,
}

/// A group of approvers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Qualified name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its members, sorted by name.
    pub members: Vec<Member>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Name, unique in the group: the same name in two groups is the same person.
    pub name: String,
    /// OpenSSH public key line.
    pub key: String,
}

/// `anchors NAME { … }`: trust anchors for evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorSet {
    /// Qualified name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its anchors.
    pub anchors: Vec<AnchorDef>,
}

/// One trust anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorDef {
    /// Name for reports.
    pub name: String,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_sha256: [u8; 32],
    /// Its purpose; never unspecified.
    pub purpose: Purpose,
    /// Evidence formats that it is for; all where there is none.
    pub formats: Vec<Word>,
}

/// `signers KIND { … }`: whose signature counts on artefacts of a kind, or which sandboxed formats count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerSet {
    /// `catalogues`, `plugins`, `statements` or `verifiers`.
    pub kind: String,
    /// Name of the artefact, such as of a catalogue, or of the sandboxed format.
    pub name: String,
    /// The oldest that such an artefact may be, in seconds; never of plugins.
    pub age_s_max: Option<i64>,
    /// Names and SHA-256 of the SubjectPublicKeyInfo of each signer; of plugins, of the modules themselves.
    pub signers: Vec<(String, [u8; 32])>,
}

impl Program {
    /// A node; a program from the decoder or compiler holds every node that its indices name.
    #[inline]
    pub fn expr(&self, id: ExprId) -> Option<&Expr> {
        self.exprs.get(usize::try_from(id.0).ok()?)
    }

    /// A requirement.
    #[inline]
    pub fn requirement(&self, id: RequirementId) -> Option<&Requirement> {
        self.requirements.get(usize::try_from(id.0).ok()?)
    }
}
