//! Requests and responses of the demo API: JSON in both directions, and never stored by a cache.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An error response, with the body `{"error":"…","hint":"…"}` that the feeds use as well.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    error: String,
    hint: &'static str,
    /// The value of the `Retry-After` header, in seconds.
    retry_after: Option<u64>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    hint: &'a str,
}

impl ApiError {
    /// Returns an error. `error` says what was found, `hint` what to do instead.
    pub(crate) fn new(status: StatusCode, error: impl Into<String>, hint: &'static str) -> Self {
        Self { status, error: error.into(), hint, retry_after: None }
    }

    pub(crate) fn bad_request(error: impl Into<String>, hint: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, hint)
    }

    /// Returns the error for a limit that is reached. The request may succeed after `retry_after`
    /// seconds.
    pub(crate) fn limit_reached(
        error: impl Into<String>,
        hint: &'static str,
        retry_after: u64,
    ) -> Self {
        let retry_after = Some(retry_after);
        Self { retry_after, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, error, hint) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = axum::Json(ErrorBody { error: &self.error, hint: self.hint });
        let mut response = (self.status, body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Extracts a JSON body whatever its `Content-Type`: a page that is being left can only send plain
/// text.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let hint = "docs/protocol.md describes the demo API";
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|error| ApiError::new(error.status(), error.body_text(), hint))?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| ApiError::bad_request(format!("cannot read the body: {error}"), hint))
    }
}

/// Forbids caches to store a response of the demo API.
pub(crate) async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(100).collect();
    let error = format!("`{method}` is not supported at `{path}`");
    let hint = "use one of the methods in the `Allow` header";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, error, hint)
}
