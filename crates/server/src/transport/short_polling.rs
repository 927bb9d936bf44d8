//! Short polling: each request is answered at once.

use axum::routing::MethodFilter;
use wirebench_protocol::{After, ShortPollingMode, UnknownName};

use super::feed_answer::FeedAnswer;
use super::feed_request::FeedRequest;
use super::polling;
use crate::api_error::ApiError;
use crate::feed::PollBatch;

pub(super) const METHODS: MethodFilter = MethodFilter::GET;

/// Answers with what the feed has after the cursor, or with everything that it has.
pub(super) async fn answer(request: &FeedRequest) -> Result<FeedAnswer, ApiError> {
    let FeedRequest { subscription, query, known, .. } = request;
    let batch = match mode(query.mode.as_deref())? {
        ShortPollingMode::Cursor => {
            let (after, batch) = subscription.read_from(&query.after).await?;
            PollBatch::new(after, &batch)
        }
        ShortPollingMode::Table => subscription.read_table(&query.after).await?,
        ShortPollingMode::Whole if query.after == Ok(After::Newest) => {
            subscription.read_whole().await?
        }
        ShortPollingMode::Whole => {
            let error = "a poll with `mode=whole` gets all messages and has no cursor, but `after` \
                         was given";
            let hint = "leave `after` out, or ask for the messages after a cursor with \
                        `mode=table`";
            return Err(ApiError::bad_request(error, hint));
        }
    };
    Ok(polling::answer(subscription, batch, known.as_ref()))
}

/// Returns the mode of this name; the default without a name.
fn mode(name: Option<&str>) -> Result<ShortPollingMode, ApiError> {
    let mode = name.map_or(Ok(ShortPollingMode::default()), str::parse);
    mode.map_err(|error: UnknownName| {
        let hint = "leave `mode` out for the messages after a cursor, from memory";
        ApiError::bad_request(error.to_string(), hint)
    })
}
