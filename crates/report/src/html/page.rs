//! The page put together: the assets, plotly.js, and the data as one block of JSON.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use wirebench_protocol::Transport;

use super::Report;
use super::curve::{BINS_PER_DECADE, Curve, curve, percentile_axis};
use super::predicted::{Predicted, predicted};
use crate::compare::Comparison;
use crate::format::json_value;
use crate::table::{Basis, FirstPlaces, first_places, near_the_best};
use crate::{Better, COLUMNS, Column, Role, Row, TIMELINE_COLUMNS, TimelineRow};

const TEMPLATE: &str = include_str!("../../assets/report.html");
/// Draws the charts. `assets/plotly/README.md` says which version it is and where it comes from.
pub(super) const PLOTLY: &str = include_str!("../../assets/plotly/plotly-basic.min.js");
const STYLE: &str = include_str!("../../assets/report.css");
/// In an order in which none needs a later one before the page is drawn.
const SCRIPT: &str = concat!(
    include_str!("../../assets/numbers.js"),
    include_str!("../../assets/lines.js"),
    include_str!("../../assets/tables.js"),
    include_str!("../../assets/charts.js"),
    include_str!("../../assets/report.js"),
);

/// What a page shows.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum View {
    /// One run folder.
    Run,
    /// Two sides.
    Overlay,
    /// One run folder after the other.
    Trend,
}

/// What the script draws from.
#[derive(Serialize)]
struct Data<'a> {
    view: View,
    wirebench: &'static str,
    /// In the order in which they are listed everywhere.
    transports: Vec<&'static str>,
    columns: Vec<ColumnData>,
    /// Of the seconds of a run.
    timeline_columns: Vec<&'static str>,
    percentile_axis: Vec<f64>,
    bins_per_decade: i32,
    sources: &'a [Source<'a>],
    /// What, beside being the best, is called best: the end of a sentence.
    near_the_best: String,
    comparison: Option<Json>,
}

#[derive(Serialize)]
struct ColumnData {
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    better: &'static str,
    part: &'static str,
}

/// A run folder.
#[derive(Serialize)]
pub(super) struct Source<'a> {
    /// 0 is the base of an overlay, 1 is new.
    side: usize,
    name: &'a str,
    scenario: &'a str,
    about: &'a str,
    machine: Option<&'a Json>,
    warnings: &'a [String],
    runs: Vec<RunData>,
    /// How it was decided who is best.
    #[serde(skip)]
    bases: Vec<Basis>,
}

#[derive(Serialize)]
struct RunData {
    /// Aligned with the columns; what was not measured is null.
    values: Vec<Json>,
    curve: Option<Curve>,
    /// Aligned with the columns of the timeline: for each the values of all seconds.
    seconds: Option<Vec<Vec<Json>>>,
    predicted: Option<Predicted>,
    /// The columns in which the run's transport has or shares the first place at its setting.
    best: Vec<&'static str>,
}

impl<'a> Source<'a> {
    /// The folders of one side, whose runs stand together: who is best is said of all of them.
    pub(super) fn of_side(reports: &[Report<'a>], side: usize) -> Vec<Self> {
        let rows: Vec<Row> = reports.iter().flat_map(|report| report.rows).cloned().collect();
        let FirstPlaces { of_rows, bases } = first_places(&rows);
        let mut best = of_rows.into_iter();
        let sources = reports.iter().map(|report| {
            let best = best.by_ref().take(report.rows.len()).collect();
            Self::new(report, side, best, bases.clone())
        });
        sources.collect()
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
                values: row.values().iter().map(json_value).collect(),
                curve: histogram.and_then(curve),
                seconds: seconds.get(id).map(|rows| transposed(rows)),
                predicted: predicted(row, report.rows),
                best,
            }
        };
        Self {
            side,
            name: report.name,
            scenario: report.scenario,
            about: report.about,
            machine: report.machine,
            warnings: report.warnings,
            runs: report.rows.iter().zip(best).map(run).collect(),
            bases,
        }
    }
}

/// The columns of the timeline that tell something the run's row does not say of every second.
fn timeline_columns() -> impl Iterator<Item = (usize, &'static str)> {
    let columns = TIMELINE_COLUMNS.iter().enumerate();
    let told = columns.filter(|(_, column)| column.part == Role::Measured || column.name == "t_s");
    told.map(|(at, column)| (at, column.name))
}

fn transposed(rows: &[&TimelineRow]) -> Vec<Vec<Json>> {
    timeline_columns()
        .map(|(at, _)| rows.iter().map(|row| json_value(&row.values()[at])).collect())
        .collect()
}

fn column<Extract>(column: &Column<Extract>) -> ColumnData {
    ColumnData {
        name: column.name,
        unit: column.unit,
        meaning: column.meaning,
        better: match column.better {
            Better::Lower => "lower",
            Better::Higher => "higher",
            Better::Neither => "neither",
        },
        part: match column.part {
            Role::Identity => "identity",
            Role::Setting => "setting",
            Role::Measured => "measured",
        },
    }
}

pub(super) fn page(view: View, sources: &[Source<'_>], comparison: Option<&Comparison>) -> String {
    let data = Data {
        view,
        wirebench: env!("CARGO_PKG_VERSION"),
        transports: Transport::ALL.iter().map(|transport| transport.name()).collect(),
        columns: COLUMNS.iter().map(column).collect(),
        timeline_columns: timeline_columns().map(|(_, name)| name).collect(),
        percentile_axis: percentile_axis(),
        bins_per_decade: BINS_PER_DECADE,
        sources,
        near_the_best: near_the_best(sources.iter().flat_map(|source| &source.bases).copied()),
        comparison: comparison.map(|comparison| {
            serde_json::from_str(&comparison.to_json()).expect("what was written as JSON is JSON")
        }),
    };
    let data = serde_json::to_string(&data).expect("text, numbers and lists are JSON");
    let scenario = sources.first().map_or("", |source| source.scenario);
    filled(|marker| match marker {
        "title" => escaped(scenario),
        "plotly" => PLOTLY.to_owned(),
        "plotly hash" => PLOTLY_HASH.clone(),
        "style" => STYLE.to_owned(),
        "script" => SCRIPT.to_owned(),
        "script hash" => SCRIPT_HASH.clone(),
        // Ends no script element, whatever a scenario says of itself.
        "data" => data.replace('<', "\\u003c"),
        other => unreachable!("report.html has no marker `{other}`"),
    })
}

/// The template with each `{{marker}}` replaced.
fn filled(value: impl Fn(&str) -> String) -> String {
    let mut page = String::new();
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        let (marker, after) = after.split_once("}}").expect("every marker of report.html ends");
        page.push_str(before);
        page.push_str(&value(marker));
        rest = after;
    }
    page + rest
}

/// Text as it stands in markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

static PLOTLY_HASH: LazyLock<String> = LazyLock::new(|| hash(PLOTLY));
static SCRIPT_HASH: LazyLock<String> = LazyLock::new(|| hash(SCRIPT));

/// By which a content security policy lets a script run.
fn hash(script: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(script)))
}
