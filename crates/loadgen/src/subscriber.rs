//! One life: subscribe, follow, resume where it was interrupted; the same for all transports.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Notify;
use tokio::time::Instant;
use wirebench_measure::Event;
use wirebench_protocol::{After, Transport};

use crate::dial::Dialer;
use crate::error::SubscribeError;
use crate::target::Target;
use crate::transport::{Settings, subscribe};

/// The pause before the first attempt to resume is drawn from 0 to this; it doubles each time.
const PAUSE_FIRST: Duration = Duration::from_millis(100);

/// The longest that a server's word (`retry:`, `Retry-After`) is taken for.
const LEAST_MOST: Duration = Duration::from_mins(1);

/// And grows to this. A connection that stood this long starts the count again, even without messages.
const PAUSE_MOST: Duration = Duration::from_secs(5);

/// Somebody who wants a feed.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber<'a> {
    /// How it is to reach them.
    pub transport: Transport,
    /// Opens their connections.
    pub dialer: &'a Dialer,
    /// The feed.
    pub target: &'a Target,
    /// How they behave. Their `phase` is drawn anew for every connection.
    pub settings: Settings,
    /// Seeds their phases and pauses: different for every subscriber.
    pub seed: u64,
    /// Cuts their connection, if one is open, whenever its waiters are notified: what a run with faults
    /// does. Nothing is left to say goodbye with, and what is under way is lost.
    pub cut: Option<&'a Notify>,
}

/// What happens in a subscriber's life.
#[derive(Debug)]
pub enum Sight<'a> {
    /// An event of the subscription. [`Event::Connected`] comes again after every interruption.
    Event(&'a Event),
    /// The subscription ended, or did not come about.
    Interrupted {
        /// Why; `None` when the server ended it properly.
        why: Option<&'a SubscribeError>,
        /// How long until it is resumed.
        pause: Duration,
    },
}

/// Lives the life of a subscriber from `after` on, shows `see` everything, and returns only when a
/// request was refused in a way that makes asking again pointless.
///
/// After an interruption it resumes behind the last message it has seen, after a pause drawn from 0 to
/// a bound that doubles from 100 ms to 5 s (full jitter, so that a crowd does not come back as one). A
/// connection that delivered starts the bound again at 100 ms. Where the server has said how long to wait
/// (`retry:` of an event stream, `Retry-After` of a refusal), that comes first, up to a minute, and what is
/// drawn comes on top: up to the bound, and up to half of the server's word at least.
///
/// A poll whose answer says that the connection closes has not been interrupted: the next poll goes over
/// another connection, when it would have gone over this one.
///
/// # Cancel safety
///
/// Dropping the future closes the connection; nothing else remains.
pub async fn live(
    subscriber: &Subscriber<'_>,
    mut after: After,
    mut see: impl FnMut(Sight<'_>),
) -> SubscribeError {
    let Subscriber { transport, dialer, target, mut settings, seed, cut } = *subscriber;
    let mut random = SmallRng::seed_from_u64(seed);
    let mut pauses = Pauses { bound: PAUSE_FIRST, least: Duration::ZERO };
    loop {
        settings.phase = settings.interval.mul_f64(random.random());
        let began = Instant::now();
        let mut events = subscribe(transport, dialer, target, after, &settings);
        let mut is_cut = pin!(async {
            match cut {
                Some(cut) => cut.notified().await,
                None => pending().await,
            }
        });
        let (mut stood, mut delivered, mut closing) = (None, false, false);
        let why = loop {
            let next = tokio::select! {
                biased;
                next = events.next() => next,
                () = &mut is_cut => break Some(SubscribeError::Cut),
            };
            match next {
                Some(Ok(event)) => {
                    match event {
                        Event::Connected { cursor, .. } => {
                            stood = Some(Instant::now());
                            after = After::Cursor(cursor);
                            if settings.held {
                                continue;
                            }
                        }
                        Event::Received { cursor, .. } => {
                            delivered = true;
                            pauses.bound = PAUSE_FIRST;
                            after = After::Cursor(cursor);
                        }
                        Event::Empty { cursor, .. } | Event::Gap { cursor, .. } => {
                            after = After::Cursor(cursor);
                        }
                        Event::Closing => closing = true,
                        Event::Retry { after } => pauses.least = after.min(LEAST_MOST),
                        Event::Request { .. } => {}
                    }
                    see(Sight::Event(&event));
                }
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        // Closes the connection before the pause, not after.
        drop(events);
        let stood = stood.map_or(Duration::ZERO, |stood| stood.elapsed());
        if why.is_none() && closing {
            // A long poll that comes back at once and empty, time after time, would never rest.
            let earned = delivered || !settings.held || began.elapsed() >= settings.hold / 2;
            let slot = (transport == Transport::ShortPolling).then(|| began + settings.interval);
            if earned || slot.is_some() {
                settings.held = true;
                tokio::time::sleep_until(slot.unwrap_or(began)).await;
                continue;
            }
        }
        settings.held = false;
        if stood >= PAUSE_MOST {
            pauses.bound = PAUSE_FIRST;
        }
        let pause = pauses.next(why.as_ref(), random.random());
        see(Sight::Interrupted { why: why.as_ref(), pause });
        if let Some(error) = why.filter(SubscribeError::is_permanent) {
            return error;
        }
        tokio::time::sleep(pause).await;
    }
}

/// How long to wait before coming back.
#[derive(Debug)]
struct Pauses {
    /// What is drawn lies below this.
    bound: Duration,
    /// What the server has said, for the whole life.
    least: Duration,
}

impl Pauses {
    /// The next pause after an interruption for this reason; `share` is drawn from 0 to 1.
    fn next(&mut self, why: Option<&SubscribeError>, share: f64) -> Duration {
        let asked = why.and_then(SubscribeError::retry_after).unwrap_or_default();
        let least = self.least.max(asked.min(LEAST_MOST));
        let pause = least + self.bound.max(least / 2).mul_f64(share);
        self.bound = PAUSE_MOST.min(2 * self.bound);
        pause
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn refused(retry_after: Option<u64>) -> SubscribeError {
        SubscribeError::Refused {
            asked: String::new(),
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn pauses_double_up_to_their_most_and_are_drawn_below() {
        let mut pauses = Pauses { bound: PAUSE_FIRST, least: Duration::ZERO };
        let longest: Vec<_> = (0..8).map(|_| pauses.next(None, 1.0).as_millis()).collect();
        assert_eq!(longest, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(pauses.next(None, 0.25), Duration::from_millis(1_250));
        assert_eq!(pauses.next(None, 0.0), Duration::ZERO);
    }

    #[test]
    fn what_the_server_says_comes_first_and_jitter_on_top() {
        let mut pauses = Pauses { bound: PAUSE_FIRST, least: Duration::from_secs(1) };
        assert_eq!(pauses.next(None, 0.0), Duration::from_secs(1));
        assert_eq!(pauses.next(None, 1.0), Duration::from_millis(1_500));
        assert_eq!(pauses.next(Some(&refused(Some(4))), 0.5), Duration::from_secs(5));
        assert_eq!(pauses.next(Some(&refused(None)), 0.0), Duration::from_secs(1));
        let absurd = pauses.next(Some(&refused(Some(1 << 40))), 0.0);
        assert_eq!(absurd, LEAST_MOST, "a server cannot send its subscribers away for ever");
    }
}
