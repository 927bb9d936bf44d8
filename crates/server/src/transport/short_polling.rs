//! Short polling: what is there, at once.

use axum::http::HeaderMap;
use axum::response::Response;

use super::{Ask, locate, polling};
use crate::answer::Refusal;
use crate::feed::Feed;

pub(super) fn answer(feed: &Feed, ask: &Ask, headers: &HeaderMap) -> Result<Response, Refusal> {
    let after = locate(feed, &ask.after)?;
    Ok(polling::answer(after, &feed.read(after), headers))
}
