//! Long polling: what comes next, or nothing after the hold.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::Response;

use super::{Ask, Subscription, locate, polling};
use crate::answer::Refusal;

const DEFAULT_HOLD: Duration = Duration::from_secs(25);

/// Proxies and clients give up on silent responses; RFC 6202, section 5.5, calls 30 seconds safe and
/// reports 120 to work.
const LONGEST_HOLD: Duration = Duration::from_mins(1);

/// A hold that ends without a message, because its time is over or the server stops, answers `204` with
/// the cursor that was asked for, so nothing published meanwhile can be passed over. Every await here is a place where a client that goes away
/// drops the handler: reading takes nothing from the feed, so nothing is lost.
pub(super) async fn answer(
    subscription: &Subscription,
    ask: &Ask,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let feed = &subscription.feed;
    let after = locate(feed, &ask.after)?;
    let hold = hold(ask.hold)?;

    let at_once = feed.read(after);
    if !at_once.is_empty() || hold.is_zero() {
        return Ok(polling::answer(subscription, after, &at_once, headers));
    }
    tokio::select! {
        // Data first: where a message and the end of the hold meet, the message wins.
        biased;
        batch = feed.wait(after) => Ok(polling::answer(subscription, after, &batch, headers)),
        () = tokio::time::sleep(hold) => Ok(polling::nothing(subscription, after)),
    }
}

/// The hold asked for, within bounds, shortened by up to a tenth: holds that began together must not
/// all end together.
fn hold(seconds: Option<f64>) -> Result<Duration, Refusal> {
    let asked = match seconds {
        None => DEFAULT_HOLD,
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .map_err(|error| {
                Refusal::bad_request(format!("`hold={seconds}`: {error}"), super::ASK_HINT)
            })?
            .min(LONGEST_HOLD),
    };
    Ok(asked.mul_f64(rand::random_range(0.9..=1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_jittered_downwards_and_bounded() {
        let within = |seconds, longest| {
            let hold = hold(seconds).unwrap().as_secs_f64();
            hold <= longest && hold >= longest * 0.9
        };
        assert!(within(None, 25.0) && within(Some(2.0), 2.0) && within(Some(1e9), 60.0));
        assert!(hold(Some(0.0)).unwrap().is_zero());
    }

    #[test]
    fn a_hold_that_is_no_time_is_refused() {
        assert!(hold(Some(-1.0)).is_err() && hold(Some(f64::NAN)).is_err());
    }
}
