//! Requests and responses of the demo API: JSON in both directions, and never stored by a cache.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use wirebench_server::ApiError;

/// Returns the error for a limit that is reached. The request may succeed after `retry_after`
/// seconds.
pub(crate) fn limit_reached(
    error: impl Into<String>,
    hint: &'static str,
    retry_after: u64,
) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error, hint).with_retry_after(retry_after)
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
