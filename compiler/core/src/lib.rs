//! Policy text to a program, or to everything that is wrong with it.
//!
//! Start with [`compile`]: it takes texts and does no I/O, knows no clock and no device. The passes stand in the
//! modules below in the order in which they run. This crate deliberately proves nothing about a policy (whether
//! a line implies another, whether a profile can be satisfied): that is the analysis crate, over the IR.

mod authorities;
pub mod cel;
mod collect;
mod cond;
mod contents;
mod context;
pub mod diagnostic;
mod exceptions;
mod facts;
mod issuable;
mod items;
mod load;
mod mandates;
mod names;
mod profiles;
pub mod rules;
mod select;
mod source;
mod suggest;
pub mod survey;
pub mod testcase;
mod testcases;
mod values;

pub use diagnostic::{Diagnostic, Fix, Related, Severity};
pub use load::Headers;
pub use testcase::{Change, Expect, TestCase, TestRow};

use context::Cx;
use pkic_ir::Program;
use profiles::Effective;
use sha2::{Digest, Sha256};
use source::Module;

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
///
/// Where several have one name, the first of them counts.
pub fn compile(files: &[SourceFile], root: usize, options: &Options) -> Compilation {
    compile_among(files, &Headers::read(files), root, &|_| 0, options)
}

/// Compiles as [`compile`] does, with headers of `files` that were read before: so that many roots among them cost
/// no more than their sum. Where several files have one name, the first of those with the lowest `rank` counts.
pub fn compile_among(
    files: &[SourceFile],
    headers: &Headers,
    root: usize,
    rank: &dyn Fn(usize) -> u8,
    options: &Options,
) -> Compilation {
    compile_then(files, headers, root, rank, options, |_, _| ()).0
}

/// Compiles, and asks the passes for something more before they are forgotten.
fn compile_then<T>(
    files: &[SourceFile],
    headers: &Headers,
    root: usize,
    rank: &dyn Fn(usize) -> u8,
    options: &Options,
    ask: impl FnOnce(&mut Cx<'_>, &[Effective]) -> T,
) -> (Compilation, T) {
    let mut diagnostics = Vec::new();
    let modules = load::load(files, headers, root, rank, &mut diagnostics);
    let mut cx = Cx::new(&modules, *options);
    let mut program = Program::default();
    let (tests, answer) = lower(&mut cx, &mut program, ask);
    diagnostics.append(&mut cx.diagnostics);
    program.exprs = std::mem::take(&mut cx.exprs);
    program.requirements = std::mem::take(&mut cx.requirements);
    head(files, &modules, &mut program);
    let has_error =
        |diagnostics: &[Diagnostic]| diagnostics.iter().any(|one| one.severity == Severity::Error);
    if !has_error(&diagnostics) {
        program.fill_costs();
        diagnostics.extend(check(&modules, &program));
    }
    let stats = Stats {
        files: modules.len(),
        profiles: program.profiles.len(),
        requirements: program.requirements.len(),
        expressions: program.exprs.len(),
        cost_max: program.profiles.iter().map(|profile| profile.cost).max().unwrap_or(0),
    };
    diagnostics.sort_by(|left, right| {
        let key = |one: &Diagnostic| (one.file, one.span.start, one.span.end, one.code);
        key(left).cmp(&key(right)).then_with(|| left.message.cmp(&right.message))
    });
    diagnostics.dedup();
    let program = (!has_error(&diagnostics)).then_some(program);
    (Compilation { program, diagnostics, tests, stats }, answer)
}

/// Runs the passes behind the parser, and gives the tests, and the answer to what else was asked.
fn lower<T>(
    cx: &mut Cx<'_>,
    program: &mut Program,
    ask: impl FnOnce(&mut Cx<'_>, &[Effective]) -> T,
) -> (Vec<TestCase>, T) {
    collect::collect(cx);
    cx.sources();
    for index in 0..cx.names.lets.entries().len() {
        cx.let_value(index, 0);
    }
    let mut mandates = cx.adoptions();
    cx.check_mandates(&mut mandates);
    let (mut profiles, effective) = cx.profiles(&mut mandates);
    cx.exceptions(&mut profiles, &effective);
    let issues_anything = profiles.iter().any(|profile| !profile.operations.is_empty());
    cx.warn_of_empty_selections(&mandates, issues_anything);
    cx.parties(program);
    program.mandates = cx.lowered_mandates();
    let tests = cx.test_cases(&profiles);
    let answer = ask(cx, &effective);
    program.profiles = profiles;
    (tests, answer)
}

/// Fills in what the program says of its sources.
fn head(files: &[SourceFile], modules: &[Module<'_>], program: &mut Program) {
    if let Some(root) = modules.last() {
        program.policy.clone_from(&root.name);
        program.version.clone_from(&root.version);
        program.lab = root.is_lab;
    }
    program.files = modules
        .iter()
        .map(|module| {
            let name = files.get(module.file).map(|file| file.name.clone()).unwrap_or_default();
            (name, Sha256::digest(module.text.as_bytes()).into())
        })
        .collect();
}

/// What every reader of a program relies on: a limit that the passes above do not know shows here.
fn check(modules: &[Module<'_>], program: &Program) -> Option<Diagnostic> {
    let error = pkic_ir::check(program).err()?;
    let root = modules.last()?;
    let span = root.ast.head.as_ref().map_or(0..0, |head| source::range(head.span));
    Some(Diagnostic::error("E0308", root.file, span, format!("the program is over a limit: {error}")))
}
