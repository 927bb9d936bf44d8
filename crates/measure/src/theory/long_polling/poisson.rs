//! A feed whose messages are independent of each other.

use std::time::Duration;

use super::super::prediction::Prediction;

/// The model of a long poll that meets a Poisson feed.
///
/// A request that arrives takes everything that was published during the turnaround, *m* = λ*R*
/// messages on average. If there is nothing (with probability exp(−*m*)), it waits for one message
/// or for the end of the hold. So an answer carries *m* + exp(−*m*)·(1 − exp(−λ*H*)) messages on
/// average: *m* + exp(−*m*) where the hold is long, 1 − exp(−λ*H*) where the feed is sparse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Poisson {
    /// λ, in messages per second.
    pub(super) rate: f64,
    /// *d*.
    pub(super) delay: Duration,
    /// *R*.
    pub(super) turnaround: Duration,
    /// *H*.
    pub(super) hold: Duration,
}

impl Poisson {
    pub(super) fn predict(&self) -> Prediction {
        Prediction {
            delivery_mean: Some(self.mean()),
            delivery_p95: Some(self.percentile(95.0)),
            delivery_max: Some(self.delay + self.turnaround),
            requests_per_message: Some(self.requests_per_message()),
            empty_ratio: Some(self.empty_ratio()),
            ..Prediction::default()
        }
    }

    /// Returns *d* plus *R*/2 for the share of messages that are published during a turnaround.
    fn mean(&self) -> Duration {
        self.delay + self.turnaround.mul_f64(self.share_in_turnaround() / 2.0)
    }

    /// Returns a percentile, from 0 to 100: *d* for the messages that find a request waiting,
    /// *d* + U(0, *R*) for the others.
    fn percentile(&self, percentile: f64) -> Duration {
        let above = 1.0 - (percentile / 100.0).clamp(0.0, 1.0);
        let share = self.share_in_turnaround();
        if above >= share {
            return self.delay;
        }
        self.delay + self.turnaround.mul_f64(1.0 - above / share)
    }

    /// Returns the reciprocal of the number of messages in an answer.
    fn requests_per_message(&self) -> f64 {
        1.0 / self.messages_per_answer()
    }

    /// Returns exp(−λ(*R* + *H*)): no message from the last answer to the end of the hold.
    fn empty_ratio(&self) -> f64 {
        (-self.rate * (self.turnaround + self.hold).as_secs_f64()).exp()
    }

    /// Returns *m*.
    fn messages_in_turnaround(&self) -> f64 {
        self.rate * self.turnaround.as_secs_f64()
    }

    fn messages_per_answer(&self) -> f64 {
        let m = self.messages_in_turnaround();
        m + (-m).exp() * (1.0 - (-self.rate * self.hold.as_secs_f64()).exp())
    }

    fn share_in_turnaround(&self) -> f64 {
        (self.messages_in_turnaround() / self.messages_per_answer()).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_near, assert_near_ms, ms, poisson_feed};
    use super::super::simulation::simulate;
    use super::*;

    #[test]
    fn independent_messages_match_the_worked_values() {
        // T = 100, d = 25 ms: kept connection, a new one for each poll, a new one with TLS 1.3.
        for (turnaround, mean) in [(ms(50), 36.3), (ms(100), 61.6), (ms(150), 90.3)] {
            let law = Poisson { rate: 10.0, delay: ms(25), turnaround, hold: ms(25_000) };
            assert_near_ms(law.mean(), mean, 0.06);
        }
    }

    #[test]
    fn a_sparse_feed_is_polled_once_a_hold() {
        let law = Poisson { rate: 0.01, delay: ms(0), turnaround: ms(0), hold: ms(25_000) };
        assert_near(law.requests_per_message(), 1.0 / (1.0 - (-0.25_f64).exp()), 1e-9);
        assert_near(law.empty_ratio(), (-0.25_f64).exp(), 1e-9);
    }

    #[test]
    fn a_simulation_agrees_with_the_law() {
        for (rate, hold) in [(10.0, 25_000), (40.0, 25_000), (2.0, 300)] {
            let law = Poisson { rate, delay: ms(25), turnaround: ms(50), hold: ms(hold) };
            let length = 200_000_u32;
            let (delays, requests, empty) =
                simulate(&poisson_feed(rate, length), 0.025, 0.05, ms(hold).as_secs_f64());
            let mean = delays.iter().sum::<f64>() / f64::from(length);
            assert_near_ms(law.mean(), mean * 1e3, 0.2);
            let p95 = delays[delays.len() * 95 / 100];
            assert_near_ms(law.percentile(95.0), p95 * 1e3, 0.4);
            assert_near(law.requests_per_message(), f64::from(requests) / f64::from(length), 0.02);
            assert_near(law.empty_ratio(), f64::from(empty) / f64::from(requests), 0.005);
        }
    }
}
