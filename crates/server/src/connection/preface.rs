//! Which HTTP a connection without TLS speaks. HTTP/2 with prior knowledge begins with a fixed
//! preface (RFC 9113, section 3.4), HTTP/1.1 with anything else.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::activity::ConnectionActivity;
use super::late_head;
use crate::metrics::CloseReason;

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads as few bytes as it takes to tell. Returns a stream that begins with the same bytes, and
/// true for HTTP/2. Returns `None` if nothing comes in time, if the peer closes, or if the server
/// stops first.
pub(super) async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    activity: &ConnectionActivity,
    peer: SocketAddr,
) -> Option<(Rewound<S>, bool)> {
    let limits = &activity.server().limits;
    let (mut start, mut length) = ([0; PREFACE.len()], 0);
    while length < PREFACE.len() && start[..length] == PREFACE[..length] {
        let (time, reason) = if length == 0 {
            (limits.idle_time, CloseReason::Idle)
        } else {
            (limits.head_time, CloseReason::SlowHead)
        };
        let read = tokio::select! {
            // What has come is read even if the server stops.
            biased;
            read = timeout(time, stream.read(&mut start[length..])) => read,
            () = activity.server().stopping() => {
                activity.set_close_reason(CloseReason::Stopped);
                return None;
            }
        };
        match read {
            Ok(Ok(0) | Err(_)) => return None,
            Ok(Ok(bytes)) => length += bytes,
            Err(_) => {
                activity.set_close_reason(reason);
                if reason == CloseReason::SlowHead {
                    // What began like HTTP/2 could have become a request over HTTP/1.1.
                    Box::pin(late_head::answer(stream, activity, peer)).await;
                }
                return None;
            }
        }
    }
    let is_http2 = start == *PREFACE;
    Some((Rewound::new(stream, start[..length].to_vec()), is_http2))
}

/// A stream that begins again with the bytes that were read from it.
#[derive(Debug)]
pub(super) struct Rewound<S> {
    stream: S,
    /// What is still to be read again.
    start: Vec<u8>,
}

impl<S> Rewound<S> {
    /// Puts bytes back in front of the stream that they were read from.
    pub(super) fn new(stream: S, start: Vec<u8>) -> Self {
        Self { stream, start }
    }

    /// Wraps a stream from which nothing was read.
    pub(super) fn at_start(stream: S) -> Self {
        Self::new(stream, Vec::new())
    }

    /// Returns the stream, and the bytes that were read from it.
    pub(super) fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.start)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.start.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let taken = self.start.len().min(buffer.remaining());
        buffer.put_slice(&self.start[..taken]);
        // Releases the memory if nothing is left.
        self.start = self.start.split_off(taken);
        // Add what has come after these bytes, so that a request is read in as few pieces as it
        // came in. An end or an error is returned again by the next read.
        let _ = Pin::new(&mut self.stream).poll_read(context, buffer);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
