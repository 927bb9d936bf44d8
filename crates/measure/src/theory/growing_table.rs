//! Polls that read the table of a feed: how many rows they read.
//!
//! The feed begins with an empty table, λ messages per second enter it, and none leaves it unless
//! only the newest *K* are kept. So at a time *t* after its publisher started it has
//! *n*(*t*) = min(λ*t*, *K*) rows on average. The measured window lies between *a* and *b* after that
//! start. A feed with a message every *T* has half a row less on average, because its first message
//! is due after one *T*.
//!
//! - A poll for the **whole** feed reads *n* rows. Polls are spread evenly over the window, so the
//!   mean is that of *n* over the window. Without a limit it is λ(*a* + *b*)/2: the table at the
//!   middle of the window.
//! - A poll **with a cursor that reads the table** reads what is new: λ*P* rows, once the feed is
//!   as old as the interval.
//! - A poll with a cursor that is served **from memory** reads no rows.
//!
//! In the same time *P* each subscriber receives λ*P* messages, which gives the rows for each
//! message. Without a limit, those of the whole feed are (*a* + *b*)/2*P*, whatever λ is: a message
//! is read again with every poll from then on.
//!
//! The laws hold where short polling has laws, *P* > 2*d*. The delivery delay is that of short
//! polling: reading more rows makes an answer larger, not later, as long as the server is not busy.

use std::time::Duration;

use wirebench_protocol::ShortPollingMode;

/// A feed in a table that grows, and subscribers that poll it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GrowingTable {
    /// λ, in messages per second; above 0.
    pub rate: f64,
    /// The time from the start of the publisher to the opening of the measured window, *a*.
    pub lead: Duration,
    /// The length of the measured window, *b* − *a*; above 0.
    pub window: Duration,
    /// The number of messages that are kept, *K*. `None`: all of them.
    pub kept: Option<usize>,
}

impl GrowingTable {
    /// Returns the mean number of rows that a poll in the window reads, if a subscriber polls every
    /// `interval`.
    pub fn rows_per_poll(&self, mode: ShortPollingMode, interval: Duration) -> f64 {
        match mode {
            ShortPollingMode::Cursor => 0.0,
            ShortPollingMode::Table => self.rate * interval.as_secs_f64(),
            ShortPollingMode::Whole => self.mean_rows(),
        }
    }

    /// Returns the mean number of rows in the table over the window.
    fn mean_rows(&self) -> f64 {
        let (from, to) = (self.lead.as_secs_f64(), (self.lead + self.window).as_secs_f64());
        (self.rows_times_seconds(to) - self.rows_times_seconds(from)) / (to - from)
    }

    /// Returns the integral of *n* from 0 to *t*: λ*t*²/2 while the table grows, and from the time
    /// *K*/λ on *K*²/2λ + *K*(*t* − *K*/λ).
    fn rows_times_seconds(&self, t: f64) -> f64 {
        let full = self.kept.map_or(f64::INFINITY, |kept| count(kept) / self.rate);
        let grows = t.min(full);
        let growing = self.rate * grows * grows / 2.0;
        if t > full { growing + self.rate * full * (t - full) } else { growing }
    }
}

#[expect(clippy::cast_precision_loss, reason = "messages are counted in millions, not in 2^53")]
fn count(messages: usize) -> f64 {
    messages as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{assert_near, ms, poisson_feed};
    use super::*;

    /// Reads the table in each poll of subscribers that begin at evenly spread phases. Returns the
    /// mean number of rows of a poll. `due` is in seconds, ascending.
    fn simulate(due: &[f64], table: &GrowingTable, mode: ShortPollingMode, interval: f64) -> f64 {
        const SUBSCRIBERS: u32 = 40;
        let rows_at = |t: f64| due.partition_point(|due| *due <= t);
        let (from, length) = (table.lead.as_secs_f64(), table.window.as_secs_f64());
        let (mut polls, mut rows) = (0_u32, 0);
        for subscriber in 0..SUBSCRIBERS {
            let phase = f64::from(subscriber) / f64::from(SUBSCRIBERS) * interval;
            let times = (0..).map(|poll| from + phase + f64::from(poll) * interval);
            for at in times.take_while(|at| *at < from + length) {
                polls += 1;
                rows += match mode {
                    ShortPollingMode::Cursor => 0,
                    ShortPollingMode::Table => rows_at(at) - rows_at(at - interval),
                    ShortPollingMode::Whole => rows_at(at).min(table.kept.unwrap_or(usize::MAX)),
                };
            }
        }
        count(rows) / f64::from(polls)
    }

    #[test]
    fn the_whole_feed_is_read_as_it_is_in_the_middle_of_the_window() {
        // 2 messages/s, 2 s of warm-up, a window of 10 s: 14 rows after 7 s.
        let table = GrowingTable { rate: 2.0, lead: ms(2_000), window: ms(10_000), kept: None };
        assert_near(table.rows_per_poll(ShortPollingMode::Whole, ms(500)), 14.0, 1e-9);
        assert_near(table.rows_per_poll(ShortPollingMode::Table, ms(500)), 1.0, 1e-9);
        assert_near(table.rows_per_poll(ShortPollingMode::Cursor, ms(500)), 0.0, 1e-9);
        // Full after 3 s: 5 rows on average in the first second of the window, then 6.
        let limited = GrowingTable { kept: Some(6), ..table };
        let expected = (5.0 + 9.0 * 6.0) / 10.0;
        assert_near(limited.rows_per_poll(ShortPollingMode::Whole, ms(500)), expected, 1e-9);
        // Full before the window opens.
        let full = GrowingTable { kept: Some(1), ..table };
        assert_near(full.rows_per_poll(ShortPollingMode::Whole, ms(500)), 1.0, 1e-9);
    }

    #[test]
    fn a_simulation_of_a_feed_at_random_times_agrees_with_the_laws() {
        let due = poisson_feed(50.0, 100_000);
        for kept in [None, Some(40_000), Some(10)] {
            let table = GrowingTable { rate: 50.0, lead: ms(20_000), window: ms(1_500_000), kept };
            for mode in ShortPollingMode::ALL {
                let found = simulate(&due, &table, mode, 0.5);
                let expected = table.rows_per_poll(mode, ms(500));
                assert_near(found, expected, expected * 0.01);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// A feed of a message every *T* at any phase: a poll finds up to one row more or less than
        /// λ*t*, and the phases of the polls are 40 steps of an interval.
        #[test]
        fn a_simulation_of_any_feed_agrees_with_the_laws(
            rate in 0.5..200.0_f64, phase in 0.0..1.0_f64, lead in 1_000_u64..5_000,
            window in 1_000_u64..20_000, interval in 50_u64..1_000,
            kept in prop::option::of(1_usize..2_000),
        ) {
            let table = GrowingTable { rate, lead: ms(lead), window: ms(window), kept };
            let end = ms(lead + window).as_secs_f64();
            let due: Vec<f64> = (0_u32..6_000)
                .map(|message| (f64::from(message) + phase) / rate)
                .take_while(|due| *due <= end)
                .collect();
            let seconds = ms(interval).as_secs_f64();
            for mode in ShortPollingMode::ALL {
                let found = simulate(&due, &table, mode, seconds);
                let expected = table.rows_per_poll(mode, ms(interval));
                let bound = 1.0 + rate * seconds / 40.0;
                prop_assert!((found - expected).abs() <= bound, "{mode}: {found}, {expected}");
            }
        }
    }
}
