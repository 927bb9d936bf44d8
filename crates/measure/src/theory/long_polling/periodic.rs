//! A feed with a message every *T*, or nearly so.
//!
//! There is a cliff at *T* = *R* and nothing gradual about it: above, long polling delivers as push
//! does; below, each message waits for the next request. The delays hold for *T* ≤ *H*, so that no
//! hold runs out, and, below the cliff, for *T* and *R* that are not commensurate.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::prediction::Prediction;

/// Predicts long polling of a feed whose times between messages are all within `spacing`.
pub(super) fn predict(
    d: Duration,
    turnaround: Duration,
    hold: Duration,
    spacing: RangeInclusive<Duration>,
) -> Prediction {
    let (shortest, longest) = spacing.into_inner();
    if longest < turnaround {
        // Every request finds something waiting.
        let spacing = (shortest + longest) / 2;
        return Prediction {
            delivery_mean: Some(d + turnaround / 2),
            delivery_p95: Some(d + turnaround.mul_f64(0.95)),
            delivery_max: Some(d + turnaround),
            requests_per_message: Some(spacing.div_duration_f64(turnaround)),
            empty_ratio: Some(0.0),
            ..Prediction::default()
        };
    }
    match (requests_until(shortest, turnaround, hold), requests_until(longest, turnaround, hold)) {
        (Some(requests), Some(same)) if requests == same => Prediction {
            delivery_mean: Some(d),
            delivery_p95: Some(d),
            delivery_max: Some(d),
            requests_per_message: Some(f64::from(requests)),
            empty_ratio: Some(1.0 - 1.0 / f64::from(requests)),
            ..Prediction::default()
        },
        // Around the cliff T = R, or where a hold may run out just before the message: a message
        // a little earlier or later makes the difference between d and d + R.
        _ => Prediction { delivery_max: Some(d + turnaround), ..Prediction::default() },
    }
}

/// Returns how many requests it takes to get a message that is due `after` the last one, if it
/// finds a request waiting: one, and one more for each hold that runs out before the message.
/// `None` if the message falls into a turnaround.
fn requests_until(after: Duration, turnaround: Duration, hold: Duration) -> Option<u32> {
    let waited = after.checked_sub(turnaround)?.as_nanos();
    let round = (hold + turnaround).as_nanos();
    let (rounds, into) = (waited.checked_div(round)?, waited.checked_rem(round)?);
    if into >= hold.as_nanos() {
        return None;
    }
    u32::try_from(rounds + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::ms;
    use super::*;

    #[test]
    fn the_cliff_lies_where_the_round_trip_takes_as_long_as_the_spacing() {
        // A feed of 4/s: with d = 120 ms as fast as push, with d = 130 ms twice as slow.
        let at = |d| predict(d, 2 * d, ms(25_000), ms(250)..=ms(250));
        let (near_side, far_side) = (ms(120), ms(130));
        assert_eq!(at(near_side).delivery_mean, Some(near_side));
        assert_eq!(at(far_side).delivery_mean, Some(2 * far_side));
        assert_eq!(at(far_side).delivery_max, Some(3 * far_side));
    }

    #[test]
    fn each_hold_that_runs_out_before_the_message_costs_a_request() {
        let sparse = predict(ms(5), ms(10), ms(2_000), ms(10_000)..=ms(10_000));
        assert_eq!(sparse.requests_per_message, Some(5.0));
    }
}
