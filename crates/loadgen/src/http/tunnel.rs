//! The stream that an extended `CONNECT` opens (RFC 8441), as bytes in both directions.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::{RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::failure::Failure;
use super::http2::Http2;

/// One stream of an HTTP/2 connection. Dropping it resets the stream.
#[derive(Debug)]
pub(crate) struct Http2Tunnel {
    http: Http2,
    up: SendStream<Bytes>,
    down: RecvStream,
    /// What arrived and did not fit into the reader's buffer. Nothing is read until it does.
    rest: Bytes,
}

impl Http2Tunnel {
    pub(super) fn new(http: Http2, up: SendStream<Bytes>, down: RecvStream) -> Self {
        Self { http, up, down, rest: Bytes::new() }
    }
}

impl AsyncRead for Http2Tunnel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            let down = &mut this.down;
            let piece = ready!(this.http.poll_streams(cx, |_, cx| down.poll_data(cx)));
            let Some(piece) = piece.map_err(io_error)? else { return Poll::Ready(Ok(())) };
            this.rest = piece.map_err(io::Error::other)?;
            // Makes room for more. An error means that the stream has ended in the meantime.
            let _ = this.down.flow_control().release_capacity(this.rest.len());
        }
        let taken = this.rest.len().min(buf.remaining());
        buf.put_slice(&this.rest[..taken]);
        this.rest.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Http2Tunnel {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.up.capacity() == 0 {
            this.up.reserve_capacity(bytes.len());
            let up = &mut this.up;
            match ready!(this.http.poll_streams(cx, |_, cx| up.poll_capacity(cx))) {
                Ok(Some(capacity)) => capacity.map_err(io::Error::other)?,
                Ok(None) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                Err(failure) => return Poll::Ready(Err(io_error(failure))),
            };
        }
        let taken = bytes.len().min(this.up.capacity());
        let piece = Bytes::copy_from_slice(&bytes[..taken]);
        this.up.send_data(piece, false).map_err(io::Error::other)?;
        Poll::Ready(Ok(taken))
    }

    /// Returns ready at once: the connection sends what was written.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().http.flush(cx);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Either end may have shut it down before.
        let _ = this.up.send_data(Bytes::new(), true);
        this.http.flush(cx);
        Poll::Ready(Ok(()))
    }
}

fn io_error(failure: Failure) -> io::Error {
    match failure {
        Failure::Closed => io::ErrorKind::UnexpectedEof.into(),
        Failure::Broken(error) => io::Error::other(error),
        Failure::Silent => io::ErrorKind::TimedOut.into(),
    }
}
