//! A decision for a person: what was decided, and for each requirement what was needed, what was found, and what to do.
use crate::output::{Page, inert};
use crate::report::human::number;
use pkic_runtime::report::{Exception, Report, Requirement, Seal, Way};

/// Levels of ways within ways that are shown: the language nests no deeper.
const DEPTH_MAX: usize = pkic_vocab::limits::NESTING_MAX;

/// Adds the whole decision.
pub(crate) fn decision(page: &mut Page, report: &Report) {
    head(page, report);
    let failed: Vec<&Requirement> = report.requirements.iter().filter(|each| is_failed(each)).collect();
    if !failed.is_empty() {
        let verb = if failed.len() == 1 { "is" } else { "are" };
        page.line(format_args!("  {} {verb} not met", number(failed.len(), "requirement")));
        page.gap();
        for requirement in failed {
            failure(page, requirement, "  ", 0);
        }
    }
    beside(page, report);
    met(page, report);
    evidence(page, report);
    catalogues(page, report);
    statements(page, report);
    revocation(page, report);
    if let Some(seal) = &report.seal {
        page.line(format_args!("  {}", sealed(seal)));
    }
}

fn is_failed(requirement: &Requirement) -> bool {
    matches!(requirement.result, "violated" | "unknown")
}

fn head(page: &mut Page, report: &Report) {
    let decision = report.decision.to_ascii_uppercase();
    let lab = if report.lab { "  LAB: a lab policy decided; it protects nothing" } else { "" };
    page.line(format_args!("{decision}  {} {}{lab}", inert(&report.operation), inert(&report.profile)));
    let mut rows = vec![vec!["as of".to_owned(), report.at.clone()]];
    if let Some(csr) = &report.inputs.csr {
        rows.push(vec!["request".to_owned(), csr.clone()]);
    }
    rows.push(vec!["program".to_owned(), report.inputs.program.clone()]);
    if let Some(authority) = &report.authority {
        rows.push(vec!["authority".to_owned(), inert(authority)]);
    }
    page.table("  ", &rows);
    page.gap();
}

fn failure(page: &mut Page, requirement: &Requirement, indent: &str, depth: usize) {
    page.line(format_args!("{indent}{}: {}", inert(&requirement.id), requirement.result));
    let mut entry = |name: &str, text: &str| page.hanging(&format!("{indent}  {name:<8}"), &inert(text));
    entry("needed", &requirement.need);
    entry("found", &found(requirement));
    entry("policy", &requirement.line);
    if let Some(citation) = &requirement.citation {
        entry("cites", citation);
    }
    if let Some(remedy) = &requirement.remedy {
        entry("remedy", remedy);
    }
    for way in &requirement.ways {
        shortfall(page, way, &format!("{indent}  "), depth);
    }
    if depth == 0 {
        page.gap();
    }
}

/// What a way of a `one of` lacks.
fn shortfall(page: &mut Page, way: &Way, indent: &str, depth: usize) {
    page.line(format_args!("{indent}way {}: {}", inert(&way.name), way.result));
    let below = depth.saturating_add(1);
    if below > DEPTH_MAX {
        return;
    }
    for requirement in way.requirements.iter().filter(|each| is_failed(each)) {
        failure(page, requirement, &format!("{indent}  "), below);
    }
}

/// `software, claimed by request, from unit.pem`.
fn found(requirement: &Requirement) -> String {
    let mut text = requirement.found.clone().unwrap_or_else(|| "nothing".to_owned());
    if let Some(grade) = requirement.grade {
        text.push_str(&format!(", {grade}"));
    }
    if !requirement.basis.is_empty() {
        text.push_str(&format!(" by {}", requirement.basis.join(", ")));
    }
    if let Some(evidence) = &requirement.evidence {
        text.push_str(&format!(", from {evidence}"));
    }
    text
}

/// What is no requirement: warnings, the exception, obligations, what is pending or left out.
fn beside(page: &mut Page, report: &Report) {
    let warnings = report.warnings.iter().map(|warning| {
        let line = warning.line.as_ref().map(|line| format!(" ({line})")).unwrap_or_default();
        format!("{}: {}{line}", warning.id, warning.message)
    });
    list(page, "warnings", warnings);
    if let Some(exception) = &report.exception {
        list(page, "exception", std::iter::once(exception_line(exception)));
    }
    let obligations = report.obligations.iter().map(|obligation| {
        let arguments: Vec<String> = obligation
            .arguments
            .iter()
            .map(|(name, value)| if name.is_empty() { value.clone() } else { format!("{name}: {value}") })
            .collect();
        let moment = obligation.moment.map(|moment| format!(", {moment}")).unwrap_or_default();
        format!("{}({}){moment} ({})", obligation.name, arguments.join(", "), obligation.line)
    });
    list(page, "the CA must besides", obligations);
    list(page, "pending: only issuance can fill in", report.pending.iter().cloned());
    list(page, "not judged here", authority_key(report).into_iter());
    let left_out = report.left_out.iter().map(|left| format!("{}: {}", left.what, left.why));
    list(page, "asked for and left out of the certificate", left_out);
}

/// What a decision leaves to the moment of the signature: the key of the authority itself.
fn authority_key(report: &Report) -> Option<String> {
    let (name, key) =
        report.authority.as_ref().zip(report.authority_key.as_ref().filter(|key| !key.judged))?;
    Some(match &key.profile {
        Some(profile) => format!("the key of {name}: judged by {profile} when it signs"),
        None => format!("the key of {name}: no profile judges it, so it cannot sign"),
    })
}

fn sealed(seal: &Seal) -> String {
    let whom = if seal.signer_trusted { "" } else { ": signer unverified, nobody named it (`--trust`)" };
    format!("bundle {}, signed by {}{whom}", seal.sequence, seal.signer)
}

fn exception_line(exception: &Exception) -> String {
    format!(
        "{} waives {} before {}: {}",
        exception.name,
        exception.waives.join(", "),
        exception.before,
        exception.reason
    )
}

fn list(page: &mut Page, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return;
    }
    page.line(format_args!("  {title}"));
    for line in lines {
        page.hanging("    - ", &inert(&line));
    }
    page.gap();
}

/// What held, a line each.
fn met(page: &mut Page, report: &Report) {
    let met: Vec<&Requirement> = report.requirements.iter().filter(|each| !is_failed(each)).collect();
    if met.is_empty() {
        return;
    }
    page.line("  met");
    let rows: Vec<Vec<String>> = met
        .iter()
        .map(|requirement| {
            let way = requirement.ways.iter().find(|way| way.result == "satisfied");
            let how = match (requirement.result, way) {
                ("waived", _) => "waived".to_owned(),
                (_, Some(way)) => format!("by way {}", way.name),
                _ if requirement.found.is_none() => String::new(),
                _ => found(requirement),
            };
            vec![inert(&requirement.id), inert(&how), inert(&requirement.line)]
        })
        .collect();
    page.table("    ", &rows);
    page.gap();
}

fn catalogues(page: &mut Page, report: &Report) {
    let lines = report.catalogues.iter().map(|each| match (&each.name, each.sequence, &each.why_not) {
        (Some(name), Some(sequence), None) => {
            let rows = if each.rows.is_empty() { "no row".to_owned() } else { each.rows.join(", ") };
            format!("{} ({name}, sequence {sequence}): {rows}", each.file)
        }
        (.., why) => format!("{}: not taken: {}", each.file, why.as_deref().unwrap_or("no reason")),
    });
    list(page, "catalogues", lines);
}

fn statements(page: &mut Page, report: &Report) {
    let lines = report.statements.iter().map(|each| {
        let by = match (each.kind, &each.by) {
            (Some(kind), Some(by)) => format!(" ({kind} by {by})"),
            _ => String::new(),
        };
        match &each.why_not {
            None => format!("{}{by}: {}", each.file, each.facts.join(", ")),
            Some(why) => format!("{}{by}: not taken: {why}", each.file),
        }
    });
    list(page, "statements", lines);
}

fn revocation(page: &mut Page, report: &Report) {
    let lines = report.revocation.iter().map(|list| {
        let state = if list.in_force { "in force" } else { "not in force" };
        format!("{} ({}, from {} until {}): {state}", list.file, list.kind, list.from, list.until)
    });
    list(page, "lists of revoked certificates", lines);
}

fn evidence(page: &mut Page, report: &Report) {
    let lines = report.evidence.iter().map(|item| {
        let format = item.format.unwrap_or("unknown format");
        let plugin = item.plugin.as_ref().map(|plugin| format!(" `{}` {}", plugin.name, plugin.digest));
        let format = format!("{format}{}", plugin.unwrap_or_default());
        let used = if item.used { ", used" } else { "" };
        let why = item.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{} ({format}): {}{used}{why}", item.name, item.verdict)
    });
    list(page, "evidence", lines);
}
