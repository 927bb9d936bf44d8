//! The state that all connections and routes of a server share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::future::join_all;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wirebench_protocol::HttpStack;

use crate::access::Access;
use crate::admission::Admission;
use crate::feed::Feed;
use crate::layer::Layer;
use crate::limits::Limits;
use crate::log_limit::LogLimit;
use crate::metrics::Metrics;
use crate::proxies::Proxies;
use crate::tls::Tls;

/// How long connections that are closed at the end of the drain time may take to close.
const CLOSING_TIME: Duration = Duration::from_millis(100);

/// The feeds of a server, its settings, and what it counts.
///
/// This module knows nothing of routes, transports or connections: they import it.
#[derive(Debug)]
pub(crate) struct SharedState {
    pub(crate) feeds: BTreeMap<String, Feed>,
    pub(crate) limits: Limits,
    pub(crate) access: Access,
    pub(crate) proxies: Proxies,
    pub(crate) tls: Option<Tls>,
    pub(crate) layer: Option<Box<dyn Layer>>,
    /// Who serves HTTP/1.1. `None`: it depends on the routes.
    pub(crate) http_stack: Option<HttpStack>,
    pub(crate) metrics: Metrics,
    pub(crate) admission: Admission,
    /// Limits how often it is logged that a connection did not begin with a proper request in time.
    pub(crate) bad_start_log: LogLimit,
    /// The number of HTTP requests received.
    requests: AtomicU64,
    /// Cancelled once, when the server stops: connections accept no further requests.
    stopping: CancellationToken,
    /// Set just before `stopping` is cancelled. Every answer reads this, and reading the token
    /// takes a lock.
    is_stopping: AtomicBool,
    /// Every connection, every upgraded socket, and everything else that the server waits for when
    /// it stops.
    tasks: TaskTracker,
}

impl SharedState {
    pub(crate) fn new(feeds: impl IntoIterator<Item = (String, Feed)>) -> Self {
        let metrics = Metrics::new();
        let feeds: BTreeMap<_, _> = feeds.into_iter().collect();
        for feed in feeds.values() {
            feed.observe_wake_time(metrics.publishing.wake_time());
        }
        Self {
            feeds,
            limits: Limits::default(),
            access: Access::default(),
            proxies: Proxies::default(),
            tls: None,
            layer: None,
            http_stack: None,
            metrics,
            admission: Admission::default(),
            bad_start_log: LogLimit::default(),
            requests: AtomicU64::new(0),
            stopping: CancellationToken::new(),
            is_stopping: AtomicBool::new(false),
            tasks: TaskTracker::new(),
        }
    }

    pub(crate) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of HTTP requests received.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Runs a future as a task that the server waits for when it stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Completes when the server stops.
    pub(crate) fn stopping(&self) -> impl Future<Output = ()> {
        self.stopping.cancelled()
    }

    /// Returns true once the server stops.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Ends every subscription, and waits until all tasks have ended or the drain time is over.
    /// Then writes what durable feeds have taken, within the same time.
    pub(crate) async fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.stopping.cancel();
        for feed in self.feeds.values() {
            feed.close();
        }
        self.tasks.close();
        // Connections that wait for their next poll close themselves at the end of the drain time.
        let time = self.limits.drain_time.saturating_add(CLOSING_TIME);
        let _ = tokio::time::timeout(time, self.tasks.wait()).await;
        let stored = join_all(self.feeds.values().map(Feed::close_store));
        if tokio::time::timeout(time, stored).await.is_err() {
            tracing::warn!("what waits to be stored is given up: the database does not answer");
        }
    }

    /// Returns a random delay after which a subscriber is asked to come back when the server stops.
    /// `None` if subscribers are told nothing.
    pub(crate) fn return_delay(&self) -> Option<Duration> {
        let most = self.limits.return_time;
        (!most.is_zero()).then(|| most.mul_f64(rand::random_range(0.0..=1.0)))
    }
}
