//! What one run measured, before it becomes a row.

use std::time::Duration;

use crate::agent::AgentMeasurement;
use crate::clocked_latency::ClockedLatency;
use crate::cost::{LoadgenCost, Traffic};
use crate::fault_outcome::FaultOutcome;
use crate::invalid::Invalid;
use crate::missed::Missed;
use crate::other_load::OtherLoad;
use crate::publish_record::PublishRecord;
use crate::recorder::Recorder;
use crate::store_cost::StoreCost;

/// Everything that one run measured. A value that could not be measured is `None`, never zero.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// The actual length of the measured window.
    pub duration: Duration,
    /// Messages that the feed published in the window, by the server's count.
    pub published: Option<u64>,
    /// True if somebody else fills the feed. What was published is not known then.
    pub watched: bool,
    /// How many of these messages were not for everybody.
    pub addressed: AddressedCount,
    /// Subscribers that were subscribed when the window opened.
    pub subscribed: u64,
    /// From the start of the ramp, when the first subscriber dials, to the moment at which the last
    /// one was subscribed. `None` if some never were.
    pub all_connected: Option<Duration>,
    /// What all subscribers received, merged.
    pub seen: Recorder,
    /// The most by which the clock of a subscriber differed from that of the server. `None` if all
    /// of them have one clock.
    pub clock_bound: Option<Duration>,
    /// The traffic on the measured connections.
    pub traffic: Traffic,
    /// What the run cost the server. `None` if the server did not report it.
    pub server: Option<ServerCost>,
    /// The floor of the server's cost: the processor time of a bare write on the server's machine, at
    /// the time of the run. `None` if nobody measured it. A load generator does not, because the
    /// server may be on another machine.
    pub server_cpu_floor: Option<Duration>,
    /// What the run cost the store of the server. `None` if it has none.
    pub store: Option<StoreCost>,
    /// How publishing went. `None` if the server publishes.
    pub publishing: Option<PublishRecord>,
    /// What the run cost the load generator.
    pub loadgen: LoadgenCost,
    /// The load of the machine besides the run.
    pub other_load: OtherLoad,
    /// The outcome of the faults; `None` if the run had none.
    pub faults: Option<FaultOutcome>,
    /// What the subscribers missed that poll without a cursor, because such losses are what the run
    /// measures. `None` if subscribers have a cursor.
    pub missed_without_cursor: Option<Missed>,
    /// What each agent measured. Empty if one process had all subscribers.
    pub agents: Vec<AgentMeasurement>,
    /// Why the numbers must not be used; empty if the run is valid.
    pub invalid: Vec<Invalid>,
}

/// Messages that were not for everybody, by the server's count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressedCount {
    /// Those that were for all subscribers but one.
    pub except: u64,
    /// Those that were for one subscriber.
    pub only: u64,
}

impl AddressedCount {
    /// Returns the deliveries of so many messages, of which these were addressed, to so many
    /// subscribers, each with a name of its own.
    pub fn deliveries(self, published: u64, subscribed: u64) -> u64 {
        let Self { except, only } = self;
        let everyone = published.saturating_sub(except.saturating_add(only));
        let to_others = except.saturating_mul(subscribed.saturating_sub(1));
        everyone.saturating_mul(subscribed).saturating_add(to_others).saturating_add(only)
    }
}

/// The cost of the run to the server process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerCost {
    /// Processor time in the window, user and system.
    pub cpu: Duration,
    /// Resident memory before the first subscriber.
    pub rss_idle_bytes: u64,
    /// The maximum resident memory over the run.
    pub rss_peak_bytes: u64,
    /// Growth of resident memory while the last four fifths of the crowd connected, before the
    /// first message, divided by their number. `None` if the crowd is so small that the growth
    /// would be noise.
    pub rss_per_subscriber_bytes: Option<u64>,
    /// Messages published late, by the server's count. `None` if it does not count them.
    pub late_publishes: Option<u64>,
}

impl Measurement {
    /// Returns the deliveries that should have been made. Of a feed that somebody else fills, that is
    /// what its numbers ask for, and `None` if its messages have none. Of any other, it is messages published in the window, times
    /// the subscribers that were subscribed when it opened. A message to all but one is expected
    /// once less, and one to a single subscriber once. `None` if the server did not report what was
    /// published.
    pub fn expected(&self) -> Option<u64> {
        if self.watched {
            return self.has_numbers().then_some(self.seen.watch.expected);
        }
        self.published.map(|published| self.addressed.deliveries(published, self.subscribed))
    }

    /// Returns the deliveries that were expected and not made, announced by the server as gaps or
    /// not.
    ///
    /// `None` if it is not known how many were expected, and if *more* were received than expected.
    /// Then one of the counts is wrong, and their difference means nothing ([`Invalid::Surplus`]).
    pub fn missing(&self) -> Option<u64> {
        self.expected()?.checked_sub(self.delivered())
    }

    /// Returns the deliveries that were made, of those that were expected. Messages without a number
    /// are not expected.
    pub(crate) fn delivered(&self) -> u64 {
        if self.watched { self.seen.watch.numbered } else { self.seen.received }
    }

    /// Returns the repeats. `None` if nobody can tell, because messages have no numbers.
    pub fn duplicate(&self) -> Option<u64> {
        self.has_numbers().then_some(self.seen.duplicate)
    }

    /// Returns the deliveries that came after a later message. `None` as for [`Self::duplicate`].
    pub fn out_of_order(&self) -> Option<u64> {
        self.has_numbers().then_some(self.seen.out_of_order)
    }

    /// Returns the deliveries that came before they were due. `None` if messages do not say when they
    /// were published.
    pub fn from_the_future(&self) -> Option<u64> {
        let Recorder { from_the_future, delivery, without_delay, .. } = &self.seen;
        let has_times = !self.watched || from_the_future + delivery.len() + without_delay > 0;
        has_times.then_some(*from_the_future)
    }

    /// Returns the times to delivery, as far as the clocks allow.
    pub fn delivery(&self) -> ClockedLatency<'_> {
        self.seen.delivery_within(self.clock_bound)
    }

    /// Returns the times from when a message was due at its sender to its arrival at the other
    /// subscribers, as far as the clocks allow: both may be wrong by the bound.
    pub fn upstream_others(&self) -> ClockedLatency<'_> {
        let upstream = &self.seen.upstream;
        let bound = self.clock_bound.map(|bound| 2 * bound);
        ClockedLatency::new(&upstream.others, upstream.from_the_future, bound)
    }

    /// Returns the deliveries whose payload was not what was sent. `None` if nobody knows what was
    /// sent.
    pub fn damaged(&self) -> Option<u64> {
        (!self.watched).then_some(self.seen.damaged)
    }

    /// Returns true if messages have numbers.
    fn has_numbers(&self) -> bool {
        !self.watched || self.seen.watch.numbered + self.seen.duplicate > 0
    }

    /// Returns the share of the messages published in the window that reached the subscribers that
    /// were asked for, 0 to 1. A subscriber without a subscription counts as having received
    /// nothing. `None` if nothing was published, and for a run in which every loss is a failure: one
    /// without faults whose subscribers have a cursor.
    pub fn delivered_ratio(&self) -> Option<f64> {
        let without_cursor = self.missed_without_cursor.map(|_| self.subscribed);
        let wanted = self.faults.map(|faults| faults.wanted).or(without_cursor)?;
        ratio(self.seen.received, self.published?.saturating_mul(wanted))
    }

    /// Returns what the subscribers missed. `None` as for [`Self::delivered_ratio`], and if somebody
    /// else fills the feed.
    pub fn missed(&self) -> Option<Missed> {
        if self.watched {
            return None;
        }
        self.faults.map(|faults| faults.missed).or(self.missed_without_cursor)
    }

    /// Returns the bytes both ways for each message received, headers, framing and empty answers
    /// included.
    pub fn bytes_per_message(&self) -> Option<f64> {
        ratio(self.traffic.bytes_up + self.traffic.bytes_down, self.seen.received)
    }

    /// Returns the bytes both ways for each byte of payload received. 1 would be no overhead.
    pub fn overhead_ratio(&self) -> Option<f64> {
        ratio(self.traffic.bytes_up + self.traffic.bytes_down, self.seen.payload_bytes)
    }

    /// Returns the server's processor time in the window for each message received.
    pub fn server_cpu_per_message(&self) -> Option<Duration> {
        let server = self.server?;
        if self.seen.received == 0 {
            return None;
        }
        let received = u128::from(self.seen.received);
        u64::try_from(server.cpu.as_nanos() / received).ok().map(Duration::from_nanos)
    }

    /// Returns the server's processor time in the window for each message received, in multiples of
    /// the floor. `None` if one of the two was not measured, or the floor is 0.
    pub fn server_cpu_floor_ratio(&self) -> Option<f64> {
        let floor = self.server_cpu_floor.filter(|floor| !floor.is_zero())?;
        Some(self.server_cpu_per_message()?.div_duration_f64(floor))
    }

    /// Returns the statements that the server sent to its database, for each second of the window.
    pub fn store_queries_per_s(&self) -> Option<f64> {
        let seconds = self.duration.as_secs_f64();
        let queries = count(self.store.as_ref()?.counts.queries);
        (seconds > 0.0).then(|| queries / seconds)
    }

    /// Returns the statements that the server sent to its database, for each message received.
    pub fn store_queries_per_message(&self) -> Option<f64> {
        ratio(self.store.as_ref()?.counts.queries, self.seen.received)
    }

    /// Returns the rows that the server read from its database, for each message received.
    pub fn store_rows_per_message(&self) -> Option<f64> {
        ratio(self.store.as_ref()?.counts.rows_read, self.seen.received)
    }

    /// Returns the share of its workers' time in which the load generator was busy, from 0 to 1.
    pub fn loadgen_cpu_ratio(&self) -> Option<f64> {
        self.loadgen.cpu_ratio(self.duration)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| count(part) / count(whole))
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 9 PB, and to 16 digits beyond")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::control::StoreCounts;

    use super::*;
    use crate::testing::measurement;
    use crate::watch_record::WatchRecord;

    #[test]
    fn derived_values_follow_from_the_counts() {
        let measurement = measurement();
        assert_eq!(measurement.expected(), Some(30));
        assert_eq!(measurement.missing(), Some(0));
        assert_eq!(measurement.bytes_per_message(), Some(200.0));
        assert_eq!(measurement.overhead_ratio(), Some(2.0));
        assert_eq!(measurement.server_cpu_per_message(), Some(Duration::from_micros(100)));
        assert_eq!(measurement.loadgen_cpu_ratio(), Some(0.2));
        assert_eq!(measurement.judge(3), []);
    }

    #[test]
    fn a_message_that_is_not_for_everybody_is_expected_where_it_is_for() {
        let addressed = AddressedCount { except: 4, only: 3 };
        let measurement = Measurement { addressed, ..measurement() };
        assert_eq!(measurement.expected(), Some(3 * 3 + 4 * 2 + 3));
    }

    #[test]
    fn nothing_received_leaves_no_value_per_message() {
        let measurement = Measurement { seen: Recorder::new(), ..measurement() };
        assert_eq!(measurement.bytes_per_message(), None);
        assert_eq!(measurement.overhead_ratio(), None);
        assert_eq!(measurement.server_cpu_per_message(), None);
        let measurement = Measurement { store: Some(StoreCost::default()), ..measurement };
        assert_eq!(measurement.store_queries_per_message(), None);
        assert_eq!(measurement.store_rows_per_message(), None);
    }

    #[test]
    fn the_cost_of_a_message_is_divided_by_the_floor_if_both_are_known() {
        let floor = |floor| Measurement { server_cpu_floor: floor, ..measurement() };
        let measured = floor(Some(Duration::from_micros(8)));
        assert_eq!(measured.server_cpu_floor_ratio(), Some(12.5));
        assert_eq!(floor(None).server_cpu_floor_ratio(), None);
        assert_eq!(floor(Some(Duration::ZERO)).server_cpu_floor_ratio(), None);
        let remote = Measurement { server: None, ..measured.clone() };
        assert_eq!(remote.server_cpu_floor_ratio(), None);
        let nothing = Measurement { seen: Recorder::new(), ..measured };
        assert_eq!(nothing.server_cpu_floor_ratio(), None);
    }

    #[test]
    fn what_a_watched_feed_does_not_say_of_itself_is_not_known() {
        let silent = Measurement {
            published: None,
            watched: true,
            seen: Recorder { received: 30, ..Recorder::new() },
            ..measurement()
        };
        assert_eq!((silent.expected(), silent.missing()), (None, None));
        assert_eq!((silent.duplicate(), silent.out_of_order()), (None, None));
        assert_eq!((silent.from_the_future(), silent.damaged()), (None, None));
        assert_eq!(silent.judge(3), []);
        let mut speaks = silent.clone();
        speaks.seen.watch = WatchRecord { numbered: 20, expected: 22 };
        speaks.seen.delivery.record(Duration::from_millis(1));
        assert_eq!((speaks.expected(), speaks.missing()), (Some(22), Some(2)));
        assert_eq!((speaks.duplicate(), speaks.out_of_order()), (Some(0), Some(0)));
        assert_eq!((speaks.from_the_future(), speaks.damaged()), (Some(0), None));
        assert_eq!(speaks.judge(3), [Invalid::Missing { missing: 2, expected: 22 }]);
        let nothing = Measurement { seen: Recorder::new(), ..silent };
        assert_eq!(nothing.judge(3), [Invalid::NothingReceived]);
    }

    #[test]
    fn the_values_of_a_store_follow_from_its_counts() {
        let without = measurement();
        assert_eq!(without.store_queries_per_s(), None);
        assert_eq!(without.store_queries_per_message(), None);
        assert_eq!(without.store_rows_per_message(), None);
        let counts = StoreCounts { queries: 45, rows_read: 60, ..StoreCounts::default() };
        let store = Some(StoreCost { counts, ..StoreCost::default() });
        let duration = Duration::from_millis(500);
        let with = Measurement { duration, store, ..without };
        assert_eq!(with.store_queries_per_s(), Some(90.0));
        assert_eq!(with.store_queries_per_message(), Some(1.5));
        assert_eq!(with.store_rows_per_message(), Some(2.0));
    }
}
