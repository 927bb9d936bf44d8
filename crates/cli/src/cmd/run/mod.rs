//! `wirebench run`: runs scenario files and prints tables of results.

mod consent;
mod crowd_plan;
mod display;
mod metrics;
mod progress_arguments;
mod run_floor;
mod run_store;
mod session;
mod thresholds;

use std::num::NonZero;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use clap::{Args, ValueHint};
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use wirebench_protocol::Transport;
use wirebench_report::Question;
use wirebench_scenario::{Overrides, Scenario};
use wirebench_target::{Guarded, start_guardian};

use self::consent::without_consent;
use self::crowd_plan::CrowdPlan;
use self::metrics::RunMetrics;
use self::progress_arguments::ProgressArguments;
use self::session::{Audience, Session, ShownResults, question};
use super::report::RowsFormat;
use crate::crew::{Crew, CrewArguments};
use crate::databases::Databases;
use crate::exit::Exit;
use crate::exports::ExportArguments;
use crate::run_folder::{RecordedTarget, RunFolderRequest, holds_a_run};
use crate::signals::stop_signals;
use crate::transport_argument::transport_parser;
use crate::{machine, plan, print};

/// Run scenarios and show what was measured
///
/// Starts a separate server process for each run. Writes each row to the results folder as soon as
/// it is measured. Ctrl-C ends the run in progress and keeps the results. A second Ctrl-C ends the
/// program at once.
#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// Scenario files
    #[arg(required = true, value_name = "SCENARIO", value_hint = ValueHint::FilePath)]
    scenarios: Vec<PathBuf>,
    /// Folder for the results of one scenario [default: results/SCENARIO/UTC-TIME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
    /// Overwrite the run that `--out` already holds
    #[arg(long, requires = "out")]
    force: bool,
    /// Measure the server of this target file in place of wirebench's own, and of those that the
    /// scenario names. Give it again for several servers, which take turns
    #[arg(long = "target", value_name = "FILE", value_hint = ValueHint::FilePath)]
    targets: Vec<PathBuf>,
    /// Allow publishing to this host, which is not this machine
    #[arg(long = "yes-publish-to", value_name = "HOST", value_hint = ValueHint::Hostname)]
    publish_to: Vec<String>,
    /// Run only these transports, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = transport_parser())]
    transports: Option<Vec<Transport>>,
    /// How often to make each run
    #[arg(long, value_name = "TIMES")]
    repeat: Option<u32>,
    /// Seed of everything random: order, phases, jitter, payloads
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Set a key of the scenario: `--set crowd.subscribers=10`
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Record a note with the results: `--tag branch=main`
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = assignment)]
    tags: Vec<(String, String)>,
    /// Threads of the load generator [default: half of the cores]
    #[arg(long, value_name = "THREADS")]
    workers: Option<NonZero<usize>>,
    /// Threads of the server [default: half of the cores]
    #[arg(long, value_name = "THREADS")]
    server_workers: Option<NonZero<usize>>,
    /// How to print the results
    #[arg(long, value_enum, default_value_t = RowsFormat::Text)]
    format: RowsFormat,
    /// Print what would run, and run nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    progress: ProgressArguments,
    /// Open the page of the results in the browser
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    exports: ExportArguments,
    #[command(flatten)]
    crew: CrewArguments,
}

pub(crate) fn run(arguments: &RunArguments) -> anyhow::Result<Exit> {
    machine::raise_open_files();
    let overrides = Overrides {
        set: arguments.set.clone(),
        transports: arguments.transports.clone(),
        repeat: arguments.repeat,
        targets: arguments.targets.clone(),
    };
    let Some(scenarios) = plan::load(&arguments.scenarios, &overrides) else {
        return Ok(Exit::Usage);
    };
    if let Some(error) = arguments.without_consent(&scenarios) {
        print::talk(&format!("error: {error}"));
        return Ok(Exit::Usage);
    }
    if !arguments.progress.quiet {
        watched(&scenarios).for_each(|note| print::talk(&note));
    }
    let databases = Databases::of_environment(&scenarios)?;
    if arguments.dry_run {
        return dry_run(arguments, &scenarios, &databases);
    }
    if let Some(error) = arguments.cannot_write(&scenarios) {
        print::talk(&format!("error: {error}"));
        return Ok(Exit::Usage);
    }
    for scenario in &scenarios {
        // With agents, each has a limit of its own, which is checked when they are there.
        let shortage = plan::shortage(scenario, arguments.request().workers);
        if let Some(shortage) = shortage.filter(|_| !arguments.crew.is_wanted()) {
            bail!("scenario `{}` cannot run on this machine: {shortage}", scenario.top.name);
        }
        if let Some(why) = databases.why_not(scenario) {
            bail!("scenario `{}` cannot run: {why}", scenario.top.name);
        }
    }
    arguments.exports.check()?;
    let _guarded = guard_this_run()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop")?;
    let ended = runtime.block_on(run_until_given_up(arguments, &scenarios, &databases));
    // A second Ctrl-C waits for nothing, such as threads that may block.
    runtime.shutdown_background();
    ended
}

/// Returns a note for each target whose feed somebody else fills: the scenario asks for messages that
/// are not sent to it.
fn watched(scenarios: &[Scenario]) -> impl Iterator<Item = String> {
    let targets = scenarios.iter().flat_map(|scenario| &scenario.targets);
    targets.filter(|target| target.is_watched()).map(|target| {
        format!(
            "`{}` watches a feed that somebody else fills: `[feed]` is not used for it, and what \
             arrives in the measured window counts",
            target.name()
        )
    })
}

/// Starts the process that ends what the run has started if the run is killed.
fn guard_this_run() -> anyhow::Result<Guarded> {
    let program = std::env::current_exe().context("cannot find the program of the guardian")?;
    let mut guardian = Command::new(&program);
    guardian.arg("guard");
    start_guardian(guardian).with_context(|| format!("cannot start `{} guard`", program.display()))
}

/// Prints what would run.
fn dry_run(
    arguments: &RunArguments,
    scenarios: &[Scenario],
    databases: &Databases,
) -> anyhow::Result<Exit> {
    let workers = arguments.request().workers;
    for (path, scenario) in arguments.scenarios.iter().zip(scenarios) {
        print::data(&format!(
            "{}\n{}\n",
            path.display(),
            plan::plan(scenario, workers, databases)
        ))?;
    }
    plan::warn_of_shortages(&arguments.scenarios, scenarios, workers, databases);
    Ok(Exit::Done)
}

/// Runs all scenarios, or until the second signal: then everything is dropped, and the processes of
/// the run are killed with it.
async fn run_until_given_up(
    arguments: &RunArguments,
    scenarios: &[Scenario],
    databases: &Databases,
) -> anyhow::Result<Exit> {
    let (stop, give_up) = (CancellationToken::new(), CancellationToken::new());
    watch_for_interrupts(stop.clone(), give_up.clone())?;
    tokio::select! {
        biased;
        () = give_up.cancelled() => Ok(Exit::Interrupted),
        ended = run_all(arguments, scenarios, databases, &stop) => ended,
    }
}

async fn run_all(
    arguments: &RunArguments,
    scenarios: &[Scenario],
    databases: &Databases,
    stop: &CancellationToken,
) -> anyhow::Result<Exit> {
    databases.try_each().await?;
    let crew = tokio::select! {
        crew = Crew::start(&arguments.crew, arguments.workers) => crew?,
        () = stop.cancelled() => return Ok(Exit::Interrupted),
    };
    let ended = run_each(arguments, scenarios, databases, crew.as_ref(), stop).await;
    if let Some(crew) = crew {
        crew.release().await;
    }
    ended
}

async fn run_each(
    arguments: &RunArguments,
    scenarios: &[Scenario],
    databases: &Databases,
    crew: Option<&Crew>,
    stop: &CancellationToken,
) -> anyhow::Result<Exit> {
    if let Some(crew) = crew {
        if !arguments.progress.quiet {
            print::talk(&crew.description());
        }
        crew.check(scenarios)?;
    }
    let metrics = match arguments.progress.metrics {
        Some(address) => Some(RunMetrics::listen(address).await?),
        None => None,
    };
    if let Some(metrics) = metrics.as_ref().filter(|_| !arguments.progress.quiet) {
        print::talk(&format!("metrics: {}", metrics.url()));
    }
    let audience = Audience { manner: arguments.progress.manner(), metrics: metrics.as_ref() };
    let (mut exit, mut rows) = (Exit::Done, Vec::new());
    for scenario in scenarios {
        let recorded = RecordedTarget::of_all(&scenario.targets).await;
        let request = RunFolderRequest { targets: &recorded, ..arguments.request() };
        let crowd = CrowdPlan {
            workers: request.workers,
            seed: request.seed,
            crew,
            listen_on: arguments.crew.listen_on(),
            arguments: &arguments.crew,
        };
        let shown = ShownResults { format: arguments.format.into(), open: arguments.open };
        let session = Session::new(scenario, databases, &request, crowd, audience, shown, stop)?;
        exit = exit.worse(session.run(&mut rows).await?);
        if stop.is_cancelled() {
            break;
        }
    }
    // Several scenarios have no question in common.
    let question =
        if let [scenario] = scenarios { question(scenario) } else { Question::default() };
    arguments.exports.write_rows(&rows, question)?;
    Ok(exit)
}

impl RunArguments {
    /// Returns the options that concern the run folder. By default each end gets half of the cores.
    fn request(&self) -> RunFolderRequest<'_> {
        let or_half = |threads: Option<NonZero<usize>>| {
            threads.map_or_else(machine::half_of_the_cores, NonZero::get)
        };
        RunFolderRequest {
            out: self.out.as_deref(),
            force: self.force,
            seed: self.seed,
            workers: or_half(self.workers),
            server_workers: or_half(self.server_workers),
            tags: &self.tags,
            targets: &[],
        }
    }

    /// Returns why nothing may be published to a target of the scenarios. `None` if all may be
    /// published to.
    fn without_consent(&self, scenarios: &[Scenario]) -> Option<String> {
        let mut targets = scenarios.iter().flat_map(|scenario| &scenario.targets);
        targets.find_map(|target| without_consent(target, &self.publish_to))
    }

    /// Returns why the results cannot be written to the folder of `--out`. `None` if they can.
    fn cannot_write(&self, scenarios: &[Scenario]) -> Option<String> {
        let out = self.out.as_ref()?;
        if scenarios.len() > 1 {
            let why = "`--out` is the folder of one scenario: run several scenarios one at a time";
            return Some(why.to_owned());
        }
        (!self.force && holds_a_run(out)).then(|| {
            format!(
                "`{}` already holds a run: choose another folder with `--out`, or overwrite \
                 the run with `--force`",
                out.display()
            )
        })
    }
}

/// Cancels `stop` at the first signal, which ends the run in progress, and `give_up` at the second
/// one, which ends the program.
fn watch_for_interrupts(stop: CancellationToken, give_up: CancellationToken) -> anyhow::Result<()> {
    let mut signals = stop_signals()?;
    tokio::spawn(async move {
        signals.next().await;
        stop.cancel();
        print::talk("interrupted: ending the run in progress; press Ctrl-C again to end at once");
        signals.next().await;
        give_up.cancel();
    });
    Ok(())
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!("expected `key=value`, found `{text}`")),
    }
}
