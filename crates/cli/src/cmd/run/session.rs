//! One scenario that is being run: its servers, its runs, its results.

use std::sync::Arc;

use anyhow::{bail, ensure};
use tokio_util::sync::CancellationToken;
use wirebench_loadgen::{
    CrowdPart, Drive, DriveError, ForeignFeed, Progress, ServerControl, ServerHandle, Target,
    TrustedCertificates, drive, server_handle,
};
use wirebench_measure::Measurement;
use wirebench_protocol::Epoch;
use wirebench_report::{Format, Question, Row, html};
use wirebench_scenario::{Run, Scenario, TargetFile};
use wirebench_target::{StopOutcome, TargetServer, has_process};

use super::crowd_plan::CrowdPlan;
use super::display::{Display, Manner};
use super::metrics::RunMetrics;
use super::run_floor::RunFloor;
use super::run_store::RunStore;
use super::thresholds;
use crate::crew::CrewServer;
use crate::databases::{Databases, SkippedRuns};
use crate::exit::{Exit, TargetRunFailed};
use crate::open_page::open_page;
use crate::print;
use crate::processes::proxy_process::ProxyProcess;
use crate::processes::run_servers::RunServers;
use crate::processes::server_process::ServerPlan;
use crate::run_folder::{RunFolder, RunFolderRequest, RunFolderWriter};

/// To whom a session shows what it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Audience<'a> {
    /// How progress is shown.
    pub(super) manner: Manner,
    /// What is served to Prometheus meanwhile.
    pub(super) metrics: Option<&'a RunMetrics>,
}

/// How a session shows what it measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownResults {
    /// How the rows are printed.
    pub(super) format: Format,
    /// True if the page is opened in the browser.
    pub(super) open: bool,
}

/// One scenario that is being run.
pub(super) struct Session<'a> {
    scenario: &'a Scenario,
    databases: &'a Databases,
    runs: Vec<Run>,
    skipped: Vec<SkippedRuns>,
    shown: ShownResults,
    crowd: CrowdPlan<'a>,
    server_workers: usize,
    folder: RunFolderWriter,
    display: Display,
    metrics: Option<&'a RunMetrics>,
    stop: &'a CancellationToken,
    /// An agent is gone: no further run is made, because its subscribers would be missing.
    agent_lost: bool,
}

impl<'a> Session<'a> {
    /// Creates the run folder. Cancelling `stop` ends the run in progress.
    ///
    /// # Errors
    /// The run folder cannot be written, or all runs would be skipped.
    pub(super) fn new(
        scenario: &'a Scenario,
        databases: &'a Databases,
        request: &RunFolderRequest<'_>,
        crowd: CrowdPlan<'a>,
        audience: Audience<'a>,
        shown: ShownResults,
        stop: &'a CancellationToken,
    ) -> anyhow::Result<Self> {
        let (runs, skipped) = databases.split(scenario.runs(request.seed));
        if runs.is_empty() {
            let why: Vec<_> = skipped.iter().map(ToString::to_string).collect();
            bail!("scenario `{}` has no run to make: {}", scenario.top.name, why.join("; "));
        }
        Ok(Self {
            scenario,
            databases,
            shown,
            crowd,
            server_workers: request.server_workers,
            folder: RunFolderWriter::create(scenario, request, &skipped)?,
            display: Display::new(audience.manner, &runs),
            metrics: audience.metrics,
            runs,
            skipped,
            stop,
            agent_lost: false,
        })
    }

    /// Makes every run, then shows what was measured. A run that fails ends the session; what was
    /// measured before it is still shown. Adds the rows to those that were measured so far.
    pub(super) async fn run(mut self, measured: &mut Vec<Row>) -> anyhow::Result<Exit> {
        self.display.scenario(self.scenario, &self.folder.path);
        for skipped in &self.skipped {
            self.display.say(&skipped.to_string());
        }
        let mut failed = None;
        for run in std::mem::take(&mut self.runs) {
            if let Err(error) = self.one(&run).await {
                failed = Some(error);
                break;
            }
            if self.stop.is_cancelled() || self.agent_lost {
                break;
            }
        }
        self.display.finish();
        let concluded = self.conclude();
        measured.extend_from_slice(&self.folder.rows);
        // The error that ended the scenario comes first. A full disk causes that error and another
        // one when the results are shown.
        if let Some(error) = failed {
            return Err(error.context(self.ended_early()));
        }
        concluded
    }

    /// Makes one run, against the server that it asks for.
    async fn one(&mut self, run: &Run) -> anyhow::Result<()> {
        match &run.target {
            None => self.with_store(run).await,
            Some(target) => {
                let made = self.against(target, run).await;
                made.map_err(|error| error.context(TargetRunFailed { run: run.id.clone() }))
            }
        }
    }

    /// Makes one run against a target server: starts it, if the target file says how,
    /// and a proxy in front of it if the run has one, drives the crowd of the run, and stops it. The
    /// floor is that of this machine, so it says nothing of a server on another one, nor of messages
    /// whose size is not known.
    async fn against(&mut self, target: &Arc<TargetFile>, run: &Run) -> anyhow::Result<()> {
        let floor = if has_process(target) && !run.is_watched() {
            RunFloor::before(run, self.server_workers).await
        } else {
            None
        };
        let id = Epoch(rand::random());
        let mut server = TargetServer::start(Arc::clone(target), id).await?;
        let (feed, _proxy) = feed_of(target, run, id, server.port()).await?;
        let port = server.port();
        let server_of = || Ok(CrewServer::Foreign { run: id.0, port });
        let crowd = self.crowd.parts(self.scenario, run, &feed, server_of).await?;
        let (handle, mut orders) = server_handle();
        let driven = tokio::select! {
            driven = self.drive(run, crowd, server.control(), handle) => driven,
            failure = server.run(&mut orders) => Err(anyhow::Error::new(failure)
                .context("the server is gone in the middle of the run")),
        };
        let measured = driven?;
        if server.stop().await == StopOutcome::Killed {
            let name = target.name();
            print::warn(&format!("`{name}` did not end within 8 s of SIGTERM, and was killed"));
        }
        if let Some(warning) = measured.as_ref().and_then(|it| nothing_selected(run, &feed, it)) {
            print::warn(&warning);
        }
        self.keep(run, measured, floor).await
    }

    /// Makes one run over a store of its own, and removes what it has stored.
    async fn with_store(&mut self, run: &Run) -> anyhow::Result<()> {
        let mut store = RunStore::of(run, self.databases).await?;
        let made = self.over(&mut store, run).await;
        let removed = store.remove().await;
        if let Err(error) = &removed {
            // The run is measured; its rows are in nobody's way.
            print::warn(&format!("{error:#}"));
        }
        made
    }

    /// Makes one run over this store: starts its servers, and a proxy in front if the run has one,
    /// drives the crowd of the run, and stops the servers. The floor is measured while there is no
    /// server that would compete with it.
    async fn over(&mut self, store: &mut RunStore, run: &Run) -> anyhow::Result<()> {
        let plan = ServerPlan {
            listen_on: self.crowd.listen_on,
            feed: store.feed.clone(),
            store: store.argument(),
            window: run.window,
            workers: self.server_workers,
            http_stack: run.http_stack,
            tls: run.http.tls,
            reconnect: run.reconnect,
        };
        let floor = RunFloor::before(run, self.server_workers).await;
        let mut servers = RunServers::start(plan, run.instances).await?;
        let listening = servers.listening()?;
        let proxy = match run.faults.proxy {
            Some(proxy) => Some(ProxyProcess::start(proxy, listening).await?),
            None => None,
        };
        let entrance = proxy.as_ref().map_or(listening, |proxy| &proxy.listening);
        let target = servers.target(entrance).await?;
        let control = servers.control()?;
        let server_of = || self.crowd.own_servers(servers.addresses(entrance)?);
        let crowd = self.crowd.parts(self.scenario, run, &target, server_of).await?;
        let (to_servers, mut orders) = server_handle();
        let (to_store, mut store_orders) = server_handle();
        let handle = if run.faults.stops_backbone() { to_store } else { to_servers };
        let driven = tokio::select! {
            driven = self.drive(run, crowd, control, handle) => driven,
            how = servers.run(&mut orders) => Err(how.context(format!(
                "the server is gone in the middle of run {}: look at its messages above, and run \
                 the scenario again",
                run.id
            ))),
            how = store.run(&mut store_orders) => Err(how.context(format!(
                "the NATS server is gone in the middle of run {}",
                run.id
            ))),
        };
        let measured = driven?;
        servers.stop().await?;
        self.keep(run, measured, floor).await
    }

    /// Completes a measurement with the floor, now that the server has stopped, and writes its row.
    /// `None`: the run was interrupted before there was anything to measure.
    async fn keep(
        &mut self,
        run: &Run,
        measured: Option<Measurement>,
        floor: Option<RunFloor>,
    ) -> anyhow::Result<()> {
        let Some(mut measurement) = measured else { return Ok(()) };
        if let Some(floor) = floor {
            measurement.server_cpu_floor = floor.mean_with_after(run).await;
        }
        self.agent_lost = measurement.agents.iter().any(|agent| agent.lost.is_some());
        self.display.run_done(run, &measurement);
        self.folder.add_run(run, &measurement)
    }

    async fn drive(
        &mut self,
        run: &Run,
        crowd: Vec<Arc<dyn CrowdPart>>,
        control: Arc<dyn ServerControl>,
        server: ServerHandle,
    ) -> anyhow::Result<Option<Measurement>> {
        // If a second cannot be written, the run ends: the disk is full, or the folder is gone.
        let ended = self.stop.child_token();
        let mut lost = None;
        let (folder, display) = (&mut self.folder, &mut self.display);
        let (scenario, metrics) = (self.scenario, self.metrics);
        let mut observe = |progress: Progress| {
            if let Progress::Second(second) = &progress
                && lost.is_none()
                && let Err(error) = folder.add_second(run, second)
            {
                lost = Some(error);
                ended.cancel();
            }
            display.progress(run, &progress);
            if let Some(metrics) = metrics {
                metrics.observe(scenario, run, &progress);
            }
        };
        let driven = Drive { run, control, crowd, stop: ended.clone(), server: Some(server) };
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

    /// Writes the page into the folder, says where it is, and opens it if that was asked for. The
    /// results are there even if it cannot be opened.
    fn show_page(&self) -> anyhow::Result<()> {
        let page = html::report(&RunFolder::read(&self.folder.path)?.report());
        let path = self.folder.add_page(&page)?;
        self.display.say(&format!("Page:     {}", path.display()));
        if self.shown.open
            && let Err(error) = open_page(&path)
        {
            print::warn(&format!("{error:#}"));
        }
        Ok(())
    }

    fn ended_early(&self) -> String {
        let kept = match self.folder.rows.len() {
            0 => "no run was measured completely; the files of the first run are".to_owned(),
            1 => "1 measured run is".to_owned(),
            runs => format!("{runs} measured runs are"),
        };
        format!("the scenario ended early; {kept} in `{}`", self.folder.path.display())
    }

    /// Prints the rows on standard output, and broken thresholds and the path of the folder on
    /// standard error. Writes the page into the folder. Returns how the session ended.
    fn conclude(&self) -> anyhow::Result<Exit> {
        if !self.folder.rows.is_empty() {
            let style = print::style();
            let text = self.shown.format.write(&self.folder.rows, question(self.scenario), style);
            print::data(&text)?;
        }
        let broken = thresholds::broken(&self.scenario.thresholds, &self.folder.rows);
        for sentence in &broken {
            print::talk(sentence);
        }
        for skipped in &self.skipped {
            print::talk(&skipped.to_string());
        }
        if let Some(warning) = disturbed(&self.folder.rows) {
            print::talk(&warning);
        }
        if self.folder.rows.is_empty() {
            self.display.say(&format!("Results:  {}", self.folder.path.display()));
        } else {
            self.show_page()?;
        }
        Ok(if self.folder.rows.iter().any(|row| !row.is_valid()) {
            Exit::Invalid
        } else if broken.is_empty() {
            Exit::Done
        } else {
            Exit::Threshold
        })
    }
}

/// Returns what a scenario asks.
pub(super) fn question(scenario: &Scenario) -> Question<'_> {
    Question { about: &scenario.top.about, focus: &scenario.report.focus.0 }
}

/// Returns where the subscribers of a run against a target subscribe: at the server, or at the proxy
/// in front of it, which is started then.
async fn feed_of(
    target: &Arc<TargetFile>,
    run: &Run,
    id: Epoch,
    port: Option<u16>,
) -> anyhow::Result<(Target, Option<ProxyProcess>)> {
    let feed = ForeignFeed {
        file: Arc::clone(target),
        transport: run.transport,
        run: id,
        port,
        hold: run.hold.unwrap_or_default(),
    };
    let mut feed = Target::of_foreign(feed, &TrustedCertificates::System).await?;
    let Some(proxy) = run.faults.proxy else { return Ok((feed, None)) };
    ensure!(
        feed.tls.is_none(),
        "a proxy cannot be put in front of a server with TLS: it has to read what it forwards"
    );
    let proxy = ProxyProcess::start(proxy, &format!("http://{}", feed.address)).await?;
    feed.address = proxy.address()?;
    Ok((feed, Some(proxy)))
}

/// Returns a warning if no subscriber received a message although texts came: the target file selects
/// others.
fn nothing_selected(run: &Run, feed: &Target, measured: &Measurement) -> Option<String> {
    let left_out = feed.foreign.as_ref()?.first_left_out()?;
    (measured.seen.received == 0).then(|| {
        format!(
            "run {} received no message, and left out all that came, as the target file says. The \
             first was {left_out}",
            run.id
        )
    })
}

/// Returns a warning if runs were disturbed, with the run that was disturbed most. Such runs are
/// valid.
fn disturbed(rows: &[Row]) -> Option<String> {
    let taken = |row: &Row| {
        let ratios = ["other_cpu_ratio", "steal_cpu_ratio"].map(|column| row.number(column));
        ratios.into_iter().flatten().sum::<f64>()
    };
    let disturbed = rows.iter().filter_map(|row| Some((row, row.disturbance()?)));
    let count = disturbed.clone().count();
    let (worst, reason) = disturbed.max_by(|a, b| taken(a.0).total_cmp(&taken(b.0)))?;
    Some(format!(
        "warning: {count} of {} runs disturbed, {} most: {reason}\n\nother programs on this \
         machine may have caused their delays: end those programs, and run the scenario again",
        rows.len(),
        worst.text("run_id").unwrap_or_default()
    ))
}
