//! A subscriber's connection: it carries one request at a time, whatever the version of HTTP.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap};
use http::{Method, Request, Response, Uri};
use hyper::body::{Body as _, Incoming};
use wirebench_protocol::Timestamp;

use super::answer::{ErrorAnswer, quote};
use super::deadline::Deadline;
use super::failure::Failure;
use super::http1::Http1;
use super::http2::Http2;
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
    asked: (Method, Uri),
}

/// The version of HTTP that a connection speaks.
#[derive(Debug)]
pub(super) enum Protocol {
    Http1(Box<Http1>),
    Http2(Box<Http2>),
}

/// The body of an answer, to be read through the connection that it came over.
#[derive(Debug)]
pub(crate) enum ResponseBody {
    Http1(Incoming),
    Http2(h2::RecvStream),
}

impl ClientConnection {
    pub(super) fn new(
        protocol: Protocol,
        arrivals: Arrivals,
        crossed: Option<CrossedBytes>,
        deadline: Deadline,
        within: Duration,
    ) -> Self {
        let asked = (Method::GET, Uri::default());
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

    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn get(
        &mut self,
        uri: Uri,
        headers: HeaderMap,
    ) -> Result<Response<ResponseBody>, SubscribeError> {
        self.send(Method::GET, uri, headers, Bytes::new()).await
    }

    /// Sends a request with a body and waits for the head of the answer.
    pub(crate) async fn post(
        &mut self,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<ResponseBody>, SubscribeError> {
        self.send(Method::POST, uri, headers, body).await
    }

    async fn send(
        &mut self,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<ResponseBody>, SubscribeError> {
        self.asked = (method.clone(), uri.clone());
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let deadline = &mut self.deadline;
        let answer = match &mut self.protocol {
            Protocol::Http1(http) => {
                let answer = http.send(deadline, request).await;
                answer.map(|answer| answer.map(ResponseBody::Http1))
            }
            Protocol::Http2(http) => {
                let answer = http.send(deadline, request).await;
                answer.map(|answer| answer.map(ResponseBody::Http2))
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
            (Protocol::Http1(http), ResponseBody::Http1(body)) => http.piece(deadline, body).await,
            (Protocol::Http2(http), ResponseBody::Http2(body)) => http.piece(deadline, body).await,
            // The body belongs to another connection.
            (Protocol::Http1(_), ResponseBody::Http2(_))
            | (Protocol::Http2(_), ResponseBody::Http1(_)) => Err(Failure::Closed),
        };
        piece.map_err(|failure| self.explain(failure))
    }

    /// Returns a whole body. A body that comes in one piece is not copied.
    pub(crate) async fn whole(&mut self, mut body: ResponseBody) -> Result<Bytes, SubscribeError> {
        let Some(first) = self.piece(&mut body).await? else { return Ok(Bytes::new()) };
        if body.is_complete() {
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
        uri: Uri,
        headers: HeaderMap,
    ) -> Result<Http2Tunnel, SubscribeError> {
        self.asked = (Method::GET, uri.clone());
        let opened = match &mut self.protocol {
            Protocol::Http2(http) => http.tunnel(&mut self.deadline, &uri, headers).await,
            Protocol::Http1(_) => Err(Failure::Closed),
        };
        let (answer, up) = opened.map_err(|failure| self.explain(failure))?;
        if !answer.status().is_success() {
            return Err(self.refused(answer.map(ResponseBody::Http2)).await);
        }
        for name in [header::SEC_WEBSOCKET_EXTENSIONS, header::SEC_WEBSOCKET_PROTOCOL] {
            if answer.headers().contains_key(&name) {
                return Err(self.unexpected(name.as_str(), "nothing that was not asked for"));
            }
        }
        match self.protocol {
            Protocol::Http2(http) => Ok(Http2Tunnel::new(*http, up, answer.into_body())),
            Protocol::Http1(_) => Err(self.explain(Failure::Closed)),
        }
    }

    /// Returns the bare connection after `101 Switching Protocols`, and what was read past the head
    /// of the answer. Returns `None` over HTTP/2, which knows no upgrade.
    pub(crate) async fn into_upgraded(self) -> Option<(MeasuredConnection, Bytes)> {
        match self.protocol {
            Protocol::Http1(http) => Some(http.into_upgraded().await),
            Protocol::Http2(_) => None,
        }
    }

    /// Returns the error for an answer that is not the one asked for.
    pub(crate) async fn refused(&mut self, answer: Response<ResponseBody>) -> SubscribeError {
        let (head, body) = answer.into_parts();
        let retry_after = head
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs));
        let body = self.whole(body).await.unwrap_or_default();
        let ErrorAnswer { error, .. } = ErrorAnswer::parse(&body);
        SubscribeError::Refused { asked: self.asked(), status: head.status, error, retry_after }
    }

    /// Returns the error for content that is not as `docs/protocol.md` says.
    pub(crate) fn unexpected(&self, found: &str, expected: &'static str) -> SubscribeError {
        SubscribeError::Protocol { asked: self.asked(), found: quote(found), expected }
    }

    /// Returns method, path and query of the last request.
    pub(crate) fn asked(&self) -> String {
        let (method, uri) = &self.asked;
        format!("{method} {uri}")
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

impl ResponseBody {
    fn is_complete(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }
}
