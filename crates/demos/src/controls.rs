//! The controls of the pages: the state of the server, and what changes it for all visitors.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use wirebench_protocol::{Seq, Timestamp};
use wirebench_server::ApiError;

use crate::api::access::{ControlAccess, controllers_only};
use crate::api::answer::JsonBody;
use crate::feeds::demo::{DemoFeed, PublisherSettings};
use crate::traffic::network::Network;
use crate::traffic::outage::CutRequest;

const MAX_DELAY_MS: u64 = 1_000;

/// What the controls read and change. This is a handle: clones refer to the same server.
#[derive(Clone, Debug)]
pub(crate) struct Controls {
    pub(crate) access: ControlAccess,
    /// A random name of this run of the server. The pages recognise a restart by its change.
    pub(crate) life: Arc<str>,
    pub(crate) demo: Arc<DemoFeed>,
    pub(crate) network: Arc<Network>,
    /// Cancelled when a visitor asks for a restart.
    pub(crate) restart: CancellationToken,
}

#[derive(Serialize)]
struct TimeBody {
    now_ns: Timestamp,
}

#[derive(Serialize)]
struct StateBody {
    #[serde(flatten)]
    publisher: PublisherSettings,
    link_delay_ms: u64,
    may_control: bool,
    life: Arc<str>,
    published: Seq,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkRequest {
    delay_ms: u64,
}

impl Controls {
    pub(crate) fn new(access: ControlAccess, demo: DemoFeed, network: Network) -> Self {
        Self {
            access,
            life: format!("{:016x}", rand::random::<u64>()).into(),
            demo: Arc::new(demo),
            network: Arc::new(network),
            restart: CancellationToken::new(),
        }
    }

    /// The routes that every visitor may use.
    pub(crate) fn reading_routes(&self) -> Router {
        Router::new()
            .route("/demo/time", get(time))
            .route("/demo/state", get(state))
            .with_state(self.clone())
    }

    /// The routes that change something for all visitors.
    pub(crate) fn changing_routes(&self) -> Router {
        Router::new()
            .route("/demo/publisher", put(set_publisher))
            .route("/demo/link", put(set_link))
            .route("/demo/cut", post(cut))
            .route("/demo/restart", post(restart))
            .route_layer(from_fn_with_state(self.access, controllers_only))
            .with_state(self.clone())
    }

    fn state(&self, may_control: bool) -> Json<StateBody> {
        Json(StateBody {
            publisher: self.demo.settings(),
            link_delay_ms: self.network.delay_ms(),
            may_control,
            life: Arc::clone(&self.life),
            published: self.demo.feed.published(),
        })
    }
}

async fn time() -> Json<TimeBody> {
    Json(TimeBody { now_ns: Timestamp::now() })
}

async fn state(State(controls): State<Controls>, request: Request) -> Json<StateBody> {
    controls.state(controls.access.allows(request.extensions()))
}

async fn set_publisher(
    State(controls): State<Controls>,
    JsonBody(settings): JsonBody<PublisherSettings>,
) -> Result<Json<StateBody>, ApiError> {
    controls.demo.set(settings)?;
    Ok(controls.state(true))
}

async fn set_link(
    State(controls): State<Controls>,
    JsonBody(link): JsonBody<LinkRequest>,
) -> Result<Json<StateBody>, ApiError> {
    if link.delay_ms > MAX_DELAY_MS {
        let error = format!("`delay_ms` is {}", link.delay_ms);
        return Err(ApiError::bad_request(error, "it must be between 0 and 1000"));
    }
    controls.network.set_delay(link.delay_ms);
    Ok(controls.state(true))
}

async fn cut(
    State(controls): State<Controls>,
    JsonBody(cut): JsonBody<CutRequest>,
) -> Result<Json<StateBody>, ApiError> {
    controls.network.cut_lanes(cut.duration()?);
    Ok(controls.state(true))
}

async fn restart(State(controls): State<Controls>) -> StatusCode {
    controls.restart.cancel();
    StatusCode::ACCEPTED
}
