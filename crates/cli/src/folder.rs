//! A run folder: everything that one run of a scenario leaves behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use serde::Serialize;
use wirebench_measure::{Measurement, Second};
use wirebench_protocol::Timestamp;
use wirebench_report::{
    LatencyLog, LogStart, Row, RunRecord, RunsCsv, SecondRecord, TimelineCsv, TimelineRow,
};
use wirebench_scenario::{Run, Scenario};

use crate::machine::Machine;

/// The folder of a scenario that is being run. Every row is handed to the system as soon as it is
/// measured, so that a later failure loses nothing.
#[derive(Debug)]
pub(crate) struct RunFolder {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The rows so far, in the order in which they were measured.
    pub(crate) rows: Vec<Row>,
    scenario: String,
    runs: RunsCsv,
    timeline: TimelineCsv,
    latency: LatencyLog,
}

/// `machine.json`: where and how the numbers came about.
#[derive(Debug, Serialize)]
struct Provenance<'a> {
    #[serde(flatten)]
    machine: &'a Machine,
    wirebench: &'static str,
    commit: Option<&'static str>,
    /// The cargo profile that this program was built with: `release`, `dist` or `dev`.
    profile: &'static str,
    /// When the first run began, RFC 3339.
    started: String,
    seed: u64,
    loadgen_workers: usize,
    server_workers: usize,
    tags: BTreeMap<&'a str, &'a str>,
    settings: Settings,
}

/// What is set the same way at both ends and for every transport, or deliberately not.
#[derive(Debug, Serialize)]
struct Settings {
    tcp_nodelay: bool,
    compression: bool,
    http_version: Vec<u8>,
    tls: Vec<bool>,
    connections: Vec<&'static str>,
    /// The reconnect policies, as in the column `reconnect`.
    reconnect: Vec<String>,
}

/// Who asks for a run folder, and where.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// `--out`, if given.
    pub(crate) out: Option<&'a Path>,
    /// `--force`: a run that is there already may be overwritten.
    pub(crate) force: bool,
    pub(crate) seed: u64,
    pub(crate) workers: usize,
    pub(crate) server_workers: usize,
    pub(crate) tags: &'a [(String, String)],
}

/// The files of a run, in the order of `docs`.
const FILES: [&str; 6] =
    ["scenario.toml", "machine.json", "runs.csv", "timeline.csv", "latency.hlog", "report.html"];

impl RunFolder {
    /// Creates the folder and the files that are known before the first run.
    pub(crate) fn create(scenario: &Scenario, request: &Request<'_>) -> anyhow::Result<Self> {
        let now = jiff::Timestamp::now();
        let path = request.out.map_or_else(
            || {
                let time = now.strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
                Path::new("results").join(&scenario.top.name).join(time)
            },
            Path::to_path_buf,
        );
        claim(&path, request.force)?;
        let machine = Machine::inspect();
        let provenance = Provenance {
            machine: &machine,
            wirebench: env!("CARGO_PKG_VERSION"),
            commit: option_env!("WIREBENCH_COMMIT"),
            profile: env!("WIREBENCH_PROFILE"),
            started: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            seed: request.seed,
            loadgen_workers: request.workers,
            server_workers: request.server_workers,
            tags: request.tags.iter().map(|(key, value)| (&**key, &**value)).collect(),
            settings: Settings {
                tcp_nodelay: true,
                compression: false,
                http_version: scenario.http.version.clone(),
                tls: scenario.http.tls.clone(),
                connections: scenario
                    .crowd
                    .connections
                    .iter()
                    .map(|connections| connections.name())
                    .collect(),
                reconnect: scenario
                    .reconnect
                    .combinations()
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            },
        };
        write(&path.join("scenario.toml"), &scenario.to_toml())?;
        write(&path.join("machine.json"), &(serde_json::to_string_pretty(&provenance)? + "\n"))?;
        let start = LogStart { wall: SystemTime::now(), clock: Timestamp::now() };
        Ok(Self {
            scenario: scenario.top.name.clone(),
            rows: Vec::new(),
            runs: RunsCsv::create(path.join("runs.csv"))?,
            timeline: TimelineCsv::create(path.join("timeline.csv"))?,
            latency: LatencyLog::create(path.join("latency.hlog"), start)?,
            path,
        })
    }

    /// Adds a second of a run that is under way.
    pub(crate) fn add_second(&mut self, run: &Run, second: &Second) -> anyhow::Result<()> {
        self.timeline.append(&TimelineRow::of(&SecondRecord { run, second }))?;
        self.latency.append(&run.id, second)?;
        Ok(())
    }

    /// Adds the row of a run that was measured.
    pub(crate) fn add_run(&mut self, run: &Run, measurement: &Measurement) -> anyhow::Result<()> {
        let row = Row::of(&RunRecord { scenario: &self.scenario, run, measurement });
        self.runs.append(&row)?;
        self.rows.push(row);
        Ok(())
    }

    /// Adds the page that shows it all.
    pub(crate) fn add_page(&self, page: &str) -> anyhow::Result<()> {
        write(&self.path.join("report.html"), page)
    }
}

/// Whether there is a run in the folder already, or a piece of one.
pub(crate) fn holds_a_run(path: &Path) -> bool {
    FILES.iter().any(|name| path.join(name).exists())
}

/// Makes the folder ours: creates it, and removes the files of the run that was in it.
fn claim(path: &Path, force: bool) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| {
        format!("cannot create the run folder `{}`: choose another with `--out`", path.display())
    })?;
    for file in FILES.map(|name| path.join(name)).iter().filter(|file| force && file.exists()) {
        fs::remove_file(file).with_context(|| format!("cannot remove `{}`", file.display()))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| {
        format!(
            "cannot write `{}`: make room, or choose another folder with `--out`",
            path.display()
        )
    })
}
