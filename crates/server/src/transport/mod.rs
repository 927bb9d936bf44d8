//! The ways to read a feed, one file or folder for each transport.
//!
//! # A transport that has a path for each feed
//!
//! Such a transport is a [`FeedTransport`]: each subscription, or each poll, is one request. Its
//! file has two things, which the matches below list, so that the compiler names them for a new
//! transport: `METHODS`, the methods that its route takes, and `answer`, which answers each
//! request. `answer` opens a [`Subscription`](subscription::Subscription), reads its feed in one of
//! the three ways that a [`Feed`] offers, and writes the bytes that [`crate::framing`] makes.
//!
//! # A transport whose subscription spans several requests
//!
//! Such a transport has a function `routes` of its own, which [`routes`] calls. Socket.IO is one:
//! it has one path for all feeds, and a session that requests name.
//!
//! - A subscription is what a subscriber reads, and where it is counted. It knows nothing of
//!   requests. What belongs to one request, its connection, the slot of its client and its HTTP/2
//!   stream, is a [`RequestContext`].
//! - `routes` creates the table of sessions, which its handlers share. The table bounds their
//!   number, and something ends those that nobody uses: for Socket.IO the heartbeat.
//! - A request that is held uses [`RequestContext::hold`], so that its connection counts as active.
//! - A session ends with its feed, which the server closes when it stops. A task that works for a
//!   session runs by [`SharedState::spawn`], so that the server waits for it.

pub(crate) mod event_stream;
pub(crate) mod feed_answer;
pub(crate) mod feed_request;
mod long_polling;
mod polling;
mod short_polling;
mod socket_io;
mod sse;
mod subscription;
pub(crate) mod websocket;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use wirebench_protocol::Transport;

use self::feed_answer::FeedAnswer;
use self::feed_request::FeedRequest;
use crate::api_error::ApiError;
use crate::connection::RequestContext;
use crate::feed::Feed;
use crate::feed_path::{self, PathParams};
use crate::state::SharedState;

/// Routes whose handlers share the state of the server.
pub(crate) type Routes = Router<Arc<SharedState>>;

/// The transports that have a path for each feed. A request to it is a whole subscription, or a
/// poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedTransport {
    /// As [`Transport::ShortPolling`].
    ShortPolling,
    /// As [`Transport::LongPolling`].
    LongPolling,
    /// As [`Transport::Sse`].
    Sse,
    /// As [`Transport::WebSocket`].
    WebSocket,
}

impl From<FeedTransport> for Transport {
    fn from(transport: FeedTransport) -> Self {
        match transport {
            FeedTransport::ShortPolling => Self::ShortPolling,
            FeedTransport::LongPolling => Self::LongPolling,
            FeedTransport::Sse => Self::Sse,
            FeedTransport::WebSocket => Self::WebSocket,
        }
    }
}

/// Returns the routes of a transport.
pub(crate) fn routes(transport: Transport, server: &Arc<SharedState>) -> Routes {
    match transport {
        Transport::ShortPolling => route(FeedTransport::ShortPolling, short_polling::METHODS),
        Transport::LongPolling => route(FeedTransport::LongPolling, long_polling::METHODS),
        Transport::Sse => route(FeedTransport::Sse, sse::METHODS),
        Transport::WebSocket => route(FeedTransport::WebSocket, websocket::METHODS),
        Transport::SocketIo => socket_io::routes(server),
    }
}

/// Answers a request for `feed`, and counts it.
pub(crate) async fn answer(
    transport: FeedTransport,
    server: &Arc<SharedState>,
    feed: &Feed,
    request: Request,
) -> Response {
    let get = match transport {
        FeedTransport::ShortPolling => FeedGet::ShortPolling,
        FeedTransport::LongPolling => FeedGet::LongPolling,
        FeedTransport::Sse => FeedGet::Sse,
        FeedTransport::WebSocket => {
            RequestContext::of(&request).set_transport(Transport::WebSocket);
            let answer = websocket::answer(server, feed, request).await.into_response();
            server.metrics.requests.answered(Transport::WebSocket, answer.status());
            return answer;
        }
    };
    let opened = FeedRequest::open(get.into(), server, feed, &request);
    // Nothing else of the request is kept while it is held.
    drop(request);
    answer_get(get, server, opened).await.into_response()
}

/// The transports whose requests are each answered with one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedGet {
    /// As [`Transport::ShortPolling`].
    ShortPolling,
    /// As [`Transport::LongPolling`].
    LongPolling,
    /// As [`Transport::Sse`].
    Sse,
}

impl From<FeedGet> for Transport {
    fn from(get: FeedGet) -> Self {
        match get {
            FeedGet::ShortPolling => Self::ShortPolling,
            FeedGet::LongPolling => Self::LongPolling,
            FeedGet::Sse => Self::Sse,
        }
    }
}

impl FeedGet {
    /// Every one of them.
    pub(crate) const ALL: [Self; 3] = [Self::ShortPolling, Self::LongPolling, Self::Sse];
}

/// Answers a request that was opened, or was not, and counts it.
pub(crate) fn answer_get(
    get: FeedGet,
    server: &Arc<SharedState>,
    request: Result<FeedRequest, ApiError>,
) -> impl Future<Output = FeedAnswer> + Send + use<> {
    let server = Arc::clone(server);
    async move {
        let answer = match &request {
            Ok(request) => match get {
                FeedGet::ShortPolling => short_polling::answer(request).await,
                FeedGet::LongPolling => long_polling::answer(request).await,
                FeedGet::Sse => sse::answer(request).await,
            },
            Err(error) => Err(error.clone()),
        };
        let answer = answer.unwrap_or_else(FeedAnswer::from);
        server.metrics.requests.answered(get.into(), answer.status);
        answer
    }
}

/// Returns the route of a transport that has a path for each feed.
fn route(transport: FeedTransport, methods: MethodFilter) -> Routes {
    let handler =
        async move |State(server): State<Arc<SharedState>>, path: PathParams, request: Request| {
            match feed_path::find(&server, &path) {
                Ok((_, feed)) => answer(transport, &server, feed, request).await,
                Err(error) => {
                    let answer = error.into_response();
                    server.metrics.requests.answered(transport.into(), answer.status());
                    answer
                }
            }
        };
    Router::new().route(&Transport::from(transport).path("{feed}"), on(methods, handler))
}
