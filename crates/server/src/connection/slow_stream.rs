//! Resets a stream of an HTTP/2 connection whose reader takes nothing, while the other streams go
//! on.
//!
//! The socket of a shared connection moves for as long as any of its readers reads, so
//! [`super::metered_socket`] does not notice one that does not. Flow control holds such a stream
//! back: hyper then asks its body for nothing more. [`MeteredBody`] notes what was asked for, and
//! [`watch`] runs the timer.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::task::AtomicWaker;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// The maximum number of bytes that are handed to a stream at once. It is the default limit of a
/// frame (RFC 9113, section 4.2). A reader that has taken this many has made progress.
const PIECE_BYTES: usize = 16 << 10;

tokio::task_local! {
    /// The progress of the stream that the current task serves.
    static CURRENT: Arc<StreamProgress>;
}

/// Whether the reader of a stream takes what is written. It is shared between the task of the
/// stream, the body of its answer, and what the stream is upgraded to.
#[derive(Debug, Default)]
pub(super) struct StreamProgress {
    /// Bytes were handed to the stream, and no more were asked for.
    held: AtomicBool,
    /// The number of pieces that were handed to the stream; wraps.
    pieces: AtomicU32,
    /// The writer has waited for the reader for too long.
    given_up: AtomicBool,
    /// The task that carries an upgraded stream.
    carrier: AtomicWaker,
}

impl StreamProgress {
    /// Returns the progress of the stream that the current task serves; `None` in every other task.
    pub(super) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// Called when nothing more is written to an upgraded stream. The reader has the write time to
    /// take what was written.
    pub(super) fn finish(&self) {
        self.held.store(true, Relaxed);
        self.carrier.wake();
    }

    /// Called when the writer of an upgraded stream has waited for the reader for too long. The
    /// stream is reset.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Relaxed);
        self.carrier.wake();
    }
}

/// Runs a stream, or the task that carries an upgraded one, until it ends. The future returns false
/// if the stream was dropped because its reader took less than a piece within `time`. h2 then
/// resets the stream.
///
/// This function must be called by the task that starts the stream. An upgraded stream is started
/// by the task of the stream that it was before.
pub(super) fn watch(
    stream: impl Future + Send,
    time: Duration,
) -> impl Future<Output = bool> + Send {
    let upgraded = StreamProgress::current();
    let is_upgraded = upgraded.is_some();
    let progress = upgraded.unwrap_or_default();
    async move {
        let mut stream = pin!(CURRENT.scope(Arc::clone(&progress), stream));
        let mut timer = StallTimer::default();
        poll_fn(|context| {
            if is_upgraded {
                progress.carrier.register(context.waker());
            }
            if stream.as_mut().poll(context).is_ready() {
                return Poll::Ready(true);
            }
            timer.poll(context, &progress, time).map(|()| false)
        })
        .await
    }
}

/// The time limit of a stream. The timer exists only while the reader takes nothing.
#[derive(Debug, Default)]
struct StallTimer(Option<(u32, Pin<Box<Sleep>>)>);

impl StallTimer {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        progress: &StreamProgress,
        time: Duration,
    ) -> Poll<()> {
        if progress.given_up.load(Relaxed) {
            return Poll::Ready(());
        }
        if !progress.held.load(Relaxed) {
            self.0 = None;
            return Poll::Pending;
        }
        let pieces = progress.pieces.load(Relaxed);
        let (since, timer) = self.0.get_or_insert_with(|| (pieces, Box::pin(sleep(time))));
        if *since != pieces {
            *since = pieces;
            timer.as_mut().reset(Instant::now() + time);
        }
        timer.as_mut().poll(context)
    }
}

/// The body of an answer, in pieces that show whether the reader takes them.
#[derive(Debug)]
pub(super) struct MeteredBody {
    body: Body,
    /// The part of the last frame that was not handed over yet.
    rest: Bytes,
    progress: Arc<StreamProgress>,
}

impl MeteredBody {
    /// Wraps a body. A body that is known to be a single piece is returned as it is: nothing is
    /// asked for once it has been handed over.
    pub(super) fn wrap(body: Body) -> Body {
        let single = |most| most <= PIECE_BYTES as u64;
        if http_body::Body::size_hint(&body).upper().is_some_and(single) {
            return body;
        }
        match StreamProgress::current() {
            Some(progress) => Body::new(Self { body, rest: Bytes::new(), progress }),
            None => body,
        }
    }
}

impl http_body::Body for MeteredBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.progress.held.store(false, Relaxed);
        if self.rest.is_empty() {
            let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(frame))) => return Poll::Ready(Some(Ok(frame))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let length = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(length);
        self.progress.pieces.fetch_add(1, Relaxed);
        self.progress.held.store(true, Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + rest);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_is_dropped_if_no_piece_is_asked_for_in_time() {
        let (time, pause) = (Duration::from_secs(30), Duration::from_secs(20));
        let stream = |pieces: usize, last: Duration| {
            watch(
                async move {
                    let mut body = MeteredBody::wrap(Body::from(vec![0; 10 * PIECE_BYTES + 1]));
                    assert_eq!(body.size_hint().exact(), Some(10 * PIECE_BYTES as u64 + 1));
                    for _ in 0..pieces {
                        let piece = body.frame().await.unwrap().unwrap();
                        assert_eq!(piece.into_data().unwrap().len(), PIECE_BYTES);
                        tokio::time::sleep(pause).await;
                    }
                    tokio::time::sleep(last).await;
                },
                time,
            )
        };
        assert!(stream(10, Duration::ZERO).await, "slow, but never for too long at once");
        assert!(!stream(3, pause).await, "40 s without taking anything");
        assert!(stream(0, Duration::from_hours(1)).await, "there is nothing to take");
    }
}
