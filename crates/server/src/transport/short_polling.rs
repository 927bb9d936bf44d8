//! Short polling: what is there, at once.

use axum::http::HeaderMap;
use axum::response::Response;

use super::{Ask, Subscription, locate, polling};
use crate::answer::Refusal;

pub(super) fn answer(
    subscription: &Subscription,
    ask: &Ask,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let after = locate(&subscription.feed, &ask.after)?;
    Ok(polling::answer(subscription, after, &subscription.feed.read(after), headers))
}
