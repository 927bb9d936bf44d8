//! The ways to read a feed, one file for each transport.
//!
//! # A transport
//!
//! Each file has two things, which the two matches below list, so that the compiler names them for
//! a new transport: `METHODS`, the methods that its route takes, and `answer`, which answers each
//! request. `answer` opens a [`Subscription`], reads its feed in one of the three ways that a
//! [`Feed`] offers, and writes the bytes that [`crate::framing`] makes.
//!
//! # A subscription and its requests
//!
//! A [`Subscription`] is what a subscriber reads, and where it is counted. It knows nothing of
//! requests. What belongs to one request, its connection, the slot of its client and its HTTP/2
//! stream, is a [`RequestContext`](crate::connection::RequestContext). The transports here need one
//! request for each subscription or poll. A transport whose subscription spans several requests,
//! such as one with a session id and a `POST` beside the `GET`, is one more arm in [`routes`]:
//!
//! - Its file has a function `routes` of its own, with its paths and their methods. The function
//!   creates an [`ExpiringTable`](crate::expiring_table::ExpiringTable) of sessions, which its
//!   handlers share. The table owns the sessions: its capacity bounds their number, and its
//!   lifetime ends those that nobody uses. (Tickets are never renewed, so the table still lacks a
//!   `renew` for the requests of a session.)
//! - A session keeps its `Subscription`, and each request finds it by its id. A request that is
//!   held uses [`RequestContext::hold`](crate::connection::RequestContext::hold), so that its
//!   connection counts as active.
//! - A session ends with its feed, which the server closes when it stops. A task that works for a
//!   session runs by [`SharedState::spawn`], so that the server waits for it.
//!
//! The test in `session_example.rs` is such a transport.

mod long_polling;
mod polling;
#[cfg(test)]
mod session_example;
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

use crate::connection::RequestContext;
use crate::feed::Feed;
use crate::feed_path::{self, PathParams};
use crate::state::SharedState;

/// Routes whose handlers share the state of the server.
pub(crate) type Routes = Router<Arc<SharedState>>;

/// Returns the routes of a transport.
pub(crate) fn routes(transport: Transport, server: &Arc<SharedState>) -> Routes {
    match transport {
        Transport::ShortPolling => one_route(transport, short_polling::METHODS),
        Transport::LongPolling => one_route(transport, long_polling::METHODS),
        Transport::Sse => one_route(transport, sse::METHODS),
        Transport::WebSocket => one_route(transport, websocket::METHODS),
        Transport::SocketIo => socket_io::routes(server),
    }
}

/// Answers a request for `feed`, and counts it.
pub(crate) async fn answer(
    transport: Transport,
    server: &Arc<SharedState>,
    feed: &Feed,
    request: Request,
) -> Response {
    RequestContext::of(&request).set_transport(transport);
    let answer = match transport {
        Transport::ShortPolling => short_polling::answer(server, feed, &request),
        Transport::LongPolling => long_polling::answer(server, feed, request).await,
        Transport::Sse => sse::answer(server, feed, &request),
        Transport::WebSocket => websocket::answer(server, feed, request),
        Transport::SocketIo => Err(crate::api_error::ApiError::too_many_connections()),
    };
    let answer = answer.into_response();
    server.metrics.requests.answered(transport, answer.status());
    answer
}

/// Returns the route of a transport that has one path for each feed.
fn one_route(transport: Transport, methods: MethodFilter) -> Routes {
    let handler =
        async move |State(server): State<Arc<SharedState>>, path: PathParams, request: Request| {
            match feed_path::find(&server, &path) {
                Ok((_, feed)) => answer(transport, &server, feed, request).await,
                Err(error) => {
                    let answer = error.into_response();
                    server.metrics.requests.answered(transport, answer.status());
                    answer
                }
            }
        };
    Router::new().route(&transport.path("{feed}"), on(methods, handler))
}
