//! Messages over a connection. What is not simply a message in one frame is left to the library.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::first_frame::{MAX_MESSAGE_BYTES, frame_bytes, take_message};
use super::library_io::{LibraryIo, unless_blocked};
use crate::scratch;

/// How many bytes the library takes at once.
const LIBRARY_BYTES: usize = 512;

/// Reads and writes messages. While it waits for one, it owns neither a buffer nor a state of the
/// library.
///
/// Nearly everything that comes is a message in one frame. It is taken out of the buffer of the
/// read. The library gets everything else, frame by frame: control frames, fragments, and what
/// breaks the protocol. It also frames what is sent. Its state lasts until nothing depends on it,
/// and meanwhile it gets every frame.
///
/// The connection is read only if no whole frame is left of the read before, so nothing is read
/// between the last byte of a message and its return. It belongs to one task, whose waker is the
/// last that was given.
#[derive(Debug)]
pub(super) struct MessageSocket<S> {
    connection: S,
    /// What was read and is not used yet.
    unread: BytesMut,
    /// The connection has ended: nothing comes after what is unread.
    ended: bool,
    library: Option<Box<WebSocketContext>>,
    /// The library has the beginning of a message, and waits for its other fragments.
    in_fragments: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> MessageSocket<S> {
    /// Takes a connection on which the handshake is done, and what was read past the handshake.
    pub(super) fn new(connection: S, unread: Bytes) -> Self {
        let unread = unread.into();
        Self { connection, unread, ended: false, library: None, in_fragments: false }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.connection
    }

    pub(super) fn get_mut(&mut self) -> &mut S {
        &mut self.connection
    }

    /// Returns the next message or control frame. A ping or a close frame is answered by the next
    /// call.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionClosed`] at the end of a connection that the peer has closed with a close
    /// frame, and otherwise what broke it. Nothing can be read any more after an error, but the
    /// peer can be told of it.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Error>> {
        // If the connection does not take the answer now, the next call tries again.
        if let Poll::Ready(flushed) = self.poll_flush(cx) {
            flushed?;
        }
        loop {
            if let Some(message) = self.next_unread(cx)? {
                return Poll::Ready(Ok(message));
            }
            if let Some(message) = ready!(self.poll_read(cx))? {
                return Poll::Ready(Ok(message));
            }
        }
    }

    /// Sends a message, which is taken by the first call. Ready when the connection has all of it.
    ///
    /// # Errors
    ///
    /// The connection has failed, or a close frame was sent or received before.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), Error>> {
        if let Some(message) = message.take() {
            let (library, mut io) = self.library(cx, 0);
            // Pending: the library has it, but the connection does not take all of it yet.
            if let Poll::Ready(Err(error)) = unless_blocked(library.write(&mut io, message)) {
                return Poll::Ready(Err(error));
            }
        }
        self.poll_flush(cx)
    }

    /// Discards what the peer still sends. Ready once it has closed the connection.
    pub(super) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        scratch::lend_to_read(|scratch| {
            loop {
                let mut rest = ReadBuf::new(scratch);
                let read = ready!(Pin::new(&mut self.connection).poll_read(cx, &mut rest));
                if read.is_err() || rest.filled().is_empty() {
                    return Poll::Ready(());
                }
            }
        })
    }

    /// Returns the first message of what is unread, and `None` if it is not complete.
    fn next_unread(&mut self, cx: &mut Context<'_>) -> Result<Option<Message>, Error> {
        while !self.unread.is_empty() || self.ended {
            let mut rest = &self.unread[..];
            let message = if self.library.is_none() { take_message(&mut rest) } else { None };
            if message.is_some() {
                let used = self.unread.len() - rest.len();
                self.use_up(used);
                return Ok(message);
            }
            let frame = match frame_bytes(&self.unread) {
                Some(bytes) => bytes,
                // The library says what the end of the connection means.
                None if self.ended => self.unread.len(),
                None => return Ok(None),
            };
            let message = self.read_with_library(cx, frame);
            self.use_up(frame);
            if let Some(message) = message? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// Reads once. Returns the message that the read begins with, if it is a message in one frame
    /// and nothing comes before it. Everything else is then unread.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        scratch::lend_to_read(|scratch| {
            let mut read = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.connection).poll_read(cx, &mut read))?;
            let mut bytes = read.filled();
            self.ended = bytes.is_empty();
            let is_next = self.unread.is_empty() && self.library.is_none();
            let message = if is_next { take_message(&mut bytes) } else { None };
            self.unread.extend_from_slice(bytes);
            Poll::Ready(Ok(message))
        })
    }

    /// Hands a frame, the first `length` bytes that are unread, to the library. `None`: the message
    /// is not complete.
    fn read_with_library(
        &mut self,
        cx: &mut Context<'_>,
        length: usize,
    ) -> Result<Option<Message>, Error> {
        let (library, mut io) = self.library(cx, length);
        let read = match unless_blocked(library.read(&mut io)) {
            Poll::Ready(read) => Some(read?),
            Poll::Pending => None,
        };
        self.in_fragments = match &read {
            None => true,
            Some(Message::Text(_) | Message::Binary(_)) => false,
            Some(_) => self.in_fragments,
        };
        Ok(read)
    }

    /// Removes bytes that were used, and releases the memory with the last of them.
    fn use_up(&mut self, bytes: usize) {
        self.unread.advance(bytes);
        if self.unread.is_empty() {
            self.unread = BytesMut::new();
        }
    }

    /// Writes everything that the library has to write, and drops its state if nothing depends on
    /// it any more.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.library.is_none() {
            return Poll::Ready(Ok(()));
        }
        let (library, mut io) = self.library(cx, 0);
        ready!(unless_blocked(library.flush(&mut io)))?;
        // After a close frame, the library knows which side has sent it.
        let is_open = library.can_write();
        if is_open && !self.in_fragments {
            self.library = None;
        }
        Poll::Ready(Ok(()))
    }

    /// Returns the library, and the connection as the library wants it. The library reads the first
    /// `length` bytes that are unread.
    fn library<'a, 'task>(
        &'a mut self,
        cx: &'a mut Context<'task>,
        length: usize,
    ) -> (&'a mut WebSocketContext, LibraryIo<'a, 'task, S>) {
        let library = self.library.get_or_insert_with(|| {
            // Without a write buffer, every frame is one write.
            let config = WebSocketConfig::default()
                .read_buffer_size(LIBRARY_BYTES)
                .write_buffer_size(0)
                .max_message_size(Some(MAX_MESSAGE_BYTES))
                .max_frame_size(Some(MAX_MESSAGE_BYTES));
            Box::new(WebSocketContext::new(Role::Client, Some(config)))
        });
        let (connection, bytes) = (&mut self.connection, &self.unread[..length]);
        (library, LibraryIo { connection, cx, bytes, ended: self.ended })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Returns a frame of a server.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let length = payload.len();
        let mut frame = match (u8::try_from(length), u16::try_from(length)) {
            (Ok(length @ ..=125), _) => vec![first, length],
            (_, Ok(length)) => [&[first, 126][..], &length.to_be_bytes()].concat(),
            _ => [&[first, 127][..], &(length as u64).to_be_bytes()].concat(),
        };
        frame.extend_from_slice(payload);
        frame
    }

    async fn next<S: AsyncRead + AsyncWrite + Unpin>(
        socket: &mut MessageSocket<S>,
    ) -> Result<Message, Error> {
        poll_fn(|cx| socket.poll_next(cx)).await
    }

    /// Returns the frames of a conversation, and the messages that they stand for.
    fn conversation() -> (Vec<u8>, Vec<Message>) {
        let large = vec![7; 70_000];
        let frames = [
            frame(0x81, b"one"),
            frame(0x82, &large),
            frame(0x89, b"ping"),
            frame(0x01, b"\xc3"),
            frame(0x8a, b""),
            frame(0x80, b"\xa9"),
            frame(0x81, b""),
            frame(0x82, &[1; 126]),
        ];
        let messages = vec![
            Message::text("one"),
            Message::binary(large),
            Message::Ping("ping".into()),
            Message::Pong(Bytes::new()),
            Message::text("\u{e9}"),
            Message::text(""),
            Message::binary(vec![1; 126]),
        ];
        (frames.concat(), messages)
    }

    #[tokio::test]
    async fn a_socket_that_waits_owns_neither_a_buffer_nor_a_library() {
        let (here, mut there) = duplex(100);
        let (frames, messages) = conversation();
        let mut socket = MessageSocket::new(here, Bytes::new());
        let serving = async {
            there.write_all(&frames).await.unwrap();
            let mut pong = [0; 10];
            there.read_exact(&mut pong).await.unwrap();
            assert_eq!(pong[..2], [0x8a, 0x84], "a pong of four bytes, masked");
        };
        let reading = async {
            for expected in messages {
                assert_eq!(next(&mut socket).await.unwrap(), expected);
            }
        };
        tokio::join!(serving, reading);
        assert!(socket.library.is_none());
        assert_eq!(socket.unread.capacity(), 0);
    }

    #[tokio::test]
    async fn a_message_that_is_sent_is_framed_and_leaves_nothing_behind() {
        let (here, mut there) = duplex(4);
        let mut socket = MessageSocket::new(here, Bytes::new());
        let mut message = Some(Message::text("hello"));
        let mut sent = [0; 11];
        let sending = poll_fn(|cx| socket.poll_send(cx, &mut message));
        let (done, read) = tokio::join!(sending, there.read_exact(&mut sent));
        done.unwrap();
        read.unwrap();
        let payload = [0, 1, 2, 3, 4].map(|place| sent[6 + place] ^ sent[2 + place % 4]);
        assert_eq!((&sent[..2], &payload), (&[0x81, 0x85][..], b"hello"));
        assert!(socket.library.is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        #[test]
        fn messages_are_the_same_wherever_the_connection_is_cut(
            early in 0..200_usize, size in 1..3_000_usize,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (frames, messages) = conversation();
            let (early, later) = frames.split_at(early);
            let found = runtime.block_on(async {
                let (here, mut there) = duplex(size);
                let mut socket = MessageSocket::new(here, Bytes::copy_from_slice(early));
                let serving = async {
                    there.write_all(later).await.unwrap();
                    there.shutdown().await.unwrap();
                    let _ = there.read_to_end(&mut Vec::new()).await;
                };
                let reading = async {
                    let mut found = Vec::new();
                    while let Ok(message) = next(&mut socket).await {
                        found.push(message);
                    }
                    drop(socket);
                    found
                };
                tokio::join!(serving, reading).1
            });
            prop_assert!(found == messages);
        }
    }
}
