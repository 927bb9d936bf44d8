//! The binary `wirebench`: reads the arguments, runs the command, and returns its exit code.

mod bare_fan_out;
mod client_arguments;
mod cmd;
mod crew;
mod databases;
mod environment;
mod exit;
mod exports;
mod listen;
mod machine;
mod open_page;
mod plan;
mod print;
mod processes;
#[cfg(test)]
mod profile;
mod ready_line;
mod run_folder;
mod shipped_targets;
mod signals;
mod transport_argument;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::cmd::{
    agent, check, compare, completions, doctor, floor, guard, health, init, man, probe, proxy,
    publish, report, run, schema, serve, subscribe, targets,
};
use crate::exit::Exit;

/// Compare realtime transports by serving one feed over each of them under the same conditions
///
/// Exit codes: 0 success · 1 failure · 2 bad usage or an invalid scenario · 3 `compare` found a
/// regression · 4 a run was invalid, or a target could not be measured · 99 a threshold of the
/// scenario was not met · 130 interrupted: `publish` once,
/// other commands twice
#[derive(Debug, Parser)]
#[command(
    name = "wirebench",
    version,
    long_version = env!("WIREBENCH_LONG_VERSION"),
    max_term_width = 100
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::RunArguments>),
    Report(report::ReportArguments),
    Compare(compare::CompareArguments),
    Check(check::CheckArguments),
    Targets(targets::TargetsArguments),
    Probe(probe::ProbeArguments),
    Init(init::InitArguments),
    Serve(Box<serve::ServeArguments>),
    Health(health::HealthArguments),
    Subscribe(Box<subscribe::SubscribeArguments>),
    Publish(publish::PublishArguments),
    Agent(agent::AgentArguments),
    Proxy(proxy::ProxyArguments),
    /// Show what this machine allows, and how to allow more
    Doctor,
    Floor(floor::FloorArguments),
    /// End what a run has started if the run is killed. `run` starts it
    #[command(hide = true)]
    Guard,
    Schema(schema::SchemaArguments),
    Completions(completions::CompletionsArguments),
    Man(man::ManArguments),
}

fn main() -> ExitCode {
    let done = match CommandLine::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Targets(arguments) => targets::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Serve(arguments) => serve::run(*arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Subscribe(arguments) => subscribe::run(&arguments),
        Command::Publish(arguments) => publish::run(&arguments),
        Command::Agent(arguments) => agent::run(&arguments),
        Command::Proxy(arguments) => proxy::run(&arguments),
        Command::Doctor => doctor::run(),
        Command::Floor(arguments) => floor::run(&arguments),
        Command::Guard => Ok(guard::run()),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Man(arguments) => man::run(&arguments, CommandLine::command()),
        Command::Completions(arguments) => Ok(completions::run(&arguments, CommandLine::command())),
    };
    done.unwrap_or_else(|error| {
        print::talk(&format!("error: {error:#}"));
        Exit::of(&error)
    })
    .into()
}
