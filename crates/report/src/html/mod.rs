//! `report.html`: the numbers of a run, to look at, to keep and to decide by.
//!
//! One file that asks nobody for anything. Markup, style and script are those of `assets/`, the
//! charts are drawn by the basic bundle of plotly.js, which lies beside them, and what is told of the
//! runs is one block of JSON. What needs the histograms or the laws of [`wirebench_measure::theory`] is
//! computed here; grouping, medians and drawing are the script's.

mod curve;
mod page;
mod predicted;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use crate::compare::Comparison;
use crate::{Histograms, Row, TimelineRow};
use page::{Source, View, page};

/// What there is to show of one run folder.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What tells this folder from others: its path, or the time it was made.
    pub name: &'a str,
    /// The name of the scenario.
    pub scenario: &'a str,
    /// The question that the scenario asks; empty where it is not known.
    pub about: &'a str,
    /// `runs.csv`.
    pub rows: &'a [Row],
    /// `timeline.csv`; empty where there is none.
    pub timeline: &'a [TimelineRow],
    /// `latency.hlog`. Without it the percentiles of the rows are drawn, and no distribution.
    pub histograms: Option<&'a Histograms>,
    /// `machine.json`; its `started` is the time that a trend is drawn over.
    pub machine: Option<&'a serde_json::Value>,
    /// What has to be known beside what the rows say of themselves.
    pub warnings: &'a [String],
}

/// The page of one run folder.
pub fn report(report: &Report<'_>) -> String {
    page(View::Run, &Source::of_side(&[*report], 0), None)
}

/// The page of two sides, each of one or more run folders: the verdicts, and the charts of
/// [`report`] with both overlaid.
pub fn overlay(base: &[Report<'_>], new: &[Report<'_>], comparison: Option<&Comparison>) -> String {
    let mut sources = Source::of_side(base, 0);
    sources.extend(Source::of_side(new, 1));
    page(View::Overlay, &sources, comparison)
}

/// The page of several run folders, earliest first: how each metric went from one to the next.
pub fn trend(reports: &[Report<'_>]) -> String {
    let sources: Vec<Source<'_>> =
        reports.iter().flat_map(|report| Source::of_side(&[*report], 0)).collect();
    page(View::Trend, &sources, None)
}
