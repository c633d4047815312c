//! Tests: changes to a good request and what comes of them.

use alloc::vec::Vec;

use super::item::Grade;
use super::value::{Date, List, Name, Path, Span, Str, Value};

/// `test "…" { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test<'t> {
    /// The test's name.
    pub name: Str<'t>,
    /// What stands before the table.
    pub items: Vec<TestItem<'t>>,
    /// The table, if there is one.
    pub table: Option<Table<'t>>,
}

/// One line of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestItem<'t> {
    /// Which line.
    pub kind: TestItemKind<'t>,
    /// Its text.
    pub span: Span,
}

/// The lines of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestItemKind<'t> {
    /// `anchors test`: fixtures under a test anchor count, for this test alone.
    Anchors(Name<'t>),
    /// `at DATE`: the time of the decision.
    At(Date),
    /// Unreadable; a finding says why.
    Error,
    /// `expect …`.
    Expect(Outcome<'t>),
    /// `request PROFILE OPERATION from "file"`.
    Request {
        /// The profile that is asked for.
        profile: Path<'t>,
        /// The operation.
        operation: Name<'t>,
        /// The file with the good request, relative to the policy file.
        file: Str<'t>,
    },
    /// `with PATH = VALUE`.
    With(Given<'t>),
}

/// `key.storage = tpm.discrete @ attested`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<'t> {
    /// The fact that is changed.
    pub path: Path<'t>,
    /// Its value.
    pub value: Value<'t>,
    /// The grade it is known at.
    pub grade: Option<Grade<'t>>,
    /// Its text.
    pub span: Span,
}

/// What is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome<'t> {
    /// Which outcome.
    pub kind: OutcomeKind<'t>,
    /// Its text.
    pub span: Span,
}

/// The outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutcomeKind<'t> {
    /// `permit`: warnings may stand beside it.
    Permit,
    /// `refuse [ids]`: exactly these failed.
    Refuse(List<'t>),
    /// `warn [ids]`: permitted, and exactly these warned.
    Warn(List<'t>),
}

/// A table: one decision a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<'t> {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows; each has one cell for each column, of the column's kind.
    pub rows: Vec<Row<'t>>,
    /// Its text.
    pub span: Span,
}

/// The head of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// What stands below it.
    pub kind: ColumnKind,
    /// Its text.
    pub span: Span,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Dates.
    At,
    /// Outcomes.
    Expect,
    /// Changed facts.
    With,
}

/// A row. A row that could not be read is left out; a finding says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'t> {
    /// The cells.
    pub cells: Vec<Cell<'t>>,
    /// From the first `|` to the last.
    pub span: Span,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell<'t> {
    /// What stands in it.
    pub kind: CellKind<'t>,
    /// Its text.
    pub span: Span,
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellKind<'t> {
    /// A date.
    At(Date),
    /// An outcome.
    Expect(Outcome<'t>),
    /// A changed fact.
    With(Given<'t>),
}
