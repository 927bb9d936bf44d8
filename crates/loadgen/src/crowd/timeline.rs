//! The seconds of a run: what happened between two readings of the counters.

use std::time::Duration;

use wirebench_measure::{CpuTime, Recorder, Second};
use wirebench_protocol::Timestamp;

use crate::server_control::ServerUsage;

/// All counters at one instant. The difference between two snapshots is what happened in between.
#[derive(Clone, Debug)]
pub(super) struct CounterSnapshot {
    pub(super) at: Timestamp,
    /// The most by which the clock of a part of the crowd differs from that of the run.
    pub(super) clock_bound: Option<Duration>,
    /// `None` if the server is away or took too long to answer.
    pub(super) usage: Option<ServerUsage>,
    pub(super) loadgen_cpu: Duration,
    /// When the processor time of the load generator was read: at `at` or a little later.
    pub(super) loadgen_cpu_at: Timestamp,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
}

/// The second that is under way.
pub(super) struct Timeline {
    pub(super) index: u64,
    /// The counters at its beginning.
    pub(super) counters: CounterSnapshot,
    /// What this second saw before its first recorders were taken.
    pub(super) early: Recorder,
}

impl Timeline {
    /// Ends the second at `counters`, while `connections` are open, and begins the next.
    pub(super) fn next(
        &mut self,
        counters: CounterSnapshot,
        mut seen: Recorder,
        connections: u64,
    ) -> Box<Second> {
        seen.merge(&std::mem::take(&mut self.early));
        let before = std::mem::replace(&mut self.counters, counters);
        let usages = before.usage.zip(self.counters.usage);
        let second = Second {
            index: self.index,
            from: before.at,
            length: self.counters.at.saturating_since(before.at),
            published: usages
                .and_then(|(from, to)| Some(to.published?.saturating_sub(from.published?))),
            seen,
            clock_bound: self.counters.clock_bound,
            connections,
            bytes_up: self.counters.bytes_up - before.bytes_up,
            bytes_down: self.counters.bytes_down - before.bytes_down,
            server_cpu: usages.and_then(|(from, to)| {
                let elapsed = to.at.saturating_since(from.at);
                Some(CpuTime { used: server_cpu(&from, &to)?, elapsed })
            }),
            server_rss_bytes: self.counters.usage.and_then(|usage| usage.rss_bytes),
            loadgen_cpu: CpuTime {
                used: self.counters.loadgen_cpu.saturating_sub(before.loadgen_cpu),
                elapsed: self.counters.loadgen_cpu_at.saturating_since(before.loadgen_cpu_at),
            },
        };
        self.index += 1;
        Box::new(second)
    }
}

/// Returns the processor time that the server used between two readings. `None` if it is not known.
pub(super) fn server_cpu(from: &ServerUsage, to: &ServerUsage) -> Option<Duration> {
    Some(to.cpu?.saturating_sub(from.cpu?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_ratio_is_relative_to_the_time_between_its_own_readings() {
        let ms = Duration::from_millis;
        let start = Timestamp::from_nanos(1_000_000_000);
        // Counters that are read `late` after `at`, of processes that use a tenth of a core.
        let counters = |at, late| {
            let read_at = start + ms(at) + ms(late);
            let cpu = ms(at + late) / 10;
            let usage = ServerUsage {
                at: read_at,
                cpu: Some(cpu),
                rss_bytes: None,
                rss_peak_bytes: None,
                published: None,
                late_publishes: None,
            };
            CounterSnapshot {
                at: start + ms(at),
                clock_bound: None,
                usage: Some(usage),
                loadgen_cpu: cpu,
                loadgen_cpu_at: read_at,
                bytes_up: 0,
                bytes_down: 0,
            }
        };
        let mut timeline = Timeline { index: 0, counters: counters(0, 40), early: Recorder::new() };
        for (at, late, length) in [(1_000, 5, 1_000), (1_200, 60, 200), (1_400, 0, 200)] {
            let second = timeline.next(counters(at, late), Recorder::new(), 0);
            assert_eq!(second.length, ms(length), "at {at}");
            assert_eq!(second.server_cpu_ratio(), Some(0.1), "at {at}");
            assert_eq!(second.loadgen_cpu_ratio(), Some(0.1), "at {at}");
        }
        let moment = timeline.next(counters(1_403, 0), Recorder::new(), 0);
        assert_eq!((moment.server_cpu_ratio(), moment.loadgen_cpu_ratio()), (None, None));
    }
}
