//! What the client halves of all transports have in common.

use futures::TryFutureExt;
use futures::stream::{self, BoxStream, StreamExt};
use http::header::HeaderMap;
use wirebench_measure::{Event, Origin};
use wirebench_protocol::{After, Cursor, Message, Timestamp};

use super::settings::SubscriberSettings;
use crate::error::SubscribeError;
use crate::http::{ClientConnection, HttpClient, RequestKind};
use crate::socket_io::Connector;
use crate::target::Target;
use crate::upstream::{Outbox, SentMessage};

/// The client half of one transport: one subscription, from its opening to its end.
pub(super) trait Client<'a>: Sized + Send {
    /// Opens the connection. A transport whose server answers the opening also waits for that
    /// answer.
    fn open(opening: Opening<'a>) -> impl Future<Output = Result<Self, SubscribeError>> + Send;

    /// Returns the next event, and `None` when the server has properly ended the subscription. Not
    /// called again after `None` or an error.
    fn next(&mut self) -> impl Future<Output = Result<Option<Event>, SubscribeError>> + Send;
}

/// What a client half needs to start. It may keep it, to open more connections later.
#[derive(Clone, Copy)]
pub(super) struct Opening<'a> {
    pub(super) client: &'a HttpClient,
    pub(super) target: &'a Target,
    pub(super) after: After,
    pub(super) settings: SubscriberSettings,
    /// What the subscriber sends. `None`: nothing.
    pub(super) outbox: Option<&'a Outbox>,
}

impl Opening<'_> {
    /// Opens a connection for this subscription, or joins one that is shared.
    pub(super) async fn connect(&self) -> Result<ClientConnection, SubscribeError> {
        self.client.connect(self.target).await
    }

    /// Returns the headers of a request of this kind.
    pub(super) fn headers(&self, kind: RequestKind) -> HeaderMap {
        self.client.headers(self.settings.headers, self.target, kind)
    }
}

impl Connector for Opening<'_> {
    async fn connect(&self) -> Result<ClientConnection, SubscribeError> {
        Opening::connect(self).await
    }

    fn headers(&self, kind: RequestKind) -> HeaderMap {
        Opening::headers(self, kind)
    }
}

/// Returns the events of a subscription. Nothing is dialled before the first one is awaited.
pub(super) fn events<'a, C: Client<'a> + 'a>(
    opening: Opening<'a>,
) -> BoxStream<'a, Result<Event, SubscribeError>> {
    C::open(opening)
        .map_ok(|client| {
            // Boxed once, so that `try_unfold` moves a pointer per event and not the client.
            stream::try_unfold(Box::new(client), |mut client| async move {
                Ok(client.next().await?.map(|event| (event, client)))
            })
        })
        .try_flatten_stream()
        .boxed()
}

/// Returns a message as an event, in the same form for all transports.
pub(super) fn received(
    cursor: Cursor,
    message: &Message<'_>,
    at: Timestamp,
    settings: &SubscriberSettings,
) -> Event {
    let payload = message.payload.get();
    Event::Received {
        cursor,
        published_at: message.published_at,
        received_at: at,
        payload_bytes: payload.len(),
        origin: settings.sender.and_then(|receiver| origin(payload, receiver)),
        payload: settings.payloads.then(|| payload.into()),
    }
}

/// Returns who sent a message, if a subscriber did.
fn origin(payload: &str, receiver: u64) -> Option<Origin> {
    SentMessage::read(payload).map(|sent| Origin { due: sent.due, own: sent.sender == receiver })
}
