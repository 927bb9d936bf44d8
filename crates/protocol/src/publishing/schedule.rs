//! The times at which messages are due.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::Timestamp;
use crate::control::Pace;

/// An endless iterator over the times at which messages are due.
///
/// Each time is computed from the start and the number of the message, never from the time at which
/// the previous message was really published. A publisher that falls behind does not slow the
/// schedule down.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    start: Timestamp,
    /// Messages per second.
    rate: f64,
    /// How much earlier everything is due, in intervals, 0 to 1.
    early: f64,
    /// The number of messages so far.
    scheduled: u64,
    /// For a Poisson pace: the sum of the exponential times so far, in mean times between messages.
    elapsed: f64,
    random: StdRng,
}

impl Schedule {
    /// Creates a schedule whose first message or burst is due about one interval after `start`.
    pub(super) fn new(rate: f64, pace: Pace, seed: u64, start: Timestamp) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self { pace, start, rate, early: 0.0, scheduled: 0, elapsed: 0.0, random }
    }

    /// Creates the same schedule at a phase drawn from the seed: the first message or burst is due
    /// within the first interval. A Poisson pace has no phase.
    pub(super) fn at_random_phase(rate: f64, pace: Pace, seed: u64, start: Timestamp) -> Self {
        let mut schedule = Self::new(rate, pace, seed, start);
        schedule.early = schedule.random.random();
        schedule
    }

    /// Returns the time that is `intervals` mean times between messages after the start.
    fn after(&self, intervals: f64) -> Timestamp {
        self.start + Duration::from_secs_f64(intervals.max(0.0) / self.rate)
    }
}

impl Iterator for Schedule {
    type Item = Timestamp;

    #[expect(clippy::cast_precision_loss, reason = "2^53 messages are beyond any run")]
    fn next(&mut self) -> Option<Timestamp> {
        self.scheduled += 1;
        let number = self.scheduled as f64;
        Some(match self.pace {
            Pace::Exact => self.after(number - self.early),
            // Each message is early or late in its own slot, so that jitter does not add up to
            // drift.
            Pace::Steady => {
                let jitter = self.random.random_range(-0.05..=0.05);
                self.after(number + jitter - self.early)
            }
            Pace::Poisson => {
                // Inverse transform: -ln(U) is exponential with mean 1 for U in (0, 1].
                let uniform = 1.0 - self.random.random::<f64>();
                self.elapsed -= uniform.ln();
                self.after(self.elapsed)
            }
            Pace::Burst(size) => {
                let size = u64::from(size.max(1));
                let burst = self.scheduled.div_ceil(size) as f64;
                self.after((burst - self.early) * size as f64)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_nanos(1_000);

    fn due(pace: Pace, rate: f64, count: usize) -> Vec<Duration> {
        Schedule::new(rate, pace, 7, START)
            .take(count)
            .map(|at| at.saturating_since(START))
            .collect()
    }

    #[test]
    fn an_exact_pace_is_even_and_does_not_drift() {
        let times = due(Pace::Exact, 3.0, 30_000);
        assert_eq!(times[2].as_millis(), 1_000);
        assert!(times[29_999].abs_diff(Duration::from_secs(10_000)) < Duration::from_millis(1));
    }

    #[test]
    fn a_steady_pace_stays_within_a_twentieth_of_each_slot() {
        for (n, time) in (1..).zip(due(Pace::Steady, 10.0, 1_000)) {
            let slot = Duration::from_millis(100) * n;
            assert!(time.abs_diff(slot) <= Duration::from_millis(5), "message {n} at {time:?}");
        }
    }

    #[test]
    fn a_poisson_pace_has_the_mean_and_the_spread_of_an_exponential() {
        let times = due(Pace::Poisson, 100.0, 20_000);
        let gaps: Vec<f64> =
            times.windows(2).map(|pair| pair[1].abs_diff(pair[0]).as_secs_f64() * 100.0).collect();
        let mean = gaps.iter().sum::<f64>() / 19_999.0;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / 19_999.0;
        assert!((mean - 1.0).abs() < 0.03, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.06, "variance {variance}");
    }

    #[test]
    fn a_burst_is_due_at_once_at_the_same_mean_rate() {
        let times = due(Pace::Burst(5), 10.0, 10);
        assert!(times[..5].iter().all(|time| *time == Duration::from_millis(500)));
        assert!(times[5..].iter().all(|time| *time == Duration::from_secs(1)));
    }

    #[test]
    fn the_same_seed_gives_the_same_schedule() {
        assert_eq!(due(Pace::Poisson, 5.0, 50), due(Pace::Poisson, 5.0, 50));
    }
}
