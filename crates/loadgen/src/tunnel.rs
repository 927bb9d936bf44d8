//! The stream that an extended `CONNECT` opens (RFC 8441), as bytes both ways.

use std::fmt::Debug;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::{RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::exchange::Failure;
use crate::http2::Line;

/// What carries the frames of a WebSocket: a connection, or a stream of one.
pub(crate) trait Carrier: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Carrier for T {}

/// A stream of an HTTP/2 connection. Dropping it resets the stream.
#[derive(Debug)]
pub(crate) struct Tunnel {
    line: Line,
    up: SendStream<Bytes>,
    down: RecvStream,
    /// What has come and does not fit what was asked to be read: nothing is read until it does.
    rest: Bytes,
}

impl Tunnel {
    pub(crate) fn new(line: Line, up: SendStream<Bytes>, down: RecvStream) -> Self {
        Self { line, up, down, rest: Bytes::new() }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            let down = &mut this.down;
            let piece = ready!(this.line.poll_streams(cx, |_, cx| down.poll_data(cx)));
            let Some(piece) = piece.map_err(failed)? else { return Poll::Ready(Ok(())) };
            this.rest = piece.map_err(io::Error::other)?;
            // What was taken makes room for more. An error says that the stream has ended meanwhile.
            let _ = this.down.flow_control().release_capacity(this.rest.len());
        }
        let taken = this.rest.len().min(buf.remaining());
        buf.put_slice(&this.rest[..taken]);
        this.rest.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.up.capacity() == 0 {
            this.up.reserve_capacity(bytes.len());
            let up = &mut this.up;
            match ready!(this.line.poll_streams(cx, |_, cx| up.poll_capacity(cx))) {
                Ok(Some(capacity)) => capacity.map_err(io::Error::other)?,
                Ok(None) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                Err(failure) => return Poll::Ready(Err(failed(failure))),
            };
        }
        let taken = bytes.len().min(this.up.capacity());
        let piece = Bytes::copy_from_slice(&bytes[..taken]);
        this.up.send_data(piece, false).map_err(io::Error::other)?;
        Poll::Ready(Ok(taken))
    }

    /// Ready at once: what was written is the connection's to send.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().line.flush(cx);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // It may have been shut down before, by either end.
        let _ = this.up.send_data(Bytes::new(), true);
        this.line.flush(cx);
        Poll::Ready(Ok(()))
    }
}

fn failed(failure: Failure) -> io::Error {
    match failure {
        Failure::Closed => io::ErrorKind::UnexpectedEof.into(),
        Failure::Broken(error) => io::Error::other(error),
        Failure::Silent => io::ErrorKind::TimedOut.into(),
    }
}
