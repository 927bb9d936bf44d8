//! One HTTP/1.1 connection of one subscriber, polled by the subscriber itself.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use wirebench_scenario::Headers;

use crate::deadline::Deadline;
use crate::dial::{Arrivals, Connection, Dialer};
use crate::error::SubscribeError;
use crate::target::Target;

/// The largest body of a poll that is read; a window of messages has to fit.
const BODY_BYTES_MAX: usize = 256 << 20;

/// How much of an unexpected body goes into an error message.
const QUOTED_BYTES: usize = 200;

/// What a subscriber needs to have opened, connected and answered within, a link's delay not included.
pub(crate) const OPENING: Duration = Duration::from_secs(10);

type Inner = http1::Connection<TokioIo<Connection>, Empty<Bytes>>;

/// A connection that carries one request at a time.
///
/// hyper wants its connection polled beside the request, usually by a task of its own. Here the
/// subscriber polls both: it owns everything, dropping it cancels everything, and an answer needs no hop
/// from task to task.
///
/// It is also what makes [`Arrivals`] the stamp of a message. hyper's body channel has one slot, and the
/// connection does not read from the socket while the slot is full (`Dispatcher::poll_read` asks
/// `body.poll_ready` first). Since the slot is emptied right after each poll of the connection, whatever
/// is taken from it was completed by the last read. After an answer's last byte hyper reads once more to
/// notice a closed connection; that read finds nothing, and nothing moves no stamp.
#[derive(Debug)]
pub(crate) struct Http {
    sender: http1::SendRequest<Empty<Bytes>>,
    connection: Inner,
    /// The connection has returned and must not be polled again.
    over: bool,
    arrivals: Arrivals,
    deadline: Deadline,
    /// What `deadline` was set to, for the error that says so.
    within: Duration,
    /// Path and query of the last request, for errors.
    asked: Uri,
}

/// Why a request came to nothing, before it is known what was asked.
enum Failure {
    Closed,
    Broken(hyper::Error),
    Silent,
}

impl Http {
    /// Dials `target`; what follows until the next deadline is set has to happen within 10 s and what
    /// the link takes.
    pub(crate) async fn open(dialer: &Dialer, target: &Target) -> Result<Self, SubscribeError> {
        let within = OPENING + 2 * dialer.round_trip();
        let deadline = Deadline::new(within);
        let failed = |source| SubscribeError::Connect { address: target.address, source };
        let connection = dialer.dial(target.address).await.map_err(failed)?;
        let arrivals = connection.arrivals();
        // The default buffers start at 8 KiB and grow only with what a server sends.
        let (sender, connection) = http1::handshake(TokioIo::new(connection))
            .await
            .map_err(|error| failed(std::io::Error::other(error)))?;
        let asked = Uri::default();
        Ok(Self { sender, connection, over: false, arrivals, deadline, within, asked })
    }

    /// When the last bytes arrived.
    pub(crate) fn arrived_at(&self) -> wirebench_protocol::Timestamp {
        self.arrivals.last()
    }

    /// The connection's stamp.
    pub(crate) fn arrivals(&self) -> Arrivals {
        self.arrivals.clone()
    }

    /// From now, each answer or piece of one has `within` to arrive. Costs a reading of the clock.
    pub(crate) fn allow(&mut self, within: Duration) {
        self.within = within;
        self.deadline.set(within);
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn get(
        &mut self,
        uri: Uri,
        headers: HeaderMap,
    ) -> Result<Response<Incoming>, SubscribeError> {
        self.asked = uri.clone();
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        if !self.sender.is_ready() {
            let ready = poll_fn(|cx| self.poll_beside(cx, |http, cx| http.sender.poll_ready(cx)));
            ready
                .await
                .and_then(|ready| ready.map_err(Failure::Broken))
                .map_err(|f| self.explain(f))?;
        }
        let mut answer = pin!(self.sender.send_request(request));
        poll_fn(|cx| self.poll_beside(cx, |_, cx| answer.as_mut().poll(cx)))
            .await
            .and_then(|answer| answer.map_err(Failure::Broken))
            .map_err(|failure| self.explain(failure))
    }

    /// The next piece of a body; `None` after the last.
    ///
    /// Cancel safe: no piece is lost.
    pub(crate) async fn piece(
        &mut self,
        body: &mut Incoming,
    ) -> Result<Option<Bytes>, SubscribeError> {
        loop {
            let frame =
                poll_fn(|cx| self.poll_beside(cx, |_, cx| Pin::new(&mut *body).poll_frame(cx)));
            match frame.await.map_err(|failure| self.explain(failure))? {
                None => return Ok(None),
                Some(Err(error)) => return Err(self.explain(Failure::Broken(error))),
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }

    /// A whole body. A body that came in one piece is not copied.
    pub(crate) async fn whole(&mut self, mut body: Incoming) -> Result<Bytes, SubscribeError> {
        let Some(first) = self.piece(&mut body).await? else { return Ok(Bytes::new()) };
        if body.is_end_stream() {
            return Ok(first);
        }
        let mut whole = BytesMut::from(first);
        while let Some(piece) = self.piece(&mut body).await? {
            if whole.len() + piece.len() > BODY_BYTES_MAX {
                return Err(self.unexpected("a body without end", "at most 256 MiB"));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
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

    /// The error for an answer that is not the one asked for.
    pub(crate) async fn refused(&mut self, answer: Response<Incoming>) -> SubscribeError {
        #[derive(serde::Deserialize)]
        struct Refusal {
            error: String,
        }
        let (head, body) = answer.into_parts();
        let retry_after = head
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs));
        let body = self.whole(body).await.unwrap_or_default();
        let error = serde_json::from_slice(&body)
            .map_or_else(|_| quote(&String::from_utf8_lossy(&body)), |Refusal { error }| error);
        let (asked, status) = (self.asked.to_string(), head.status);
        SubscribeError::Refused { asked, status, error, retry_after }
    }

    /// The error for content that is not as `docs/protocol.md` says.
    pub(crate) fn unexpected(&self, found: &str, expected: &'static str) -> SubscribeError {
        SubscribeError::Protocol { asked: self.asked.to_string(), found: quote(found), expected }
    }

    /// What was last asked for.
    pub(crate) fn asked(&self) -> String {
        self.asked.to_string()
    }

    /// Polls something that only the connection can complete, beside the connection.
    ///
    /// It gets a waker that does nothing: the connection is polled with the task's own right here, and
    /// afterwards `poll` is asked again. A real waker would make the task schedule itself once more for
    /// every answer.
    fn poll_beside<T>(
        &mut self,
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
            failure = result.err().map_or(Failure::Closed, Failure::Broken);
        }
        if let Poll::Ready(value) = poll(self, &mut beside) {
            return Poll::Ready(Ok(value));
        }
        if self.over {
            return Poll::Ready(Err(failure));
        }
        self.deadline.poll(cx).map(|()| Err(Failure::Silent))
    }

    fn explain(&self, failure: Failure) -> SubscribeError {
        let asked = self.asked.to_string();
        match failure {
            Failure::Closed => SubscribeError::Broken { asked, source: None },
            Failure::Broken(source) => SubscribeError::Broken { asked, source: Some(source) },
            Failure::Silent => SubscribeError::Silent { asked, within: self.within },
        }
    }
}

/// The headers that a subscriber sends with every request of one kind, prepared once.
///
/// `Browser` is what Chrome sends with a request of this kind to its own origin, without cookies.
pub(crate) fn headers(profile: Headers, target: &Target, kind: Kind) -> HeaderMap {
    let own = |scheme: &str, path: &str| {
        HeaderValue::from_str(&format!("{scheme}{}{path}", target.authority))
            .expect("an authority that was parsed is a header value")
    };
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(header::HOST, own("", ""));
    let fixed = match (profile, kind) {
        (Headers::Bare, Kind::Fetch) => &[],
        (Headers::Bare, Kind::EventSource) => EVENT_STREAM,
        (Headers::Bare, Kind::WebSocket) => UPGRADE,
        (Headers::Browser, Kind::Fetch) => FETCH,
        (Headers::Browser, Kind::EventSource) => EVENT_SOURCE,
        (Headers::Browser, Kind::WebSocket) => WEB_SOCKET,
    };
    for &(name, value) in fixed {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if profile == Headers::Browser {
        match kind {
            Kind::Fetch | Kind::EventSource => headers.insert(header::REFERER, own("http://", "/")),
            Kind::WebSocket => headers.insert(header::ORIGIN, own("http://", "")),
        };
    }
    headers
}

/// Which of the browser's interfaces makes the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `fetch()`.
    Fetch,
    /// `new EventSource()`.
    EventSource,
    /// `new WebSocket()`.
    WebSocket,
}

const USER_AGENT: (&str, &str) = (
    "user-agent",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
);
const LANGUAGE: (&str, &str) = ("accept-language", "en-US,en;q=0.9");
const ENCODING: (&str, &str) = ("accept-encoding", "gzip, deflate, br, zstd");
const KEEP_ALIVE: (&str, &str) = ("connection", "keep-alive");

const FETCH: &[(&str, &str)] = &[
    KEEP_ALIVE,
    USER_AGENT,
    ("accept", "*/*"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-dest", "empty"),
    ENCODING,
    LANGUAGE,
];

/// An event stream is asked for by its type even at the least.
const EVENT_STREAM: &[(&str, &str)] = &[("accept", "text/event-stream")];

const EVENT_SOURCE: &[(&str, &str)] = &[
    KEEP_ALIVE,
    USER_AGENT,
    ("accept", "text/event-stream"),
    ("cache-control", "no-cache"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-dest", "empty"),
    ENCODING,
    LANGUAGE,
];

const UPGRADE: &[(&str, &str)] =
    &[("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];

/// Chrome also offers `permessage-deflate`. This client cannot inflate, so it does not offer it.
const WEB_SOCKET: &[(&str, &str)] = &[
    ("connection", "Upgrade"),
    ("pragma", "no-cache"),
    ("cache-control", "no-cache"),
    USER_AGENT,
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ENCODING,
    LANGUAGE,
];

/// Whether an answer says that it has no content.
pub(crate) fn is_empty(answer: &Response<Incoming>) -> bool {
    answer.status() == StatusCode::NO_CONTENT
}

/// Whether an answer says that it is the last on its connection.
pub(crate) fn is_last(answer: &Response<Incoming>) -> bool {
    let values = answer.headers().get_all(header::CONNECTION).into_iter();
    let mut tokens = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    tokens.any(|token| token.trim().eq_ignore_ascii_case("close"))
}

/// The beginning of something unexpected, for an error message.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().take(QUOTED_BYTES).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    quoted
}
