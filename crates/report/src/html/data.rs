//! What the scripts of a page draw from, as one block of JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;
use wirebench_protocol::{Look, Transport};

use super::answer_table::{AnswerTable, answer_tables};
use super::curve::{BINS_PER_DECADE, Curve, curve, percentile_axis};
use super::fault_times::{FaultTime, fault_times};
use super::predicted::{Predicted, predicted};
use super::report::Report;
use crate::answer::answer;
use crate::columns::{AGENT_COLUMNS, COLUMNS, Column, Role, TIMELINE_COLUMNS};
use crate::compare::Comparison;
use crate::question::Question;
use crate::row::{AgentRow, Row, TimelineRow};
use crate::settings::{RunGroup, VaryingSettings};
use crate::table::{
    self, Basis, FirstPlaces, WITHOUT_CURSOR, column_of, first_places, near_the_best, rows_of,
};
use crate::value::Value;

/// What a page shows.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum View {
    /// One run folder.
    Run,
    /// Two sides.
    Overlay,
    /// Several run folders, one after the other.
    Trend,
}

/// All data of a page.
#[derive(Serialize)]
pub(super) struct PageData<'a> {
    view: View,
    wirebench: &'static str,
    /// The transports and how they look, in the order in which they are listed everywhere.
    transports: [Look; Transport::COUNT],
    /// The columns of which some run has a value.
    columns: Vec<ColumnData>,
    /// The answer to the question in words; empty in an overlay, which has verdicts.
    answer: String,
    answer_tables: Vec<AnswerTable>,
    /// The figure that the first chart shows; null if no run has one.
    lead: Option<LeadFigure>,
    /// The columns of [`RunData::seconds`].
    timeline_columns: Vec<&'static str>,
    percentile_axis: Vec<f64>,
    bins_per_decade: i32,
    sources: Vec<Folder<'a>>,
    settings: SettingNames,
    /// The lines of the tables and charts, in the order in which they are shown.
    lines: Vec<LineData>,
    /// The end of a sentence: which lines, besides the best, are marked as best.
    near_the_best: String,
    /// What the reader has to know about polls without a cursor.
    without_cursor: &'static str,
    comparison: Option<Json>,
}

/// The figure that the first chart shows.
#[derive(Serialize)]
struct LeadFigure {
    /// The column of `runs.csv`.
    name: &'static str,
    title: String,
    unit: &'static str,
    /// A value is divided by this to be in that unit.
    divisor: f64,
    /// True if the scenario names it.
    is_named: bool,
}

/// The names of the settings that vary.
#[derive(Serialize)]
struct SettingNames {
    /// Settings of all transports.
    shared: Vec<&'static str>,
    /// Settings of some transports.
    own: Vec<&'static str>,
}

/// All runs of one transport at one setting: of one side of an overlay, of one folder of a trend.
#[derive(Serialize)]
struct LineData {
    transport: String,
    side: usize,
    folder: usize,
    /// The values of the settings that vary.
    settings: BTreeMap<&'static str, Json>,
    /// The places of its runs among those of all folders.
    runs: Vec<usize>,
}

#[derive(Serialize)]
struct ColumnData {
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    better: &'static str,
}

/// A run folder.
#[derive(Serialize)]
pub(super) struct Folder<'a> {
    /// 0 is the base of an overlay, 1 is new.
    side: usize,
    name: &'a str,
    pub(super) scenario: &'a str,
    about: &'a str,
    #[serde(skip)]
    question: Question<'a>,
    machine: Option<&'a Json>,
    warnings: &'a [String],
    /// The agents of its runs, each as its columns with a value.
    agents: Vec<BTreeMap<&'static str, Json>>,
    runs: Vec<RunData>,
    #[serde(skip)]
    rows: &'a [Row],
    /// How the first places were decided.
    #[serde(skip)]
    bases: Vec<Basis>,
}

#[derive(Serialize)]
struct RunData {
    /// Aligned with the columns. A value that was not measured is null.
    values: Vec<Json>,
    curve: Option<Curve>,
    /// For each column of the timeline, the values of all seconds.
    seconds: Option<Vec<Vec<Json>>>,
    predicted: Option<Predicted>,
    faults: Vec<FaultTime>,
    /// The columns in which the run's transport has or shares the first place at its setting.
    best: Vec<&'static str>,
}

impl<'a> PageData<'a> {
    pub(super) fn new(
        view: View,
        mut folders: Vec<Folder<'a>>,
        comparison: Option<&Comparison>,
    ) -> Self {
        let rows: Vec<&Row> = folders.iter().flat_map(|folder| folder.rows).collect();
        let has_value = |at: &usize| rows.iter().any(|row| row.values()[*at] != Value::Blank);
        let columns: Vec<usize> = (0..COLUMNS.len()).filter(has_value).collect();
        for run in folders.iter_mut().flat_map(|folder| &mut folder.runs) {
            run.values = columns.iter().map(|at| run.values[*at].take()).collect();
        }
        let settings = VaryingSettings::of(&rows);
        let shown = Shown::of(view, &folders);
        Self {
            view,
            wirebench: env!("CARGO_PKG_VERSION"),
            transports: Transport::ALL.map(Transport::look),
            columns: columns.into_iter().map(|at| ColumnData::of(&COLUMNS[at])).collect(),
            answer: shown.answer(view),
            answer_tables: shown.tables(),
            lead: shown.lead(),
            timeline_columns: timeline_columns().map(|(_, name)| name).collect(),
            percentile_axis: percentile_axis(),
            bins_per_decade: BINS_PER_DECADE,
            lines: lines(view, &folders, &rows, &settings),
            settings: SettingNames {
                shared: settings.shared.iter().map(|column| column.name).collect(),
                own: settings.own.iter().map(|column| column.name).collect(),
            },
            near_the_best: near_the_best(folders.iter().flat_map(|folder| &folder.bases).copied()),
            sources: folders,
            without_cursor: WITHOUT_CURSOR,
            comparison: comparison.map(|comparison| {
                serde_json::from_str(&comparison.to_json())
                    .expect("what was written as JSON is JSON")
            }),
        }
    }
}

impl ColumnData {
    fn of<Extract>(column: &Column<Extract>) -> Self {
        Self {
            name: column.name,
            unit: column.unit,
            meaning: column.meaning,
            better: column.better.name(),
        }
    }
}

impl<'a> Folder<'a> {
    /// Returns the folders of one side. Their runs belong together: first places are decided among
    /// all of them.
    pub(super) fn of_side(reports: &[Report<'a>], side: usize) -> Vec<Self> {
        let question = reports.first().map_or_else(Question::default, |report| report.question);
        let rows: Vec<Row> = reports.iter().flat_map(|report| report.rows).cloned().collect();
        let FirstPlaces { of_rows, bases } = first_places(&rows, question);
        let mut best = of_rows.into_iter();
        let folders = reports.iter().map(|report| {
            let best = best.by_ref().take(report.rows.len()).collect();
            Self::new(report, side, best, bases.clone())
        });
        folders.collect()
    }

    fn new(
        report: &Report<'a>,
        side: usize,
        best: Vec<Vec<&'static str>>,
        bases: Vec<Basis>,
    ) -> Self {
        let mut seconds: BTreeMap<&str, Vec<&TimelineRow>> = BTreeMap::new();
        for row in report.timeline {
            seconds.entry(row.text("run_id").unwrap_or_default()).or_default().push(row);
        }
        let run = |(row, best): (&Row, Vec<&'static str>)| {
            let id = row.text("run_id").unwrap_or_default();
            let histogram = report.histograms.and_then(|histograms| histograms.of_run(id));
            RunData {
                values: row.values().iter().map(Value::to_json).collect(),
                curve: histogram.filter(|_| row.clocks_tell_delivery()).and_then(curve),
                seconds: seconds.get(id).map(|rows| transposed(rows)),
                predicted: predicted(row, report.rows),
                faults: fault_times(row),
                best,
            }
        };
        Self {
            side,
            name: report.name,
            scenario: report.scenario,
            about: report.question.about,
            question: report.question,
            machine: report.machine,
            warnings: report.warnings,
            agents: report.agents.iter().map(agent).collect(),
            runs: report.rows.iter().zip(best).map(run).collect(),
            rows: report.rows,
            bases,
        }
    }
}

/// Returns the values of an agent, by the names of their columns.
fn agent(row: &AgentRow) -> BTreeMap<&'static str, Json> {
    let values = AGENT_COLUMNS.iter().zip(row.values());
    let known = values.filter(|(_, value)| **value != Value::Blank);
    known.map(|(column, value)| (column.name, value.to_json())).collect()
}

/// The rows that the answer is about: all of a folder; the latest folder of a trend; the side of an
/// overlay with the most.
struct Shown<'a> {
    rows: Vec<Row>,
    question: Question<'a>,
}

impl<'a> Shown<'a> {
    fn of(view: View, folders: &[Folder<'a>]) -> Self {
        let rows_of = |side: usize| {
            let folders = folders.iter().filter(|folder| folder.side == side);
            folders.flat_map(|folder| folder.rows).cloned().collect::<Vec<Row>>()
        };
        let latest = folders.last();
        let rows = match view {
            View::Trend => latest.map(|folder| folder.rows.to_vec()).unwrap_or_default(),
            View::Run => rows_of(0),
            View::Overlay => {
                let (base, new) = (rows_of(0), rows_of(1));
                if new.len() < base.len() { base } else { new }
            }
        };
        let question = latest.map_or_else(Question::default, |folder| folder.question);
        Self { rows, question }
    }

    fn answer(&self, view: View) -> String {
        match view {
            View::Overlay => String::new(),
            View::Run | View::Trend => answer(&self.rows, self.question),
        }
    }

    fn tables(&self) -> Vec<AnswerTable> {
        let settings = VaryingSettings::of(&self.rows);
        answer_tables(&table::lines(&self.rows, &settings), self.question)
    }

    /// Returns the first figure that answers the question and has a value.
    fn lead(&self) -> Option<LeadFigure> {
        let settings = VaryingSettings::of(&self.rows);
        let lines = table::lines(&self.rows, &settings);
        let figures = self.question.figures(rows_of(&lines)).into_iter();
        let mut columns = figures.filter_map(|figure| Some((figure, column_of(figure, false)?)));
        let (figure, column) =
            columns.find(|(_, column)| lines.iter().any(|line| line.cell(column).is_some()))?;
        Some(LeadFigure {
            name: column.column,
            title: figure.in_words().to_owned(),
            unit: column.unit(),
            divisor: column.divisor,
            is_named: !self.question.focus.is_empty(),
        })
    }
}

/// Groups the runs of all folders into lines.
fn lines(
    view: View,
    folders: &[Folder<'_>],
    rows: &[&Row],
    settings: &VaryingSettings,
) -> Vec<LineData> {
    let places: Vec<(usize, usize)> = folders
        .iter()
        .enumerate()
        .flat_map(|(at, folder)| folder.rows.iter().map(move |_| (folder.side, at)))
        .collect();
    let mut groups = settings.groups(rows);
    groups.sort_by(RunGroup::order);
    let mut lines = Vec::new();
    for group in groups {
        let mut parts: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for run in &group.runs {
            let (side, folder) = places[*run];
            let folder = if matches!(view, View::Trend) { folder } else { side };
            parts.entry((side, folder)).or_default().push(*run);
        }
        let columns = settings.shared.iter().chain(&settings.own);
        let values: BTreeMap<&'static str, Json> = columns
            .zip(group.shared.iter().chain(&group.own))
            .map(|(column, value)| (column.name, value.to_json()))
            .collect();
        lines.extend(parts.into_iter().map(|((side, folder), runs)| LineData {
            transport: group.transport.to_owned(),
            side,
            folder,
            settings: values.clone(),
            runs,
        }));
    }
    lines
}

/// Returns the columns of the timeline that say something of each second, with their places.
fn timeline_columns() -> impl Iterator<Item = (usize, &'static str)> {
    let columns = TIMELINE_COLUMNS.iter().enumerate();
    let shown = columns.filter(|(_, column)| column.role == Role::Measured || column.name == "t_s");
    shown.map(|(at, column)| (at, column.name))
}

fn transposed(rows: &[&TimelineRow]) -> Vec<Vec<Json>> {
    timeline_columns()
        .map(|(at, _)| rows.iter().map(|row| row.values()[at].to_json()).collect())
        .collect()
}
