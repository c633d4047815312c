//! Names, values and spans: the leaves of the typed view.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::item::Grade;

/// A range of bytes in the source; `end` is the first byte after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// First byte after the last.
    pub end: u32,
}

impl Span {
    /// The span from the start of `self` to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end.max(self.start) }
    }

    /// The text of the span, empty if it lies outside of `source` or cuts a character.
    pub fn text(self, source: &str) -> &str {
        source.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// A name or word, in kebab-case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'t> {
    /// Its text.
    pub text: &'t str,
    /// Where it stands.
    pub span: Span,
}

/// Names joined by dots: `key.storage`, `std.device-idevid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'t> {
    /// The whole path as written, dots included; no white space can stand inside.
    pub text: &'t str,
    /// The names; never empty.
    pub segments: Vec<Name<'t>>,
    /// Where it stands.
    pub span: Span,
}

/// A string: `"…"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Str<'t> {
    /// The text that is meant: no quotes, `\"` and `\\` resolved.
    pub text: Cow<'t, str>,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// The doc comment lines (`///`) above something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Docs<'t> {
    /// The lines without `///` and one following space.
    pub lines: Vec<&'t str>,
    /// From the first line to the last; empty at 0 if there is none.
    pub span: Span,
}

impl Docs<'_> {
    /// The lines joined by line feeds; empty if there is no doc comment.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}

/// A whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int {
    /// Its value.
    pub value: u64,
    /// Where it stands.
    pub span: Span,
}

/// A length of time, as written: `47d`, `13mo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duration {
    /// How many units.
    pub count: u64,
    /// The unit.
    pub unit: Unit,
    /// Where it stands.
    pub span: Span,
}

/// Units of time, shortest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// `s`.
    Second,
    /// `min`: 60 s.
    Minute,
    /// `h`: 3,600 s.
    Hour,
    /// `d`: 86,400 s.
    Day,
    /// `mo`: a calendar month.
    Month,
    /// `y`: a calendar year.
    Year,
}

impl Unit {
    /// The unit as written in the language.
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Second => "s",
            Unit::Minute => "min",
            Unit::Hour => "h",
            Unit::Day => "d",
            Unit::Month => "mo",
            Unit::Year => "y",
        }
    }
}

/// A day, or a second of a day, in UTC; the calendar has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// Seconds since 1970-01-01T00:00:00Z; a bare day is its first second.
    pub unix_s: i64,
    /// Whether a time of day was written.
    pub has_time: bool,
    /// Where it stands.
    pub span: Span,
}

/// An object identifier; its arcs have been checked (first 0..2, second below 40 under 0 and 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oid<'t> {
    /// As written, without leading zeros: `1.3.6.1.4.1`.
    pub text: &'t str,
    /// Where it stands.
    pub span: Span,
}

/// `sha256:` and 64 hexadecimal digits, written as a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The 32 bytes.
    pub sha256: [u8; 32],
    /// Where the string stands, quotes included.
    pub span: Span,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value<'t> {
    /// What it is.
    pub kind: ValueKind<'t>,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueKind<'t> {
    /// `any`.
    Any,
    /// `2027-03-15`.
    Date(Date),
    /// `47d`.
    Duration(Duration),
    /// `3`.
    Int(u64),
    /// `[ … ]`.
    List(List<'t>),
    /// `1.3.6.1`.
    Oid(Oid<'t>),
    /// A bare word, or names with dots: a member of an enumeration or tree, a `let`, another fact.
    Path(Path<'t>),
    /// `(id = "…", severity = high)`; an element of a list, and nothing else.
    Record(Record<'t>),
    /// `"…"`.
    Str(Str<'t>),
    /// `unknown`.
    Unknown,
}

/// `(id = "…", severity = high)`: a member of a list of records, as a test gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'t> {
    /// The fields that are given, in the order of the text; at least one.
    pub fields: Vec<RecordField<'t>>,
    /// Where it stands, parentheses included.
    pub span: Span,
}

/// `severity = high`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordField<'t> {
    /// The field's name.
    pub name: Name<'t>,
    /// Its value.
    pub value: Value<'t>,
    /// Where both stand.
    pub span: Span,
}

/// `[a, b @ observed]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<'t> {
    /// The elements, in the order of the text.
    pub elements: Vec<Element<'t>>,
    /// Where it stands, brackets included.
    pub span: Span,
}

/// An element of a list, with a grade of its own if one is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<'t> {
    /// The value.
    pub value: Value<'t>,
    /// The grade.
    pub grade: Option<Grade<'t>>,
    /// Where both stand.
    pub span: Span,
}
