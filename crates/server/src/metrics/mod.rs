//! What the server counts, for Prometheus.
//!
//! Each counter is looked up once, so that counting a delivery is one addition. Everything is
//! counted where it happens, so that a scrape agrees with what the clients counted for themselves.

mod close_reason;
mod connections;
mod messages;
mod per_transport;
mod publishing;
mod registrar;
mod requests;
mod sessions;
mod store;
mod store_window;

use prometheus::{Registry, TextEncoder};

pub(crate) use self::close_reason::CloseReason;
use self::connections::ConnectionMetrics;
use self::messages::MessageMetrics;
use self::publishing::PublishingMetrics;
use self::requests::RequestMetrics;
pub(crate) use self::sessions::SessionCloseReason;
use self::sessions::SessionMetrics;
pub use self::store::StoreMetrics;

/// The counters of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) connections: ConnectionMetrics,
    pub(crate) requests: RequestMetrics,
    pub(crate) messages: MessageMetrics,
    pub(crate) publishing: PublishingMetrics,
    pub(crate) sessions: SessionMetrics,
    /// `None`: the server has no store, and tells nothing of one.
    pub(crate) store: Option<StoreMetrics>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        Self {
            connections: ConnectionMetrics::new(&registry),
            requests: RequestMetrics::new(&registry),
            messages: MessageMetrics::new(&registry),
            publishing: PublishingMetrics::new(&registry),
            sessions: SessionMetrics::new(&registry),
            store: None,
            registry,
        }
    }

    /// Returns everything in the text format of Prometheus.
    pub(crate) fn text(&self) -> String {
        let mut metrics = self.registry.gather();
        metrics.extend(self.store.iter().flat_map(StoreMetrics::gather));
        TextEncoder::new()
            .encode_to_string(&metrics)
            .expect("names and labels are valid, and a string takes everything")
    }
}
