//! What the store of durable feeds does: statements, rows, commits, and what is delivered from it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::proto::MetricFamily;
use prometheus::{Histogram, HistogramOpts, IntCounter, Registry};
use wirebench_protocol::Transport;
use wirebench_protocol::control::{CountWindow, StoreCounts, StoreReport};
use wirebench_store::StoreObserver;

use super::per_transport::PerTransport;
use super::registrar::{counter, per_transport, registered};
use super::store_window::StoreWindow;

/// What is counted of a store. It is handed to `wirebench_store::Store::open` as the observer, and
/// to [`Server::with_store_metrics`](crate::Server::with_store_metrics). A handle: clones count
/// together. If a server takes the place of another one and uses the same store, the counts go on.
#[derive(Clone)]
pub struct StoreMetrics(Arc<Counters>);

struct Counters {
    /// A registry of its own, because the store may outlive a server.
    registry: Registry,
    queries: IntCounter,
    rows_read: IntCounter,
    committed: IntCounter,
    /// The number of its observations is the number of transactions.
    commit_time: Histogram,
    replayed: PerTransport<IntCounter>,
    /// The count of a run, if one was begun.
    window: Mutex<Option<StoreWindow>>,
}

impl StoreMetrics {
    /// Returns what the store has done so far.
    pub fn counts(&self) -> StoreCounts {
        let Counters { queries, rows_read, committed, commit_time, replayed, .. } = &*self.0;
        let replayed = Transport::ALL.into_iter().map(|transport| replayed.of(transport).get());
        StoreCounts {
            queries: queries.get(),
            rows_read: rows_read.get(),
            transactions: commit_time.get_sample_count(),
            committed: committed.get(),
            replayed: replayed.sum(),
        }
    }

    /// Counts messages that were read from the store and handed to a subscriber.
    pub(crate) fn delivered(&self, transport: Transport, messages: usize) {
        self.0.replayed.of(transport).inc_by(messages as u64);
        self.in_window(|window| window.counts.replayed += messages as u64);
    }

    /// Begins to count what happens in `window`. An earlier count is forgotten.
    pub(crate) fn begin_count(&self, window: CountWindow) {
        *self.0.window.lock() = Some(StoreWindow::new(window));
    }

    /// Returns the count so far; `None` if none was begun.
    pub(crate) fn counted(&self) -> Option<StoreReport> {
        self.0.window.lock().as_ref().map(StoreWindow::report)
    }

    /// Adds to the count of a run what happens now, if it is in its window.
    fn in_window(&self, add: impl FnOnce(&mut StoreWindow)) {
        if let Some(window) = &mut *self.0.window.lock()
            && window.is_open()
        {
            add(window);
        }
    }

    /// Returns the metrics, for the text format of Prometheus.
    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        self.0.registry.gather()
    }
}

impl Default for StoreMetrics {
    /// Returns the counters of a store that has done nothing yet.
    fn default() -> Self {
        let registry = Registry::new();
        let commit_time = HistogramOpts::new(
            "wirebench_store_commit_seconds",
            "From the beginning of a transaction that writes messages until the database has \
             committed it",
        )
        .buckets(vec![1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0]);
        Self(Arc::new(Counters {
            queries: counter(
                &registry,
                "wirebench_store_queries_total",
                "Statements sent to the database of the store, those that begin and commit a \
                 transaction included",
            ),
            rows_read: counter(
                &registry,
                "wirebench_store_rows_read_total",
                "Messages read from the store, one row each",
            ),
            committed: counter(
                &registry,
                "wirebench_store_committed_messages_total",
                "Messages that the database has committed",
            ),
            commit_time: registered(&registry, Histogram::with_opts(commit_time)),
            replayed: per_transport(
                &registry,
                "wirebench_store_replayed_messages_total",
                "Messages handed to connections that were read from the store rather than from \
                 memory, once for each subscriber",
            ),
            window: Mutex::default(),
            registry,
        }))
    }
}

impl StoreObserver for StoreMetrics {
    fn queried(&self, statements: u64) {
        self.0.queries.inc_by(statements);
        self.in_window(|window| window.counts.queries += statements);
    }

    fn read(&self, messages: u64) {
        self.0.rows_read.inc_by(messages);
        self.in_window(|window| window.counts.rows_read += messages);
    }

    fn committed(&self, messages: u64, took: Duration) {
        self.0.committed.inc_by(messages);
        self.0.commit_time.observe(took.as_secs_f64());
        self.in_window(|window| window.committed(messages, took));
    }
}

impl fmt::Debug for StoreMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("StoreMetrics").field(&self.counts()).finish()
    }
}
