//! What faults came to: who missed what, and whether they were told.

use std::ops::RangeInclusive;
use std::time::Duration;

use wirebench_protocol::Seq;

use crate::Sequence;

/// What a run with faults has beside the measurement of every run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultOutcome {
    /// Subscribers that were asked for, whether a subscription came about or not.
    pub wanted: u64,
    /// What was expected and not received.
    pub missed: Missed,
    /// From the fault to the time at which 99 % of those who were cut off stood again. `None` where
    /// nobody was, and where more than 1 % never did.
    pub back_99: Option<Duration>,
    /// The most subscriptions that came back within one second. `None` where none did.
    pub reconnects_peak_per_s: Option<u64>,
}

/// Deliveries that were expected and not made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// The subscriber knows: a gap told it, or it has no subscription.
    pub signalled: u64,
    /// The subscriber believes that it has everything.
    pub silently: u64,
}

/// What one subscriber has seen by the end of a run.
#[derive(Clone, Debug)]
pub struct SubscriberOutcome {
    /// Its place in each life of the feed.
    pub sequence: Sequence,
    /// Whether its subscription stands. Who has none knows that nothing comes.
    pub subscribed: bool,
}

/// The messages of the window in one life of the feed; `None` where there was none.
pub type ExpectedRange = Option<RangeInclusive<Seq>>;

/// What the subscribers missed of what each life of the feed owed them.
pub fn missed(accounts: &[SubscriberOutcome], owed: &[ExpectedRange]) -> Missed {
    let mut sum = Missed::default();
    for SubscriberOutcome { sequence, subscribed } in accounts {
        let Missed { signalled, silently } = sequence.missed(owed, *subscribed);
        sum.signalled += signalled;
        sum.silently += silently;
    }
    sum
}

/// How many numbers two ranges share.
pub(crate) fn overlap(one: &RangeInclusive<Seq>, other: &RangeInclusive<Seq>) -> u64 {
    let (from, to) = (*one.start().max(other.start()), *one.end().min(other.end()));
    if from > to { 0 } else { to - from + 1 }
}

/// The same numbers in ranges that do not overlap.
pub(crate) fn disjoint(
    ranges: impl IntoIterator<Item = RangeInclusive<Seq>>,
) -> Vec<RangeInclusive<Seq>> {
    let mut sorted: Vec<_> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
    sorted.sort_by_key(|range| *range.start());
    let mut joined: Vec<RangeInclusive<Seq>> = Vec::new();
    for range in sorted {
        match joined.last_mut() {
            Some(last) if *range.start() <= *last.end() => {
                *last = *last.start()..=*range.end().max(last.end());
            }
            _ => joined.push(range),
        }
    }
    joined
}
