//! A socket that counts its bytes, and fails if the peer takes nothing for too long.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::activity::ConnectionActivity;
use crate::metrics::CloseReason;

/// The socket of a connection. It lies below TLS, so that its bytes are those on the wire.
#[derive(Debug)]
pub(super) struct MeteredSocket<S> {
    socket: S,
    activity: Arc<ConnectionActivity>,
    /// The time limit. It exists only while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> MeteredSocket<S> {
    pub(super) fn new(socket: S, activity: Arc<ConnectionActivity>) -> Self {
        Self { socket, activity, stalled: None }
    }

    /// Called after each write: the timer starts when the socket takes nothing, and stops when it
    /// takes a byte.
    fn check(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            if self.stalled.take().is_some() {
                self.activity.set_stalled(false);
            }
            if let Ok(bytes) = written {
                self.activity.sent(bytes);
            }
            return Poll::Ready(written);
        }
        let activity = &self.activity;
        let time = activity.server().limits.write_time;
        let stalled = self.stalled.get_or_insert_with(|| {
            activity.set_stalled(true);
            Box::pin(sleep(time))
        });
        ready!(stalled.as_mut().poll(context));
        activity.set_close_reason(CloseReason::SlowReader);
        let error = format!("the peer took no byte for {} s", time.as_secs_f64());
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, error)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MeteredSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        let bytes = buffer.filled().len() - before;
        if bytes > 0 {
            self.activity.received(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MeteredSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.check(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.check(context, written)
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
