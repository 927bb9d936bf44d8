//! A WebSocket of a target server: frames of text, after a handshake of steps.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::timeout;
use wirebench_measure::Event;
use wirebench_protocol::Timestamp;
use wirebench_scenario::target::{Step, TargetWebSocket};

use super::json_pointer::text_at;
use super::message_format::{MessageFormat, split};
use super::misfit::Misfit;
use super::opening::{ForeignOpening, SILENCE_TIMEOUT, closed_at_once, unexpected};
use super::watch_format::Beside;
use crate::error::SubscribeError;
use crate::http::{OPENING_TIMEOUT, RequestKind, quote};
use crate::socket_io::Connector;
use crate::transport::client::Client;
use crate::websocket::{self, Utf8Bytes, WebSocketConnection};

/// The maximum number of messages that may arrive before the handshake is done.
const MAX_EARLY_MESSAGES: usize = 1_000;

/// Reads message by message.
pub(super) struct ForeignWebSocket<'a> {
    opening: ForeignOpening<'a>,
    format: MessageFormat<'a>,
    connection: WebSocketConnection,
    /// A message has arrived.
    heard: bool,
    /// The events that have not been returned yet.
    events: VecDeque<Event>,
}

impl<'a> Client<'a, ForeignOpening<'a>> for ForeignWebSocket<'a> {
    async fn open(opening: ForeignOpening<'a>) -> Result<Self, SubscribeError> {
        let dialled = Timestamp::now();
        let cursor = opening.resume.cursor();
        let http = opening.connect().await?;
        let headers = opening.headers(RequestKind::WebSocket);
        let path = opening.path(cursor.as_deref());
        let opened = WebSocketConnection::open(http, &path, &headers, OPENING_TIMEOUT);
        let mut half = Self {
            format: MessageFormat::of(opening.foreign),
            connection: opened.await?,
            heard: false,
            events: VecDeque::new(),
            opening,
        };
        half.shake_hands(cursor.as_deref().unwrap_or_default()).await?;
        half.connection.allow(SILENCE_TIMEOUT);
        let took = half.shaken_at().saturating_since(dialled);
        let cursor = half.opening.start();
        half.events.push_front(Event::Connected { took, cursor });
        Ok(half)
    }

    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            match self.text().await? {
                Some(text) if self.is_heartbeat(&text) => self.answer_heartbeat().await?,
                Some(text) => self.take(&text)?,
                None if self.heard => return Ok(None),
                None => return Err(closed_at_once(format!("`{}`", self.connection.asked()))),
            }
        }
    }
}

impl ForeignWebSocket<'_> {
    fn file(&self) -> &TargetWebSocket {
        &self.opening.foreign.file().websocket
    }

    /// Does the steps of the handshake.
    async fn shake_hands(&mut self, cursor: &str) -> Result<(), SubscribeError> {
        let foreign = self.opening.foreign;
        let mut captured = vec![("cursor".to_owned(), cursor.to_owned())];
        for (index, step) in foreign.file().websocket.handshake.0.iter().enumerate() {
            let name =
                format!("`{}`, step {} of its handshake,", self.connection.asked(), index + 1);
            match step {
                Step::Send(template) => {
                    let values: Vec<_> =
                        captured.iter().map(|(name, value)| (&**name, &**value)).collect();
                    let number = self.opening.settings().number;
                    let text = foreign.fill(template, number, &values).map_err(|error| {
                        let found = "no such value".to_owned();
                        unexpected(name, Misfit { found, expected: error.to_string() })
                    })?;
                    self.connection.send(websocket::Message::text(text)).await?;
                }
                Step::Expect { pattern, capture } => {
                    let text = self.expected(&name, |text| pattern.matches(text), pattern.text());
                    let text = text.await?;
                    for (value, pointer) in capture {
                        let found = text_at(&text, pointer).ok_or_else(|| {
                            let expected = format!("`{value}` at `{pointer}` (`handshake`)");
                            let found = format!("`{}`", quote(&text));
                            unexpected(name.clone(), Misfit { found, expected })
                        })?;
                        captured.push((value.clone(), found.into_owned()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns the next text that `matches`. Heartbeats are answered, and messages that
    /// come already are kept. Other texts are skipped; the last of them is in the error if nothing
    /// matches.
    async fn expected(
        &mut self,
        step: &str,
        matches: impl Fn(&str) -> bool,
        pattern: &str,
    ) -> Result<Utf8Bytes, SubscribeError> {
        let within = OPENING_TIMEOUT + 2 * self.opening.round_trip();
        // The time of the whole step counts, not that of each frame.
        self.connection.allow(within + Duration::from_mins(1));
        let mut skipped = None;
        let matching = async {
            while let Some(text) = self.text().await? {
                if matches(&text) {
                    return Ok(Some(text));
                } else if self.is_heartbeat(&text) {
                    self.answer_heartbeat().await?;
                } else if self.format.singles_out(&text) {
                    self.take_early(&text, step)?;
                } else {
                    skipped = Some(text);
                }
            }
            Ok::<_, SubscribeError>(None)
        };
        let end = match timeout(within, matching).await {
            Ok(Ok(Some(text))) => return Ok(text),
            Ok(Err(error)) => return Err(error),
            Ok(Ok(None)) => "the end of the connection".to_owned(),
            Err(_) => format!("nothing more for {} s", within.as_secs()),
        };
        let skipped = skipped.map(|text| format!("`{}` and then ", quote(&text)));
        let found = format!("{}{end}", skipped.unwrap_or_default());
        let expected = format!("`{pattern}` (`handshake`)");
        Err(unexpected(step.to_owned(), Misfit { found, expected }))
    }

    /// Keeps the messages of a text that came before the handshake was done.
    fn take_early(&mut self, text: &str, step: &str) -> Result<(), SubscribeError> {
        if self.events.len() >= MAX_EARLY_MESSAGES {
            let found = format!("{MAX_EARLY_MESSAGES} messages before the handshake was done");
            let expected = "the end of the handshake (`handshake`)".to_owned();
            return Err(unexpected(step.to_owned(), Misfit { found, expected }));
        }
        self.take(text)
    }

    /// Returns when the last step of the handshake was done.
    fn shaken_at(&self) -> Timestamp {
        match self.file().handshake.0.last() {
            Some(Step::Send(_)) => Timestamp::now(),
            Some(Step::Expect { .. }) | None => self.connection.arrived_at(),
        }
    }

    /// Returns the next message, and `None` after a proper end of the connection.
    async fn text(&mut self) -> Result<Option<Utf8Bytes>, SubscribeError> {
        let message = self.connection.next().await?;
        self.heard |= message.is_some();
        match message {
            Some(websocket::Message::Text(text)) => Ok(Some(text)),
            Some(websocket::Message::Binary(bytes)) => {
                Utf8Bytes::try_from(bytes).map(Some).map_err(|_| {
                    let found = "a binary message that is not UTF-8".to_owned();
                    let misfit = Misfit { found, expected: "text".to_owned() };
                    unexpected(format!("`{}`", self.connection.asked()), misfit)
                })
            }
            // `WebSocketConnection::next` returns no other kinds.
            Some(_) => Ok(Some(Utf8Bytes::default())),
            None => self.connection.proper_end().map(|()| None),
        }
    }

    fn is_heartbeat(&self, text: &str) -> bool {
        let ping = &self.file().ping;
        !ping.is_empty() && ping.matches(text)
    }

    async fn answer_heartbeat(&mut self) -> Result<(), SubscribeError> {
        let foreign = self.opening.foreign;
        let pong = foreign.fill(&self.file().pong, self.opening.settings().number, &[]);
        let pong = pong.expect("the same template was filled when the target was made");
        if pong.is_empty() {
            return Ok(());
        }
        self.connection.send(websocket::Message::text(pong)).await
    }

    /// Reads the messages of a text, and keeps the last cursor in it.
    fn take(&mut self, text: &str) -> Result<(), SubscribeError> {
        // Nothing was read since the text arrived.
        let at = self.connection.arrived_at();
        self.read(text, at)
            .map_err(|misfit| unexpected(format!("`{}`", self.connection.asked()), misfit))
    }

    fn read(&mut self, text: &str, at: Timestamp) -> Result<(), Misfit> {
        let file = &self.opening.foreign.file().websocket;
        for text in split(text, file.split)? {
            let read = self.format.read(text, Beside::default(), at, self.opening.settings())?;
            if !file.cursor.is_empty()
                && let Some(cursor) = text_at(text, &file.cursor)
            {
                self.opening.resume.set_cursor(&cursor);
            }
            self.events.extend(read.map(|(_, event)| event));
        }
        Ok(())
    }
}
