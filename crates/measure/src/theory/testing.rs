//! What the tests of the laws share.

use std::time::Duration;

use wirebench_protocol::control::Pace;
use wirebench_protocol::{Delivery, Transport};

use super::prediction::Conditions;

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found}, expected {expected} ± {tolerance}");
}

/// Asserts that `found` is within `tolerance` milliseconds of `expected` milliseconds.
pub(super) fn assert_near_ms(found: impl Into<Option<Duration>>, expected: f64, tolerance: f64) {
    let found = found.into().expect("a law applies").as_secs_f64() * 1e3;
    assert_near(found, expected, tolerance);
}

/// Polls every second, or held for 25 s.
pub(super) fn conditions(
    transport: Transport,
    rate: f64,
    pace: Pace,
    delay: Duration,
) -> Conditions {
    let (interval, hold) = match transport.delivery() {
        Delivery::Polled => (Some(ms(1_000)), None),
        Delivery::Held => (None, Some(ms(25_000))),
        Delivery::Pushed => (None, None),
    };
    Conditions {
        delivery: transport.delivery(),
        rate,
        pace,
        delay,
        interval,
        hold,
        cursor: true,
        push_timer: None,
    }
}

/// Returns the times of messages with exponential times between them.
///
/// They come from a small generator in this function, so that the test always sees the same feed.
pub(super) fn poisson_feed(rate: f64, length: u32) -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f64::from(u32::try_from(state >> 32).unwrap()) / f64::from(u32::MAX)
    };
    let mut now = 0.0;
    (0..length)
        .map(|_| {
            now -= (1.0 - uniform() * 0.999_999_999).ln() / rate;
            now
        })
        .collect()
}
