//! The loop of one subscriber.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Notify;
use tokio::time::Instant;
use wirebench_measure::Event;
use wirebench_protocol::{After, Delivery, Transport};

use super::backoff::Backoff;
use crate::error::SubscribeError;
use crate::http::HttpClient;
use crate::target::Target;
use crate::transport::{ResumeToken, SubscriberSettings, subscribe_and_send};
use crate::upstream::Outbox;

/// One subscriber of a feed.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber<'a> {
    /// The transport.
    pub transport: Transport,
    /// Opens the connections.
    pub client: &'a HttpClient,
    /// The feed. If several servers have it, the subscriber begins at the one of its number and goes
    /// on at the next one whenever it could not subscribe.
    pub target: &'a Target,
    /// How the subscriber behaves. `phase` is drawn again for every connection.
    pub settings: SubscriberSettings,
    /// Seeds the phases and pauses. Different for every subscriber.
    pub seed: u64,
    /// Cuts the connection, if one is open, whenever its waiters are notified: a run with faults
    /// does that. The connection is dropped without a closing handshake, and what is under way is
    /// lost.
    pub cut: Option<&'a Notify>,
    /// What it sends. Its number is `settings.number`. `None`: nothing.
    pub outbox: Option<&'a Outbox>,
}

/// What happens to a subscriber.
#[derive(Debug)]
pub enum SubscriberEvent<'a> {
    /// An event of the subscription. [`Event::Connected`] is repeated after every interruption.
    Event(&'a Event),
    /// The subscription ended, or could not be opened.
    Interrupted {
        /// The reason. `None` if the server ended it properly.
        why: Option<&'a SubscribeError>,
        /// How long until it is resumed.
        pause: Duration,
    },
}

/// Runs a subscriber that starts at `after`, and shows `observe` everything that happens to it.
/// Returns only when a request was refused in a way that makes another attempt pointless.
///
/// After an interruption it pauses and resumes after the last message it has seen. With
/// [`Reconnect::Same`](wirebench_scenario::Reconnect) the pause is drawn from 0 to a bound that
/// doubles with each attempt (full jitter, so that a crowd does not come back all at once). A
/// message received, or five seconds of being subscribed, reset the bound. If the server has asked
/// for a pause longer than the first bound (`retry:` of an event stream, `Retry-After` of a
/// refusal), that pause comes first, up to a minute, and a drawn one is added: up to the bound, or
/// up to half of what the server asked for if that is more. With `Reconnect::Native` the pause is
/// that of the usual client of the transport. A subscriber that is interrupted tries the same server
/// first. If it cannot subscribe there, it tries the next one, after its next pause.
///
/// An answer to a poll that says that the connection closes is no interruption: the next poll is
/// sent over another connection, at the time at which it would have been sent over this one.
///
/// # Cancel safety
///
/// Dropping the future closes the connection; nothing else remains.
pub async fn run_subscriber(
    subscriber: &Subscriber<'_>,
    after: After,
    mut observe: impl FnMut(SubscriberEvent<'_>),
) -> SubscribeError {
    let Subscriber { transport, mut settings, seed, .. } = *subscriber;
    let mut random = SmallRng::seed_from_u64(seed);
    let backoff = Backoff::new(settings.reconnect, transport, settings.interval, &mut random);
    let resume = subscriber.target.foreign.is_some().then(Arc::default);
    let server = usize::try_from(settings.number).unwrap_or_default();
    let mut position = Position { after, server, backoff, resume };
    loop {
        settings.phase = settings.interval.mul_f64(random.random());
        let mut connection = ConnectionRecord::new();
        let why = follow(subscriber, &settings, &mut position, &mut connection, &mut observe).await;
        let subscribed_for = connection.subscribed_for();
        if why.is_none()
            && let Some(at) = connection.continues_at(transport, &settings)
        {
            settings.continues = true;
            tokio::time::sleep_until(at).await;
            continue;
        }
        settings.continues = false;
        if connection.subscribed.is_none() {
            position.server = position.server.wrapping_add(1);
        }
        let backoff = &mut position.backoff;
        backoff.subscribed_for(subscribed_for);
        let pause = backoff.next(why.as_ref(), connection.requested.elapsed(), random.random());
        observe(SubscriberEvent::Interrupted { why: why.as_ref(), pause });
        if let Some(error) = why.filter(|why| backoff.gives_up(why)) {
            return error;
        }
        tokio::time::sleep(pause).await;
    }
}

/// What a subscriber keeps from one connection to the next.
struct Position {
    /// The cursor of the last message that it has seen.
    after: After,
    /// The number of the server that it is subscribed to, or tries next.
    server: usize,
    backoff: Backoff,
    /// What a target server has given to resume from.
    resume: Option<Arc<ResumeToken>>,
}

/// Subscribes once and follows the subscription to its end, whose reason it returns. The connection
/// is closed by then.
async fn follow(
    subscriber: &Subscriber<'_>,
    settings: &SubscriberSettings,
    position: &mut Position,
    connection: &mut ConnectionRecord,
    observe: &mut impl FnMut(SubscriberEvent<'_>),
) -> Option<SubscribeError> {
    let Subscriber { transport, client, target, cut, outbox, .. } = *subscriber;
    let (after, resume) = (position.after, position.resume.as_ref());
    let target = target.server(position.server);
    let mut events = subscribe_and_send(transport, client, target, after, settings, outbox, resume);
    let mut is_cut = pin!(async {
        match cut {
            Some(cut) => cut.notified().await,
            None => pending().await,
        }
    });
    loop {
        let next = tokio::select! {
            biased;
            next = events.next() => next?,
            () = &mut is_cut => return Some(SubscribeError::Cut),
        };
        let event = match next {
            Ok(event) => event,
            Err(error) => return Some(error),
        };
        position.update(&event);
        connection.update(&event);
        // A connection that continues another is no new subscription.
        if !(settings.continues && matches!(event, Event::Connected { .. })) {
            observe(SubscriberEvent::Event(&event));
        }
    }
}

impl Position {
    fn update(&mut self, event: &Event) {
        match *event {
            Event::Received { cursor, .. } | Event::Damaged { cursor, .. } => {
                self.backoff.received();
                self.after = After::Cursor(cursor);
            }
            Event::Watched(ref message) => {
                self.backoff.received();
                if let Some(cursor) = message.cursor {
                    self.after = After::Cursor(cursor);
                }
            }
            Event::Connected { cursor, .. } => {
                self.backoff.connected();
                self.after = After::Cursor(cursor);
            }
            Event::Empty { cursor, .. } | Event::Gap { cursor, .. } => {
                self.after = After::Cursor(cursor);
            }
            Event::Retry { after } => self.backoff.requested(after),
            Event::Closing | Event::Request { .. } | Event::Upstream(_) => {}
        }
    }
}

/// What happened on one connection.
struct ConnectionRecord {
    began: Instant,
    /// When the subscription was complete. `None` if it never was.
    subscribed: Option<Instant>,
    /// When the last request was sent.
    requested: Instant,
    /// A message was received.
    delivered: bool,
    /// The server has announced that it closes the connection.
    closing: bool,
}

impl ConnectionRecord {
    fn new() -> Self {
        let began = Instant::now();
        Self { began, subscribed: None, requested: began, delivered: false, closing: false }
    }

    fn update(&mut self, event: &Event) {
        match event {
            Event::Connected { .. } => self.subscribed = Some(Instant::now()),
            Event::Received { .. } | Event::Damaged { .. } | Event::Watched(_) => {
                self.delivered = true;
            }
            Event::Closing => self.closing = true,
            Event::Request { .. } => self.requested = Instant::now(),
            Event::Empty { .. } | Event::Gap { .. } | Event::Retry { .. } | Event::Upstream(_) => {}
        }
    }

    /// Returns how long the subscription has been complete.
    fn subscribed_for(&self) -> Duration {
        self.subscribed.map_or(Duration::ZERO, |subscribed| subscribed.elapsed())
    }

    /// Returns when the next connection continues this one without an interruption, and `None` if
    /// this one was interrupted.
    fn continues_at(&self, transport: Transport, settings: &SubscriberSettings) -> Option<Instant> {
        if !self.closing {
            return None;
        }
        match transport.delivery() {
            Delivery::Polled => Some(self.began + settings.interval),
            // Without this condition, a subscriber whose polls all return at once and empty would
            // reconnect without ever pausing.
            Delivery::Held | Delivery::Pushed => {
                (self.delivered || !settings.continues || self.began.elapsed() >= settings.hold / 2)
                    .then_some(self.began)
            }
        }
    }
}
