//! A connection as the library wants it, which knows no tasks.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::Error;

/// Reads what was read before, writes to a connection, and says `WouldBlock` where the task has to
/// wait.
pub(super) struct LibraryIo<'a, 'task, S> {
    pub(super) connection: &'a mut S,
    pub(super) cx: &'a mut Context<'task>,
    pub(super) bytes: &'a [u8],
    /// The connection ends after `bytes`.
    pub(super) ended: bool,
}

impl<S> Read for LibraryIo<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() && !self.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.bytes.read(buffer)
    }
}

impl<S: AsyncWrite + Unpin> Write for LibraryIo<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        unblocked(Pin::new(&mut *self.connection).poll_write(self.cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        unblocked(Pin::new(&mut *self.connection).poll_flush(self.cx))
    }
}

/// Pending if the library would have to wait.
pub(super) fn unless_blocked<T>(done: Result<T, Error>) -> Poll<Result<T, Error>> {
    match done {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        done => Poll::Ready(done),
    }
}

fn unblocked<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(done) => done,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}
