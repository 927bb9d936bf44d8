//! Which lane a request belongs to, and what its page is told of it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use serde::{Deserialize, Serialize};

use crate::Demos;
use crate::answer::Refusal;
use crate::network::Connection;
use crate::tap::{Counts, Full, TabId};
use crate::trace::Excerpt;

/// Over every route: tells the connection whose bytes it carries, and the lane what was answered.
pub(crate) async fn attribute(
    State(demos): State<Demos>,
    request: Request,
    next: Next,
) -> Response {
    let lane = tag(request.uri()).and_then(|tag| demos.0.taps.lane(tag));
    let connection = request.extensions().get::<Arc<Connection>>().cloned();
    let Some(connection) = connection else { return next.run(request).await };
    let first = connection.carry(lane.as_ref());
    if let Some(lane) = &lane {
        lane.asked();
        if demos.0.network.is_cut() {
            connection.cut();
            // Does not leave the server: writing fails on a connection that is cut.
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    }
    if first {
        // The bytes of this request came before anybody knew that they are a lane's.
        tokio::time::sleep(demos.0.network.delay()).await;
    }
    let response = next.run(request).await;
    if response.status() == StatusCode::NO_CONTENT
        && let Some(lane) = &lane
    {
        lane.found_nothing();
    }
    // An upgraded connection belongs to its lane for good.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    response.map(|body| Body::new(Answer { body, connection }))
}

/// The value of the query parameter `lane`.
fn tag(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|parameter| parameter.strip_prefix("lane="))
}

/// The body of an answer, which tells the connection when it ends.
struct Answer {
    body: Body,
    connection: Arc<Connection>,
}

impl http_body::Body for Answer {
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

impl Drop for Answer {
    /// hyper drops a body as soon as it has taken the last of it, or knows that there is none.
    fn drop(&mut self) {
        self.connection.answered();
    }
}

pub(crate) fn router() -> Router<Demos> {
    Router::new().route("/demo/lanes/{tab}", get(lanes)).route("/demo/wire/{tab}", get(wire))
}

#[derive(Serialize)]
struct Lanes<'a> {
    lanes: BTreeMap<&'a str, &'a Counts>,
}

async fn lanes(State(demos): State<Demos>, Path(tab): Path<String>) -> Result<Response, Refusal> {
    let lanes = demos.0.taps.lanes(parse(&tab)?);
    let lanes = lanes.iter().map(|(name, lane)| (name.as_str(), lane.counts())).collect();
    Ok(Json(Lanes { lanes }).into_response())
}

#[derive(Deserialize)]
struct From {
    /// The newest record that the page has.
    #[serde(default)]
    after: u64,
}

async fn wire(
    State(demos): State<Demos>,
    Path(tab): Path<String>,
    from: Result<Query<From>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Excerpt>, Refusal> {
    let Query(from) = from.map_err(|error| {
        Refusal::bad_request(
            error.body_text(),
            "`after` is the `next` of the last answer, or absent",
        )
    })?;
    let excerpt = demos.0.taps.excerpt(parse(&tab)?, from.after);
    excerpt.map(Json).map_err(|Full| {
        let hint = "close the page in another tab, or wait for somebody to leave it";
        Refusal::full("as many tabs are recorded as can be", hint, 10)
    })
}

fn parse(tab: &str) -> Result<TabId, Refusal> {
    TabId::parse(tab).ok_or_else(|| {
        let error = format!("`{}` is no tab", tab.chars().take(32).collect::<String>());
        Refusal::bad_request(error, "a tab is the eight hexadecimal digits of its lanes' tags")
    })
}
