//! The figures, each under its name.

use prometheus::core::Collector;
use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};
use wirebench_loadgen::Progress;
use wirebench_measure::Second;
use wirebench_scenario::Run;

use super::delivery::DeliveryHistogram;

/// The figures of all runs of this program. Counters go on from run to run of a transport; gauges are
/// those of the newest second.
#[derive(Debug)]
pub(super) struct Figures {
    registry: Registry,
    run: IntGaugeVec,
    subscribers: IntGaugeVec,
    connections: IntGaugeVec,
    published: IntCounterVec,
    received: IntCounterVec,
    duplicate: IntCounterVec,
    missed: IntCounterVec,
    requests: IntCounterVec,
    bytes: IntCounterVec,
    cpu: GaugeVec,
    memory: IntGaugeVec,
    lag: GaugeVec,
    clock_bound: GaugeVec,
    delivery: DeliveryHistogram,
}

impl Figures {
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        let counter = |name, help, labels: &[&str]| {
            registered(&registry, IntCounterVec::new(opts(name, help), labels))
        };
        let gauge = |name, help, labels: &[&str]| {
            registered(&registry, IntGaugeVec::new(opts(name, help), labels))
        };
        let ratio = |name, help, labels: &[&str]| {
            registered(&registry, GaugeVec::new(opts(name, help), labels))
        };
        let delivery = DeliveryHistogram::new();
        registered(&registry, Ok(delivery.clone()));
        Self {
            run: gauge("info", "The run that is under way", &["scenario", "run_id", "transport"]),
            subscribers: gauge("subscribers", "Subscribers of the run, by state", &["state"]),
            connections: gauge("connections_open", "Connections that are open", &["transport"]),
            published: counter(
                "published_total",
                "Messages published in the measured windows",
                &["transport"],
            ),
            received: counter(
                "received_total",
                "Messages of the measured windows, once for each subscriber that received them",
                &["transport"],
            ),
            duplicate: counter("duplicate_total", "Messages that came again", &["transport"]),
            missed: counter(
                "gap_missed_total",
                "Messages that the server said were missed",
                &["transport"],
            ),
            requests: counter("requests_total", "HTTP requests of subscribers", &["transport"]),
            bytes: counter(
                "bytes_total",
                "Bytes on the wire, up to the server and down from it",
                &["transport", "direction"],
            ),
            cpu: ratio(
                "cpu_ratio",
                "Processor time of the newest second divided by its length: 1 is one core",
                &["process"],
            ),
            memory: gauge("resident_bytes", "Resident memory", &["process"]),
            lag: ratio(
                "loadgen_lag_seconds",
                "How late the load generator's own loop ran in the newest second",
                &["quantile"],
            ),
            clock_bound: ratio(
                "clock_bound_seconds",
                "The most by which the clock of a subscriber may be wrong. Absent: they have one clock",
                &[],
            ),
            delivery,
            registry,
        }
    }

    /// Returns everything in the text format of Prometheus.
    pub(super) fn text(&self) -> String {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather());
        text.unwrap_or_else(|error| format!("# cannot write the figures: {error}\n"))
    }

    pub(super) fn observe(&self, scenario: &str, run: &Run, progress: &Progress) {
        match progress {
            Progress::Ramp { subscribed, wanted } => {
                self.run.reset();
                let transport = run.transport.name();
                self.run.with_label_values(&[scenario, &run.id, transport]).set(1);
                for (state, number) in [("subscribed", subscribed), ("wanted", wanted)] {
                    self.subscribers.with_label_values(&[state]).set(whole(*number));
                }
            }
            Progress::WarmUp => {}
            Progress::Second(second) => self.second(run.transport.name(), second),
        }
    }

    fn second(&self, transport: &str, second: &Second) {
        let seen = &second.seen;
        let counted = [
            (&self.received, seen.received),
            (&self.duplicate, seen.duplicate),
            (&self.missed, seen.gap_missed),
            (&self.requests, seen.requests),
        ];
        for (counter, more) in counted {
            counter.with_label_values(&[transport]).inc_by(more);
        }
        // What is not known is left out: it is not zero.
        if let Some(published) = second.published {
            self.published.with_label_values(&[transport]).inc_by(published);
        }
        for (direction, more) in [("up", second.bytes_up), ("down", second.bytes_down)] {
            self.bytes.with_label_values(&[transport, direction]).inc_by(more);
        }
        self.connections.reset();
        self.connections.with_label_values(&[transport]).set(whole(second.connections));
        self.cpu.reset();
        let shares =
            [("server", second.server_cpu_ratio()), ("loadgen", second.loadgen_cpu_ratio())];
        for (process, share) in shares {
            if let Some(share) = share {
                self.cpu.with_label_values(&[process]).set(share);
            }
        }
        self.memory.reset();
        if let Some(bytes) = second.server_rss_bytes {
            self.memory.with_label_values(&["server"]).set(whole(bytes));
        }
        self.lag.reset();
        if let Some(lag) = seen.lag.percentile(99.0) {
            self.lag.with_label_values(&["0.99"]).set(lag.as_secs_f64());
        }
        self.clock_bound.reset();
        if let Some(bound) = second.clock_bound {
            self.clock_bound.with_label_values(&[] as &[&str]).set(bound.as_secs_f64());
        }
        self.delivery.add(transport, &seen.delivery);
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("wirebench_run_{name}"), help)
}

fn registered<T: Collector + Clone + 'static>(
    registry: &Registry,
    metric: prometheus::Result<T>,
) -> T {
    let metric = metric.expect("names and labels here are valid");
    registry.register(Box::new(metric.clone())).expect("every name is used once");
    metric
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use wirebench_measure::{CpuTime, Recorder};
    use wirebench_protocol::Timestamp;
    use wirebench_scenario::{Overrides, Scenario};

    use super::*;

    fn second(published: Option<u64>, server_cpu: Option<CpuTime>) -> Progress {
        let mut seen = Recorder::new();
        for delay_ms in [1, 20, 300] {
            seen.received += 1;
            seen.delivery.record(Duration::from_millis(delay_ms));
        }
        let (from, length) = (Timestamp::now(), Duration::from_secs(1));
        Progress::Second(Box::new(Second {
            index: 0,
            from,
            length,
            published,
            seen,
            clock_bound: None,
            connections: 3,
            bytes_up: 10,
            bytes_down: 400,
            server_cpu,
            server_rss_bytes: None,
            loadgen_cpu: CpuTime { used: length / 4, elapsed: length },
        }))
    }

    #[test]
    fn counters_go_on_and_what_is_not_known_is_left_out() {
        let overrides = Overrides::default();
        let scenario = Scenario::parse("x", "transports = [\"sse\"]", Path::new(""), &overrides);
        let run = &scenario.expect("a valid scenario").runs(1)[0];
        let figures = Figures::new();
        figures.observe("x", run, &Progress::Ramp { subscribed: 2, wanted: 3 });
        let half = CpuTime { used: Duration::from_millis(500), elapsed: Duration::from_secs(1) };
        figures.observe("x", run, &second(None, Some(half)));
        assert!(!figures.text().contains("published_total{"));
        assert!(figures.text().contains("cpu_ratio{process=\"server\"} 0.5"));
        figures.observe("x", run, &second(Some(2), None));
        insta::assert_snapshot!(figures.text());
    }
}
