//! An open socket: the texts of its frames, one after the other.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use wirebench_protocol::Timestamp;
use wirebench_scenario::target::Split;

use super::script::SocketScript;
use crate::error::SubscribeError;
use crate::texts::{Misfit, split, unexpected};
use crate::websocket::{Message, Utf8Bytes, WebSocketConnection};

/// A WebSocket whose frames hold texts. Heartbeats are answered and not returned.
pub struct TextSocket<S> {
    connection: WebSocketConnection,
    pub(super) script: S,
    /// The texts of the last frame that have not been returned yet.
    texts: VecDeque<Utf8Bytes>,
    /// A message has arrived.
    heard: bool,
}

impl<S: SocketScript> TextSocket<S> {
    pub(crate) fn new(connection: WebSocketConnection, script: S) -> Self {
        Self { connection, script, texts: VecDeque::new(), heard: false }
    }

    /// Returns the next text. `None` once the server has ended the connection properly.
    ///
    /// # Errors
    ///
    /// What broke the connection, or what cannot be split as the target file says.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Result<Option<String>, SubscribeError> {
        Ok(self.next_text().await?.map(|text| text.as_str().to_owned()))
    }

    /// Sends a text. The server has until the deadline to take it.
    ///
    /// # Errors
    ///
    /// What broke the connection.
    pub async fn send(&mut self, text: String) -> Result<(), SubscribeError> {
        self.connection.send(Message::text(text)).await
    }

    /// Closes the socket and waits until the server has, for 2 s at most, so that everything that was
    /// sent arrives.
    pub async fn close(mut self) {
        self.connection.close().await;
    }

    /// Sets the deadline to `within` from now. The next frame has to arrive before it.
    pub fn allow(&mut self, within: Duration) {
        self.connection.allow(within);
    }

    /// The same as [`next`](Self::next), without a copy.
    pub(crate) async fn next_text(&mut self) -> Result<Option<Utf8Bytes>, SubscribeError> {
        loop {
            let text = match self.texts.pop_front() {
                Some(text) => text,
                None => match self.frame().await? {
                    Some(frame) if self.script.split() == Split::One => frame,
                    Some(frame) => {
                        self.take_apart(&frame)?;
                        continue;
                    }
                    None => return Ok(None),
                },
            };
            if !self.is_heartbeat(&text) {
                return Ok(Some(text));
            }
            self.answer_heartbeat().await?;
        }
    }

    /// Returns when the frame of the last text arrived: nothing was read since.
    pub(crate) fn arrived_at(&self) -> Timestamp {
        self.connection.arrived_at()
    }

    /// Returns true if anything has arrived.
    pub(crate) fn is_heard(&self) -> bool {
        self.heard
    }

    /// Returns method, path and query of the request that opened it.
    pub(crate) fn asked(&self) -> &str {
        self.connection.asked()
    }

    /// Returns the next message, and `None` after a proper end of the connection.
    async fn frame(&mut self) -> Result<Option<Utf8Bytes>, SubscribeError> {
        let message = self.connection.next().await?;
        self.heard |= message.is_some();
        match message {
            Some(Message::Text(text)) => Ok(Some(text)),
            Some(Message::Binary(bytes)) => Utf8Bytes::try_from(bytes).map(Some).map_err(|_| {
                let found = "a binary message that is not UTF-8".to_owned();
                self.unexpected(Misfit { found, expected: "text".to_owned() })
            }),
            // `WebSocketConnection::next` returns no other kinds.
            Some(_) => Ok(Some(Utf8Bytes::default())),
            None => self.connection.proper_end().map(|()| None),
        }
    }

    fn take_apart(&mut self, frame: &Utf8Bytes) -> Result<(), SubscribeError> {
        let bytes: &Bytes = frame.as_ref();
        let texts = split(frame, self.script.split()).map_err(|misfit| self.unexpected(misfit))?;
        let shared = |text: &str| Utf8Bytes::try_from(bytes.slice_ref(text.as_bytes()));
        let texts: Result<VecDeque<_>, _> = texts.into_iter().map(shared).collect();
        self.texts = texts.expect("a part of a text is a text");
        Ok(())
    }

    fn unexpected(&self, misfit: Misfit) -> SubscribeError {
        unexpected(format!("`{}`", self.asked()), misfit)
    }

    fn is_heartbeat(&self, text: &str) -> bool {
        let ping = self.script.ping();
        !ping.is_empty() && ping.matches(text)
    }

    async fn answer_heartbeat(&mut self) -> Result<(), SubscribeError> {
        let pong = self.script.fill(self.script.pong(), &[]).map_err(|error| {
            let found = "a heartbeat".to_owned();
            self.unexpected(Misfit { found, expected: format!("values for its answer: {error}") })
        })?;
        if pong.is_empty() { Ok(()) } else { self.send(pong).await }
    }
}

impl<S> fmt::Debug for TextSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextSocket").field("connection", &self.connection).finish_non_exhaustive()
    }
}
