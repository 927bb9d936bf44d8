//! The laws checked against `worked-values.json`, which the demo pages' copy is checked against
//! too.

use std::time::Duration;

use serde::Deserialize;
use wirebench_protocol::control::Pace;
use wirebench_protocol::{Delivery, Transport};

use super::{Conditions, predict};

/// One entry of the file: a subscriber of a feed whose messages come at random times (Poisson), on
/// a connection that is kept open. The values were computed apart from either copy of the laws.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkedValue {
    /// `polled`, `held` or `pushed`: how messages reach the subscriber. The values hold for every
    /// transport that delivers in this way.
    delivery: String,
    /// Messages per second.
    rate_per_s: f64,
    /// The one-way delay of the link.
    delay_ms: f64,
    /// From the start of one poll to the start of the next; only where messages are polled.
    interval_ms: Option<f64>,
    /// How long a poll is held; only where polls are held.
    hold_ms: Option<f64>,
    /// The mean time from publishing to arrival; `null` where no law applies, as for all below.
    mean_ms: Option<f64>,
    /// HTTP requests for each message.
    requests_per_message: Option<f64>,
    /// The share of answers without a message, from 0 to 1; `null` where messages are pushed.
    empty_ratio: Option<f64>,
}

impl WorkedValue {
    fn delivery(&self) -> Delivery {
        match self.delivery.as_str() {
            "polled" => Delivery::Polled,
            "held" => Delivery::Held,
            "pushed" => Delivery::Pushed,
            other => panic!("unknown delivery `{other}`"),
        }
    }

    fn conditions(&self, transport: Transport) -> Conditions {
        let millis = |millis: f64| Duration::from_secs_f64(millis / 1e3);
        Conditions {
            delivery: transport.delivery(),
            rate: self.rate_per_s,
            pace: Pace::Poisson,
            delay: millis(self.delay_ms),
            interval: self.interval_ms.map(millis),
            hold: self.hold_ms.map(millis),
            cursor: true,
            push_timer: None,
        }
    }
}

/// Equal to six digits.
fn assert_same(found: Option<f64>, expected: Option<f64>, of: &WorkedValue) {
    let same = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1e-6 * expected.abs().max(1.0),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    assert!(same, "found {found:?}, expected {expected:?}: {of:?}");
}

#[test]
fn the_laws_give_the_worked_values_for_every_transport() {
    let file = include_str!("../../worked-values.json");
    let values: Vec<WorkedValue> = serde_json::from_str(file).unwrap();
    for transport in Transport::ALL {
        let of_transport = values.iter().filter(|value| value.delivery() == transport.delivery());
        let mut checked = 0;
        for value in of_transport {
            let prediction = predict(&value.conditions(transport));
            let mean_ms = prediction.delivery_mean.map(|mean| mean.as_secs_f64() * 1e3);
            assert_same(mean_ms, value.mean_ms, value);
            assert_same(prediction.requests_per_message, value.requests_per_message, value);
            assert_same(prediction.empty_ratio, value.empty_ratio, value);
            checked += 1;
        }
        assert!(checked > 0, "no worked value for {transport}");
    }
}
