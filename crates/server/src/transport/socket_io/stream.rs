//! An open WebSocket as the library sees it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use super::frames::FrameTracker;
use super::session::{EngineSession, SessionCloseReason};
use super::window;

/// The stream of a WebSocket between the library and the connection. It does four things:
///
/// - It plays the client in a [`PlayedExchange`].
/// - It tells the session what the socket has taken, so that more may follow.
/// - It fails for good when the client takes no byte for too long. The library goes on after a
///   failed write; so reading fails as well, which ends the session.
/// - It gives the connection back when the library drops it, so that it can be closed without
///   losing the last bytes.
pub(super) struct SessionStream<S> {
    /// Always set, until it is given back.
    socket: Option<S>,
    session: Arc<EngineSession>,
    control: Arc<StreamControl>,
    exchange: PlayedExchange,
    /// Follows what the server sends.
    sent: FrameTracker,
    /// Follows what the client sends, for as long as something has to come between two of its
    /// frames.
    received: FrameTracker,
    write_time: Duration,
    /// The time limit. It exists only while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    returned: Option<oneshot::Sender<S>>,
}

/// Frames that the library and the client would exchange, and that are exchanged here with the
/// library alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlayedExchange {
    /// A frame of the client that the library reads before anything else. Empty if there is none.
    opening: &'static [u8],
    /// The frame of the library that is taken off. Empty once it was.
    expected: &'static [u8],
    /// The frame of the client that the library reads after it. Empty once it was read.
    answer: &'static [u8],
}

impl PlayedExchange {
    /// The library's first ping and its answer. The library pings at once, but the protocol has the
    /// first ping come after the interval.
    pub(super) const FIRST_PING: Self =
        Self { opening: b"", expected: b"\x81\x012", answer: b"\x81\x81\0\0\0\x003" };

    /// The probe and the upgrade, which were exchanged with the client before.
    pub(super) const UPGRADE: Self = Self {
        opening: b"\x81\x86\0\0\0\x002probe",
        expected: b"\x81\x063probe",
        answer: b"\x81\x81\0\0\0\x005",
    };

    /// Returns what the library reads next in place of what the client sends; empty if nothing.
    fn next_to_read(&mut self) -> &mut &'static [u8] {
        if self.opening.is_empty() && self.expected.is_empty() {
            &mut self.answer
        } else {
            &mut self.opening
        }
    }

    fn is_over(&self) -> bool {
        self.answer.is_empty()
    }
}

/// Ends a [`SessionStream`] from outside.
#[derive(Debug, Default)]
pub(super) struct StreamControl {
    /// Reading fails. What was written before is still sent, and then a Close frame.
    closed: AtomicBool,
    /// Reading and writing fail.
    broken: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl StreamControl {
    /// Has the library close the WebSocket.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.reader.wake();
    }

    /// Has the library drop the stream.
    pub(super) fn abort(&self) {
        self.broken.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    fn check_reading(&self) -> io::Result<()> {
        self.check_writing()?;
        if self.closed.load(Ordering::Acquire) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the session ends"));
        }
        Ok(())
    }

    fn check_writing(&self) -> io::Result<()> {
        if self.broken.load(Ordering::Acquire) {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the connection was given up"));
        }
        Ok(())
    }
}

impl<S> SessionStream<S> {
    /// Returns the stream, what ends it, and the connection once the library has dropped the
    /// stream.
    pub(super) fn new(
        socket: S,
        session: Arc<EngineSession>,
        exchange: PlayedExchange,
        write_time: Duration,
    ) -> (Self, Arc<StreamControl>, oneshot::Receiver<S>) {
        let (returned, connection) = oneshot::channel();
        let control = Arc::new(StreamControl::default());
        let stream = Self {
            socket: Some(socket),
            session,
            control: Arc::clone(&control),
            exchange,
            sent: FrameTracker::default(),
            received: FrameTracker::default(),
            write_time,
            stalled: None,
            returned: Some(returned),
        };
        (stream, control, connection)
    }

    fn socket(&mut self) -> Pin<&mut S>
    where
        S: Unpin,
    {
        Pin::new(self.socket.as_mut().expect("the socket is given back only when this is dropped"))
    }

    /// Called after each write: the timer starts when the socket takes nothing, and stops when it
    /// takes something. After an error, reading fails too.
    fn check_progress<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let written = match written {
            Poll::Ready(written) => {
                self.stalled = None;
                written
            }
            Poll::Pending => {
                self.control.writer.register(context.waker());
                let time = self.write_time;
                let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(time)));
                ready!(stalled.as_mut().poll(context));
                self.session.set_end(SessionCloseReason::SlowReader);
                Err(io::ErrorKind::TimedOut.into())
            }
        };
        if written.is_err() {
            self.control.abort();
        }
        Poll::Ready(written)
    }

    /// Returns how many bytes, of those that the library wants to write, may be written as they
    /// are; `None` if they begin with the frame that is taken off.
    fn writable(&self, bytes: &[u8]) -> Option<usize> {
        let expected = self.exchange.expected;
        if expected.is_empty() {
            return Some(bytes.len());
        }
        let is_expected = self.sent.is_between() && bytes.starts_with(expected);
        (!is_expected).then(|| self.sent.rest_of_frame(bytes))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for SessionStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Before the checks: what changes between them and the wait wakes the task.
        self.control.reader.register(context.waker());
        self.control.check_reading()?;
        if self.exchange.is_over() {
            return self.socket().poll_read(context, buffer);
        }
        let is_between = self.received.is_between();
        let played = self.exchange.next_to_read();
        if !played.is_empty() && is_between && buffer.remaining() >= played.len() {
            buffer.put_slice(std::mem::take(played));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(self.socket().poll_read(context, buffer))?;
        self.received.advance(&buffer.filled()[before..], |_| ());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SessionStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.control.check_writing()?;
        let Some(writable) = self.writable(bytes) else {
            let taken = std::mem::take(&mut self.exchange.expected);
            self.control.reader.wake();
            return Poll::Ready(Ok(taken.len()));
        };
        let written = self.socket().poll_write(context, &bytes[..writable]);
        let written = ready!(self.check_progress(context, written))?;
        let Self { sent, session, .. } = &mut *self;
        sent.advance(&bytes[..written], |start| {
            if window::counts(&start) {
                session.window.take();
            }
        });
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.control.check_writing()?;
        let flushed = self.socket().poll_flush(context);
        self.check_progress(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.control.check_writing()?;
        let shut_down = self.socket().poll_shutdown(context);
        self.check_progress(context, shut_down)
    }
}

impl<S> Drop for SessionStream<S> {
    fn drop(&mut self) {
        if let (Some(returned), Some(socket)) = (self.returned.take(), self.socket.take()) {
            // Nobody waits for it only if the server is gone.
            let _ = returned.send(socket);
        }
    }
}
