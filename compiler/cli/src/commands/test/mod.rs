//! `pkic test`: the row tables that stand in policies, decided by the same runtime that decides requests.
mod coverage;
mod fixture;
mod gate;
mod report;

use crate::World;
use crate::cli::{Test, TestFormat};
use crate::failure::Failure;
use crate::inputs;
use crate::output::Outcome;
use crate::report::{Finding, Place, Related, Severity};
use crate::workspace::{Workspace, finding};
use coverage::Coverage;
use fixture::Fixture;
use gate::Gate;
use pkic_compiler::{Expect, TestCase, TestRow};
use pkic_runtime::bundle::Loaded;
use pkic_runtime::challenge::Nonce;
use pkic_runtime::decide::{Change, Decided, Request, decide};
use pkic_runtime::report::Requirement;
use report::{Results, Row};

/// The code of a row that came out otherwise than expected.
const UNEXPECTED: &str = "E0503";
/// The code of a test that could not be run.
const NOT_RUN: &str = "E0504";

/// Runs the command.
pub(crate) fn run(arguments: &Test, world: World) -> Outcome {
    let now = inputs::moment(arguments.at, world.now)?;
    let results = results(arguments, now)?;
    match arguments.format {
        TestFormat::Human => Ok(report::human(&results, world.colour)),
        TestFormat::Json => report::json(&results),
        TestFormat::Junit => Ok(report::junit(&results)),
    }
}

fn results(arguments: &Test, now: i64) -> Result<Results, Failure> {
    let mut found = Results {
        sources: crate::report::Sources::default(),
        rows: Vec::new(),
        broken: Vec::new(),
        coverage: Vec::new(),
        coverage_min: arguments.min_coverage,
        gaps: None,
    };
    let workspace = Workspace::read(&arguments.paths)?;
    found.sources = workspace.sources();
    let mut tested = vec![false; workspace.roots().len()];
    let mut gate = Gate::default();
    for root in workspace.roots() {
        let (compilation, survey) = workspace.survey(root, None);
        let Some(program) = compilation.program else {
            found.broken.extend(compilation.diagnostics.iter().map(finding));
            tested.iter_mut().skip(root).take(1).for_each(|tested| *tested = true);
            continue;
        };
        gate.declared(&program, &survey);
        let filter = arguments.filter.as_deref().unwrap_or("");
        let tests: Vec<&TestCase> =
            compilation.tests.iter().filter(|test| test.name.contains(filter)).collect();
        if tests.is_empty() {
            continue;
        }
        tested.iter_mut().skip(root).take(1).for_each(|tested| *tested = true);
        let loaded = Loaded::unsigned(program).map_err(|error| Failure::usage(error.to_string()))?;
        let mut coverage = Coverage::default();
        for test in tests {
            run_test(&workspace, &loaded, test, now, &mut coverage, &mut found);
        }
        coverage::merge(&mut found.coverage, coverage.lines(loaded.program()));
    }
    dedup(&mut found.broken);
    nothing_untested(arguments, &workspace, &tested)?;
    // What does not compile was not read, and fails the run by itself.
    found.gaps = (arguments.require_coverage && found.broken.is_empty()).then(|| gate.gaps(&found.coverage));
    Ok(found)
}

/// A policy that several broken ones use is reported once.
fn dedup(findings: &mut Vec<Finding>) {
    let mut seen = std::collections::BTreeSet::new();
    findings.retain(|finding| {
        let place = finding.place.map(|place| (place.file, place.start));
        seen.insert((place, finding.code.clone(), finding.message.clone()))
    });
}

/// A path that was named, or a filter, that selects no test is an error: silence would look like success.
fn nothing_untested(arguments: &Test, workspace: &Workspace, tested: &[bool]) -> Result<(), Failure> {
    if let Some(filter) = &arguments.filter {
        return match tested.contains(&true) {
            true => Ok(()),
            false => Err(Failure::usage(format!("no test has `{filter}` in its name"))),
        };
    }
    for path in &arguments.paths {
        let is_below = |root: &usize| workspace.path(*root).is_some_and(|file| file.starts_with(path));
        let mut roots = workspace.roots().filter(is_below);
        if !roots.any(|root| tested.get(root) == Some(&true)) {
            let help = "a test is a declaration `test \"…\" { … }`; see lang/spec";
            return Err(Failure::usage_with_help(format!("`{}` holds no test", path.display()), help));
        }
    }
    Ok(())
}

fn run_test(
    workspace: &Workspace,
    loaded: &Loaded,
    test: &TestCase,
    now: i64,
    coverage: &mut Coverage,
    found: &mut Results,
) {
    let fixture = Fixture::read(workspace.path(test.file), &test.fixture);
    for (index, row) in test.rows.iter().enumerate() {
        let number = index.saturating_add(1);
        let at = row.at.or(test.at).unwrap_or(now);
        let place = span_place(test.file, &row.span);
        let failure = match &fixture {
            Err(failure) => Some(not_run(test, number, place, &failure.to_string())),
            Ok(fixture) => match run_row(loaded, test, row, fixture, at) {
                Err(why) => Some(not_run(test, number, place, &why)),
                Ok(decided) => {
                    coverage.note(&decided.report, at);
                    compare(test, number, place, &row.expect, &decided)
                }
            },
        };
        let line = found.sources.range(place).0.line;
        found.rows.push(Row { test: test.name.clone(), row: number, file: test.file, line, failure });
    }
}

fn run_row(
    loaded: &Loaded,
    test: &TestCase,
    row: &TestRow,
    fixture: &Fixture,
    at: i64,
) -> Result<Decided, String> {
    let changes: Vec<Change> = row
        .changes
        .iter()
        .map(|change| Change { path: change.path.clone(), to: change.to.clone() })
        .collect();
    decide(&Request {
        loaded,
        profile: &test.profile,
        operation: test.operation,
        csr: &fixture.csr,
        evidence: &fixture.evidence,
        plugins: &[],
        anchors: &fixture.anchors,
        catalogues: &[],
        statements: &[],
        claims: &fixture.claims,
        requester: &fixture.requester,
        authority: None,
        issuer: None,
        changes: &changes,
        nonce: fixture.nonce.as_deref().map_or(Nonce::None, Nonce::Remembered),
        activation: fixture.activation.as_ref(),
        now: at,
        admit_test_anchors: test.anchors_test,
    })
    .map_err(|error| error.to_string())
}

/// What a row expected and did not get.
fn compare(
    test: &TestCase,
    number: usize,
    place: Place,
    expect: &Expect,
    decided: &Decided,
) -> Option<Finding> {
    let holds = match expect {
        Expect::Permit => decided.is_permit(),
        Expect::Refuse(ids) => !decided.is_permit() && *ids == decided.failing,
        Expect::Warn(ids) => decided.is_permit() && *ids == decided.warned,
    };
    if holds {
        return None;
    }
    let expected = match expect {
        Expect::Permit => "permit".to_owned(),
        Expect::Refuse(ids) => format!("refuse [{}]", ids.join(", ")),
        Expect::Warn(ids) => format!("warn [{}]", ids.join(", ")),
    };
    let got = match (decided.is_permit(), expect) {
        (false, _) => format!("refuse [{}]", decided.failing.join(", ")),
        (true, Expect::Warn(_)) => format!("warn [{}]", decided.warned.join(", ")),
        (true, _) => "permit".to_owned(),
    };
    let message = format!("test \"{}\": row {number} expected {expected}, got {got}", test.name);
    let named: &[String] = match expect {
        Expect::Permit => &[],
        Expect::Refuse(ids) | Expect::Warn(ids) => ids,
    };
    Some(failed(UNEXPECTED, message, place, reasons(named, decided)))
}

/// Why the decision came out as it did: each failed requirement, and each expected one that did not fail.
fn reasons(expected: &[String], decided: &Decided) -> Vec<Related> {
    let report = &decided.report;
    let mut lines = Vec::new();
    for requirement in &report.requirements {
        if is_failed(requirement) || expected.contains(&requirement.id) {
            explain(&mut lines, requirement, "");
        }
    }
    for warning in &report.warnings {
        let line = warning.line.as_ref().map(|line| format!(", {line}")).unwrap_or_default();
        lines.push(format!("{}: {}{line}", warning.id, warning.message));
    }
    for id in expected {
        let is_known = report.requirements.iter().any(|requirement| requirement.id == *id)
            || report.warnings.iter().any(|warning| warning.id == *id);
        if !is_known {
            lines.push(format!("{id}: not in force for this request at {}", report.at));
        }
    }
    lines.into_iter().map(|message| Related { place: None, message }).collect()
}

fn is_failed(requirement: &Requirement) -> bool {
    matches!(requirement.result, "violated" | "unknown")
}

/// A requirement in one line, and below it what each way of a `one of` lacks.
fn explain(lines: &mut Vec<String>, requirement: &Requirement, way: &str) {
    let found = requirement.found.as_deref().map(|found| {
        let grade = requirement.grade.map(|grade| format!(" @ {grade}")).unwrap_or_default();
        format!("{found}{grade} found, ")
    });
    let cites = requirement.citation.as_ref().map(|cites| format!(" ({cites})")).unwrap_or_default();
    let remedy = requirement.remedy.as_ref().filter(|_| requirement.ways.is_empty());
    let remedy = remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default();
    lines.push(format!(
        "{way}{}: {}, {}`{}` needed{cites}, {}{remedy}",
        requirement.id,
        requirement.result,
        found.unwrap_or_default(),
        requirement.need,
        requirement.line
    ));
    for inner in &requirement.ways {
        for shortfall in inner.requirements.iter().filter(|line| is_failed(line)) {
            explain(lines, shortfall, &format!("{way}way {}: ", inner.name));
        }
    }
}

fn not_run(test: &TestCase, number: usize, place: Place, why: &str) -> Finding {
    failed(NOT_RUN, format!("test \"{}\": row {number} cannot be run: {why}", test.name), place, Vec::new())
}

fn failed(code: &str, message: String, place: Place, related: Vec<Related>) -> Finding {
    Finding {
        severity: Severity::Error,
        code: code.to_owned(),
        message,
        place: Some(place),
        label: None,
        help: None,
        related,
        fix: None,
    }
}

fn span_place(file: usize, span: &std::ops::Range<u32>) -> Place {
    let offset = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
    Place { file, start: offset(span.start), end: offset(span.end) }
}
