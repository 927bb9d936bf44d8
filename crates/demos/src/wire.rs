//! Every connection of the server, as the demos see it: its bytes are counted, and those of lanes are
//! delayed and can be cut.
//!
//! From the browser inwards: the socket, the tap, the delay line, the knife. The tap is outermost, so
//! that a piece is stamped with the time at which it leaves or reaches the browser's end of the link.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wirebench_link::{Delay, DelayLine};
use wirebench_server::{Io, Layer};

use crate::network::{Connection, Network};
use crate::trace::Direction;

/// Lays a wire over each connection. The requests that come over it find its [`Connection`] among their
/// extensions.
#[derive(Clone, Debug)]
pub(crate) struct Wires(pub(crate) Arc<Network>);

impl Layer for Wires {
    fn wrap(&self, stream: Box<dyn Io>, extensions: &mut Extensions) -> Box<dyn Io> {
        let connection = self.0.welcome();
        extensions.insert(Arc::clone(&connection));
        let tap = Tap { stream, connection: Arc::clone(&connection) };
        let delay = LinkDelay { network: Arc::clone(&self.0), connection: Arc::clone(&connection) };
        Box::new(Wire { line: DelayLine::new(tap, delay), connection })
    }
}

/// What the server reads from and writes to: fails once the connection is cut.
#[derive(Debug)]
struct Wire<S> {
    line: DelayLine<Tap<S>, LinkDelay>,
    connection: Arc<Connection>,
}

impl<S: Io> Wire<S> {
    /// The line, unless it is cut.
    fn line(&mut self) -> io::Result<Pin<&mut DelayLine<Tap<S>, LinkDelay>>> {
        if self.connection.is_cut() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(Pin::new(&mut self.line))
    }
}

impl<S: Io> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // To be woken first, looked at second: a cut in between is found.
        self.connection.reader.register(cx.waker());
        self.line()?.poll_read(cx, buf)
    }
}

impl<S: Io> AsyncWrite for Wire<S> {
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

impl<S> Drop for Wire<S> {
    fn drop(&mut self) {
        self.connection.end();
    }
}

/// How long the bytes of a connection take: as long as the link says, once it has carried a lane.
#[derive(Debug)]
struct LinkDelay {
    network: Arc<Network>,
    connection: Arc<Connection>,
}

impl Delay for LinkDelay {
    fn next(&mut self) -> Duration {
        if self.connection.is_tagged() { self.network.delay() } else { Duration::ZERO }
    }
}

/// A socket whose bytes are told to the connection.
#[derive(Debug)]
struct Tap<S> {
    stream: S,
    connection: Arc<Connection>,
}

impl<S: Io> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.connection.crossed(Direction::In, &buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: Io> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.connection.crossed(Direction::Out, &bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
