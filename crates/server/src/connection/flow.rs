//! A stream of an HTTP/2 connection whose reader takes nothing is reset, and the other streams go on.
//!
//! The socket of a shared connection moves for as long as any of its readers reads, so [`super::guarded`]
//! does not notice one that does not. Flow control holds such a stream back: hyper then asks its body for
//! nothing more. [`Pieces`] notes what was asked for, and [`watch`] runs the clock.

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

/// The most bytes that are handed to a stream at once: as many as a frame has at most, unless the peer
/// allows more. A reader has made progress when it has taken so many.
const PIECE: usize = 16 << 10;

tokio::task_local! {
    /// The flow of the stream that the task is of.
    static FLOW: Arc<Flow>;
}

/// Whether a stream waits for its reader. Shared between the task of the stream, the body of its answer,
/// and what it is upgraded to.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Bytes were handed to the stream, and no more were asked for.
    held: AtomicBool,
    /// Pieces handed to the stream; wraps.
    pieces: AtomicU32,
    /// Whatever wrote to the stream has given up on the reader.
    given_up: AtomicBool,
    /// The task that carries an upgraded stream.
    carrier: AtomicWaker,
}

impl Flow {
    /// The flow of the stream that the current task is of; `None` for every other task.
    pub(crate) fn current() -> Option<Arc<Self>> {
        FLOW.try_with(Arc::clone).ok()
    }

    /// The writer of an upgraded stream has ended: what it wrote has the write time to be taken.
    pub(crate) fn end(&self) {
        self.held.store(true, Relaxed);
        self.carrier.wake();
    }

    /// The writer of an upgraded stream has waited for the reader for long enough: the stream is reset.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Relaxed);
        self.carrier.wake();
    }
}

/// Runs a stream, or the task that carries an upgraded one, until it ends. The future returns false if the
/// stream was dropped because its reader took less than a piece within `time`; h2 then resets it.
///
/// Must be called where the stream is started: what a stream is upgraded to is started by its own task.
pub(super) fn watch(
    stream: impl Future + Send,
    time: Duration,
) -> impl Future<Output = bool> + Send {
    let upgraded = Flow::current();
    let is_upgraded = upgraded.is_some();
    let flow = upgraded.unwrap_or_default();
    async move {
        let mut stream = pin!(FLOW.scope(Arc::clone(&flow), stream));
        let mut stalled = Stalled::default();
        poll_fn(|context| {
            if is_upgraded {
                flow.carrier.register(context.waker());
            }
            if stream.as_mut().poll(context).is_ready() {
                return Poll::Ready(true);
            }
            stalled.poll(context, &flow, time).map(|()| false)
        })
        .await
    }
}

/// The clock of a stream: runs while its reader takes nothing, and is there only then.
#[derive(Debug, Default)]
struct Stalled(Option<(u32, Pin<Box<Sleep>>)>);

impl Stalled {
    fn poll(&mut self, context: &mut Context<'_>, flow: &Flow, time: Duration) -> Poll<()> {
        if flow.given_up.load(Relaxed) {
            return Poll::Ready(());
        }
        if !flow.held.load(Relaxed) {
            self.0 = None;
            return Poll::Pending;
        }
        let pieces = flow.pieces.load(Relaxed);
        let (since, timer) = self.0.get_or_insert_with(|| (pieces, Box::pin(sleep(time))));
        if *since != pieces {
            *since = pieces;
            timer.as_mut().reset(Instant::now() + time);
        }
        timer.as_mut().poll(context)
    }
}

/// The body of an answer in pieces that tell whether the reader takes them.
#[derive(Debug)]
pub(super) struct Pieces {
    body: Body,
    /// What of the last frame was not handed over yet.
    rest: Bytes,
    flow: Arc<Flow>,
}

impl Pieces {
    /// Cuts a body. One that is known to be a single piece stays as it is: once it has been handed over,
    /// nothing is asked for.
    pub(super) fn of(body: Body) -> Body {
        let single = |most| most <= PIECE as u64;
        if http_body::Body::size_hint(&body).upper().is_some_and(single) {
            return body;
        }
        match Flow::current() {
            Some(flow) => Body::new(Self { body, rest: Bytes::new(), flow }),
            None => body,
        }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.flow.held.store(false, Relaxed);
        if self.rest.is_empty() {
            let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(frame))) => return Poll::Ready(Some(Ok(frame))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        self.flow.pieces.fetch_add(1, Relaxed);
        self.flow.held.store(true, Relaxed);
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
    async fn a_stream_is_dropped_when_no_piece_is_asked_for_in_time_and_not_before() {
        let (time, pause) = (Duration::from_secs(30), Duration::from_secs(20));
        let stream = |pieces: usize, last: Duration| {
            watch(
                async move {
                    let mut body = Pieces::of(Body::from(vec![0; 10 * PIECE + 1]));
                    assert_eq!(body.size_hint().exact(), Some(10 * PIECE as u64 + 1));
                    for _ in 0..pieces {
                        let piece = body.frame().await.unwrap().unwrap();
                        assert_eq!(piece.into_data().unwrap().len(), PIECE);
                        tokio::time::sleep(pause).await;
                    }
                    tokio::time::sleep(last).await;
                },
                time,
            )
        };
        assert!(stream(10, Duration::ZERO).await, "slow, but never for too long at once");
        assert!(!stream(3, pause).await, "40 s without taking anything");
        assert!(stream(0, Duration::from_hours(1)).await, "nothing is there to be taken");
    }
}
