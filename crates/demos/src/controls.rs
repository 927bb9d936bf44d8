//! What the pages ask about the server, and what they change for everybody.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use wirebench_protocol::{Seq, Timestamp};

use crate::Demos;
use crate::access::{ControlAccess, controllers_only};
use crate::answer::{Refusal, Sent};
use crate::publisher::Plan;

const LONGEST_DELAY_MS: u64 = 1_000;

/// In seconds.
const LONGEST_CUT: std::ops::RangeInclusive<f64> = 0.0..=30.0;

#[derive(Serialize)]
struct Time {
    now_ns: Timestamp,
}

#[derive(Serialize)]
struct Now {
    #[serde(flatten)]
    plan: Plan,
    link_delay_ms: u64,
    may_control: bool,
    life: String,
    published: Seq,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    delay_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cut {
    seconds: f64,
}

/// What anybody may ask.
pub(crate) fn questions() -> Router<Demos> {
    Router::new().route("/demo/time", get(time)).route("/demo/state", get(state))
}

/// What changes something for everybody.
pub(crate) fn router(access: ControlAccess) -> Router<Demos> {
    Router::new()
        .route("/demo/publisher", put(publisher))
        .route("/demo/link", put(link))
        .route("/demo/cut", post(cut))
        .route("/demo/restart", post(restart))
        .route_layer(from_fn_with_state(access, controllers_only))
}

async fn time() -> Json<Time> {
    Json(Time { now_ns: Timestamp::now() })
}

async fn state(State(demos): State<Demos>, request: Request) -> Json<Now> {
    Json(now(&demos, demos.0.access.allows(request.extensions())))
}

async fn publisher(
    State(demos): State<Demos>,
    Sent(plan): Sent<Plan>,
) -> Result<Json<Now>, Refusal> {
    demos.0.demo.set(plan)?;
    Ok(Json(now(&demos, true)))
}

async fn link(State(demos): State<Demos>, Sent(link): Sent<Link>) -> Result<Json<Now>, Refusal> {
    if link.delay_ms > LONGEST_DELAY_MS {
        let error = format!("`delay_ms` is {}", link.delay_ms);
        return Err(Refusal::bad_request(error, "it is to be 0 to 1000"));
    }
    demos.0.network.set_delay(link.delay_ms);
    Ok(Json(now(&demos, true)))
}

async fn cut(State(demos): State<Demos>, Sent(cut): Sent<Cut>) -> Result<Json<Now>, Refusal> {
    if !LONGEST_CUT.contains(&cut.seconds) {
        let error = format!("`seconds` is {}", cut.seconds);
        return Err(Refusal::bad_request(error, "it is to be 0 to 30"));
    }
    demos.0.network.cut(Duration::from_secs_f64(cut.seconds));
    Ok(Json(now(&demos, true)))
}

async fn restart(State(demos): State<Demos>) -> StatusCode {
    demos.0.restart.cancel();
    StatusCode::ACCEPTED
}

fn now(demos: &Demos, may_control: bool) -> Now {
    Now {
        plan: demos.0.demo.plan(),
        link_delay_ms: demos.0.network.delay_ms(),
        may_control,
        life: demos.0.life.clone(),
        published: demos.0.demo.feed.published(),
    }
}
