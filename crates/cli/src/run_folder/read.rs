//! Reading a run folder, for reports and comparisons.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use wirebench_report::html::Report;
use wirebench_report::{
    AgentRow, Histograms, Question, Row, TimelineRow, read, read_agents, read_timeline,
};
use wirebench_scenario::Figure;

/// The content of a run folder. Only `runs.csv` is required. If another file is missing, the page
/// leaves out its content, and says so.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    name: String,
    /// The rows of `runs.csv`.
    pub(crate) rows: Vec<Row>,
    timeline: Vec<TimelineRow>,
    /// `latency.hlog`.
    pub(crate) histograms: Option<Histograms>,
    machine: Option<serde_json::Value>,
    scenario: toml::Table,
    /// The figures that the scenario names. Those of a newer version are left out.
    focus: Vec<Figure>,
    /// `agents.csv`; empty if there is none, because the load generator was one process.
    agents: Vec<AgentRow>,
    warnings: Vec<String>,
}

impl RunFolder {
    /// Reads a run folder, or the folder of a `runs.csv`.
    ///
    /// # Errors
    /// The folder holds no run, or a file in it cannot be read.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let folder = if path.is_file() { path.parent().unwrap_or(Path::new("")) } else { path };
        let file = |name: &str| folder.join(name);
        if !file("runs.csv").exists() {
            bail!(
                "`{}` holds no run: expected a folder with a `runs.csv`, as written by \
                 `wirebench run`",
                path.display()
            );
        }
        let rows = read(&file("runs.csv"))?;
        let mut warnings = Vec::new();
        let mut there = |name: &str| {
            let there = file(name).exists();
            if !there {
                warnings.push(format!("`{name}` is not in the folder: its content is left out"));
            }
            there
        };
        let timeline =
            if there("timeline.csv") { read_timeline(&file("timeline.csv"))? } else { Vec::new() };
        let histograms = if there("latency.hlog") {
            let histograms = Histograms::read(&file("latency.hlog"))?;
            histograms.check(&rows)?;
            Some(histograms)
        } else {
            None
        };
        let machine = there("machine.json")
            .then(|| parse(&file("machine.json"), "JSON", |text| serde_json::from_str(text)))
            .transpose()?;
        let scenario = there("scenario.toml")
            .then(|| parse(&file("scenario.toml"), "TOML", |text| toml::from_str(text)))
            .transpose()?;
        let agents = if file("agents.csv").exists() {
            read_agents(&file("agents.csv"))?
        } else {
            Vec::new()
        };
        let scenario = scenario.unwrap_or_default();
        Ok(Self {
            path: folder.to_path_buf(),
            name: folder.display().to_string(),
            rows,
            timeline,
            histograms,
            machine,
            focus: focus(&scenario),
            scenario,
            agents,
            warnings,
        })
    }

    /// Returns the path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what a page shows of the folder.
    pub(crate) fn report(&self) -> Report<'_> {
        let of_rows = self.rows.first().and_then(|row| row.text("scenario"));
        Report {
            name: &self.name,
            scenario: self.word("name").or(of_rows).unwrap_or_default(),
            question: self.question(),
            rows: &self.rows,
            timeline: &self.timeline,
            agents: &self.agents,
            histograms: self.histograms.as_ref(),
            machine: self.machine.as_ref(),
            warnings: &self.warnings,
        }
    }

    /// Returns what the scenario asks.
    pub(crate) fn question(&self) -> Question<'_> {
        Question { about: self.word("about").unwrap_or_default(), focus: &self.focus }
    }

    fn word(&self, key: &str) -> Option<&str> {
        self.scenario.get(key)?.as_str().filter(|word| !word.is_empty())
    }
}

/// Returns the figures that a scenario names in `report.focus`.
fn focus(scenario: &toml::Table) -> Vec<Figure> {
    let report = scenario.get("report").and_then(toml::Value::as_table);
    let focus = report.and_then(|report| report.get("focus")).and_then(toml::Value::as_array);
    let names = focus.into_iter().flatten().filter_map(toml::Value::as_str);
    names.filter_map(Figure::named).collect()
}

fn parse<T, E: std::error::Error + Send + Sync + 'static>(
    path: &Path,
    kind: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    parse(&text).with_context(|| {
        format!(
            "`{}` is not valid {kind}: correct it, or remove it to go on without it",
            path.display()
        )
    })
}
