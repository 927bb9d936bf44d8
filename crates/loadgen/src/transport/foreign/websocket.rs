//! A WebSocket of a target server: frames of text, after a handshake of steps.

use std::collections::VecDeque;

use wirebench_measure::Event;
use wirebench_protocol::Timestamp;
use wirebench_scenario::target::{
    Pattern, Split, Step, TargetWebSocket, Template, UnknownPlaceholder,
};

use super::message_format::MessageFormat;
use super::opening::{ForeignOpening, SILENCE_TIMEOUT, closed_at_once};
use super::watch_format::Beside;
use crate::error::SubscribeError;
use crate::http::{OPENING_TIMEOUT, RequestKind};
use crate::socket_io::Connector;
use crate::target::ForeignTarget;
use crate::text_socket::{EarlyText, SocketScript, TextSocket};
use crate::texts::{Misfit, text_at, unexpected};
use crate::transport::client::Client;
use crate::websocket::WebSocketConnection;

/// The maximum number of messages that may arrive before the handshake is done.
const MAX_EARLY_MESSAGES: usize = 1_000;

/// Reads text by text.
pub(super) struct ForeignWebSocket<'a> {
    opening: ForeignOpening<'a>,
    format: MessageFormat<'a>,
    socket: TextSocket<SubscriberScript<'a>>,
    /// The events that have not been returned yet.
    events: VecDeque<Event>,
}

/// What the target file says of the socket of a subscriber.
struct SubscriberScript<'a> {
    foreign: &'a ForeignTarget,
    subscriber: u64,
}

impl<'a> Client<'a, ForeignOpening<'a>> for ForeignWebSocket<'a> {
    async fn open(opening: ForeignOpening<'a>) -> Result<Self, SubscribeError> {
        let dialled = Timestamp::now();
        let (path, steps) = beginning(&opening);
        let http = opening.connect().await?;
        let headers = opening.headers(RequestKind::WebSocket);
        let opened = WebSocketConnection::open(http, &path, &headers, OPENING_TIMEOUT);
        let subscriber = opening.settings().number;
        let script = SubscriberScript { foreign: opening.foreign, subscriber };
        let mut half = Self {
            format: MessageFormat::of(opening.foreign),
            socket: TextSocket::new(opened.await?, script),
            events: VecDeque::new(),
            opening,
        };
        let done = half.shake_hands(steps).await?;
        half.socket.allow(SILENCE_TIMEOUT);
        let (took, cursor) = (done.saturating_since(dialled), half.opening.start());
        half.events.push_front(Event::Connected { took, cursor });
        Ok(half)
    }

    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            match self.socket.next_text().await? {
                Some(text) => self.take(&text)?,
                None if self.socket.is_heard() => return Ok(None),
                None => return Err(closed_at_once(format!("`{}`", self.socket.asked()))),
            }
        }
    }
}

/// Returns the path and the steps with which a connection begins: those of one that resumes, once
/// the server has given everything that they name.
fn beginning<'a>(opening: &ForeignOpening<'a>) -> (String, &'a [Step]) {
    let foreign = opening.foreign;
    let file = &foreign.file().websocket;
    let known = opening.resume.kept.all();
    let known: Vec<_> = known.iter().map(|(name, value)| (&**name, &**value)).collect();
    if !foreign.resumes(&known) {
        return (opening.path(None), &file.handshake.0);
    }
    let again = &file.resume_handshake.0;
    (opening.path(Some(&known)), if again.is_empty() { &file.handshake.0 } else { again })
}

impl ForeignWebSocket<'_> {
    /// Does the steps of the handshake, and takes the messages that come meanwhile. Returns when
    /// the last step was done.
    async fn shake_hands(&mut self, steps: &[Step]) -> Result<Timestamp, SubscribeError> {
        let Self { opening, format, socket, events } = self;
        let within = OPENING_TIMEOUT + 2 * opening.round_trip();
        let (opening, format) = (&*opening, *format);
        let mut early = |EarlyText { text, at, missed }: EarlyText<'_>| {
            let event = match missed {
                Some(step) => format.missed(&step.message).read(
                    text,
                    Beside::default(),
                    at,
                    opening.settings(),
                )?,
                None if format.singles_out(text) => {
                    keep(opening, text);
                    format.read(text, Beside::default(), at, opening.settings())?
                }
                None => return Ok(false),
            };
            if events.len() >= MAX_EARLY_MESSAGES {
                let found = format!("{MAX_EARLY_MESSAGES} messages before the handshake was done");
                let expected = "the end of the handshake (`handshake`)".to_owned();
                return Err(Misfit { found, expected });
            }
            events.extend(event.map(|(_, event)| event));
            Ok(true)
        };
        socket.shake_hands(steps, &opening.resume.kept, within, &mut early).await
    }

    /// Reads the message of a text, if it holds one, and keeps what a connection that resumes needs.
    fn take(&mut self, text: &str) -> Result<(), SubscribeError> {
        let at = self.socket.arrived_at();
        let read = self.format.read(text, Beside::default(), at, self.opening.settings());
        let read =
            read.map_err(|misfit| unexpected(format!("`{}`", self.socket.asked()), misfit))?;
        keep(&self.opening, text);
        self.events.extend(read.map(|(_, event)| event));
        Ok(())
    }
}

/// Keeps what the target file says of a text. What is not there stays as it was.
fn keep(opening: &ForeignOpening<'_>, text: &str) {
    for (name, pointer) in &opening.foreign.file().websocket.keep.0 {
        if let Some(value) = text_at(text, pointer) {
            opening.resume.kept.keep(name, &value);
        }
    }
}

impl SubscriberScript<'_> {
    fn file(&self) -> &TargetWebSocket {
        &self.foreign.file().websocket
    }
}

impl SocketScript for SubscriberScript<'_> {
    fn split(&self) -> Split {
        self.file().split
    }

    fn ping(&self) -> &Pattern {
        &self.file().ping
    }

    fn pong(&self) -> &Template {
        &self.file().pong
    }

    fn fill(&self, text: &Template, more: &[(&str, &str)]) -> Result<String, UnknownPlaceholder> {
        // What the server has not given yet is empty.
        let unknown = self.file().keep.0.iter().map(|(name, _)| (name.as_str(), ""));
        let values: Vec<_> = more.iter().copied().chain(unknown).collect();
        self.foreign.fill(text, self.subscriber, &values)
    }
}
