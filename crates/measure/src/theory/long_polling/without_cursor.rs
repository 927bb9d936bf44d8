//! A long poll that asks for what is published from its arrival on.
//!
//! A message that is published during the turnaround finds no request and is lost. One that finds a
//! request is answered with at once. So whatever arrives is as fresh as if it had been pushed: the
//! delays of such a poll look better than those of one that loses nothing.

use std::time::Duration;

use wirebench_protocol::control::Pace;

use super::super::prediction::Prediction;

/// The conditions of a poll without a cursor.
#[derive(Clone, Copy, Debug)]
pub(super) struct WithoutCursor {
    /// *T* = 1/λ.
    pub(super) spacing: Duration,
    pub(super) pace: Pace,
    /// *d*.
    pub(super) delay: Duration,
    /// *R*.
    pub(super) turnaround: Duration,
    /// *H*.
    pub(super) hold: Duration,
}

impl WithoutCursor {
    pub(super) fn predict(&self) -> Prediction {
        let answers = match self.pace {
            Pace::Poisson => Some(self.poisson()),
            // Each message is up to 5 % of T early or late, so a distance is within 10 % of T.
            Pace::Steady => self.periodic(0.1),
            Pace::Exact => self.periodic(0.0),
            // How much of a burst an answer carries depends on the server's scheduler.
            Pace::Burst(_) => None,
        };
        let delivery = Some(self.delay);
        Prediction {
            delivery_mean: delivery,
            delivery_p95: delivery,
            delivery_max: delivery,
            requests_per_message: answers.map(|answers| 1.0 / (1.0 - answers.empty)),
            empty_ratio: answers.map(|answers| answers.empty),
            delivered_ratio: answers.map(|answers| answers.delivered),
        }
    }

    /// A request waits for 1/λ on average, or until the end of the hold: it brings a message with
    /// probability *q* = 1 − exp(−λ*H*), and takes *R* + *q*/λ. So *q*/(λ*R* + *q*) of the messages
    /// arrive, and λ*R*/(1 + λ*R*) are lost where the hold is long.
    fn poisson(&self) -> Answers {
        let empty = (-self.hold.div_duration_f64(self.spacing)).exp();
        let (full, m) = (1.0 - empty, self.turnaround.div_duration_f64(self.spacing));
        Answers { empty, delivered: full / (m + full) }
    }

    /// Of *k* messages, the first after the turnaround arrives: the *k*-th, if *k*·*T* is the first
    /// multiple of *T* that is not below *R*. `None` where the jitter, a share of *T*, decides
    /// which it is, and where holds run out.
    fn periodic(&self, jitter: f64) -> Option<Answers> {
        let m = self.turnaround.div_duration_f64(self.spacing);
        let k = m.ceil().max(1.0);
        let is_certain = (k < 1.5 || k - 1.0 + jitter < m) && k - jitter >= m;
        let waits = self.spacing.mul_f64(k + jitter).saturating_sub(self.turnaround);
        (is_certain && waits <= self.hold).then_some(Answers { empty: 0.0, delivered: 1.0 / k })
    }
}

/// What the answers to a subscriber are.
#[derive(Clone, Copy, Debug)]
struct Answers {
    /// The share without a message.
    empty: f64,
    /// The share of the published messages that are in one.
    delivered: f64,
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_near, ms, poisson_feed};
    use super::super::simulation::simulate_without_cursor;
    use super::*;

    fn law(rate: u32, pace: Pace, hold: u64) -> WithoutCursor {
        let spacing = ms(1_000) / rate;
        WithoutCursor { spacing, pace, delay: ms(25), turnaround: ms(50), hold: ms(hold) }
    }

    #[test]
    fn a_third_of_ten_messages_a_second_is_lost_over_a_round_trip_of_fifty_milliseconds() {
        let prediction = law(10, Pace::Poisson, 25_000).predict();
        assert_near(prediction.delivered_ratio.unwrap(), 1.0 / 1.5, 1e-6);
        assert_eq!(prediction.delivery_mean, Some(ms(25)), "what arrives was not late");
        assert_near(prediction.requests_per_message.unwrap(), 1.0, 1e-6);
    }

    #[test]
    fn a_simulation_agrees_with_the_law() {
        for (rate, hold) in [(10, 25_000), (40, 25_000), (2, 300)] {
            let law = law(rate, Pace::Poisson, hold).predict();
            let length = 200_000_u32;
            let feed = poisson_feed(f64::from(rate), length);
            let (delivered, requests, empty) =
                simulate_without_cursor(&feed, 0.05, ms(hold).as_secs_f64());
            let (delivered, requests) = (f64::from(delivered), f64::from(requests));
            assert_near(law.delivered_ratio.unwrap(), delivered / f64::from(length), 0.003);
            assert_near(law.requests_per_message.unwrap(), requests / delivered, 0.02);
            assert_near(law.empty_ratio.unwrap(), f64::from(empty) / requests, 0.005);
        }
    }

    #[test]
    fn a_feed_with_a_message_every_period_loses_nothing_or_all_but_one_of_several() {
        for (rate, pace, delivered) in [
            // Slower than the round trip.
            (10, Pace::Steady, Some(1.0)),
            (20, Pace::Exact, Some(1.0)),
            // Of three messages in 60 ms, two fall into the 50 ms.
            (50, Pace::Steady, Some(1.0 / 3.0)),
            (50, Pace::Exact, Some(1.0 / 3.0)),
            // One message in 50 ms, a little earlier or later.
            (20, Pace::Steady, None),
            (50, Pace::Burst(5), None),
        ] {
            let prediction = law(rate, pace, 25_000).predict();
            assert_eq!(prediction.delivered_ratio, delivered, "{rate} {pace:?}");
            assert_eq!(prediction.delivery_max, Some(ms(25)));
        }
        let short = law(10, Pace::Steady, 40).predict();
        assert_eq!(short.delivered_ratio, None, "the hold runs out");
    }

    #[test]
    fn a_simulation_of_a_message_every_period_agrees_with_the_law() {
        let feed: Vec<f64> = (1..=3_000).map(|number| 0.02 * f64::from(number)).collect();
        let (delivered, ..) = simulate_without_cursor(&feed, 0.05, 25.0);
        assert!(delivered.abs_diff(1_000) <= 1, "{delivered}");
    }
}
