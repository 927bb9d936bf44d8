//! What a page is made from.

use crate::hlog::Histograms;
use crate::row::{Row, TimelineRow};

/// The contents of one run folder.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The name that tells this folder from others: its path, or the time it was made.
    pub name: &'a str,
    /// The name of the scenario.
    pub scenario: &'a str,
    /// The question that the scenario asks; empty if it is not known.
    pub about: &'a str,
    /// `runs.csv`.
    pub rows: &'a [Row],
    /// `timeline.csv`; empty if there is none.
    pub timeline: &'a [TimelineRow],
    /// `latency.hlog`. Without it, the percentiles of the rows are drawn, and no distribution.
    pub histograms: Option<&'a Histograms>,
    /// `machine.json`. A trend is drawn over its `started`.
    pub machine: Option<&'a serde_json::Value>,
    /// What the reader has to know besides what the rows say.
    pub warnings: &'a [String],
}
