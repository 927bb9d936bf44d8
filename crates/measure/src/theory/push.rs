//! Push: the server writes each message when it is published.

use super::prediction::{Conditions, Prediction};

/// Every message arrives after *d*, and no request is made for it.
pub(super) fn predict(conditions: &Conditions) -> Prediction {
    let delivery = Some(conditions.delay);
    Prediction {
        delivery_mean: delivery,
        delivery_p95: delivery,
        delivery_max: delivery,
        requests_per_message: Some(0.0),
        empty_ratio: None,
    }
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::Transport;
    use wirebench_protocol::control::Pace;

    use super::super::testing::{conditions, ms};
    use super::*;

    #[test]
    fn push_delivers_after_the_delay_of_the_link() {
        for transport in [Transport::Sse, Transport::WebSocket] {
            let prediction = predict(&conditions(transport, 10.0, Pace::Burst(5), ms(25)));
            assert_eq!(prediction.delivery_mean, Some(ms(25)));
            assert_eq!(prediction.delivery_max, Some(ms(25)));
            assert_eq!(prediction.requests_per_message, Some(0.0));
            assert_eq!(prediction.empty_ratio, None);
        }
    }
}
