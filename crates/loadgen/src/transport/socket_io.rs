//! Socket.IO: events over requests, over a WebSocket, or over requests first and then a WebSocket.

mod sending;

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::json;
use tokio_util::either::Either;
use wirebench_measure::Event;
use wirebench_protocol::{
    After, Cursor, Gap, Hello, Message, SocketIoMode, Timestamp, Transport, is_first_placeholder,
};

use self::sending::Sending;
use super::client::{CarriedMessage, CarriedPayload, Client, Opening};
use super::settings::SubscriberSettings;
use crate::error::SubscribeError;
use crate::socket_io::{
    Assembled, Assembler, Frame, Malformed, Packet, PacketType, SocketIoSession,
};
use crate::socket_io::{SessionEvent, connect_error};

/// Reads event by event. A message carries no cursor of its own: its cursor is that of the hello,
/// with the `seq` of the message.
///
/// The subscriber is subscribed when the hello arrives, whatever carries it: in a session that
/// upgrades, that is before the WebSocket carries anything.
pub(super) struct SocketIo<'a> {
    session: SocketIoSession<'a, Opening<'a>>,
    assembler: Assembler,
    namespace: String,
    settings: SubscriberSettings,
    dialled: Timestamp,
    /// How far the subscriber has read. `None` before the hello.
    cursor: Option<Cursor>,
    sending: Sending<'a>,
    /// The bytes so far of the packet that is arriving. `None` if they are not known.
    arriving_bytes: Option<u64>,
    /// The events of the last packet that have not been returned yet.
    events: VecDeque<Event>,
    /// The server has ended the subscription.
    over: bool,
}

/// What the server emits to a subscriber.
enum FeedEvent<'a> {
    /// `["hello",{"cursor":…}]`, first.
    Hello(Hello),
    /// `["message",{"seq":…}]`
    Message(Message<'a>),
    /// `["gap",{"gap":…,"cursor":…}]`
    Gap(GapEvent),
    /// An event that nothing listens for.
    Other,
}

/// Says that messages cannot be delivered.
#[derive(Clone, Copy, serde::Deserialize)]
struct GapEvent {
    gap: Gap,
    cursor: Cursor,
}

impl<'a> Client<'a> for SocketIo<'a> {
    async fn open(opening: Opening<'a>) -> Result<Self, SubscribeError> {
        let dialled = Timestamp::now();
        let feed = &opening.target.feed;
        let path = Transport::SocketIo.path(feed);
        let namespace = SocketIoMode::namespace(feed);
        let mut session =
            SocketIoSession::open(opening, &path, opening.settings.socket_io_mode).await?;
        session.send([Frame::message(Packet::connect(&namespace, &auth(&opening)))]);
        Ok(Self {
            session,
            assembler: Assembler::default(),
            namespace,
            settings: opening.settings,
            dialled,
            cursor: None,
            sending: Sending::new(opening.outbox),
            arriving_bytes: Some(0),
            events: VecDeque::with_capacity(1),
            over: false,
        })
    }

    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if self.over {
                return Ok(None);
            }
            // A message that is due goes first: there are few of them, and many that arrive. None is
            // sent before the feed is subscribed to.
            let (sending, subscribed) = (&self.sending, self.cursor.is_some());
            let due = |cx: &mut Context<'_>| {
                if subscribed { sending.poll_next(cx) } else { Poll::Pending }
            };
            match self.session.next_beside(due).await? {
                Either::Right(message) => {
                    let event = self.sending.event(&self.namespace, message);
                    self.session.send(event);
                }
                Either::Left(Some(event)) => self.accept(event)?,
                Either::Left(None) => return Ok(None),
            }
        }
    }
}

impl SocketIo<'_> {
    /// Takes an event of the session.
    fn accept(&mut self, event: SessionEvent) -> Result<(), SubscribeError> {
        match event {
            SessionEvent::Request { at } => self.events.push_back(Event::Request { at }),
            SessionEvent::Sending { at, request } => {
                self.events.extend(self.sending.begins(at, request));
            }
            SessionEvent::Sent { bytes } => self.events.extend(self.sending.crossed(bytes)),
            SessionEvent::Empty { at } => {
                self.events.extend(self.cursor.map(|cursor| Event::Empty { at, cursor }));
            }
            SessionEvent::Message { frame, at, bytes } => {
                let so_far = self.arriving_bytes;
                self.arriving_bytes = so_far.zip(bytes).map(|(so_far, bytes)| so_far + bytes);
                let malformed = |error| self.session.malformed("a packet", error);
                if let Some(assembled) = self.assembler.take(frame).map_err(malformed)? {
                    let bytes = self.arriving_bytes.replace(0);
                    self.take(&assembled, at, bytes)?;
                }
            }
        }
        Ok(())
    }

    /// Takes a packet with its attachments, and with the bytes that all of them took.
    fn take(
        &mut self,
        assembled: &Assembled,
        at: Timestamp,
        bytes: Option<u64>,
    ) -> Result<(), SubscribeError> {
        let malformed = |error| self.session.malformed(assembled.text(), error);
        let packet = assembled.packet().map_err(malformed)?;
        if packet.namespace != self.namespace {
            return Ok(());
        }
        match packet.kind {
            PacketType::Event | PacketType::BinaryEvent => {
                let event = serde_json::from_str(packet.data)
                    .map_err(|_| malformed(Malformed("an event: `[\"message\",{\"seq\":…}]`")))?;
                self.observe(&event, &assembled.attachments, at)
                    .map_err(|error| self.session.malformed(assembled.text(), error))
            }
            PacketType::Disconnect => {
                self.over = true;
                Ok(())
            }
            PacketType::ConnectError => Err(connect_error(&packet)),
            PacketType::Ack | PacketType::BinaryAck => {
                let event = self.sending.acknowledged(&packet, at, bytes).map_err(malformed)?;
                self.events.extend(event);
                Ok(())
            }
            PacketType::Connect => Ok(()),
        }
    }

    fn observe(
        &mut self,
        event: &FeedEvent<'_>,
        attachments: &[Bytes],
        at: Timestamp,
    ) -> Result<(), Malformed> {
        let hello_first = Malformed("`[\"hello\",{\"cursor\":…}]` first");
        match *event {
            FeedEvent::Hello(Hello { cursor, gap }) => {
                self.session.established();
                self.cursor = Some(cursor);
                let took = at.saturating_since(self.dialled);
                self.events.push_back(Event::Connected { took, cursor });
                self.events.extend(gap.map(|gap| Event::Gap { gap, cursor }));
            }
            FeedEvent::Message(message) => {
                let cursor = self.cursor.ok_or(hello_first)?.at(message.seq);
                self.cursor = Some(cursor);
                let carried = carried(cursor, &message, attachments)?;
                self.events.push_back(carried.received(at, &self.settings));
            }
            FeedEvent::Gap(GapEvent { gap, cursor }) => {
                self.cursor.ok_or(hello_first)?;
                self.cursor = Some(cursor);
                self.events.push_back(Event::Gap { gap, cursor });
            }
            FeedEvent::Other => {}
        }
        Ok(())
    }
}

/// Returns a message with its payload: that of the message object, or the attachment for which it
/// has a placeholder.
fn carried<'a>(
    cursor: Cursor,
    message: &Message<'a>,
    attachments: &'a [Bytes],
) -> Result<CarriedMessage<'a>, Malformed> {
    let carried = CarriedMessage::text(cursor, message);
    match attachments {
        [] => Ok(carried),
        [bytes] if is_first_placeholder(message.payload.as_str()) => {
            Ok(CarriedMessage { payload: CarriedPayload::Binary(bytes), ..carried })
        }
        _ => Err(Malformed("a message without attachments, or with one as its payload")),
    }
}

/// Returns what the subscriber says about itself when it asks for the feed.
fn auth(opening: &Opening<'_>) -> String {
    let after = match opening.after {
        After::Newest => None,
        after @ (After::Start | After::Cursor(_)) => Some(("after", json!(after.to_string()))),
    };
    let name = opening.settings.subscriber_name();
    let name = name.map(|name| ("as", json!(name.to_string())));
    let every = opening.every().map(|every| ("every", json!(every)));
    let keys: BTreeMap<_, _> = after.into_iter().chain(name).chain(every).collect();
    if keys.is_empty() { String::new() } else { json!(keys).to_string() }
}

impl<'de> Deserialize<'de> for FeedEvent<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Arguments;

        impl<'de> Visitor<'de> for Arguments {
            type Value = FeedEvent<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array that begins with the name of the event")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let argument = |index| de::Error::invalid_length(index, &Self);
                let name: Cow<'_, str> = seq.next_element()?.ok_or_else(|| argument(0))?;
                let event = match &*name {
                    "hello" => FeedEvent::Hello(seq.next_element()?.ok_or_else(|| argument(1))?),
                    "message" => {
                        FeedEvent::Message(seq.next_element()?.ok_or_else(|| argument(1))?)
                    }
                    "gap" => FeedEvent::Gap(seq.next_element()?.ok_or_else(|| argument(1))?),
                    _ => FeedEvent::Other,
                };
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(event)
            }
        }

        deserializer.deserialize_seq(Arguments)
    }
}
