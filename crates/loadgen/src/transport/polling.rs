//! What both kinds of polling share: a request, and the events in its answer.

use std::collections::VecDeque;
use std::time::Duration;

use http::header::HeaderMap;
use http::{StatusCode, Uri};
use wirebench_measure::Event;
use wirebench_protocol::{After, Cursor, FEED_CURSOR, PollBody, Timestamp, Transport};

use super::{Opening, received};
use crate::error::SubscribeError;
use crate::exchange::{self, Http};
use crate::headers::Kind;

/// A subscriber that asks. It holds the cursor to go on from, as each answer gives it.
pub(super) struct Poller<'a> {
    opening: Opening<'a>,
    path: String,
    headers: HeaderMap,
    /// `None` until the first poll.
    http: Option<Http>,
    after: After,
    /// When dialling began, until the first answer.
    dialled: Option<Timestamp>,
    /// The last answer said that it was the last on this connection.
    closing: bool,
    /// What the last answer held and the caller has not had yet.
    events: VecDeque<Event>,
}

impl<'a> Poller<'a> {
    pub(super) fn new(transport: Transport, opening: Opening<'a>) -> Self {
        Self {
            path: transport.path(&opening.target.feed),
            headers: opening.headers(Kind::Fetch),
            http: None,
            after: opening.after,
            dialled: None,
            closing: false,
            events: VecDeque::new(),
            opening,
        }
    }

    /// How the subscriber behaves.
    pub(super) fn settings(&self) -> &super::Settings {
        &self.opening.settings
    }

    /// The next event of the last answer.
    pub(super) fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The connection, opened if it is not.
    pub(super) async fn connection(&mut self) -> Result<&mut Http, SubscribeError> {
        if self.http.is_none() {
            self.dialled = Some(Timestamp::now());
            self.http = Some(Http::open(self.opening.dialer, self.opening.target).await?);
        }
        Ok(self.http.as_mut().expect("it has just been opened"))
    }

    /// Whether the connection has been opened and has closed, or is about to.
    pub(super) fn is_closed(&mut self) -> bool {
        self.closing || self.http.as_mut().is_some_and(Http::is_closed)
    }

    /// Sends one poll and waits for its answer, at most `within` except for the first, which shares the
    /// deadline of the opening. The events of the answer are then there to be taken.
    pub(super) async fn poll(
        &mut self,
        hold: Option<Duration>,
        within: Duration,
    ) -> Result<(), SubscribeError> {
        let uri = self.uri(hold);
        let headers = self.headers.clone();
        let first = self.dialled.is_some();
        let http = self.connection().await?;
        if !first {
            http.allow(within);
        }
        let answer = match http.get(uri, headers).await {
            // The connection has ended as properly as between two polls.
            Err(error) if !first && error.is_unprocessed() => {
                self.closing = true;
                return Ok(());
            }
            answer => answer?,
        };
        let last = exchange::is_last(&answer);
        if exchange::is_empty(&answer) {
            let at = http.arrived_at();
            let text = answer.headers().get(FEED_CURSOR).and_then(|value| value.to_str().ok());
            let cursor = text.and_then(|text| text.parse().ok()).ok_or_else(|| {
                http.unexpected(text.unwrap_or("no cursor"), "the header `feed-cursor`")
            })?;
            self.stand(at, cursor);
            self.after = After::Cursor(cursor);
            self.events.push_back(Event::Empty { at, cursor });
            self.close(last);
            return Ok(());
        }
        if answer.status() != StatusCode::OK {
            return Err(http.refused(answer).await);
        }
        let body = http.whole(answer.into_body()).await?;
        // Stamped here, before decoding.
        let at = http.arrived_at();
        let batch: PollBody<'_> = serde_json::from_slice(&body).map_err(|error| {
            let found = format!("`{}` ({error})", String::from_utf8_lossy(&body));
            http.unexpected(&found, "`{\"cursor\":…,\"messages\":[…]}`")
        })?;
        self.take(&batch, at);
        self.close(last);
        Ok(())
    }

    /// The answer as events, all of which arrived with its last byte: before that, none can be decoded.
    fn take(&mut self, batch: &PollBody<'_>, at: Timestamp) {
        let first = batch.messages.first();
        let start = first.map_or(batch.cursor, |m| batch.cursor.at(m.seq.saturating_sub(1)));
        self.stand(at, start);
        if let Some(gap) = batch.gap {
            self.events.push_back(Event::Gap { gap, cursor: start });
        }
        if batch.messages.is_empty() {
            self.events.push_back(Event::Empty { at, cursor: batch.cursor });
        }
        let settings = &self.opening.settings;
        let messages = batch.messages.iter();
        self.events.extend(
            messages.map(|message| received(batch.cursor.at(message.seq), message, at, settings)),
        );
        self.after = After::Cursor(batch.cursor);
    }

    fn close(&mut self, last: bool) {
        if last {
            self.closing = true;
            self.events.push_back(Event::Closing);
        }
    }

    /// The first answer is where the subscription stands.
    fn stand(&mut self, at: Timestamp, cursor: Cursor) {
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
        }
        Uri::from_maybe_shared(bytes::Bytes::from(text))
            .expect("a path of a parsed URL, a cursor and a number are a URI")
    }
}
