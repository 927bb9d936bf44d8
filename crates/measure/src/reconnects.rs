//! How subscribers that were cut off came back.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wirebench_protocol::Timestamp;

use crate::latency::Latency;

/// The length of a bin, in nanoseconds. Ten of them make the second over which the peak is taken.
const BIN_NS: u64 = 100_000_000;

/// When subscribers were subscribed again, and after how long.
///
/// Its size is one counter for each tenth of a second in which somebody came back.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Reconnects {
    /// The time from the fault until the subscriber was subscribed again.
    away: Latency,
    /// The number that came back in each tenth of a second, by the number of the tenth.
    bins: BTreeMap<u64, u64>,
}

impl Reconnects {
    /// Records that a subscriber that was cut off at `since` was subscribed again `at` this time.
    pub fn record(&mut self, since: Timestamp, at: Timestamp) {
        self.away.record(at.saturating_since(since));
        *self.bins.entry(at.as_nanos() / BIN_NS).or_default() += 1;
    }

    /// Adds the reconnects of another. The result does not depend on the order of merging.
    pub fn merge(&mut self, other: &Self) {
        let Self { away, bins } = other;
        self.away.merge(away);
        for (bin, count) in bins {
            *self.bins.entry(*bin).or_default() += count;
        }
    }

    /// Returns how many came back.
    pub fn count(&self) -> u64 {
        self.away.len()
    }

    /// Returns the time after which 99 % of all subscribers that were cut off were back;
    /// `still_away` of them never came back. `None` if none was cut off, or if more than 1 % never
    /// came back.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rank among reconnects needs no more than 16 digits"
    )]
    pub fn back_99(&self, still_away: u64) -> Option<Duration> {
        let (came, wanted) = (self.count() as f64, 0.99 * (self.count() + still_away) as f64);
        (came > 0.0 && wanted <= came)
            .then(|| self.away.value_at_percentile(100.0 * wanted / came))?
    }

    /// Returns the largest number of subscribers that reconnected within one second. `None` if
    /// nobody reconnected.
    pub fn peak_per_second(&self) -> Option<u64> {
        let within = |first: u64| self.bins.range(first..first + 10).map(|(_, count)| count).sum();
        self.bins.keys().map(|first| within(*first)).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reconnects(millis: impl IntoIterator<Item = u64>) -> Reconnects {
        let mut reconnects = Reconnects::default();
        let start = Timestamp::from_nanos(5_000_000_000);
        for after in millis {
            reconnects.record(start, start + Duration::from_millis(after));
        }
        reconnects
    }

    #[test]
    fn the_last_hundredth_does_not_count_unless_it_never_comes_back() {
        let reconnects = reconnects((1..=99).map(|n| n * 10).chain([9_000]));
        let back = reconnects.back_99(0).expect("all came back");
        assert!((989..=991).contains(&back.as_millis()), "{back:?}");
        assert!(reconnects.back_99(1).is_some_and(|back| back >= Duration::from_secs(8)));
        assert_eq!(reconnects.back_99(2), None, "two of 102 never came");
    }

    #[test]
    fn without_reconnects_there_are_no_times() {
        assert_eq!(reconnects([]).back_99(0), None);
        assert_eq!(reconnects([]).peak_per_second(), None);
    }

    #[test]
    fn the_peak_is_that_of_any_second_not_of_a_second_of_the_clock() {
        // 30 within 0.4 s across the turn of a second of the clock, 20 later.
        let reconnects = reconnects((0..30).map(|n| 800 + n * 13).chain((0..20).map(|_| 5_000)));
        assert_eq!(reconnects.peak_per_second(), Some(30));
    }

    #[test]
    fn merging_adds_up() {
        let (mut one, other) = (reconnects([100, 200]), reconnects([150]));
        one.merge(&other);
        assert_eq!(one, reconnects([100, 150, 200]));
    }
}
