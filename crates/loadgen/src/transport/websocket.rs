//! WebSocket: frames both ways over an upgraded connection.

use std::collections::VecDeque;
use std::time::Duration;

use http::Uri;
use serde::Deserialize;
use wirebench_measure::Event;
use wirebench_protocol::{After, Cursor, Gap, Hello, Message, Timestamp, Transport};

use super::client::{Client, Opening, received};
use super::settings::SubscriberSettings;
use crate::error::SubscribeError;
use crate::http::{OPENING_TIMEOUT, RequestKind, quote};
use crate::websocket::{self, Utf8Bytes, WebSocketConnection};

/// How long the connection may be silent: three times the interval of the server's pings.
const SILENCE_TIMEOUT: Duration = Duration::from_mins(1);

/// Reads message by message. A message carries no cursor of its own: its cursor is that of the
/// hello, with the `seq` of the message.
pub(super) struct WebSocket {
    connection: WebSocketConnection,
    settings: SubscriberSettings,
    cursor: Cursor,
    /// The events of the hello that have not been returned yet.
    events: VecDeque<Event>,
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

impl<'a> Client<'a> for WebSocket {
    async fn open(opening: Opening<'a>) -> Result<Self, SubscribeError> {
        let dialled = Timestamp::now();
        let http = opening.connect().await?;
        let headers = opening.headers(RequestKind::WebSocket);
        let uri = request_uri(&opening.target.feed, opening.after);
        let mut connection = WebSocketConnection::open(http, uri, headers, OPENING_TIMEOUT).await?;
        let hello = next_text(&mut connection).await?;
        let at = connection.arrived_at();
        let hello = hello.as_deref().unwrap_or("the end of the connection");
        let Ok(HelloFrame { hello }) = serde_json::from_str(hello) else {
            return Err(unexpected(&connection, hello, "`{\"hello\":{\"cursor\":…}}` first"));
        };
        connection.allow(SILENCE_TIMEOUT);
        let took = at.saturating_since(dialled);
        let mut events = VecDeque::from([Event::Connected { took, cursor: hello.cursor }]);
        events.extend(hello.gap.map(|gap| Event::Gap { gap, cursor: hello.cursor }));
        Ok(Self { connection, settings: opening.settings, cursor: hello.cursor, events })
    }

    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(event));
        }
        let Some(text) = next_text(&mut self.connection).await? else { return Ok(None) };
        // Stamped here, before decoding.
        let at = self.connection.arrived_at();
        self.event(&text, at).map(Some)
    }
}

impl WebSocket {
    /// Decodes a message or a gap.
    fn event(&self, text: &str, at: Timestamp) -> Result<Event, SubscribeError> {
        let error = match serde_json::from_str::<Message<'_>>(text) {
            Ok(message) => {
                return Ok(received(self.cursor.at(message.seq), &message, at, &self.settings));
            }
            Err(error) => error,
        };
        if let Ok(GapFrame { gap, cursor }) = serde_json::from_str(text) {
            return Ok(Event::Gap { gap, cursor });
        }
        let found = format!("`{text}` ({error})");
        Err(unexpected(&self.connection, &found, "a message or a gap"))
    }
}

/// Returns the next text message, and `None` after a proper close.
async fn next_text(
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

/// Returns where to subscribe. A cursor goes into the query.
fn request_uri(feed: &str, after: After) -> Uri {
    let path = Transport::WebSocket.path(feed);
    let uri = match after {
        After::Newest => path,
        After::Start | After::Cursor(_) => format!("{path}?after={after}"),
    };
    uri.parse().expect("a path of a parsed URL and a cursor are a URI")
}
