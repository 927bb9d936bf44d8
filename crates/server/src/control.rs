//! The control API: what the load generator asks of the server besides the feeds. It has a listener
//! of its own, so that its requests are not among those that are measured.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::rejection::JsonRejection;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use wirebench_protocol::control::{self, CountWindow, PublisherReport, Usage, WindowReport};
use wirebench_protocol::{Timestamp, process};

use crate::access::Token;
use crate::api_error::ApiError;
use crate::connection::host;
use crate::feed::Feed;
use crate::feed_path::{self, PathParams};
use crate::metrics::StoreMetrics;
use crate::publisher::PacedPublisher;
use crate::routes;
use crate::server::Server;

/// The control API of a server.
#[derive(Clone, Debug)]
pub struct ControlApi(Arc<ControlState>);

#[derive(Debug)]
struct ControlState {
    server: Server,
    /// The token that every request must bring. Without one, anybody who reaches the port could
    /// publish.
    token: Token,
    /// The publishers at work, at most one for each feed, by the name of the feed.
    publishers: Mutex<HashMap<String, PacedPublisher>>,
    /// The number of late messages of all publishers, past and present.
    late: Arc<AtomicU64>,
}

impl ControlApi {
    /// Creates the control API of `server`, for clients that bring the token.
    pub fn new(server: Server, token: Token) -> Self {
        let publishers = Mutex::default();
        Self(Arc::new(ControlState { server, token, publishers, late: Arc::default() }))
    }

    /// Returns every route of the API.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/usage", get(usage))
            .route("/feeds/{feed}/publisher", post(start_publisher).delete(stop_publisher))
            .route("/feeds/{feed}/window", get(read_window).put(set_window))
            .fallback(routes::no_such_route)
            .method_not_allowed_fallback(routes::no_such_method)
            .layer(middleware::from_fn_with_state(self.clone(), authorize))
            .with_state(self.clone())
    }

    /// Serves the API until the future is dropped.
    pub async fn serve(&self, listener: TcpListener) {
        // `axum::serve` never returns an error: it tries again when `accept` fails.
        let checked = self.router().layer(middleware::from_fn(check_host));
        let _ = axum::serve(listener, checked).await;
    }

    fn feed(&self, path: &PathParams) -> Result<(&str, &Feed), ApiError> {
        feed_path::find(self.0.server.state(), path)
    }
}

/// Answers `400` to a request that does not name its host as HTTP/1.1 demands.
async fn check_host(request: Request, next: Next) -> Result<Response, ApiError> {
    host::check(request.version(), request.headers())?;
    Ok(next.run(request).await)
}

/// Answers `401` to a request without the token.
async fn authorize(
    State(control): State<ControlApi>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if control.0.token.is_borne_by(request.headers()) {
        return Ok(next.run(request).await);
    }
    let hint = "send `Authorization: Bearer <token>` with the token that the server was started \
                with, or the one in its ready line";
    Err(ApiError::unauthorized("the control API requires a token", hint))
}

type JsonResult<T> = Result<Json<T>, JsonRejection>;

/// Returns the value in a body.
fn read<T>(body: JsonResult<T>) -> Result<T, ApiError> {
    body.map(|Json(value)| value).map_err(|error| {
        let hint = "docs/protocol.md describes the control API";
        ApiError::new(error.status(), error.body_text(), hint)
    })
}

async fn start_publisher(
    State(control): State<ControlApi>,
    path: PathParams,
    plan: JsonResult<control::Publisher>,
) -> Result<StatusCode, ApiError> {
    let (name, feed) = control.feed(&path)?;
    let plan = read(plan)?;
    let mut publishers = control.0.publishers.lock();
    if publishers.contains_key(name) {
        let error = format!("feed `{name}` already has a publisher");
        return Err(ApiError::new(StatusCode::CONFLICT, error, "DELETE it first"));
    }
    let publisher = PacedPublisher::start(feed.clone(), &plan, Arc::clone(&control.0.late))
        .map_err(|error| ApiError::bad_request(error.to_string(), "nothing is being published"))?;
    publishers.insert(name.to_owned(), publisher);
    Ok(StatusCode::CREATED)
}

/// Returns what the publisher did, when all of it is in the feed. It is no error if there is no
/// publisher: nothing was published then.
async fn stop_publisher(
    State(control): State<ControlApi>,
    path: PathParams,
) -> Result<Json<PublisherReport>, ApiError> {
    let (name, _) = control.feed(&path)?;
    let publisher = control.0.publishers.lock().remove(name);
    Ok(Json(match publisher {
        Some(publisher) => publisher.stop_and_commit().await,
        None => PublisherReport::default(),
    }))
}

async fn set_window(
    State(control): State<ControlApi>,
    path: PathParams,
    window: JsonResult<CountWindow>,
) -> Result<Json<WindowReport>, ApiError> {
    let (_, feed) = control.feed(&path)?;
    let window = read(window)?;
    feed.count(window);
    let store = control.0.server.store_metrics();
    store.inspect(|store| store.begin_count(window));
    let feed = feed.counted().expect("a count was just begun");
    Ok(Json(WindowReport { feed, store: store.and_then(StoreMetrics::counted) }))
}

async fn read_window(
    State(control): State<ControlApi>,
    path: PathParams,
) -> Result<Json<WindowReport>, ApiError> {
    let (name, feed) = control.feed(&path)?;
    // A message has its stamp when it is published, and counts when it is committed.
    feed.settled().await;
    let Some(feed) = feed.counted() else {
        let error = format!("nothing is counted on feed `{name}`");
        return Err(ApiError::new(StatusCode::NOT_FOUND, error, "PUT a window first"));
    };
    let store = control.0.server.store_metrics();
    Ok(Json(WindowReport { feed, store: store.and_then(StoreMetrics::counted) }))
}

async fn usage(State(control): State<ControlApi>) -> Json<Usage> {
    let server = &control.0.server;
    let memory = process::memory();
    Json(Usage {
        at_ns: Timestamp::now(),
        cpu_ns: u64::try_from(process::cpu_time().as_nanos()).unwrap_or(u64::MAX),
        rss_bytes: memory.map(|memory| memory.resident_bytes),
        rss_peak_bytes: memory.map(|memory| memory.peak_bytes),
        connections: server.connections(),
        requests: server.requests(),
        published: server.feeds().map(|(_, feed)| feed.published()).sum(),
        late_publishes: control.0.late.load(Ordering::Relaxed),
    })
}
