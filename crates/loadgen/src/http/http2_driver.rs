//! Drives one HTTP/2 connection, one read at a time.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::dial::MeasuredConnection;

/// How much may arrive on one stream before any of it is read. Chrome has the same window. It is
/// far more than is ever under way here, so that no transport waits for a window.
const STREAM_WINDOW: u32 = 6 << 20;

/// How much may arrive on one connection before any of it is read. Chrome has the same window.
const CONNECTION_WINDOW: u32 = 15 << 20;

/// The number of streams that h2 assumes until the server has sent its limit. No server sends this
/// one.
const STREAMS_UNKNOWN: usize = usize::MAX - 1;

/// The part of a connection that somebody has to poll for anything to happen on its streams.
///
/// h2 reads for as long as the socket has something, and only then hands out what it has read. Here
/// it is given one read at a time: the streams that a read concerns have their messages, with the
/// stamp of that read, before the next one. This is why [`Arrivals`](crate::Arrivals) is the stamp
/// of a message.
#[derive(Debug)]
pub(super) struct Http2Driver {
    connection: h2::client::Connection<SingleRead, Bytes>,
    /// A read returned something and there may be more, so the connection must be polled again.
    more: Arc<AtomicBool>,
    over: bool,
}

/// The result of polling a connection once.
pub(super) enum DriverStep {
    /// Something was read, and no waker was registered: poll again.
    Read,
    /// There was nothing to read. A waker is registered.
    Idle,
    /// The connection has ended.
    Ended(Result<(), h2::Error>),
}

impl Http2Driver {
    /// Sends the preface, and does not wait for that of the server.
    pub(super) async fn open(
        connection: MeasuredConnection,
    ) -> io::Result<(SendRequest<Bytes>, Self)> {
        let more = Arc::new(AtomicBool::new(false));
        let connection = SingleRead { connection, more: Arc::clone(&more) };
        let opened = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_max_send_streams(STREAMS_UNKNOWN)
            .enable_push(false)
            .handshake(connection);
        let (sender, connection) = opened.await.map_err(io::Error::other)?;
        Ok((sender, Self { connection, more, over: false }))
    }

    /// Returns true if the connection has ended, as far as it was polled.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Polls the connection: writes what is pending, and reads at most once.
    pub(super) fn step(&mut self, cx: &mut Context<'_>) -> DriverStep {
        if self.over {
            return DriverStep::Ended(Ok(()));
        }
        match Pin::new(&mut self.connection).poll(cx) {
            Poll::Ready(result) => {
                self.over = true;
                DriverStep::Ended(result)
            }
            Poll::Pending if self.more.swap(false, Relaxed) => DriverStep::Read,
            Poll::Pending => DriverStep::Idle,
        }
    }

    /// Writes what is pending and reads nothing, so that no stamp moves. Registers no waker for
    /// what there is to read.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) {
        self.more.store(true, Relaxed);
        let _ = self.step(cx);
    }
}

/// Returns how many streams the server allows at once, and `None` until it has sent its limit.
pub(super) fn streams_allowed(sender: &SendRequest<Bytes>) -> Option<usize> {
    Some(sender.current_max_send_streams()).filter(|&streams| streams != STREAMS_UNKNOWN)
}

/// A connection that is read once, and then again only after its poll has returned.
#[derive(Debug)]
struct SingleRead {
    connection: MeasuredConnection,
    /// Something was read, and [`Http2Driver::step`] has not noticed it yet.
    more: Arc<AtomicBool>,
}

impl AsyncRead for SingleRead {
    /// After a read that returned something, returns `Pending` without registering a waker:
    /// [`Http2Driver::step`] knows.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.more.load(Relaxed) {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut this.connection).poll_read(cx, buf);
        this.more.store(buf.filled().len() > before, Relaxed);
        read
    }
}

impl AsyncWrite for SingleRead {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }
}
