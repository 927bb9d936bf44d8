//! The seconds of a run: counters at two instants, and what lies between them.

use std::time::Duration;

use wirebench_measure::{CpuTime, Recorder, Second};
use wirebench_protocol::Timestamp;
use wirebench_protocol::control::Usage;

/// The counters at one instant. The difference between two of them is what happened in between.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) at: Timestamp,
    /// `None` when the server took too long to say.
    pub(crate) usage: Option<Usage>,
    pub(crate) loadgen_cpu: Duration,
    /// When the load generator's processor time was read: at or a little after `at`.
    pub(crate) loadgen_cpu_at: Timestamp,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
}

/// The second that is under way.
pub(crate) struct Timeline {
    pub(crate) index: u64,
    /// The counters at its beginning.
    pub(crate) edge: Edge,
    /// Events of this second that were handed over with the one before it.
    pub(crate) early: Recorder,
}

impl Timeline {
    /// Ends the second at `edge`, with so many `connections` open, and begins the next.
    pub(crate) fn next(&mut self, edge: Edge, mut seen: Recorder, connections: u64) -> Box<Second> {
        seen.merge(&std::mem::take(&mut self.early));
        let before = std::mem::replace(&mut self.edge, edge);
        let usages = before.usage.zip(self.edge.usage);
        let second = Second {
            index: self.index,
            from: before.at,
            length: self.edge.at.saturating_since(before.at),
            published: usages.map(|(from, to)| to.published.saturating_sub(from.published)),
            seen,
            connections,
            bytes_up: self.edge.bytes_up - before.bytes_up,
            bytes_down: self.edge.bytes_down - before.bytes_down,
            server_cpu: usages.map(|(from, to)| CpuTime {
                used: server_cpu(&from, &to),
                elapsed: to.at_ns.saturating_since(from.at_ns),
            }),
            server_rss_bytes: self.edge.usage.and_then(|usage| usage.rss_bytes),
            loadgen_cpu: CpuTime {
                used: self.edge.loadgen_cpu.saturating_sub(before.loadgen_cpu),
                elapsed: self.edge.loadgen_cpu_at.saturating_since(before.loadgen_cpu_at),
            },
        };
        self.index += 1;
        Box::new(second)
    }
}

/// Processor time of the server between two of its answers.
pub(crate) fn server_cpu(from: &Usage, to: &Usage) -> Duration {
    Duration::from_nanos(to.cpu_ns.saturating_sub(from.cpu_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_divided_by_the_time_between_its_own_readings() {
        let ms = Duration::from_millis;
        let start = Timestamp::from_nanos(1_000_000_000);
        // What was read `late` after the instant that it was read for, of processes a tenth of a core busy.
        let edge = |at, late| {
            let read_at = start + ms(at) + ms(late);
            let cpu = ms(at + late) / 10;
            let usage = Usage {
                at_ns: read_at,
                cpu_ns: u64::try_from(cpu.as_nanos()).unwrap(),
                rss_bytes: None,
                rss_peak_bytes: None,
                connections: 0,
                requests: 0,
                published: 0,
                late_publishes: 0,
            };
            Edge {
                at: start + ms(at),
                usage: Some(usage),
                loadgen_cpu: cpu,
                loadgen_cpu_at: read_at,
                bytes_up: 0,
                bytes_down: 0,
            }
        };
        let mut timeline = Timeline { index: 0, edge: edge(0, 40), early: Recorder::new() };
        for (at, late, length) in [(1_000, 5, 1_000), (1_200, 60, 200), (1_400, 0, 200)] {
            let second = timeline.next(edge(at, late), Recorder::new(), 0);
            assert_eq!(second.length, ms(length), "at {at}");
            assert_eq!(second.server_cpu_ratio(), Some(0.1), "at {at}");
            assert_eq!(second.loadgen_cpu_ratio(), Some(0.1), "at {at}");
        }
        let moment = timeline.next(edge(1_403, 0), Recorder::new(), 0);
        assert_eq!((moment.server_cpu_ratio(), moment.loadgen_cpu_ratio()), (None, None));
    }
}
