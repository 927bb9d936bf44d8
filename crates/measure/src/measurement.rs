//! What one run measured, before it becomes a row.

use std::fmt;
use std::time::Duration;

use wirebench_protocol::Timestamp;

use crate::{FaultOutcome, OtherLoad, Recorder};

/// The part of a run that counts. A message belongs to the window in which it was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first instant inside.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

impl Window {
    /// Whether `at` lies inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// How long it is; zero when it ends before it begins.
    pub fn length(&self) -> Duration {
        self.to.saturating_since(self.from)
    }
}

/// Everything that one run measured. What could not be measured is `None`, never zero.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// The length of the measured window as it really was.
    pub duration: Duration,
    /// Messages that the feed published in the window, by the server's own count.
    pub published: Option<u64>,
    /// Subscribers whose subscription stood when the window opened.
    pub subscribed: u64,
    /// What all subscribers saw, merged.
    pub seen: Recorder,
    /// What crossed the measured connections.
    pub traffic: Traffic,
    /// What it cost the server.
    pub server: Option<ServerCost>,
    /// What it cost the load generator.
    pub loadgen: LoadgenCost,
    /// What the machine did beside the run.
    pub other_load: OtherLoad,
    /// What the faults of the run came to; `None` where it had none.
    pub faults: Option<FaultOutcome>,
    /// Why the numbers must not be used; empty for a valid run.
    pub invalid: Vec<Invalid>,
}

/// What crossed the connections that the dialer opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// TCP connections tried over the whole run.
    pub attempted: u64,
    /// TCP connections opened over the whole run.
    pub opened: u64,
    /// The most open at once.
    pub peak: u64,
    /// Subscriptions that broke and were resumed, over the whole run.
    pub reconnects: u64,
    /// Bytes from subscribers to server in the window, headers and framing included.
    pub bytes_up: u64,
    /// Bytes from server to subscribers in the window, headers and framing included.
    pub bytes_down: u64,
}

/// What the run cost the server process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerCost {
    /// Processor time in the window, user and system.
    pub cpu: Duration,
    /// Resident memory before the first subscriber.
    pub rss_idle_bytes: u64,
    /// The most resident memory over the run.
    pub rss_peak_bytes: u64,
    /// Growth of resident memory while the last four fifths of the crowd connected, by each of
    /// them, before the first message. `None` for a crowd so small that the growth would be noise.
    pub rss_per_subscriber_bytes: Option<u64>,
    /// Messages published late, by the server's count.
    pub late_publishes: u64,
}

/// What the run cost the load generator itself.
#[derive(Clone, Debug)]
pub struct LoadgenCost {
    /// Processor time in the window, user and system.
    pub cpu: Duration,
    /// Worker threads, each of which can use one core.
    pub workers: usize,
    /// The most resident memory of the process during this run. `None` where the kernel does not let the
    /// peak of earlier runs be reset.
    pub rss_peak_bytes: Option<u64>,
}

/// One second of one run, for the timeline.
#[derive(Clone, Debug)]
pub struct Second {
    /// Which second of the window, from 0; the drain's seconds follow.
    pub index: u64,
    /// When it began.
    pub from: Timestamp,
    /// How long it was. The last one of the window and the last one of the drain may be shorter.
    pub length: Duration,
    /// Messages published in it, by the server's count.
    pub published: Option<u64>,
    /// What all subscribers saw in it, merged.
    pub seen: Recorder,
    /// Connections open at its end.
    pub connections: u64,
    /// Bytes from subscribers to server.
    pub bytes_up: u64,
    /// Bytes from server to subscribers.
    pub bytes_down: u64,
    /// Server processor time.
    pub server_cpu: Option<CpuTime>,
    /// Server resident memory at its end.
    pub server_rss_bytes: Option<u64>,
    /// Load generator processor time.
    pub loadgen_cpu: CpuTime,
}

/// Processor time of a process between two readings of its counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// What it used, user and system.
    pub used: Duration,
    /// The time between the two readings. A counter is read a little after the instant that it is read
    /// for, so this is not quite the length of the second.
    pub elapsed: Duration,
}

/// Below this length, a part of a second has no processor share: what the readings at its edges cost
/// themselves would outweigh what happened in it. The drain of a run that lost nothing takes a few
/// milliseconds, most of which the server answers the questions of the load generator.
pub const MIN_RATIO_INTERVAL: Duration = Duration::from_millis(100);

/// Why a run must not be used.
#[derive(Clone, Debug, PartialEq)]
pub enum Invalid {
    /// The feed published nothing in the window, so nothing was measured.
    NothingPublished,
    /// Subscribers missed messages and believe that they have them all.
    Silent {
        /// How many deliveries.
        silently: u64,
        /// Of how many.
        expected: u64,
    },
    /// Messages are missing that should not be.
    Missing {
        /// How many deliveries.
        missing: u64,
        /// Of how many.
        expected: u64,
    },
    /// Fewer subscriptions stood than were asked for.
    ConnectionsShort {
        /// How many stood.
        subscribed: u64,
        /// How many were asked for.
        wanted: u64,
    },
    /// The load generator used up the processor time it was given.
    GeneratorBusy {
        /// Processor time divided by the time of its workers.
        ratio: f64,
    },
    /// The load generator's own event loop ran late.
    GeneratorLate {
        /// 99th percentile of its lag.
        lag_p99: Duration,
    },
    /// More was received than the window can have brought: the counts contradict each other.
    Surplus {
        /// Deliveries counted.
        received: u64,
        /// Deliveries possible.
        expected: u64,
    },
    /// Messages arrived before they were due, so they have no delivery time.
    ClocksDisagree {
        /// How many deliveries.
        from_the_future: u64,
        /// Of how many.
        received: u64,
    },
    /// The user ended the run early.
    Interrupted,
}

/// Above this share of its workers' time, the load generator's own queueing shows in the delays.
///
/// k6 and Artillery warn from 80 %; the sampling of processor time over a short window is good to a
/// few percent, so the line is drawn where noise cannot cross it from 80.
pub const GENERATOR_BUSY_RATIO: f64 = 0.85;

/// Above this p99 of its own lag, the load generator explains a delivery p99 by itself.
///
/// The lag of an idle event loop is the granularity of its timer, 1 to 2 ms. 50 ms is the whole
/// round trip of the default link (25 ms each way): beyond it, the generator outweighs what it
/// measures.
pub const GENERATOR_LATE_P99: Duration = Duration::from_millis(50);

impl Measurement {
    /// Deliveries that should have been made: messages published in the window times subscribers
    /// that stood when it opened. `None` when the server did not say what was published.
    pub fn expected(&self) -> Option<u64> {
        self.published.map(|published| published.saturating_mul(self.subscribed))
    }

    /// Deliveries that were expected and not made, announced by the server as gaps or not.
    ///
    /// `None` when it is not known how many were expected, and when *more* were received than
    /// expected: then one of the counts is wrong and no difference between them means anything
    /// ([`Invalid::Surplus`]).
    pub fn missing(&self) -> Option<u64> {
        self.expected()?.checked_sub(self.seen.received)
    }

    /// The share of the messages published in the window that reached the subscribers that were asked for,
    /// 0 to 1; one without a subscription counts with nothing. `None` for a run without faults, and where
    /// nothing was published.
    pub fn delivered_ratio(&self) -> Option<f64> {
        ratio(self.seen.received, self.published?.saturating_mul(self.faults?.wanted))
    }

    /// Bytes both ways for each message received, headers, framing and empty answers included.
    pub fn bytes_per_message(&self) -> Option<f64> {
        ratio(self.traffic.bytes_up + self.traffic.bytes_down, self.seen.received)
    }

    /// Bytes both ways for each byte of payload received. 1 would be no overhead at all.
    pub fn overhead_ratio(&self) -> Option<f64> {
        ratio(self.traffic.bytes_up + self.traffic.bytes_down, self.seen.payload_bytes)
    }

    /// Server processor time in the window for each message received: what one delivery costs.
    pub fn server_cpu_per_message(&self) -> Option<Duration> {
        let server = self.server?;
        if self.seen.received == 0 {
            return None;
        }
        let received = u128::from(self.seen.received);
        u64::try_from(server.cpu.as_nanos() / received).ok().map(Duration::from_nanos)
    }

    /// The share of its workers' time that the load generator computed, from 0 (idle) to 1.
    pub fn loadgen_cpu_ratio(&self) -> Option<f64> {
        self.loadgen.cpu_ratio(self.duration)
    }

    /// Why the numbers must not be used, given how many subscribers were `wanted`; empty when
    /// nothing speaks against them. What only the caller can know, an interruption, is not judged
    /// here.
    ///
    /// Missing messages make a run invalid even where the server announced them as gaps: delays of
    /// those that came through say nothing about those that did not. In a run with faults they are what
    /// is measured: there only a loss in silence is wrong, and subscriptions that fall short are not.
    #[must_use]
    pub fn judge(&self, wanted: u64) -> Vec<Invalid> {
        let Self { subscribed, seen, .. } = self;
        let (subscribed, received) = (*subscribed, seen.received);
        let short = (subscribed < wanted && self.faults.is_none())
            .then_some(Invalid::ConnectionsShort { subscribed, wanted });
        let silently = self.faults.map_or(0, |faults| faults.missed.silently);
        let silent = self.expected().filter(|_| silently > 0);
        let silent = silent.map(|expected| Invalid::Silent { silently, expected });
        let lost = self.expected().and_then(|expected| match expected.checked_sub(received) {
            Some(0) => None,
            Some(_) if self.faults.is_some() => None,
            Some(missing) => Some(Invalid::Missing { missing, expected }),
            None => Some(Invalid::Surplus { received, expected }),
        });
        let nothing = (self.published == Some(0)).then_some(Invalid::NothingPublished);
        let clocks = (seen.from_the_future > 0)
            .then_some(Invalid::ClocksDisagree { from_the_future: seen.from_the_future, received });
        let busy = self
            .loadgen_cpu_ratio()
            .filter(|ratio| *ratio > GENERATOR_BUSY_RATIO)
            .map(|ratio| Invalid::GeneratorBusy { ratio });
        let late = seen
            .lag
            // A short run has few values: then the largest of them decides.
            .value_at_percentile(99.0)
            .filter(|lag| *lag > GENERATOR_LATE_P99)
            .map(|lag_p99| Invalid::GeneratorLate { lag_p99 });
        [short, nothing, silent, lost, clocks, busy, late].into_iter().flatten().collect()
    }
}

impl LoadgenCost {
    /// The share of its workers' time over `duration` that the load generator computed.
    pub fn cpu_ratio(&self, duration: Duration) -> Option<f64> {
        let workers = u32::try_from(self.workers).ok()?;
        let available = duration.as_secs_f64() * f64::from(workers);
        (available > 0.0).then(|| self.cpu.as_secs_f64() / available)
    }
}

impl Second {
    /// Server processor time divided by the time that it was used in: 1 is one core. `None` when the server
    /// did not say, and for less than [`MIN_RATIO_INTERVAL`].
    pub fn server_cpu_ratio(&self) -> Option<f64> {
        self.server_cpu?.ratio()
    }

    /// The same of the load generator.
    pub fn loadgen_cpu_ratio(&self) -> Option<f64> {
        self.loadgen_cpu.ratio()
    }
}

impl CpuTime {
    /// Processor time divided by the time that it was used in: 1 is one core. `None` for less than
    /// [`MIN_RATIO_INTERVAL`].
    pub fn ratio(self) -> Option<f64> {
        (self.elapsed >= MIN_RATIO_INTERVAL).then(|| self.used.div_duration_f64(self.elapsed))
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 9 PB, and to 16 digits beyond")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingPublished => f.write_str(
                "nothing was published in the measured window: raise `feed.rate`, or lengthen \
                 `timing.measure`",
            ),
            Self::Silent { silently, expected } => {
                write!(f, "{silently} of {expected} deliveries missed in silence")
            }
            Self::Missing { missing, expected } => {
                write!(f, "{missing} of {expected} deliveries missing")
            }
            Self::ConnectionsShort { subscribed, wanted } => {
                write!(f, "{subscribed} of {wanted} subscribers connected before the window")
            }
            Self::GeneratorBusy { ratio } => write!(
                f,
                "the load generator was {:.0} % busy: delays may be its own",
                ratio * 100.0
            ),
            Self::GeneratorLate { lag_p99 } => write!(
                f,
                "the load generator ran {} ms late (p99): delays may be its own",
                lag_p99.as_millis()
            ),
            Self::Surplus { received, expected } => write!(
                f,
                "{received} deliveries counted where {expected} were possible: the counts \
                 contradict each other"
            ),
            Self::ClocksDisagree { from_the_future, received } => write!(
                f,
                "{from_the_future} of {received} deliveries arrived before they were due: the \
                 clocks disagree"
            ),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Missed;

    /// A second of 10 messages to 3 subscribers, with nothing wrong.
    fn measurement() -> Measurement {
        Measurement {
            duration: Duration::from_secs(1),
            published: Some(10),
            subscribed: 3,
            seen: Recorder { received: 30, payload_bytes: 3_000, ..Recorder::new() },
            traffic: Traffic { bytes_up: 1_500, bytes_down: 4_500, ..Traffic::default() },
            server: Some(ServerCost { cpu: Duration::from_millis(3), ..ServerCost::default() }),
            loadgen: LoadgenCost {
                cpu: Duration::from_millis(400),
                workers: 2,
                rss_peak_bytes: None,
            },
            other_load: OtherLoad::default(),
            faults: None,
            invalid: Vec::new(),
        }
    }

    #[test]
    fn a_part_of_a_second_is_divided_by_its_true_length_and_a_moment_has_no_share() {
        let ratio = |used, elapsed| {
            let [used, elapsed] = [used, elapsed].map(Duration::from_millis);
            CpuTime { used, elapsed }.ratio()
        };
        assert_eq!(ratio(22, 1_000), Some(0.022));
        assert_eq!(ratio(5, 250), Some(0.02));
        assert_eq!(ratio(10, 100), Some(0.1));
        // The end of the drain: three answers to the load generator within five milliseconds.
        assert_eq!(ratio(2, 5), None);
        assert_eq!(ratio(0, 0), None);
    }

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
    fn nothing_received_leaves_no_value_per_message() {
        let measurement = Measurement { seen: Recorder::new(), ..measurement() };
        assert_eq!(measurement.bytes_per_message(), None);
        assert_eq!(measurement.overhead_ratio(), None);
        assert_eq!(measurement.server_cpu_per_message(), None);
    }

    #[test]
    fn what_the_server_did_not_say_is_not_judged() {
        let measurement = Measurement { published: None, server: None, ..measurement() };
        assert_eq!(measurement.expected(), None);
        assert_eq!(measurement.missing(), None);
        assert_eq!(measurement.server_cpu_per_message(), None);
        assert_eq!(measurement.judge(3), []);
    }

    #[test]
    fn a_missing_message_makes_a_run_invalid_even_when_it_was_announced() {
        let mut measurement = measurement();
        measurement.seen.received = 28;
        measurement.seen.gap_missed = 2;
        assert_eq!(measurement.judge(3), [Invalid::Missing { missing: 2, expected: 30 }]);
    }

    #[test]
    fn with_faults_a_loss_that_was_told_is_measured_and_one_in_silence_is_wrong() {
        let missed = |silently| Missed { signalled: 9 - silently, silently };
        let mut measurement = measurement();
        measurement.seen.received = 21;
        measurement.faults =
            Some(FaultOutcome { wanted: 4, missed: missed(0), ..FaultOutcome::default() });
        assert_eq!(measurement.judge(4), [], "one of four never stood, nine were told");
        assert_eq!(measurement.delivered_ratio(), Some(21.0 / 40.0));
        measurement.faults =
            Some(FaultOutcome { wanted: 4, missed: missed(2), ..FaultOutcome::default() });
        assert_eq!(measurement.judge(4), [Invalid::Silent { silently: 2, expected: 30 }]);
        assert_eq!(measurement.judge(4)[0].to_string(), "2 of 30 deliveries missed in silence");
    }

    #[test]
    fn a_surplus_is_not_a_negative_loss_and_not_silent() {
        let mut measurement = measurement();
        measurement.seen.received = 31;
        assert_eq!(measurement.missing(), None);
        assert_eq!(measurement.judge(3), [Invalid::Surplus { received: 31, expected: 30 }]);
    }

    #[test]
    fn a_window_without_messages_misses_nothing_and_is_invalid() {
        let mut measurement =
            Measurement { published: Some(0), seen: Recorder::new(), ..measurement() };
        assert_eq!(measurement.missing(), Some(0));
        assert_eq!(measurement.judge(3), [Invalid::NothingPublished]);
        measurement.faults = Some(FaultOutcome { wanted: 3, ..FaultOutcome::default() });
        assert_eq!(measurement.judge(3), [Invalid::NothingPublished], "with faults as well");
    }

    #[test]
    fn a_load_generator_that_is_short_busy_or_late_is_told_apart() {
        let mut measurement = measurement();
        measurement.loadgen.cpu = Duration::from_millis(1_800);
        measurement.seen.lag.record(Duration::from_millis(80));
        measurement.seen.from_the_future = 4;
        let reasons: Vec<String> = measurement.judge(4).iter().map(ToString::to_string).collect();
        assert_eq!(
            reasons,
            [
                "3 of 4 subscribers connected before the window",
                "4 of 30 deliveries arrived before they were due: the clocks disagree",
                "the load generator was 90 % busy: delays may be its own",
                "the load generator ran 80 ms late (p99): delays may be its own",
            ]
        );
    }

    #[test]
    fn a_window_holds_its_first_instant_and_not_its_last() {
        let window = Window { from: Timestamp::from_nanos(5), to: Timestamp::from_nanos(8) };
        let inside = [4, 5, 7, 8].map(|nanos| window.contains(Timestamp::from_nanos(nanos)));
        assert_eq!(inside, [false, true, true, false]);
        assert_eq!(window.length(), Duration::from_nanos(3));
    }
}
