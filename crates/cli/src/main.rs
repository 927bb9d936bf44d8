//! The binary `wirebench`: arguments in, the right command, an exit code out.

mod child;
mod cmd;
mod exit;
mod folder;
mod keeper;
mod kept;
mod machine;
mod print;
#[cfg(test)]
mod profile;
mod progress;
mod thresholds;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cmd::{
    check, compare, completions, doctor, init, proxy, report, run, schema, serve, subscribe,
};
use crate::exit::Exit;

/// Compare realtime transports: one feed over short polling, long polling, SSE and WebSocket
///
/// Exit codes: 0 done · 1 it failed · 2 bad usage or an invalid scenario · 3 `compare` found a
/// regression · 4 a run was invalid · 99 a threshold of the scenario was not met · 130 interrupted twice
#[derive(Debug, Parser)]
#[command(
    name = "wirebench",
    version,
    long_version = env!("WIREBENCH_LONG_VERSION"),
    max_term_width = 100
)]
pub(crate) struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArguments),
    Report(report::ReportArguments),
    Compare(compare::Compare),
    Check(check::Check),
    Init(init::Init),
    Serve(Box<serve::Serve>),
    Subscribe(subscribe::Subscribe),
    Proxy(proxy::Proxy),
    /// Show what this machine allows, and how to allow more
    Doctor,
    Schema(schema::Schema),
    Completions(completions::Completions),
}

fn main() -> ExitCode {
    let done = match Program::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Report(arguments) => report::report(&arguments),
        Command::Compare(arguments) => compare::run_comparison(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Init(arguments) => init::init(&arguments),
        Command::Serve(arguments) => serve::serve(*arguments),
        Command::Subscribe(arguments) => subscribe::subscribe(&arguments),
        Command::Proxy(arguments) => proxy::proxy(&arguments),
        Command::Doctor => doctor::doctor(),
        Command::Schema(arguments) => schema::schema(&arguments),
        Command::Completions(arguments) => Ok(completions::completions(&arguments)),
    };
    done.unwrap_or_else(|error| {
        print::talk(&format!("error: {error:#}"));
        Exit::of(&error)
    })
    .into()
}
