//! Several timers that publish to the same feed, none of which knows of the others.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::schedule::Schedule;
use crate::Timestamp;
use crate::control::Publisher;

/// An endless iterator over the times at which the messages of all timers are due, in their order.
#[derive(Debug)]
pub struct Timers {
    schedules: Vec<Schedule>,
    /// When each timer is due next, with its place in `schedules`; the earliest first.
    next: BinaryHeap<Reverse<(Timestamp, usize)>>,
}

impl Timers {
    /// Creates the timers of a plan. One timer has the schedule of its seed. Several have seeds of
    /// their own, and each has its own phase.
    pub fn new(plan: &Publisher, start: Timestamp) -> Self {
        let Publisher { rate, pace, seed, timers, .. } = *plan;
        let mut schedules: Vec<Schedule> = if timers == 1 {
            vec![Schedule::new(rate, pace, seed, start)]
        } else {
            let mut seeds = StdRng::seed_from_u64(seed);
            let timer = |_| Schedule::at_random_phase(rate, pace, seeds.random(), start);
            (0..timers).map(timer).collect()
        };
        let next = schedules.iter_mut().enumerate();
        let next = next.filter_map(|(at, schedule)| Some(Reverse((schedule.next()?, at))));
        Self { next: next.collect(), schedules }
    }
}

impl Iterator for Timers {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        let Reverse((due, at)) = self.next.pop()?;
        self.next.extend(self.schedules[at].next().map(|due| Reverse((due, at))));
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::control::{Pace, Payload};

    const START: Timestamp = Timestamp::from_nanos(1_000);

    fn due(timers: usize, rate: f64, pace: Pace) -> impl Iterator<Item = Duration> {
        let plan = Publisher {
            rate,
            pace,
            payload: Payload::Bytes(2),
            seed: 7,
            timers,
            until_acknowledged: false,
        };
        Timers::new(&plan, START).map(|at| at.saturating_since(START))
    }

    #[test]
    fn one_timer_has_the_schedule_of_its_seed() {
        for pace in [Pace::Steady, Pace::Exact, Pace::Poisson, Pace::Burst(3)] {
            let alone = Schedule::new(2.0, pace, 7, START).map(|at| at.saturating_since(START));
            assert!(due(1, 2.0, pace).take(50).eq(alone.take(50)), "{pace:?}");
        }
    }

    #[test]
    fn each_timer_publishes_at_the_whole_rate_from_the_first_interval_on() {
        for pace in [Pace::Steady, Pace::Exact, Pace::Burst(3)] {
            // A burst of three comes every three intervals.
            let interval = if pace == Pace::Burst(3) { 9 } else { 3 };
            for number in 1..=4 {
                let within = Duration::from_secs(interval * (number - 1))
                    ..Duration::from_secs(interval * number);
                let messages = due(100, 1.0 / 3.0, pace)
                    .take_while(|due| *due < within.end)
                    .filter(|due| within.contains(due));
                let each = if pace == Pace::Burst(3) { 300 } else { 100 };
                let found = messages.count();
                // The jitter moves a few over the limit of an interval.
                assert!(found.abs_diff(each) <= 5, "{pace:?}, interval {number}: {found}");
            }
        }
    }

    #[test]
    fn the_timers_are_not_in_step_and_their_messages_come_in_order() {
        let due: Vec<Duration> = due(100, 1.0, Pace::Exact).take(1_000).collect();
        assert!(due.is_sorted());
        let different: std::collections::BTreeSet<_> = due[..100].iter().collect();
        assert_eq!(different.len(), 100);
    }
}
