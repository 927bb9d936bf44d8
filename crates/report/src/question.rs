//! What a scenario asks, and which figures answer it.

use wirebench_scenario::Figure;

use crate::row::Row;

/// What a scenario asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Question<'a> {
    /// The question in words; empty if it is not known.
    pub about: &'a str,
    /// The figures that answer it, the most important first. If empty, the runs decide.
    pub focus: &'a [Figure],
}

impl Question<'_> {
    /// Returns the figures that answer the question, the most important first: those that the
    /// scenario names; otherwise, for runs with faults, what came of the faults; otherwise delivery
    /// and cost.
    pub(crate) fn figures<'r>(
        self,
        mut rows: impl Iterator<Item = &'r Row> + Clone,
    ) -> Vec<Figure> {
        if !self.focus.is_empty() {
            return self.focus.to_vec();
        }
        if rows.clone().any(|row| row.text("faults").is_some()) {
            return vec![Figure::Delivered, Figure::MissedSilently, Figure::Recovery];
        }
        // The cost of a server on another machine is not known.
        let costs = rows.any(|row| row.number(Figure::ServerCpu.column()).is_some());
        vec![Figure::DeliveryP99, if costs { Figure::ServerCpu } else { Figure::Bytes }]
    }
}
