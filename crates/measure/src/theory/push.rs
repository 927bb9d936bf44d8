//! Push: the server writes each message when it is published, or when a timer of the connection
//! fires next.
//!
//! Two timers that know nothing of each other add their waits. A sampler that publishes and a timer
//! for each connection that sends meet at a random phase: a sample waits U(0, *P*) for the timer.

use std::time::Duration;

use super::prediction::{Conditions, Prediction};

/// Every message arrives after *d*, or after *d* + U(0, *P*) with a timer of period *P*, and no
/// request is made for it. As with short polling, the mean needs messages that are not locked to
/// the timers.
pub(super) fn predict(conditions: &Conditions) -> Prediction {
    let (d, period) = (conditions.delay, conditions.push_timer.unwrap_or_default());
    let random_phase = period.is_zero() || conditions.meet_at_random();
    let after = |share: f64| -> Duration { d + period.mul_f64(share) };
    Prediction {
        delivery_mean: random_phase.then(|| after(0.5)),
        delivery_p95: random_phase.then(|| after(0.95)),
        delivery_max: Some(after(1.0)),
        requests_per_message: Some(0.0),
        ..Prediction::default()
    }
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::control::Pace;
    use wirebench_protocol::{Delivery, Transport};

    use super::super::testing::{assert_near_ms, conditions, ms, poisson_feed};
    use super::*;

    fn pushed() -> impl Iterator<Item = Transport> {
        Transport::ALL.into_iter().filter(|transport| transport.delivery() == Delivery::Pushed)
    }

    fn with_timer(pace: Pace, period: Duration) -> Conditions {
        let transport = pushed().next().expect("a transport pushes");
        Conditions { push_timer: Some(period), ..conditions(transport, 2.0, pace, ms(25)) }
    }

    #[test]
    fn push_delivers_after_the_delay_of_the_link() {
        for transport in pushed() {
            let prediction = predict(&conditions(transport, 10.0, Pace::Burst(5), ms(25)));
            assert_eq!(prediction.delivery_mean, Some(ms(25)));
            assert_eq!(prediction.delivery_max, Some(ms(25)));
            assert_eq!(prediction.requests_per_message, Some(0.0));
            assert_eq!(prediction.empty_ratio, None);
        }
    }

    #[test]
    fn a_second_timer_adds_half_its_period() {
        let prediction = predict(&with_timer(Pace::Steady, ms(1_000)));
        assert_near_ms(prediction.delivery_mean, 525.0, 1e-6);
        assert_near_ms(prediction.delivery_p95, 975.0, 1e-6);
        assert_eq!(prediction.delivery_max, Some(ms(1_025)));
        assert_eq!(prediction.requests_per_message, Some(0.0));
    }

    #[test]
    fn an_exact_feed_may_lock_to_the_timer_so_only_the_bound_is_predicted() {
        let prediction = predict(&with_timer(Pace::Exact, ms(1_000)));
        assert_eq!((prediction.delivery_mean, prediction.delivery_p95), (None, None));
        assert_eq!(prediction.delivery_max, Some(ms(1_025)));
    }

    #[test]
    fn a_simulation_of_two_timers_agrees_with_the_law() {
        // A feed and a timer that ticks every P from a phase of its own on.
        let (period, phase) = (0.5_f64, 0.137);
        let mut delays: Vec<f64> = poisson_feed(2.0, 100_000)
            .into_iter()
            .map(|due| {
                let tick = ((due - phase) / period).ceil().mul_add(period, phase);
                tick - due + 0.025
            })
            .collect();
        delays.sort_by(f64::total_cmp);
        let law = predict(&with_timer(Pace::Poisson, ms(500)));
        let mean = delays.iter().sum::<f64>() / 100_000.0;
        assert_near_ms(law.delivery_mean, mean * 1e3, 1.0);
        assert_near_ms(law.delivery_p95, delays[95_000] * 1e3, 2.0);
        assert_near_ms(law.delivery_max, delays[99_999] * 1e3, 1.0);
    }
}
