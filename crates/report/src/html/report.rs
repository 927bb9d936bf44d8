//! What a page is made from.

use crate::hlog::Histograms;
use crate::question::Question;
use crate::row::{AgentRow, Row, TimelineRow};

/// The contents of one run folder.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The name that tells this folder from others: its path, or the time it was made.
    pub name: &'a str,
    /// The name of the scenario.
    pub scenario: &'a str,
    /// What the scenario asks.
    pub question: Question<'a>,
    /// `runs.csv`.
    pub rows: &'a [Row],
    /// `timeline.csv`; empty if there is none.
    pub timeline: &'a [TimelineRow],
    /// `agents.csv`; empty if the load generator was one process.
    pub agents: &'a [AgentRow],
    /// `latency.hlog`. Without it, the percentiles of the rows are drawn, and no distribution.
    pub histograms: Option<&'a Histograms>,
    /// `machine.json`. A trend is drawn over its `started`.
    pub machine: Option<&'a serde_json::Value>,
    /// What the reader has to know besides what the rows say.
    pub warnings: &'a [String],
}
