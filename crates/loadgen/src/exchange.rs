//! HTTP as a subscriber speaks it: one request at a time, over whichever version and connection.

use std::error::Error;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap};
use http::{Response, StatusCode, Uri};
use hyper::body::{Body as _, Incoming};
use wirebench_protocol::Timestamp;
use wirebench_scenario::Connections;

use crate::deadline::Deadline;
use crate::dial::{Arrivals, Connection, Dialer};
use crate::error::SubscribeError;
use crate::target::Target;
use crate::tunnel::Tunnel;
use crate::{http1, http2};

/// The largest body of a poll that is read; a window of messages has to fit.
const BODY_BYTES_MAX: usize = 256 << 20;

/// How much of an unexpected body goes into an error message.
const QUOTED_BYTES: usize = 200;

/// What a subscriber needs to have opened, connected and answered within, a link's delay not included.
pub(crate) const OPENING: Duration = Duration::from_secs(10);

/// How often an opening may have to cross the link and back: TCP, twice TLS, settings, the request.
const OPENING_TRIPS: u32 = 5;

/// A subscriber's way to ask. Dropping it ends what was asked, and the connection if nobody shares it.
#[derive(Debug)]
pub(crate) struct Http {
    line: Line,
    arrivals: Arrivals,
    deadline: Deadline,
    /// What `deadline` was set to, for the error that says so.
    within: Duration,
    /// Path and query of the last request, for errors.
    asked: Uri,
}

#[derive(Debug)]
enum Line {
    One(Box<http1::Line>),
    Two(Box<http2::Line>),
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Body {
    One(Incoming),
    Two(h2::RecvStream),
}

/// Why a request came to nothing, before it is known what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    Closed,
    Broken(Box<dyn Error + Send + Sync>),
    Silent,
}

impl Http {
    /// Dials `target`, or joins a connection that is shared; what follows until the next deadline is
    /// set has to happen within 10 s and what the link takes.
    pub(crate) async fn open(dialer: &Dialer, target: &Target) -> Result<Self, SubscribeError> {
        let within = OPENING + OPENING_TRIPS * dialer.round_trip();
        let deadline = Deadline::new(within);
        let failed = |source| SubscribeError::Connect { address: target.address, source };
        let (line, arrivals) = match (dialer.http().version, dialer.http().connections) {
            (2, Connections::Shared) => {
                let (line, arrivals) =
                    dialer.pool().join(dialer, target, within).await.map_err(failed)?;
                (Line::Two(Box::new(line)), arrivals)
            }
            (version, _) => {
                let connection = dialer.connect(target).await.map_err(failed)?;
                let arrivals = connection.arrivals();
                let line = if version == 2 {
                    let line = http2::Line::own(connection, target).await.map_err(failed)?;
                    Line::Two(Box::new(line))
                } else {
                    let line = http1::Line::new(connection).await.map_err(failed)?;
                    Line::One(Box::new(line))
                };
                (line, arrivals)
            }
        };
        Ok(Self { line, arrivals, deadline, within, asked: Uri::default() })
    }

    /// When the last bytes arrived.
    pub(crate) fn arrived_at(&self) -> Timestamp {
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
    ) -> Result<Response<Body>, SubscribeError> {
        self.asked = uri.clone();
        let deadline = &mut self.deadline;
        let answer = match &mut self.line {
            Line::One(line) => {
                line.get(deadline, uri, headers).await.map(|answer| answer.map(Body::One))
            }
            Line::Two(line) => {
                line.get(deadline, &uri, headers).await.map(|answer| answer.map(Body::Two))
            }
        };
        answer.map_err(|failure| self.explain(failure))
    }

    /// The next piece of a body; `None` after the last.
    ///
    /// Cancel safe: no piece is lost.
    pub(crate) async fn piece(&mut self, body: &mut Body) -> Result<Option<Bytes>, SubscribeError> {
        let deadline = &mut self.deadline;
        let piece = match (&mut self.line, body) {
            (Line::One(line), Body::One(body)) => line.piece(deadline, body).await,
            (Line::Two(line), Body::Two(body)) => line.piece(deadline, body).await,
            // A body of another connection: there is none.
            _ => Err(Failure::Closed),
        };
        piece.map_err(|failure| self.explain(failure))
    }

    /// A whole body. A body that came in one piece is not copied.
    pub(crate) async fn whole(&mut self, mut body: Body) -> Result<Bytes, SubscribeError> {
        let Some(first) = self.piece(&mut body).await? else { return Ok(Bytes::new()) };
        if body.is_over() {
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
        match &mut self.line {
            Line::One(line) => line.closed().await,
            Line::Two(line) => line.closed().await,
        }
    }

    /// Whether the connection has closed, as far as it was polled.
    pub(crate) fn is_closed(&mut self) -> bool {
        match &mut self.line {
            Line::One(line) => line.is_closed(),
            Line::Two(line) => line.is_closed(),
        }
    }

    /// Whether a WebSocket is opened by an extended `CONNECT` (RFC 8441) and not by an upgrade.
    pub(crate) fn tunnels(&self) -> bool {
        matches!(self.line, Line::Two(_))
    }

    /// Asks for a WebSocket by an extended `CONNECT`, and hands over what it opens.
    pub(crate) async fn into_tunnel(
        mut self,
        uri: Uri,
        headers: HeaderMap,
    ) -> Result<Tunnel, SubscribeError> {
        self.asked = uri.clone();
        let opened = match &mut self.line {
            Line::Two(line) => line.tunnel(&mut self.deadline, &uri, headers).await,
            Line::One(_) => Err(Failure::Closed),
        };
        let (answer, up) = opened.map_err(|failure| self.explain(failure))?;
        if !answer.status().is_success() {
            return Err(self.refused(answer.map(Body::Two)).await);
        }
        for name in [header::SEC_WEBSOCKET_EXTENSIONS, header::SEC_WEBSOCKET_PROTOCOL] {
            if answer.headers().contains_key(&name) {
                return Err(self.unexpected(name.as_str(), "nothing that was not asked for"));
            }
        }
        match self.line {
            Line::Two(line) => Ok(Tunnel::new(*line, up, answer.into_body())),
            Line::One(_) => Err(self.explain(Failure::Closed)),
        }
    }

    /// After `101 Switching Protocols`: the bare connection, and what was read past the answer's head.
    pub(crate) async fn into_upgraded(self) -> Option<(Connection, Bytes)> {
        match self.line {
            Line::One(line) => Some(line.into_upgraded().await),
            Line::Two(_) => None,
        }
    }

    /// The error for an answer that is not the one asked for.
    pub(crate) async fn refused(&mut self, answer: Response<Body>) -> SubscribeError {
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

    fn explain(&mut self, failure: Failure) -> SubscribeError {
        let asked = self.asked.to_string();
        match failure {
            Failure::Closed => SubscribeError::Broken { asked, source: None },
            Failure::Broken(source) => SubscribeError::Broken { asked, source: Some(source) },
            Failure::Silent => {
                if let Line::Two(line) = &mut self.line {
                    line.suspect();
                }
                SubscribeError::Silent { asked, within: self.within }
            }
        }
    }
}

impl Body {
    fn is_over(&self) -> bool {
        match self {
            Self::One(body) => body.is_end_stream(),
            Self::Two(body) => body.is_end_stream(),
        }
    }
}

/// Whether an answer says that it has no content.
pub(crate) fn is_empty(answer: &Response<Body>) -> bool {
    answer.status() == StatusCode::NO_CONTENT
}

/// Whether an answer says that it is the last on its connection, as one over HTTP/2 never does.
pub(crate) fn is_last(answer: &Response<Body>) -> bool {
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
