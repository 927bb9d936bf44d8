//! The times at which the messages of one subscriber are due.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use wirebench_protocol::Timestamp;

/// An endless iterator over the times at which messages are due: evenly spread from a random phase
/// on, each up to 5 % of the interval early or late, as the steady pace of the feed's publisher.
///
/// Each time is computed from the start and the number of the message, never from the time at which
/// the previous message was sent. A connection that is slow does not slow the schedule down.
#[derive(Debug)]
pub(crate) struct SendSchedule {
    start: Timestamp,
    interval: Duration,
    /// The share of the interval from the start to the first message, from 0 to 1.
    phase: f64,
    /// The number of messages so far.
    scheduled: u32,
    random: SmallRng,
}

impl SendSchedule {
    /// Creates a schedule. `seed` is different for each subscriber and draws its phase.
    pub(crate) fn new(interval: Duration, start: Timestamp, seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let phase = random.random();
        Self { start, interval, phase, scheduled: 0, random }
    }
}

impl Iterator for SendSchedule {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        let jitter = self.random.random_range(-0.05..=0.05);
        let intervals = (f64::from(self.scheduled) + self.phase + jitter).max(0.0);
        self.scheduled += 1;
        let after = Duration::try_from_secs_f64(self.interval.as_secs_f64() * intervals);
        Some(self.start + after.ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_due_at_a_steady_rate_from_a_phase_of_each_subscribers_own() {
        let (start, interval) = (Timestamp::from_nanos(1_000), Duration::from_secs(2));
        let times = |seed| SendSchedule::new(interval, start, seed).take(100).collect::<Vec<_>>();
        let first = times(1);
        let phase = first[0].saturating_since(start);
        assert!(phase <= interval.mul_f64(1.05), "{phase:?}");
        for (number, due) in (0..).zip(&first) {
            let exact = interval * number + phase;
            let off = due.saturating_since(start).abs_diff(exact);
            assert!(off <= interval.mul_f64(0.1001), "message {number} is off by {off:?}");
        }
        assert_eq!(first, times(1));
        assert_ne!(first[0], times(2)[0]);
    }
}
