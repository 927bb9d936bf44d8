//! Writing a run folder while its scenario runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use wirebench_measure::{Measurement, Second};
use wirebench_protocol::Timestamp;
use wirebench_report::{
    AgentRecord, AgentsCsv, LatencyLog, LogStart, Row, RunRecord, RunsCsv, SecondRecord,
    TimelineCsv, TimelineRow,
};
use wirebench_scenario::{Run, Scenario};

use super::provenance::Provenance;
use super::request::RunFolderRequest;
use crate::databases::SkippedRuns;

/// The folder of a scenario that is being run. Every row is written as soon as it is measured, so
/// that a later failure loses nothing.
#[derive(Debug)]
pub(crate) struct RunFolderWriter {
    /// The path of the folder.
    pub(crate) path: PathBuf,
    /// The rows so far, in the order in which they were measured.
    pub(crate) rows: Vec<Row>,
    scenario: String,
    runs: RunsCsv,
    timeline: TimelineCsv,
    latency: LatencyLog,
    /// `None` until the first run with agents.
    agents: Option<AgentsCsv>,
}

/// The files of a run folder.
const FILES: [&str; 7] = [
    "scenario.toml",
    "machine.json",
    "runs.csv",
    "timeline.csv",
    "latency.hlog",
    "agents.csv",
    "report.html",
];

impl RunFolderWriter {
    /// Creates the folder and the files that are known before the first run.
    pub(crate) fn create(
        scenario: &Scenario,
        request: &RunFolderRequest<'_>,
        skipped: &[SkippedRuns],
    ) -> anyhow::Result<Self> {
        let now = jiff::Timestamp::now();
        let path = request.out.map_or_else(
            || {
                let time = now.strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
                Path::new("results").join(&scenario.top.name).join(time)
            },
            Path::to_path_buf,
        );
        claim(&path, request.force)?;
        let provenance = Provenance::of(scenario, request, skipped, &now);
        write(&path.join("scenario.toml"), &scenario.kept_in(&path).to_toml())?;
        write(&path.join("machine.json"), &(serde_json::to_string_pretty(&provenance)? + "\n"))?;
        let start = LogStart { wall: SystemTime::now(), clock: Timestamp::now() };
        Ok(Self {
            scenario: scenario.top.name.clone(),
            rows: Vec::new(),
            runs: RunsCsv::create(path.join("runs.csv"))?,
            timeline: TimelineCsv::create(path.join("timeline.csv"))?,
            latency: LatencyLog::create(path.join("latency.hlog"), start)?,
            agents: None,
            path,
        })
    }

    /// Adds a second of the run that is in progress.
    pub(crate) fn add_second(&mut self, run: &Run, second: &Second) -> anyhow::Result<()> {
        self.timeline.append(&TimelineRow::of(&SecondRecord { run, second }))?;
        self.latency.append(&run.id, second)?;
        Ok(())
    }

    /// Adds the row of a run that was measured.
    pub(crate) fn add_run(&mut self, run: &Run, measurement: &Measurement) -> anyhow::Result<()> {
        let row = Row::of(&RunRecord { scenario: &self.scenario, run, measurement });
        self.runs.append(&row)?;
        self.add_agents(run, measurement)?;
        self.rows.push(row);
        Ok(())
    }

    fn add_agents(&mut self, run: &Run, measurement: &Measurement) -> anyhow::Result<()> {
        for agent in &measurement.agents {
            let file = match &mut self.agents {
                Some(file) => file,
                none => none.insert(AgentsCsv::create(self.path.join("agents.csv"))?),
            };
            file.append(&AgentRecord { run, measurement, agent })?;
        }
        Ok(())
    }

    /// Adds the page that shows the results. Returns its path.
    pub(crate) fn add_page(&self, page: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join("report.html");
        write(&path, page)?;
        Ok(path)
    }
}

/// Returns true if a folder holds a run, or a part of one.
pub(crate) fn holds_a_run(path: &Path) -> bool {
    FILES.iter().any(|name| path.join(name).exists())
}

/// Creates the folder. With `force`, removes the files of the run that it holds.
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
