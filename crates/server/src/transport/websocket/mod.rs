//! WebSocket: one frame for each message, text or binary, both ways over one upgraded connection
//! (RFC 6455).
//!
//! A request is checked and answered in `handshake.rs`. From then on, a task of the server owns the
//! connection: `session.rs` is a subscription over it, `request.rs` is what a subscriber may ask
//! for, `echo.rs` returns what it receives, and `socket.rs` opens and closes it for both, over the messages
//! of `message_stream.rs`.

mod echo;
pub(super) mod handshake;
mod message_stream;
mod request;
mod session;
mod socket;

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use axum::routing::MethodFilter;
use wirebench_protocol::Transport;

pub(crate) use self::echo::echo;
use self::session::WebSocketSession;
use super::subscription::Subscription;
use crate::api_error::ApiError;
use crate::feed::Feed;
use crate::state::SharedState;

/// Over HTTP/2, a WebSocket is opened by a `CONNECT` (RFC 8441).
pub(crate) const METHODS: MethodFilter = MethodFilter::GET.or(MethodFilter::CONNECT);

/// Answers an opening handshake, and subscribes over the socket once it is open.
pub(super) async fn answer(
    server: &Arc<SharedState>,
    feed: &Feed,
    request: Request,
) -> Result<Response, ApiError> {
    let (uri, headers) = (request.uri(), request.headers());
    let (subscription, query) =
        Subscription::open(Transport::WebSocket, server, feed, uri, headers)?;
    let after = subscription.locate(&query.after).await?;
    let may_publish = server.access.publish(query.ticket.as_deref(), headers).is_ok();
    let buffers = socket::for_subscribers(&server.limits);
    socket::open(request, server, buffers, move |socket| {
        let waiting = VecDeque::new();
        Box::new(WebSocketSession { subscription, may_publish, socket, waiting }).run(after)
    })
}
