//! Messages over a connection, framed by the library.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::scratch;

/// Reads and writes messages. While nothing is under way, it owns no buffer but the library's,
/// which is small: what the socket has is read into a buffer that is lent for as long as it takes.
///
/// It belongs to one task, whose waker is the last that was given.
#[derive(Debug)]
pub(super) struct MessageStream<S> {
    socket: S,
    library: WebSocketContext,
    /// What the socket had, and the library has not taken yet.
    unread: Bytes,
    /// The library has read a message, and may want to write an answer.
    is_answering: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> MessageStream<S> {
    /// Wraps a connection on which the server has accepted a handshake.
    pub(super) fn new(socket: S, config: WebSocketConfig) -> Self {
        let library = WebSocketContext::new(Role::Server, Some(config));
        Self { socket, library, unread: Bytes::new(), is_answering: false }
    }

    /// Returns the connection, to end it.
    pub(super) fn socket_mut(&mut self) -> &mut S {
        &mut self.socket
    }

    /// Returns the next message. The library answers pings and Close frames; its answers are
    /// written by the next [`poll_write`](Self::poll_write) at the latest.
    ///
    /// # Errors
    /// The connection has ended, or the peer broke the protocol. There are no further messages.
    pub(super) fn poll_read(&mut self, task: &mut Context<'_>) -> Poll<Result<Message, Error>> {
        let (library, mut socket) = self.split(task);
        let read = unless_blocked(library.read(&mut socket));
        self.is_answering |= read.is_ready();
        read
    }

    /// Like [`poll_read`](Self::poll_read).
    pub(super) async fn read(&mut self) -> Result<Message, Error> {
        poll_fn(|task| self.poll_read(task)).await
    }

    /// Writes whole frames past the library, which would copy each of them into a buffer of its
    /// own, and before them what the library has to write. What is written is removed from
    /// `frames`, which must not change before everything is written.
    ///
    /// # Errors
    /// The connection has failed.
    pub(super) fn poll_write(
        &mut self,
        task: &mut Context<'_>,
        frames: &mut &[u8],
    ) -> Poll<Result<(), Error>> {
        if self.is_answering {
            ready!(self.poll_flush(task))?;
            self.is_answering = false;
        }
        while !frames.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_write(task, frames))? {
                0 => return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into())),
                written => *frames = &frames[written..],
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes everything that was handed to the library.
    fn poll_flush(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let (library, mut socket) = self.split(task);
        unless_blocked(library.flush(&mut socket)).map(|flushed| match flushed {
            // The library says this when it has written the last Close frame.
            Err(Error::ConnectionClosed) => Ok(()),
            flushed => flushed,
        })
    }

    /// Hands a message to the library, and writes it.
    ///
    /// # Errors
    /// The connection has failed, or a Close frame was sent or received before.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), Error> {
        let mut message = Some(message);
        poll_fn(|task| {
            if let Some(message) = message.take() {
                let (library, mut socket) = self.split(task);
                // Pending: the library has it, but the socket does not take all of it yet.
                if let Poll::Ready(Err(error)) = unless_blocked(library.write(&mut socket, message))
                {
                    return Poll::Ready(Err(error));
                }
            }
            self.poll_flush(task)
        })
        .await
    }

    /// Returns the library, and the socket as the library wants it.
    fn split<'a, 'task>(
        &'a mut self,
        task: &'a mut Context<'task>,
    ) -> (&'a mut WebSocketContext, Unblocked<'a, 'task, S>) {
        let Self { socket, library, unread, .. } = self;
        (library, Unblocked { socket, unread, task })
    }
}

/// Pending if the library would have to wait.
fn unless_blocked<T>(done: Result<T, Error>) -> Poll<Result<T, Error>> {
    match done {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        done => Poll::Ready(done),
    }
}

/// The socket of a task, as the library wants it: it says `WouldBlock` where the task has to wait.
struct Unblocked<'a, 'task, S> {
    socket: &'a mut S,
    unread: &'a mut Bytes,
    task: &'a mut Context<'task>,
}

impl<S: AsyncRead + Unpin> io::Read for Unblocked<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            return self.read_socket(buffer);
        }
        let length = buffer.len().min(self.unread.len());
        self.unread.copy_to_slice(&mut buffer[..length]);
        if self.unread.is_empty() {
            // Releases the memory.
            *self.unread = Bytes::new();
        }
        Ok(length)
    }
}

impl<S: AsyncRead + Unpin> Unblocked<'_, '_, S> {
    /// Reads what the socket has, and keeps what does not fit into the buffer.
    fn read_socket(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        scratch::lend(|scratch| {
            let mut read = ReadBuf::new(scratch);
            unblocked(Pin::new(&mut *self.socket).poll_read(self.task, &mut read))?;
            let (fits, rest) = read.filled().split_at(buffer.len().min(read.filled().len()));
            buffer[..fits.len()].copy_from_slice(fits);
            if !rest.is_empty() {
                *self.unread = Bytes::copy_from_slice(rest);
            }
            Ok(fits.len())
        })
    }
}

impl<S: AsyncWrite + Unpin> io::Write for Unblocked<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        unblocked(Pin::new(&mut *self.socket).poll_write(self.task, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        unblocked(Pin::new(&mut *self.socket).poll_flush(self.task))
    }
}

fn unblocked<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(done) => done,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Returns a frame of a client with a text of this length. Its mask is 0.
    fn text_frame(length: u16) -> Vec<u8> {
        let mut frame = vec![0x81, 0x80 | 0x7e];
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.resize(frame.len() + usize::from(length), b'a');
        frame
    }

    #[tokio::test]
    async fn messages_larger_than_the_library_s_buffer_are_read_however_the_bytes_come() {
        let (ours, mut theirs) = duplex(100);
        let config = WebSocketConfig::default().read_buffer_size(64).write_buffer_size(0);
        let mut stream = MessageStream::new(ours, config);
        let lengths = [0, 1, 63, 64, 65, 200, 5000, 20_000, 3];
        let sending = async {
            theirs.write_all(&lengths.map(text_frame).concat()).await.unwrap();
            let mut echo = [0; 4];
            theirs.read_exact(&mut echo).await.unwrap();
            assert_eq!(&echo, b"\x81\x02ok");
        };
        let receiving = async {
            for length in lengths {
                let message = stream.read().await.unwrap();
                assert_eq!(message.into_text().unwrap().len(), usize::from(length));
            }
            stream.send(Message::text("ok")).await.unwrap();
        };
        tokio::join!(sending, receiving);
        assert!(stream.unread.is_empty(), "everything was taken");
        drop(theirs);
        assert!(stream.read().await.is_err());
    }
}
