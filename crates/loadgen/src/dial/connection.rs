//! One measured connection, as HTTP sees it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::arrivals::Arrivals;
use super::crossed_bytes::CrossedBytes;
use super::emulated_link::LinkedSocket;

/// One TCP connection: `TCP_NODELAY` set, counted, delayed by the link in both directions,
/// encrypted if the target asks for it.
///
/// It must be polled by one task. Over an emulated link, reading also sends what has become due, so
/// two halves on two tasks would steal each other's wake-ups. Dropping it discards what the
/// emulated link still holds; `poll_shutdown` waits for it.
#[derive(Debug)]
pub struct MeasuredConnection {
    /// TLS is boxed: the state of a session takes about a kilobyte.
    stream: Either<LinkedSocket, Box<TlsStream<LinkedSocket>>>,
    arrivals: Arrivals,
    crossed: CrossedBytes,
}

impl MeasuredConnection {
    pub(super) fn plain(socket: LinkedSocket, arrivals: Arrivals) -> Self {
        Self { stream: Either::Left(socket), arrivals, crossed: CrossedBytes::default() }
    }

    pub(super) fn encrypted(tls: TlsStream<LinkedSocket>, arrivals: Arrivals) -> Self {
        let crossed = CrossedBytes::default();
        Self { stream: Either::Right(Box::new(tls)), arrivals, crossed }
    }

    /// Returns the stamp of the bytes that this connection hands to its reader.
    pub fn arrivals(&self) -> Arrivals {
        self.arrivals.clone()
    }

    /// Returns the count of the bytes that cross this connection.
    pub(crate) fn crossed(&self) -> CrossedBytes {
        self.crossed.clone()
    }
}

impl AsyncRead for MeasuredConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match &mut self.stream {
            Either::Left(socket) => ready!(Pin::new(socket).poll_read(cx, buf))?,
            // Not the `poll_read` of TLS, which reads from the socket until `buf` is full: the
            // messages that it collects would all have the stamp of the last.
            Either::Right(tls) => {
                let mut tls = Pin::new(tls.as_mut());
                let decrypted = ready!(tls.as_mut().poll_fill_buf(cx))?;
                let taken = decrypted.len().min(buf.remaining());
                buf.put_slice(&decrypted[..taken]);
                tls.consume(taken);
            }
        }
        self.crossed.add(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MeasuredConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.crossed.add(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        self.crossed.add(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
