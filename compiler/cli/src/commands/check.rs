//! `pkic check`: everything that is wrong with policies, and what their decisions cost at most.
use crate::World;
use crate::cli::{Check, CheckFormat};
use crate::commands::mandates;
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::report::finding::count;
use crate::report::{Finding, Severity, Sources, github, human, json, junit, sarif};
use crate::workspace::{Workspace, finding};
use pkic_ir::{Program, Standing};
use pkic_vocab::time;
use serde::Serialize;
use std::collections::BTreeSet;

/// What was found in one run.
struct Checked {
    findings: Vec<Finding>,
    sources: Sources,
    programs: Vec<Program>,
    files: usize,
}

/// Runs the command.
pub(crate) fn run(arguments: &Check, world: World) -> Outcome {
    let workspace = Workspace::read(&arguments.paths)?;
    if arguments.mandates {
        return mandates::run(arguments, &workspace, world);
    }
    let checked = check(&workspace, arguments.at);
    let (errors, _) = count(&checked.findings);
    let exit = Exit::finding_if(errors > 0);
    let mut page = Page::default();
    match arguments.format {
        CheckFormat::Human => human_report(&mut page, &checked, arguments.at, world.colour),
        CheckFormat::Json => return Answer::json(&report(&checked, arguments.at), exit),
        CheckFormat::Sarif => {
            return Answer::json(&sarif::log(&checked.findings, &checked.sources, title), exit);
        }
        CheckFormat::Junit => junit::document(&mut page, &suites(&workspace, &checked)),
        CheckFormat::Github => github::findings(&mut page, &checked.findings, &checked.sources),
    }
    Ok(Answer::new(page, exit))
}

fn check(workspace: &Workspace, at: Option<i64>) -> Checked {
    let mut findings = Vec::new();
    let mut programs = Vec::new();
    let mut seen = BTreeSet::new();
    for root in workspace.roots() {
        let compilation = workspace.compile(root, at);
        for diagnostic in &compilation.diagnostics {
            // A policy that several others use is compiled with each of them, and reported once.
            let key = (diagnostic.file, diagnostic.span.start, diagnostic.code, diagnostic.message.clone());
            if seen.insert(key) {
                findings.push(finding(diagnostic));
            }
        }
        programs.extend(compilation.program);
    }
    Checked { findings, sources: workspace.sources(), programs, files: workspace.roots().len() }
}

fn title(code: &str) -> String {
    pkic_compiler::rules::by_code(code).map_or_else(|| code.to_owned(), |rule| rule.summary.to_owned())
}

fn human_report(page: &mut Page, checked: &Checked, at: Option<i64>, colour: human::Colour) {
    human::findings(page, &checked.findings, &checked.sources, colour);
    for program in &checked.programs {
        summary(page, program);
    }
    let day = at.map(|at| format!(" as of {}", time::format_date(at))).unwrap_or_default();
    page.line(format_args!("{}{day}", human::tally(&checked.findings, checked.files)));
}

/// The profiles of a program with the cost bound of a decision, and how each mandate relates to them.
fn summary(page: &mut Page, program: &Program) {
    let lab = if program.lab { "lab policy" } else { "policy" };
    page.line(format_args!("{lab} {} {}", program.policy, inert(&program.version)));
    let mut rows =
        vec![["profile", "operations", "requirements", "cost at most"].map(str::to_owned).to_vec()];
    let (own, used): (Vec<_>, Vec<_>) =
        program.profiles.iter().partition(|profile| is_own(program, &profile.name));
    for profile in &own {
        let operations: Vec<&str> = profile.operations.iter().map(|word| word.name()).collect();
        rows.push(vec![
            profile.name.clone(),
            if operations.is_empty() { "(base)".to_owned() } else { operations.join(" ") },
            profile.requirements.len().to_string(),
            human::number(usize::try_from(profile.cost).unwrap_or(usize::MAX), "step"),
        ]);
    }
    if rows.len() > 1 {
        page.table("  ", &rows);
    }
    if !used.is_empty() {
        page.line(format_args!("  and {} of policies that it uses", human::number(used.len(), "profile")));
    }
    for profile in &own {
        for used in &profile.mandates {
            let mandate = mandate_name(program, used.mandate);
            let head = format!("  mandate {mandate}, {}: ", profile.name);
            page.hanging(&head, &format!("{}; {}", standing(used.standing), inert(&used.because)));
        }
    }
    page.gap();
}

/// Whether a profile stands in the root policy itself.
pub(crate) fn is_own(program: &Program, profile: &str) -> bool {
    profile
        .strip_prefix(program.policy.as_str())
        .is_some_and(|rest| rest.strip_prefix('.').is_some_and(|name| !name.contains('.')))
}

fn mandate_name(program: &Program, index: u32) -> &str {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    program.mandates.get(index).map_or("", |mandate| &mandate.name)
}

const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Selected => "binds",
        Standing::Conditional => "binds unless its condition is known to be false",
        Standing::NotSelected => "not selected",
    }
}

/// `docs/check.schema.json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    version: u32,
    at: Option<String>,
    summary: Summary,
    findings: Vec<json::JsonFinding>,
    policies: Vec<Policy<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    files: usize,
    errors: usize,
    warnings: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Policy<'a> {
    name: &'a str,
    version: &'a str,
    lab: bool,
    profiles: Vec<Profile<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Profile<'a> {
    name: &'a str,
    operations: Vec<&'a str>,
    requirements: usize,
    cost_max: u64,
    mandates: Vec<Mandate<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Mandate<'a> {
    name: &'a str,
    standing: &'static str,
    because: &'a str,
}

fn report(checked: &Checked, at: Option<i64>) -> Report<'_> {
    let (errors, warnings) = count(&checked.findings);
    Report {
        version: 1,
        at: at.map(time::format_date),
        summary: Summary { files: checked.files, errors, warnings },
        findings: json::findings(&checked.findings, &checked.sources),
        policies: checked.programs.iter().map(policy).collect(),
    }
}

fn policy(program: &Program) -> Policy<'_> {
    let profiles = program.profiles.iter().map(|profile| Profile {
        name: &profile.name,
        operations: profile.operations.iter().map(|word| word.name()).collect(),
        requirements: profile.requirements.len(),
        cost_max: profile.cost,
        mandates: profile
            .mandates
            .iter()
            .map(|used| Mandate {
                name: mandate_name(program, used.mandate),
                standing: match used.standing {
                    Standing::Selected => "selected",
                    Standing::Conditional => "conditional",
                    Standing::NotSelected => "not-selected",
                },
                because: &used.because,
            })
            .collect(),
    });
    Policy {
        name: &program.policy,
        version: &program.version,
        lab: program.lab,
        profiles: profiles.collect(),
    }
}

/// One suite with one case a file: it fails with all errors of that file.
fn suites(workspace: &Workspace, checked: &Checked) -> [junit::Suite; 1] {
    let with_errors = |file: usize| {
        checked.findings.iter().filter(move |finding| {
            finding.severity == Severity::Error && finding.place.map(|place| place.file) == Some(file)
        })
    };
    let others = workspace.roots().end..checked.sources.names().count();
    let reported = workspace.roots().chain(others.filter(|file| with_errors(*file).next().is_some()));
    let cases = reported.map(|file| {
        let lines: Vec<String> = with_errors(file)
            .map(|finding| {
                let line = finding.place.map_or(1, |place| checked.sources.range(place).0.line);
                format!("{}:{line}: {}: {}", checked.sources.name(file), finding.code, finding.message)
            })
            .collect();
        junit::Case {
            name: checked.sources.name(file).to_owned(),
            file: checked.sources.name(file).to_owned(),
            line: 1,
            failure: lines.first().map(|_| (human::number(lines.len(), "error"), lines.join("\n"))),
        }
    });
    [junit::Suite { name: "pkic check".to_owned(), cases: cases.collect(), properties: Vec::new() }]
}

/// Findings of a policy that a command needs and does not compile.
pub(crate) fn uncompiled(
    workspace: &Workspace,
    diagnostics: &[pkic_compiler::Diagnostic],
    world: World,
) -> Outcome {
    let findings: Vec<Finding> = diagnostics.iter().map(finding).collect();
    let mut page = Page::default();
    human::findings(&mut page, &findings, &workspace.sources(), world.colour);
    page.line(human::tally(&findings, 1));
    if count(&findings).0 == 0 {
        return Err(Failure::usage("the policy did not compile, and no finding says why"));
    }
    Ok(Answer::new(page, Exit::Finding))
}
