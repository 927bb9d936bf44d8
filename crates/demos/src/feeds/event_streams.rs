//! The feed `clock` as event streams of other kinds than the server's own. The page "Without id"
//! shows a stream without ids. The page "Reconnecting" shows one whose visitor chooses the answer.
//!
//! Both are for a browser's `EventSource`. It asks again with the address that it was made with, so
//! the visitor's choice is in cookies: see [`Choice`].

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use serde_json::json;
use tokio::sync::Semaphore;
use wirebench_protocol::{After, Cursor};
use wirebench_server::{ApiError, Entry, Feed};

use crate::api::answer::limit_reached;

/// The number of streams that are open at a time.
const MAX_STREAMS: usize = 256;

/// The reconnection time of the stream without ids, in milliseconds. The server's own streams
/// announce the same.
const RETRY_MS: u64 = 1_000;

/// The longest reconnection time that a visitor can choose, in milliseconds.
const MAX_RETRY_MS: u64 = 30_000;

/// Serves the streams. This is a handle: clones share the limit.
#[derive(Clone, Debug)]
pub(crate) struct EventStreams {
    clock: Feed,
    places: Arc<Semaphore>,
}

/// What the visitor wants the server to answer.
#[derive(Debug, PartialEq, Eq)]
struct Choice {
    answer: Answer,
    /// The reconnection time to announce, in milliseconds. `None`: no `retry:` field.
    retry_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Stream,
    NoContent,
    Html,
    Unavailable,
}

impl EventStreams {
    pub(crate) fn new(clock: Feed) -> Self {
        Self { clock, places: Arc::new(Semaphore::new(MAX_STREAMS)) }
    }

    /// These routes cause work for as long as a client listens, so they are for the pages only.
    pub(crate) fn routes(self) -> Router {
        Router::new()
            .route("/demo/clock/without-id", get(without_id))
            .route("/demo/clock/chosen/{tab}", get(chosen))
            .with_state(self)
    }

    /// Returns the response with the events of the clock after the cursor, each framed by `frame`.
    fn stream(
        &self,
        opening: String,
        after: Cursor,
        frame: impl Fn(&Entry) -> Bytes + Send + 'static,
    ) -> Result<Response, ApiError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let error = format!("{MAX_STREAMS} streams of this kind are open");
            limit_reached(error, "close the page in another tab, or wait", 10)
        })?;
        let events = self.clock.follow(after).map(move |batch| {
            // The place is taken for as long as the stream exists.
            let _place = &place;
            let mut bytes = BytesMut::new();
            for entry in &batch.entries {
                bytes.extend_from_slice(&frame(entry));
            }
            Ok::<_, Infallible>(bytes.freeze())
        });
        let opening = stream::iter([Ok(Bytes::from(opening))]);
        let head =
            [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
        Ok((head, Body::from_stream(opening.chain(events))).into_response())
    }

    fn newest(&self) -> Cursor {
        self.clock.locate(After::Newest).expect("the newest message is not in the future")
    }
}

impl Choice {
    /// Reads the cookies `answer` and `retry`.
    fn of(headers: &HeaderMap) -> Self {
        let answer = match cookie(headers, "answer") {
            Some("204") => Answer::NoContent,
            Some("html") => Answer::Html,
            Some("503") => Answer::Unavailable,
            _ => Answer::Stream,
        };
        let retry_ms = cookie(headers, "retry").and_then(|retry| retry.parse().ok());
        Self { answer, retry_ms: retry_ms.map(|retry: u64| retry.min(MAX_RETRY_MS)) }
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let texts = headers.get_all(header::COOKIE).into_iter().filter_map(|text| text.to_str().ok());
    texts.flat_map(|text| text.split(';')).find_map(|cookie| {
        let (found, value) = cookie.trim().split_once('=')?;
        (found == name).then_some(value)
    })
}

/// Answers with events that consist of `data:` alone, from now on. This is the mistake that the
/// page shows: the browser cannot say where it was.
async fn without_id(State(streams): State<EventStreams>) -> Result<Response, ApiError> {
    let opening = format!("retry: {RETRY_MS}\n\n");
    streams.stream(opening, streams.newest(), |entry| {
        [&b"data: "[..], &entry.json, b"\n\n"].concat().into()
    })
}

/// Answers as the visitor has chosen. The tab in the path keeps the cookies of several tabs apart.
/// The first event, `request`, tells what the request had in `Last-Event-ID`.
async fn chosen(
    State(streams): State<EventStreams>,
    Path(_tab): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Choice { answer, retry_ms } = Choice::of(&headers);
    match answer {
        Answer::Stream => {}
        Answer::NoContent => return Ok(StatusCode::NO_CONTENT.into_response()),
        Answer::Html => {
            let html = "<!doctype html><title>Log in</title><p>An error page of a proxy.";
            return Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response());
        }
        Answer::Unavailable => {
            let hint = "choose another answer on the page";
            let error = "the visitor has chosen this answer";
            return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error, hint));
        }
    }
    let last = headers.get("last-event-id").and_then(|last| last.to_str().ok());
    let after = last.and_then(|last| last.parse::<After>().ok());
    let after = after.and_then(|after| streams.clock.locate(after).ok());
    let retry = retry_ms.map(|ms| format!("retry: {ms}\n")).unwrap_or_default();
    let told = json!({ "last_event_id": last });
    let opening = format!("{retry}event: request\ndata: {told}\n\n");
    streams.stream(opening, after.unwrap_or_else(|| streams.newest()), |entry| entry.sse.clone())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_choice_is_read_from_the_cookies() {
        let check = |cookies: &'static str, answer: Answer, retry_ms: Option<u64>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(cookies));
            assert_eq!(Choice::of(&headers), Choice { answer, retry_ms }, "{cookies}");
        };
        check("", Answer::Stream, None);
        check("language=zh; answer=204; retry=500", Answer::NoContent, Some(500));
        check("retry=99999999;answer=html", Answer::Html, Some(MAX_RETRY_MS));
        check("answer=503; retry=soon", Answer::Unavailable, None);
        check("my-answer=204", Answer::Stream, None);
    }
}
