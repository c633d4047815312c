//! The tests of a policy, resolved and typed by the same rules as the policy itself.
use core::ops::Range;
use pkic_vocab::{Fact, Path, Word};

/// `test "…" { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    /// The test's name.
    pub name: String,
    /// Qualified name of the profile that is asked for.
    pub profile: String,
    /// What is asked.
    pub operation: Word,
    /// File with the good request, relative to the policy file that the test stands in.
    pub fixture: String,
    /// The time of the decision, for rows that name none.
    pub at: Option<i64>,
    /// Whether fixtures under a test anchor count.
    pub anchors_test: bool,
    /// The decisions: one a row of the table, or one for the whole test.
    pub rows: Vec<TestRow>,
    /// Index of the file among those that were given.
    pub file: usize,
    /// The test, in bytes of that file.
    pub span: Range<u32>,
}

/// One decision and what is expected of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRow {
    /// The time of the decision; `None` leaves it to the runner.
    pub at: Option<i64>,
    /// What is changed in the good request, in order: the changes of the test, then of the row.
    pub changes: Vec<Change>,
    /// What must come of it.
    pub expect: Expect,
    /// The row, or the `expect` of a test without a table, in bytes of the test's file.
    pub span: Range<u32>,
}

/// One changed fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The fact.
    pub path: Path,
    /// What it becomes; `None` is unknown. A fact of the certificate or of the policy has the grade `claimed`.
    pub to: Option<Fact>,
}

/// What must come of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Permit; warnings may stand beside it.
    Permit,
    /// Refuse, and exactly these ids failed; sorted, each once.
    Refuse(Vec<String>),
    /// Permit, and exactly these ids warned; sorted, each once.
    Warn(Vec<String>),
}
