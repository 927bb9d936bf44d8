//! The client half of each transport: it turns a feed into a stream of events, and does nothing
//! else.
//!
//! No transport reconnects, and none remembers a cursor beyond one call of [`subscribe`]: the
//! module `subscriber` does both, in the same way for all.
//!
//! # A client half of several requests
//!
//! A client half gets an `Opening` and keeps what it needs of it. `Opening::connect` may be called
//! any number of times, and every connection that it opens is dialled, counted and stamped like the
//! first. So a transport whose subscription spans several requests fits in: Socket.IO keeps the
//! opening and the session id, and posts over a second connection while the server holds a `GET` on
//! the first. A `ClientConnection` carries one request at a time, and over HTTP/1.1 a held request
//! occupies the connection; over shared HTTP/2 the second one is another stream of the same
//! connection.
//!
//! # Target servers
//!
//! A target file says what such a server is asked and what it answers. `foreign` has a client half
//! for each transport that follows it. These share connections, stamps, decoders and sessions with
//! those of this project's server, and nothing is asked per message which of the two it is.
//!
//! # What a subscriber sends
//!
//! An `Outbox` holds the messages that are due. Where the subscription carries what its subscriber
//! sends, as frames of a WebSocket or as packets of a Socket.IO session, the client half takes them
//! from there. `posting.rs` posts them otherwise: short polling between two polls over its own
//! connection, the others over a second one beside their subscription.

mod client;
mod foreign;
mod long_polling;
mod poll_schedule;
mod poller;
mod posting;
mod settings;
mod short_polling;
mod socket_io;
mod sse;
mod websocket;

use std::sync::Arc;

use futures::stream::BoxStream;
use wirebench_measure::Event;
use wirebench_protocol::{After, Transport};

use self::client::{Opening, events};
use self::foreign::ForeignOpening;
use self::long_polling::LongPolling;
use self::posting::beside;
use self::short_polling::ShortPolling;
use self::socket_io::SocketIo;
use self::sse::Sse;
use self::websocket::WebSocket;
use crate::error::SubscribeError;
use crate::http::HttpClient;
use crate::target::Target;
use crate::upstream::Outbox;

pub(crate) use foreign::ResumeToken;
pub use settings::SubscriberSettings;

/// Subscribes to the feed of `target`, from `after` on, until the connection ends.
///
/// The stream starts with [`Event::Connected`], after an [`Event::Request`] for each request that
/// the transport needs to get there, if it polls or begins with polling. It ends, with an error or
/// without, when the connection does.
///
/// # Cancel safety
///
/// Dropping the stream closes the connection. Dropping a future that waits for the next item loses
/// nothing.
pub fn subscribe<'a>(
    transport: Transport,
    client: &'a HttpClient,
    target: &'a Target,
    after: After,
    settings: &SubscriberSettings,
) -> BoxStream<'a, Result<Event, SubscribeError>> {
    subscribe_and_send(transport, client, target, after, settings, None, None)
}

/// The same as [`subscribe`], and sends the messages of `outbox`. Their events come in between.
/// What an earlier subscription sent and was not acknowledged is sent again.
///
/// At a target server, the target decides on the transport, `resume` says where an
/// earlier subscription was interrupted, not `after`, and nothing is sent.
pub(crate) fn subscribe_and_send<'a>(
    transport: Transport,
    client: &'a HttpClient,
    target: &'a Target,
    after: After,
    settings: &SubscriberSettings,
    outbox: Option<&'a Outbox>,
    resume: Option<&Arc<ResumeToken>>,
) -> BoxStream<'a, Result<Event, SubscribeError>> {
    if let Some(outbox) = outbox {
        outbox.connection_lost();
    }
    let opening = Opening { client, target, after, settings: *settings, outbox };
    if let Some(foreign) = target.foreign.as_deref() {
        return foreign::events(ForeignOpening::new(opening, foreign, resume));
    }
    match transport {
        Transport::ShortPolling => events::<ShortPolling<'_>, _>(opening),
        Transport::LongPolling => beside(events::<LongPolling, _>(opening), opening),
        Transport::Sse => beside(events::<Sse, _>(opening), opening),
        Transport::WebSocket => events::<WebSocket<'_>, _>(opening),
        Transport::SocketIo => events::<SocketIo<'_>, _>(opening),
    }
}

#[cfg(test)]
mod tests {
    use super::client::Client;
    use super::*;

    /// Returns the size of a client half, of the future that opens it, and of the future that waits
    /// for its next event.
    fn sizes<C: Client<'static> + 'static>() -> [usize; 3] {
        fn returned<A, F>(_: impl FnOnce(A) -> F) -> usize {
            size_of::<F>()
        }
        [size_of::<C>(), returned(C::open), returned(|client: &'static mut C| client.next())]
    }

    /// A crowd has thousands of these. What is large and seldom needed belongs on the heap.
    #[test]
    fn the_client_half_of_each_transport_is_small() {
        for transport in Transport::ALL {
            let [half, opening, next] = match transport {
                Transport::ShortPolling => sizes::<ShortPolling<'static>>(),
                Transport::LongPolling => sizes::<LongPolling>(),
                Transport::Sse => sizes::<Sse>(),
                Transport::WebSocket => sizes::<WebSocket<'static>>(),
                Transport::SocketIo => sizes::<SocketIo<'static>>(),
            };
            assert!(half <= 768, "{transport}: {half} bytes");
            assert!(opening <= 3_072, "{transport}: {opening} bytes until it is open");
            assert!(next <= 1_024, "{transport}: {next} bytes while it waits");
        }
    }
}
