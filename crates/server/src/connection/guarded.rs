//! A socket that counts what crosses it, and gives up on a peer that takes nothing.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::vitals::{Closed, Vitals};
use crate::limits::Limits;

/// A socket under guard. It lies below TLS: bytes are those on the wire.
#[derive(Debug)]
pub(crate) struct Guarded<S> {
    socket: S,
    vitals: Arc<Vitals>,
    /// How long the peer may take no byte.
    write_time: std::time::Duration,
    /// Runs while the socket takes nothing; there only then.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    pub(super) fn new(socket: S, vitals: Arc<Vitals>, limits: &Limits) -> Self {
        Self { socket, vitals, write_time: limits.write_time, stalled: None }
    }

    /// After each write: the clock starts when the socket takes nothing, and stops when it does.
    fn judge(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            if self.stalled.take().is_some() {
                self.vitals.stalls(false);
            }
            if let Ok(bytes) = written {
                self.vitals.sent(bytes);
            }
            return Poll::Ready(written);
        }
        let time = self.write_time;
        let vitals = &self.vitals;
        let stalled = self.stalled.get_or_insert_with(|| {
            vitals.stalls(true);
            Box::pin(sleep(time))
        });
        ready!(stalled.as_mut().poll(context));
        self.vitals.close(Closed::Slow);
        let error = format!("the peer took no byte for {} s", time.as_secs_f64());
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, error)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        let bytes = buffer.filled().len() - before;
        if bytes > 0 {
            self.vitals.received(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
