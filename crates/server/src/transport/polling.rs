//! The answers that both kinds of polling share.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use wirebench_protocol::Cursor;

use super::Subscription;
use crate::feed::Batch;

/// The batch as `200`, or as `204` where it is empty, or as `304` where the client already has it.
pub(super) fn answer(
    subscription: &Subscription,
    asked: Cursor,
    batch: &Batch,
    headers: &HeaderMap,
) -> Response {
    if batch.is_empty() {
        return nothing(subscription, batch.cursor);
    }
    let tag = tag(asked, batch);
    let known = headers.get(header::IF_NONE_MATCH);
    let head = [super::feed_cursor(batch.cursor), NO_STORE, (header::ETAG, tag.clone())];
    let response = if known.is_some_and(|known| names(known, &tag)) {
        (StatusCode::NOT_MODIFIED, head).into_response()
    } else {
        subscription.count(batch);
        let kind = [(header::CONTENT_TYPE, "application/json")];
        (head, kind, Body::from(body(batch))).into_response()
    };
    with_retry_after(subscription, response)
}

/// The answer to a poll for which nothing is new, with the place to go on from.
pub(super) fn nothing(subscription: &Subscription, cursor: Cursor) -> Response {
    subscription.server.metrics().empty(subscription.transport);
    let response = (StatusCode::NO_CONTENT, [super::feed_cursor(cursor), NO_STORE]).into_response();
    with_retry_after(subscription, response)
}

/// Adds when to poll again to an answer of a server that stops.
fn with_retry_after(subscription: &Subscription, mut response: Response) -> Response {
    let server = &subscription.server;
    if server.is_stopping()
        && let Some(delay) = server.return_delay()
    {
        // Whole seconds, which is all that the header can say: rounded up, to stay spread.
        let seconds = delay.as_secs() + 1;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

const NO_STORE: (header::HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// `{"cursor":"…","gap":…,"messages":[…]}`, put together from the messages as they were encoded.
fn body(batch: &Batch) -> Bytes {
    let gap = batch.gap.map(|gap| {
        format!("\"gap\":{},", serde_json::to_string(&gap).expect("a gap has no maps in it"))
    });
    let head =
        format!("{{\"cursor\":\"{}\",{}\"messages\":[", batch.cursor, gap.unwrap_or_default());
    let messages: usize = batch.entries.iter().map(|entry| entry.json.len() + 1).sum();
    let mut body = Vec::with_capacity(head.len() + messages + 2);
    body.extend_from_slice(head.as_bytes());
    for (place, entry) in batch.entries.iter().enumerate() {
        if place > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&entry.json);
    }
    body.extend_from_slice(b"]}");
    body.into()
}

/// Names the answer: the feed's epoch, what was asked for, and how far the answer goes. Two answers
/// with the same tag carry the same messages.
fn tag(asked: Cursor, batch: &Batch) -> HeaderValue {
    let asked_epoch = asked.epoch.0;
    HeaderValue::try_from(format!("\"{asked_epoch:x}-{}-{}\"", asked.seq, batch.cursor))
        .expect("numbers and dashes are plain ASCII")
}

/// Whether an `If-None-Match` header names the tag (RFC 9110, section 13.1.2: weak comparison).
fn names(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let known = known.as_bytes();
    known == b"*"
        || known
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|known| known.strip_prefix(b"W/").unwrap_or(known) == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::{After, Gap, PollBody};

    use super::*;
    use crate::feed::Feed;
    use crate::payload::JsonPayload;

    #[test]
    fn the_body_reads_back_as_what_was_published() {
        let feed = Feed::new(2);
        let start = feed.locate(After::Newest).unwrap();
        for text in ["1", "2", "{\"three\":3}"] {
            feed.publish(&JsonPayload::from_json(text.as_bytes()).unwrap());
        }
        let bytes = body(&feed.read(start));
        let read: PollBody = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((read.cursor, read.gap), (start.at(3), Some(Gap::Missed(1))));
        assert_eq!(read.messages[1].payload.get(), "{\"three\":3}");
    }

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_strong() {
        let tag = HeaderValue::from_static("\"a-1\"");
        for known in ["\"a-1\"", "W/\"a-1\"", "\"b\", \"a-1\"", "*"] {
            assert!(names(&HeaderValue::from_static(known), &tag), "{known}");
        }
        assert!(!names(&HeaderValue::from_static("\"a-12\""), &tag));
    }
}
