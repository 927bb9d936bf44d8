//! The client half of each transport: a function that returns a stream of events, and nothing else.
//!
//! No transport reconnects, and none remembers a cursor beyond its own connection: both are
//! `subscriber`'s, the same way for all.

mod long_polling;
mod polling;
mod short_polling;
mod sse;
mod websocket;

pub(crate) use sse::is_event_stream;

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use http::header::HeaderMap;
use wirebench_measure::Event;
use wirebench_protocol::{After, Cursor, Message, Timestamp, Transport};
use wirebench_scenario::{Headers, Reconnect};

use crate::dial::Dialer;
use crate::error::SubscribeError;
use crate::headers::{Kind, headers};
use crate::target::Target;

/// How a subscriber behaves. A field that a transport has no use for is ignored by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Short polling: from the start of one poll to the start of the next. 0 polls again at once.
    pub interval: Duration,
    /// Short polling: from the first answer to the start of the regular polls; less than `interval`, and
    /// different for every subscriber, or all of them poll in step.
    pub phase: Duration,
    /// Long polling: how long the server may hold a poll that finds nothing.
    pub hold: Duration,
    /// Long polling: the first poll of a connection is held like the others, because the subscription
    /// stands already. [`live`](crate::live) says so of a connection that continues another.
    pub held: bool,
    /// How long [`live`](crate::live) waits before it subscribes again.
    pub reconnect: Reconnect,
    /// Which request headers go along.
    pub headers: Headers,
    /// Whether events carry the payloads too: to show them, not to count them.
    pub payloads: bool,
}

impl Default for Settings {
    /// A poll a second without a phase, a hold of 25 s, the same pauses on every transport, the headers of
    /// a browser, no payloads.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            phase: Duration::ZERO,
            hold: Duration::from_secs(25),
            held: false,
            reconnect: Reconnect::default(),
            headers: Headers::Browser,
            payloads: false,
        }
    }
}

/// Subscribes to the feed of `target` over one connection, from `after` on.
///
/// The stream starts with [`Event::Connected`], behind the first [`Event::Request`] where the transport
/// polls. It ends, with an error or without, when the connection does.
///
/// # Cancel safety
///
/// Dropping the stream closes the connection. Dropping a future that waits for its next item loses
/// nothing.
pub fn subscribe<'a>(
    transport: Transport,
    dialer: &'a Dialer,
    target: &'a Target,
    after: After,
    settings: &Settings,
) -> BoxStream<'a, Result<Event, SubscribeError>> {
    let opening = Opening { dialer, target, after, settings: *settings };
    match transport {
        Transport::ShortPolling => events(short_polling::ShortPolling::new(opening)),
        Transport::LongPolling => events(long_polling::LongPolling::new(opening)),
        Transport::Sse => events(sse::Sse::new(opening)),
        Transport::WebSocket => events(websocket::WebSocket::new(opening)),
    }
}

/// A message as an event: the same for all transports, whoever decoded it.
fn received(cursor: Cursor, message: &Message<'_>, at: Timestamp, settings: &Settings) -> Event {
    let payload = message.payload.get();
    Event::Received {
        cursor,
        published_at: message.published_at,
        received_at: at,
        payload_bytes: payload.len(),
        payload: settings.payloads.then(|| payload.into()),
    }
}

/// What a client half needs to start.
struct Opening<'a> {
    dialer: &'a Dialer,
    target: &'a Target,
    after: After,
    settings: Settings,
}

impl Opening<'_> {
    /// The headers of a request of this kind.
    fn headers(&self, kind: Kind) -> HeaderMap {
        headers(self.settings.headers, self.dialer, self.target, kind)
    }
}

/// A client half: opens its connection when first asked.
trait Client: Send {
    /// The next event; `None` when the server has properly ended the subscription. Not called again
    /// after `None` or an error.
    fn next(&mut self) -> impl Future<Output = Result<Option<Event>, SubscribeError>> + Send;
}

fn events<'a>(client: impl Client + 'a) -> BoxStream<'a, Result<Event, SubscribeError>> {
    // Boxed once, so that `unfold` moves a pointer per event and not the client.
    stream::unfold(Some(Box::new(client)), |client| async move {
        let mut client = client?;
        match client.next().await {
            Ok(event) => Some((Ok(event?), Some(client))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}
