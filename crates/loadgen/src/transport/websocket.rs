//! WebSocket: frames both ways over an upgraded connection.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio_util::either::Either;
use wirebench_measure::{Event, UpstreamEvent};
use wirebench_protocol::{
    Cursor, Gap, Hello, Message, MessageHead, Timestamp, Transport, split_binary,
};

use super::client::{CarriedMessage, CarriedPayload, Client, Opening, publish_options};
use super::settings::SubscriberSettings;
use crate::error::SubscribeError;
use crate::http::{OPENING_TIMEOUT, RequestKind, quote};
use crate::upstream::{Outbox, Outgoing, OutgoingPayload};
use crate::websocket::{self, Utf8Bytes, WebSocketConnection};

/// How long the connection may be silent: three times the interval of the server's pings.
const SILENCE_TIMEOUT: Duration = Duration::from_mins(1);

/// Reads message by message. A message carries no cursor of its own: its cursor is that of the
/// hello, with the `seq` of the message.
pub(super) struct WebSocket<'a> {
    connection: WebSocketConnection,
    settings: SubscriberSettings,
    cursor: Cursor,
    /// The events of the hello that have not been returned yet.
    events: VecDeque<Event>,
    /// `None` if the subscriber sends nothing.
    outbox: Option<&'a Outbox>,
    /// The message that an event has announced and that is not sent yet.
    due: Option<websocket::Message>,
    /// The numbers of the messages that were sent and are not answered yet, and the bytes of their
    /// frames; the oldest first.
    sent: VecDeque<(u64, Option<u64>)>,
}

/// The first frame.
#[derive(Deserialize)]
struct HelloFrame {
    hello: Hello,
}

/// A frame in which the server says that messages cannot be delivered.
#[derive(Deserialize)]
struct GapFrame {
    gap: Gap,
    cursor: Cursor,
}

/// A frame in which the server answers a message of the subscriber. Its value does not matter: the
/// answers come in the order of the messages.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AnswerFrame {
    Published(IgnoredAny),
    Echo(IgnoredAny),
    #[serde(untagged)]
    Refused {
        #[serde(rename = "error")]
        _error: IgnoredAny,
    },
}

impl<'a> Client<'a> for WebSocket<'a> {
    async fn open(opening: Opening<'a>) -> Result<Self, SubscribeError> {
        let dialled = Timestamp::now();
        let http = opening.connect().await?;
        let headers = opening.headers(RequestKind::WebSocket);
        let target = opening.address(Transport::WebSocket, opening.after);
        let mut connection =
            WebSocketConnection::open(http, &target, &headers, OPENING_TIMEOUT).await?;
        let hello = first_text(&mut connection).await?;
        let at = connection.arrived_at();
        let hello = hello.as_deref().unwrap_or("the end of the connection");
        let Ok(HelloFrame { hello }) = serde_json::from_str(hello) else {
            return Err(unexpected(&connection, hello, "`{\"hello\":{\"cursor\":…}}` first"));
        };
        connection.allow(SILENCE_TIMEOUT);
        let took = at.saturating_since(dialled);
        let mut events = VecDeque::from([Event::Connected { took, cursor: hello.cursor }]);
        events.extend(hello.gap.map(|gap| Event::Gap { gap, cursor: hello.cursor }));
        Ok(Self {
            connection,
            settings: opening.settings,
            cursor: hello.cursor,
            events,
            outbox: opening.outbox,
            due: None,
            sent: VecDeque::new(),
        })
    }

    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if let Some(frame) = self.due.take() {
                self.connection.send(frame).await?;
            }
            let outbox = self.outbox;
            // A message that is due goes first: there are few of them, and many that arrive.
            let waiting = |cx: &mut Context<'_>| match outbox {
                Some(outbox) => outbox.poll_next(cx),
                None => Poll::Pending,
            };
            let message = match self.connection.next_beside(waiting).await? {
                Either::Right(message) => return Ok(Some(self.announce(&message))),
                Either::Left(message) => message,
            };
            // Stamped here, before decoding.
            let at = self.connection.arrived_at();
            let event = match message {
                Some(websocket::Message::Text(text)) => self.event(&text, at)?,
                Some(websocket::Message::Binary(bytes)) => self.binary_event(&bytes, at)?,
                // `WebSocketConnection::next_beside` returns no other kinds.
                Some(_) => None,
                None => return self.connection.proper_end().map(|()| None),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }
}

impl WebSocket<'_> {
    /// Returns the event of a message that is sent next.
    fn announce(&mut self, message: &Outgoing) -> Event {
        let options = publish_options(message);
        let request = |value: &str| match &options {
            Some(options) => format!("{{\"publish\":{value},{options}}}"),
            None => format!("{{\"echo\":{value}}}"),
        };
        let frame = match &message.payload {
            OutgoingPayload::Json(json) => websocket::Message::text(request(json)),
            OutgoingPayload::Binary(bytes) => {
                let head = request("null");
                websocket::Message::binary([head.as_bytes(), b"\n", bytes].concat())
            }
        };
        let bytes = self.connection.frame_bytes(frame.len(), true);
        self.sent.push_back((message.number, bytes));
        self.due = Some(frame);
        let Outgoing { due, again, .. } = *message;
        Event::Upstream(UpstreamEvent::Sent { due, at: Timestamp::now(), again, request: false })
    }

    /// Decodes a message, a gap, or the answer to what was sent. `None` is the answer to a message
    /// that was given up.
    fn event(&mut self, text: &str, at: Timestamp) -> Result<Option<Event>, SubscribeError> {
        let error = match serde_json::from_str::<Message<'_>>(text) {
            Ok(message) => {
                let carried = CarriedMessage::text(self.cursor.at(message.seq), &message);
                return Ok(Some(carried.received(at, &self.settings)));
            }
            Err(error) => error,
        };
        if let Ok(GapFrame { gap, cursor }) = serde_json::from_str(text) {
            return Ok(Some(Event::Gap { gap, cursor }));
        }
        if let Some(outbox) = self.outbox
            && let Ok(answer) = serde_json::from_str(text)
        {
            return Ok(self.answered(outbox, &answer, text.len(), at));
        }
        let found = format!("`{text}` ({error})");
        Err(unexpected(&self.connection, &found, "a message or a gap"))
    }

    /// Decodes a binary message: a message of the feed, or the answer to what was sent.
    fn binary_event(
        &mut self,
        message: &[u8],
        at: Timestamp,
    ) -> Result<Option<Event>, SubscribeError> {
        let (head, payload) = split_binary(message).unwrap_or((message, &[]));
        let error = match serde_json::from_slice(head) {
            Ok(MessageHead { seq, published_at }) => {
                let cursor = self.cursor.at(seq);
                let payload = CarriedPayload::Binary(payload);
                let carried = CarriedMessage { cursor, published_at, payload };
                return Ok(Some(carried.received(at, &self.settings)));
            }
            Err(error) => error,
        };
        if let Some(outbox) = self.outbox
            && let Ok(answer) = serde_json::from_slice(head)
        {
            return Ok(self.answered(outbox, &answer, message.len(), at));
        }
        let found = format!("`{}` ({error})", String::from_utf8_lossy(head));
        Err(unexpected(&self.connection, &found, "a binary message that begins with its head"))
    }

    /// Returns what the answer to the oldest message on the connection says. `None` if that message
    /// was given up.
    fn answered(
        &mut self,
        outbox: &Outbox,
        answer: &AnswerFrame,
        length: usize,
        at: Timestamp,
    ) -> Option<Event> {
        let (number, sent) = self.sent.pop_front()?;
        let answered = self.connection.frame_bytes(length, false);
        let bytes = sent.zip(answered).map(|(sent, answered)| sent + answered);
        let due = outbox.answered(number, at)?;
        Some(Event::Upstream(match answer {
            AnswerFrame::Published(_) | AnswerFrame::Echo(_) => {
                UpstreamEvent::Acknowledged { due, at, bytes }
            }
            AnswerFrame::Refused { .. } => UpstreamEvent::Refused { due },
        }))
    }
}

/// Returns the first message, which has to be text, and `None` after a proper close.
async fn first_text(
    connection: &mut WebSocketConnection,
) -> Result<Option<Utf8Bytes>, SubscribeError> {
    match connection.next().await? {
        Some(websocket::Message::Text(text)) => Ok(Some(text)),
        Some(_) => Err(unexpected(connection, "a binary message", "text")),
        None => connection.proper_end().map(|()| None),
    }
}

fn unexpected(
    connection: &WebSocketConnection,
    found: &str,
    expected: &'static str,
) -> SubscribeError {
    let (asked, found) = (connection.asked().to_owned(), quote(found));
    SubscribeError::Protocol { asked, found, expected }
}
