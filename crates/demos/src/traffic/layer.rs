//! The streams that the demos put around connections that may carry lanes. They count the bytes,
//! delay those of lanes, and can be cut.
//!
//! From the browser inwards: the socket, the counter, the delay line, the cut. The counter is
//! outermost, so that a piece is stamped with the time at which it leaves or reaches the browser's
//! end of the link.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wirebench_link::{Delay, DelayLine};
use wirebench_server::{Io, Layer};

use crate::traffic::connection::TrackedConnection;
use crate::traffic::lanes::names_lane;
use crate::traffic::network::Network;
use crate::traffic::trace::Direction;

/// Wraps a connection from the first request on that names a lane, is one of the demos' own routes,
/// or is answered by hyper for another reason: one of a lane may follow it. Requests find the
/// [`TrackedConnection`] in their extensions.
#[derive(Clone, Debug)]
pub(crate) struct TrafficLayer {
    network: Arc<Network>,
}

impl TrafficLayer {
    pub(crate) fn new(network: Arc<Network>) -> Self {
        Self { network }
    }
}

impl Layer for TrafficLayer {
    fn concerns(&self, target: &str) -> bool {
        names_lane(target) || target.starts_with("/demo/")
    }

    fn wrap(&self, stream: Box<dyn Io>, extensions: &mut Extensions) -> Box<dyn Io> {
        let network = Arc::clone(&self.network);
        let connection = network.add_connection();
        extensions.insert(Arc::clone(&connection));
        let counted = CountedStream { stream, connection: Arc::clone(&connection) };
        let delay =
            LaneDelay { network: Arc::clone(&network), connection: Arc::clone(&connection) };
        Box::new(CuttableStream { line: DelayLine::new(counted, delay), network, connection })
    }
}

/// What the server reads from and writes to. Fails once the connection is cut.
#[derive(Debug)]
struct CuttableStream<S> {
    line: DelayLine<CountedStream<S>, LaneDelay>,
    network: Arc<Network>,
    connection: Arc<TrackedConnection>,
}

impl<S: Io> CuttableStream<S> {
    /// Returns the delay line, or an error if the connection is cut.
    fn line(&mut self) -> io::Result<Pin<&mut DelayLine<CountedStream<S>, LaneDelay>>> {
        if self.connection.is_cut() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(Pin::new(&mut self.line))
    }
}

impl<S: Io> AsyncRead for CuttableStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Register first and check second: otherwise a cut in between would wake nobody.
        self.connection.reader.register(cx.waker());
        self.line()?.poll_read(cx, buf)
    }
}

impl<S: Io> AsyncWrite for CuttableStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.connection.writer.register(cx.waker());
        self.line()?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.writer.register(cx.waker());
        self.line()?.poll_shutdown(cx)
    }
}

impl<S> Drop for CuttableStream<S> {
    fn drop(&mut self) {
        self.network.remove(&self.connection);
        self.connection.close();
    }
}

/// The link delay of a connection. Applies once the connection has carried a lane.
#[derive(Debug)]
struct LaneDelay {
    network: Arc<Network>,
    connection: Arc<TrackedConnection>,
}

impl Delay for LaneDelay {
    fn next(&mut self) -> Duration {
        if self.connection.carries_lanes() { self.network.delay() } else { Duration::ZERO }
    }
}

/// A socket that reports its bytes to the connection.
#[derive(Debug)]
struct CountedStream<S> {
    stream: S,
    connection: Arc<TrackedConnection>,
}

impl<S: Io> AsyncRead for CountedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.connection.count_bytes(Direction::In, &buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: Io> AsyncWrite for CountedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.connection.count_bytes(Direction::Out, &bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
