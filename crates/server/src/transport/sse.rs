//! Server-sent events: one response that never ends (WHATWG HTML, section 9.2).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;
use bytes::Bytes;
use futures::StreamExt;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use wirebench_protocol::Transport;

use super::subscription::Subscription;
use crate::api_error::ApiError;
use crate::connection::{HeldRequest, RequestContext};
use crate::feed::{Batch, Feed, Follow};
use crate::framing::sse as framing;
use crate::state::SharedState;
use crate::wake_flag::WakeFlag;

pub(super) const METHODS: MethodFilter = MethodFilter::GET;

/// The interval of comments, so that idle proxies keep the connection: "every 15 seconds or so"
/// (section 9.2.7).
const COMMENT_INTERVAL: Duration = Duration::from_secs(15);

const HEAD: [(&str, &str); 3] = [
    ("content-type", "text/event-stream"),
    // A proxy that compresses would keep the end of an event until the next one: HAProxy does.
    ("cache-control", "no-cache, no-store, no-transform"),
    // nginx holds events back without this header.
    ("x-accel-buffering", "no"),
];

/// Answers with a stream of events from the cursor on.
pub(super) async fn answer(
    server: &Arc<SharedState>,
    feed: &Feed,
    request: Request,
) -> Result<Response, ApiError> {
    let (subscription, query) = Subscription::open(Transport::Sse, server, feed, &request)?;
    // A browser sends the header when it reconnects. It is newer than the cursor in the address.
    let last_event = request.headers().get("last-event-id");
    let after = last_event.map_or(query.after.as_bytes(), |id| id.as_bytes());
    let after = subscription.locate(&String::from_utf8_lossy(after)).await?;
    let mut comments = interval_at(Instant::now() + COMMENT_INTERVAL, COMMENT_INTERVAL);
    comments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = EventStream {
        opening: Some(framing::opening(server.limits.retry, after)),
        follow: subscription.follow(after),
        comments,
        comment_flag: WakeFlag::default(),
        is_over: false,
        _held: RequestContext::of(&request).hold(),
        subscription,
    };
    Ok((HEAD, Body::new(stream)).into_response())
}

/// The body of the response.
struct EventStream {
    /// The first bytes of the stream. They are sent at once: they open the stream at the client,
    /// and make a proxy that buffers visible.
    opening: Option<Bytes>,
    follow: Follow,
    comments: Interval,
    comment_flag: WakeFlag,
    /// The last bytes were sent.
    is_over: bool,
    subscription: Subscription,
    _held: HeldRequest,
}

impl http_body::Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    /// Returns the next bytes of the stream: every message that is due, in one piece. When the feed
    /// closes, the subscriber is told when to come back, unless the limits say otherwise; then the
    /// stream ends.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let Self { opening, follow, comments, comment_flag, is_over, subscription, .. } =
            &mut *self;
        let bytes = if let Some(opening) = opening.take() {
            opening
        } else if let Poll::Ready(batch) = follow.poll_next_unpin(context) {
            match batch {
                Some(batch) => {
                    subscription.count(&batch);
                    frame(&batch)
                }
                None if *is_over => return Poll::Ready(None),
                None => {
                    *is_over = true;
                    let Some(delay) = subscription.server.return_delay() else {
                        return Poll::Ready(None);
                    };
                    format!("{}\n", framing::retry(delay)).into()
                }
            }
        } else {
            ready!(comment_flag.poll(context, |context| comments.poll_tick(context)));
            Bytes::from_static(framing::COMMENT)
        };
        Poll::Ready(Some(Ok(http_body::Frame::data(bytes))))
    }
}

/// Returns the events of a batch. A gap comes first.
fn frame(batch: &Batch) -> Bytes {
    let events = batch.join(|entry| &entry.sse);
    let Some(gap) = batch.gap else { return events };
    let mut bytes = framing::gap(gap, batch.before()).into_bytes();
    bytes.extend_from_slice(&events);
    bytes.into()
}
