//! `report.html`: the results of a run as a page, to read, to keep and to decide by.
//!
//! It is one file that loads nothing else. Markup, style and scripts are in `assets/`, the charts
//! are drawn by the basic bundle of plotly.js, which lies beside them, and the data is one block of
//! JSON. Groups, first places, and whatever needs the histograms or the laws of
//! [`wirebench_measure::theory`] are computed here. Medians and drawing are left to the scripts.

mod answer_table;
mod curve;
mod data;
mod fault_times;
mod page;
mod predicted;
mod report;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use crate::compare::Comparison;
use data::{Folder, View};
use page::page;
pub use report::Report;

/// Returns the page of one run folder.
pub fn report(report: &Report<'_>) -> String {
    page(View::Run, Folder::of_side(&[*report], 0), None)
}

/// Returns the page of two sides, each of one or more run folders: the verdicts, and the charts of
/// [`report`] with both sides in them.
pub fn overlay(base: &[Report<'_>], new: &[Report<'_>], comparison: Option<&Comparison>) -> String {
    let mut folders = Folder::of_side(base, 0);
    folders.extend(Folder::of_side(new, 1));
    page(View::Overlay, folders, comparison)
}

/// Returns the page of several run folders, earliest first, with the change of each metric from one
/// to the next.
pub fn trend(reports: &[Report<'_>]) -> String {
    let folders = reports.iter().flat_map(|report| Folder::of_side(&[*report], 0)).collect();
    page(View::Trend, folders, None)
}
