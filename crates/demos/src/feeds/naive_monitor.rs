//! The monitor as a first version often looks: each connection has a sampler of its own, and a
//! timer of its own that sends the latest sample. The monitor page compares it with the shared
//! sampler.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wirebench_server::{ApiError, Feed, FeedTransport, Server};

use crate::api::answer::limit_reached;
use crate::feeds::internal::{publish, read_only};
use crate::feeds::monitor::{MachineSample, MachineSampler, PERIOD, SamplingCost};
use crate::traffic::connection::TrackedConnection;

/// The number of connections that are served in this way at a time.
const MAX_CONNECTIONS: u64 = 256;

/// Serves `/demo/monitor/naive`.
#[derive(Clone, Debug)]
pub(crate) struct NaiveMonitor {
    server: Server,
    cost: Arc<SamplingCost>,
    /// Cancelled when the server stops.
    stopped: CancellationToken,
}

impl NaiveMonitor {
    pub(crate) fn new(
        server: Server,
        cost: &Arc<SamplingCost>,
        stopped: CancellationToken,
    ) -> Self {
        Self { server, cost: Arc::clone(cost), stopped }
    }

    pub(crate) fn routes(self) -> Router {
        Router::new().route("/demo/monitor/naive", get(subscribe)).with_state(self)
    }

    /// Samples and sends for one connection, each in a task of its own, as two independent timers
    /// would.
    fn serve(
        &self,
        feed: Feed,
        sampler: MachineSampler,
        connection: &Arc<TrackedConnection>,
        counted: CountedConnection,
    ) {
        let (newest, receiver) = watch::channel(None);
        tokio::spawn({
            let end = self.end_of(connection);
            async move {
                tokio::select! {
                    () = sample(sampler, newest) => {}
                    () = end => {}
                }
            }
        });
        let end = self.end_of(connection);
        tokio::spawn(async move {
            let _counted = counted;
            tokio::select! {
                () = send(&feed, receiver) => {}
                () = end => {}
            }
            feed.close();
        });
    }

    /// Returns once the connection is closed or the server stops.
    fn end_of(&self, connection: &Arc<TrackedConnection>) -> impl Future<Output = ()> + use<> {
        let (connection, stopped) = (Arc::clone(connection), self.stopped.clone());
        async move {
            tokio::select! {
                () = connection.closed() => {}
                () = stopped.cancelled() => {}
            }
        }
    }
}

async fn subscribe(
    State(monitor): State<NaiveMonitor>,
    request: Request,
) -> Result<Response, ApiError> {
    let connection = request.extensions().get::<Arc<TrackedConnection>>().cloned();
    let connection = connection.ok_or_else(|| {
        let hint = "add the layer of the demos to the server";
        internal_error("the connection does not have the layer of the demos", hint)
    })?;
    let counted = CountedConnection::new(&monitor.cost)?;
    let sampler = MachineSampler::new(Arc::clone(&monitor.cost)).map_err(|error| {
        let hint = "run the server on another machine";
        internal_error(format!("cannot sample the machine: {error}"), hint)
    })?;
    let feed = read_only(8);
    let response = monitor.server.answer(FeedTransport::WebSocket, &feed, request).await;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        monitor.serve(feed, sampler, &connection, counted);
    }
    Ok(response)
}

fn internal_error(error: impl Into<String>, hint: &'static str) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error, hint)
}

async fn sample(mut sampler: MachineSampler, newest: watch::Sender<Option<MachineSample>>) {
    loop {
        tokio::time::sleep(about_a_period()).await;
        newest.send_replace(Some(sampler.sample()));
    }
}

async fn send(feed: &Feed, newest: watch::Receiver<Option<MachineSample>>) {
    tokio::time::sleep(PERIOD.mul_f64(rand::random())).await;
    loop {
        tokio::time::sleep(about_a_period()).await;
        if let Some(sample) = &*newest.borrow() {
            publish(feed, sample);
        }
    }
}

/// Returns the period, up to 5 % longer or shorter. Two exact timers would keep the distance that
/// they started with, and one connection would show that distance instead of the average.
fn about_a_period() -> Duration {
    PERIOD.mul_f64(rand::random_range(0.95..=1.05))
}

/// Counts one of the connections that are served in this way, until it is dropped.
struct CountedConnection(Arc<SamplingCost>);

impl CountedConnection {
    fn new(cost: &Arc<SamplingCost>) -> Result<Self, ApiError> {
        let another = |now| (now < MAX_CONNECTIONS).then_some(now + 1);
        let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        cost.naive_connections.fetch_update(acquire, relaxed, another).map_err(|now| {
            let error = format!("{now} connections have a sampler of their own");
            let hint = "close some of them, or subscribe to the feed `monitor`";
            limit_reached(error, hint, 10)
        })?;
        Ok(Self(Arc::clone(cost)))
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.naive_connections.fetch_sub(1, Ordering::Release);
    }
}
