//! The pkic binary: files, clock and terminal; wires the rest.
//!
//! Start with [`cli`] (what can be asked), then `commands/`: one file per command, each a function from arguments to
//! an [`output::Outcome`]. Files are read and written in [`files`] alone, the clock in [`clock`], the random source in
//! [`randomness`], and standard output in [`output::deliver`]. Nothing here decides anything: compiler, runtime and
//! evidence do.
mod activation;
mod ca;
mod challenge;
mod cli;
mod clock;
mod commands;
mod config;
mod ct;
mod failure;
mod files;
mod http;
mod inputs;
mod output;
mod pages;
mod pem;
mod plugins;
mod policy;
mod randomness;
mod records;
mod report;
mod requested;
mod stdlib;
mod stores;
mod suggest;
mod workspace;

use clap::{CommandFactory, Parser, error::ErrorKind};
use failure::Exit;
use output::{Answer, Page, deliver};
use report::human::Colour;
use std::io::IsTerminal;
use std::process::ExitCode;

/// What commands know of the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    /// The system clock, read once.
    pub(crate) now: Option<i64>,
    /// Whether standard output shows colours.
    pub(crate) colour: Colour,
}

fn main() -> ExitCode {
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = if std::io::stdout().is_terminal() && !is_plain { Colour::Ansi } else { Colour::None };
    let outcome = match cli::Cli::try_parse() {
        Ok(cli) => commands::run(&cli.command, World { now: clock::now(), colour }),
        Err(error) => return ExitCode::from(usage(&error).code()),
    };
    ExitCode::from(deliver(outcome).code())
}

/// Help, the version, or what is wrong with the arguments. `pkic` alone asks for help.
fn usage(error: &clap::Error) -> Exit {
    let is_bare = std::env::args_os().len() <= 1;
    match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if is_bare => {
            let mut page = Page::default();
            page.block(&cli::Cli::command().render_help().to_string());
            deliver(Ok(Answer::new(page, Exit::Holds)))
        }
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let mut page = Page::default();
            page.block(&error.to_string());
            deliver(Ok(Answer::new(page, Exit::Holds)))
        }
        _ => {
            // Where standard error cannot be written there is nobody left to tell; the exit code stands.
            let _ = error.print();
            Exit::Unreadable
        }
    }
}
