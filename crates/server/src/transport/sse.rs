//! Server-sent events: one response that never ends (WHATWG HTML, section 9.2).

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::routing::MethodFilter;

use super::event_stream::EventStream;
use super::feed_answer::{AnswerBody, AnswerField, FeedAnswer};
use super::feed_request::FeedRequest;
use crate::api_error::ApiError;
use crate::framing::sse as framing;

pub(super) const METHODS: MethodFilter = MethodFilter::GET;

const HEAD: [(HeaderName, HeaderValue); 3] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
    // A proxy that compresses would keep the end of an event until the next one: HAProxy does.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, no-transform")),
    // nginx holds events back without this header.
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
];

/// Answers with a stream of events from the cursor on.
pub(super) async fn answer(request: &FeedRequest) -> Result<FeedAnswer, ApiError> {
    let FeedRequest { subscription, query, last_event, context, .. } = request;
    // A browser sends the header when it reconnects. It is newer than the cursor in the address.
    let last_event = last_event.as_ref().map(|event| String::from_utf8_lossy(event.as_bytes()));
    let after = last_event.map_or_else(|| query.after.clone(), |event| event.parse());
    let after = subscription.locate(&after).await?;
    let opening = framing::opening(subscription.server.limits.retry, after);
    let events = EventStream::new(opening, subscription.clone(), after, context.hold());
    let body = AnswerBody::Events(Box::new(events));
    let fields = HEAD.into_iter().map(|(name, value)| (name, AnswerField::Text(value))).collect();
    Ok(FeedAnswer { status: StatusCode::OK, fields, body })
}
