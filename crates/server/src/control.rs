//! The control API: what the load generator asks of the server beside the feeds. On a listener of its
//! own, so that asking does not count among what is measured.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::rejection::JsonRejection;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use wirebench_protocol::control::{self, CountWindow, PublisherReport, Usage, WindowCount};
use wirebench_protocol::{Timestamp, process};

use crate::access::Token;
use crate::answer::{self, Refusal};
use crate::connection::host;
use crate::feed::Feed;
use crate::publisher::PacedPublisher;
use crate::server::Server;
use crate::transport::{self, PathParams};

/// The control API of a server.
#[derive(Clone, Debug)]
pub struct ControlApi(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    server: Server,
    /// Without it nothing is answered: whoever reaches the port could publish otherwise.
    token: Token,
    /// At most one publisher a feed, by the feed's name.
    publishers: Mutex<HashMap<String, PacedPublisher>>,
    /// Late messages of all publishers, past and present.
    late: Arc<AtomicU64>,
}

impl ControlApi {
    /// The control API of `server`, for those who bring the token.
    pub fn new(server: Server, token: Token) -> Self {
        let publishers = Mutex::default();
        Self(Arc::new(Inner { server, token, publishers, late: Arc::default() }))
    }

    /// Every route of the API.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/usage", get(usage))
            .route("/feeds/{feed}/publisher", post(start_publisher).delete(stop_publisher))
            .route("/feeds/{feed}/window", get(read_window).put(set_window))
            .fallback(answer::no_such_route)
            .method_not_allowed_fallback(answer::no_such_method)
            .layer(middleware::from_fn_with_state(self.clone(), authorize))
            .with_state(self.clone())
    }

    /// Serves the API until the future is dropped.
    pub async fn serve(&self, listener: TcpListener) {
        // `axum::serve` never returns an error; it waits out a failing `accept`.
        let checked = self.router().layer(middleware::from_fn(one_host));
        let _ = axum::serve(listener, checked).await;
    }

    fn feed(&self, path: &PathParams) -> Result<(&str, &Feed), Refusal> {
        let feed = transport::feed(&self.0.server, path)?;
        let name = self.0.server.feeds().find(|(_, known)| std::ptr::eq(*known, feed));
        Ok(name.expect("the feed was found by its name"))
    }
}

/// Answers `400` to a request that does not name its host as HTTP/1.1 has it.
async fn one_host(request: Request, next: Next) -> Result<Response, Refusal> {
    host::check(request.version(), request.headers())?;
    Ok(next.run(request).await)
}

async fn authorize(
    State(control): State<ControlApi>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if control.0.token.is_borne_by(request.headers()) {
        return Ok(next.run(request).await);
    }
    let hint = "send `Authorization: Bearer <token>`; the server was started with it, or says it in \
                its ready line";
    Err(Refusal::unauthorized("the control API takes a token", hint))
}

type Body<T> = Result<Json<T>, JsonRejection>;

fn read<T>(body: Body<T>) -> Result<T, Refusal> {
    body.map(|Json(value)| value).map_err(|error| {
        Refusal::new(error.status(), error.body_text(), "docs/protocol.md has the control API")
    })
}

async fn start_publisher(
    State(control): State<ControlApi>,
    path: PathParams,
    plan: Body<control::Publisher>,
) -> Result<StatusCode, Refusal> {
    let (name, feed) = control.feed(&path)?;
    let plan = read(plan)?;
    let mut publishers = control.0.publishers.lock();
    if publishers.contains_key(name) {
        let error = format!("feed `{name}` already has a publisher");
        return Err(Refusal::new(StatusCode::CONFLICT, error, "DELETE it first"));
    }
    let publisher = PacedPublisher::start(feed.clone(), &plan, Arc::clone(&control.0.late))
        .map_err(|error| Refusal::bad_request(error.to_string(), "nothing is being published"))?;
    publishers.insert(name.to_owned(), publisher);
    Ok(StatusCode::CREATED)
}

/// Stopping a publisher that is not there is not an error: it published nothing.
async fn stop_publisher(
    State(control): State<ControlApi>,
    path: PathParams,
) -> Result<Json<PublisherReport>, Refusal> {
    let (name, _) = control.feed(&path)?;
    let mut publishers = control.0.publishers.lock();
    Ok(Json(publishers.remove(name).map(PacedPublisher::stop).unwrap_or_default()))
}

async fn set_window(
    State(control): State<ControlApi>,
    path: PathParams,
    window: Body<CountWindow>,
) -> Result<Json<WindowCount>, Refusal> {
    let (_, feed) = control.feed(&path)?;
    feed.count(read(window)?);
    Ok(Json(feed.counted().expect("a count was just begun")))
}

async fn read_window(
    State(control): State<ControlApi>,
    path: PathParams,
) -> Result<Response, Refusal> {
    let (name, feed) = control.feed(&path)?;
    match feed.counted() {
        Some(count) => Ok(Json(count).into_response()),
        None => Err(Refusal::new(
            StatusCode::NOT_FOUND,
            format!("nothing is counted on feed `{name}`"),
            "PUT a window first",
        )),
    }
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
