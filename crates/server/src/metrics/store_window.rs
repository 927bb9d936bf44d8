//! What a store does in the window of a run.

use std::time::Duration;

use hdrhistogram::Histogram;
use wirebench_protocol::Timestamp;
use wirebench_protocol::control::{CountWindow, StoreCounts, StoreReport};

/// The longest time of a commit that is told apart. Longer ones count as this.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// A count that was begun.
pub(super) struct StoreWindow {
    window: CountWindow,
    pub(super) counts: StoreCounts,
    /// How long commits took, in nanoseconds, to three significant digits.
    commit_times: Histogram<u64>,
}

impl StoreWindow {
    pub(super) fn new(window: CountWindow) -> Self {
        let commit_times = Histogram::new_with_bounds(1, LONGEST_NS, 3)
            .expect("1 ns to 1 h at 3 digits are bounds that HdrHistogram accepts");
        Self { window, counts: StoreCounts::default(), commit_times }
    }

    /// Returns true if what happens now is in the window.
    pub(super) fn is_open(&self) -> bool {
        (self.window.from_ns..self.window.to_ns).contains(&Timestamp::now())
    }

    /// Counts a transaction that has written messages.
    pub(super) fn committed(&mut self, messages: u64, took: Duration) {
        self.counts.transactions += 1;
        self.counts.committed += messages;
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.commit_times.saturating_record(nanos);
    }

    pub(super) fn report(&self) -> StoreReport {
        let recorded = self.commit_times.iter_recorded();
        let commit_times_ns =
            recorded.map(|step| (step.value_iterated_to(), step.count_at_value())).collect();
        StoreReport { counts: self.counts, commit_times_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: u64, to: u64) -> StoreWindow {
        let at = Timestamp::from_nanos;
        StoreWindow::new(CountWindow { from_ns: at(from), to_ns: at(to) })
    }

    #[test]
    fn only_what_happens_in_the_window_counts() {
        let now = Timestamp::now().as_nanos();
        assert!(window(0, u64::MAX).is_open());
        assert!(!window(0, now).is_open(), "it is over");
        assert!(!window(u64::MAX - 1, u64::MAX).is_open(), "it has not begun");
    }

    #[test]
    fn the_times_of_commits_are_told_from_the_shortest_to_the_longest() {
        let mut window = window(0, u64::MAX);
        for micros in [700, 3, 700, 700] {
            window.committed(2, Duration::from_micros(micros));
        }
        window.committed(1, Duration::MAX);
        let StoreReport { counts, commit_times_ns } = window.report();
        assert_eq!((counts.transactions, counts.committed), (5, 9));
        let near = |found: u64, expected: u64| found.abs_diff(expected) <= expected / 1_000;
        let [(first, 1), (second, 3), (last, 1)] = commit_times_ns[..] else {
            panic!("{commit_times_ns:?}")
        };
        assert!(near(first, 3_000) && near(second, 700_000) && near(last, LONGEST_NS));
    }
}
