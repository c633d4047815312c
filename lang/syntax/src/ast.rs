//! The typed view of a `.pki` file: what the compiler reads.
//!
//! Every node carries the byte span of its text and borrows its names and strings from the source. A part
//! that could not be read is an `Error` variant in its place, with a finding on it; whoever checks completeness
//! (an issuable profile must say where its key may be) looks for these first, so that one broken line is one
//! finding. Numbers, dates, durations and digests are already values here.
//! Start reading at [`File`]; declarations stand here, their contents in the modules below.

mod item;
mod test;
mod value;

use alloc::vec::Vec;

pub use item::{
    Approve, Argument, ArgumentKind, Atom, AtomTest, Basis, Cites, Cond, CondKind, Dated, Grade, Item,
    ItemKind, Oblige, OneOf, Prefer, Quantifier, Rel, Require, Way, When, Window, WindowEdge,
};
pub use test::{
    Cell, CellKind, Column, ColumnKind, Given, Outcome, OutcomeKind, Row, Table, Test, TestItem, TestItemKind,
};
pub use value::{
    Date, Digest, Docs, Duration, Element, Int, List, Name, Oid, Path, Record, RecordField, Span, Str, Unit,
    Value, ValueKind,
};

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File<'t> {
    /// The first two statements; `None` only where a finding says what is wrong with them.
    pub head: Option<Head<'t>>,
    /// The declarations in the order of the text.
    pub decls: Vec<Decl<'t>>,
    /// All of the text.
    pub span: Span,
}

/// `edition 2026 policy bank.estate "2026.11.2"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head<'t> {
    /// Doc comment above the word `edition`: what the policy is about.
    pub docs: Docs<'t>,
    /// The edition of the language.
    pub edition: Int,
    /// Where the word `lab` stands, if it does: only a deployment marked lab loads the policy.
    pub lab: Option<Span>,
    /// The policy's own name; it is the module's name too.
    pub policy: Path<'t>,
    /// The policy's version, as text.
    pub version: Str<'t>,
    /// From `edition` to the version.
    pub span: Span,
}

/// A declaration with the doc comment above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decl<'t> {
    /// Doc comment lines above the declaration.
    pub docs: Docs<'t>,
    /// Which declaration it is.
    pub kind: DeclKind<'t>,
    /// From the keyword to the last token.
    pub span: Span,
}

/// The twelve declarations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclKind<'t> {
    /// `adopt PATH …`: puts a mandate in force for the policy.
    Adopt(Adopt<'t>),
    /// `anchors NAME "…" { … }`: keys that evidence may chain to.
    Anchors(Anchors<'t>),
    /// `authority NAME "…" { … }`.
    Authority(Authority<'t>),
    /// `declare KIND NAME … "…"`.
    Declare(Declare<'t>),
    /// Text that is no declaration; a finding says why.
    Error,
    /// `exception NAME for PATH { … }`.
    Exception(Exception<'t>),
    /// `let NAME : TYPE = VALUE`.
    Let(Let<'t>),
    /// `mandate NAME "…" cites … { … }`.
    Mandate(Mandate<'t>),
    /// `profile NAME … { … }`.
    Profile(Profile<'t>),
    /// `signers KIND "…" { … }`: who may sign catalogues, statements or verifiers' results; which plugins count.
    Signers(Signers<'t>),
    /// `source NAME "…" { … }`.
    Source(Source<'t>),
    /// `test "…" { … }`.
    Test(Test<'t>),
    /// `use PATH "version"`.
    Use(Use<'t>),
}

/// `use std "2026.11.0"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use<'t> {
    /// The policy that is used.
    pub policy: Path<'t>,
    /// Its version, as text.
    pub version: Str<'t>,
}

/// `adopt std.mandates.nis2 with [hsm-ca-keys] as advice`, on file level or in a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopt<'t> {
    /// The mandate.
    pub mandate: Path<'t>,
    /// The readings that are switched on.
    pub with: Option<List<'t>>,
    /// Where `as advice` stands, if it does: every line becomes `prefer`.
    pub as_advice: Option<Span>,
}

/// `source cra "Regulation (EU) 2024/2847" { edition "2024-10-23" status in-force }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source<'t> {
    /// The name that `cites` uses.
    pub name: Name<'t>,
    /// The document's title.
    pub title: Str<'t>,
    /// What is said of it.
    pub items: Vec<SourceItem<'t>>,
}

/// One setting of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceItem<'t> {
    /// Which setting.
    pub kind: SourceItemKind<'t>,
    /// Its text.
    pub span: Span,
}

/// The settings of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceItemKind<'t> {
    /// `edition "…"`.
    Edition(Str<'t>),
    /// Unreadable; a finding says why.
    Error,
    /// `status in-force`.
    Status(Name<'t>),
    /// `unverified`: nobody has read the clause numbers against the document.
    Unverified,
}

/// `declare group ca-officers "CA officers, CPS 5.2.1" { member … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declare<'t> {
    /// `group`, `tag`, `attribute`, `extension` or `reference`; the compiler checks the word.
    pub kind: Name<'t>,
    /// The name that is introduced.
    pub name: Name<'t>,
    /// The OID, for an attribute or extension.
    pub oid: Option<Oid<'t>>,
    /// What it means, in words.
    pub meaning: Str<'t>,
    /// The members, if a block was written; only a group may have one.
    pub members: Option<Vec<Member<'t>>>,
}

/// `member alice "ssh-ed25519 AAAA…"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'t> {
    /// Doc comment above the member.
    pub docs: Docs<'t>,
    /// Which member; `None` if it could not be read.
    pub kind: MemberKind<'t>,
    /// Its text.
    pub span: Span,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberKind<'t> {
    /// Unreadable; a finding says why.
    Error,
    /// A person and the key the person signs approvals with.
    Key {
        /// The person, by the group's own name.
        name: Name<'t>,
        /// An OpenSSH public key line; its form is not checked here.
        public_key: Str<'t>,
    },
}

/// `let ca-roles : role = [root-ca, issuing-ca]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Let<'t> {
    /// The name that is introduced.
    pub name: Name<'t>,
    /// The type that bare words inside are looked up in.
    pub type_name: Name<'t>,
    /// The value.
    pub value: Value<'t>,
}

/// `authority bank-root "Bank Root CA G2" { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority<'t> {
    /// The name that `issued-by` and `parent` use.
    pub name: Name<'t>,
    /// The authority in words.
    pub title: Str<'t>,
    /// Its settings.
    pub items: Vec<AuthorityItem<'t>>,
}

/// One setting of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityItem<'t> {
    /// Which setting.
    pub kind: AuthorityItemKind<'t>,
    /// Its text.
    pub span: Span,
}

/// The settings of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorityItemKind<'t> {
    /// `certified-as PATH`: the profile its own key is judged by.
    CertifiedAs(Path<'t>),
    /// Unreadable; a finding says why.
    Error,
    /// `parent PATH`.
    Parent(Path<'t>),
    /// `state online`.
    State(Name<'t>),
    /// `trust private`.
    Trust(Name<'t>),
}

/// `profile idevid refines std.device-idevid { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile<'t> {
    /// The profile's name.
    pub name: Name<'t>,
    /// The profile it tightens.
    pub refines: Option<Path<'t>>,
    /// Its body.
    pub items: Vec<ProfileItem<'t>>,
}

/// One item of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileItem<'t> {
    /// Doc comment above a setting, an `adopt` or `contents`; an [`Item`] carries its own.
    pub docs: Docs<'t>,
    /// Which item.
    pub kind: ProfileItemKind<'t>,
    /// Its text.
    pub span: Span,
}

/// The items of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "an item is the common case")]
pub enum ProfileItemKind<'t> {
    /// `adopt …`, for this profile alone.
    Adopt(Adopt<'t>),
    /// `contents { … }`: the closed record of what the certificate may hold.
    Contents(Vec<Field<'t>>),
    /// Unreadable; a finding says why.
    Error,
    /// `issued-by [ … ]`.
    IssuedBy(List<'t>),
    /// A requirement or another of the seven items.
    Item(Item<'t>),
    /// `operations [ … ]`.
    Operations(List<'t>),
    /// `role …`.
    Role(Value<'t>),
    /// `tags [ … ]`.
    Tags(List<'t>),
}

/// One field of `contents`: `san.dns 1..100 under bank-names`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'t> {
    /// Doc comment above the field.
    pub docs: Docs<'t>,
    /// The field; `None` if it could not be read (a finding says why).
    pub path: Option<Path<'t>>,
    /// How often it may stand there; `None` is exactly once.
    pub cardinality: Option<Cardinality>,
    /// Where the word `critical` stands, if it does.
    pub critical: Option<Span>,
    /// What its value must be.
    pub constraint: Option<Constraint<'t>>,
    /// The value it takes if the request has none.
    pub default: Option<Value<'t>>,
    /// Where the rule comes from.
    pub cites: Option<Cites<'t>>,
    /// Its text.
    pub span: Span,
}

/// How often a field may stand in the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// `?`: at most once.
    Optional(Span),
    /// `2`: exactly so often.
    Exactly(Int),
    /// `1..100`: both ends included; the parser has checked that they are in order.
    Between(Int, Int),
}

/// A relation and the value on its right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint<'t> {
    /// The relation.
    pub rel: Rel,
    /// Where the relation stands.
    pub rel_span: Span,
    /// The value.
    pub value: Value<'t>,
}

/// `mandate nis2 "…" cites nis2-ir "annex, 9.1.2" { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mandate<'t> {
    /// The mandate's name.
    pub name: Name<'t>,
    /// The mandate in words.
    pub title: Str<'t>,
    /// Where it comes from.
    pub cites: Cites<'t>,
    /// Its body.
    pub items: Vec<MandateItem<'t>>,
}

/// One item of a mandate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MandateItem<'t> {
    /// Doc comment above `for` or `reading`; an [`Item`] carries its own.
    pub docs: Docs<'t>,
    /// Which item.
    pub kind: MandateItemKind<'t>,
    /// Its text.
    pub span: Span,
}

/// The items of a mandate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "an item is the common case")]
pub enum MandateItemKind<'t> {
    /// Unreadable; a finding says why.
    Error,
    /// `for COND`: which requests it speaks of.
    For(Cond<'t>),
    /// A requirement or another of the seven items.
    Item(Item<'t>),
    /// `reading NAME "…" { … }`: a tighter reading, off until adopted.
    Reading(Reading<'t>),
}

/// A reading of a mandate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<'t> {
    /// The name that `adopt … with` uses.
    pub name: Name<'t>,
    /// The reading in words.
    pub title: Str<'t>,
    /// What it adds.
    pub items: Vec<Item<'t>>,
}

/// `exception line-7-retrofit for idevid { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception<'t> {
    /// The exception's name.
    pub name: Name<'t>,
    /// The profile it is for.
    pub profile: Path<'t>,
    /// Its body.
    pub items: Vec<ExceptionItem<'t>>,
}

/// One item of an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionItem<'t> {
    /// Doc comment above the item; for `require` it is on the requirement.
    pub docs: Docs<'t>,
    /// Which item.
    pub kind: ExceptionItemKind<'t>,
    /// Its text.
    pub span: Span,
}

/// The items of an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a requirement is the common case")]
pub enum ExceptionItemKind<'t> {
    /// `approve N of GROUP`.
    Approve(Approve<'t>),
    /// `at-most N`: uses.
    AtMost(Int),
    /// `before DATE`: the day itself is out.
    Before(Date),
    /// Unreadable; a finding says why.
    Error,
    /// `from DATE`: the day itself is in.
    From(Date),
    /// `reason "…"`.
    Reason(Str<'t>),
    /// A compensating control.
    Require(Require<'t>),
    /// `waives [ids]`.
    Waives(List<'t>),
    /// `when COND`.
    When(Cond<'t>),
}

/// `anchors yubico-piv "Yubico PIV attestation roots" { anchor … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchors<'t> {
    /// The set's name.
    pub name: Name<'t>,
    /// The set in words.
    pub title: Str<'t>,
    /// The anchors.
    pub items: Vec<Anchor<'t>>,
}

/// One line of an anchor set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor<'t> {
    /// Doc comment above the anchor.
    pub docs: Docs<'t>,
    /// The anchor itself.
    pub kind: AnchorKind<'t>,
    /// Its text.
    pub span: Span,
}

/// `anchor "…" spki "sha256:…" purpose production formats [yubikey-piv]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnchorKind<'t> {
    /// Unreadable; a finding says why.
    Error,
    /// A key that evidence may chain to.
    Key {
        /// The subject's name, for people and for matching.
        name: Str<'t>,
        /// SHA-256 of the SubjectPublicKeyInfo.
        spki: Digest,
        /// `production`, `preview`, `test` or `simulator`; the compiler checks the word.
        purpose: Name<'t>,
        /// The evidence formats it is good for; `None` is all of them.
        formats: Option<List<'t>>,
    },
}

/// `signers catalogues "who may sign catalogues" { max-age 30d signer … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signers<'t> {
    /// `catalogues`, `plugins`, `statements` or `verifiers`; the compiler checks the word.
    pub kind: Name<'t>,
    /// The name of what is signed, such as of a catalogue.
    pub title: Str<'t>,
    /// Its settings and keys.
    pub items: Vec<SignersItem<'t>>,
}

/// One line of a set of signers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignersItem<'t> {
    /// Doc comment above the line.
    pub docs: Docs<'t>,
    /// Which line.
    pub kind: SignersItemKind<'t>,
    /// Its text.
    pub span: Span,
}

/// The lines of a set of signers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignersItemKind<'t> {
    /// Unreadable; a finding says why.
    Error,
    /// `max-age 30d`: how old a signed thing may be before it counts as absent.
    MaxAge(Duration),
    /// `signer "…" spki "sha256:…"`.
    Signer {
        /// Who it is, in words.
        name: Str<'t>,
        /// SHA-256 of the SubjectPublicKeyInfo.
        spki: Digest,
    },
}
