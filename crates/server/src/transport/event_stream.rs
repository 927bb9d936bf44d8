//! The events of a subscription over SSE, as bytes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use wirebench_protocol::Cursor;

use super::subscription::Subscription;
use crate::connection::HeldRequest;
use crate::feed::{Batch, Follow};
use crate::framing::sse as framing;
use crate::wake_flag::WakeFlag;

/// The interval of comments, so that idle proxies keep the connection: "every 15 seconds or so"
/// (section 9.2.7).
const COMMENT_INTERVAL: Duration = Duration::from_secs(15);

/// The body of the response: the events of a subscription, until its feed closes.
pub(crate) struct EventStream {
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

impl EventStream {
    /// Follows a subscription from the cursor on. `opening` comes first.
    pub(super) fn new(
        opening: Bytes,
        subscription: Subscription,
        after: Cursor,
        held: HeldRequest,
    ) -> Self {
        let mut comments = interval_at(Instant::now() + COMMENT_INTERVAL, COMMENT_INTERVAL);
        comments.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            opening: Some(opening),
            follow: subscription.follow(after),
            comments,
            comment_flag: WakeFlag::default(),
            is_over: false,
            subscription,
            _held: held,
        }
    }

    /// Returns the next bytes of the stream: every message that is due, in one piece. When the feed
    /// closes, the subscriber is told when to come back, unless the limits say otherwise; then the
    /// stream ends.
    pub(crate) fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Self { opening, follow, comments, comment_flag, is_over, subscription, .. } = self;
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
        Poll::Ready(Some(bytes))
    }
}

impl http_body::Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let bytes = ready!(self.poll_bytes(context));
        Poll::Ready(bytes.map(|bytes| Ok(http_body::Frame::data(bytes))))
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
