//! What both kinds of polling share: a request, and the events in its answer.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Response, StatusCode, Uri};
use wirebench_measure::Event;
use wirebench_protocol::{After, Cursor, FEED_CURSOR, PollBody, Timestamp, Transport};

use super::client::{CarriedMessage, Opening};
use super::posting::{Posted, Posting};
use super::settings::SubscriberSettings;
use crate::error::SubscribeError;
use crate::http::{ClientConnection, RequestKind, ResponseBody, is_empty, is_last};
use crate::upstream::Outgoing;

/// A subscriber that polls. It holds the cursor to continue from, as the last answer gave it.
pub(super) struct Poller {
    http: ClientConnection,
    path: String,
    headers: HeaderMap,
    settings: SubscriberSettings,
    after: After,
    /// When dialling began. `None` once the first answer has arrived.
    dialled: Option<Timestamp>,
    /// The last answer said that it was the last on this connection.
    closing: bool,
    /// The events of the last answer that have not been returned yet.
    events: VecDeque<Event>,
}

impl Poller {
    /// Opens the connection. Nothing is asked yet.
    pub(super) async fn open(
        transport: Transport,
        opening: &Opening<'_>,
    ) -> Result<Self, SubscribeError> {
        let dialled = Timestamp::now();
        Ok(Self {
            http: opening.connect().await?,
            path: transport.path(&opening.target.feed),
            headers: opening.headers(RequestKind::Fetch),
            settings: opening.settings,
            after: opening.after,
            dialled: Some(dialled),
            closing: false,
            events: VecDeque::new(),
        })
    }

    /// Returns how the subscriber behaves.
    pub(super) fn settings(&self) -> &SubscriberSettings {
        &self.settings
    }

    /// Returns the next event of the last answer.
    pub(super) fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Lets the next poll ask for what is published from its arrival on.
    pub(super) fn forget_cursor(&mut self) {
        self.after = After::Newest;
    }

    /// Waits until the connection closes. Called between polls.
    pub(super) async fn closed(&mut self) {
        self.http.closed().await;
    }

    /// Returns true if the connection has closed, or is about to.
    pub(super) fn is_closed(&mut self) -> bool {
        self.closing || self.http.is_closed()
    }

    /// Sends one poll and waits for its answer, whose events [`Poller::event`] then returns.
    ///
    /// The answer may take `within`. Only the first one shares the deadline of the opening.
    pub(super) async fn poll(
        &mut self,
        hold: Option<Duration>,
        within: Duration,
    ) -> Result<(), SubscribeError> {
        let uri = self.uri(hold);
        let headers = self.headers.clone();
        let first = self.dialled.is_some();
        if !first {
            self.http.allow(within);
        }
        let answer = match self.http.get(uri, headers).await {
            // The connection has ended as properly as between two polls.
            Err(error) if !first && error.is_unprocessed() => {
                self.closing = true;
                return Ok(());
            }
            answer => answer?,
        };
        let last = is_last(&answer);
        if is_empty(&answer) {
            self.take_empty(&answer)?;
        } else if answer.status() == StatusCode::OK {
            self.take_messages(answer).await?;
        } else {
            return Err(self.http.refused(answer).await);
        }
        if last {
            self.closing = true;
            self.events.push_back(Event::Closing);
        }
        Ok(())
    }

    /// Posts a message between two polls and waits for its answer. [`Poller::event`] then returns
    /// what became of it.
    pub(super) async fn post(
        &mut self,
        posting: &Posting<'_>,
        message: &Outgoing,
    ) -> Result<(), SubscribeError> {
        let Posted { event, last } = match posting.exchange(&mut self.http, message).await {
            // The connection has ended as properly as between two polls. The next one is sent the
            // message again.
            Err(error) if error.is_unprocessed() => {
                self.closing = true;
                return Ok(());
            }
            posted => posted?,
        };
        self.events.extend(event.map(Event::Upstream));
        if last {
            self.closing = true;
            self.events.push_back(Event::Closing);
        }
        Ok(())
    }

    /// Takes an answer without content: its cursor is in a header.
    fn take_empty(&mut self, answer: &Response<ResponseBody>) -> Result<(), SubscribeError> {
        let at = self.http.arrived_at();
        let text = answer.headers().get(FEED_CURSOR).and_then(|value| value.to_str().ok());
        let cursor = text.and_then(|text| text.parse().ok()).ok_or_else(|| {
            self.http.unexpected(text.unwrap_or("no cursor"), "the header `feed-cursor`")
        })?;
        self.connected(at, cursor);
        self.after = After::Cursor(cursor);
        self.events.push_back(Event::Empty { at, cursor });
        Ok(())
    }

    /// Takes an answer with messages. All of them arrived with its last byte: before that, none can
    /// be decoded.
    async fn take_messages(
        &mut self,
        answer: Response<ResponseBody>,
    ) -> Result<(), SubscribeError> {
        let body = self.http.whole(answer.into_body()).await?;
        // Stamped here, before decoding.
        let at = self.http.arrived_at();
        let batch: PollBody<'_> = serde_json::from_slice(&body).map_err(|error| {
            let found = format!("`{}` ({error})", String::from_utf8_lossy(&body));
            self.http.unexpected(&found, "`{\"cursor\":…,\"messages\":[…]}`")
        })?;
        let first = batch.messages.first();
        let start = first.map_or(batch.cursor, |m| batch.cursor.at(m.seq.saturating_sub(1)));
        self.connected(at, start);
        if let Some(gap) = batch.gap {
            self.events.push_back(Event::Gap { gap, cursor: start });
        }
        if batch.messages.is_empty() {
            self.events.push_back(Event::Empty { at, cursor: batch.cursor });
        }
        let (settings, messages) = (&self.settings, batch.messages.iter());
        self.events.extend(messages.map(|message| {
            CarriedMessage::text(batch.cursor.at(message.seq), message).received(at, settings)
        }));
        self.after = After::Cursor(batch.cursor);
        Ok(())
    }

    /// With the first answer the subscriber is subscribed, at `cursor`.
    fn connected(&mut self, at: Timestamp, cursor: Cursor) {
        if let Some(dialled) = self.dialled.take() {
            self.events.push_back(Event::Connected { took: at.saturating_since(dialled), cursor });
        }
    }

    fn uri(&self, hold: Option<Duration>) -> Uri {
        use std::fmt::Write;

        let mut text = String::with_capacity(self.path.len() + 64);
        text.push_str(&self.path);
        let mut separator = '?';
        if self.after != After::Newest {
            let _ = write!(text, "?after={}", self.after);
            separator = '&';
        }
        if let Some(hold) = hold {
            let _ = write!(text, "{separator}hold={}", hold.as_secs_f64());
            separator = '&';
        }
        if let Some(name) = self.settings.subscriber_name() {
            let _ = write!(text, "{separator}as={name}");
        }
        Uri::from_maybe_shared(Bytes::from(text))
            .expect("a path of a parsed URL, a cursor and a number are a URI")
    }
}
