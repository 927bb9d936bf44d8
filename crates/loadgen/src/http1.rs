//! One HTTP/1.1 connection of one subscriber, polled by the subscriber itself.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Request, Response, Uri};
use http_body_util::Empty;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::deadline::Deadline;
use crate::dial::Connection;
use crate::exchange::Failure;

type Inner = http1::Connection<TokioIo<Connection>, Empty<Bytes>>;

/// A connection that carries one request at a time.
///
/// hyper wants its connection polled beside the request, usually by a task of its own. Here the
/// subscriber polls both: it owns everything, dropping it cancels everything, and an answer needs no hop
/// from task to task.
///
/// It is also what makes [`Arrivals`](crate::Arrivals) the stamp of a message. hyper's body channel has
/// one slot, and the connection does not read from the socket while the slot is full
/// (`Dispatcher::poll_read` asks `body.poll_ready` first). Since the slot is emptied right after each
/// poll of the connection, whatever is taken from it was completed by the last read. After an answer's
/// last byte hyper reads once more to notice a closed connection; that read finds nothing, and nothing
/// moves no stamp.
#[derive(Debug)]
pub(crate) struct Line {
    sender: http1::SendRequest<Empty<Bytes>>,
    connection: Inner,
    /// The connection has returned and must not be polled again.
    over: bool,
}

impl Line {
    /// Nothing crosses the connection yet.
    pub(crate) async fn new(connection: Connection) -> io::Result<Self> {
        // The default buffers start at 8 KiB and grow only with what a server sends.
        let (sender, connection) =
            http1::handshake(TokioIo::new(connection)).await.map_err(io::Error::other)?;
        Ok(Self { sender, connection, over: false })
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn get(
        &mut self,
        deadline: &mut Deadline,
        uri: Uri,
        headers: HeaderMap,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        if !self.sender.is_ready() {
            let ready =
                poll_fn(|cx| self.poll_beside(deadline, cx, |line, cx| line.sender.poll_ready(cx)));
            ready.await?.map_err(broken)?;
        }
        let mut answer = pin!(self.sender.send_request(request));
        poll_fn(|cx| self.poll_beside(deadline, cx, |_, cx| answer.as_mut().poll(cx)))
            .await?
            .map_err(broken)
    }

    /// The next piece of a body; `None` after the last.
    pub(crate) async fn piece(
        &mut self,
        deadline: &mut Deadline,
        body: &mut Incoming,
    ) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = poll_fn(|cx| {
                self.poll_beside(deadline, cx, |_, cx| Pin::new(&mut *body).poll_frame(cx))
            });
            let Some(frame) = frame.await? else { return Ok(None) };
            if let Ok(piece) = frame.map_err(broken)?.into_data() {
                return Ok(Some(piece));
            }
        }
    }

    /// Waits between requests until the connection closes.
    pub(crate) async fn closed(&mut self) {
        poll_fn(|cx| {
            if self.over || Pin::new(&mut self.connection).poll(cx).is_ready() {
                self.over = true;
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
    }

    /// Whether the connection has closed, as far as it was polled.
    pub(crate) fn is_closed(&self) -> bool {
        self.over || self.sender.is_closed()
    }

    /// After `101 Switching Protocols`: the bare connection, and what was read past the answer's head.
    pub(crate) async fn into_upgraded(mut self) -> (Connection, Bytes) {
        self.closed().await;
        let parts = self.connection.into_parts();
        (parts.io.into_inner(), parts.read_buf)
    }

    /// Polls something that only the connection can complete, beside the connection.
    ///
    /// It gets a waker that does nothing: the connection is polled with the task's own right here, and
    /// afterwards `poll` is asked again. A real waker would make the task schedule itself once more for
    /// every answer.
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
            failure = result.err().map_or(Failure::Closed, broken);
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

fn broken(error: hyper::Error) -> Failure {
    Failure::Broken(error.into())
}
