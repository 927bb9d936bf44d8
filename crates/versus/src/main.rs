//! `just versus`: the table of `docs/performance.md`.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use clap::{Parser, ValueEnum};
use wirebench_protocol::Transport;
use wirebench_versus::{OtherServers, VersusOptions, WirebenchBuild, compare};

/// Compare what a delivery and an idle subscriber cost wirebench's server, other servers, and the
/// floor: one bare write
///
/// Prints tables in Markdown on standard output. Other programs on the machine disturb the figures.
#[derive(Debug, Parser)]
struct VersusArguments {
    /// A build of wirebench and options of its `serve`; repeat the option for more builds
    #[arg(long, value_name = "LABEL=PROGRAM OPTIONS")]
    wirebench: Vec<WirebenchBuild>,
    /// Another server; repeat the option for more servers [default: those that are installed]
    #[arg(long = "other", value_name = "SERVER")]
    others: Vec<Other>,
    /// A transport; repeat the option for more transports [default: all]
    #[arg(long = "transport", value_name = "TRANSPORT")]
    transports: Vec<Transport>,
    /// How often everything is measured
    #[arg(long, default_value = "4", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// The number of subscribers
    #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u32).range(2..=19_000))]
    subscribers: u32,
    /// Messages in a second
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
    /// The length of a window in seconds. After 15 s, Socket.IO expects an answer to a ping
    #[arg(long, default_value = "8", value_parser = clap::value_parser!(u32).range(1..=15))]
    seconds: u32,
    /// The folder for packages of npm
    #[arg(long, value_name = "FOLDER", default_value = "target/versus")]
    packages: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Other {
    /// nginx with its module Nchan
    Nchan,
    /// Node: its own HTTP server, `ws` and `socket.io`
    Node,
}

fn main() -> anyhow::Result<()> {
    let arguments = VersusArguments::parse();
    let others = others(&arguments)?;
    let transports = transports(&arguments.transports);
    let options = VersusOptions {
        wirebench: arguments.wirebench,
        others,
        transports,
        rounds: arguments.rounds,
        subscribers: arguments.subscribers,
        messages_per_second: arguments.rate,
        seconds: arguments.seconds,
        packages: arguments.packages,
    };
    let table = compare(&options, &mut say)?;
    std::io::stdout().write_all(table.as_bytes())?;
    Ok(())
}

/// Returns the servers that were named, or else those that are installed.
fn others(arguments: &VersusArguments) -> anyhow::Result<Vec<OtherServers>> {
    let named = arguments.others.iter().map(|other| match other {
        Other::Nchan => OtherServers::Nchan,
        Other::Node => OtherServers::Node,
    });
    let named: Vec<_> = named.collect();
    for other in &named {
        other.prepare(&arguments.packages)?;
    }
    if !named.is_empty() {
        return Ok(named);
    }
    let mut installed = Vec::new();
    for other in OtherServers::ALL {
        match other.prepare(&arguments.packages) {
            Ok(()) => installed.push(other),
            Err(error) => say(&format!("left out: {other:?}, which is not installed ({error:#})")),
        }
    }
    Ok(installed)
}

/// Returns the transports that were named, or else all that can be measured.
fn transports(named: &[Transport]) -> Vec<Transport> {
    if !named.is_empty() {
        return named.to_vec();
    }
    let has_wrk = Command::new("wrk").arg("--version").output().is_ok();
    if !has_wrk {
        say("left out: short polling, for which wrk is needed");
    }
    let all = Transport::ALL.into_iter();
    all.filter(|transport| has_wrk || *transport != Transport::ShortPolling).collect()
}

fn say(line: &str) {
    // Nobody has to listen.
    let _ = writeln!(std::io::stderr(), "{line}");
}
