//! Short polling: each request is answered at once.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use axum::routing::MethodFilter;
use wirebench_protocol::Transport;

use super::polling;
use super::subscription::Subscription;
use crate::api_error::ApiError;
use crate::feed::Feed;
use crate::state::SharedState;

pub(super) const METHODS: MethodFilter = MethodFilter::GET;

/// Answers with what the feed has after the cursor.
pub(super) async fn answer(
    server: &Arc<SharedState>,
    feed: &Feed,
    request: Request,
) -> Result<Response, ApiError> {
    let (subscription, query) =
        Subscription::open(Transport::ShortPolling, server, feed, &request)?;
    let headers = request.headers();
    let after = subscription.locate(&query.after).await?;
    let batch = subscription.read(after).await?;
    Ok(polling::answer(&subscription, after, &batch, headers))
}
