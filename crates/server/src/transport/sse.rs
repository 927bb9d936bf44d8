//! Server-sent events: one response that never ends (WHATWG HTML, section 9.2).

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::routing::MethodFilter;
use wirebench_protocol::Transport;

use super::event_stream::EventStream;
use super::feed_answer::{AnswerBody, FeedAnswer};
use super::feed_request::FeedRequest;
use super::subscription::Subscription;
use crate::api_error::ApiError;
use crate::feed::Feed;
use crate::framing::sse as framing;
use crate::state::SharedState;

pub(super) const METHODS: MethodFilter = MethodFilter::GET;

const HEAD: [(HeaderName, HeaderValue); 3] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
    // A proxy that compresses would keep the end of an event until the next one: HAProxy does.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, no-transform")),
    // nginx holds events back without this header.
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
];

/// Answers with a stream of events from the cursor on.
pub(super) async fn answer(
    server: &Arc<SharedState>,
    feed: &Feed,
    request: &FeedRequest,
) -> Result<FeedAnswer, ApiError> {
    let FeedRequest { uri, headers, context } = request;
    let (subscription, query) = Subscription::open(Transport::Sse, server, feed, uri, headers)?;
    // A browser sends the header when it reconnects. It is newer than the cursor in the address.
    let last_event = headers.get("last-event-id");
    let after = last_event.map_or(query.after.as_bytes(), |id| id.as_bytes());
    let after = subscription.locate(&String::from_utf8_lossy(after)).await?;
    let opening = framing::opening(server.limits.retry, after);
    let events = EventStream::new(opening, subscription, after, context.hold());
    let body = AnswerBody::Events(Box::new(events));
    Ok(FeedAnswer { status: StatusCode::OK, fields: HEAD.into_iter().collect(), body })
}
