//! What theory predicts: the laws that stand beside the measurements.
//!
//! Each law is a small function of its own; [`predict`] picks the one that applies. A law that does
//! not hold for a setting yields `None`: a prediction that is merely plausible is worse than none.
//!
//! Symbols: *d* one-way delay, *T* time between messages, λ = 1/*T*, *P* poll interval, *H* hold of
//! a long poll, *R* its deaf time, in which a message finds no request waiting: from one answer of
//! the server to the arrival of the next request, 2*d* on a connection that is kept. The laws come
//! from section 3 of the project's method page, where each was checked by simulation.

use std::time::Duration;

use wirebench_protocol::Transport;
use wirebench_protocol::control::Pace;

/// What a prediction is made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// How the messages travel.
    pub transport: Transport,
    /// Messages per second; above 0.
    pub rate: f64,
    /// How they are spread over time.
    pub pace: Pace,
    /// One way, *d*. The nominal delay of the link predicts well, the measured mean of a push
    /// transport on the same link better: it includes what timers and the server add.
    pub delay: Duration,
    /// Short polling: start of poll to start of poll, *P*.
    pub interval: Option<Duration>,
    /// Long polling: how long a poll is held, *H*.
    pub hold: Option<Duration>,
}

/// What the laws say about a setting; `None` where none applies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prediction {
    /// Mean time from publishing to arrival.
    pub delivery_mean: Option<Duration>,
    /// Its 95th percentile.
    pub delivery_p95: Option<Duration>,
    /// Its upper bound.
    pub delivery_max: Option<Duration>,
    /// HTTP requests of one subscriber for each message; 0 where messages are pushed.
    pub requests_per_message: Option<f64>,
    /// Share of the answers that carry no message; `None` where messages are pushed.
    pub empty_ratio: Option<f64>,
}

/// The laws that apply to a setting, on connections that are kept and a server that is not busy.
///
/// Fan-out is left out, since what one send costs is measured and not given: a crowd adds what
/// [`push::mean`] says.
pub fn predict(setting: &Conditions) -> Prediction {
    match setting.transport {
        Transport::Sse | Transport::WebSocket => predict_push(setting),
        Transport::ShortPolling => predict_short_polling(setting).unwrap_or_default(),
        Transport::LongPolling => predict_long_polling(setting).unwrap_or_default(),
    }
}

fn predict_push(setting: &Conditions) -> Prediction {
    let delivery = Some(push::mean(setting.delay, Duration::ZERO, 1));
    Prediction {
        delivery_mean: delivery,
        delivery_p95: delivery,
        delivery_max: delivery,
        requests_per_message: Some(0.0),
        empty_ratio: None,
    }
}

fn predict_short_polling(setting: &Conditions) -> Option<Prediction> {
    let (d, p) = (setting.delay, setting.interval?);
    let spacing = mean_spacing(setting.rate)?;
    if p <= 2 * d {
        // The next poll is due before the answer to the last one: the loop throttles itself.
        return None;
    }
    let random_phase = match setting.pace {
        Pace::Steady | Pace::Poisson => true,
        // An exact feed meets each poll loop at the same few phases for ever: any delay up to P.
        Pace::Exact | Pace::Burst(_) => false,
    };
    let empty_ratio = match setting.pace {
        Pace::Poisson => short_polling::empty_ratio_poisson(p, spacing),
        Pace::Steady | Pace::Exact => short_polling::empty_ratio_periodic(p, spacing),
        Pace::Burst(size) => short_polling::empty_ratio_periodic(p, spacing * size),
    };
    Some(Prediction {
        delivery_mean: random_phase.then(|| short_polling::mean(d, p)),
        delivery_p95: random_phase.then(|| short_polling::percentile(d, p, 95.0)),
        delivery_max: Some(short_polling::max(d, p)),
        requests_per_message: Some(short_polling::requests_per_message(p, spacing)),
        empty_ratio: Some(empty_ratio),
    })
}

fn predict_long_polling(setting: &Conditions) -> Option<Prediction> {
    let (d, hold) = (setting.delay, setting.hold?);
    let deaf = long_polling::deaf_time(d);
    let spacing = mean_spacing(setting.rate)?;
    let prediction = match setting.pace {
        Pace::Poisson => {
            let law = long_polling::Poisson { rate: setting.rate, delay: d, deaf, hold };
            Prediction {
                delivery_mean: Some(law.mean()),
                delivery_p95: Some(law.percentile(95.0)),
                delivery_max: Some(d + deaf),
                requests_per_message: Some(law.requests_per_message()),
                empty_ratio: Some(law.empty_ratio()),
            }
        }
        // Each message is up to 5 % of T early or late, so the time between two is within 10 %.
        Pace::Steady => predict_periodic(d, deaf, hold, spacing.mul_f64(0.9), spacing.mul_f64(1.1)),
        Pace::Exact => {
            let exact = predict_periodic(d, deaf, hold, spacing, spacing);
            if spacing >= deaf {
                exact
            } else {
                // T and R that are commensurate lock: T = 20, R = 50, d = 25 ms gives a mean of 45
                // instead of 50 ms.
                Prediction { delivery_mean: None, delivery_p95: None, ..exact }
            }
        }
        // How much of a burst the first answer carries is for the server's scheduler to say.
        Pace::Burst(_) => Prediction { delivery_max: Some(d + deaf), ..Prediction::default() },
    };
    Some(prediction)
}

/// Long polling of a feed whose messages are never closer than `shortest` or further apart than
/// `longest`.
fn predict_periodic(
    d: Duration,
    deaf: Duration,
    hold: Duration,
    shortest: Duration,
    longest: Duration,
) -> Prediction {
    use long_polling::periodic;
    if longest < deaf {
        // Every request finds something waiting.
        let spacing = (shortest + longest) / 2;
        return Prediction {
            delivery_mean: Some(periodic::mean(d, deaf, spacing)),
            delivery_p95: Some(periodic::p95(d, deaf, spacing)),
            delivery_max: Some(periodic::max(d, deaf, spacing)),
            requests_per_message: Some(periodic::requests_per_message(deaf, hold, spacing)),
            empty_ratio: Some(0.0),
        };
    }
    match (meets_hold(deaf, hold, shortest), meets_hold(deaf, hold, longest)) {
        (Some(requests), Some(same)) if requests == same => Prediction {
            delivery_mean: Some(d),
            delivery_p95: Some(d),
            delivery_max: Some(d),
            requests_per_message: Some(f64::from(requests)),
            empty_ratio: Some(1.0 - 1.0 / f64::from(requests)),
        },
        // Around the cliff T = R, or where a hold may run out just before the message: a message
        // more or less early is the difference between d and d + R.
        _ => Prediction { delivery_max: Some(d + deaf), ..Prediction::default() },
    }
}

/// How many requests a message takes that is due `after` the last one, when it finds a request
/// waiting; `None` when it falls into a deaf time.
fn meets_hold(deaf: Duration, hold: Duration, after: Duration) -> Option<u32> {
    let waited = after.checked_sub(deaf)?.as_nanos();
    let round = (hold + deaf).as_nanos();
    let (rounds, into) = (waited.checked_div(round)?, waited.checked_rem(round)?);
    if into >= hold.as_nanos() {
        return None;
    }
    u32::try_from(rounds + 1).ok()
}

/// *T* = 1/λ; `None` unless the rate is above 0 and finite.
fn mean_spacing(rate: f64) -> Option<Duration> {
    (rate > 0.0).then(|| Duration::try_from_secs_f64(1.0 / rate).ok()).flatten()
}

/// SSE and WebSocket (3.1).
pub mod push {
    use std::time::Duration;

    /// Mean delivery to `subscribers` that are sent to one after the other, each send taking
    /// `send_cost`: *d* + *N*·*s*/2.
    pub fn mean(delay: Duration, send_cost: Duration, subscribers: u32) -> Duration {
        delay + send_cost * subscribers / 2
    }

    /// Delivery to the last of them: *d* + *N*·*s*.
    pub fn max(delay: Duration, send_cost: Duration, subscribers: u32) -> Duration {
        delay + send_cost * subscribers
    }
}

/// Short polling at a fixed rate and a random phase (3.2): *d* + U(0, *P*).
///
/// The way up to the server is not in it: polls arrive every *P*, whatever *d* is. Holds for *P* >
/// 2*d* and messages that are not locked to the polls.
pub mod short_polling {
    use std::time::Duration;

    /// *d* + *P*/2; the median is the same.
    pub fn mean(delay: Duration, interval: Duration) -> Duration {
        delay + interval / 2
    }

    /// *d* + *q*·*P* for the percentile 100·*q*, from 0 to 100.
    pub fn percentile(delay: Duration, interval: Duration, percentile: f64) -> Duration {
        delay + interval.mul_f64((percentile / 100.0).clamp(0.0, 1.0))
    }

    /// *d* + *P*.
    pub fn max(delay: Duration, interval: Duration) -> Duration {
        delay + interval
    }

    /// *P*/√12, the standard deviation of delivery. One far below it is the sign of a feed and
    /// polls that are locked to each other.
    pub fn stddev(interval: Duration) -> Duration {
        interval.div_f64(12.0_f64.sqrt())
    }

    /// *T*/*P*: polls go on whether or not there is a message.
    pub fn requests_per_message(interval: Duration, spacing: Duration) -> f64 {
        spacing.div_duration_f64(interval)
    }

    /// exp(−*P*/*T*), for messages independent of each other.
    pub fn empty_ratio_poisson(interval: Duration, spacing: Duration) -> f64 {
        (-interval.div_duration_f64(spacing)).exp()
    }

    /// max(0, 1 − *P*/*T*), for messages (or bursts) every *T*.
    pub fn empty_ratio_periodic(interval: Duration, spacing: Duration) -> f64 {
        (1.0 - interval.div_duration_f64(spacing)).max(0.0)
    }
}

/// A crowd that was cut off from a server that stands, and reconnects (3.9).
pub mod reconnect {
    use std::ops::RangeInclusive;
    use std::time::Duration;

    /// The time after which `share` of the crowd, from 0 to 1, hold a cursor again, if their pauses are
    /// spread evenly over `pause`, from *a* to *b*: *a* + *share*·(*b* − *a*) + 4*d*. A new connection takes
    /// 2*d*, the request and its answer another 2*d*, and the handshake of TLS 1.3 another 2*d*.
    pub fn back(
        share: f64,
        pause: &RangeInclusive<Duration>,
        delay: Duration,
        tls: bool,
    ) -> Duration {
        let (least, most) = (*pause.start(), *pause.end());
        let trips = if tls { 6 } else { 4 };
        least + most.saturating_sub(least).mul_f64(share.clamp(0.0, 1.0)) + trips * delay
    }
}

/// Long polling of a feed that is read after a cursor, so that a poll gets all it has missed (3.3).
pub mod long_polling {
    use std::time::Duration;

    /// *R* = 2*d* on a connection that is kept: the answer's way down and the next request's way
    /// up. A new connection for each poll adds 2*d*, TLS 1.3 another 2*d*.
    pub fn deaf_time(delay: Duration) -> Duration {
        2 * delay
    }

    /// A feed whose messages are independent of each other.
    ///
    /// A request that arrives takes all that came in the deaf time, *m* = λ*R* on average; or, when
    /// there is nothing (probability exp(−*m*)), waits for one message or the end of the hold. So
    /// an answer carries *m* + exp(−*m*)·(1 − exp(−λ*H*)) messages on average, which for a long
    /// hold is the *m* + exp(−*m*), and for a sparse feed the 1 − exp(−λ*H*), of section 3.3.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Poisson {
        /// λ, messages per second.
        pub rate: f64,
        /// *d*.
        pub delay: Duration,
        /// *R*.
        pub deaf: Duration,
        /// *H*.
        pub hold: Duration,
    }

    impl Poisson {
        /// *d* + share of messages that fall into the deaf time · *R*/2.
        pub fn mean(&self) -> Duration {
            self.delay + self.deaf.mul_f64(self.deaf_share() / 2.0)
        }

        /// The percentile, from 0 to 100: *d* for the messages that find a request waiting, *d* +
        /// U(0, *R*) for the others. Follows from the same model; not in section 3.3.
        pub fn percentile(&self, percentile: f64) -> Duration {
            let above = 1.0 - (percentile / 100.0).clamp(0.0, 1.0);
            let share = self.deaf_share();
            if above >= share {
                return self.delay;
            }
            self.delay + self.deaf.mul_f64(1.0 - above / share)
        }

        /// 1 / (*m* + exp(−*m*)·(1 − exp(−λ*H*))): the reciprocal of the messages in an answer.
        pub fn requests_per_message(&self) -> f64 {
            1.0 / self.batch()
        }

        /// exp(−λ(*R* + *H*)): no message since the last answer until the end of the hold.
        pub fn empty_ratio(&self) -> f64 {
            (-self.rate * (self.deaf + self.hold).as_secs_f64()).exp()
        }

        /// *m*, messages in a deaf time.
        fn missed_while_deaf(&self) -> f64 {
            self.rate * self.deaf.as_secs_f64()
        }

        fn batch(&self) -> f64 {
            let m = self.missed_while_deaf();
            m + (-m).exp() * (1.0 - (-self.rate * self.hold.as_secs_f64()).exp())
        }

        fn deaf_share(&self) -> f64 {
            (self.missed_while_deaf() / self.batch()).clamp(0.0, 1.0)
        }
    }

    /// A feed with a message every *T*. There is a cliff at *T* = *R* and nothing gradual about it:
    /// above, long polling delivers as push does; below, each message waits for the next request.
    ///
    /// The delays hold for *T* ≤ *H*, so that no hold runs out, and, below the cliff, for *T* and
    /// *R* that are not commensurate.
    pub mod periodic {
        use std::time::Duration;

        /// *T* ≥ *R*: *d*. *T* < *R*: *d* + *R*/2.
        pub fn mean(delay: Duration, deaf: Duration, spacing: Duration) -> Duration {
            if spacing < deaf { delay + deaf / 2 } else { delay }
        }

        /// *T* ≥ *R*: *d*. *T* < *R*: about *d* + 0.95 *R*.
        pub fn p95(delay: Duration, deaf: Duration, spacing: Duration) -> Duration {
            if spacing < deaf { delay + deaf.mul_f64(0.95) } else { delay }
        }

        /// *T* ≥ *R*: *d*. *T* < *R*: *d* + *R*.
        pub fn max(delay: Duration, deaf: Duration, spacing: Duration) -> Duration {
            if spacing < deaf { delay + deaf } else { delay }
        }

        /// *T* < *R*: *T*/*R*. *T* ≥ *R*: 1, and one more for each hold that runs out before the
        /// message: 1 + ⌊(*T* − *R*)/(*H* + *R*)⌋.
        pub fn requests_per_message(deaf: Duration, hold: Duration, spacing: Duration) -> f64 {
            match spacing.checked_sub(deaf) {
                None => spacing.div_duration_f64(deaf),
                Some(waited) if waited < hold => 1.0,
                Some(waited) => 1.0 + waited.div_duration_f64(hold + deaf).floor(),
            }
        }
    }
}

/// Bytes of one message as TCP carries it (3.4), without requests, handshakes and heartbeats.
///
/// `message` is the size of the whole JSON object `{"seq":…,"published_ns":…,"payload":…}`, which
/// is larger than its payload.
pub mod bytes {
    /// A WebSocket frame from the server: 2, 4 or 10 bytes more than the message (RFC 6455, 5.2).
    pub const fn websocket(message: u64) -> u64 {
        message
            + match message {
                0..=125 => 2,
                126..=65_535 => 4,
                _ => 10,
            }
    }

    /// An SSE event in a chunk of its own: `data: `, two line ends, the field `id: ` with its line
    /// end where there is an id of `id` bytes, and the chunk's size in hexadecimal with two times
    /// CR LF.
    pub const fn sse(message: u64, id: Option<u64>) -> u64 {
        let event = message
            + 8
            + match id {
                Some(id) => 5 + id,
                None => 0,
            };
        event + hexadecimal_digits(event) + 4
    }

    /// A poll's request and response: both heads and the body.
    pub const fn poll(request_head: u64, response_head: u64, body: u64) -> u64 {
        request_head + response_head + body
    }

    const fn hexadecimal_digits(number: u64) -> u64 {
        match number.checked_ilog(16) {
            Some(log) => log as u64 + 1,
            None => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn near(found: f64, expected: f64, tolerance: f64) {
        assert!(
            (found - expected).abs() <= tolerance,
            "{found}, expected {expected} ± {tolerance}"
        );
    }

    /// The first is within `tolerance` milliseconds of the second, in milliseconds.
    fn near_ms(found: impl Into<Option<Duration>>, expected: f64, tolerance: f64) {
        let found = found.into().expect("a law applies").as_secs_f64() * 1e3;
        near(found, expected, tolerance);
    }

    fn setting(transport: Transport, rate: f64, pace: Pace, delay: Duration) -> Conditions {
        let interval = (transport == Transport::ShortPolling).then_some(ms(1_000));
        let hold = (transport == Transport::LongPolling).then_some(ms(25_000));
        Conditions { transport, rate, pace, delay, interval, hold }
    }

    #[test]
    fn a_crowd_is_back_after_its_pauses_and_the_trips_of_a_new_connection() {
        let (d, back) = (Duration::from_millis(25), reconnect::recovery_time);
        let pause = Duration::ZERO..=Duration::from_millis(100);
        assert_eq!(back(0.99, &pause, d, false), Duration::from_millis(199));
        let all_at_once = Duration::from_secs(3)..=Duration::from_secs(3);
        assert_eq!(back(0.99, &all_at_once, d, false), Duration::from_millis(3_100));
        assert_eq!(back(0.99, &all_at_once, d, true), Duration::from_millis(3_150));
        let spread = Duration::from_secs(1)..=Duration::from_secs(5);
        assert_eq!(back(0.5, &spread, d, false), Duration::from_millis(3_100));
    }

    #[test]
    fn push_delivers_after_the_delay_of_the_link() {
        for transport in [Transport::Sse, Transport::WebSocket] {
            let prediction = predict(&setting(transport, 10.0, Pace::Burst(5), ms(25)));
            assert_eq!(prediction.delivery_mean, Some(ms(25)));
            assert_eq!(prediction.delivery_max, Some(ms(25)));
            assert_eq!(prediction.requests_per_message, Some(0.0));
            assert_eq!(prediction.empty_ratio, None);
        }
    }

    #[test]
    fn a_crowd_adds_half_of_its_sends_on_average_and_all_of_them_at_most() {
        let send_cost = Duration::from_micros(10);
        assert_eq!(push::mean(ms(25), send_cost, 1_000), ms(30));
        assert_eq!(push::max(ms(25), send_cost, 1_000), ms(35));
    }

    #[test]
    fn short_polling_waits_half_an_interval_on_average() {
        // The Napier harness, staggered: theory p50 500, p95 950, standard deviation 289 ms.
        assert_eq!(short_polling::mean(ms(0), ms(1_000)), ms(500));
        assert_eq!(short_polling::percentile(ms(0), ms(1_000), 50.0), ms(500));
        assert_eq!(short_polling::percentile(ms(0), ms(1_000), 95.0), ms(950));
        near_ms(short_polling::stddev(ms(1_000)), 289.0, 0.5);
        // T = P = 250, d = 25: where nothing locks, theory says 150 and 263 ms.
        assert_eq!(short_polling::mean(ms(25), ms(250)), ms(150));
        near_ms(short_polling::percentile(ms(25), ms(250), 95.0), 262.5, 0.01);
        assert_eq!(short_polling::max(ms(25), ms(250)), ms(275));
    }

    #[test]
    fn short_polling_asks_at_its_own_rate_and_mostly_in_vain() {
        near(short_polling::requests_per_message(ms(1_000), ms(10_000)), 10.0, 1e-9);
        near(short_polling::empty_ratio_periodic(ms(1_000), ms(10_000)), 0.9, 1e-9);
        near(short_polling::empty_ratio_periodic(ms(1_000), ms(100)), 0.0, 1e-9);
        near(short_polling::empty_ratio_poisson(ms(1_000), ms(1_000)), (-1.0_f64).exp(), 1e-9);
    }

    #[test]
    fn an_exact_feed_locks_to_short_polls_so_only_the_bound_is_predicted() {
        let prediction = predict(&setting(Transport::ShortPolling, 4.0, Pace::Exact, ms(25)));
        assert_eq!(prediction.delivery_mean, None);
        assert_eq!(prediction.delivery_max, Some(ms(1_025)));
        assert_eq!(prediction.requests_per_message, Some(0.25));
        assert_eq!(prediction.empty_ratio, Some(0.0));
    }

    #[test]
    fn a_poll_that_is_due_before_its_predecessor_is_answered_has_no_law() {
        let slow = setting(Transport::ShortPolling, 4.0, Pace::Steady, ms(500));
        assert_eq!(predict(&slow), Prediction::default());
    }

    #[test]
    fn long_polling_of_independent_messages_matches_the_worked_values() {
        // T = 100, d = 25 ms: kept connection, a new one for each poll, a new one with TLS 1.3.
        for (deaf, mean) in [(ms(50), 36.3), (ms(100), 61.6), (ms(150), 90.3)] {
            let law = long_polling::Poisson { rate: 10.0, delay: ms(25), deaf, hold: ms(25_000) };
            near_ms(law.mean(), mean, 0.06);
        }
    }

    #[test]
    fn long_polling_of_a_sparse_feed_asks_once_a_hold() {
        let law = long_polling::Poisson { rate: 0.01, delay: ms(0), deaf: ms(0), hold: ms(25_000) };
        near(law.requests_per_message(), 1.0 / (1.0 - (-0.25_f64).exp()), 1e-9);
        near(law.empty_ratio(), (-0.25_f64).exp(), 1e-9);
    }

    #[test]
    fn long_polling_of_a_fast_feed_matches_the_worked_values() {
        // A feed of 50/s over a link with 26.2 ms effectively one way.
        let d = Duration::from_micros(26_200);
        let prediction = predict(&setting(Transport::LongPolling, 50.0, Pace::Steady, d));
        near_ms(prediction.delivery_mean, 52.5, 0.2);
        near_ms(prediction.delivery_p95, 76.2, 0.3);
        near_ms(prediction.delivery_max, 78.6, 0.1);
        near(1.0 / prediction.requests_per_message.unwrap(), 2.6, 0.05);
        assert_eq!(prediction.empty_ratio, Some(0.0));
    }

    #[test]
    fn the_cliff_of_long_polling_lies_where_the_round_trip_takes_as_long_as_the_spacing() {
        // A feed of 4/s: with d = 120 ms as fast as push, with d = 130 ms twice as slow.
        let (near_side, far_side, spacing) = (ms(120), ms(130), ms(250));
        let mean = |d| long_polling::periodic::mean(d, long_polling::deaf_time(d), spacing);
        assert_eq!(mean(near_side), near_side);
        assert_eq!(mean(far_side), 2 * far_side);
        let max = |d| long_polling::periodic::max(d, long_polling::deaf_time(d), spacing);
        assert_eq!(max(far_side), 3 * far_side);
    }

    #[test]
    fn around_the_cliff_only_the_bound_is_predicted() {
        for delay in [ms(120), ms(130)] {
            let prediction = predict(&setting(Transport::LongPolling, 4.0, Pace::Steady, delay));
            assert_eq!(prediction.delivery_mean, None);
            assert_eq!(prediction.delivery_max, Some(3 * delay));
        }
        let exact = predict(&setting(Transport::LongPolling, 4.0, Pace::Exact, ms(120)));
        assert_eq!(exact.delivery_mean, Some(ms(120)));
    }

    #[test]
    fn a_feed_slower_than_the_hold_answers_in_vain_four_times_of_five() {
        // One message in 10 s, holds of 2 s.
        let setting = Conditions {
            hold: Some(ms(2_000)),
            ..setting(Transport::LongPolling, 0.1, Pace::Exact, ms(5))
        };
        let prediction = predict(&setting);
        assert_eq!(prediction.requests_per_message, Some(5.0));
        near(prediction.empty_ratio.unwrap(), 0.8, 1e-9);
        assert_eq!(prediction.delivery_mean, Some(ms(5)));
        near(
            long_polling::periodic::requests_per_message(ms(10), ms(2_000), ms(10_000)),
            5.0,
            1e-9,
        );
    }

    #[test]
    fn frames_have_the_sizes_of_the_worked_table() {
        for (message, websocket, sse, poll) in [
            (30, 32, 44, 494),
            (117, 119, 131, 581),
            (1_024, 1_028, 1_039, 1_488),
            (16_384, 16_388, 16_400, 16_848),
        ] {
            assert_eq!(bytes::websocket(message), websocket);
            assert_eq!(bytes::sse(message, None), sse);
            assert_eq!(bytes::poll(273, 191, message), poll);
        }
        assert_eq!(bytes::websocket(125), 127);
        assert_eq!(bytes::websocket(126), 130);
        assert_eq!(bytes::websocket(65_535), 65_539);
        assert_eq!(bytes::websocket(65_536), 65_546);
        // `id: 7\n` makes an event of 38 bytes one of 44, whose size still has two digits.
        assert_eq!(bytes::sse(30, Some(1)), 50);
    }

    /// Long polling, simulated: the delays of the messages at `due` and how the requests went.
    fn simulate(due: &[f64], d: f64, deaf: f64, hold: f64) -> (Vec<f64>, u32, u32) {
        let (mut delays, mut requests, mut empty) = (Vec::new(), 0, 0);
        let (mut arrives, mut next) = (0.0_f64, 0);
        while next < due.len() {
            requests += 1;
            let answered = arrives.max(due[next]).min(arrives + hold);
            let first = next;
            while next < due.len() && due[next] <= answered {
                delays.push(answered - due[next] + d);
                next += 1;
            }
            empty += u32::from(first == next);
            arrives = answered + deaf;
        }
        delays.sort_by(f64::total_cmp);
        (delays, requests, empty)
    }

    /// Exponential times between messages from a small generator of its own, so that the test needs
    /// no other and always sees the same feed.
    fn poisson_feed(rate: f64, length: u32) -> Vec<f64> {
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

    #[test]
    fn a_simulation_of_long_polling_agrees_with_the_law_for_independent_messages() {
        for (rate, hold) in [(10.0, 25_000), (40.0, 25_000), (2.0, 300)] {
            let law = long_polling::Poisson { rate, delay: ms(25), deaf: ms(50), hold: ms(hold) };
            let length = 200_000_u32;
            let (delays, requests, empty) =
                simulate(&poisson_feed(rate, length), 0.025, 0.05, ms(hold).as_secs_f64());
            let mean = delays.iter().sum::<f64>() / f64::from(length);
            near_ms(law.mean(), mean * 1e3, 0.2);
            let p95 = delays[delays.len() * 95 / 100];
            near_ms(law.percentile(95.0), p95 * 1e3, 0.4);
            near(law.requests_per_message(), f64::from(requests) / f64::from(length), 0.02);
            near(law.empty_ratio(), f64::from(empty) / f64::from(requests), 0.005);
        }
    }
}
