//! The answer to a request that is refused: JSON with the right status and a hint.

use std::borrow::Cow;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use wirebench_store::StoreError;

use crate::feed::Rejected;

/// The response to a request that is refused: a status, and `{"error":"…","hint":"…"}`. Handlers of
/// an application may return it, so that its errors read like those of the feeds.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    error: String,
    hint: Cow<'static, str>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    hint: &'a str,
}

impl ApiError {
    /// Returns an error. `error` says what is wrong, `hint` what to do instead.
    pub fn new(
        status: StatusCode,
        error: impl Into<String>,
        hint: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, error: error.into(), hint: hint.into(), headers: Vec::new() }
    }

    /// Adds a header to the answer.
    pub(crate) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// Tells the client to try again after this many seconds.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.headers.push((header::RETRY_AFTER, seconds.into()));
        self
    }

    /// Returns an error with the status 400.
    pub fn bad_request(error: impl Into<String>, hint: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, hint)
    }

    /// `401`: the request must bring a token.
    pub(crate) fn unauthorized(error: &str, hint: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, error, hint).with(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// `503` on a connection beyond the limit, which is then closed.
    pub(crate) fn too_many_connections() -> Self {
        Self::over_the_limit("there are too many connections").with(header::CONNECTION, "close")
    }

    /// `503` to a client behind a proxy that has too many requests under way. The connection, which
    /// is the proxy's, stays open.
    pub(crate) fn too_many_from_address() -> Self {
        Self::over_the_limit("there are too many connections from this address")
    }

    /// `503` to a client that would open a Socket.IO session beyond the limit.
    pub(crate) fn too_many_sessions() -> Self {
        Self::over_the_limit("there are too many sessions")
    }

    /// `503` to a client that would open a session while the server stops.
    pub(crate) fn stopping() -> Self {
        let hint = "come back in a moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the server stops", hint)
            .with(header::RETRY_AFTER, "1")
    }

    /// `503` to a subscriber whose messages are in a store that cannot be read.
    pub(crate) fn store(error: &StoreError) -> Self {
        let hint = "come back later; newer messages can still be read";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string(), hint)
            .with(header::RETRY_AFTER, "1")
    }

    /// Returns true if the same request may be answered later (`503`).
    pub(crate) fn is_temporary(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    /// Returns what is wrong and what to do instead, for a protocol that has no JSON for it.
    pub(crate) fn text(&self) -> String {
        format!("{}: {}", self.error, self.hint)
    }

    fn over_the_limit(error: &str) -> Self {
        let hint = "come back later; the limit is the server's";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error, hint).with(header::RETRY_AFTER, "5")
    }

    /// Returns the status, the header fields and the body of the answer.
    pub(crate) fn into_parts(self) -> (StatusCode, Vec<(HeaderName, HeaderValue)>, String) {
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
        let mut fields = vec![(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, NO_STORE)];
        fields.extend(self.headers);
        let body = ErrorBody { error: &self.error, hint: &self.hint };
        (self.status, fields, serde_json::to_string(&body).expect("an error has no maps in it"))
    }

    /// Returns the whole answer in HTTP/1.1, for a request that hyper has not read. It says that
    /// the connection closes.
    pub(crate) fn into_http1(self) -> Vec<u8> {
        let (status, fields, body) = self.into_parts();
        let mut bytes = format!("HTTP/1.1 {status}\r\nconnection: close\r\n").into_bytes();
        for (name, value) in fields {
            bytes.extend_from_slice(format!("{name}: ").as_bytes());
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
        bytes
    }
}

impl From<Rejected> for ApiError {
    fn from(Rejected { status, error, hint }: Rejected) -> Self {
        let refused = Self::new(status, error, hint);
        match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                refused.with(header::RETRY_AFTER, "1")
            }
            _ => refused,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, fields, body) = self.into_parts();
        let mut response = (status, body).into_response();
        // Replaces the content type of a plain text.
        for (name, value) in fields {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
