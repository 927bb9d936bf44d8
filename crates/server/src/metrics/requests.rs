//! Requests, by route and status.

use axum::http::StatusCode;
use prometheus::{IntCounter, IntCounterVec, Registry};
use wirebench_protocol::Transport;

use super::per_transport::{OTHER, PerTransport};
use super::registrar::labelled;

/// The usual statuses of an answer to a subscription or a poll.
const USUAL: [StatusCode; 4] = [
    StatusCode::OK,
    StatusCode::NO_CONTENT,
    StatusCode::NOT_MODIFIED,
    StatusCode::SWITCHING_PROTOCOLS,
];

/// The metrics of requests.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    requests: IntCounterVec,
    /// The counters of the usual answers, looked up once. Otherwise polling would pay for a look-up
    /// with each request, while pushing has one request in all.
    usual: PerTransport<[IntCounter; USUAL.len()]>,
}

impl RequestMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let requests = labelled(
            registry,
            "wirebench_requests_total",
            "Requests answered, by what was asked for and the status of the answer",
            &["route", "status"],
        );
        let usual = PerTransport::new(|route| {
            USUAL.map(|status| requests.with_label_values(&[route, status.as_str()]))
        });
        Self { requests, usual }
    }

    /// Counts the answer to a subscription or a poll.
    pub(crate) fn answered(&self, transport: Transport, status: StatusCode) {
        match USUAL.iter().position(|usual| *usual == status) {
            Some(place) => self.usual.of(transport)[place].inc(),
            None => self.count(transport.name(), status),
        }
    }

    /// Counts the answer to a `POST` of a message.
    pub(crate) fn answered_publisher(&self, status: StatusCode) {
        self.count("messages", status);
    }

    /// Counts the answer to a `POST` that asks for an echo.
    pub(crate) fn answered_echo(&self, status: StatusCode) {
        self.count("echo", status);
    }

    /// Counts an answer that was given before any route saw the request.
    pub(crate) fn answered_unrouted(&self, status: StatusCode) {
        self.count(OTHER, status);
    }

    fn count(&self, route: &str, status: StatusCode) {
        self.requests.with_label_values(&[route, status.as_str()]).inc();
    }
}
