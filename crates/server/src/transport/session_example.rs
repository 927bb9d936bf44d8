//! A small transport whose subscription spans several requests, as the documentation of the parent
//! module describes it: a `POST` opens a session, and each `GET` returns what it has not returned
//! yet. A test, so that the place for such a transport is known to fit.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use futures::{FutureExt, StreamExt};
use tokio::sync::Mutex;
use tower::ServiceExt;
use wirebench_protocol::Transport;

use super::Routes;
use super::subscription::Subscription;
use crate::api_error::ApiError;
use crate::expiring_table::ExpiringTable;
use crate::feed::{Feed, Follow, JsonPayload};
use crate::feed_path::{self, PathParams};
use crate::framing::polling::body;
use crate::state::SharedState;

const MAX_SESSIONS: usize = 1;
const SESSION_TIME: Duration = Duration::from_secs(20);

/// What the requests of a subscriber share.
struct ExampleSession {
    subscription: Subscription,
    follow: Mutex<Follow>,
}

type Sessions = Arc<ExpiringTable<Arc<ExampleSession>>>;

fn routes() -> Routes {
    let sessions: Sessions = Arc::new(ExpiringTable::new(MAX_SESSIONS, SESSION_TIME));
    Router::new()
        .route("/feeds/{feed}/sessions", post(open))
        .route("/feeds/{feed}/sessions/{session}", get(next))
        .layer(Extension(sessions))
}

async fn open(
    State(server): State<Arc<SharedState>>,
    Extension(sessions): Extension<Sessions>,
    path: PathParams,
    request: Request,
) -> Result<Response, ApiError> {
    let (_, feed) = feed_path::find(&server, &path)?;
    let (subscription, query) =
        Subscription::open(Transport::LongPolling, &server, feed, &request)?;
    let follow = Mutex::new(subscription.follow(subscription.locate(&query.after)?));
    let id = sessions.insert(Arc::new(ExampleSession { subscription, follow }));
    let id = id.ok_or_else(ApiError::too_many_connections)?;
    Ok((StatusCode::CREATED, id).into_response())
}

async fn next(
    Extension(sessions): Extension<Sessions>,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::new(StatusCode::NOT_FOUND, "no such session", "open another");
    let session = sessions.get(&id).ok_or_else(unknown)?;
    let Some(batch) = session.follow.lock().await.next().await else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    session.subscription.count(&batch);
    let messages = batch.entries.iter().map(|entry| &entry.json);
    Ok(body(batch.cursor, batch.gap, messages).into_response())
}

#[tokio::test(start_paused = true)]
async fn a_subscription_may_span_several_requests() {
    let feed = Feed::new(10);
    let server = Arc::new(SharedState::new([("bench".to_owned(), feed.clone())]));
    let app = routes().with_state(Arc::clone(&server));
    let ask = async |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(format!("/feeds/bench/sessions{path}"));
        let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    let publish = |json: &str| feed.publish(&JsonPayload::from_json(json.as_bytes()).unwrap());

    let (status, id) = ask("POST", "").await;
    assert_eq!(status, StatusCode::CREATED);
    for json in ["1", "2"] {
        publish(json);
        let (_, body) = ask("GET", &format!("/{id}")).await;
        assert!(body.contains(&format!("\"payload\":{json}")), "{body}");
        assert_eq!(body.matches("payload").count(), 1, "nothing is delivered twice: {body}");
    }
    assert_eq!(ask("POST", "").await.0, StatusCode::SERVICE_UNAVAILABLE, "the table is full");

    tokio::time::advance(SESSION_TIME).await;
    assert_eq!(ask("GET", &format!("/{id}")).await.0, StatusCode::NOT_FOUND, "expired");
    let (_, id) = ask("POST", "").await;
    let path = format!("/{id}");
    let mut held = Box::pin(ask("GET", &path));
    assert!(held.as_mut().now_or_never().is_none(), "there is nothing to return yet");
    server.stop().await;
    assert_eq!(held.await.0, StatusCode::NO_CONTENT, "the end of the server ends the session");
}
