//! `pkic doc`: the tables of a CP/CPS, written from the policy itself, so that document and rule cannot drift.
//!
//! The page says nothing that depends on where or when it was written: the same policy gives the same bytes, and
//! `--check` compares them with the page on disk. The sections that a row belongs to are those of RFC 3647.
mod library;
mod lines;
mod markdown;
mod policy;

use crate::World;
use crate::cli::Doc;
use crate::commands::check::uncompiled;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::output::{Answer, Outcome, Page, inert};
use crate::workspace::Workspace;
use pkic_vocab::limits;
use std::path::Path;

pub(crate) use library::library;
pub(crate) use lines::{known, strength};

/// The longest page that is compared: each line of a policy may stand in the tables of many profiles.
const PAGE_LEN_BYTES_MAX: usize = 64 * limits::SOURCE_LEN_BYTES_MAX;

/// Runs the command.
pub(crate) fn run(arguments: &Doc, world: World) -> Outcome {
    let workspace = Workspace::read(std::slice::from_ref(&arguments.policy))?;
    if workspace.roots().len() != 1 {
        return Err(Failure::usage("a page describes one policy: name its file"));
    }
    let (compilation, survey) = workspace.survey(0, None);
    let Some(program) = compilation.program else {
        return uncompiled(&workspace, &compilation.diagnostics, world);
    };
    let text = policy::page(&program, &survey).into_text();
    if let Some(path) = &arguments.check {
        return compare(&arguments.policy, path, &text);
    }
    let mut page = Page::default();
    match &arguments.output {
        None => page.block(&text),
        Some(path) => {
            files::write_atomically(path, text.as_bytes())?;
            page.line(format_args!(
                "{}: {} {}",
                inert(&files::shown(path)),
                program.policy,
                inert(&program.version)
            ));
        }
    }
    Ok(Answer::new(page, Exit::Holds))
}

/// Says whether the page on disk is the one that the policy gives, and where they part.
fn compare(policy: &Path, path: &Path, text: &str) -> Outcome {
    let found = files::read_text(path, PAGE_LEN_BYTES_MAX)?;
    let mut page = Page::default();
    let shown = inert(&files::shown(path));
    if found == text {
        page.line(format_args!("{shown} says what the policy says"));
        return Ok(Answer::new(page, Exit::Holds));
    }
    page.line(format_args!("{shown} is not what the policy says today"));
    let pairs = found.split('\n').map(Some).chain(std::iter::repeat(None));
    let wanted = text.split('\n').map(Some).chain(std::iter::repeat(None));
    let count = found.split('\n').count().max(text.split('\n').count());
    let parted = pairs.zip(wanted).take(count).enumerate().find(|(_, (found, wanted))| found != wanted);
    if let Some((index, (found, wanted))) = parted {
        let line = |text: Option<&str>| text.map_or_else(|| "(nothing)".to_owned(), inert);
        page.line(format_args!("  line {}", index.saturating_add(1)));
        page.line(format_args!("    the page:   {}", line(found)));
        page.line(format_args!("    the policy: {}", line(wanted)));
    }
    let policy = inert(&files::shown(policy));
    page.line(format_args!("help: `pkic doc {policy} -o {shown}` writes it anew"));
    Ok(Answer::new(page, Exit::Finding))
}
