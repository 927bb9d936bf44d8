//! A subscriber's connection: it carries one request at a time, whatever the version of HTTP.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, header};
use wirebench_protocol::Timestamp;

use super::answer::{ErrorAnswer, HttpAnswer, ResponseBody, quote, retry_after_seconds};
use super::deadline::Deadline;
use super::failure::Failure;
use super::headers::RequestHeaders;
use super::http1::Http1;
use super::http2::Http2;
use super::request::HttpRequest;
use super::tunnel::Http2Tunnel;
use crate::dial::{Arrivals, CrossedBytes, MeasuredConnection};
use crate::error::SubscribeError;

/// The maximum size of the body of a poll; a window of messages has to fit.
const MAX_BODY_BYTES: usize = 256 << 20;

/// One connection of HTTP/1.1, or one stream at a time of HTTP/2. Dropping it ends the request
/// under way, and closes the connection unless others share it.
///
/// It carries one request at a time. A client half that needs two at once opens a second one.
#[derive(Debug)]
pub(crate) struct ClientConnection {
    protocol: Protocol,
    arrivals: Arrivals,
    /// `None` if others share the connection.
    crossed: Option<CrossedBytes>,
    deadline: Deadline,
    /// The length that `deadline` was set to, for the error that reports it.
    within: Duration,
    /// Method, path and query of the last request, for errors.
    asked: (Method, String),
}

/// The version of HTTP that a connection speaks.
#[derive(Debug)]
pub(super) enum Protocol {
    Http1(Box<Http1>),
    Http2(Box<Http2>),
}

impl ClientConnection {
    pub(super) fn new(
        protocol: Protocol,
        arrivals: Arrivals,
        crossed: Option<CrossedBytes>,
        deadline: Deadline,
        within: Duration,
    ) -> Self {
        let asked = (Method::GET, String::new());
        Self { protocol, arrivals, crossed, deadline, within, asked }
    }

    /// Returns when the last bytes arrived.
    pub(crate) fn arrived_at(&self) -> Timestamp {
        self.arrivals.last()
    }

    /// Returns how many bytes have crossed the connection both ways, without TLS. `None` if others
    /// share it.
    pub(crate) fn crossed_bytes(&self) -> Option<u64> {
        self.crossed.as_ref().map(CrossedBytes::so_far)
    }

    /// Returns the stamp of the connection.
    pub(crate) fn arrivals(&self) -> Arrivals {
        self.arrivals.clone()
    }

    /// Sets the deadline to `within` from now. The next answer, or the next piece of one, has to
    /// arrive before it. This costs one reading of the clock.
    pub(crate) fn allow(&mut self, within: Duration) {
        self.within = within;
        self.deadline.set(within);
    }

    /// Sends a request and waits for the head of the answer. `target` is a path with a query.
    pub(crate) async fn get(
        &mut self,
        target: &str,
        headers: &RequestHeaders,
    ) -> Result<HttpAnswer, SubscribeError> {
        self.send(Method::GET, target, headers, Bytes::new()).await
    }

    /// Sends a request with a body and waits for the head of the answer.
    pub(crate) async fn post(
        &mut self,
        target: &str,
        headers: &RequestHeaders,
        body: Bytes,
    ) -> Result<HttpAnswer, SubscribeError> {
        self.send(Method::POST, target, headers, body).await
    }

    async fn send(
        &mut self,
        method: Method,
        target: &str,
        headers: &RequestHeaders,
        body: Bytes,
    ) -> Result<HttpAnswer, SubscribeError> {
        self.asked.0 = method.clone();
        target.clone_into(&mut self.asked.1);
        let request = HttpRequest { method, target, headers, body };
        let deadline = &mut self.deadline;
        let answer = match &mut self.protocol {
            Protocol::Http1(http) => http.send(deadline, request).await,
            // Boxed, because it is large and few subscribers need it.
            Protocol::Http2(http) => {
                Box::pin(http.send(deadline, request)).await.map(HttpAnswer::from)
            }
        };
        answer.map_err(|failure| self.explain(failure))
    }

    /// Returns the next piece of a body, and `None` after the last.
    ///
    /// # Cancel safety
    ///
    /// No piece is lost.
    pub(crate) async fn piece(
        &mut self,
        body: &mut ResponseBody,
    ) -> Result<Option<Bytes>, SubscribeError> {
        let deadline = &mut self.deadline;
        let piece = match (&mut self.protocol, body) {
            (Protocol::Http1(http), ResponseBody::Http1) => http.piece(deadline).await,
            (Protocol::Http2(http), ResponseBody::Http2(body)) => http.piece(deadline, body).await,
            // The body belongs to another connection.
            (Protocol::Http1(_), ResponseBody::Http2(_))
            | (Protocol::Http2(_), ResponseBody::Http1) => Err(Failure::Closed),
        };
        piece.map_err(|failure| self.explain(failure))
    }

    /// Returns a whole body. A body that comes in one piece is not copied.
    pub(crate) async fn whole(&mut self, mut body: ResponseBody) -> Result<Bytes, SubscribeError> {
        let Some(first) = self.piece(&mut body).await? else { return Ok(Bytes::new()) };
        if self.is_complete(&body) {
            return Ok(first);
        }
        let mut whole = BytesMut::from(first);
        while let Some(piece) = self.piece(&mut body).await? {
            if whole.len() + piece.len() > MAX_BODY_BYTES {
                return Err(self.unexpected("a body without end", "at most 256 MiB"));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    fn is_complete(&self, body: &ResponseBody) -> bool {
        match (&self.protocol, body) {
            (Protocol::Http1(http), ResponseBody::Http1) => http.is_complete(),
            (_, ResponseBody::Http2(body)) => body.is_end_stream(),
            (Protocol::Http2(_), ResponseBody::Http1) => true,
        }
    }

    /// Waits until the connection closes. Called between requests.
    pub(crate) async fn closed(&mut self) {
        match &mut self.protocol {
            Protocol::Http1(http) => http.closed().await,
            Protocol::Http2(http) => http.closed().await,
        }
    }

    /// Returns true if the connection has closed, as far as it was polled.
    pub(crate) fn is_closed(&mut self) -> bool {
        match &mut self.protocol {
            Protocol::Http1(http) => http.is_closed(),
            Protocol::Http2(http) => http.is_closed(),
        }
    }

    /// Returns true if a WebSocket is opened by an extended `CONNECT` (RFC 8441), not by an
    /// upgrade.
    pub(crate) fn tunnels(&self) -> bool {
        matches!(self.protocol, Protocol::Http2(_))
    }

    /// Asks for a WebSocket by an extended `CONNECT` and returns the tunnel that it opens.
    pub(crate) async fn into_tunnel(
        mut self,
        target: &str,
        headers: &RequestHeaders,
    ) -> Result<Http2Tunnel, SubscribeError> {
        self.asked = (Method::GET, target.to_owned());
        let opened = match &mut self.protocol {
            Protocol::Http2(http) => http.tunnel(&mut self.deadline, target, headers).await,
            Protocol::Http1(_) => Err(Failure::Closed),
        };
        let (answer, up) = opened.map_err(|failure| self.explain(failure))?;
        if !answer.status().is_success() {
            return Err(self.refused(answer.into()).await);
        }
        let extensions = header::SEC_WEBSOCKET_EXTENSIONS;
        if answer.headers().contains_key(&extensions) {
            return Err(self.unexpected(extensions.as_str(), "nothing that was not asked for"));
        }
        let subprotocol = answer.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
        if !headers.offer_subprotocol(subprotocol) {
            let found = format!("the subprotocol {subprotocol:?}");
            return Err(self.unexpected(&found, "the one that was asked for, if any"));
        }
        match self.protocol {
            Protocol::Http2(http) => Ok(Http2Tunnel::new(*http, up, answer.into_body())),
            Protocol::Http1(_) => Err(self.explain(Failure::Closed)),
        }
    }

    /// Returns the bare connection after `101 Switching Protocols`, and what was read past the head
    /// of the answer. Returns `None` over HTTP/2, which knows no upgrade.
    pub(crate) fn into_upgraded(self) -> Option<(MeasuredConnection, Bytes)> {
        match self.protocol {
            Protocol::Http1(http) => Some(http.into_upgraded()),
            Protocol::Http2(_) => None,
        }
    }

    /// Returns the error for an answer that is not the one asked for.
    pub(crate) async fn refused(&mut self, answer: HttpAnswer) -> SubscribeError {
        let retry_after = retry_after_seconds(&answer).map(Duration::from_secs);
        let status = answer.status();
        let body = self.whole(answer.into_body()).await.unwrap_or_default();
        let ErrorAnswer { error, .. } = ErrorAnswer::parse(&body);
        SubscribeError::Refused { asked: self.asked(), status, error, retry_after }
    }

    /// Checks that an answer is not compressed: nothing here can inflate it.
    pub(crate) fn check_encoding(&self, answer: &HttpAnswer) -> Result<(), SubscribeError> {
        match answer.field(&header::CONTENT_ENCODING) {
            None => Ok(()),
            Some(encoding) => {
                let found = format!("`content-encoding: {encoding}`");
                Err(self.unexpected(&found, "an answer that is not compressed"))
            }
        }
    }

    /// Returns the error for content that is not as `docs/protocol.md` says.
    pub(crate) fn unexpected(&self, found: &str, expected: &'static str) -> SubscribeError {
        SubscribeError::Protocol { asked: self.asked(), found: quote(found), expected }
    }

    /// Returns method, path and query of the last request.
    pub(crate) fn asked(&self) -> String {
        let (method, target) = &self.asked;
        format!("{method} {target}")
    }

    fn explain(&mut self, failure: Failure) -> SubscribeError {
        let asked = self.asked();
        match failure {
            Failure::Closed => SubscribeError::Broken { asked, source: None },
            Failure::Broken(source) => SubscribeError::Broken { asked, source: Some(source) },
            Failure::Silent => {
                if let Protocol::Http2(http) = &mut self.protocol {
                    http.suspect();
                }
                SubscribeError::Silent { asked, within: self.within }
            }
        }
    }
}
