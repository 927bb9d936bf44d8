//! The answers that both kinds of polling share.

use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue};
use smallvec::smallvec;
use wirebench_protocol::{Cursor, FEED_CURSOR};

use super::feed_answer::{AnswerBody, AnswerField, FeedAnswer, Fields};
use super::subscription::Subscription;
use crate::entity_tag;
use crate::feed::PollBatch;
use crate::framing::polling::BatchBody;

/// Answers with a batch: `200`, or `204` if it is empty, or `304` if the client already has it.
/// `known` is what the request says in `If-None-Match`.
pub(super) fn answer(
    subscription: &Subscription,
    batch: PollBatch,
    known: Option<&HeaderValue>,
) -> FeedAnswer {
    if batch.is_empty() {
        return nothing(subscription, batch.cursor);
    }
    // Two answers to the same address with the same tag carry the same messages.
    let tag = || AnswerField::Tag(batch.after, batch.cursor);
    let mut fields: Fields =
        smallvec![feed_cursor(batch.cursor), no_store(), (header::ETAG, tag())];
    let is_known = known.is_some_and(|known| entity_tag::names(known, &tag().into()));
    let (status, body) = if is_known {
        (StatusCode::NOT_MODIFIED, AnswerBody::Empty)
    } else {
        subscription.count_poll(&batch);
        fields.push(json());
        let PollBatch { cursor, gap, messages, .. } = batch;
        let body = BatchBody { cursor: cursor.text(), gap, messages };
        (StatusCode::OK, AnswerBody::Batch(body))
    };
    add_retry_after(subscription, &mut fields);
    FeedAnswer { status, fields, body }
}

/// Answers a poll for which nothing is new: `204` with the cursor to continue from.
pub(super) fn nothing(subscription: &Subscription, cursor: Cursor) -> FeedAnswer {
    subscription.count_empty();
    let mut fields: Fields = smallvec![feed_cursor(cursor), no_store()];
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
        fields.push((header::RETRY_AFTER, AnswerField::Text(HeaderValue::from(seconds))));
    }
}

/// Returns the header with the cursor to continue from.
fn feed_cursor(cursor: Cursor) -> (HeaderName, AnswerField) {
    const NAME: HeaderName = HeaderName::from_static(FEED_CURSOR);
    (NAME, AnswerField::Cursor(cursor))
}

fn no_store() -> (HeaderName, AnswerField) {
    const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    (header::CACHE_CONTROL, AnswerField::Text(NO_STORE))
}

fn json() -> (HeaderName, AnswerField) {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    (header::CONTENT_TYPE, AnswerField::Text(JSON))
}
