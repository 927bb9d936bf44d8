//! What the client halves of all transports have in common.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::TryFutureExt;
use futures::stream::{self, BoxStream, StreamExt};
use wirebench_measure::{Event, MessageOrigin, Origin, ReceivedPayload};
use wirebench_protocol::{
    After, Cursor, Message, Recipients, TextPayload, Timestamp, Transport, is_payload_intact,
};

use super::settings::SubscriberSettings;
use crate::error::SubscribeError;
use crate::http::{ClientConnection, HttpClient, RequestHeaders, RequestKind};
use crate::probes::Probe;
use crate::socket_io::Connector;
use crate::target::Target;
use crate::upstream::{Outbox, Outgoing, SentMessage};

/// The client half of one transport: one subscription, from its opening to its end. `O` is what it
/// is opened with.
pub(super) trait Client<'a, O = Opening<'a>>: Sized + Send {
    /// Opens the connection. A transport whose server answers the opening also waits for that
    /// answer.
    fn open(opening: O) -> impl Future<Output = Result<Self, SubscribeError>> + Send;

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
    /// Returns the path and query at which to subscribe over a transport that has a path for each
    /// feed. `after` is the cursor, if it goes into the query.
    pub(super) fn address(&self, transport: Transport, after: After) -> String {
        let after = (after != After::Newest).then(|| format!("after={after}"));
        let name = self.settings.subscriber_name().map(|name| format!("as={name}"));
        let every = self.every().map(|every| format!("every={every}"));
        let query: Vec<_> = after.into_iter().chain(name).chain(every).collect();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("{}{separator}{}", transport.path(&self.target.feed), query.join("&"))
    }

    /// Opens a connection for this subscription, or joins one that is shared.
    pub(super) async fn connect(&self) -> Result<ClientConnection, SubscribeError> {
        self.client.connect(self.target).await
    }

    /// Returns the headers of a request of this kind.
    pub(super) fn headers(&self, kind: RequestKind) -> RequestHeaders {
        self.client.headers(self.settings.headers, self.target, kind)
    }

    /// Returns the period of the push timer in seconds, as the server is asked for it. `None`: it
    /// is not asked for one.
    pub(super) fn every(&self) -> Option<f64> {
        let period = self.settings.push_timer;
        (!period.is_zero()).then_some(period.as_secs_f64())
    }
}

impl Connector for Opening<'_> {
    async fn connect(&self) -> Result<ClientConnection, SubscribeError> {
        Opening::connect(self).await
    }

    fn headers(&self, kind: RequestKind) -> RequestHeaders {
        Opening::headers(self, kind)
    }
}

/// Returns the events of a subscription. Nothing is dialled before the first one is awaited.
pub(super) fn events<'a, C: Client<'a, O> + 'a, O: 'a>(
    opening: O,
) -> BoxStream<'a, Result<Event, SubscribeError>> {
    // Boxed, so that the memory of the opening, which is large, is freed when it is done.
    Box::pin(C::open(opening))
        .map_ok(|client| {
            // Boxed once, so that `try_unfold` moves a pointer per event and not the client.
            stream::try_unfold(Box::new(client), |mut client| async move {
                Ok(client.next().await?.map(|event| (event, client)))
            })
        })
        .try_flatten_stream()
        .boxed()
}

/// A message as a transport carried it, not decoded yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct CarriedMessage<'a> {
    pub(super) cursor: Cursor,
    pub(super) published_at: Timestamp,
    pub(super) payload: CarriedPayload<'a>,
}

/// The payload of a message as a transport carried it.
#[derive(Clone, Copy, Debug)]
pub(super) enum CarriedPayload<'a> {
    /// A message object.
    Text(TextPayload<'a>),
    /// Bytes as they are.
    Binary(&'a [u8]),
}

impl<'a> CarriedMessage<'a> {
    /// Returns a message object, whose place in the feed is `cursor`.
    pub(super) fn text(cursor: Cursor, message: &Message<'a>) -> Self {
        let Message { published_at, payload, .. } = *message;
        Self { cursor, published_at, payload: CarriedPayload::Text(payload) }
    }

    /// Decodes and checks the message, which arrived `at`, and returns it as an event. It is the
    /// same for all transports.
    pub(super) fn received(&self, at: Timestamp, settings: &SubscriberSettings) -> Event {
        let Self { cursor, published_at, payload } = *self;
        let decoded: Cow<'_, [u8]> = match payload {
            CarriedPayload::Text(TextPayload::Json(json)) => {
                let json = json.get();
                return Event::Received {
                    cursor,
                    published_at,
                    received_at: at,
                    payload_bytes: json.len(),
                    origin: origin(settings, || SentMessage::read(json))
                        .or_else(|| probe(settings, json)),
                    payload: settings.payloads.then(|| ReceivedPayload::Json(json.into())),
                };
            }
            CarriedPayload::Text(TextPayload::Base64(text)) => match STANDARD.decode(text) {
                Ok(bytes) => bytes.into(),
                Err(_) => return Event::Damaged { cursor, published_at },
            },
            CarriedPayload::Binary(bytes) => bytes.into(),
        };
        if settings.sealed && !is_payload_intact(&decoded) {
            return Event::Damaged { cursor, published_at };
        }
        Event::Received {
            cursor,
            published_at,
            received_at: at,
            payload_bytes: decoded.len(),
            origin: origin(settings, || SentMessage::read_binary(&decoded)),
            payload: settings
                .payloads
                .then(|| ReceivedPayload::Binary(decoded.into_owned().into())),
        }
    }
}

/// Returns the options with which a message is published over a socket, as the members of a JSON
/// object. `None` if it is an echo.
pub(super) fn publish_options(message: &Outgoing) -> Option<String> {
    let key = message.key.as_ref()?;
    let recipients = match message.addressees.recipients() {
        Recipients::Everyone => String::new(),
        Recipients::Only(name) => format!(",\"to\":\"{name}\""),
        Recipients::Except(name) => format!(",\"except\":\"{name}\""),
    };
    Some(format!("\"key\":\"{key}\"{recipients}"))
}

/// Returns who sent a message, if a subscriber did. `read` reads that from its payload.
fn origin(
    settings: &SubscriberSettings,
    read: impl FnOnce() -> Option<SentMessage>,
) -> Option<MessageOrigin> {
    let sent = settings.sends.then(read).flatten()?;
    Some(MessageOrigin::Subscriber(Origin {
        due: sent.due,
        own: sent.sender == settings.number,
        misdelivered: !sent.addressees.include(settings.number),
    }))
}

/// Returns the origin of a probe of this host.
fn probe(settings: &SubscriberSettings, json: &str) -> Option<MessageOrigin> {
    Probe::due_on(settings.probe_host?, json).map(|due| MessageOrigin::Probe { due })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wirebench_protocol::{Epoch, seal_payload, split_binary};

    use super::*;
    use crate::event_stream::Decoder;

    fn received(payload: CarriedPayload<'_>, settings: SubscriberSettings) -> Event {
        let cursor = Cursor { epoch: Epoch(1), seq: 2 };
        let message = CarriedMessage { cursor, published_at: Timestamp::from_nanos(3), payload };
        message.received(Timestamp::from_nanos(4), &settings)
    }

    #[test]
    fn bytes_count_decoded_and_are_checked_only_where_they_are_sealed() {
        let mut bytes = *b"some bytes and ....";
        let text = STANDARD.encode(bytes);
        let base64 = CarriedPayload::Text(TextPayload::Base64(&text));
        let sealed = SubscriberSettings { sealed: true, ..SubscriberSettings::default() };
        for carried in [base64, CarriedPayload::Binary(&bytes)] {
            let settings = SubscriberSettings { payloads: true, ..SubscriberSettings::default() };
            let Event::Received { payload_bytes, payload, .. } = received(carried, settings) else {
                panic!("{carried:?}")
            };
            assert_eq!(payload_bytes, 19);
            assert_eq!(payload, Some(ReceivedPayload::Binary(bytes.into())));
            assert!(matches!(received(carried, sealed), Event::Damaged { .. }), "{carried:?}");
        }
        seal_payload(&mut bytes);
        let text = STANDARD.encode(bytes);
        let base64 = CarriedPayload::Text(TextPayload::Base64(&text));
        for carried in [base64, CarriedPayload::Binary(&bytes)] {
            assert!(matches!(received(carried, sealed), Event::Received { .. }), "{carried:?}");
        }
    }

    #[test]
    fn text_that_is_no_base64_is_damaged() {
        for text in ["A", "AA", "AA=", "A===", "AA-_", "AA==\n", "AB=="] {
            let carried = CarriedPayload::Text(TextPayload::Base64(text));
            let event = received(carried, SubscriberSettings::default());
            assert!(matches!(event, Event::Damaged { .. }), "{text}: {event:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn bytes_arrive_as_they_were_sent_wherever_the_stream_is_cut(
            payload in prop::collection::vec(any::<u8>(), 0..300), size in 1..80_usize,
        ) {
            let settings = SubscriberSettings { payloads: true, ..SubscriberSettings::default() };
            let expected = Some(ReceivedPayload::Binary(payload[..].into()));
            let text = STANDARD.encode(&payload);
            let message = format!(r#"{{"seq":2,"published_ns":3,"payload_base64":"{text}"}}"#);
            let stream = format!("id: 1\ndata: {message}\n\n");
            let (mut decoder, mut found) = (Decoder::default(), Vec::new());
            for mut piece in stream.as_bytes().chunks(size) {
                while let Some(block) = decoder.decode(&mut piece).unwrap() {
                    let data = block.event.unwrap().data;
                    let message: Message<'_> = serde_json::from_str(data).unwrap();
                    found.push(received(CarriedPayload::Text(message.payload), settings));
                }
            }
            let frame = [b"{\"seq\":2,\"published_ns\":3}\n", &payload[..]].concat();
            let (_, bytes) = split_binary(&frame).unwrap();
            found.push(received(CarriedPayload::Binary(bytes), settings));
            prop_assert_eq!(found.len(), 2);
            for event in found {
                let Event::Received { payload, .. } = event else { panic!("{event:?}") };
                prop_assert_eq!(&payload, &expected);
            }
        }
    }
}
