//! The ways to read a feed, a page each.

use axum::extract::{Query, RawPathParams, Request, State};
use axum::http::{HeaderName, HeaderValue, Uri};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use serde::Deserialize;
use wirebench_protocol::{After, Cursor, CursorError, FEED_CURSOR, Transport};

use crate::answer::Refusal;
use crate::feed::Feed;
use crate::server::Server;

mod long_polling;
mod polling;
mod short_polling;
pub(crate) mod sse;
pub(crate) mod websocket;

/// The route of a transport, over all feeds of the server.
pub(crate) fn route(transport: Transport) -> MethodRouter<Server> {
    get(async move |State(server): State<Server>, path: RawPathParams, request: Request| {
        let feed = feed(&server, &path)?;
        answer(transport, &server, feed, request).await
    })
}

/// Answers a subscription to `feed`: the one place that lists the transports.
pub(crate) async fn answer(
    transport: Transport,
    server: &Server,
    feed: &Feed,
    request: Request,
) -> Result<Response, Refusal> {
    let ask = Ask::parse(request.uri())?;
    match transport {
        Transport::ShortPolling => short_polling::answer(feed, &ask, request.headers()),
        Transport::LongPolling => long_polling::answer(feed, &ask, request.headers()).await,
        Transport::Sse => sse::answer(feed, &ask, request.headers()),
        Transport::WebSocket => websocket::answer(server, feed, &ask, request),
    }
}

/// What a subscriber may ask for, on every transport alike.
#[derive(Debug, Deserialize)]
pub(crate) struct Ask {
    /// A cursor, `start`, or nothing.
    #[serde(default)]
    after: String,
    /// Long polling: how long to hold, in seconds.
    hold: Option<f64>,
}

const ASK_HINT: &str = "`after` is a cursor that this feed gave, `start`, or absent; \
                        `hold` is a number of seconds";

impl Ask {
    fn parse(uri: &Uri) -> Result<Self, Refusal> {
        Query::try_from_uri(uri)
            .map(|Query(ask)| ask)
            .map_err(|error| Refusal::bad_request(error.body_text(), ASK_HINT))
    }
}

/// Where a subscription to `feed` starts.
fn locate(feed: &Feed, after: &str) -> Result<Cursor, Refusal> {
    let after: After = after
        .parse()
        .map_err(|error: CursorError| Refusal::bad_request(error.to_string(), ASK_HINT))?;
    feed.locate(after).map_err(|error| {
        Refusal::bad_request(
            error.to_string(),
            "go on from the cursor of the last message that you received",
        )
    })
}

/// The header that repeats the cursor.
fn feed_cursor(cursor: Cursor) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::try_from(cursor.to_string()).expect("a cursor is plain ASCII");
    (HeaderName::from_static(FEED_CURSOR), value)
}

/// The feed that a request names in its path.
pub(crate) fn feed<'a>(server: &'a Server, path: &RawPathParams) -> Result<&'a Feed, Refusal> {
    let name = path.iter().find(|(key, _)| *key == "feed").map_or("", |(_, name)| name);
    server.feed(name).ok_or_else(|| Refusal::no_such_feed(name))
}
