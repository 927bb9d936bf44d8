//! The socket of a measured connection: the place where bytes and open connections are counted.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use wirebench_protocol::Timestamp;

use super::arrivals::Arrivals;

/// A socket that counts the bytes that cross it.
#[derive(Debug)]
pub(super) struct CountedSocket {
    socket: TcpStream,
    bytes: Arc<ByteCounts>,
    /// Stamped with each read. `None` on an emulated link, where the delay line sets the stamp.
    arrivals: Option<Arrivals>,
    _open: OpenConnection,
}

/// The bytes that crossed the sockets of one dialer, on a cache line of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct ByteCounts {
    pub(super) up: AtomicU64,
    pub(super) down: AtomicU64,
}

/// The connections of a dialer and its siblings.
#[derive(Debug, Default)]
pub(super) struct ConnectionCounts {
    pub(super) attempted: AtomicU64,
    pub(super) opened: AtomicU64,
    pub(super) open: AtomicU64,
    pub(super) peak: AtomicU64,
}

/// Counts a connection as open until it is dropped.
#[derive(Debug)]
pub(super) struct OpenConnection(Arc<ConnectionCounts>);

impl CountedSocket {
    pub(super) fn new(
        socket: TcpStream,
        bytes: Arc<ByteCounts>,
        arrivals: Option<Arrivals>,
        open: OpenConnection,
    ) -> Self {
        Self { socket, bytes, arrivals, _open: open }
    }

    fn count_up(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.bytes.up.fetch_add(bytes as u64, Relaxed);
        }
        written
    }
}

impl OpenConnection {
    pub(super) fn new(connections: &Arc<ConnectionCounts>) -> Self {
        connections.opened.fetch_add(1, Relaxed);
        let open = connections.open.fetch_add(1, Relaxed) + 1;
        connections.peak.fetch_max(open, Relaxed);
        Self(Arc::clone(connections))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl AsyncRead for CountedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        self.bytes.down.fetch_add(read as u64, Relaxed);
        // The end of the stream does not move the stamp of the bytes that came last.
        if read > 0
            && let Some(arrivals) = &self.arrivals
        {
            arrivals.set(Timestamp::now());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for CountedSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.count_up(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.count_up(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
