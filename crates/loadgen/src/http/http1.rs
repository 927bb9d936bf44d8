//! One HTTP/1.1 connection, polled by the subscriber itself.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::coop::unconstrained;

use super::deadline::Deadline;
use super::failure::Failure;
use crate::dial::MeasuredConnection;

/// A connection that carries one request at a time.
///
/// hyper needs its connection polled while a request is under way, usually by a task of its own.
/// Here the subscriber polls both. It owns everything, dropping it cancels everything, and an
/// answer does not pass from task to task.
///
/// This is also why [`Arrivals`](crate::Arrivals) is the stamp of a message. hyper's body channel
/// has one slot, and the connection does not read from the socket while the slot is full
/// (`Dispatcher::poll_read` asks `body.poll_ready` first). The slot is emptied right after each
/// poll of the connection, so whatever is taken from it was completed by the last read. After the
/// last byte of an answer hyper reads once more to notice a closed connection. That read finds
/// nothing, so it does not move the stamp.
#[derive(Debug)]
pub(super) struct Http1 {
    sender: http1::SendRequest<Full<Bytes>>,
    connection: http1::Connection<TokioIo<MeasuredConnection>, Full<Bytes>>,
    /// The connection has returned and must not be polled again.
    over: bool,
}

impl Http1 {
    /// Takes a connection. Nothing crosses it yet.
    pub(super) async fn new(connection: MeasuredConnection) -> io::Result<Self> {
        // The default buffers start at 8 KiB and grow only with what a server sends.
        let (sender, connection) =
            http1::handshake(TokioIo::new(connection)).await.map_err(io::Error::other)?;
        Ok(Self { sender, connection, over: false })
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(
        &mut self,
        deadline: &mut Deadline,
        request: Request<Bytes>,
    ) -> Result<Response<Incoming>, Failure> {
        if !self.sender.is_ready() {
            let ready =
                poll_fn(|cx| self.poll_beside(deadline, cx, |http, cx| http.sender.poll_ready(cx)));
            ready.await??;
        }
        // hyper hands over the answer in a channel of tokio. When this task has used up its turn,
        // such a channel says `Pending` although the answer is in it, and asks to be polled again
        // through the waker that `poll_beside` mutes. The answer `101`, after which the connection
        // is over, would then count as a lost connection.
        let mut answer = pin!(unconstrained(self.sender.send_request(request.map(Full::new))));
        let answer = poll_fn(|cx| self.poll_beside(deadline, cx, |_, cx| answer.as_mut().poll(cx)));
        Ok(answer.await??)
    }

    /// Returns the next piece of a body, and `None` after the last.
    pub(super) async fn piece(
        &mut self,
        deadline: &mut Deadline,
        body: &mut Incoming,
    ) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = poll_fn(|cx| {
                self.poll_beside(deadline, cx, |_, cx| Pin::new(&mut *body).poll_frame(cx))
            });
            let Some(frame) = frame.await? else { return Ok(None) };
            if let Ok(piece) = frame?.into_data() {
                return Ok(Some(piece));
            }
        }
    }

    /// Waits until the connection closes. Called between requests.
    pub(super) async fn closed(&mut self) {
        poll_fn(|cx| {
            if self.over || Pin::new(&mut self.connection).poll(cx).is_ready() {
                self.over = true;
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
    }

    /// Returns true if the connection has closed, as far as it was polled.
    pub(super) fn is_closed(&self) -> bool {
        self.over || self.sender.is_closed()
    }

    /// Returns the bare connection after `101 Switching Protocols`, and what was read past the head
    /// of the answer.
    pub(super) async fn into_upgraded(mut self) -> (MeasuredConnection, Bytes) {
        self.closed().await;
        let parts = self.connection.into_parts();
        (parts.io.into_inner(), parts.read_buf)
    }

    /// Polls something that only the connection can complete, together with the connection.
    ///
    /// `poll` gets a waker that does nothing: the connection is polled right here with the task's
    /// own waker, and afterwards `poll` is called again. A real waker would make the task schedule
    /// itself once more for every answer.
    fn poll_beside<T>(
        &mut self,
        deadline: &mut Deadline,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, Failure>> {
        let mut beside = Context::from_waker(Waker::noop());
        if let Poll::Ready(value) = poll(self, &mut beside) {
            return Poll::Ready(Ok(value));
        }
        let mut failure = Failure::Closed;
        if !self.over
            && let Poll::Ready(result) = Pin::new(&mut self.connection).poll(cx)
        {
            self.over = true;
            failure = result.err().map_or(Failure::Closed, Failure::from);
        }
        if let Poll::Ready(value) = poll(self, &mut beside) {
            return Poll::Ready(Ok(value));
        }
        if self.over {
            return Poll::Ready(Err(failure));
        }
        deadline.poll(cx).map(|()| Err(Failure::Silent))
    }
}
