//! Long polling of a feed. After a cursor, an answer carries everything that was published since the
//! last one. Without a cursor, what was published in between is lost.

mod periodic;
mod poisson;
#[cfg(test)]
mod simulation;
mod without_cursor;

use std::time::Duration;

use wirebench_protocol::control::Pace;

use super::prediction::{Conditions, Prediction};
use poisson::Poisson;
use without_cursor::WithoutCursor;

/// Returns `None` without a hold time.
pub(super) fn predict(conditions: &Conditions) -> Option<Prediction> {
    let (d, hold) = (conditions.delay, conditions.hold?);
    let turnaround = turnaround(d);
    let spacing = conditions.spacing()?;
    if !conditions.cursor {
        let law = WithoutCursor { spacing, pace: conditions.pace, delay: d, turnaround, hold };
        return Some(law.predict());
    }
    let prediction = match conditions.pace {
        Pace::Poisson => Poisson { rate: conditions.rate, delay: d, turnaround, hold }.predict(),
        // Each message is up to 5 % of T early or late, so the time between two is within 10 %.
        Pace::Steady => {
            let (shortest, longest) = (spacing.mul_f64(0.9), spacing.mul_f64(1.1));
            periodic::predict(d, turnaround, hold, shortest..=longest)
        }
        Pace::Exact => {
            let exact = periodic::predict(d, turnaround, hold, spacing..=spacing);
            if spacing >= turnaround {
                exact
            } else {
                // T and R that are commensurate lock: T = 20, R = 50, d = 25 ms gives a mean of 45
                // instead of 50 ms.
                Prediction { delivery_mean: None, delivery_p95: None, ..exact }
            }
        }
        // How much of a burst the first answer carries depends on the server's scheduler.
        Pace::Burst(_) => {
            Prediction { delivery_max: Some(d + turnaround), ..Prediction::default() }
        }
    };
    Some(prediction)
}

/// Returns *R* = 2*d*, for a connection that is kept open: the answer's way down and the next
/// request's way up. A new connection for each poll would add 2*d*, TLS 1.3 another 2*d*.
fn turnaround(delay: Duration) -> Duration {
    2 * delay
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::Transport;

    use super::super::testing::{assert_near, assert_near_ms, conditions, ms};
    use super::*;

    #[test]
    fn long_polling_of_a_fast_feed_matches_the_worked_values() {
        // A feed of 50/s over a link with 26.2 ms effectively one way.
        let d = Duration::from_micros(26_200);
        let fast = conditions(Transport::LongPolling, 50.0, Pace::Steady, d);
        let prediction = predict(&fast).unwrap();
        assert_near_ms(prediction.delivery_mean, 52.5, 0.2);
        assert_near_ms(prediction.delivery_p95, 76.2, 0.3);
        assert_near_ms(prediction.delivery_max, 78.6, 0.1);
        assert_near(1.0 / prediction.requests_per_message.unwrap(), 2.6, 0.05);
        assert_eq!(prediction.empty_ratio, Some(0.0));
    }

    #[test]
    fn around_the_cliff_only_the_bound_is_predicted() {
        for delay in [ms(120), ms(130)] {
            let steady = conditions(Transport::LongPolling, 4.0, Pace::Steady, delay);
            let prediction = predict(&steady).unwrap();
            assert_eq!(prediction.delivery_mean, None);
            assert_eq!(prediction.delivery_max, Some(3 * delay));
        }
        let exact = conditions(Transport::LongPolling, 4.0, Pace::Exact, ms(120));
        assert_eq!(predict(&exact).unwrap().delivery_mean, Some(ms(120)));
    }

    #[test]
    fn a_feed_slower_than_the_hold_gives_four_empty_answers_of_five() {
        // One message in 10 s, holds of 2 s.
        let slow = Conditions {
            hold: Some(ms(2_000)),
            ..conditions(Transport::LongPolling, 0.1, Pace::Exact, ms(5))
        };
        let prediction = predict(&slow).unwrap();
        assert_eq!(prediction.requests_per_message, Some(5.0));
        assert_near(prediction.empty_ratio.unwrap(), 0.8, 1e-9);
        assert_eq!(prediction.delivery_mean, Some(ms(5)));
    }
}
