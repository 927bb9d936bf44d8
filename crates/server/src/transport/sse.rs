//! Server-sent events: one response that never ends (WHATWG HTML, section 9.2).

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use wirebench_protocol::Cursor;

use super::{Ask, Subscription, locate};
use crate::answer::Refusal;
use crate::connection::{Busy, Vitals};
use crate::feed::{Batch, Follow};
use crate::gate::Gate;

/// "Every 15 seconds or so" (section 9.2.7), so that idle proxies keep the connection.
const HEARTBEAT: Duration = Duration::from_secs(15);

const HEAD: [(&str, &str); 3] = [
    ("content-type", "text/event-stream"),
    // A proxy that compresses would keep the end of an event until the next one: HAProxy does.
    ("cache-control", "no-cache, no-store, no-transform"),
    // nginx holds events back unless told.
    ("x-accel-buffering", "no"),
];

pub(super) fn answer(
    subscription: Subscription,
    ask: &Ask,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let feed = &subscription.feed;
    let after = match headers.get("last-event-id") {
        // What a browser sends when it comes back: newer than the address it was first given.
        Some(id) => locate(feed, &String::from_utf8_lossy(id.as_bytes()))?,
        None => locate(feed, &ask.after)?,
    };
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let events = Events {
        opening: Some(opening(subscription.server.limits().retry, after)),
        follow: subscription.follow(after),
        heartbeat,
        gate: Gate::default(),
        over: false,
        _busy: subscription.vitals.as_ref().map(Vitals::begin),
        subscription,
    };
    Ok((HEAD, Body::new(events)).into_response())
}

/// The first bytes, sent at once: they open the stream, show a buffering proxy, and give a client that
/// has not seen a message yet the place to come back to.
fn opening(announced: Option<Duration>, cursor: Cursor) -> Bytes {
    match announced {
        Some(pause) => format!("{}id: {cursor}\n\n", retry(pause)).into(),
        None => format!("id: {cursor}\n\n").into(),
    }
}

/// The field that sets the reconnection time, with the end of its line.
fn retry(pause: Duration) -> String {
    format!("retry: {}\n", pause.as_millis())
}

/// The body of the response.
struct Events {
    /// The opening, until it was sent.
    opening: Option<Bytes>,
    follow: Follow,
    heartbeat: Interval,
    /// Before the heartbeat.
    gate: Gate,
    /// The last bytes were sent.
    over: bool,
    subscription: Subscription,
    /// The request is being answered for as long as this lives.
    _busy: Option<Busy>,
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    /// The next bytes of the stream: every message that is due, in one piece. When the feed closes, the
    /// subscriber is told when to come back, if the server tells anybody; then the stream ends.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let Self { opening, follow, heartbeat, gate, over, subscription, .. } = &mut *self;
        let bytes = if let Some(opening) = opening.take() {
            opening
        } else if let Poll::Ready(batch) = follow.poll_next_unpin(context) {
            match batch {
                Some(batch) => {
                    subscription.count(&batch);
                    encode(&batch)
                }
                None if *over => return Poll::Ready(None),
                None => {
                    *over = true;
                    let Some(delay) = subscription.server.return_delay() else {
                        return Poll::Ready(None);
                    };
                    format!("{}\n", retry(delay)).into()
                }
            }
        } else {
            ready!(gate.poll(context, |context| heartbeat.poll_tick(context)));
            Bytes::from_static(b":\n\n")
        };
        Poll::Ready(Some(Ok(http_body::Frame::data(bytes))))
    }
}

/// The events of a batch; a gap goes first, with the place from which they go on as its id.
fn encode(batch: &Batch) -> Bytes {
    let events = batch.join(|entry| &entry.sse);
    let Some(gap) = batch.gap else { return events };
    let before = batch.before();
    let gap = serde_json::to_string(&gap).expect("a gap has no maps in it");
    let mut bytes = format!("event: gap\nid: {before}\ndata: {gap}\n\n").into_bytes();
    bytes.extend_from_slice(&events);
    bytes.into()
}
