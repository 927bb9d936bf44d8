//! The outcome of the faults of a run: which subscribers missed what, and whether they were told.

use std::time::Duration;

use crate::missed::{ExpectedRange, Missed};
use crate::sequence::Sequence;

/// What a run with faults measures besides what every run does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultOutcome {
    /// Subscribers that were asked for, whether they ever subscribed or not.
    pub wanted: u64,
    /// Deliveries that were expected and not made.
    pub missed: Missed,
    /// The time from the fault until 99 % of the subscribers that it cut off were subscribed again.
    /// `None` if it cut off nobody, and if more than 1 % never were.
    pub back_99: Option<Duration>,
    /// The most subscribers that came back within one second. `None` if none did.
    pub reconnects_peak_per_s: Option<u64>,
}

/// What one subscriber has received by the end of a run.
#[derive(Clone, Debug)]
pub struct SubscriberOutcome {
    /// Its place in each epoch of the feed.
    pub sequence: Sequence,
    /// True if it is subscribed. A subscriber without a subscription knows that it receives
    /// nothing.
    pub subscribed: bool,
}

/// Returns what the subscribers missed of the messages that were expected in each epoch of the
/// feed.
pub fn missed(outcomes: &[SubscriberOutcome], expected: &[ExpectedRange]) -> Missed {
    let mut sum = Missed::default();
    for SubscriberOutcome { sequence, subscribed } in outcomes {
        let Missed { signalled, silently } = sequence.missed(expected, *subscribed);
        sum.signalled += signalled;
        sum.silently += silently;
    }
    sum
}
