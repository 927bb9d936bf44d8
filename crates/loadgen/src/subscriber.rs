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
use crate::pauses::Pauses;
use crate::target::Target;
use crate::transport::{Settings, subscribe};

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
/// After an interruption it resumes behind the last message it has seen, after a pause. With
/// [`Reconnect::Same`](wirebench_scenario::Reconnect) the pause is drawn from 0 to a bound that doubles
/// with each attempt (full jitter, so that a crowd does not come back as one). A message received, or five
/// seconds of standing, start the bound again. If the server has asked for a pause longer than the first
/// bound (`retry:` of an event stream, `Retry-After` of a refusal), that comes first, up to a minute, and
/// what is drawn comes on top: up to the bound, or up to half of what the server asked for if that is more.
/// With `Reconnect::Native` the pause is that of the transport's usual client.
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
    let mut pauses = Pauses::new(settings.reconnect, transport, settings.interval, &mut random);
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
        let (mut stood, mut delivered, mut closing, mut polled) = (None, false, false, began);
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
                            pauses.received();
                            after = After::Cursor(cursor);
                        }
                        Event::Empty { cursor, .. } | Event::Gap { cursor, .. } => {
                            after = After::Cursor(cursor);
                        }
                        Event::Closing => closing = true,
                        Event::Retry { after } => pauses.told(after),
                        Event::Request { .. } => polled = Instant::now(),
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
        pauses.stood(stood);
        let pause = pauses.next(why.as_ref(), polled.elapsed(), random.random());
        see(Sight::Interrupted { why: why.as_ref(), pause });
        if let Some(error) = why.filter(|why| pauses.gives_up(why)) {
            return error;
        }
        tokio::time::sleep(pause).await;
    }
}
