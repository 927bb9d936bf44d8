//! One HTTP/1.1 connection, polled by the subscriber itself.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::answer::HttpAnswer;
use super::deadline::Deadline;
use super::failure::Failure;
use super::http1_body::{BodyLength, NextPiece};
use super::http1_head::{self, AnswerHead};
use super::request::HttpRequest;
use crate::dial::MeasuredConnection;
use crate::scratch;

/// A connection that carries one request at a time.
///
/// The subscriber polls it. It owns everything, dropping it cancels everything, and an answer does
/// not pass from task to task. While nothing is under way it owns no buffer: the bytes of a read are
/// in a buffer of the thread until they are used.
///
/// This is also why [`Arrivals`](crate::Arrivals) is the stamp of a message: the connection is read
/// once, and what was read is used up before it is read again. After the last byte of an answer it
/// is read once more to notice a closed connection. That read finds nothing, so it does not move
/// the stamp.
#[derive(Debug)]
pub(super) struct Http1 {
    connection: MeasuredConnection,
    /// What was read and is not used yet.
    unread: Bytes,
    /// What the connection has not taken yet of the request.
    unsent: Bytes,
    /// What the connection has taken may still be in its own buffers.
    unflushed: bool,
    /// What is left of the body of the last answer.
    body: BodyLength,
    /// The connection carries another request after the last answer.
    persists: bool,
    /// The connection has ended, or must not be used any more.
    over: bool,
}

impl Http1 {
    /// Takes a connection. Nothing crosses it yet.
    pub(super) fn new(connection: MeasuredConnection) -> Self {
        Self {
            connection,
            unread: Bytes::new(),
            unsent: Bytes::new(),
            unflushed: false,
            body: BodyLength::COMPLETE,
            persists: true,
            over: false,
        }
    }

    /// Sends a request and waits for the head of the answer. Interim answers are skipped.
    pub(super) async fn send(
        &mut self,
        deadline: &mut Deadline,
        request: HttpRequest<'_>,
    ) -> Result<HttpAnswer, Failure> {
        if self.over || !self.body.is_complete() {
            return Err(Failure::Closed);
        }
        let mut request = Some(request);
        let answer = poll_fn(|cx| {
            if let Some(request) = request.take() {
                self.start(&request, cx)?;
            }
            self.poll_or_time_out(deadline, cx, Self::poll_head)
        });
        let answer = answer.await;
        self.over |= answer.is_err();
        answer
    }

    /// Returns the next piece of a body, and `None` after the last.
    pub(super) async fn piece(
        &mut self,
        deadline: &mut Deadline,
    ) -> Result<Option<Bytes>, Failure> {
        let piece = poll_fn(|cx| self.poll_or_time_out(deadline, cx, Self::poll_piece)).await;
        self.over |= piece.is_err();
        piece
    }

    /// Returns true if the last answer is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.body.is_complete()
    }

    /// Waits until the connection closes. Called between requests.
    pub(super) async fn closed(&mut self) {
        poll_fn(|cx| {
            if !self.over {
                self.look_for_end(cx);
            }
            if self.over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Returns true if the connection has closed, as far as it was polled.
    pub(super) fn is_closed(&self) -> bool {
        self.over
    }

    /// Returns the bare connection after `101 Switching Protocols`, and what was read past the head
    /// of the answer.
    pub(super) fn into_upgraded(self) -> (MeasuredConnection, Bytes) {
        (self.connection, self.unread)
    }

    fn poll_or_time_out<T>(
        &mut self,
        deadline: &mut Deadline,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<Result<T, Failure>>,
    ) -> Poll<Result<T, Failure>> {
        match poll(self, cx) {
            Poll::Pending => deadline.poll(cx).map(|()| Err(Failure::Silent)),
            ready @ Poll::Ready(_) => ready,
        }
    }

    /// Writes a request as far as the connection takes it.
    fn start(&mut self, request: &HttpRequest<'_>, cx: &mut Context<'_>) -> Result<(), Failure> {
        if !self.unread.is_empty() {
            return Err(broken("the server sent something that nobody asked for"));
        }
        self.unflushed = true;
        scratch::lend_to_write(|bytes| {
            request.write_to(bytes);
            let taken = match Pin::new(&mut self.connection).poll_write(cx, bytes)? {
                Poll::Ready(taken) => taken,
                Poll::Pending => 0,
            };
            if taken < bytes.len() {
                self.unsent = Bytes::copy_from_slice(&bytes[taken..]);
            }
            Ok(())
        })
    }

    /// Writes what is left of the request.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            match ready!(Pin::new(&mut self.connection).poll_write(cx, &self.unsent))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                taken => self.unsent.advance(taken),
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.connection).poll_flush(cx))?;
            (self.unsent, self.unflushed) = (Bytes::new(), false);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads the head of the answer. A server may answer before it has read the whole request.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<HttpAnswer, Failure>> {
        let sent = self.poll_send(cx);
        loop {
            let read = self.poll_read(cx, |http, bytes| {
                if bytes.is_empty() {
                    return Err(http.closed_early());
                }
                if http.unread.is_empty() {
                    return http.take_head(bytes);
                }
                let bytes = [&http.unread, bytes].concat();
                http.take_head(&bytes)
            });
            match (read, &sent) {
                (Poll::Pending, Poll::Ready(Err(_))) => break,
                (Poll::Pending, _) => return Poll::Pending,
                (Poll::Ready(read), _) => {
                    if let Some(answer) = read?? {
                        if self.body.is_complete() {
                            self.answered(answer.status(), cx);
                        }
                        return Poll::Ready(Ok(answer));
                    }
                }
            }
        }
        // The request cannot be sent, and there is no answer that says why.
        sent.map(|sent| {
            Err(sent.err().map_or(Failure::Closed, |error| Failure::Broken(error.into())))
        })
    }

    /// Takes the head at the start of `bytes` and keeps the rest. `None`: the head is not complete.
    fn take_head(&mut self, mut bytes: &[u8]) -> Result<Option<HttpAnswer>, Failure> {
        loop {
            let Some(head) = http1_head::read(bytes).map_err(broken)? else {
                self.unread = Bytes::copy_from_slice(bytes);
                return Ok(None);
            };
            let AnswerHead { answer, bytes: length, length: body, persists } = head;
            bytes = &bytes[length..];
            let status = answer.status();
            if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
                continue;
            }
            self.unread = Bytes::copy_from_slice(bytes);
            (self.body, self.persists) = (body, persists);
            return Ok(Some(answer));
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        // A server may answer while it still reads the request. That the rest cannot be written is
        // no reason not to read what it says.
        let _ = self.poll_send(cx);
        loop {
            let piece = self.unread_piece()?;
            if !piece.is_empty() {
                self.complete_if_last(cx);
                return Poll::Ready(Ok(Some(piece)));
            }
            if self.body.is_complete() {
                self.complete_if_last(cx);
                return Poll::Ready(Ok(None));
            }
            let piece = ready!(self.poll_read(cx, Self::take_piece))??;
            if let Some(piece) = piece {
                self.complete_if_last(cx);
                return Poll::Ready(Ok(Some(piece)));
            }
        }
    }

    /// Takes the next piece of what was read before.
    fn unread_piece(&mut self) -> Result<Bytes, Failure> {
        if self.unread.is_empty() {
            return Ok(Bytes::new());
        }
        let NextPiece { before, piece, after } =
            self.body.next_piece(&self.unread).map_err(broken)?;
        self.unread.advance(before);
        if piece == self.unread.len() {
            return Ok(mem::take(&mut self.unread));
        }
        let piece = self.unread.split_to(piece);
        self.unread.advance(after);
        if self.unread.is_empty() {
            self.unread = Bytes::new();
        }
        Ok(piece)
    }

    /// Takes the next piece of what was just read, and keeps the rest. `None`: there is none yet.
    fn take_piece(&mut self, bytes: &[u8]) -> Result<Option<Bytes>, Failure> {
        if bytes.is_empty() {
            if self.body != BodyLength::UntilClose {
                return Err(self.closed_early());
            }
            (self.body, self.persists) = (BodyLength::COMPLETE, false);
            return Ok(None);
        }
        if !self.unread.is_empty() {
            self.unread = [&self.unread, bytes].concat().into();
            return Ok(None);
        }
        let NextPiece { before, piece, after } = self.body.next_piece(bytes).map_err(broken)?;
        let bytes = &bytes[before..];
        self.unread = Bytes::copy_from_slice(&bytes[piece + after..]);
        Ok(Some(&bytes[..piece]).filter(|piece| !piece.is_empty()).map(Bytes::copy_from_slice))
    }

    /// Called with each piece: the last one ends the answer.
    fn complete_if_last(&mut self, cx: &mut Context<'_>) {
        if self.body.is_complete() && !self.over {
            self.answered(StatusCode::OK, cx);
        }
    }

    /// Called when an answer is complete. A connection that has switched protocols is not read: the
    /// bytes are those of the other protocol.
    fn answered(&mut self, status: StatusCode, cx: &mut Context<'_>) {
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        if !self.persists || !self.unsent.is_empty() {
            self.over = true;
        } else {
            self.look_for_end(cx);
        }
    }

    /// Reads between two answers. Nothing may come but the end of the connection.
    fn look_for_end(&mut self, cx: &mut Context<'_>) {
        let sent = self.poll_send(cx);
        let came = self.poll_read(cx, |_, _| ()).is_ready();
        self.over |= came || !self.unread.is_empty() || matches!(sent, Poll::Ready(Err(_)));
    }

    /// Reads once, and hands over what was read. Nothing was read if the connection has ended.
    fn poll_read<T>(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&mut Self, &[u8]) -> T,
    ) -> Poll<Result<T, Failure>> {
        scratch::lend_to_read(|scratch| {
            let mut bytes = ReadBuf::new(scratch);
            let filled = ready!(Pin::new(&mut self.connection).poll_read(cx, &mut bytes));
            filled.map_err(|error| Failure::Broken(error.into()))?;
            Poll::Ready(Ok(read(self, bytes.filled())))
        })
    }

    fn closed_early(&self) -> Failure {
        if self.unread.is_empty() && self.body.is_complete() {
            return Failure::Closed;
        }
        broken("the connection was closed in the middle of an answer")
    }
}

fn broken(found: &'static str) -> Failure {
    Failure::Broken(found.into())
}
