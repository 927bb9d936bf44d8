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
        Self::new(status, error, hint)
    }
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
