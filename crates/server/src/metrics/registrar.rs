//! Creates metrics and registers them.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use super::per_transport::PerTransport;

/// Creates a counter and registers it.
pub(super) fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    registered(registry, IntCounter::new(name, help))
}

/// Creates a counter with these labels and registers it.
pub(super) fn labelled(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> IntCounterVec {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

/// Creates a counter for each transport, with the label `transport`, and registers it.
pub(super) fn per_transport(
    registry: &Registry,
    name: &str,
    help: &str,
) -> PerTransport<IntCounter> {
    let counters = labelled(registry, name, help, &["transport"]);
    PerTransport::new(|label| counters.with_label_values(&[label]))
}

/// Registers a metric.
pub(super) fn registered<T: Collector + Clone + 'static>(
    registry: &Registry,
    metric: prometheus::Result<T>,
) -> T {
    let metric = metric.expect("names and labels here are valid");
    registry.register(Box::new(metric.clone())).expect("every name is used once");
    metric
}
