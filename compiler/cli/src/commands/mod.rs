//! The commands: one file each.
mod audit;
mod bundle;
mod ca;
mod catalogue;
mod challenge;
mod check;
mod config;
mod doc;
mod emit;
mod evaluate;
mod evidence;
mod explain;
mod fmt;
mod issue;
mod mandates;
mod replay;
mod revoke;
mod statement;
mod store;
mod test;
mod witness;

use crate::World;
use crate::cli::Command;
use crate::output::Outcome;

/// Runs a command.
pub(crate) fn run(command: &Command, world: World) -> Outcome {
    match command {
        Command::Check(arguments) => check::run(arguments, world),
        Command::Config(what) => config::run(what, world),
        Command::Explain(arguments) => explain::run(arguments, world),
        Command::Doc(arguments) => doc::run(arguments, world),
        Command::Emit(what) => emit::run(what, world),
        Command::Evidence(what) => evidence::run(what, world),
        Command::Fmt(arguments) => fmt::run(arguments, world),
        Command::Build(arguments) => bundle::build(arguments, world),
        Command::Bundle(what) => bundle::run(what, world),
        Command::Catalogue(what) => catalogue::run(what, world),
        Command::Statement(what) => statement::run(what, world),
        Command::Store(what) => store::run(what, world),
        Command::Evaluate(arguments) => evaluate::run(arguments, world),
        Command::Issue(arguments) => issue::run(arguments, world),
        Command::Ca(what) => ca::run(what, world),
        Command::Revoke(arguments) => revoke::revoke(arguments, world),
        Command::CrlSign(arguments) => revoke::crl_sign(arguments, world),
        Command::Audit(what) => audit::run(what, world),
        Command::Replay(arguments) => replay::run(arguments, world),
        Command::Test(arguments) => test::run(arguments, world),
    }
}
