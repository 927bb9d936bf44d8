//! The answers that are not messages: JSON with the right status and a hint.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::feed::Rejected;

/// A refusal: `{"error":"…","hint":"…"}`.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: String,
    hint: &'static str,
    headers: Vec<(header::HeaderName, &'static str)>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    hint: &'a str,
}

impl Refusal {
    /// `error` says what was found, `hint` what to do instead.
    pub(crate) fn new(status: StatusCode, error: impl Into<String>, hint: &'static str) -> Self {
        Self { status, error: error.into(), hint, headers: Vec::new() }
    }

    /// Adds a header to the answer.
    pub(crate) fn with(mut self, name: header::HeaderName, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn bad_request(error: impl Into<String>, hint: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, hint)
    }

    /// The whole answer in HTTP/1.1, for a request that never reached a handler. It says that the
    /// connection closes.
    pub(crate) fn into_http1(self) -> Vec<u8> {
        let body = Body { error: &self.error, hint: self.hint };
        let body = serde_json::to_string(&body).expect("a refusal has no maps in it");
        let (status, length) = (self.status, body.len());
        format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\ncache-control: no-store\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// One connection too many.
    pub(crate) fn too_many_connections() -> Self {
        let error = "there are too many connections";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            error,
            "come back later; the limit is the server's",
        )
        .with(header::RETRY_AFTER, "5")
        .with(header::CONNECTION, "close")
    }

    /// One request too many of a client behind a proxy, whose connection goes on.
    pub(crate) fn too_many_of_an_address() -> Self {
        let error = "there are too many connections from this address";
        let hint = "come back later; the limit is the server's";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error, hint).with(header::RETRY_AFTER, "5")
    }

    /// Who asks has to say who it is.
    pub(crate) fn unauthorized(error: &str, hint: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, error, hint).with(header::WWW_AUTHENTICATE, "Bearer")
    }

    pub(crate) fn no_such_feed(name: &str) -> Self {
        let name: String = name.chars().take(64).collect();
        Self::new(
            StatusCode::NOT_FOUND,
            format!("no feed `{name}`"),
            "feeds are named when the server starts",
        )
    }
}

impl From<Rejected> for Refusal {
    fn from(Rejected { status, error, hint }: Rejected) -> Self {
        let refusal = Self::new(status, error, hint);
        match status {
            StatusCode::TOO_MANY_REQUESTS => refusal.with(header::RETRY_AFTER, "1"),
            _ => refusal,
        }
    }
}

/// Whether a body was not read because it is longer than it may be.
pub(crate) fn is_too_long(error: &axum::Error) -> bool {
    use std::error::Error;

    error.source().is_some_and(<dyn Error>::is::<http_body_util::LengthLimitError>)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(Body { error: &self.error, hint: self.hint });
        let mut response =
            (self.status, [(header::CACHE_CONTROL, "no-store")], body).into_response();
        for (name, value) in self.headers {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

pub(crate) async fn no_such_route(uri: axum::http::Uri) -> Refusal {
    let error = format!("nothing at `{}`", uri.path().chars().take(100).collect::<String>());
    let hint = "subscribe at /feeds/{feed}/{short-polling,long-polling,sse,websocket}, \
                publish at /feeds/{feed}/messages";
    Refusal::new(StatusCode::NOT_FOUND, error, hint)
}

pub(crate) async fn no_such_method(method: axum::http::Method) -> Refusal {
    let error = format!("`{method}` is not answered here");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, error, "the methods in the `Allow` header are")
}
