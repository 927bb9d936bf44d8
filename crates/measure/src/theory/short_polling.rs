//! Short polling at a fixed interval: a message waits for the next poll, *d* + U(0, *P*).
//!
//! The way of a request to the server is not part of the delay: polls arrive every *P*, whatever
//! *d* is. The laws hold for *P* > 2*d*. Those of the delay also need messages that are not locked
//! to the polls, so that they meet them at a random phase.

use std::time::Duration;

use wirebench_protocol::control::Pace;

use super::prediction::{Conditions, Prediction};

/// Returns `None` without an interval, and where a poll is due before its predecessor is answered:
/// then the polls slow themselves down.
pub(super) fn predict(conditions: &Conditions) -> Option<Prediction> {
    let (d, p) = (conditions.delay, conditions.interval?);
    let spacing = conditions.spacing()?;
    if p <= 2 * d {
        return None;
    }
    let random_phase = conditions.meet_at_random();
    let empty_ratio = match conditions.pace {
        Pace::Poisson => empty_ratio_poisson(p, spacing),
        Pace::Steady | Pace::Exact => empty_ratio_periodic(p, spacing),
        Pace::Burst(size) => empty_ratio_periodic(p, spacing * size),
    };
    Some(Prediction {
        delivery_mean: random_phase.then(|| mean(d, p)),
        delivery_p95: random_phase.then(|| percentile(d, p, 95.0)),
        delivery_max: Some(d + p),
        requests_per_message: Some(requests_per_message(p, spacing)),
        empty_ratio: Some(empty_ratio),
        ..Prediction::default()
    })
}

/// Returns *d* + *P*/2, which is also the median.
fn mean(delay: Duration, interval: Duration) -> Duration {
    delay + interval / 2
}

/// Returns *d* + *q*·*P* for the percentile 100·*q*, from 0 to 100.
fn percentile(delay: Duration, interval: Duration, percentile: f64) -> Duration {
    delay + interval.mul_f64((percentile / 100.0).clamp(0.0, 1.0))
}

/// Returns *T*/*P*: polls go on whether or not there is a message.
fn requests_per_message(interval: Duration, spacing: Duration) -> f64 {
    spacing.div_duration_f64(interval)
}

/// Returns exp(−*P*/*T*), for messages independent of each other.
fn empty_ratio_poisson(interval: Duration, spacing: Duration) -> f64 {
    (-interval.div_duration_f64(spacing)).exp()
}

/// Returns max(0, 1 − *P*/*T*), for messages (or bursts) every *T*.
fn empty_ratio_periodic(interval: Duration, spacing: Duration) -> f64 {
    (1.0 - interval.div_duration_f64(spacing)).max(0.0)
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::Transport;

    use super::super::testing::{assert_near, assert_near_ms, conditions, ms};
    use super::*;

    #[test]
    fn short_polling_waits_half_an_interval_on_average() {
        // The Napier harness, staggered: in theory, p50 is 500 ms and p95 is 950 ms.
        assert_eq!(mean(ms(0), ms(1_000)), ms(500));
        assert_eq!(percentile(ms(0), ms(1_000), 50.0), ms(500));
        assert_eq!(percentile(ms(0), ms(1_000), 95.0), ms(950));
        // T = P = 250, d = 25: where nothing locks, theory says 150 and 263 ms.
        assert_eq!(mean(ms(25), ms(250)), ms(150));
        assert_near_ms(percentile(ms(25), ms(250), 95.0), 262.5, 0.01);
    }

    #[test]
    fn short_polling_sends_requests_at_its_own_rate_and_most_answers_are_empty() {
        assert_near(requests_per_message(ms(1_000), ms(10_000)), 10.0, 1e-9);
        assert_near(empty_ratio_periodic(ms(1_000), ms(10_000)), 0.9, 1e-9);
        assert_near(empty_ratio_periodic(ms(1_000), ms(100)), 0.0, 1e-9);
        assert_near(empty_ratio_poisson(ms(1_000), ms(1_000)), (-1.0_f64).exp(), 1e-9);
    }

    #[test]
    fn an_exact_feed_locks_to_short_polls_so_only_the_bound_is_predicted() {
        let prediction = predict(&conditions(Transport::ShortPolling, 4.0, Pace::Exact, ms(25)));
        let prediction = prediction.expect("the interval is longer than the round trip");
        assert_eq!(prediction.delivery_mean, None);
        assert_eq!(prediction.delivery_max, Some(ms(1_025)));
        assert_eq!(prediction.requests_per_message, Some(0.25));
        assert_eq!(prediction.empty_ratio, Some(0.0));
    }

    #[test]
    fn a_poll_that_is_due_before_its_predecessor_is_answered_has_no_law() {
        let slow = conditions(Transport::ShortPolling, 4.0, Pace::Steady, ms(500));
        assert_eq!(predict(&slow), None);
    }
}
