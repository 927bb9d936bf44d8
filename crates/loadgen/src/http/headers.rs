//! The request headers of a subscriber, prepared once for all subscribers.

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use wirebench_scenario::Headers;

use crate::target::Target;

/// The headers of a request. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct RequestHeaders(Arc<PreparedHeaders>);

#[derive(Debug)]
struct PreparedHeaders {
    map: HeaderMap,
    /// The lines of HTTP/1.1, in the order of the map.
    lines: Vec<u8>,
}

impl RequestHeaders {
    pub(crate) fn new(map: HeaderMap) -> Self {
        let mut lines = Vec::new();
        for (name, value) in &map {
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.extend_from_slice(b": ");
            lines.extend_from_slice(value.as_bytes());
            lines.extend_from_slice(b"\r\n");
        }
        Self(Arc::new(PreparedHeaders { map, lines }))
    }

    /// Returns these headers with another one, or with another value for it.
    pub(crate) fn with(&self, name: HeaderName, value: HeaderValue) -> Self {
        self.with_all([(name, value)])
    }

    /// Returns these headers with others, or with other values for them.
    pub(crate) fn with_all(
        &self,
        fields: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Self {
        let mut fields = fields.into_iter().peekable();
        if fields.peek().is_none() {
            return self.clone();
        }
        let mut map = self.map().clone();
        fields.for_each(|(name, value)| _ = map.insert(name, value));
        Self::new(map)
    }

    /// Returns these headers without one of them.
    pub(crate) fn without(&self, name: &HeaderName) -> Self {
        let mut map = self.map().clone();
        map.remove(name);
        Self::new(map)
    }

    /// Returns true if the answer to a request with these headers may have this
    /// `Sec-WebSocket-Protocol`: one of those that were offered, as browsers demand, and none if
    /// none was offered.
    pub(crate) fn offer_subprotocol(&self, answer: Option<&HeaderValue>) -> bool {
        let offered = self.map().get(header::SEC_WEBSOCKET_PROTOCOL);
        match (offered.and_then(|offered| offered.to_str().ok()), answer) {
            (Some(offered), Some(answer)) => {
                offered.split(',').any(|name| name.trim().as_bytes() == answer.as_bytes())
            }
            (offered, answer) => offered.is_none() && answer.is_none(),
        }
    }

    pub(super) fn map(&self) -> &HeaderMap {
        &self.0.map
    }

    pub(super) fn lines(&self) -> &[u8] {
        &self.0.lines
    }
}

/// Returns the headers that a subscriber sends with every request of one kind.
///
/// `Browser` is what Chrome sends with a request of this kind to its own origin, without cookies.
/// What the target asks for is added, or replaces it. HTTP/2 has no headers for the host, for the
/// lifetime of the connection and for an upgrade.
pub(super) fn headers(
    profile: Headers,
    version: u8,
    target: &Target,
    kind: RequestKind,
) -> HeaderMap {
    let own = |scheme: &str, path: &str| {
        HeaderValue::from_str(&format!("{scheme}{}{path}", target.authority))
            .expect("an authority that was parsed is a header value")
    };
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(header::HOST, own("", ""));
    let fixed = match (profile, kind) {
        (Headers::Bare, RequestKind::Fetch) => &[],
        (Headers::Bare, RequestKind::Post) => TEXT,
        (Headers::Bare, RequestKind::EventSource) => EVENT_STREAM,
        (Headers::Bare, RequestKind::WebSocket) => UPGRADE,
        (Headers::Browser, RequestKind::Fetch) => FETCH,
        (Headers::Browser, RequestKind::Post) => POST,
        (Headers::Browser, RequestKind::EventSource) => EVENT_SOURCE,
        (Headers::Browser, RequestKind::WebSocket) => WEB_SOCKET,
    };
    for &(name, value) in fixed {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if profile == Headers::Browser {
        let scheme = if target.tls.is_some() { "https://" } else { "http://" };
        match kind {
            RequestKind::Fetch | RequestKind::EventSource => {
                headers.insert(header::REFERER, own(scheme, "/"));
            }
            RequestKind::Post => {
                headers.insert(header::ORIGIN, own(scheme, ""));
                headers.insert(header::REFERER, own(scheme, "/"));
            }
            RequestKind::WebSocket => {
                headers.insert(header::ORIGIN, own(scheme, ""));
            }
        }
    }
    if let Some(foreign) = &target.foreign {
        // This client cannot inflate. This project's server compresses nothing; another one may.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.extend(foreign.shared_headers().clone());
    }
    if version == 2 {
        for name in [header::HOST, header::CONNECTION, header::UPGRADE] {
            headers.remove(name);
        }
        if profile == Headers::Browser && kind != RequestKind::WebSocket {
            // RFC 9218.
            headers.insert("priority", HeaderValue::from_static("u=1, i"));
        }
    }
    headers
}

/// The interface of the browser that makes the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// `fetch()`.
    Fetch,
    /// A request of `fetch()` or `XMLHttpRequest` that carries text.
    Post,
    /// `new EventSource()`.
    EventSource,
    /// `new WebSocket()`.
    WebSocket,
}

const USER_AGENT: (&str, &str) = (
    "user-agent",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 \
     Safari/537.36",
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

/// Even the bare profile says that a body is text.
const TEXT: &[(&str, &str)] = &[("content-type", "text/plain;charset=UTF-8")];

const POST: &[(&str, &str)] = &[
    KEEP_ALIVE,
    USER_AGENT,
    TEXT[0],
    ("accept", "*/*"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-dest", "empty"),
    ENCODING,
    LANGUAGE,
];

/// Even the bare profile asks for an event stream by its type.
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
