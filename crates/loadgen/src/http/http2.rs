//! A subscriber's use of an HTTP/2 connection: its own, which it polls itself, or a shared one.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, Uri};

use super::deadline::Deadline;
use super::failure::Failure;
use super::headers::RequestHeaders;
use super::http2_driver::{DriverStep, Http2Driver, streams_allowed};
use super::pool::{JoinedConnection, StreamSlot};
use super::request::HttpRequest;
use crate::dial::MeasuredConnection;
use crate::target::Target;

/// One stream at a time on an HTTP/2 connection.
#[derive(Debug)]
pub(super) struct Http2 {
    sender: SendRequest<Bytes>,
    scheme: Scheme,
    authority: Authority,
    ownership: Ownership,
}

/// Whose connection it is, and so who polls it.
#[derive(Debug)]
enum Ownership {
    /// The subscriber's own, which it polls itself.
    Own(Box<Http2Driver>),
    /// A connection of the pool, which a task of its own polls.
    Shared(StreamSlot),
}

impl Http2 {
    /// Takes a connection for one subscriber.
    pub(super) async fn own(connection: MeasuredConnection, target: &Target) -> io::Result<Self> {
        let (sender, driver) = Http2Driver::open(connection).await?;
        Self::new(sender, target, Ownership::Own(Box::new(driver)))
    }

    /// Takes a slot on a shared connection.
    pub(super) fn shared(joined: JoinedConnection, target: &Target) -> io::Result<Self> {
        Self::new(joined.sender, target, Ownership::Shared(joined.slot))
    }

    fn new(sender: SendRequest<Bytes>, target: &Target, ownership: Ownership) -> io::Result<Self> {
        let scheme = if target.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let authority = target.authority.parse().map_err(io::Error::other)?;
        Ok(Self { sender, scheme, authority, ownership })
    }

    /// Sends a request and waits for the head of the answer. A body is sent as the flow control of
    /// the connection allows.
    pub(super) async fn send(
        &mut self,
        deadline: &mut Deadline,
        request: HttpRequest<'_>,
    ) -> Result<Response<RecvStream>, Failure> {
        let HttpRequest { method, target, headers, mut body } = request;
        let request = self.request(method, target, headers)?;
        let (mut answer, mut up) = self.start(deadline, request, body.is_empty()).await?;
        while !body.is_empty() {
            up.reserve_capacity(body.len());
            let capacity =
                poll_fn(|cx| self.poll_beside(deadline, cx, |_, cx| up.poll_capacity(cx)));
            // The server may answer, and reset the stream, before it has read everything.
            let Some(capacity) = capacity.await?.transpose()? else { break };
            let piece = body.split_to(capacity.min(body.len()));
            up.send_data(piece, body.is_empty())?;
        }
        self.answer(deadline, &mut answer).await
    }

    /// Asks for a WebSocket by an extended `CONNECT` (RFC 8441). First waits until the server has
    /// said that it supports it: on a new connection that takes a round trip more than other
    /// requests.
    pub(super) async fn tunnel(
        &mut self,
        deadline: &mut Deadline,
        target: &str,
        headers: &RequestHeaders,
    ) -> Result<(Response<RecvStream>, SendStream<Bytes>), Failure> {
        poll_fn(|cx| {
            self.poll_beside(deadline, cx, |sender, _| match streams_allowed(sender) {
                Some(_) => Poll::Ready(()),
                None => Poll::Pending,
            })
        })
        .await?;
        if !self.sender.is_extended_connect_protocol_enabled() {
            let why = "the server does not support WebSocket over HTTP/2 (RFC 8441)";
            return Err(Failure::Broken(why.into()));
        }
        let mut request = self.request(Method::CONNECT, target, headers)?;
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        let (mut answer, up) = self.start(deadline, request, false).await?;
        Ok((self.answer(deadline, &mut answer).await?, up))
    }

    /// Sends the head of a request. `last` says that no body follows.
    async fn start(
        &mut self,
        deadline: &mut Deadline,
        request: Request<()>,
        last: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), Failure> {
        poll_fn(|cx| self.poll_beside(deadline, cx, SendRequest::poll_ready)).await??;
        Ok(self.sender.send_request(request, last)?)
    }

    /// Waits for the head of the answer.
    async fn answer(
        &mut self,
        deadline: &mut Deadline,
        answer: &mut ResponseFuture,
    ) -> Result<Response<RecvStream>, Failure> {
        let answer =
            poll_fn(|cx| self.poll_beside(deadline, cx, |_, cx| Pin::new(&mut *answer).poll(cx)));
        Ok(answer.await??)
    }

    /// Returns the next piece of a body, and `None` after the last.
    pub(super) async fn piece(
        &mut self,
        deadline: &mut Deadline,
        body: &mut RecvStream,
    ) -> Result<Option<Bytes>, Failure> {
        loop {
            let piece = poll_fn(|cx| self.poll_beside(deadline, cx, |_, cx| body.poll_data(cx)));
            let Some(piece) = piece.await?.transpose()? else { return Ok(None) };
            // Makes room for more. An error means that the stream has ended in the meantime.
            let _ = body.flow_control().release_capacity(piece.len());
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }

    /// Waits until the connection closes. Called between requests.
    pub(super) async fn closed(&mut self) {
        match &mut self.ownership {
            Ownership::Shared(slot) => slot.over().await,
            Ownership::Own(driver) => {
                poll_fn(|cx| {
                    loop {
                        match driver.step(cx) {
                            DriverStep::Read => {}
                            DriverStep::Idle => return Poll::Pending,
                            DriverStep::Ended(_) => return Poll::Ready(()),
                        }
                    }
                })
                .await;
            }
        }
    }

    /// Returns true if the connection has closed, as far as it was polled, or if the server has
    /// announced that it accepts no more requests.
    pub(super) fn is_closed(&mut self) -> bool {
        let over = match &self.ownership {
            Ownership::Own(driver) => driver.is_over(),
            Ownership::Shared(slot) => slot.is_over(),
        };
        let mut beside = Context::from_waker(Waker::noop());
        over || matches!(self.sender.poll_ready(&mut beside), Poll::Ready(Err(_)))
    }

    /// Reports that the connection did not answer: new subscribers get another one.
    pub(super) fn suspect(&self) {
        match &self.ownership {
            Ownership::Own(_) => {}
            Ownership::Shared(slot) => slot.suspect(),
        }
    }

    /// Polls something that only the connection can complete. If the connection is the subscriber's
    /// own, polls it too, as in `http1.rs`.
    fn poll_beside<T>(
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
    pub(super) fn poll_streams<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut SendRequest<Bytes>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, Failure>> {
        let driver = match &mut self.ownership {
            Ownership::Shared(_) => return poll(&mut self.sender, cx).map(Ok),
            Ownership::Own(driver) => driver,
        };
        let mut beside = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(value) = poll(&mut self.sender, &mut beside) {
                return Poll::Ready(Ok(value));
            }
            let step = driver.step(cx);
            if let DriverStep::Read = step {
                continue;
            }
            if let Poll::Ready(value) = poll(&mut self.sender, &mut beside) {
                return Poll::Ready(Ok(value));
            }
            return match step {
                DriverStep::Ended(Err(error)) => Poll::Ready(Err(error.into())),
                DriverStep::Ended(Ok(())) => Poll::Ready(Err(Failure::Closed)),
                DriverStep::Read | DriverStep::Idle => Poll::Pending,
            };
        }
    }

    /// Writes what is pending.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) {
        match &mut self.ownership {
            Ownership::Own(driver) => driver.write(cx),
            // The task that polls the connection writes it.
            Ownership::Shared(_) => {}
        }
    }

    fn request(
        &self,
        method: Method,
        target: &str,
        headers: &RequestHeaders,
    ) -> Result<Request<()>, Failure> {
        let mut parts = http::uri::Parts::default();
        let target = PathAndQuery::try_from(target);
        parts.path_and_query = Some(target.map_err(|error| Failure::Broken(error.into()))?);
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        let mut request = Request::new(());
        *request.uri_mut() =
            Uri::from_parts(parts).map_err(|error| Failure::Broken(error.into()))?;
        *request.method_mut() = method;
        *request.headers_mut() = headers.map().clone();
        Ok(request)
    }
}
