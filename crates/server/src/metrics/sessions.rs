//! Sessions of Socket.IO, each of which may span several requests and connections.

use prometheus::{IntCounterVec, IntGauge, Registry};

use super::registrar::{labelled, registered};

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionCloseReason {
    /// The client ended it, or its WebSocket failed.
    Client,
    /// The client did not answer a ping in time.
    Heartbeat,
    /// The client broke the protocol, or sent without reading what it was answered.
    Protocol,
    /// The client took nothing for too long.
    SlowReader,
    /// The server stopped.
    Stopped,
    /// It was connected to no namespace when it ended, for whatever reason.
    NoNamespace,
}

impl SessionCloseReason {
    /// Returns the value of the label `reason`.
    fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Heartbeat => "heartbeat",
            Self::Protocol => "protocol",
            Self::SlowReader => "slow_reader",
            Self::Stopped => "stopped",
            Self::NoNamespace => "no_namespace",
        }
    }
}

/// The metrics of sessions.
#[derive(Debug)]
pub(crate) struct SessionMetrics {
    open: IntGauge,
    closed: IntCounterVec,
}

impl SessionMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let open = IntGauge::new(
            "wirebench_sessions_open",
            "Sessions of Socket.IO that are open now, over requests or over a WebSocket",
        );
        Self {
            open: registered(registry, open),
            closed: labelled(
                registry,
                "wirebench_sessions_closed_total",
                "Sessions of Socket.IO that ended, and why",
                &["reason"],
            ),
        }
    }

    /// Counts a session that opened.
    pub(crate) fn opened(&self) {
        self.open.inc();
    }

    /// Counts a session that ended.
    pub(crate) fn closed(&self, end: SessionCloseReason) {
        self.open.dec();
        self.closed.with_label_values(&[end.label()]).inc();
    }
}
