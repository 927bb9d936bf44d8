//! The answers that both kinds of polling share.

use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use smallvec::smallvec;
use wirebench_protocol::{Cursor, FEED_CURSOR};

use super::feed_answer::{AnswerBody, FeedAnswer, Fields};
use super::subscription::Subscription;
use crate::entity_tag::is_known;
use crate::feed::PollBatch;
use crate::framing::polling::body;

const NO_STORE: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

const JSON: (HeaderName, HeaderValue) =
    (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));

/// Answers with a batch: `200`, or `204` if it is empty, or `304` if the client already has it.
pub(super) fn answer(
    subscription: &Subscription,
    batch: &PollBatch,
    headers: &HeaderMap,
) -> FeedAnswer {
    if batch.is_empty() {
        return nothing(subscription, batch.cursor);
    }
    let tag = tag(batch);
    let is_known = is_known(headers, &tag);
    let mut fields: Fields = smallvec![feed_cursor(batch.cursor), NO_STORE, (header::ETAG, tag)];
    let (status, body) = if is_known {
        (StatusCode::NOT_MODIFIED, AnswerBody::Empty)
    } else {
        subscription.count_poll(batch);
        fields.push(JSON);
        let body = body(batch.cursor, batch.gap, batch.messages.iter());
        (StatusCode::OK, AnswerBody::Whole(body))
    };
    add_retry_after(subscription, &mut fields);
    FeedAnswer { status, fields, body }
}

/// Answers a poll for which nothing is new: `204` with the cursor to continue from.
pub(super) fn nothing(subscription: &Subscription, cursor: Cursor) -> FeedAnswer {
    subscription.count_empty();
    let mut fields: Fields = smallvec![feed_cursor(cursor), NO_STORE];
    add_retry_after(subscription, &mut fields);
    FeedAnswer { status: StatusCode::NO_CONTENT, fields, body: AnswerBody::Empty }
}

/// While the server stops, adds when to poll again.
fn add_retry_after(subscription: &Subscription, fields: &mut Fields) {
    let server = &subscription.server;
    if server.is_stopping()
        && let Some(delay) = server.return_delay()
    {
        // The header has whole seconds only. Rounded up, so that subscribers stay spread.
        let seconds = delay.as_secs() + 1;
        fields.push((header::RETRY_AFTER, HeaderValue::from(seconds)));
    }
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
