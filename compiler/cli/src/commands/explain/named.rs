//! A name of a policy explained: from a profile, a mandate or one of their lines to clause, edition, status and dates.
use crate::World;
use crate::commands::check::uncompiled;
use crate::commands::doc::{known, strength};
use crate::commands::mandates::{state, why, window};
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::suggest::nearest;
use crate::workspace::{Workspace, place};
use pkic_compiler::survey::{Clause, Declaration, Field, Line, LineKind, Reading, Row, Source, Survey};
use pkic_ir::{Origin, Program, Standing};
use std::path::PathBuf;

/// Policies that names are looked up in: a program, and what its policies say.
pub(super) struct Shelf {
    program: Program,
    survey: Survey,
}

/// What a name stands for.
enum Named<'s> {
    Source(&'s Source),
    Declaration(&'s Declaration),
    Reading(&'s Declaration, &'s Reading),
    Lines(&'s Declaration, Vec<(Option<&'s Reading>, &'s Line)>),
    Field(&'s Declaration, &'s Field),
}

/// The policies to look in: one that was given with what it uses, or those that come with pkic.
pub(super) fn shelves(policy: Option<&PathBuf>, world: World) -> Result<Result<Vec<Shelf>, Answer>, Failure> {
    let workspace = match policy {
        Some(path) => Workspace::read(std::slice::from_ref(path))?,
        None => Workspace::embedded(),
    };
    let mut shelves = Vec::new();
    for root in workspace.roots() {
        let (compilation, survey) = workspace.survey(root, None);
        match compilation.program {
            Some(program) => shelves.push(Shelf { program, survey }),
            None => return uncompiled(&workspace, &compilation.diagnostics, world).map(Err),
        }
    }
    Ok(Ok(shelves))
}

/// The page of a name, if one of the shelves has it.
pub(super) fn page(shelves: &[Shelf], subject: &str) -> Option<Outcome> {
    shelves.iter().find_map(|shelf| {
        let named = shelf.find(subject).or_else(|| shelf.find(&shelf.qualified(subject)))?;
        let mut page = Page::default();
        match named {
            Named::Source(source) => shelf.source(&mut page, source),
            Named::Declaration(declared) => shelf.declaration(&mut page, declared),
            Named::Reading(declared, reading) => shelf.reading(&mut page, declared, reading),
            Named::Field(declared, field) => shelf.field(&mut page, declared, field),
            Named::Lines(declared, lines) => {
                for (index, (reading, line)) in lines.into_iter().enumerate() {
                    if index > 0 {
                        page.gap();
                    }
                    shelf.line(&mut page, declared, reading, line);
                }
            }
        }
        Some(Ok(Answer::new(page, Exit::Holds)))
    })
}

/// The nearest name on the shelves.
pub(super) fn suggestion(shelves: &[Shelf], subject: &str) -> Option<String> {
    let names: Vec<String> = shelves.iter().flat_map(Shelf::names).collect();
    nearest(subject, names.iter().map(String::as_str)).map(str::to_owned)
}

impl Shelf {
    /// A name without a policy is one of the root.
    fn qualified(&self, subject: &str) -> String {
        format!("{}.{subject}", self.program.policy)
    }

    fn declared(&self) -> impl Iterator<Item = &Declaration> {
        let survey = &self.survey;
        survey.profiles.iter().chain(&survey.mandates).chain(&survey.exceptions)
    }

    fn find(&self, subject: &str) -> Option<Named<'_>> {
        if let Some(declared) = self.declared().find(|declared| declared.name == subject) {
            return Some(Named::Declaration(declared));
        }
        if let Some(source) = self.survey.sources.iter().find(|source| source.name == subject) {
            return Some(Named::Source(source));
        }
        let inside = |declared: &'_ Declaration| {
            let rest = subject.strip_prefix(declared.name.as_str())?;
            rest.strip_prefix('.').map(str::to_owned)
        };
        self.declared().find_map(|declared| within(declared, &inside(declared)?))
    }

    fn names(&self) -> Vec<String> {
        let lines = self.declared().flat_map(|declared| {
            let readings = declared.readings.iter();
            let of_readings = readings.flat_map(|reading| {
                let own = format!("{}.{}", declared.name, reading.name);
                reading.lines.iter().map(move |line| format!("{own}.{}", line.id))
            });
            let own = declared.lines.iter().map(|line| format!("{}.{}", declared.name, line.id));
            let fields = declared.fields.iter().map(|field| format!("{}.{}", declared.name, field.name));
            let readings =
                declared.readings.iter().map(|reading| format!("{}.{}", declared.name, reading.name));
            own.chain(of_readings).chain(fields).chain(readings).collect::<Vec<_>>()
        });
        let sources = self.survey.sources.iter().map(|source| source.name.clone());
        let declared = self.declared().map(|declared| declared.name.clone());
        let all: Vec<String> = declared.chain(sources).chain(lines).collect();
        let own = format!("{}.", self.program.policy);
        let short: Vec<String> =
            all.iter().filter_map(|name| name.strip_prefix(&own)).map(str::to_owned).collect();
        all.into_iter().chain(short).collect()
    }

    fn kind(&self, declared: &Declaration) -> &'static str {
        let is_in = |all: &[Declaration]| all.iter().any(|one| one.name == declared.name);
        if is_in(&self.survey.mandates) {
            "mandate"
        } else if is_in(&self.survey.profiles) {
            "profile"
        } else {
            "exception"
        }
    }

    fn place(&self, page: &mut Page, origin: Origin) {
        page.line(format_args!("  {}", inert(&place(&self.program, origin))));
    }

    fn source(&self, page: &mut Page, source: &Source) {
        page.line(format_args!("source {}", source.name));
        self.place(page, source.origin);
        page.gap();
        doc(page, source.doc.as_deref());
        page.table("  ", &source_rows(source));
        let mut citing = Vec::new();
        for declared in self.declared() {
            let of_readings = declared.readings.iter().flat_map(|reading| &reading.lines);
            for line in declared.lines.iter().chain(of_readings).flat_map(Line::with_inner) {
                if let Some(cites) = line.cites.as_ref().filter(|cites| cites.source.name == source.name) {
                    citing.push(vec![inert(&cites.clause), format!("{}.{}", declared.name, line.id)]);
                }
            }
        }
        citing.sort();
        citing.dedup();
        listed(page, "cited by", &citing);
    }

    fn declaration(&self, page: &mut Page, declared: &Declaration) {
        page.line(format_args!("{} {}", self.kind(declared), declared.name));
        self.place(page, declared.origin);
        page.gap();
        if let Some(title) = &declared.title {
            page.hanging("  ", &inert(title));
            page.gap();
        }
        doc(page, declared.doc.as_deref());
        let mut rows = Vec::new();
        if let Some(of) = &declared.of {
            let word = if self.kind(declared) == "profile" { "refines" } else { "for" };
            rows.push(vec![word.to_owned(), of.clone()]);
        }
        let profile = self.program.profiles.iter().find(|profile| profile.name == declared.name);
        if let Some(profile) = profile {
            let operations: Vec<&str> = profile.operations.iter().map(|word| word.name()).collect();
            rows.push(vec!["role".to_owned(), profile.role.map_or("any", |role| role.name()).to_owned()]);
            rows.push(vec!["operations".to_owned(), operations.join(", ")]);
        }
        if let Some(condition) = &declared.condition {
            let word = if self.kind(declared) == "exception" { "when" } else { "speaks of" };
            rows.push(vec![word.to_owned(), inert(condition)]);
        }
        rows.extend(declared.cites.iter().flat_map(clause_rows));
        rows.retain(|row| row.last().is_some_and(|cell| !cell.is_empty()));
        page.table("  ", &rows);
        listed(page, "lines", &brief(&declared.lines));
        for reading in &declared.readings {
            page.gap();
            page.hanging("  ", &inert(&format!("reading {}: {}", reading.name, reading.title)));
            page.table("    ", &brief(&reading.lines));
        }
        let fields = declared.fields.iter().map(|field| vec![inert(&field.name)]);
        listed(page, "contents", &fields.collect::<Vec<_>>());
        if let Some(row) = self.row(&declared.name) {
            page.gap();
            matrix(page, row);
        }
        if profile.is_some() {
            let refined = self
                .program
                .profiles
                .iter()
                .filter(|other| other.refines.as_deref() == Some(declared.name.as_str()));
            listed(page, "refined by", &refined.map(|other| vec![other.name.clone()]).collect::<Vec<_>>());
            let bound = self.survey.matrix.rows.iter().filter_map(|row| {
                let cell = row.cells.iter().find(|cell| cell.profile == declared.name)?;
                cell.adoption.as_ref()?;
                Some(vec![row.mandate.clone(), state(cell).to_owned(), inert(&why(row, cell))])
            });
            listed(page, "mandates", &bound.collect::<Vec<_>>());
        }
    }

    fn row(&self, mandate: &str) -> Option<&Row> {
        self.survey.matrix.rows.iter().find(|row| row.mandate == mandate)
    }

    fn reading(&self, page: &mut Page, declared: &Declaration, reading: &Reading) {
        page.line(format_args!("reading {} of mandate {}", reading.name, declared.name));
        self.place(page, reading.origin);
        page.gap();
        page.hanging("  ", &inert(&reading.title));
        page.gap();
        doc(page, reading.doc.as_deref());
        let rows: Vec<Vec<String>> = declared.cites.iter().flat_map(clause_rows).collect();
        page.table("  ", &rows);
        listed(page, "lines", &brief(&reading.lines));
        page.gap();
        page.line(format_args!(
            "  in force where it is adopted: `adopt {} with [{}]`",
            declared.name, reading.name
        ));
    }

    fn field(&self, page: &mut Page, declared: &Declaration, field: &Field) {
        page.line(format_args!("{}: field of the contents of profile {}", field.name, declared.name));
        self.place(page, field.origin);
        let profile = self.program.profiles.iter().find(|profile| profile.name == declared.name);
        let lowered =
            profile.and_then(|profile| profile.contents.iter().find(|one| one.origin == field.origin));
        if let Some(lowered) = lowered {
            page.line(format_args!("      {}", inert(&lowered.text)));
        }
        page.gap();
        doc(page, field.doc.as_deref());
        page.table("  ", &field.cites.iter().flat_map(clause_rows).collect::<Vec<_>>());
    }

    fn line(&self, page: &mut Page, declared: &Declaration, reading: Option<&Reading>, line: &Line) {
        let kind = match line.kind {
            LineKind::Approval => "approval",
            LineKind::Obligation => "obligation",
            LineKind::OneOf => "choice",
            LineKind::Requirement => "requirement",
        };
        let of = reading.map(|reading| format!("reading {} of ", reading.name)).unwrap_or_default();
        let owner = self.kind(declared);
        page.line(format_args!("{}: {kind} of {of}{owner} {}", inert(&line.id), declared.name));
        self.place(page, line.origin);
        page.line(format_args!("      {}", inert(&line.text)));
        page.gap();
        doc(page, line.doc.as_deref());
        let mut rows = vec![vec!["strength".to_owned(), strength(line.strength).to_owned()]];
        let window = window(line);
        rows.push(vec!["holds".to_owned(), if window.is_empty() { "always".to_owned() } else { window }]);
        for condition in &line.when {
            rows.push(vec!["unless".to_owned(), format!("`{}` is known to be false", inert(condition))]);
        }
        for value in self.survey.values_in(line) {
            rows.push(vec!["where".to_owned(), inert(&value.text)]);
        }
        for demand in &line.demands {
            rows.push(vec!["known at least".to_owned(), known(demand)]);
        }
        rows.extend(line.cites.iter().flat_map(clause_rows));
        if line.cites.is_none() {
            rows.push(vec!["clause".to_owned(), "it cites none".to_owned()]);
        }
        page.table("  ", &rows);
        for way in &line.ways {
            page.gap();
            page.line(format_args!("  way {}", inert(&way.name)));
            doc(page, way.doc.as_deref());
            page.table("    ", &brief(&way.lines));
        }
        self.binds(page, declared, reading, line);
    }

    /// The profiles that a line binds.
    fn binds(&self, page: &mut Page, declared: &Declaration, reading: Option<&Reading>, line: &Line) {
        if let Some(row) = self.row(&declared.name) {
            page.gap();
            if let Some(reading) = reading {
                page.line(format_args!("  in force where reading `{}` is adopted", inert(&reading.name)));
            }
            matrix(page, row);
            return;
        }
        let program = &self.program;
        let bound: Vec<Vec<String>> = program
            .profiles
            .iter()
            .filter(|profile| {
                let requirements = profile.requirements.iter().filter_map(|id| program.requirement(*id));
                let origins = requirements.map(|requirement| requirement.origin);
                let mut all = origins.chain(profile.obligations.iter().map(|one| one.origin));
                all.any(|origin| origin == line.origin)
            })
            .map(|profile| {
                let base = if profile.operations.is_empty() { " (base)" } else { "" };
                vec![format!("{}{base}", profile.name)]
            })
            .collect();
        listed(page, "binds", &bound);
    }
}

/// What stands inside of a declaration under a name: a reading, lines with that id, or a field.
fn within<'s>(declared: &'s Declaration, rest: &str) -> Option<Named<'s>> {
    if let Some(reading) = declared.readings.iter().find(|reading| reading.name == rest) {
        return Some(Named::Reading(declared, reading));
    }
    let mut lines: Vec<(Option<&Reading>, &Line)> = Vec::new();
    lines.extend(under(&declared.lines, rest).into_iter().map(|line| (None, line)));
    for reading in &declared.readings {
        let own = rest.strip_prefix(reading.name.as_str()).and_then(|rest| rest.strip_prefix('.'));
        let found = under(&reading.lines, own.unwrap_or(rest));
        lines.extend(found.into_iter().map(|line| (Some(reading), line)));
    }
    if !lines.is_empty() {
        return Some(Named::Lines(declared, lines));
    }
    let field = declared.fields.iter().find(|field| field.name == rest)?;
    Some(Named::Field(declared, field))
}

/// The lines with an id; those of a way are found below the id of their choice: `protection.chip.key.storage`.
fn under<'s>(lines: &'s [Line], id: &str) -> Vec<&'s Line> {
    let mut found = Vec::new();
    for line in lines {
        if line.id == id {
            found.push(line);
        }
        for way in &line.ways {
            let below = format!("{}.{}.", line.id, way.name);
            if let Some(rest) = id.strip_prefix(&below) {
                found.extend(under(&way.lines, rest));
            }
        }
    }
    found
}

fn doc(page: &mut Page, text: Option<&str>) {
    if let Some(text) = text {
        page.hanging("  ", &inert(text));
        page.gap();
    }
}

fn listed(page: &mut Page, title: &str, rows: &[Vec<String>]) {
    if !rows.is_empty() {
        page.gap();
        page.line(format_args!("  {title}"));
        page.table("    ", rows);
    }
}

/// Each line with its clause in short.
fn brief(lines: &[Line]) -> Vec<Vec<String>> {
    let row = |line: &Line| {
        let cites = line.cites.as_ref().map(|cites| {
            let last =
                cites.source.name.rsplit_once('.').map_or(cites.source.name.as_str(), |(_, last)| last);
            format!("{last} {}", cites.clause)
        });
        vec![inert(&line.text), window(line), inert(&cites.unwrap_or_default())]
    };
    lines.iter().map(row).collect()
}

fn clause_rows(clause: &Clause) -> Vec<Vec<String>> {
    let mut rows = vec![vec!["clause".to_owned(), inert(&clause.clause)]];
    rows.extend(source_rows(&clause.source));
    rows
}

fn source_rows(source: &Source) -> Vec<Vec<String>> {
    let or_none = |text: &str| if text.is_empty() { "not stated".to_owned() } else { inert(text) };
    let checked = if source.unverified {
        "unverified: nobody has read the clauses against the document"
    } else {
        "the clauses were read against the document"
    };
    vec![
        vec!["of".to_owned(), inert(&source.title)],
        vec!["edition".to_owned(), or_none(&source.edition)],
        vec!["status".to_owned(), or_none(source.status.as_deref().unwrap_or(""))],
        vec!["checked".to_owned(), checked.to_owned()],
    ]
}

/// Which profiles a mandate binds, or would select if it were adopted.
fn matrix(page: &mut Page, row: &Row) {
    let bound: Vec<Vec<String>> = row
        .cells
        .iter()
        .filter(|cell| cell.adoption.is_some() && cell.standing != Standing::NotSelected)
        .map(|cell| vec![cell.profile.clone(), state(cell).to_owned(), inert(&why(row, cell))])
        .collect();
    if !bound.is_empty() {
        page.line("  binds");
        page.table("    ", &bound);
    }
    let would: Vec<Vec<String>> = row
        .cells
        .iter()
        .filter(|cell| cell.adoption.is_none() && !cell.is_base && cell.standing != Standing::NotSelected)
        .map(|cell| {
            let standing = match cell.standing {
                Standing::Selected => "always",
                Standing::Conditional | Standing::NotSelected => "conditional",
            };
            vec![cell.profile.clone(), standing.to_owned(), inert(&cell.because)]
        })
        .collect();
    if !would.is_empty() {
        page.line("  not adopted for these, which it would select");
        page.table("    ", &would);
    }
    if bound.is_empty() && would.is_empty() {
        page.line("  it selects no profile here");
    }
}
