//! What the server counts, for Prometheus.
//!
//! Handles are looked up once: counting a delivery is one addition. Everything is counted where it
//! happens, so that a scrape agrees with what the clients counted for themselves.

use std::time::Duration;

use axum::http::StatusCode;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use wirebench_protocol::{Gap, Transport};

use crate::connection::Closed;

/// The label of what belongs to no transport: pages, health checks, connections that asked for nothing.
const OTHER: &str = "none";

const KINDS: usize = Transport::ALL.len() + 1;

/// The statuses of what goes well.
const USUAL: [StatusCode; 4] = [
    StatusCode::OK,
    StatusCode::NO_CONTENT,
    StatusCode::NOT_MODIFIED,
    StatusCode::SWITCHING_PROTOCOLS,
];

/// One handle for each transport, and one for what belongs to none.
type Each<T> = [T; KINDS];

/// The counters of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    open: Each<IntGauge>,
    accepted: Each<IntCounter>,
    closed: IntCounterVec,
    streams_reset: IntCounterVec,
    /// The usual answers of each transport, looked up once: polling would otherwise pay for a look-up with
    /// each request, of which pushing has none.
    usual: [[IntCounter; USUAL.len()]; Transport::ALL.len()],
    requests: IntCounterVec,
    messages: Each<IntCounter>,
    sent: Each<IntCounter>,
    received: Each<IntCounter>,
    empty: Each<IntCounter>,
    replayed: Each<IntCounter>,
    missed: Each<IntCounter>,
    resets: Each<IntCounter>,
    published: IntCounter,
    rejected: IntCounter,
    wake: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let counter =
            |name: &str, help: &str| each(&counters(&registry, name, help, &["transport"]));
        let open = Opts::new(
            "wirebench_connections_open",
            "Connections that are open now, by the transport of their first subscription",
        );
        let open = registered(&registry, IntGaugeVec::new(open, &["transport"]));
        let gaps = counters(
            &registry,
            "wirebench_gaps_total",
            "Gaps that subscribers were told of: messages that had left the window, or another epoch",
            &["transport", "kind"],
        );
        let requests = counters(
            &registry,
            "wirebench_requests_total",
            "Requests answered, by what was asked for and the status of the answer",
            &["route", "status"],
        );
        let wake = HistogramOpts::new(
            "wirebench_fan_out_seconds",
            "From the publishing of a message until every waiting subscriber was woken for it",
        )
        .buckets(vec![1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0]);
        Self {
            open: std::array::from_fn(|kind| open.with_label_values(&[label(kind)])),
            accepted: counter(
                "wirebench_connections_accepted_total",
                "Connections accepted, by the transport of their first subscription",
            ),
            closed: counters(
                &registry,
                "wirebench_connections_closed_total",
                "Connections closed, and why",
                &["transport", "reason"],
            ),
            streams_reset: counters(
                &registry,
                "wirebench_streams_reset_total",
                "Streams of HTTP/2 connections that were reset because their reader took too little",
                &["transport"],
            ),
            usual: Transport::ALL.map(|transport| {
                USUAL.map(|status| requests.with_label_values(&[transport.name(), status.as_str()]))
            }),
            requests,
            messages: counter(
                "wirebench_messages_sent_total",
                "Messages handed to connections, once for each subscriber",
            ),
            sent: counter("wirebench_bytes_sent_total", "Bytes written to sockets, below TLS"),
            received: counter(
                "wirebench_bytes_received_total",
                "Bytes read from sockets, below TLS",
            ),
            empty: counter("wirebench_empty_polls_total", "Polls answered without a message"),
            replayed: counter(
                "wirebench_replayed_messages_total",
                "Messages sent that had been published before their subscriber asked for them",
            ),
            missed: std::array::from_fn(|kind| gaps.with_label_values(&[label(kind), "missed"])),
            resets: std::array::from_fn(|kind| gaps.with_label_values(&[label(kind), "reset"])),
            published: registered(
                &registry,
                IntCounter::new("wirebench_published_total", "Messages published from outside"),
            ),
            rejected: registered(
                &registry,
                IntCounter::new(
                    "wirebench_rejected_total",
                    "Messages from outside that were refused",
                ),
            ),
            wake: registered(&registry, Histogram::with_opts(wake)),
            registry,
        }
    }

    /// Everything in the Prometheus text format.
    pub(crate) fn text(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect("names and labels are valid, and a string takes everything")
    }

    /// A connection opened; what for is not known yet.
    pub(crate) fn opened(&self) {
        self.open[kind(None)].inc();
    }

    /// It is known now.
    pub(crate) fn settled(&self, transport: Transport) {
        self.open[kind(None)].dec();
        self.open[kind(Some(transport))].inc();
        self.accepted[kind(Some(transport))].inc();
    }

    pub(crate) fn closed(&self, transport: Option<Transport>, why: Closed) {
        self.open[kind(transport)].dec();
        if transport.is_none() {
            self.accepted[kind(None)].inc();
        }
        self.closed.with_label_values(&[label(kind(transport)), why.name()]).inc();
    }

    /// A stream of a connection of this transport was reset: its reader took too little.
    pub(crate) fn stream_reset(&self, transport: Option<Transport>) {
        self.streams_reset.with_label_values(&[label(kind(transport))]).inc();
    }

    /// A subscription, or a poll, was answered.
    pub(crate) fn answered(&self, transport: Transport, status: StatusCode) {
        match USUAL.iter().position(|usual| *usual == status) {
            Some(place) => self.usual[transport as usize][place].inc(),
            None => self.requests.with_label_values(&[transport.name(), status.as_str()]).inc(),
        }
    }

    /// A publisher was answered.
    pub(crate) fn answered_publisher(&self, status: StatusCode) {
        self.requests.with_label_values(&["messages", status.as_str()]).inc();
    }

    /// A request that no route has seen was answered.
    pub(crate) fn answered_unseen(&self, status: StatusCode) {
        self.requests.with_label_values(&[OTHER, status.as_str()]).inc();
    }

    pub(crate) fn sent(&self, transport: Option<Transport>, bytes: u64) {
        self.sent[kind(transport)].inc_by(bytes);
    }

    pub(crate) fn received(&self, transport: Option<Transport>, bytes: u64) {
        self.received[kind(transport)].inc_by(bytes);
    }

    pub(crate) fn delivered(&self, transport: Transport, messages: usize) {
        self.messages[kind(Some(transport))].inc_by(messages as u64);
    }

    pub(crate) fn replayed(&self, transport: Transport, messages: u64) {
        self.replayed[kind(Some(transport))].inc_by(messages);
    }

    pub(crate) fn empty(&self, transport: Transport) {
        self.empty[kind(Some(transport))].inc();
    }

    pub(crate) fn gap(&self, transport: Transport, gap: Gap) {
        let gaps = match gap {
            Gap::Missed(_) => &self.missed,
            Gap::Reset => &self.resets,
        };
        gaps[kind(Some(transport))].inc();
    }

    pub(crate) fn offered(&self, taken: bool) {
        if taken { self.published.inc() } else { self.rejected.inc() }
    }

    /// Observes how long it takes to wake a feed's subscribers.
    pub(crate) fn fan_out(&self) -> impl Fn(Duration) + Send + Sync + use<> {
        let wake = self.wake.clone();
        move |took| wake.observe(took.as_secs_f64())
    }
}

fn kind(transport: Option<Transport>) -> usize {
    transport.map_or(Transport::ALL.len(), |transport| transport as usize)
}

fn label(kind: usize) -> &'static str {
    Transport::ALL.get(kind).map_or(OTHER, |transport| transport.name())
}

fn each(counters: &IntCounterVec) -> Each<IntCounter> {
    std::array::from_fn(|kind| counters.with_label_values(&[label(kind)]))
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn registered<T: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    metric: prometheus::Result<T>,
) -> T {
    let metric = metric.expect("names and labels here are valid");
    registry.register(Box::new(metric.clone())).expect("every name is used once");
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_are_counted_in_the_order_in_which_they_are_listed() {
        for (place, transport) in Transport::ALL.into_iter().enumerate() {
            assert_eq!((kind(Some(transport)), label(place)), (place, transport.name()));
        }
    }
}
