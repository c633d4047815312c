//! Policy text to a program, or to everything that is wrong with it.
//!
//! Start with [`compile`]: it takes texts and does no I/O, knows no clock and no device. The passes stand in the
//! modules below in the order in which they run. This crate deliberately proves nothing about a policy (whether
//! a line implies another, whether a profile can be satisfied): that is the analysis crate, over the IR.

pub mod cel;
pub mod diagnostic;
pub mod rules;
pub mod testcase;

pub use diagnostic::{Diagnostic, Fix, Related, Severity};
pub use testcase::{Change, Expect, TestCase, TestRow};

use pkic_ir::Program;

/// A policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name in messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// How to compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Check as of that moment, in seconds since 1970-01-01T00:00:00Z: what is over by then is reported.
    pub at: Option<i64>,
}

/// What came of a compilation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compilation {
    /// The program; `None` exactly if a diagnostic is an error.
    pub program: Option<Program>,
    /// What is wrong, by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The tests of the root policy; those that could be resolved.
    pub tests: Vec<TestCase>,
    /// How much there was.
    pub stats: Stats,
}

/// How much a compilation had to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Policy files that were read: the root and what it uses.
    pub files: usize,
    /// Profiles.
    pub profiles: usize,
    /// Requirements.
    pub requirements: usize,
    /// Nodes of conditions.
    pub expressions: usize,
    /// The largest cost of a profile: see [`pkic_ir::Profile::cost`].
    pub cost_max: u64,
}

/// Compiles the policy in `files[root]` with the policies that it uses, which are looked for among all `files` by
/// the name in their header. Files that nothing uses are parsed no further than that header.
pub fn compile(_files: &[SourceFile], _root: usize, _options: &Options) -> Compilation {
    Compilation::default()
}
