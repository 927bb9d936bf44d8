//! The routes of a server: those of the transports, and the few beside them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, on, post};
use axum::{Json, Router};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use serde::{Deserialize, Serialize};
use wirebench_protocol::{
    IDEMPOTENCY_KEY, IdempotencyKey, InvalidIdempotencyKey, Published, Recipients, SubscriberName,
    Transport,
};

use crate::api_error::ApiError;
use crate::feed::{JsonPayload, MessagePayload, PublishOptions, Rejected};
use crate::feed_path::{self, PathParams};
use crate::limits::Limits;
use crate::query::read_query;
use crate::state::SharedState;
use crate::transport::{self, websocket};

const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// Returns every route of the server.
pub(crate) fn routes(server: Arc<SharedState>) -> Router {
    let mut router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/tickets", post(ticket))
        .route("/echo", on(websocket::METHODS, websocket::echo))
        .route("/feeds/{feed}/messages", post(publish))
        .route("/feeds/{feed}/echo", post(echo));
    for transport in Transport::ALL {
        router = router.merge(transport::routes(transport, &server));
    }
    router = router.fallback(no_such_route).method_not_allowed_fallback(no_such_method);
    if let Some(cors) = server.access.cors_layer() {
        router = router.layer(cors);
    }
    router.with_state(server)
}

/// `GET /readyz`: whether the server accepts further subscribers. `/healthz` says only that it is
/// alive.
async fn ready(State(server): State<Arc<SharedState>>) -> Response {
    if server.is_stopping() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response()
    } else {
        "ready\n".into_response()
    }
}

/// `GET /metrics`: for clients that may subscribe.
async fn metrics(
    State(server): State<Arc<SharedState>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    server.access.subscribe(None, &headers)?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, server.metrics.text()).into_response())
}

/// `POST /tickets`: returns a ticket, which a client can put into an address in place of the token.
async fn ticket(
    State(server): State<Arc<SharedState>>,
    request: Request,
) -> Result<Response, ApiError> {
    #[derive(Serialize)]
    struct Ticket {
        ticket: String,
        expires_in_seconds: u64,
    }
    server.access.origin(request.uri(), request.headers())?;
    let (ticket, time) = server.access.ticket(request.headers())?;
    let ticket = Ticket { ticket, expires_in_seconds: time.as_secs() };
    Ok(created(ticket))
}

/// `POST /feeds/{feed}/messages`: publishes the JSON or the bytes in the body.
async fn publish(
    State(server): State<Arc<SharedState>>,
    path: PathParams,
    request: Request,
) -> Response {
    let answer = match offer(&server, &path, request).await {
        Ok(published) if published.repeated => ok(published),
        Ok(published) => created(published),
        Err(error) => error.into_response(),
    };
    server.metrics.requests.answered_publisher(answer.status());
    answer
}

/// Offers the body of a request to the feed in its path.
async fn offer(
    server: &SharedState,
    path: &PathParams,
    request: Request,
) -> Result<Published, ApiError> {
    let (_, feed) = feed_path::find(server, path)?;
    server.access.origin(request.uri(), request.headers())?;
    server.access.publish(None, request.headers())?;
    let key = idempotency_key(request.headers())?;
    let options = PublishOptions { key, recipients: recipients(request.uri())? };
    let (kind, body) = declared_body(request, &server.limits).await?;
    let offered = match kind.payload(body) {
        Ok(payload) => feed.offer_payload(&payload, &options).await,
        Err(rejected) => Err(rejected),
    };
    server.metrics.publishing.offered(&offered);
    Ok(offered?)
}

/// `POST /feeds/{feed}/echo`: returns the JSON or the bytes in the body to its sender, and to nobody
/// else.
async fn echo(
    State(server): State<Arc<SharedState>>,
    path: PathParams,
    request: Request,
) -> Response {
    let answer = match body_of_echo(&server, &path, request).await {
        Ok((kind, body)) => {
            server.metrics.publishing.echoed();
            let headers = [(header::CONTENT_TYPE, kind.content_type())];
            (NO_STORE, headers, body).into_response()
        }
        Err(error) => error.into_response(),
    };
    server.metrics.requests.answered_echo(answer.status());
    answer
}

/// Returns the body of a request for an echo, if the client may subscribe to the feed in its path.
async fn body_of_echo(
    server: &SharedState,
    path: &PathParams,
    request: Request,
) -> Result<(BodyKind, Bytes), ApiError> {
    feed_path::find(server, path)?;
    server.access.origin(request.uri(), request.headers())?;
    server.access.subscribe(None, request.headers())?;
    let (kind, body) = declared_body(request, &server.limits).await?;
    kind.payload(body.clone())?;
    Ok((kind, body))
}

/// What the body of a request is.
#[derive(Clone, Copy, Debug)]
enum BodyKind {
    /// One JSON value: `application/json`, `application/…+json`, or not declared at all.
    Json,
    /// Bytes: `application/octet-stream`.
    Binary,
}

impl BodyKind {
    /// Returns what a request declares its body as; `None` if it is neither.
    fn declared(headers: &HeaderMap) -> Option<Self> {
        let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Some(Self::Json) };
        let kind = kind.to_str().unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.strip_prefix("application/")? {
            "octet-stream" => Some(Self::Binary),
            kind if kind == "json" || kind.ends_with("+json") => Some(Self::Json),
            _ => None,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Binary => "application/octet-stream",
        }
    }

    /// Returns what a message with this body carries.
    fn payload(self, body: Bytes) -> Result<MessagePayload, Rejected> {
        match self {
            Self::Json => Ok(JsonPayload::from_json(&body)?.into()),
            Self::Binary => Ok(MessagePayload::Binary(body)),
        }
    }
}

/// Returns the body of a request, and what it is declared as.
async fn declared_body(request: Request, limits: &Limits) -> Result<(BodyKind, Bytes), ApiError> {
    let Some(kind) = BodyKind::declared(request.headers()) else {
        let error = "the body is declared as neither JSON nor bytes";
        let hint = "send it with `Content-Type: application/json`, or bytes with \
                    `application/octet-stream`";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error, hint));
    };
    Ok((kind, read(request.into_body(), limits).await?))
}

/// Returns the key of a request that may be a repetition.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = String::from_utf8_lossy(value.as_bytes()).parse();
    let hint = "choose a random key for each message, for example a UUID";
    key.map(Some)
        .map_err(|error: InvalidIdempotencyKey| ApiError::bad_request(error.to_string(), hint))
}

/// Returns for whom a message is.
fn recipients(uri: &Uri) -> Result<Recipients, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Addressing {
        to: Option<SubscriberName>,
        except: Option<SubscriberName>,
    }
    let hint = "address a message with `to` or `except` and the name of a subscriber";
    let Addressing { to, except } = read_query(uri, hint)?;
    Recipients::new(to, except).map_err(|error| ApiError::bad_request(error.to_string(), hint))
}

/// Reads a whole body within the limits of size and time.
async fn read(body: Body, limits: &Limits) -> Result<Bytes, ApiError> {
    let max_bytes = limits.message_bytes;
    let reading = axum::body::to_bytes(body, max_bytes);
    match tokio::time::timeout(limits.body_time, reading).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_too_long(&error) => {
            let error = format!("the body is longer than {max_bytes} bytes");
            Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, error, "publish less at once"))
        }
        Ok(Err(error)) => {
            let error = format!("the body broke off: {error}");
            Err(ApiError::bad_request(error, "send as much as `Content-Length` says"))
        }
        Err(_) => {
            let error = format!("the body took longer than {} s", limits.body_time.as_secs_f64());
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, error, "send it faster")
                .with(header::CONNECTION, "close"))
        }
    }
}

/// Returns true if a body was not read because it is longer than the limit.
fn is_too_long(error: &axum::Error) -> bool {
    use std::error::Error;

    error.source().is_some_and(<dyn Error>::is::<LengthLimitError>)
}

fn created(body: impl Serialize) -> Response {
    (StatusCode::CREATED, NO_STORE, Json(body)).into_response()
}

fn ok(body: impl Serialize) -> Response {
    (NO_STORE, Json(body)).into_response()
}

/// The answer to a request for a path that no route has.
pub(crate) async fn no_such_route(uri: Uri) -> ApiError {
    let error = format!("nothing at `{}`", uri.path().chars().take(100).collect::<String>());
    let paths = Transport::ALL.map(|transport| transport.path("{feed}")).join(", ");
    let hint = format!("subscribe at {paths}; publish at /feeds/{{feed}}/messages");
    ApiError::new(StatusCode::NOT_FOUND, error, hint)
}

/// The answer to a request with a method that its route does not take.
pub(crate) async fn no_such_method(method: Method) -> ApiError {
    let error = format!("`{method}` is not answered here");
    let hint = "use one of the methods in the `Allow` header";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, error, hint)
}
