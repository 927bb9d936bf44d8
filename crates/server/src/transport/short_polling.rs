//! Short polling: what is there, at once.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, RawPathParams, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::{Ask, feed, locate, polling};
use crate::answer::Refusal;
use crate::server::Server;

pub(super) async fn answer(
    State(server): State<Server>,
    path: RawPathParams,
    ask: Result<Query<Ask>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let feed = feed(&server, &path)?;
    let after = locate(feed, &Ask::parse(ask)?.after)?;
    Ok(polling::answer(after, &feed.read(after), &headers))
}
