//! One second of a run.

use std::time::Duration;

use wirebench_protocol::Timestamp;

use crate::clocked_latency::ClockedLatency;
use crate::recorder::Recorder;

/// One second of one run, for the timeline.
#[derive(Clone, Debug)]
pub struct Second {
    /// The number of the second in the window, from 0. The seconds of the drain follow.
    pub index: u64,
    /// When the second began.
    pub from: Timestamp,
    /// The length of the second. The last one of the window and the last one of the drain may be
    /// shorter.
    pub length: Duration,
    /// Messages published in the second, by the server's count.
    pub published: Option<u64>,
    /// What all subscribers received in the second, merged.
    pub seen: Recorder,
    /// The most by which the clock of a subscriber differs from that of the server, as far as it is
    /// known by now. `None` if all of them have one clock.
    pub clock_bound: Option<Duration>,
    /// Connections open at the end of the second.
    pub connections: u64,
    /// Bytes from subscribers to server.
    pub bytes_up: u64,
    /// Bytes from server to subscribers.
    pub bytes_down: u64,
    /// The server's processor time.
    pub server_cpu: Option<CpuTime>,
    /// The server's resident memory at the end of the second.
    pub server_rss_bytes: Option<u64>,
    /// The load generator's processor time.
    pub loadgen_cpu: CpuTime,
}

/// Processor time of a process between two readings of its counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// The processor time used, user and system.
    pub used: Duration,
    /// The time between the two readings. It is not exactly the length of the second, because a
    /// counter is read a little after the second has ended.
    pub elapsed: Duration,
}

/// The shortest part of a second that has a processor share. In a shorter one, the cost of the
/// readings themselves would outweigh what happened. The drain of a run that lost nothing takes a
/// few milliseconds, in most of which the server answers requests of the load generator.
const MIN_RATIO_INTERVAL: Duration = Duration::from_millis(100);

impl Second {
    /// Returns the times to delivery, as far as the clocks allow.
    pub fn delivery(&self) -> ClockedLatency<'_> {
        self.seen.delivery_within(self.clock_bound)
    }

    /// Returns the server's processor time divided by the time that passed: 1 is one core. `None`
    /// if the server did not report it, and for less than 100 ms.
    pub fn server_cpu_ratio(&self) -> Option<f64> {
        self.server_cpu?.ratio()
    }

    /// Returns the load generator's processor time divided by the time that passed.
    pub fn loadgen_cpu_ratio(&self) -> Option<f64> {
        self.loadgen_cpu.ratio()
    }
}

impl CpuTime {
    /// Returns the processor time divided by the time that passed: 1 is one core. `None` for less
    /// than 100 ms.
    pub fn ratio(self) -> Option<f64> {
        (self.elapsed >= MIN_RATIO_INTERVAL).then(|| self.used.div_duration_f64(self.elapsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_divided_by_the_time_between_readings_and_a_moment_has_no_share() {
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
}
