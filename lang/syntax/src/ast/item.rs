//! The seven items of a block, conditions and grades.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::value::{Date, Docs, Duration, Int, Name, Path, Span, Str, Value};

/// One of the seven items, with the doc comment above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'t> {
    /// Doc comment above the item.
    pub docs: Docs<'t>,
    /// Which item.
    pub kind: ItemKind<'t>,
    /// From the first token to the last.
    pub span: Span,
}

/// The seven items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKind<'t> {
    /// `approve 2 of ca-officers`.
    Approve(Approve<'t>),
    /// `from 2027-03-15 …`, `before 2027-03-15 …`.
    Dated(Dated<'t>),
    /// Unreadable; a finding says why.
    Error,
    /// `oblige ct(logs: 2)`.
    Oblige(Oblige<'t>),
    /// `one of NAME { … }`.
    OneOf(OneOf<'t>),
    /// `prefer …`.
    Prefer(Prefer<'t>),
    /// A requirement.
    Require(Require<'t>),
    /// `when COND { … }`.
    When(When<'t>),
}

/// A requirement: a condition that must be satisfied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Require<'t> {
    /// Doc comment above it, printed in the refusal (the same as on the item that holds it; empty under `prefer`).
    pub docs: Docs<'t>,
    /// `label:` before the condition; without one the id is the path on the left.
    pub label: Option<Name<'t>>,
    /// The condition.
    pub cond: Cond<'t>,
    /// The grade of the whole requirement.
    pub grade: Option<Grade<'t>>,
    /// Where the rule comes from.
    pub cites: Option<Cites<'t>>,
    /// Its text.
    pub span: Span,
}

/// `prefer …`: a warning, never a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefer<'t> {
    /// The requirement that is preferred.
    pub require: Require<'t>,
}

/// `from … before … ITEM` or `… { ITEMS }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated<'t> {
    /// The windows, outermost first; never empty, and all of them must hold.
    pub windows: Vec<Window>,
    /// What holds inside of them; one item unless a block was written.
    pub items: Vec<Item<'t>>,
    /// Whether a block was written.
    pub is_block: bool,
}

/// `from DATE` or `before DATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Which edge the date is.
    pub edge: WindowEdge,
    /// The date.
    pub date: Date,
    /// Its text.
    pub span: Span,
}

/// Which edge of a window a date is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowEdge {
    /// `before`: the date itself is out.
    Before,
    /// `from`: the date itself is in.
    From,
}

/// `when COND { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When<'t> {
    /// The condition; unless it is known false, the items hold.
    pub cond: Cond<'t>,
    /// The items.
    pub items: Vec<Item<'t>>,
}

/// `one of NAME cites … { way { … } … }`: at least one way is wholly satisfied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOf<'t> {
    /// The name of the choice; it is the requirement's id.
    pub name: Name<'t>,
    /// Where the rule comes from.
    pub cites: Option<Cites<'t>>,
    /// The ways. A way that could not be read stands here without a name.
    pub ways: Vec<Way<'t>>,
}

/// One way of `one of`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way<'t> {
    /// Doc comment above the way.
    pub docs: Docs<'t>,
    /// Its name; `None` if it could not be read (a finding says why).
    pub name: Option<Name<'t>>,
    /// What it asks for.
    pub items: Vec<Item<'t>>,
    /// Its text.
    pub span: Span,
}

/// `approve 2 of ca-officers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approve<'t> {
    /// How many distinct persons.
    pub count: Int,
    /// The group.
    pub group: Name<'t>,
    /// Where the rule comes from.
    pub cites: Option<Cites<'t>>,
}

/// `oblige lint(zlint, source: cabf-tls-br)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oblige<'t> {
    /// Which obligation.
    pub name: Name<'t>,
    /// Its arguments.
    pub arguments: Vec<Argument<'t>>,
    /// Where the rule comes from.
    pub cites: Option<Cites<'t>>,
}

/// An argument of an obligation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument<'t> {
    /// What it is.
    pub kind: ArgumentKind<'t>,
    /// Its text.
    pub span: Span,
}

/// The kinds of argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgumentKind<'t> {
    /// A number.
    Int(u64),
    /// `name: value`.
    Named {
        /// The name.
        name: Name<'t>,
        /// The value.
        value: Value<'t>,
    },
    /// A string.
    Str(Str<'t>),
    /// A bare word.
    Word(Name<'t>),
}

/// `@ attested by [practice, catalogue] within 2y`: known at least this well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grade<'t> {
    /// The grade's name.
    pub name: Name<'t>,
    /// On which basis, or by which kind of witness.
    pub by: Option<Basis<'t>>,
    /// How old the evidence may be.
    pub within: Option<Duration>,
    /// From `@` to the last token.
    pub span: Span,
}

/// What stands after `by`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis<'t> {
    /// The words; one unless a list was written.
    pub words: Vec<Name<'t>>,
    /// Whether a list was written.
    pub is_list: bool,
    /// Its text.
    pub span: Span,
}

/// `cites cabf-tls-br "6.3.2"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cites<'t> {
    /// The source.
    pub source: Name<'t>,
    /// The clause.
    pub clause: Str<'t>,
    /// Its text.
    pub span: Span,
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cond<'t> {
    /// What it is.
    pub kind: CondKind<'t>,
    /// Its text.
    pub span: Span,
}

/// The kinds of condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CondKind<'t> {
    /// `a && b && …`: at least two.
    And(Vec<Cond<'t>>),
    /// A fact, compared or bare.
    Atom(Atom<'t>),
    /// `!a`.
    Not(Box<Cond<'t>>),
    /// `a || b || …`: at least two.
    Or(Vec<Cond<'t>>),
    /// `(a)`.
    Paren(Box<Cond<'t>>),
}

/// A fact and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Atom<'t> {
    /// The fact, or for `x in list` perhaps a word of the vocabulary (`high-value in request.tags`).
    pub path: Path<'t>,
    /// What is asked of it.
    pub test: AtomTest<'t>,
}

/// What is asked of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtomTest<'t> {
    /// `path REL value`.
    Compare {
        /// The relation.
        rel: Rel,
        /// Where the relation stands.
        rel_span: Span,
        /// The value on the right.
        value: Value<'t>,
    },
    /// The bare path: a fact that is true or false.
    Holds,
    /// `path.all(name, cond)`, `path.exists(name, cond)`.
    Quantify {
        /// All or some members.
        quantifier: Quantifier,
        /// The name of a member in the body.
        binder: Name<'t>,
        /// What is asked of the member.
        body: Box<Cond<'t>>,
    },
}

/// All or some members of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// `all`.
    All,
    /// `exists`.
    Exists,
}

/// The eight relations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rel {
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `in`.
    In,
    /// `under`.
    Under,
}

impl Rel {
    /// The relation as written in the language.
    pub fn as_str(self) -> &'static str {
        match self {
            Rel::Equal => "==",
            Rel::NotEqual => "!=",
            Rel::Less => "<",
            Rel::LessOrEqual => "<=",
            Rel::Greater => ">",
            Rel::GreaterOrEqual => ">=",
            Rel::In => "in",
            Rel::Under => "under",
        }
    }
}
