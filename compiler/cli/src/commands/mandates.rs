//! `pkic check --mandates`: the matrix of mandates and profiles, and why each pair is as it is.
use crate::World;
use crate::cli::{Check, CheckFormat};
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::report::finding::count;
use crate::report::{Finding, Sources, human, json};
use crate::workspace::{Workspace, finding};
use pkic_compiler::survey::{Cell, Clause, Declaration, Line, Row, Survey, Timing};
use pkic_ir::Standing;
use pkic_vocab::time::format_date;
use serde::Serialize;
use std::collections::BTreeSet;

/// What came of every policy that was asked about.
struct Surveyed {
    findings: Vec<Finding>,
    sources: Sources,
    policies: Vec<Policy>,
}

/// A policy that compiles.
struct Policy {
    name: String,
    version: String,
    is_lab: bool,
    survey: Survey,
}

/// Runs the command.
pub(crate) fn run(arguments: &Check, workspace: &Workspace, world: World) -> Outcome {
    let surveyed = survey(workspace, arguments.at);
    let exit = Exit::finding_if(count(&surveyed.findings).0 > 0);
    match arguments.format {
        CheckFormat::Human => Ok(Answer::new(page(&surveyed, arguments.at, world), exit)),
        CheckFormat::Json => Answer::json(&report(&surveyed, arguments.at), exit),
        CheckFormat::Sarif | CheckFormat::Junit | CheckFormat::Github => Err(Failure::usage_with_help(
            "the matrix of mandates has no such format",
            "write `--format human` or `--format json`",
        )),
    }
}

fn survey(workspace: &Workspace, at: Option<i64>) -> Surveyed {
    let mut surveyed = Surveyed { findings: Vec::new(), sources: workspace.sources(), policies: Vec::new() };
    let mut seen = BTreeSet::new();
    for root in workspace.roots() {
        let (compilation, survey) = workspace.survey(root, at);
        let errors = compilation
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == pkic_compiler::Severity::Error);
        for error in errors {
            if seen.insert((error.file, error.span.start, error.code, error.message.clone())) {
                surveyed.findings.push(finding(error));
            }
        }
        if let Some(program) = compilation.program {
            let (name, version, is_lab) = (program.policy, program.version, program.lab);
            surveyed.policies.push(Policy { name, version, is_lab, survey });
        }
    }
    surveyed
}

/// How a mandate stands to a profile, in one word.
pub(crate) fn state(cell: &Cell) -> &'static str {
    match (&cell.adoption, cell.standing, cell.timing) {
        (None, _, _) => "not-adopted",
        (Some(_), Standing::NotSelected, _) => "not-selected",
        (Some(_), _, Timing::NotBefore(_)) => "not-yet",
        (Some(_), _, Timing::OverSince(_)) => "over",
        (Some(_), Standing::Selected, Timing::Holds) => "always",
        (Some(_), Standing::Conditional, Timing::Holds) => "conditional",
    }
}

/// Why a mandate stands to a profile as it does, and how it was adopted.
pub(crate) fn why(row: &Row, cell: &Cell) -> String {
    let Some(adoption) = &cell.adoption else { return "not adopted for this profile".to_owned() };
    if cell.standing == Standing::NotSelected {
        return cell.because.clone();
    }
    let mut parts = Vec::new();
    match cell.timing {
        Timing::NotBefore(from) => parts.push(format!("not before {}", format_date(from))),
        Timing::OverSince(before) => parts.push(format!("over since {}", format_date(before))),
        Timing::Holds => {}
    }
    parts.push(cell.because.clone());
    if let (Standing::Conditional, Some(condition)) = (cell.standing, &row.condition) {
        parts.push(format!("binds unless `{condition}` is known to be false"));
    }
    if adoption.is_advice {
        parts.push("adopted as advice".to_owned());
    }
    for (reading, is_advice) in &adoption.readings {
        let advice = if *is_advice && !adoption.is_advice { " as advice" } else { "" };
        parts.push(format!("reading `{reading}` adopted{advice}"));
    }
    parts.join("; ")
}

/// `from 2027-01-01`, `before 2029-03-15`, both, or nothing.
pub(crate) fn window(line: &Line) -> String {
    let from = line.from.map(|from| format!("from {}", format_date(from)));
    let before = line.before.map(|before| format!("before {}", format_date(before)));
    from.into_iter().chain(before).collect::<Vec<_>>().join(", ")
}

fn page(surveyed: &Surveyed, at: Option<i64>, world: World) -> Page {
    let mut page = Page::default();
    human::findings(&mut page, &surveyed.findings, &surveyed.sources, world.colour);
    for policy in &surveyed.policies {
        let lab = if policy.is_lab { "lab policy" } else { "policy" };
        let day = at.map(|at| format!(" as of {}", format_date(at))).unwrap_or_default();
        page.line(format_args!("mandates of {lab} {} {}{day}", policy.name, inert(&policy.version)));
        let (adopted, others): (Vec<&Row>, Vec<&Row>) =
            policy.survey.matrix.rows.iter().partition(|row| row.is_adopted);
        for row in &adopted {
            page.gap();
            mandate(&mut page, row, declaration(&policy.survey, &row.mandate));
        }
        if !others.is_empty() {
            page.gap();
            page.line("  not adopted");
            let names = others.iter().map(|row| vec![row.mandate.clone(), inert(&row.title)]);
            page.table("    ", &names.collect::<Vec<_>>());
        }
        if policy.survey.matrix.rows.is_empty() {
            page.line("  it sees no mandate: `use` a policy that has some, and `adopt` them");
        }
        page.gap();
    }
    let policies = match surveyed.policies.len() {
        1 => "1 policy".to_owned(),
        count => format!("{count} policies"),
    };
    match count(&surveyed.findings).0 {
        0 => page.line(policies),
        errors => page.line(format_args!("{} and {policies}", human::number(errors, "error"))),
    }
    page
}

fn mandate(page: &mut Page, row: &Row, declaration: Option<&Declaration>) {
    page.hanging("  mandate ", &inert(&format!("{}: {}", row.mandate, row.title)));
    if let Some(cites) = &row.cites {
        page.hanging("    cites ", &inert(&cites.sentence()));
    }
    if let Some(condition) = &row.condition {
        page.hanging("    for ", &inert(condition));
    }
    for (reading, line) in declaration.iter().flat_map(|declaration| lines(declaration)) {
        let window = window(line);
        if !window.is_empty() {
            let of = reading.map(|reading| format!(", reading {reading}")).unwrap_or_default();
            page.line(format_args!("    {window}: {}{of}", inert(&line.id)));
        }
    }
    let mut table = vec![vec!["profile".to_owned(), "binds".to_owned(), "why".to_owned()]];
    table.extend(row.cells.iter().map(|cell| {
        let base = if cell.is_base { " (base)" } else { "" };
        vec![format!("{}{base}", cell.profile), state(cell).to_owned(), inert(&why(row, cell))]
    }));
    page.table("    ", &table);
}

/// The lines of a mandate, those of a reading with its name.
fn lines(declaration: &Declaration) -> Vec<(Option<&str>, &Line)> {
    let own = declaration.lines.iter().map(|line| (None, line));
    let read = declaration
        .readings
        .iter()
        .flat_map(|reading| reading.lines.iter().map(|line| (Some(reading.name.as_str()), line)));
    own.chain(read).collect()
}

fn declaration<'s>(survey: &'s Survey, name: &str) -> Option<&'s Declaration> {
    survey.mandates.iter().find(|mandate| mandate.name == name)
}

/// `docs/mandates.schema.json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    version: u32,
    at: Option<String>,
    findings: Vec<json::JsonFinding>,
    policies: Vec<JsonPolicy<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonPolicy<'a> {
    name: &'a str,
    version: &'a str,
    lab: bool,
    mandates: Vec<JsonMandate<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonMandate<'a> {
    name: &'a str,
    title: &'a str,
    cites: Option<JsonClause<'a>>,
    condition: Option<&'a str>,
    readings: &'a [String],
    adopted: bool,
    dates: Vec<JsonDates<'a>>,
    profiles: Vec<JsonCell<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonClause<'a> {
    source: &'a str,
    title: &'a str,
    edition: &'a str,
    status: Option<&'a str>,
    unverified: bool,
    clause: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonDates<'a> {
    id: &'a str,
    reading: Option<&'a str>,
    from: Option<String>,
    before: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonCell<'a> {
    profile: &'a str,
    base: bool,
    state: &'static str,
    because: &'a str,
    advice: bool,
    readings: Vec<JsonReading<'a>>,
    from: Option<String>,
    before: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonReading<'a> {
    name: &'a str,
    advice: bool,
}

fn report(surveyed: &Surveyed, at: Option<i64>) -> Report<'_> {
    let policies = surveyed.policies.iter().map(|policy| JsonPolicy {
        name: &policy.name,
        version: &policy.version,
        lab: policy.is_lab,
        mandates: policy.survey.matrix.rows.iter().map(|row| json_mandate(&policy.survey, row)).collect(),
    });
    Report {
        version: 1,
        at: at.map(format_date),
        findings: json::findings(&surveyed.findings, &surveyed.sources),
        policies: policies.collect(),
    }
}

fn json_mandate<'a>(survey: &'a Survey, row: &'a Row) -> JsonMandate<'a> {
    let lines = declaration(survey, &row.mandate).map(lines).unwrap_or_default();
    let dated = lines.into_iter().filter(|(_, line)| line.from.is_some() || line.before.is_some());
    JsonMandate {
        name: &row.mandate,
        title: &row.title,
        cites: row.cites.as_ref().map(json_clause),
        condition: row.condition.as_deref(),
        readings: &row.readings,
        adopted: row.is_adopted,
        dates: dated
            .map(|(reading, line)| JsonDates {
                id: &line.id,
                reading,
                from: line.from.map(format_date),
                before: line.before.map(format_date),
            })
            .collect(),
        profiles: row.cells.iter().filter(|_| row.is_adopted).map(json_cell).collect(),
    }
}

fn json_clause(clause: &Clause) -> JsonClause<'_> {
    JsonClause {
        source: &clause.source.name,
        title: &clause.source.title,
        edition: &clause.source.edition,
        status: clause.source.status.as_deref(),
        unverified: clause.source.unverified,
        clause: &clause.clause,
    }
}

fn json_cell(cell: &Cell) -> JsonCell<'_> {
    let (from, before) = match cell.timing {
        Timing::Holds => (None, None),
        Timing::NotBefore(from) => (Some(format_date(from)), None),
        Timing::OverSince(before) => (None, Some(format_date(before))),
    };
    let readings = cell.adoption.iter().flat_map(|adoption| &adoption.readings);
    JsonCell {
        profile: &cell.profile,
        base: cell.is_base,
        state: state(cell),
        because: &cell.because,
        advice: cell.adoption.as_ref().is_some_and(|adoption| adoption.is_advice),
        readings: readings.map(|(name, advice)| JsonReading { name, advice: *advice }).collect(),
        from,
        before,
    }
}
