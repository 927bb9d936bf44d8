//! WebSocket: frames both ways over an upgraded connection.

use std::collections::VecDeque;
use std::time::Duration;

use http::Uri;
use serde::Deserialize;
use wirebench_measure::Event;
use wirebench_protocol::{After, Cursor, Gap, Hello, Message, Timestamp, Transport};

use super::{Client, Opening, Settings, received};
use crate::error::SubscribeError;
use crate::exchange::{self, Http};
use crate::headers::Kind;
use crate::websocket::{self, WebSocket as Frames};

/// How long the connection may be silent: three of the server's pings.
const SILENCE: Duration = Duration::from_mins(1);

/// The close codes of a server that has nothing against the subscriber: done, and going away.
const PROPER: [u16; 2] = [1000, 1001];

/// Reads frame by frame. A frame carries no cursor of its own: it is the hello's, at the message's `seq`.
pub(super) struct WebSocket<'a> {
    opening: Opening<'a>,
    /// `None` until the first event is asked for.
    stream: Option<Open>,
}

struct Open {
    frames: Frames,
    settings: Settings,
    cursor: Cursor,
    /// What the hello said and the caller has not had yet.
    events: VecDeque<Event>,
}

/// The first frame.
#[derive(Deserialize)]
struct Greeting {
    hello: Hello,
}

/// A frame in which the server says that messages cannot be delivered.
#[derive(Deserialize)]
struct Hole {
    gap: Gap,
    cursor: Cursor,
}

impl<'a> WebSocket<'a> {
    pub(super) fn new(opening: Opening<'a>) -> Self {
        Self { opening, stream: None }
    }
}

impl Client for WebSocket<'_> {
    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        if self.stream.is_none() {
            self.stream = Some(Open::open(&self.opening).await?);
        }
        let stream = self.stream.as_mut().expect("it has just been opened");
        if let Some(event) = stream.events.pop_front() {
            return Ok(Some(event));
        }
        let Some(text) = text(&mut stream.frames).await? else { return Ok(None) };
        // Stamped here, before decoding.
        let at = stream.frames.arrived_at();
        stream.understand(&text, at).map(Some)
    }
}

impl Open {
    async fn open(opening: &Opening<'_>) -> Result<Self, SubscribeError> {
        let dialled = Timestamp::now();
        let http = Http::open(opening.dialer, opening.target).await?;
        let headers = opening.headers(Kind::WebSocket);
        let uri = ask(&opening.target.feed, opening.after);
        let mut frames = Frames::open(http, uri, headers, exchange::OPENING).await?;
        let greeting = text(&mut frames).await?;
        let at = frames.arrived_at();
        let greeting = greeting.as_deref().unwrap_or("the end of the connection");
        let Ok(Greeting { hello }) = serde_json::from_str(greeting) else {
            return Err(unexpected(&frames, greeting, "`{\"hello\":{\"cursor\":…}}` first"));
        };
        frames.allow(SILENCE);
        let took = at.saturating_since(dialled);
        let mut events = VecDeque::from([Event::Connected { took, cursor: hello.cursor }]);
        events.extend(hello.gap.map(|gap| Event::Gap { gap, cursor: hello.cursor }));
        Ok(Self { frames, settings: opening.settings, cursor: hello.cursor, events })
    }

    fn understand(&self, text: &str, at: Timestamp) -> Result<Event, SubscribeError> {
        let error = match serde_json::from_str::<Message<'_>>(text) {
            Ok(message) => {
                return Ok(received(self.cursor.at(message.seq), &message, at, &self.settings));
            }
            Err(error) => error,
        };
        if let Ok(Hole { gap, cursor }) = serde_json::from_str(text) {
            return Ok(Event::Gap { gap, cursor });
        }
        let found = format!("`{text}` ({error})");
        Err(unexpected(&self.frames, &found, "a message or a gap"))
    }
}

/// The next text; `None` after a proper close.
async fn text(
    frames: &mut Frames,
) -> Result<Option<tokio_tungstenite::tungstenite::Utf8Bytes>, SubscribeError> {
    match frames.next().await? {
        Some(websocket::Message::Text(text)) => Ok(Some(text)),
        Some(_) => Err(unexpected(frames, "a binary message", "text")),
        None => match frames.close_frame() {
            Some(close) if !PROPER.contains(&close.code.into()) => Err(SubscribeError::Closed {
                asked: frames.asked().to_owned(),
                code: close.code.into(),
                reason: close.reason.to_string(),
            }),
            _ => Ok(None),
        },
    }
}

fn unexpected(frames: &Frames, found: &str, expected: &'static str) -> SubscribeError {
    let (asked, found) = (frames.asked().to_owned(), exchange::quote(found));
    SubscribeError::Protocol { asked, found, expected }
}

fn ask(feed: &str, after: After) -> Uri {
    let path = Transport::WebSocket.path(feed);
    let uri = match after {
        After::Newest => path,
        after => format!("{path}?after={after}"),
    };
    uri.parse().expect("a path of a parsed URL and a cursor are a URI")
}
