//! The request headers of a subscriber, prepared once for each connection.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use wirebench_scenario::Headers;

use crate::dial::Dialer;
use crate::target::Target;

/// The headers that a subscriber sends with every request of one kind, prepared once.
///
/// `Browser` is what Chrome sends with a request of this kind to its own origin, without cookies.
/// HTTP/2 has other ways to say where to, for how long, and that a WebSocket is wanted.
pub(crate) fn headers(profile: Headers, dialer: &Dialer, target: &Target, kind: Kind) -> HeaderMap {
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
        let scheme = if target.trust.is_some() { "https://" } else { "http://" };
        match kind {
            Kind::Fetch | Kind::EventSource => headers.insert(header::REFERER, own(scheme, "/")),
            Kind::WebSocket => headers.insert(header::ORIGIN, own(scheme, "")),
        };
    }
    if dialer.http().version == 2 {
        for name in [header::HOST, header::CONNECTION, header::UPGRADE] {
            headers.remove(name);
        }
        if profile == Headers::Browser && kind != Kind::WebSocket {
            // RFC 9218.
            headers.insert("priority", HeaderValue::from_static("u=1, i"));
        }
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
