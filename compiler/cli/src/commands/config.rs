//! `pkic config check`: everything that is wrong with a deployment file, and what it deploys.
use crate::World;
use crate::cli::{CheckFormat, Config, ConfigCheck};
use crate::config::Deployment;
use crate::config::check::{Checked, Reach, check};
use crate::failure::Exit;
use crate::output::{Answer, Outcome, Page, inert};
use crate::report::finding::count;
use crate::report::{Severity, github, human, json, junit, sarif};
use crate::{files, pages};
use pkic_vocab::time;
use serde::Serialize;

/// Runs the command.
pub(crate) fn run(what: &Config, world: World) -> Outcome {
    match what {
        Config::Check(arguments) => run_check(arguments, world),
    }
}

fn run_check(arguments: &ConfigCheck, world: World) -> Outcome {
    let reach = if arguments.probe { Reach::Stores } else { Reach::Files };
    let world = World { now: arguments.at.or(world.now), ..world };
    let checked = check(&arguments.file, reach, world)?;
    let exit = Exit::finding_if(count(&checked.findings).0 > 0);
    let mut page = Page::default();
    match arguments.format {
        CheckFormat::Human => {
            human::findings(&mut page, &checked.findings, &checked.sources, world.colour);
            if let Some(deployment) = &checked.deployment {
                summary(&mut page, deployment, &checked);
            }
            page.line(human::tally(&checked.findings, 1));
        }
        CheckFormat::Json => return Answer::json(&report(arguments, &checked), exit),
        CheckFormat::Sarif => {
            let title = |code: &str| pages::summary(code).unwrap_or(code).to_owned();
            return Answer::json(&sarif::log(&checked.findings, &checked.sources, title), exit);
        }
        CheckFormat::Junit => junit::document(&mut page, &[suite(&checked)]),
        CheckFormat::Github => github::findings(&mut page, &checked.findings, &checked.sources),
    }
    Ok(Answer::new(page, exit))
}

/// What is deployed, as far as it reads.
fn summary(page: &mut Page, deployment: &Deployment, checked: &Checked) {
    let policy = match &checked.loaded {
        Some(loaded) => format!("{} {}", loaded.program().policy, inert(&loaded.program().version)),
        None => "not loaded".to_owned(),
    };
    let lab = if deployment.lab.value { "lab deployment of" } else { "deployment of" };
    page.line(format_args!("{lab} {} ({policy})", inert(&files::shown(&deployment.policy))));
    let mut rows = Vec::new();
    for authority in deployment.authorities.values() {
        let store = deployment.stores.get(&authority.store.value);
        let kind = store.map_or("?", |store| store.kind.name());
        let held = format!("{} ({kind})", authority.store.value);
        let name = authority.name.value.as_str();
        rows.push(["authority", name, &held, &authority.key.to_string()].map(inert).to_vec());
    }
    if let Some(log) = &deployment.log {
        rows.push(["log", &log.origin, &files::shown(&log.directory), ""].map(inert).to_vec());
    }
    for address in &deployment.listen {
        rows.push(["listens", &address.to_string(), "", ""].map(inert).to_vec());
    }
    page.table("  ", &rows);
}

/// `docs/config-check.schema.json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    version: u32,
    at: Option<String>,
    file: String,
    probed: bool,
    summary: Summary,
    findings: Vec<json::JsonFinding>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    errors: usize,
    warnings: usize,
}

fn report(arguments: &ConfigCheck, checked: &Checked) -> Report {
    let (errors, warnings) = count(&checked.findings);
    Report {
        version: 1,
        at: arguments.at.map(time::format_date),
        file: files::shown(&arguments.file),
        probed: arguments.probe,
        summary: Summary { errors, warnings },
        findings: json::findings(&checked.findings, &checked.sources),
    }
}

/// One case: the file, which fails with all its errors.
fn suite(checked: &Checked) -> junit::Suite {
    let errors = checked.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let lines: Vec<String> = errors
        .map(|finding| {
            let line = finding.place.map_or(1, |place| checked.sources.range(place).0.line);
            format!("{}:{line}: {}: {}", checked.sources.name(0), finding.code, finding.message)
        })
        .collect();
    let case = junit::Case {
        name: checked.sources.name(0).to_owned(),
        file: checked.sources.name(0).to_owned(),
        line: 1,
        failure: lines.first().map(|_| (human::number(lines.len(), "error"), lines.join("\n"))),
    };
    junit::Suite { name: "pkic config check".to_owned(), cases: vec![case], properties: Vec::new() }
}
