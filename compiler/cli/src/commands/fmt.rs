//! `pkic fmt`: the one layout of the language, which never changes what a policy means.
use crate::World;
use crate::cli::Fmt;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::output::{Answer, Outcome, Page, inert};
use crate::report::{Finding, Fix, Place, Severity, human};
use crate::workspace::Workspace;
use pkic_ir::{Origin, Program};

/// What formatting makes of a file.
enum Layout {
    /// It has the layout already.
    Kept,
    /// It gets another.
    Changed(String),
    /// It cannot be read whole, so it is left alone.
    Unreadable(Vec<Finding>),
}

/// Runs the command.
pub(crate) fn run(arguments: &Fmt, world: World) -> Outcome {
    let workspace = Workspace::read(&arguments.paths)?;
    let mut page = Page::default();
    let mut findings = Vec::new();
    let mut changed: usize = 0;
    for file in workspace.roots() {
        match layout(&workspace, file) {
            Layout::Kept => {}
            Layout::Unreadable(found) => findings.extend(found),
            Layout::Changed(text) => {
                changed = changed.saturating_add(1);
                let name = inert(workspace.name(file));
                if arguments.check {
                    page.line(format_args!("would change {name}"));
                } else {
                    write(&workspace, file, &text)?;
                    page.line(format_args!("changed {name}"));
                }
            }
        }
    }
    human::findings(&mut page, &findings, &workspace.sources(), world.colour);
    let all = workspace.roots().len();
    let done = if arguments.check { "not laid out" } else { "changed" };
    page.line(format_args!("{changed} of {} {done}", human::number(all, "file")));
    if !findings.is_empty() {
        page.line(human::tally(&findings, all));
    }
    Ok(Answer::new(page, Exit::finding_if(!findings.is_empty() || (arguments.check && changed > 0))))
}

fn layout(workspace: &Workspace, file: usize) -> Layout {
    let text = workspace.text(file);
    let parse = pkic_syntax::parse(text);
    match pkic_syntax::format(&parse) {
        Ok(formatted) if formatted == text => Layout::Kept,
        Ok(formatted) => Layout::Changed(formatted),
        Err(findings) => Layout::Unreadable(findings.iter().map(|found| finding(file, found)).collect()),
    }
}

/// Writes the new layout, once it is sure that it means the same.
fn write(workspace: &Workspace, file: usize, text: &str) -> Result<(), Failure> {
    let Some(path) = workspace.path(file) else {
        return Ok(());
    };
    let before = workspace.compile(file, None).program;
    if let Some(before) = before {
        let after = workspace.compile_with(file, text.to_owned()).program;
        if after.map(meaning) != Some(meaning(before)) {
            let reason = "the new layout would change what it means; the file is left as it was";
            return Err(Failure::content(path, reason));
        }
    }
    files::write_atomically(path, text.as_bytes())
}

/// A program without what layout may change: where things stand, and the digests of its sources.
fn meaning(mut program: Program) -> Program {
    let nowhere = Origin::default();
    program.files.iter_mut().for_each(|(_, digest)| *digest = [0; 32]);
    for requirement in &mut program.requirements {
        requirement.origin = nowhere;
        requirement.text = requirement.text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    for profile in &mut program.profiles {
        profile.origin = nowhere;
        profile.contents.iter_mut().for_each(|field| {
            field.origin = nowhere;
            field.text = field.text.split_whitespace().collect::<Vec<_>>().join(" ");
        });
        profile.obligations.iter_mut().for_each(|obligation| obligation.origin = nowhere);
        profile.exceptions.iter_mut().for_each(|exception| exception.origin = nowhere);
    }
    program.authorities.iter_mut().for_each(|authority| authority.origin = nowhere);
    program.mandates.iter_mut().for_each(|mandate| mandate.origin = nowhere);
    program
}

fn finding(file: usize, found: &pkic_syntax::Finding) -> Finding {
    Finding {
        severity: Severity::Error,
        code: found.code.to_owned(),
        message: found.message.clone(),
        place: Some(place(file, found.span)),
        label: None,
        help: found.help.clone(),
        related: Vec::new(),
        fix: found.fix.as_ref().map(|fix| Fix { place: place(file, fix.span), text: fix.text.clone() }),
    }
}

fn place(file: usize, span: pkic_syntax::ast::Span) -> Place {
    let offset = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
    Place { file, start: offset(span.start), end: offset(span.end) }
}
