//! Connections and the bytes that cross them.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use wirebench_protocol::Transport;

use super::close_reason::CloseReason;
use super::per_transport::{OTHER, PerTransport};
use super::registrar::{labelled, per_transport, registered};

/// The metrics of connections. A connection belongs to the transport of its first subscription.
#[derive(Debug)]
pub(crate) struct ConnectionMetrics {
    open: PerTransport<IntGauge>,
    accepted: PerTransport<IntCounter>,
    closed: IntCounterVec,
    streams_reset: IntCounterVec,
    sent: PerTransport<IntCounter>,
    received: PerTransport<IntCounter>,
}

impl ConnectionMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let open = Opts::new(
            "wirebench_connections_open",
            "Connections that are open now, by the transport of their first subscription",
        );
        let open = registered(registry, IntGaugeVec::new(open, &["transport"]));
        Self {
            open: PerTransport::new(|label| open.with_label_values(&[label])),
            accepted: per_transport(
                registry,
                "wirebench_connections_accepted_total",
                "Connections accepted, by the transport of their first subscription",
            ),
            closed: labelled(
                registry,
                "wirebench_connections_closed_total",
                "Connections closed, and why",
                &["transport", "reason"],
            ),
            streams_reset: labelled(
                registry,
                "wirebench_streams_reset_total",
                "Streams of HTTP/2 connections that were reset because their reader took \
                 too little",
                &["transport"],
            ),
            sent: per_transport(
                registry,
                "wirebench_bytes_sent_total",
                "Bytes written to sockets, below TLS",
            ),
            received: per_transport(
                registry,
                "wirebench_bytes_received_total",
                "Bytes read from sockets, below TLS",
            ),
        }
    }

    /// Counts a connection that opened. Its transport is not known yet.
    pub(crate) fn opened(&self) {
        self.open.of(None).inc();
    }

    /// Counts an open connection for the transport of its first subscription.
    pub(crate) fn subscribed(&self, transport: Transport) {
        self.open.of(None).dec();
        self.open.of(transport).inc();
        self.accepted.of(transport).inc();
    }

    /// Counts a connection that closed.
    pub(crate) fn closed(&self, transport: Option<Transport>, reason: CloseReason) {
        self.open.of(transport).dec();
        if transport.is_none() {
            self.accepted.of(None).inc();
        }
        self.closed.with_label_values(&[label(transport), reason.label()]).inc();
    }

    /// Counts a stream of an HTTP/2 connection that was reset because its reader took too little.
    pub(crate) fn stream_reset(&self, transport: Option<Transport>) {
        self.streams_reset.with_label_values(&[label(transport)]).inc();
    }

    /// Counts bytes that were written to a socket.
    pub(crate) fn sent(&self, transport: Option<Transport>, bytes: u64) {
        self.sent.of(transport).inc_by(bytes);
    }

    /// Counts bytes that were read from a socket.
    pub(crate) fn received(&self, transport: Option<Transport>, bytes: u64) {
        self.received.of(transport).inc_by(bytes);
    }
}

fn label(transport: Option<Transport>) -> &'static str {
    transport.map_or(OTHER, Transport::name)
}
