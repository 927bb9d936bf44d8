//! Short polling: each request is answered at once.

use std::sync::Arc;

use axum::routing::MethodFilter;
use wirebench_protocol::{ShortPollingMode, Transport, UnknownName};

use super::feed_answer::FeedAnswer;
use super::feed_request::FeedRequest;
use super::polling;
use super::subscription::Subscription;
use crate::api_error::ApiError;
use crate::feed::{Feed, PollBatch};
use crate::state::SharedState;

pub(super) const METHODS: MethodFilter = MethodFilter::GET;

/// Answers with what the feed has after the cursor, or with everything that it has.
pub(super) async fn answer(
    server: &Arc<SharedState>,
    feed: &Feed,
    request: &FeedRequest,
) -> Result<FeedAnswer, ApiError> {
    let FeedRequest { uri, headers, .. } = request;
    let (subscription, query) =
        Subscription::open(Transport::ShortPolling, server, feed, uri, headers)?;
    let batch = match mode(query.mode.as_deref())? {
        ShortPollingMode::Cursor => {
            let after = subscription.locate(&query.after).await?;
            PollBatch::new(after, &subscription.read(after).await?)
        }
        ShortPollingMode::Table => subscription.read_table(&query.after).await?,
        ShortPollingMode::Whole if query.after.is_empty() => subscription.read_whole().await?,
        ShortPollingMode::Whole => {
            let error = "a poll with `mode=whole` gets all messages and has no cursor, but `after` \
                         was given";
            let hint = "leave `after` out, or ask for the messages after a cursor with \
                        `mode=table`";
            return Err(ApiError::bad_request(error, hint));
        }
    };
    Ok(polling::answer(&subscription, &batch, headers))
}

/// Returns the mode of this name; the default without a name.
fn mode(name: Option<&str>) -> Result<ShortPollingMode, ApiError> {
    let mode = name.map_or(Ok(ShortPollingMode::default()), str::parse);
    mode.map_err(|error: UnknownName| {
        let hint = "leave `mode` out for the messages after a cursor, from memory";
        ApiError::bad_request(error.to_string(), hint)
    })
}
