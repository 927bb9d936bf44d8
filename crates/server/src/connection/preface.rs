//! Which HTTP a connection speaks in the clear: HTTP/2 with prior knowledge begins with a fixed preface
//! (RFC 9113, section 3.4), HTTP/1.1 with anything else.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::vitals::Closed;
use super::{Connection, late_head};

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads as little as it takes to tell, and whether it is HTTP/2. `None` when nothing comes in time,
/// when the peer goes away, or when the server stops first.
pub(super) async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    connection: &Connection,
) -> Option<(Replayed<S>, bool)> {
    let limits = connection.server.limits();
    let (mut start, mut length) = ([0; PREFACE.len()], 0);
    while length < PREFACE.len() && start[..length] == PREFACE[..length] {
        let (time, why) = if length == 0 {
            (limits.idle_time, Closed::Idle)
        } else {
            (limits.head_time, Closed::Head)
        };
        let read = tokio::select! {
            // What is here is read, even if the server stops.
            biased;
            read = timeout(time, stream.read(&mut start[length..])) => read,
            () = connection.server.stopping() => {
                connection.vitals.close(Closed::Stopped);
                return None;
            }
        };
        match read {
            Ok(Ok(0) | Err(_)) => return None,
            Ok(Ok(bytes)) => length += bytes,
            Err(_) => {
                connection.vitals.close(why);
                if why == Closed::Head {
                    // What began like HTTP/2 may have become a request over HTTP/1.1.
                    Box::pin(late_head::answer(stream, connection)).await;
                }
                return None;
            }
        }
    }
    let http2 = start == *PREFACE;
    let length = u8::try_from(length).expect("at most 24 bytes are read");
    Some((Replayed { stream, start, read: 0, length }, http2))
}

/// A stream whose first bytes were looked at.
#[derive(Debug)]
pub(super) struct Replayed<S> {
    stream: S,
    start: [u8; PREFACE.len()],
    read: u8,
    length: u8,
}

impl<S: AsyncRead + Unpin> AsyncRead for Replayed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read == self.length {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let left = &self.start[usize::from(self.read)..usize::from(self.length)];
        let taken = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..taken]);
        self.read += u8::try_from(taken).expect("no more than was kept");
        // What has come behind it goes along: a request is to be read in as few pieces as it came in.
        // An end or an error comes again.
        let _ = Pin::new(&mut self.stream).poll_read(context, buffer);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replayed<S> {
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
