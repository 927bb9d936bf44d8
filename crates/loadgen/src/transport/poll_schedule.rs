//! When a subscriber polls.

use std::time::Duration;

use tokio::time::Instant;

/// When to poll: at `start + n × interval`, however long the answers take.
///
/// If an answer takes longer than the interval, the latest time that passed is used at once and the
/// earlier ones are skipped. Polls never overlap, and skipped polls are not made up for.
#[derive(Debug)]
pub(super) struct PollSchedule {
    start: Instant,
    interval: Duration,
    /// The number of the first poll that is neither used nor skipped.
    next: u32,
}

impl PollSchedule {
    /// Creates the schedule whose first poll is due at `start`. An interval of 0: a poll is always
    /// due.
    pub(super) fn new(start: Instant, interval: Duration) -> Self {
        Self { start, interval, next: 0 }
    }

    /// Uses the next time to poll. Returns the time to wait for, or `None` if it has come.
    pub(super) fn next(&mut self, now: Instant) -> Option<Instant> {
        if self.interval.is_zero() {
            return None;
        }
        let due = self.start + self.interval * self.next;
        let passed = now.saturating_duration_since(due).as_nanos() / self.interval.as_nanos();
        let skipped = u32::try_from(passed).unwrap_or(u32::MAX);
        self.next = self.next.saturating_add(skipped).saturating_add(1);
        (now < due).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_that_are_overdue_are_skipped_and_the_rate_stays_fixed() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut schedule = PollSchedule::new(at(30), Duration::from_millis(100));
        for (now, expected) in [
            (0, Some(30)),    // the phase
            (31, Some(130)),  // answered in time
            (135, Some(230)), // the rate is from start to start
            (330, None),      // exactly on time
            (745, None),      // 430, 530 and 630 are skipped, 730 is used late
            (750, Some(830)), // and nothing is made up for
        ] {
            assert_eq!(schedule.next(at(now)), expected.map(at), "at {now} ms");
        }
    }

    #[test]
    fn without_an_interval_a_poll_is_always_due() {
        let start = Instant::now();
        let mut schedule = PollSchedule::new(start, Duration::ZERO);
        assert!((0..3).all(|_| schedule.next(start).is_none()));
    }
}
