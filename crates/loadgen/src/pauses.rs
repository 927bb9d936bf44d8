//! How long a subscriber waits before it reconnects.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;
use wirebench_protocol::Transport;
use wirebench_scenario::Reconnect;

use crate::error::SubscribeError;

/// A subscription that stood this long starts the backoff again, even if it received no message.
/// The package `reconnecting-websocket` has the same time as its `minUptime`.
const STOOD: Duration = Duration::from_secs(5);

/// Upper bound on a delay requested by the server (`retry:` or `Retry-After`).
const MAX_SERVER_DELAY: Duration = Duration::from_mins(1);

/// By how much each pause of `reconnecting-websocket` is longer than the one before.
const WEBSOCKET_GROWTH: f64 = 1.3;

/// The longest pause of `reconnecting-websocket`.
const WEBSOCKET_MOST: Duration = Duration::from_secs(10);

/// The pauses of one subscriber. `docs/method.md` names where those of the policy `native` come from.
#[derive(Debug)]
pub(crate) struct Pauses {
    policy: Reconnect,
    transport: Transport,
    /// The interval of short polling, from the start of one poll to the start of the next.
    interval: Duration,
    /// The bound or the length of the first pause.
    first: Duration,
    /// The bound or the length of the next pause.
    next: Duration,
    /// The reconnection time that the event stream has set (`retry:`), until it sets another.
    told: Option<Duration>,
}

impl Pauses {
    /// `random` draws what a subscriber draws once for its whole life. Under [`Reconnect::Same`] that is
    /// nothing, so that all transports go on with the same random numbers.
    pub(crate) fn new(
        policy: Reconnect,
        transport: Transport,
        interval: Duration,
        random: &mut SmallRng,
    ) -> Self {
        let pause = policy.first_pause(transport, interval);
        let first = match policy {
            Reconnect::Same { .. } => *pause.end(),
            Reconnect::Native => random.random_range(pause),
        };
        Self { policy, transport, interval, first, next: first, told: None }
    }

    /// The event stream has set its reconnection time.
    pub(crate) fn told(&mut self, pause: Duration) {
        self.told = Some(pause.min(MAX_SERVER_DELAY));
    }

    /// A message was received. `reconnecting-websocket` does not take that for a success; it waits for
    /// [`Pauses::stood`].
    pub(crate) fn received(&mut self) {
        if let Reconnect::Same { .. } = self.policy {
            self.next = self.first;
        }
    }

    /// A subscription stood for `time` and then ended.
    pub(crate) fn stood(&mut self, time: Duration) {
        if time >= STOOD {
            self.next = self.first;
        }
    }

    /// Returns the pause after a subscription ended for this reason, or could not be opened.
    ///
    /// `share` is a random number from 0 to 1, which the caller draws. `since_poll` is the time since the last
    /// request was sent; only short polling uses it.
    pub(crate) fn next(
        &mut self,
        why: Option<&SubscribeError>,
        since_poll: Duration,
        share: f64,
    ) -> Duration {
        match (self.policy, self.transport) {
            (Reconnect::Same { first, most }, _) => {
                let bound = self.next;
                self.next = most.min(2 * bound);
                let least = self.asked(why, first);
                least + bound.max(least / 2).mul_f64(share)
            }
            (Reconnect::Native, Transport::ShortPolling) => until_next(self.interval, since_poll),
            (Reconnect::Native, Transport::LongPolling) => self.first,
            (Reconnect::Native, Transport::Sse) => self.told.unwrap_or(self.first),
            (Reconnect::Native, Transport::WebSocket) => {
                let pause = self.next;
                self.next = WEBSOCKET_MOST.min(pause.mul_f64(WEBSOCKET_GROWTH));
                pause
            }
        }
    }

    /// Returns how long the server asks the client to wait. A request for no more than `first` counts as
    /// none, since the policy already meets it: the server of a run can announce `first` on event streams
    /// only, and they must not wait longer than the other transports because of it.
    fn asked(&self, why: Option<&SubscribeError>, first: Duration) -> Duration {
        let refused = why.and_then(SubscribeError::retry_after);
        let asked = [self.told, refused].into_iter().flatten().filter(|asked| *asked > first).max();
        asked.map_or(Duration::ZERO, |asked| asked.min(MAX_SERVER_DELAY))
    }

    /// Returns true if the subscriber gives up for good.
    pub(crate) fn gives_up(&self, why: &SubscribeError) -> bool {
        // An EventSource fails for good on any status but 200 (WHATWG HTML, section 9.2.3).
        let event_source = self.policy == Reconnect::Native && self.transport == Transport::Sse;
        why.is_permanent() || (event_source && matches!(why, SubscribeError::Refused { .. }))
    }
}

/// The time until a loop that polls every `interval` polls again, `passed` after its last poll.
fn until_next(interval: Duration, passed: Duration) -> Duration {
    // Without an interval the loop would try again without a pause while the server is down.
    let interval = interval.max(Duration::from_millis(1));
    let polls = passed.as_nanos() / interval.as_nanos() + 1;
    (interval * u32::try_from(polls).unwrap_or(u32::MAX)).saturating_sub(passed)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use rand::SeedableRng;

    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const SECOND: Duration = Duration::from_secs(1);

    fn refused(retry_after: Option<u64>) -> SubscribeError {
        SubscribeError::Refused {
            asked: String::new(),
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn pauses(policy: Reconnect, transport: Transport, seed: u64) -> Pauses {
        Pauses::new(policy, transport, SECOND, &mut SmallRng::seed_from_u64(seed))
    }

    /// The next pauses of these, in milliseconds, if nothing is received between them.
    fn next<const N: usize>(pauses: &mut Pauses, share: f64) -> [u128; N] {
        std::array::from_fn(|_| pauses.next(None, Duration::ZERO, share).as_millis())
    }

    #[test]
    fn the_same_policy_draws_the_same_pauses_on_every_transport_when_the_server_announces_it() {
        let policies = [
            Reconnect::default(),
            Reconnect::Same { first: Duration::from_secs(2), most: Duration::from_secs(2) },
            Reconnect::Same { first: Duration::from_millis(1), most: Duration::from_mins(1) },
        ];
        for policy in policies {
            let drawn = Transport::ALL.map(|transport| {
                let mut random = SmallRng::seed_from_u64(7);
                let mut pauses = Pauses::new(policy, transport, SECOND, &mut random);
                if transport == Transport::Sse {
                    pauses.told(policy.announced().unwrap());
                }
                let mut drawn = Vec::new();
                for n in 0..50 {
                    drawn.push(pauses.next(None, Duration::ZERO, random.random()));
                    match n % 10 {
                        7 => pauses.received(),
                        9 => pauses.stood(STOOD),
                        _ => {}
                    }
                }
                drawn
            });
            let alike = drawn.iter().all(|pauses| *pauses == drawn[0]);
            assert!(alike, "{policy}: {drawn:?}");
        }
    }

    #[test]
    fn pauses_double_up_to_the_most_and_are_drawn_below() {
        for transport in Transport::ALL {
            let mut pauses = pauses(Reconnect::default(), transport, 1);
            let longest = next(&mut pauses, 1.0);
            assert_eq!(longest, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000], "{transport}");
            assert_eq!(next(&mut pauses, 0.25), [1_250], "{transport}");
            assert_eq!(next(&mut pauses, 0.0), [0], "{transport}");
            pauses.received();
            assert_eq!(next(&mut pauses, 1.0), [100, 200], "{transport}");
            pauses.stood(Duration::from_millis(4_999));
            assert_eq!(next(&mut pauses, 1.0), [400], "{transport}");
            pauses.stood(STOOD);
            assert_eq!(next(&mut pauses, 1.0), [100], "{transport}");
        }
    }

    #[test]
    fn a_server_that_asks_for_more_than_the_first_pause_is_left_alone_for_so_long() {
        let mut pauses = pauses(Reconnect::default(), Transport::Sse, 1);
        pauses.told(SECOND);
        let mut next =
            |why: Option<SubscribeError>, share| pauses.next(why.as_ref(), Duration::ZERO, share);
        assert_eq!(next(None, 0.0), SECOND);
        assert_eq!(next(None, 1.0), Duration::from_millis(1_500));
        assert_eq!(next(Some(refused(Some(4))), 0.5), Duration::from_secs(5));
        assert_eq!(next(Some(refused(None)), 0.0), SECOND);
        let absurd = next(Some(refused(Some(1 << 40))), 0.0);
        assert_eq!(absurd, MAX_SERVER_DELAY, "a server cannot send its subscribers away for ever");
        pauses.told(FIRST);
        assert_eq!(pauses.next(None, Duration::ZERO, 0.0), Duration::ZERO);
    }

    #[test]
    fn an_event_source_waits_three_seconds_or_what_it_was_told_without_randomness() {
        let mut pauses = pauses(Reconnect::Native, Transport::Sse, 1);
        assert_eq!(next(&mut pauses, 0.7), [3_000; 5]);
        pauses.told(FIRST);
        assert_eq!(next(&mut pauses, 0.7), [100; 5]);
        assert!(pauses.gives_up(&refused(None)), "any status but 200 is final");
        assert!(!pauses.gives_up(&SubscribeError::Cut));
    }

    #[test]
    fn a_reconnecting_websocket_draws_once_and_grows_until_a_connection_has_stood() {
        let mut drawn = Vec::new();
        for seed in 0..200 {
            let mut pauses = pauses(Reconnect::Native, Transport::WebSocket, seed);
            let [first, second, rest @ ..] = next::<12>(&mut pauses, 0.5);
            assert!((1_000..=5_000).contains(&first), "{first}");
            assert!((second * 10).abs_diff(first * 13) < 20, "{first}, then {second}");
            assert_eq!(rest[9], 10_000, "{rest:?}");
            pauses.received();
            assert_eq!(next(&mut pauses, 0.5), [10_000], "a message is not enough");
            pauses.stood(STOOD);
            assert_eq!(next(&mut pauses, 0.5), [first], "its own, not drawn anew");
            assert!(!pauses.gives_up(&refused(Some(60))));
            drawn.push(first);
        }
        drawn.sort_unstable();
        assert!(drawn[10] < 1_500 && drawn[190] > 4_500, "spread over 1 to 5 s: {drawn:?}");
    }

    #[test]
    fn polling_loops_wait_a_second_or_for_the_next_interval() {
        let mut long = pauses(Reconnect::Native, Transport::LongPolling, 1);
        assert_eq!(next(&mut long, 0.7), [1_000; 5]);
        let mut short = pauses(Reconnect::Native, Transport::ShortPolling, 1);
        for (since, expected) in [(0, 1_000), (1, 999), (999, 1), (1_000, 1_000), (2_300, 700)] {
            let pause = short.next(None, Duration::from_millis(since), 0.7);
            assert_eq!(pause.as_millis(), expected, "{since} ms after a poll");
        }
        assert!(!until_next(Duration::ZERO, SECOND).is_zero(), "a loop has to rest");
    }
}
