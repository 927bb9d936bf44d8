//! Streams of one HTTP/2 connection: of one subscriber who polls it itself, or of many who share it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::header::HeaderMap;
use http::uri::{Authority, Scheme};
use http::{Method, Request, Response, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::deadline::Deadline;
use crate::dial::Connection;
use crate::exchange::Failure;
use crate::shared::Seat;
use crate::target::Target;

/// What may come on one stream before any of it is read. As Chrome has it: far more than is ever under
/// way here, so that no transport waits for a window.
const STREAM_WINDOW: u32 = 6 << 20;

/// What may come on one connection before any of it is read; Chrome's, too.
const CONNECTION_WINDOW: u32 = 15 << 20;

/// What h2 believes the server to allow until the server has said it: no number that a server says.
const STREAMS_UNTOLD: usize = usize::MAX - 1;

/// A subscriber's place on a connection.
#[derive(Debug)]
pub(crate) struct Line {
    sender: SendRequest<Bytes>,
    scheme: Scheme,
    authority: Authority,
    wire: Wire,
}

#[derive(Debug)]
enum Wire {
    Own(Box<Inner>),
    /// A task of its own polls the connection.
    Shared(Seat),
}

/// A connection, which somebody has to poll for anything to happen on its streams.
///
/// h2 reads for as long as the socket has something, and hands out what it has read only then. Here it
/// is given one read at a time: those whom a read concerns have their messages, with that read's stamp,
/// before the next. That is what makes [`Arrivals`](crate::Arrivals) the stamp of a message.
#[derive(Debug)]
pub(crate) struct Inner {
    connection: h2::client::Connection<OneRead, Bytes>,
    /// A read has given something, and there may be more: the connection is to be polled again.
    more: Arc<AtomicBool>,
    over: bool,
}

/// What a poll of a connection came to.
pub(crate) enum Polled {
    /// Something was read, and no waker was left: it is to be polled again.
    Read,
    /// Nothing was there.
    Nothing,
    /// The connection has ended.
    Over(Result<(), h2::Error>),
}

impl Inner {
    /// Sends the preface, and does not wait for the server's.
    pub(crate) async fn open(connection: Connection) -> io::Result<(SendRequest<Bytes>, Self)> {
        let more = Arc::new(AtomicBool::new(false));
        let connection = OneRead { connection, more: Arc::clone(&more) };
        let opened = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_max_send_streams(STREAMS_UNTOLD)
            .enable_push(false)
            .handshake(connection);
        let (sender, connection) = opened.await.map_err(io::Error::other)?;
        Ok((sender, Self { connection, more, over: false }))
    }

    /// Writes what is to be written and reads nothing, so that no stamp moves. Leaves no waker for what
    /// there is to be read.
    fn write(&mut self, cx: &mut Context<'_>) {
        self.more.store(true, Relaxed);
        let _ = self.poll(cx);
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Polled {
        if self.over {
            return Polled::Over(Ok(()));
        }
        match Pin::new(&mut self.connection).poll(cx) {
            Poll::Ready(result) => {
                self.over = true;
                Polled::Over(result)
            }
            Poll::Pending if self.more.swap(false, Relaxed) => Polled::Read,
            Poll::Pending => Polled::Nothing,
        }
    }
}

/// How many streams the server allows at once; `None` until it has said so.
pub(crate) fn streams_allowed(sender: &SendRequest<Bytes>) -> Option<usize> {
    Some(sender.current_max_send_streams()).filter(|&streams| streams != STREAMS_UNTOLD)
}

impl Line {
    /// A connection of the subscriber's own.
    pub(crate) async fn own(connection: Connection, target: &Target) -> io::Result<Self> {
        let (sender, inner) = Inner::open(connection).await?;
        Self::new(sender, target, Wire::Own(Box::new(inner)))
    }

    /// A seat on a connection that others are on, too.
    pub(crate) fn shared(
        sender: SendRequest<Bytes>,
        target: &Target,
        seat: Seat,
    ) -> io::Result<Self> {
        Self::new(sender, target, Wire::Shared(seat))
    }

    fn new(sender: SendRequest<Bytes>, target: &Target, wire: Wire) -> io::Result<Self> {
        let scheme = if target.trust.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let authority = target.authority.parse().map_err(io::Error::other)?;
        Ok(Self { sender, scheme, authority, wire })
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn get(
        &mut self,
        deadline: &mut Deadline,
        uri: &Uri,
        headers: HeaderMap,
    ) -> Result<Response<RecvStream>, Failure> {
        let request = self.request(Method::GET, uri, headers)?;
        self.send(deadline, request, true).await.map(|(answer, _)| answer)
    }

    /// Asks for a WebSocket by an extended `CONNECT` (RFC 8441), for which the server has to have said
    /// that it takes them: a round trip more than other requests, on a new connection.
    pub(crate) async fn tunnel(
        &mut self,
        deadline: &mut Deadline,
        uri: &Uri,
        headers: HeaderMap,
    ) -> Result<(Response<RecvStream>, SendStream<Bytes>), Failure> {
        poll_fn(|cx| {
            self.poll_beside(deadline, cx, |sender, _| match streams_allowed(sender) {
                Some(_) => Poll::Ready(()),
                None => Poll::Pending,
            })
        })
        .await?;
        if !self.sender.is_extended_connect_protocol_enabled() {
            let why =
                "the server takes no WebSocket over HTTP/2: it does not say that it knows RFC 8441";
            return Err(Failure::Broken(why.into()));
        }
        let mut request = self.request(Method::CONNECT, uri, headers)?;
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        self.send(deadline, request, false).await
    }

    async fn send(
        &mut self,
        deadline: &mut Deadline,
        request: Request<()>,
        last: bool,
    ) -> Result<(Response<RecvStream>, SendStream<Bytes>), Failure> {
        poll_fn(|cx| self.poll_beside(deadline, cx, SendRequest::poll_ready))
            .await?
            .map_err(broken)?;
        let (mut answer, up) = self.sender.send_request(request, last).map_err(broken)?;
        let answer =
            poll_fn(|cx| self.poll_beside(deadline, cx, |_, cx| Pin::new(&mut answer).poll(cx)));
        Ok((answer.await?.map_err(broken)?, up))
    }

    /// The next piece of a body; `None` after the last.
    pub(crate) async fn piece(
        &mut self,
        deadline: &mut Deadline,
        body: &mut RecvStream,
    ) -> Result<Option<Bytes>, Failure> {
        loop {
            let piece =
                poll_fn(|cx| self.poll_beside(deadline, cx, |_, cx| body.poll_data(cx))).await?;
            let Some(piece) = piece.transpose().map_err(broken)? else { return Ok(None) };
            // What was taken makes room for more. An error says that the stream has ended meanwhile.
            let _ = body.flow_control().release_capacity(piece.len());
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }

    /// Waits between requests until the connection closes.
    pub(crate) async fn closed(&mut self) {
        match &mut self.wire {
            Wire::Shared(seat) => seat.over().await,
            Wire::Own(inner) => {
                poll_fn(|cx| {
                    loop {
                        match inner.poll(cx) {
                            Polled::Read => {}
                            Polled::Nothing => return Poll::Pending,
                            Polled::Over(_) => return Poll::Ready(()),
                        }
                    }
                })
                .await;
            }
        }
    }

    /// Whether the connection has closed, as far as it was polled, or the server has announced that it
    /// takes no more requests.
    pub(crate) fn is_closed(&mut self) -> bool {
        let over = match &self.wire {
            Wire::Own(inner) => inner.over,
            Wire::Shared(seat) => seat.is_over(),
        };
        let mut beside = Context::from_waker(Waker::noop());
        over || matches!(self.sender.poll_ready(&mut beside), Poll::Ready(Err(_)))
    }

    /// The connection did not answer: whoever comes anew is to have another.
    pub(crate) fn suspect(&self) {
        if let Wire::Shared(seat) = &self.wire {
            seat.suspect();
        }
    }

    /// Polls something that only the connection can complete: beside the connection where it is the
    /// subscriber's own, as in `http1.rs`.
    pub(crate) fn poll_beside<T>(
        &mut self,
        deadline: &mut Deadline,
        cx: &mut Context<'_>,
        poll: impl FnMut(&mut SendRequest<Bytes>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, Failure>> {
        match self.poll_streams(cx, poll) {
            Poll::Pending => deadline.poll(cx).map(|()| Err(Failure::Silent)),
            ready @ Poll::Ready(_) => ready,
        }
    }

    /// The same without a deadline.
    pub(crate) fn poll_streams<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut SendRequest<Bytes>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, Failure>> {
        let inner = match &mut self.wire {
            Wire::Shared(_) => return poll(&mut self.sender, cx).map(Ok),
            Wire::Own(inner) => inner,
        };
        let mut beside = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(value) = poll(&mut self.sender, &mut beside) {
                return Poll::Ready(Ok(value));
            }
            let polled = inner.poll(cx);
            if let Polled::Read = polled {
                continue;
            }
            if let Poll::Ready(value) = poll(&mut self.sender, &mut beside) {
                return Poll::Ready(Ok(value));
            }
            return match polled {
                Polled::Over(Err(error)) => Poll::Ready(Err(broken(error))),
                Polled::Over(Ok(())) => Poll::Ready(Err(Failure::Closed)),
                Polled::Read | Polled::Nothing => Poll::Pending,
            };
        }
    }

    /// Sees to it that what was sent is written.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) {
        if let Wire::Own(inner) = &mut self.wire {
            inner.write(cx);
        }
    }

    fn request(
        &self,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
    ) -> Result<Request<()>, Failure> {
        let mut parts = uri.clone().into_parts();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        let mut request = Request::new(());
        *request.uri_mut() =
            Uri::from_parts(parts).map_err(|error| Failure::Broken(error.into()))?;
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

pub(crate) fn broken(error: h2::Error) -> Failure {
    Failure::Broken(error.into())
}

/// A connection that is read once, and then only again after its poll has come to an end.
#[derive(Debug)]
struct OneRead {
    connection: Connection,
    /// It was read, and nobody has noticed so far.
    more: Arc<AtomicBool>,
}

impl AsyncRead for OneRead {
    /// `Pending` without a waker after a read that gave something: [`Inner::poll`] sees that.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.more.load(Relaxed) {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut this.connection).poll_read(cx, buf);
        this.more.store(buf.filled().len() > before, Relaxed);
        read
    }
}

impl AsyncWrite for OneRead {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().connection).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().connection).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_shutdown(cx)
    }
}
