//! One life: subscribe, follow, resume where it was interrupted; the same for all transports.

use std::time::Duration;

use futures::StreamExt;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;
use wirebench_measure::Event;
use wirebench_protocol::{After, Transport};

use crate::dial::Dialer;
use crate::error::SubscribeError;
use crate::target::Target;
use crate::transport::{Settings, subscribe};

/// The pause before the first attempt to resume is drawn from 0 to this; it doubles each time.
const PAUSE_FIRST: Duration = Duration::from_millis(100);

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
/// connection that delivered starts the bound again at 100 ms.
///
/// # Cancel safety
///
/// Dropping the future closes the connection; nothing else remains.
pub async fn live(
    subscriber: &Subscriber<'_>,
    mut after: After,
    mut see: impl FnMut(Sight<'_>),
) -> SubscribeError {
    let Subscriber { transport, dialer, target, mut settings, seed } = *subscriber;
    let mut random = SmallRng::seed_from_u64(seed);
    let mut bound = PAUSE_FIRST;
    loop {
        settings.phase = settings.interval.mul_f64(random.random());
        let mut events = subscribe(transport, dialer, target, after, &settings);
        let mut stood = None;
        let why = loop {
            match events.next().await {
                Some(Ok(event)) => {
                    match event {
                        Event::Connected { cursor, .. } => {
                            stood = Some(Instant::now());
                            after = After::Cursor(cursor);
                        }
                        Event::Received { cursor, .. } => {
                            bound = PAUSE_FIRST;
                            after = After::Cursor(cursor);
                        }
                        Event::Empty { cursor, .. } | Event::Gap { cursor, .. } => {
                            after = After::Cursor(cursor);
                        }
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
        if stood.is_some_and(|stood| stood.elapsed() >= PAUSE_MOST) {
            bound = PAUSE_FIRST;
        }
        let pause = bound.mul_f64(random.random());
        bound = PAUSE_MOST.min(2 * bound);
        see(Sight::Interrupted { why: why.as_ref(), pause });
        if let Some(error) = why.filter(SubscribeError::is_permanent) {
            return error;
        }
        tokio::time::sleep(pause).await;
    }
}
