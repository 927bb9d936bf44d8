//! The ways to read a feed, a page each.

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{Query, RawPathParams, Request, State};
use axum::http::{HeaderName, HeaderValue, Uri, Version};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::Deserialize;
use wirebench_protocol::{After, Cursor, CursorError, FEED_CURSOR, Transport};

use crate::answer::Refusal;
use crate::connection::{ClientSlot, Flow, Vitals};
use crate::feed::{Batch, Feed, Follow};
use crate::server::Server;

mod long_polling;
mod polling;
mod short_polling;
pub(crate) mod sse;
pub(crate) mod websocket;

/// The route of a transport, over all feeds of the server.
pub(crate) fn route(transport: Transport) -> MethodRouter<Server> {
    let handler =
        async move |State(server): State<Server>, path: PathParams, request: Request| match feed(
            &server, &path,
        ) {
            Ok(feed) => answer(transport, &server, feed, request).await,
            Err(refusal) => {
                let refusal = refusal.into_response();
                server.metrics().answered(transport, refusal.status());
                refusal
            }
        };
    match transport {
        // Over HTTP/2 a socket is opened by a CONNECT (RFC 8441).
        Transport::WebSocket => get(handler).connect(handler),
        _ => get(handler),
    }
}

/// Answers a subscription to `feed`, and counts it.
pub(crate) async fn answer(
    transport: Transport,
    server: &Server,
    feed: &Feed,
    request: Request,
) -> Response {
    let vitals = request.extensions().get::<Arc<Vitals>>().cloned();
    if let Some(vitals) = &vitals {
        vitals.carries(transport);
    }
    let (server, feed) = (server.clone(), feed.clone());
    let flow = (request.version() > Version::HTTP_11).then(Flow::current).flatten();
    let slot = request.extensions().get::<Arc<ClientSlot>>().cloned();
    let subscription =
        Subscription { transport, server: server.clone(), feed, vitals, flow, _slot: slot };
    let answer = match subscribe(subscription, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    };
    server.metrics().answered(transport, answer.status());
    answer
}

/// The one place that lists the transports.
async fn subscribe(subscription: Subscription, request: Request) -> Result<Response, Refusal> {
    let access = subscription.server.access();
    access.origin(request.uri(), request.headers())?;
    let ask = Ask::parse(request.uri())?;
    access.subscribe(ask.ticket.as_deref(), request.headers())?;
    match subscription.transport {
        Transport::ShortPolling => short_polling::answer(&subscription, &ask, request.headers()),
        Transport::LongPolling => {
            long_polling::answer(&subscription, &ask, request.headers()).await
        }
        Transport::Sse => sse::answer(subscription, &ask, request.headers()),
        Transport::WebSocket => websocket::answer(subscription, &ask, request),
    }
}

/// A feed on its way to a subscriber, and where that is counted.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    transport: Transport,
    server: Server,
    feed: Feed,
    /// Those of its connection, where the connection is the server's.
    vitals: Option<Arc<Vitals>>,
    /// That of its stream, where it has one of many on a connection over HTTP/2.
    flow: Option<Arc<Flow>>,
    /// That of its client, behind a trusted proxy: taken for as long as the subscription lives.
    _slot: Option<Arc<ClientSlot>>,
}

impl Subscription {
    /// Counts what a batch brings to the subscriber.
    fn count(&self, batch: &Batch) {
        let metrics = self.server.metrics();
        if let Some(gap) = batch.gap {
            metrics.gap(self.transport, gap);
        }
        metrics.delivered(self.transport, batch.entries.len());
    }

    /// Follows the feed, and counts what of it had been there before.
    fn follow(&self, after: Cursor) -> Follow {
        self.server.metrics().replayed(self.transport, self.feed.behind(after));
        self.feed.follow(after)
    }
}

/// What a subscriber may ask for, on every transport alike.
#[derive(Debug, Deserialize)]
pub(crate) struct Ask {
    /// A cursor, `start`, or nothing.
    #[serde(default)]
    after: String,
    /// In place of the token that subscribing takes.
    ticket: Option<String>,
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

/// What a path has in place of its placeholders; an error where that is not UTF-8.
pub(crate) type PathParams = Result<RawPathParams, RawPathParamsRejection>;

/// The feed that a request names in its path.
pub(crate) fn feed<'a>(server: &'a Server, path: &PathParams) -> Result<&'a Feed, Refusal> {
    let path = path.as_ref().map_err(|error| {
        Refusal::bad_request(error.body_text(), "the name of a feed is UTF-8, percent-encoded")
    })?;
    let name = path.iter().find(|(key, _)| *key == "feed").map_or("", |(_, name)| name);
    server.feed(name).ok_or_else(|| Refusal::no_such_feed(name))
}
