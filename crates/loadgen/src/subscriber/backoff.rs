//! How long a subscriber waits before it reconnects.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;
use wirebench_protocol::Transport;
use wirebench_scenario::Reconnect;

use crate::error::SubscribeError;

/// A subscription that lasted this long resets the back-off, even if it received no message. The
/// package `reconnecting-websocket` has the same time as its `minUptime`.
const MIN_UPTIME: Duration = Duration::from_secs(5);

/// Upper bound on a delay requested by the server (`retry:` or `Retry-After`).
const MAX_SERVER_DELAY: Duration = Duration::from_mins(1);

/// The factor by which each pause of `reconnecting-websocket` is longer than the one before.
const WEBSOCKET_GROWTH: f64 = 1.3;

/// Upper bound of the pauses of `reconnecting-websocket`.
const MAX_WEBSOCKET_PAUSE: Duration = Duration::from_secs(10);

/// Upper bound of the pauses of `socket.io-client` (`reconnectionDelayMax`).
const MAX_SOCKET_IO_PAUSE: Duration = Duration::from_secs(5);

/// The share by which `socket.io-client` shortens or lengthens each pause at most
/// (`randomizationFactor`).
const SOCKET_IO_JITTER: f64 = 0.5;

/// The reconnect back-off of one subscriber. `docs/method.md` gives the sources of the pauses of
/// the policy `native`.
#[derive(Debug)]
pub(super) struct Backoff {
    policy: Reconnect,
    transport: Transport,
    /// The interval of short polling, from the start of one poll to the start of the next.
    interval: Duration,
    /// The bound or the length of the first pause.
    first: Duration,
    /// The bound or the length of the next pause.
    next: Duration,
    /// The reconnection time that the event stream has set last (`retry:`).
    server_delay: Option<Duration>,
}

impl Backoff {
    /// Draws from `random` what a subscriber draws only once. Under [`Reconnect::Same`] that is
    /// nothing, so that all transports continue with the same random numbers.
    pub(super) fn new(
        policy: Reconnect,
        transport: Transport,
        interval: Duration,
        random: &mut SmallRng,
    ) -> Self {
        let pause = policy.first_pause(transport, interval);
        let first = match policy {
            Reconnect::Same { .. } => *pause.end(),
            Reconnect::Native if transport == Transport::SocketIo => {
                // Drawn again for each pause, around a length that doubles.
                (*pause.start() + *pause.end()) / 2
            }
            Reconnect::Native => random.random_range(pause),
        };
        Self { policy, transport, interval, first, next: first, server_delay: None }
    }

    /// Called when the event stream has set its reconnection time.
    pub(super) fn requested(&mut self, pause: Duration) {
        self.server_delay = Some(pause.min(MAX_SERVER_DELAY));
    }

    /// Called when a message was received. `reconnecting-websocket` does not count that as a
    /// success; it waits for the minimum uptime.
    pub(super) fn received(&mut self) {
        if let Reconnect::Same { .. } = self.policy {
            self.next = self.first;
        }
    }

    /// Called when the subscription is complete. `socket.io-client` starts again with its first
    /// pause as soon as it is connected.
    pub(super) fn connected(&mut self) {
        if self.policy == Reconnect::Native && self.transport == Transport::SocketIo {
            self.next = self.first;
        }
    }

    /// Called when a subscription that was complete for `time` has ended.
    pub(super) fn subscribed_for(&mut self, time: Duration) {
        if time >= MIN_UPTIME {
            self.next = self.first;
        }
    }

    /// Returns the pause after a subscription ended for this reason, or could not be opened.
    ///
    /// `share` is a random number from 0 to 1, which the caller draws. `since_poll` is the time
    /// since the last request was sent; only short polling uses it.
    pub(super) fn next(
        &mut self,
        why: Option<&SubscribeError>,
        since_poll: Duration,
        share: f64,
    ) -> Duration {
        match self.policy {
            Reconnect::Same { first, most } => {
                let bound = self.next;
                self.next = most.min(2 * bound);
                let least = self.server_delay(why, first);
                least + bound.max(least / 2).mul_f64(share)
            }
            Reconnect::Native => self.next_native(since_poll, share),
        }
    }

    /// Returns the next pause of the usual client of the transport.
    fn next_native(&mut self, since_poll: Duration, share: f64) -> Duration {
        match self.transport {
            Transport::ShortPolling => until_next_poll(self.interval, since_poll),
            Transport::LongPolling => self.first,
            Transport::Sse => self.server_delay.unwrap_or(self.first),
            Transport::WebSocket => {
                let pause = self.next;
                self.next = MAX_WEBSOCKET_PAUSE.min(pause.mul_f64(WEBSOCKET_GROWTH));
                pause
            }
            Transport::SocketIo => {
                let pause = self.next;
                // Only the pause is bounded, after the jitter, and not what doubles. From twice the
                // bound on, no jitter makes a difference.
                self.next = (4 * MAX_SOCKET_IO_PAUSE).min(2 * pause);
                let share = 1.0 + SOCKET_IO_JITTER * (2.0 * share - 1.0);
                MAX_SOCKET_IO_PAUSE.min(pause.mul_f64(share))
            }
        }
    }

    /// Returns how long the server asks the client to wait. A request for no more than `first` is
    /// ignored, because the policy already meets it: the server of a run can announce `first` on
    /// event streams only, and they must not wait longer than the other transports because of it.
    fn server_delay(&self, why: Option<&SubscribeError>, first: Duration) -> Duration {
        let refused = why.and_then(SubscribeError::retry_after);
        let asked =
            [self.server_delay, refused].into_iter().flatten().filter(|asked| *asked > first).max();
        asked.map_or(Duration::ZERO, |asked| asked.min(MAX_SERVER_DELAY))
    }

    /// Returns true if the subscriber gives up for good.
    pub(super) fn gives_up(&self, why: &SubscribeError) -> bool {
        let final_refusal = match self.policy {
            Reconnect::Same { .. } => false,
            Reconnect::Native => match self.transport {
                // An EventSource fails for good on any status but 200 (WHATWG HTML, section 9.2.3).
                Transport::Sse => matches!(why, SubscribeError::Refused { .. }),
                Transport::ShortPolling
                | Transport::LongPolling
                | Transport::WebSocket
                | Transport::SocketIo => false,
            },
        };
        why.is_permanent() || final_refusal
    }
}

/// Returns the time until a loop that polls every `interval` polls again, `passed` after its last
/// poll.
fn until_next_poll(interval: Duration, passed: Duration) -> Duration {
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

    fn backoff(policy: Reconnect, transport: Transport, seed: u64) -> Backoff {
        Backoff::new(policy, transport, SECOND, &mut SmallRng::seed_from_u64(seed))
    }

    /// Returns the next pauses in milliseconds, if nothing is received between them.
    fn next<const N: usize>(backoff: &mut Backoff, share: f64) -> [u128; N] {
        std::array::from_fn(|_| backoff.next(None, Duration::ZERO, share).as_millis())
    }

    #[test]
    fn the_same_policy_draws_the_same_pauses_on_every_transport_also_if_the_server_announces_it() {
        let policies = [
            Reconnect::default(),
            Reconnect::Same { first: Duration::from_secs(2), most: Duration::from_secs(2) },
            Reconnect::Same { first: Duration::from_millis(1), most: Duration::from_mins(1) },
        ];
        for policy in policies {
            let drawn = Transport::ALL.map(|transport| {
                let mut random = SmallRng::seed_from_u64(7);
                let mut backoff = Backoff::new(policy, transport, SECOND, &mut random);
                if transport == Transport::Sse {
                    backoff.requested(policy.announced().unwrap());
                }
                let mut drawn = Vec::new();
                for n in 0..50 {
                    drawn.push(backoff.next(None, Duration::ZERO, random.random()));
                    match n % 10 {
                        7 => backoff.received(),
                        9 => backoff.subscribed_for(MIN_UPTIME),
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
    fn the_bound_of_the_pauses_doubles_up_to_the_maximum() {
        for transport in Transport::ALL {
            let mut backoff = backoff(Reconnect::default(), transport, 1);
            let longest = next(&mut backoff, 1.0);
            assert_eq!(longest, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000], "{transport}");
            assert_eq!(next(&mut backoff, 0.25), [1_250], "{transport}");
            assert_eq!(next(&mut backoff, 0.0), [0], "{transport}");
            backoff.received();
            assert_eq!(next(&mut backoff, 1.0), [100, 200], "{transport}");
            backoff.subscribed_for(Duration::from_millis(4_999));
            assert_eq!(next(&mut backoff, 1.0), [400], "{transport}");
            backoff.subscribed_for(MIN_UPTIME);
            assert_eq!(next(&mut backoff, 1.0), [100], "{transport}");
        }
    }

    #[test]
    fn a_delay_that_the_server_asks_for_is_kept_if_it_exceeds_the_first_pause() {
        let mut backoff = backoff(Reconnect::default(), Transport::Sse, 1);
        backoff.requested(SECOND);
        let mut next =
            |why: Option<SubscribeError>, share| backoff.next(why.as_ref(), Duration::ZERO, share);
        assert_eq!(next(None, 0.0), SECOND);
        assert_eq!(next(None, 1.0), Duration::from_millis(1_500));
        assert_eq!(next(Some(refused(Some(4))), 0.5), Duration::from_secs(5));
        assert_eq!(next(Some(refused(None)), 0.0), SECOND);
        let absurd = next(Some(refused(Some(1 << 40))), 0.0);
        assert_eq!(absurd, MAX_SERVER_DELAY, "a server cannot stop its subscribers for ever");
        backoff.requested(FIRST);
        assert_eq!(backoff.next(None, Duration::ZERO, 0.0), Duration::ZERO);
    }

    #[test]
    fn an_event_source_waits_three_seconds_or_as_long_as_the_server_asked_for() {
        let mut backoff = backoff(Reconnect::Native, Transport::Sse, 1);
        assert_eq!(next(&mut backoff, 0.7), [3_000; 5]);
        backoff.requested(FIRST);
        assert_eq!(next(&mut backoff, 0.7), [100; 5]);
        assert!(backoff.gives_up(&refused(None)), "any status but 200 is final");
        assert!(!backoff.gives_up(&SubscribeError::Cut));
    }

    #[test]
    fn a_reconnecting_websocket_draws_once_and_waits_longer_until_a_connection_has_lasted() {
        let mut drawn = Vec::new();
        for seed in 0..200 {
            let mut backoff = backoff(Reconnect::Native, Transport::WebSocket, seed);
            let [first, second, rest @ ..] = next::<12>(&mut backoff, 0.5);
            assert!((1_000..=5_000).contains(&first), "{first}");
            assert!((second * 10).abs_diff(first * 13) < 20, "{first}, then {second}");
            assert_eq!(rest[9], 10_000, "{rest:?}");
            backoff.received();
            assert_eq!(next(&mut backoff, 0.5), [10_000], "a message is not enough");
            backoff.subscribed_for(MIN_UPTIME);
            assert_eq!(next(&mut backoff, 0.5), [first], "its own pause, not drawn again");
            assert!(!backoff.gives_up(&refused(Some(60))));
            drawn.push(first);
        }
        drawn.sort_unstable();
        assert!(drawn[10] < 1_500 && drawn[190] > 4_500, "spread over 1 to 5 s: {drawn:?}");
    }

    #[test]
    fn a_socket_io_client_doubles_its_pause_up_to_five_seconds_and_draws_each_anew() {
        let mut backoff = backoff(Reconnect::Native, Transport::SocketIo, 1);
        assert_eq!(next(&mut backoff, 0.5), [1_000, 2_000, 4_000, 5_000, 5_000]);
        assert_eq!(next(&mut backoff, 0.0), [5_000], "what doubles is far above the bound");
        backoff.received();
        assert_eq!(next(&mut backoff, 0.5), [5_000], "a message is not enough");
        backoff.connected();
        assert_eq!(next(&mut backoff, 0.0), [500, 1_000, 2_000, 4_000, 5_000]);
        backoff.connected();
        assert_eq!(next(&mut backoff, 1.0), [1_500, 3_000, 5_000]);
        assert!(!backoff.gives_up(&refused(None)), "the handshake is tried again");
    }

    #[test]
    fn polling_loops_wait_a_second_or_until_the_next_interval() {
        let mut long = backoff(Reconnect::Native, Transport::LongPolling, 1);
        assert_eq!(next(&mut long, 0.7), [1_000; 5]);
        let mut short = backoff(Reconnect::Native, Transport::ShortPolling, 1);
        for (since, expected) in [(0, 1_000), (1, 999), (999, 1), (1_000, 1_000), (2_300, 700)] {
            let pause = short.next(None, Duration::from_millis(since), 0.7);
            assert_eq!(pause.as_millis(), expected, "{since} ms after a poll");
        }
        assert!(!until_next_poll(Duration::ZERO, SECOND).is_zero(), "a loop has to pause");
    }
}
