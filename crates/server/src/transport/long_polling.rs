//! Long polling: each request is held until there is a message, or until its hold time is over.

use std::time::Duration;

use axum::routing::MethodFilter;
use futures::StreamExt;

use super::feed_answer::FeedAnswer;
use super::feed_request::FeedRequest;
use super::polling;
use super::subscription::QUERY_HINT;
use crate::api_error::ApiError;
use crate::feed::PollBatch;

pub(super) const METHODS: MethodFilter = MethodFilter::GET;

/// The hold time of a request that does not ask for one.
const DEFAULT_HOLD: Duration = Duration::from_secs(25);

/// The longest hold time. Proxies and clients give up on responses that stay silent: RFC 6202,
/// section 5.5, calls 30 seconds safe and reports that 120 seconds work.
const MAX_HOLD: Duration = Duration::from_mins(1);

/// Answers with the next batch after the cursor. If the hold ends without a message, because its
/// time is over or because the server stops, the answer is `204` with the cursor of the request, or
/// one after messages that are not for this subscriber, so that no message for it is skipped.
///
/// A client that closes its connection drops this future at an `await`. Nothing is lost then,
/// because reading removes nothing from the feed.
pub(super) async fn answer(request: &FeedRequest) -> Result<FeedAnswer, ApiError> {
    let FeedRequest { subscription, query, known, .. } = request;
    let (after, at_once) = subscription.read_from(&query.after).await?;
    let hold = hold(query.hold)?;
    if !at_once.is_empty() || hold.is_zero() {
        let batch = PollBatch::new(after, &at_once);
        return Ok(polling::answer(subscription, batch, known.as_ref()));
    }
    let mut follow = subscription.wait(&at_once);
    drop(at_once);
    let batch = tokio::select! {
        // The message first: it wins if it comes together with the end of the hold.
        biased;
        batch = follow.next() => batch,
        () = tokio::time::sleep(hold) => None,
    };
    Ok(match batch {
        Some(batch) => polling::answer(subscription, PollBatch::new(after, &batch), known.as_ref()),
        None => polling::nothing(subscription, follow.cursor()),
    })
}

/// Returns the hold time that the request asks for, at most [`MAX_HOLD`], shortened by up to a
/// tenth. Holds that began together must not all end together.
fn hold(seconds: Option<f64>) -> Result<Duration, ApiError> {
    let asked = match seconds {
        None => DEFAULT_HOLD,
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .map_err(|error| {
                ApiError::bad_request(format!("`hold={seconds}`: {error}"), QUERY_HINT)
            })?
            .min(MAX_HOLD),
    };
    Ok(asked.mul_f64(rand::random_range(0.9..=1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_bounded_and_shortened_at_random() {
        let within = |seconds, longest| {
            let hold = hold(seconds).unwrap().as_secs_f64();
            hold <= longest && hold >= longest * 0.9
        };
        assert!(within(None, 25.0) && within(Some(2.0), 2.0) && within(Some(1e9), 60.0));
        assert!(hold(Some(0.0)).unwrap().is_zero());
    }

    #[test]
    fn a_hold_that_is_not_a_duration_is_an_error() {
        assert!(hold(Some(-1.0)).is_err() && hold(Some(f64::NAN)).is_err());
    }
}
