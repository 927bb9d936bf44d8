//! What the numbers of a feed say that somebody else fills.

use serde::{Deserialize, Serialize};

/// The deliveries of a watched feed that have numbers. What was published is not known: numbers that
/// no subscriber saw after its last one are not missed by anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct WatchRecord {
    /// Deliveries with a number, among those received.
    pub numbered: u64,
    /// Deliveries that the numbers ask for: for each subscriber, those that arrived in the window, and
    /// those that they skipped.
    pub expected: u64,
}

impl WatchRecord {
    pub(crate) fn merge(&mut self, other: &Self) {
        let Self { numbered, expected } = other;
        self.numbered += numbered;
        // The numbers come from the server: absurd ones must not abort the run.
        self.expected = self.expected.saturating_add(*expected);
    }
}
