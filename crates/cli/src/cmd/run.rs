//! `wirebench run`: from a scenario file to a table of results.

use std::num::NonZero;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use wirebench_loadgen::{
    ControlClient, Drive, DriveError, Progress, ServerHandle, Target, drive, server_handle,
};
use wirebench_measure::Measurement;
use wirebench_protocol::Transport;
use wirebench_report::{Format, Row, html};
use wirebench_scenario::{Overrides, Run, Scenario};

use super::check;
use super::report::RowsForm;
use crate::child::{ProxyProcess, ServerPlan};
use crate::exit::Exit;
use crate::folder::{Request, RunFolder, holds_a_run};
use crate::keeper::Keeper;
use crate::kept::Kept;
use crate::machine;
use crate::print;
use crate::progress::Display;
use crate::thresholds;

/// Run scenarios and show what was measured
///
/// For each run a server is started as a process of its own. Every row is in the results folder as
/// soon as it is measured. Ctrl-C ends the run in progress and keeps the results; twice ends at once.
#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// Scenario files
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Folder for the results of one scenario [default: results/SCENARIO/UTC-TIME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Overwrite the run that `--out` already holds
    #[arg(long, requires = "out")]
    force: bool,
    /// Only these transports, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    transports: Option<Vec<Transport>>,
    /// How often every run is made
    #[arg(long, value_name = "TIMES")]
    repeat: Option<u32>,
    /// Seed of everything random: order, phases, jitter, payloads
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Set a key of the scenario: `--set crowd.subscribers=10`
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Note something beside the results: `--tag branch=main`
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = assignment)]
    tags: Vec<(String, String)>,
    /// Threads of the load generator [default: half of the cores]
    #[arg(long, value_name = "THREADS")]
    workers: Option<NonZero<usize>>,
    /// Threads of the server [default: half of the cores]
    #[arg(long, value_name = "THREADS")]
    server_workers: Option<NonZero<usize>>,
    /// How to print what was measured
    #[arg(long, value_enum, default_value_t = RowsForm::Text)]
    format: RowsForm,
    /// Print what would run, and run nothing
    #[arg(long)]
    dry_run: bool,
    /// No progress, only the table
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn run(arguments: &RunArguments) -> anyhow::Result<Exit> {
    machine::raise_open_files();
    let overrides = Overrides {
        set: arguments.set.clone(),
        transports: arguments.transports.clone(),
        repeat: arguments.repeat,
    };
    let Some(scenarios) = check::load(&arguments.scenarios, &overrides) else {
        return Ok(Exit::Usage);
    };
    if arguments.dry_run {
        for (path, scenario) in arguments.scenarios.iter().zip(&scenarios) {
            let plan = check::plan(scenario, load_workers(arguments));
            print::data(&format!("{}\n{plan}\n", path.display()))?;
        }
        check::warn_of_shortages(&arguments.scenarios, &scenarios, load_workers(arguments));
        return Ok(Exit::Done);
    }
    if arguments.out.is_some() && scenarios.len() > 1 {
        print::talk("error: `--out` names the folder of one scenario; run them one at a time");
        return Ok(Exit::Usage);
    }
    if let Some(out) = &arguments.out
        && !arguments.force
        && holds_a_run(out)
    {
        print::talk(&format!(
            "error: `{}` already holds a run: choose another folder with `--out`, or overwrite it with \
             `--force`",
            out.display()
        ));
        return Ok(Exit::Usage);
    }
    for scenario in &scenarios {
        enough_files(scenario, load_workers(arguments))?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop")?;
    runtime.block_on(run_all(arguments, &scenarios))
}

async fn run_all(arguments: &RunArguments, scenarios: &[Scenario]) -> anyhow::Result<Exit> {
    let stop = CancellationToken::new();
    watch_for_interrupts(stop.clone())?;
    let mut exit = Exit::Done;
    for scenario in scenarios {
        exit = exit.worse(Session::new(arguments, scenario, &stop)?.run().await?);
        if stop.is_cancelled() {
            break;
        }
    }
    Ok(exit)
}

/// One scenario being run.
struct Session<'a> {
    scenario: &'a Scenario,
    runs: Vec<Run>,
    format: Format,
    workers: usize,
    server_workers: usize,
    folder: RunFolder,
    display: Display,
    stop: &'a CancellationToken,
}

impl<'a> Session<'a> {
    fn new(
        arguments: &'a RunArguments,
        scenario: &'a Scenario,
        stop: &'a CancellationToken,
    ) -> anyhow::Result<Self> {
        let threads = |asked: Option<NonZero<usize>>| {
            asked.map_or_else(machine::half_of_the_cores, NonZero::get)
        };
        let (workers, server_workers) =
            (threads(arguments.workers), threads(arguments.server_workers));
        let request = Request {
            out: arguments.out.as_deref(),
            force: arguments.force,
            seed: arguments.seed,
            workers,
            server_workers,
            tags: &arguments.tags,
        };
        let runs = scenario.runs(arguments.seed);
        let display = Display::new(arguments.quiet, &runs);
        Ok(Self {
            scenario,
            format: arguments.format.into(),
            workers,
            server_workers,
            folder: RunFolder::create(scenario, &request)?,
            runs,
            display,
            stop,
        })
    }

    /// Makes every run, then says what came of them. A run that fails ends the session, and what was
    /// measured before it is still shown.
    async fn run(mut self) -> anyhow::Result<Exit> {
        self.display.scenario(self.scenario, &self.folder.path);
        let mut failed = None;
        for run in std::mem::take(&mut self.runs) {
            if let Err(error) = self.one(&run).await {
                failed = Some(error);
                break;
            }
            if self.stop.is_cancelled() {
                break;
            }
        }
        self.display.finish();
        let concluded = self.conclude();
        // What ended the scenario comes before what could then not be shown of it: a full disk is both.
        if let Some(error) = failed {
            return Err(error.context(self.ended_early()));
        }
        concluded
    }

    /// Starts a server, and a proxy before it where the run has one, drives the crowd of one run at it,
    /// and stops it.
    async fn one(&mut self, run: &Run) -> anyhow::Result<()> {
        let plan = ServerPlan {
            window: run.window,
            workers: self.server_workers,
            tls: run.http.tls,
            reconnect: run.reconnect,
            address: None,
        };
        let mut server = Keeper::start(plan).await?;
        let first = server.server()?;
        let proxy = match run.faults.proxy {
            Some(proxy) => Some(ProxyProcess::start(proxy, &first.listening).await?),
            None => None,
        };
        let entrance = proxy.as_ref().map_or(&first.listening, |proxy| &proxy.listening);
        let target = Target::resolve_trusting(entrance, &first.trusted).await?;
        let control = ControlClient::new(&first.control, &first.control_token);
        let (handle, mut orders) = server_handle();
        let driven = tokio::select! {
            driven = self.drive(run, &target, &control, handle) => driven,
            how = server.keep(&mut orders) => Err(how.context(format!(
                "the server is gone in the middle of run {}; look at its messages above, and run the \
                 scenario again",
                run.id
            ))),
        };
        match driven? {
            Some(measurement) => {
                server.stop().await?;
                self.display.run_done(run, &measurement);
                self.folder.add_run(run, &measurement)
            }
            // Interrupted before there was anything to measure.
            None => server.stop().await,
        }
    }

    async fn drive(
        &mut self,
        run: &Run,
        target: &Target,
        control: &ControlClient,
        server: ServerHandle,
    ) -> anyhow::Result<Option<Measurement>> {
        // A second that cannot be kept ends the run as well: the disk is full, or the folder is gone.
        let ended = self.stop.child_token();
        let mut lost = None;
        let (folder, display) = (&mut self.folder, &mut self.display);
        let mut observe = |progress: Progress| {
            if let Progress::Second(second) = &progress
                && lost.is_none()
                && let Err(error) = folder.add_second(run, second)
            {
                lost = Some(error);
                ended.cancel();
            }
            display.progress(run, &progress);
        };
        let (workers, stop) = (self.workers, ended.clone());
        let driven = Drive { run, target, control, workers, stop, server: Some(server) };
        let measured = drive(driven, &mut observe).await;
        match (lost, measured) {
            (Some(error), _) => Err(error),
            (None, Ok(measurement)) => Ok(Some(measurement)),
            (None, Err(DriveError::Interrupted)) => Ok(None),
            (None, Err(error)) => {
                Err(anyhow::Error::new(error).context(format!("run {} failed", run.id)))
            }
        }
    }

    fn ended_early(&self) -> String {
        let kept = match self.folder.rows.len() {
            0 => "nothing was measured yet: see what is".to_owned(),
            1 => "1 measured run is".to_owned(),
            runs => format!("{runs} measured runs are"),
        };
        format!("the scenario ended early; {kept} in `{}`", self.folder.path.display())
    }

    /// The rows on standard output, broken thresholds and the folder on standard error, the page in the
    /// folder; and what it all came to.
    fn conclude(&self) -> anyhow::Result<Exit> {
        if !self.folder.rows.is_empty() {
            let style = print::style();
            print::data(&self.format.write(&self.folder.rows, style))?;
        }
        let broken = thresholds::broken(&self.scenario.thresholds, &self.folder.rows);
        for sentence in &broken {
            print::talk(sentence);
        }
        if let Some(warning) = disturbed(&self.folder.rows) {
            print::talk(&warning);
        }
        if !self.folder.rows.is_empty() {
            let page = html::report(&Kept::read(&self.folder.path)?.report());
            self.folder.add_page(&page)?;
        }
        self.display.say(&format!("results: {}", self.folder.path.display()));
        Ok(if self.folder.rows.iter().any(|row| !row.is_valid()) {
            Exit::Invalid
        } else if broken.is_empty() {
            Exit::Done
        } else {
            Exit::Threshold
        })
    }
}

/// Returns a warning when runs were disturbed, with the one that was disturbed most. Such runs are valid.
fn disturbed(rows: &[Row]) -> Option<String> {
    let taken = |row: &Row| {
        let ratios = ["other_cpu_ratio", "steal_cpu_ratio"].map(|column| row.number(column));
        ratios.into_iter().flatten().sum::<f64>()
    };
    let disturbed = rows.iter().filter_map(|row| Some((row, row.disturbance()?)));
    let count = disturbed.clone().count();
    let (worst, reason) = disturbed.max_by(|a, b| taken(a.0).total_cmp(&taken(b.0)))?;
    Some(format!(
        "warning: {count} of {} runs disturbed, {} most: {reason}\n\ntheir delays may be the machine's: \
         end what else runs on it, and run the scenario again",
        rows.len(),
        worst.text("run_id").unwrap_or_default()
    ))
}

/// The first signal ends the run in progress, the second the program.
fn watch_for_interrupts(stop: CancellationToken) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.is_cancelled() {
                // The server notices that its standard input ends, and stops by itself.
                std::process::exit(Exit::Interrupted.code().into());
            }
            stop.cancel();
            print::talk("interrupted: ending the run in progress; again to end at once");
        }
    });
    Ok(())
}

/// The threads of the load generator.
fn load_workers(arguments: &RunArguments) -> usize {
    arguments.workers.map_or_else(machine::half_of_the_cores, NonZero::get)
}

/// Both ends hold one file a connection, each in a process with the same limit.
fn enough_files(scenario: &Scenario, workers: usize) -> anyhow::Result<()> {
    match check::shortage(scenario, workers) {
        Some(shortage) => bail!("scenario `{}` cannot run here: {shortage}", scenario.top.name),
        None => Ok(()),
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!("expected `key=value`, found `{text}`")),
    }
}
