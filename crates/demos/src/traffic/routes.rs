//! Assigns each request to its lane, and serves what was counted and recorded for a tab.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use serde::{Deserialize, Serialize};
use wirebench_server::ApiError;

use crate::api::answer::limit_reached;
use crate::traffic::connection::TrackedConnection;
use crate::traffic::lanes::{LaneCounts, LaneRegistry, TabId, TooManyRecordings};
use crate::traffic::network::Network;
use crate::traffic::trace::TracePage;

/// Wraps all routes in the middleware that tells each connection which lane its bytes belong to.
pub(crate) fn attribute_requests(
    app: Router,
    lanes: &Arc<LaneRegistry>,
    network: &Arc<Network>,
) -> Router {
    let state = AttributionState { lanes: Arc::clone(lanes), network: Arc::clone(network) };
    app.layer(from_fn_with_state(state, attribute))
}

#[derive(Clone)]
struct AttributionState {
    lanes: Arc<LaneRegistry>,
    network: Arc<Network>,
}

async fn attribute(
    State(state): State<AttributionState>,
    request: Request,
    next: Next,
) -> Response {
    let AttributionState { lanes, network } = state;
    let lane = lane_tag(request.uri()).and_then(|tag| lanes.lane(tag));
    let connection = request.extensions().get::<Arc<TrackedConnection>>().cloned();
    let Some(connection) = connection else { return next.run(request).await };
    let first = connection.begin_request(lane.as_ref());
    if let Some(lane) = &lane {
        lane.count_request();
        if network.is_cut() {
            connection.cut();
            // This response does not leave the server: writing fails on a connection that is cut.
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    }
    if first {
        // The bytes of this request were not delayed: they arrived before it was known to be a
        // lane's.
        tokio::time::sleep(network.delay()).await;
    }
    let response = next.run(request).await;
    if response.status() == StatusCode::NO_CONTENT
        && let Some(lane) = &lane
    {
        lane.count_empty_response();
    }
    // An upgraded connection belongs to its lane until it closes.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    response.map(|body| Body::new(AttributedBody { body, connection }))
}

/// Returns the value of the query parameter `lane`.
fn lane_tag(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|parameter| parameter.strip_prefix("lane="))
}

/// The body of a response. Tells the connection when the response ends.
struct AttributedBody {
    body: Body,
    connection: Arc<TrackedConnection>,
}

impl http_body::Body for AttributedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AttributedBody {
    /// hyper drops a body as soon as it has taken the last frame, or knows that there is no frame.
    fn drop(&mut self) {
        self.connection.end_response();
    }
}

/// The routes `/demo/lanes/{tab}` and `/demo/wire/{tab}`.
pub(crate) fn routes(lanes: &Arc<LaneRegistry>) -> Router {
    Router::new()
        .route("/demo/lanes/{tab}", get(lane_counts))
        .route("/demo/wire/{tab}", get(trace))
        .with_state(Arc::clone(lanes))
}

#[derive(Serialize)]
struct LanesBody<'a> {
    lanes: BTreeMap<&'a str, &'a LaneCounts>,
}

async fn lane_counts(
    State(lanes): State<Arc<LaneRegistry>>,
    Path(tab): Path<String>,
) -> Result<Response, ApiError> {
    let lanes = lanes.lanes_of(parse_tab(&tab)?);
    let lanes = lanes.iter().map(|(name, lane)| (name.as_str(), lane.counts())).collect();
    Ok(Json(LanesBody { lanes }).into_response())
}

#[derive(Deserialize)]
struct TraceQuery {
    /// The newest record that the page has.
    #[serde(default)]
    after: u64,
}

async fn trace(
    State(lanes): State<Arc<LaneRegistry>>,
    Path(tab): Path<String>,
    query: Result<Query<TraceQuery>, QueryRejection>,
) -> Result<Json<TracePage>, ApiError> {
    let Query(query) = query.map_err(|error| {
        let hint = "leave `after` out, or take `next` from the last response";
        ApiError::bad_request(error.body_text(), hint)
    })?;
    let page = lanes.trace(parse_tab(&tab)?, query.after);
    page.map(Json).map_err(|TooManyRecordings| {
        let hint = "close this page in another tab, or wait until another visitor leaves it";
        limit_reached("the server already records as many tabs as it can", hint, 10)
    })
}

fn parse_tab(tab: &str) -> Result<TabId, ApiError> {
    TabId::parse(tab).ok_or_else(|| {
        let error = format!("`{}` is not a tab", tab.chars().take(32).collect::<String>());
        ApiError::bad_request(error, "use the eight hexadecimal digits of the tab's lane tags")
    })
}
