//! Reads a connection in large pieces for a reader with a small buffer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::scratch;

/// A connection whose reads go into a buffer of the thread. What does not fit into that of the
/// reader is kept until the next read, and the connection is not read before it is used up. So all
/// of it has the stamp of the read that brought it, and a connection that waits owns no buffer.
#[derive(Debug)]
pub(super) struct ReadAhead<S> {
    connection: S,
    rest: Bytes,
}

impl<S> ReadAhead<S> {
    pub(super) fn new(connection: S) -> Self {
        Self { connection, rest: Bytes::new() }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.connection
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            return scratch::lend_to_read(|scratch| {
                let mut read = ReadBuf::new(scratch);
                ready!(Pin::new(&mut this.connection).poll_read(cx, &mut read))?;
                let (taken, rest) =
                    read.filled().split_at(read.filled().len().min(buf.remaining()));
                buf.put_slice(taken);
                this.rest = Bytes::copy_from_slice(rest);
                Poll::Ready(Ok(()))
            });
        }
        let taken = this.rest.len().min(buf.remaining());
        buf.put_slice(&this.rest[..taken]);
        this.rest.advance(taken);
        if this.rest.is_empty() {
            this.rest = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadAhead<S> {
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_small_reader_gets_every_byte_in_order_and_then_the_end() {
        let (here, mut there) = duplex(1 << 16);
        let sent: Vec<u8> = (0..50_000_usize).map(|place| place.to_le_bytes()[0]).collect();
        there.write_all(&sent).await.unwrap();
        drop(there);
        let mut ahead = ReadAhead::new(here);
        let (mut read, mut buffer) = (Vec::new(), [0; 7]);
        loop {
            let count = ahead.read(&mut buffer).await.unwrap();
            if count == 0 {
                break;
            }
            read.extend_from_slice(&buffer[..count]);
        }
        assert!(read == sent);
        assert!(ahead.rest.is_empty());
    }
}
