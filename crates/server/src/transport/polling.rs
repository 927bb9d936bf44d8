//! The answers that both kinds of polling share.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use wirebench_protocol::{Cursor, FEED_CURSOR};

use super::subscription::Subscription;
use crate::entity_tag::is_known;
use crate::feed::PollBatch;
use crate::framing::polling::body;

const NO_STORE: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// Answers with a batch: `200`, or `204` if it is empty, or `304` if the client already has it.
pub(super) fn answer(
    subscription: &Subscription,
    batch: &PollBatch,
    headers: &HeaderMap,
) -> Response {
    if batch.is_empty() {
        return nothing(subscription, batch.cursor);
    }
    let tag = tag(batch);
    let head = [feed_cursor(batch.cursor), NO_STORE, (header::ETAG, tag.clone())];
    let response = if is_known(headers, &tag) {
        (StatusCode::NOT_MODIFIED, head).into_response()
    } else {
        subscription.count_poll(batch);
        let kind = [(header::CONTENT_TYPE, "application/json")];
        let body = body(batch.cursor, batch.gap, batch.messages.iter());
        (head, kind, Body::from(body)).into_response()
    };
    with_retry_after(subscription, response)
}

/// Answers a poll for which nothing is new: `204` with the cursor to continue from.
pub(super) fn nothing(subscription: &Subscription, cursor: Cursor) -> Response {
    subscription.count_empty();
    let response = (StatusCode::NO_CONTENT, [feed_cursor(cursor), NO_STORE]).into_response();
    with_retry_after(subscription, response)
}

/// While the server stops, adds when to poll again.
fn with_retry_after(subscription: &Subscription, mut response: Response) -> Response {
    let server = &subscription.server;
    if server.is_stopping()
        && let Some(delay) = server.return_delay()
    {
        // The header has whole seconds only. Rounded up, so that subscribers stay spread.
        let seconds = delay.as_secs() + 1;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Returns the header with the cursor to continue from.
fn feed_cursor(cursor: Cursor) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::try_from(cursor.to_string()).expect("a cursor is plain ASCII");
    (HeaderName::from_static(FEED_CURSOR), value)
}

/// Returns the `ETag` of an answer: the places where it begins and ends. Two answers to the same
/// address with the same tag carry the same messages.
fn tag(PollBatch { after, cursor, .. }: &PollBatch) -> HeaderValue {
    HeaderValue::try_from(format!("\"{:x}-{}-{cursor}\"", after.epoch.0, after.seq))
        .expect("numbers and dashes are plain ASCII")
}
