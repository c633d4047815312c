//! The results of tests: for a person, in JSON, and as JUnit XML.
use super::coverage::{Line, NOT_COUNTED, percent, total};
use super::gate::Gap;
use crate::failure::Exit;
use crate::output::{Answer, Outcome, Page, inert};
use crate::report::human::{self, Colour, number};
use crate::report::{Finding, Sources, junit};
use serde::Serialize;

/// One decision of a test, and what came of it.
pub(crate) struct Row {
    /// Name of the test.
    pub(crate) test: String,
    /// Number of the row in the test, from 1.
    pub(crate) row: usize,
    /// File that the test stands in.
    pub(crate) file: usize,
    /// Line of the row, from 1.
    pub(crate) line: usize,
    /// What is wrong, where anything is.
    pub(crate) failure: Option<Finding>,
}

/// Everything that a run found.
pub(crate) struct Results {
    /// Texts that findings point into.
    pub(crate) sources: Sources,
    /// Every decision.
    pub(crate) rows: Vec<Row>,
    /// Policies that do not compile.
    pub(crate) broken: Vec<Finding>,
    /// Coverage of the profiles that were asked.
    pub(crate) coverage: Vec<Line>,
    /// The least coverage that passes, in percent.
    pub(crate) coverage_min: Option<u8>,
    /// What the coverage gate misses; `None` where it is not asked for.
    pub(crate) gaps: Option<Vec<Gap>>,
}

impl Results {
    fn failed(&self) -> usize {
        self.rows.iter().filter(|row| row.failure.is_some()).count()
    }

    fn covered(&self) -> usize {
        percent(total(&self.coverage))
    }

    fn is_covered_enough(&self) -> bool {
        self.coverage_min.is_none_or(|min| self.covered() >= usize::from(min))
    }

    fn gap_count(&self) -> usize {
        self.gaps.as_ref().map_or(0, Vec::len)
    }

    /// How the run ends.
    pub(crate) fn exit(&self) -> Exit {
        let is_broken = self.broken.iter().any(|finding| finding.severity == crate::report::Severity::Error);
        Exit::finding_if(self.failed() > 0 || is_broken || !self.is_covered_enough() || self.gap_count() > 0)
    }

    fn name(&self, row: &Row) -> String {
        format!("{}, row {}", row.test, row.row)
    }
}

/// For a terminal: failures whole, then coverage, then the tally.
pub(crate) fn human(results: &Results, colour: Colour) -> Answer {
    let mut page = Page::default();
    human::findings(&mut page, &results.broken, &results.sources, colour);
    let failures: Vec<Finding> = results.rows.iter().filter_map(|row| row.failure.clone()).collect();
    human::findings(&mut page, &failures, &results.sources, colour);
    coverage(&mut page, results);
    let (covered, wanted) = total(&results.coverage);
    let passed = results.rows.len().saturating_sub(results.failed());
    page.line(format_args!(
        "{} passed, {} failed; coverage {}% ({covered} of {wanted})",
        number(passed, "row"),
        results.failed(),
        results.covered(),
    ));
    if let Some(min) = results.coverage_min.filter(|_| !results.is_covered_enough()) {
        page.line(format_args!("coverage is below {min}%"));
    }
    if let Some(gaps) = &results.gaps {
        gate(&mut page, gaps);
    }
    Answer::new(page, results.exit())
}

/// A table with one line a requirement, and what is missing below it.
fn coverage(page: &mut Page, results: &Results) {
    let mut profile = "";
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in &results.coverage {
        if line.profile != profile {
            page.table("  ", &std::mem::take(&mut rows));
            profile = &line.profile;
            page.line(format_args!("coverage of {profile}"));
        }
        let marks = line.wanted.iter().map(|wanted| {
            let mark = if line.missing.contains(wanted) { "-" } else { "+" };
            format!("{mark}{wanted}")
        });
        rows.push(vec![inert(&line.id), marks.collect::<Vec<_>>().join(" ")]);
    }
    page.table("  ", &rows);
    if !results.coverage.is_empty() {
        page.gap();
    }
    let missing: Vec<Vec<String>> = results
        .coverage
        .iter()
        .filter(|line| !line.missing.is_empty())
        .map(|line| vec![inert(&line.line), inert(&line.id), line.missing.join(", ")])
        .collect();
    if !missing.is_empty() {
        page.line("not seen by any test");
        page.table("  ", &missing);
        page.gap();
    }
    if !results.coverage.is_empty() {
        page.line(format_args!("not counted: {}", NOT_COUNTED.join(", ")));
    }
}

/// What the coverage gate says.
fn gate(page: &mut Page, gaps: &[Gap]) {
    if gaps.is_empty() {
        page.line("every requirement of these files was seen from all sides");
        return;
    }
    page.line(format_args!("the coverage gate misses {}", number(gaps.len(), "requirement")));
    let row = |gap: &Gap| vec![inert(&gap.line), inert(&gap.id), gap.missing.join(", ")];
    page.table("  ", &gaps.iter().map(row).collect::<Vec<_>>());
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    version: u32,
    summary: Summary,
    rows: Vec<JsonRow<'a>>,
    findings: Vec<crate::report::json::JsonFinding>,
    coverage: JsonCoverage<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    passed: usize,
    failed: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonRow<'a> {
    test: &'a str,
    row: usize,
    file: &'a str,
    line: usize,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonCoverage<'a> {
    percent: usize,
    covered: usize,
    wanted: usize,
    not_counted: [&'static str; 3],
    lines: &'a [Line],
    #[serde(skip_serializing_if = "Option::is_none")]
    gaps: Option<&'a [Gap]>,
}

/// Versioned JSON.
pub(crate) fn json(results: &Results) -> Outcome {
    let rows = results.rows.iter().map(|row| JsonRow {
        test: &row.test,
        row: row.row,
        file: results.sources.name(row.file),
        line: row.line,
        passed: row.failure.is_none(),
        message: row.failure.as_ref().map(|failure| failure.message.as_str()),
        details: row.failure.iter().flat_map(details).collect(),
    });
    let (covered, wanted) = total(&results.coverage);
    let failed = results.failed();
    let report = Report {
        version: 1,
        summary: Summary { passed: results.rows.len().saturating_sub(failed), failed },
        rows: rows.collect(),
        findings: crate::report::json::findings(&results.broken, &results.sources),
        coverage: JsonCoverage {
            percent: results.covered(),
            covered,
            wanted,
            not_counted: NOT_COUNTED,
            lines: &results.coverage,
            gaps: results.gaps.as_deref(),
        },
    };
    Answer::json(&report, results.exit())
}

fn details(failure: &Finding) -> impl Iterator<Item = &str> {
    failure.related.iter().map(|other| other.message.as_str())
}

/// One suite a file, with coverage as properties of the first.
pub(crate) fn junit(results: &Results) -> Answer {
    let mut suites: Vec<junit::Suite> = Vec::new();
    for row in &results.rows {
        let file = results.sources.name(row.file);
        let case = junit::Case {
            name: results.name(row),
            file: file.to_owned(),
            line: row.line,
            failure: row
                .failure
                .as_ref()
                .map(|failure| (failure.message.clone(), details(failure).collect::<Vec<_>>().join("\n"))),
        };
        match suites.iter_mut().find(|suite| suite.name == file) {
            Some(suite) => suite.cases.push(case),
            None => {
                suites.push(junit::Suite { name: file.to_owned(), cases: vec![case], properties: Vec::new() })
            }
        }
    }
    for finding in &results.broken {
        let place = finding.place.map(|place| (place.file, results.sources.range(place).0.line));
        let (file, line) = place.map_or(("", 1), |(file, line)| (results.sources.name(file), line));
        suites.push(junit::Suite {
            name: file.to_owned(),
            cases: vec![junit::Case {
                name: format!("compiles: {}", finding.code),
                file: file.to_owned(),
                line,
                failure: (finding.severity == crate::report::Severity::Error)
                    .then(|| (finding.message.clone(), finding.help.clone().unwrap_or_default())),
            }],
            properties: Vec::new(),
        });
    }
    suites.extend(results.gaps.as_deref().map(gate_suite));
    let mut properties = vec![("coverage.percent".to_owned(), results.covered().to_string())];
    properties.extend(results.coverage.iter().map(|line| {
        let missing = if line.missing.is_empty() { "covered".to_owned() } else { line.missing.join(", ") };
        (format!("coverage.{}.{} ({})", line.profile, line.id, line.line), missing)
    }));
    if let Some(first) = suites.first_mut() {
        first.properties = properties;
    }
    let mut page = Page::default();
    junit::document(&mut page, &suites);
    Answer::new(page, results.exit())
}

/// The coverage gate as a suite of its own: one case for each gap, or one that passes.
fn gate_suite(gaps: &[Gap]) -> junit::Suite {
    let whole = junit::Case { name: "whole".to_owned(), file: String::new(), line: 1, failure: None };
    let case = |gap: &Gap| {
        let (file, line) = gap.line.rsplit_once(':').unwrap_or((&gap.line, "1"));
        junit::Case {
            name: gap.id.clone(),
            file: file.to_owned(),
            line: line.parse().unwrap_or(1),
            failure: Some((format!("not seen: {}", gap.missing.join(", ")), gap.line.clone())),
        }
    };
    let cases = if gaps.is_empty() { vec![whole] } else { gaps.iter().map(case).collect() };
    junit::Suite { name: "coverage gate".to_owned(), cases, properties: Vec::new() }
}
