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
use super::session::Session;
use super::window::EVENT_PACKET;

/// The frame of the packet `ping`, as the server sends it.
const PING: [u8; 3] = [0x81, 1, b'2'];

/// The frame of the packet `pong`, as a client sends it: masked, here with zeros.
const PONG: [u8; 7] = [0x81, 0x81, 0, 0, 0, 0, b'3'];

/// The stream of a WebSocket between the library and the connection. It does four things:
///
/// - It answers the library's first ping, which comes at once, in place of the client. The protocol
///   has the first ping come after the interval.
/// - It counts the events that the socket has taken, so that others may follow.
/// - It fails for good when the client takes no byte for too long. The library goes on after a
///   failed write; so reading fails as well, which ends the session.
/// - It gives the connection back when the library drops it, so that it can be closed without
///   losing the last bytes.
pub(super) struct SessionStream<S> {
    /// Always set, until it is given back.
    socket: Option<S>,
    session: Arc<Session>,
    control: Arc<StreamControl>,
    first_ping: FirstPing,
    /// Follows what the server sends.
    sent: FrameTracker,
    write_time: Duration,
    /// The time limit. It exists only while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    returned: Option<oneshot::Sender<S>>,
}

/// What becomes of the library's first ping.
enum FirstPing {
    /// It has not come yet. What the client sends is followed, so that the answer comes between two
    /// of its frames.
    Expected(FrameTracker),
    /// It was taken off. The answer is sent as soon as the client is between two frames.
    Answering(FrameTracker),
    /// It was answered, or none is expected.
    Done,
}

/// Ends a [`SessionStream`] from outside.
#[derive(Debug, Default)]
pub(super) struct StreamControl {
    /// Reading fails. What was written before is still sent, and then a Close frame.
    closed: AtomicBool,
    /// Reading and writing fail.
    broken: AtomicBool,
    /// The client took nothing for too long.
    slow_reader: AtomicBool,
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

    /// Returns true if the client took nothing for too long.
    pub(super) fn is_slow_reader(&self) -> bool {
        self.slow_reader.load(Ordering::Acquire)
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
    /// stream. `is_new` says that the session begins with this WebSocket.
    pub(super) fn new(
        socket: S,
        session: Arc<Session>,
        is_new: bool,
        write_time: Duration,
    ) -> (Self, Arc<StreamControl>, oneshot::Receiver<S>) {
        let (returned, connection) = oneshot::channel();
        let control = Arc::new(StreamControl::default());
        let first_ping =
            if is_new { FirstPing::Expected(FrameTracker::default()) } else { FirstPing::Done };
        let stream = Self {
            socket: Some(socket),
            session,
            control: Arc::clone(&control),
            first_ping,
            sent: FrameTracker::default(),
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
                self.control.slow_reader.store(true, Ordering::Release);
                Err(io::ErrorKind::TimedOut.into())
            }
        };
        if written.is_err() {
            self.control.abort();
        }
        Poll::Ready(written)
    }

    /// Returns how many bytes, of those that the library wants to write, may be written as they
    /// are. 0 means that they begin with the ping that is answered here.
    fn before_first_ping(&self, bytes: &[u8]) -> usize {
        match self.first_ping {
            FirstPing::Expected(_) if self.sent.is_between() && bytes.starts_with(&PING) => 0,
            FirstPing::Expected(_) => self.sent.rest_of_frame(bytes),
            FirstPing::Answering(_) | FirstPing::Done => bytes.len(),
        }
    }

    /// Takes the ping off, and wakes the reader for the answer.
    fn answer_first_ping(&mut self) {
        if let FirstPing::Expected(received) =
            std::mem::replace(&mut self.first_ping, FirstPing::Done)
        {
            self.first_ping = FirstPing::Answering(received);
            self.control.reader.wake();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for SessionStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Before the checks: what comes in between them and the wait wakes the task.
        self.control.reader.register(context.waker());
        self.control.check_reading()?;
        if let FirstPing::Answering(received) = &self.first_ping
            && received.is_between()
            && buffer.remaining() >= PONG.len()
        {
            buffer.put_slice(&PONG);
            self.first_ping = FirstPing::Done;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(self.socket().poll_read(context, buffer))?;
        let bytes = &buffer.filled()[before..];
        match &mut self.first_ping {
            FirstPing::Expected(received) | FirstPing::Answering(received) => {
                received.advance(bytes, |_| ());
            }
            FirstPing::Done => {}
        }
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
        let bytes = &bytes[..self.before_first_ping(bytes)];
        if bytes.is_empty() {
            self.answer_first_ping();
            return Poll::Ready(Ok(PING.len()));
        }
        let written = self.socket().poll_write(context, bytes);
        let written = ready!(self.check_progress(context, written))?;
        let Self { sent, session, .. } = &mut *self;
        sent.advance(&bytes[..written], |frame| {
            if frame.start == EVENT_PACKET {
                session.window.remove(usize::try_from(frame.length).unwrap_or(usize::MAX));
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
