//! Assigns each request to its lane, and serves what was counted and recorded for a tab.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use serde::{Deserialize, Serialize};
use wirebench_server::{ApiError, read_query};

use crate::api::answer::{JsonBody, limit_reached};
use crate::traffic::connection::TrackedConnection;
use crate::traffic::lane_queries::answer_for;
use crate::traffic::lanes::{LANE, LaneCounts, LaneRegistry, TabId, TooManyRecordings};
use crate::traffic::network::Network;
use crate::traffic::outage::CutRequest;
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
    mut request: Request,
    next: Next,
) -> Response {
    let AttributionState { lanes, network } = state;
    let lane = take_lane_tag(request.uri_mut()).and_then(|tag| lanes.lane(&tag));
    let connection = request.extensions().get::<Arc<TrackedConnection>>().cloned();
    let Some(connection) = connection else { return next.run(request).await };
    let first = connection.begin_request(lane.as_ref());
    if let Some(lane) = &lane {
        lane.count_request();
        if network.is_cut() || lane.is_cut() {
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
    let response = answer_for(lane.clone(), next.run(request)).await;
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

/// Removes the query parameter `lane`, and returns its value. The routes refuse parameters that they
/// do not know, and they know nothing of lanes.
fn take_lane_tag(uri: &mut Uri) -> Option<String> {
    let (of_lanes, others): (Vec<&str>, Vec<&str>) =
        uri.query()?.split('&').partition(|parameter| parameter.starts_with(LANE));
    let tag = of_lanes.first()?.strip_prefix(LANE)?.to_owned();
    let others = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
    let path_and_query = format!("{}{others}", uri.path()).parse();
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query =
        Some(path_and_query.expect("a part of a path and a query is a path and a query"));
    *uri = Uri::from_parts(parts).expect("its other parts are as they were");
    Some(tag)
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

/// The route `/demo/lanes/{tab}/cut`, with which visitors cut their own lanes.
pub(crate) fn changing_routes(lanes: &Arc<LaneRegistry>, network: &Arc<Network>) -> Router {
    let state = AttributionState { lanes: Arc::clone(lanes), network: Arc::clone(network) };
    Router::new().route("/demo/lanes/{tab}/cut", post(cut_tab)).with_state(state)
}

async fn cut_tab(
    State(AttributionState { lanes, network }): State<AttributionState>,
    Path(tab): Path<String>,
    JsonBody(cut): JsonBody<CutRequest>,
) -> Result<StatusCode, ApiError> {
    let (tab, duration) = (parse_tab(&tab)?, cut.duration()?);
    lanes.begin_outage(tab, duration);
    network.cut_tab(tab);
    Ok(StatusCode::NO_CONTENT)
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
#[serde(deny_unknown_fields)]
struct TraceQuery {
    /// The newest record that the page has.
    #[serde(default)]
    after: u64,
}

async fn trace(
    State(lanes): State<Arc<LaneRegistry>>,
    Path(tab): Path<String>,
    uri: Uri,
) -> Result<Json<TracePage>, ApiError> {
    let hint = "leave `after` out, or take `next` from the last response";
    let TraceQuery { after } = read_query(&uri, hint)?;
    let page = lanes.trace(parse_tab(&tab)?, after);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_taken_out_of_an_address_and_the_rest_stays() {
        for (address, tag, rest) in [
            ("/a%2Fb", None, "/a%2Fb"),
            ("/a?after=1-2&as=x", None, "/a?after=1-2&as=x"),
            ("/a?lane=0123abcd.sse", Some("0123abcd.sse"), "/a"),
            ("/a?after=%31&lane=t.l&as=x", Some("t.l"), "/a?after=%31&as=x"),
            ("/a?lane=1&lane=2&islane=3", Some("1"), "/a?islane=3"),
            ("http://h:1/a?lane=t.l", Some("t.l"), "http://h:1/a"),
        ] {
            let mut uri: Uri = address.parse().unwrap();
            assert_eq!(take_lane_tag(&mut uri).as_deref(), tag, "{address}");
            assert_eq!(uri.to_string(), rest, "{address}");
        }
    }
}
