//! Deliveries that were expected and not made, and the ranges of messages they are counted from.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use wirebench_protocol::Seq;

/// Deliveries that were expected and not made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Missed {
    /// The subscriber knows of them: a gap told it, or it has no subscription.
    pub signalled: u64,
    /// The subscriber does not know of them: it believes that it has everything.
    pub silently: u64,
}

/// The messages of the window in one epoch of the feed; `None` if there were none.
pub type ExpectedRange = Option<RangeInclusive<Seq>>;

/// Returns how many numbers two ranges share.
pub(crate) fn overlap(one: &RangeInclusive<Seq>, other: &RangeInclusive<Seq>) -> u64 {
    let (from, to) = (*one.start().max(other.start()), *one.end().min(other.end()));
    if from > to { 0 } else { to - from + 1 }
}

/// Returns the same numbers in ranges that do not overlap.
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
