//! What both kinds of polling share: a request, and the events in its answer.

use std::collections::VecDeque;
use std::time::Duration;

use http::{HeaderName, StatusCode};
use wirebench_measure::Event;
use wirebench_protocol::{
    After, Cursor, FEED_CURSOR, Gap, Message, PollBody, ShortPollingMode, Timestamp, Transport,
};

use super::client::{CarriedMessage, Opening};
use super::posting::{Posted, Posting};
use super::settings::SubscriberSettings;
use crate::error::SubscribeError;
use crate::http::{ClientConnection, HttpAnswer, RequestHeaders, RequestKind};
use crate::upstream::Outgoing;

/// A subscriber that polls. It holds the cursor to continue from, as the last answer gave it, and
/// sends it unless each poll asks for the whole feed.
pub(super) struct Poller {
    http: ClientConnection,
    path: String,
    headers: RequestHeaders,
    settings: SubscriberSettings,
    /// What a poll asks for. A held poll asks for what is after its cursor.
    mode: ShortPollingMode,
    after: After,
    /// The path and the query of the last request. Kept, so that a poll needs no memory for it.
    target: String,
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
            mode: match transport {
                Transport::ShortPolling => opening.settings.short_polling_mode,
                Transport::LongPolling
                | Transport::Sse
                | Transport::WebSocket
                | Transport::SocketIo => ShortPollingMode::Cursor,
            },
            after: opening.after,
            target: String::new(),
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
        self.set_target(hold);
        let first = self.dialled.is_some();
        if !first {
            self.http.allow(within);
        }
        let answer = match self.http.get(&self.target, &self.headers).await {
            // The connection has ended as properly as between two polls.
            Err(error) if !first && error.is_unprocessed() => {
                self.closing = true;
                return Ok(());
            }
            answer => answer?,
        };
        let last = answer.is_last();
        if answer.is_empty() {
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
    fn take_empty(&mut self, answer: &HttpAnswer) -> Result<(), SubscribeError> {
        let at = self.http.arrived_at();
        let text = answer.field(&HeaderName::from_static(FEED_CURSOR));
        let cursor = text.and_then(|text| text.parse().ok()).ok_or_else(|| {
            self.http.unexpected(text.unwrap_or("no cursor"), "the header `feed-cursor`")
        })?;
        self.take_news(at, &News { gap: None, messages: &[], cursor });
        Ok(())
    }

    /// Takes an answer with messages. All of them arrived with its last byte: before that, none can
    /// be decoded.
    async fn take_messages(&mut self, answer: HttpAnswer) -> Result<(), SubscribeError> {
        let body = self.http.whole(answer.into_body()).await?;
        // Stamped here, before decoding.
        let at = self.http.arrived_at();
        let batch: PollBody<'_> = serde_json::from_slice(&body).map_err(|error| {
            let found = format!("`{}` ({error})", String::from_utf8_lossy(&body));
            self.http.unexpected(&found, "`{\"cursor\":…,\"messages\":[…]}`")
        })?;
        let PollBody { gap, ref messages, cursor } = batch;
        self.take_news(at, &News { gap, messages, cursor });
        Ok(())
    }

    /// Takes what an answer that arrived `at` says, and lets the next poll continue after it.
    fn take_news(&mut self, at: Timestamp, answer: &News<'_>) {
        let News { gap, messages, cursor } = match self.mode {
            ShortPollingMode::Cursor | ShortPollingMode::Table => *answer,
            ShortPollingMode::Whole => answer.unseen_after(self.after),
        };
        let start = messages.first().map_or(cursor, |m| cursor.at(m.seq.saturating_sub(1)));
        self.connected(at, start);
        if let Some(gap) = gap {
            self.events.push_back(Event::Gap { gap, cursor: start });
        }
        if messages.is_empty() {
            self.events.push_back(Event::Empty { at, cursor });
        }
        let settings = &self.settings;
        self.events.extend(messages.iter().map(|message| {
            CarriedMessage::text(cursor.at(message.seq), message).received(at, settings)
        }));
        self.after = After::Cursor(cursor);
    }

    /// With the first answer the subscriber is subscribed, at `cursor`.
    fn connected(&mut self, at: Timestamp, cursor: Cursor) {
        if let Some(dialled) = self.dialled.take() {
            self.events.push_back(Event::Connected { took: at.saturating_since(dialled), cursor });
        }
    }

    /// Writes the path and the query of the next poll.
    fn set_target(&mut self, hold: Option<Duration>) {
        use std::fmt::Write;

        let text = &mut self.target;
        text.clear();
        text.push_str(&self.path);
        let mut separator = '?';
        if self.mode != ShortPollingMode::default() {
            let _ = write!(text, "?mode={}", self.mode);
            separator = '&';
        }
        if self.mode.has_cursor() && self.after != After::Newest {
            let _ = write!(text, "{separator}after={}", self.after);
            separator = '&';
        }
        if let Some(hold) = hold {
            let _ = write!(text, "{separator}hold={}", hold.as_secs_f64());
            separator = '&';
        }
        if let Some(name) = self.settings.subscriber_name() {
            let _ = write!(text, "{separator}as={name}");
        }
    }
}

/// What an answer brings.
#[derive(Clone, Copy, Debug)]
struct News<'b> {
    /// What the subscriber is told that it missed.
    gap: Option<Gap>,
    messages: &'b [Message<'b>],
    /// The place of the feed up to which the answer goes.
    cursor: Cursor,
}

impl News<'_> {
    /// Returns what is new in an answer with the whole feed: the messages above the last number
    /// that the subscriber has seen. A subscriber that starts after the newest message has seen all
    /// of them.
    ///
    /// The epoch tells the subscriber that the feed began anew. Nothing tells it of messages that
    /// were removed before it saw them.
    fn unseen_after(&self, seen: After) -> Self {
        match seen {
            After::Start => *self,
            After::Newest => Self { messages: &[], ..*self },
            After::Cursor(seen) if seen.epoch != self.cursor.epoch => {
                Self { gap: Some(Gap::Reset), ..*self }
            }
            After::Cursor(seen) => {
                let known = self.messages.partition_point(|message| message.seq <= seen.seq);
                let messages = self.messages.get(known..).unwrap_or_default();
                let cursor = self.cursor.at(seen.seq.max(self.cursor.seq));
                Self { messages, cursor, ..*self }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::{Epoch, Seq};

    use super::*;

    /// Returns the numbers of the new messages, whether the feed began anew, and the new cursor,
    /// for an answer with the messages 3 to 6 of epoch 1.
    fn news(seen: After) -> (Vec<Seq>, bool, Seq) {
        let body = r#"{"cursor":"0000000000000001-6","messages":[
            {"seq":3,"published_ns":1,"payload":1},{"seq":4,"published_ns":1,"payload":1},
            {"seq":5,"published_ns":1,"payload":1},{"seq":6,"published_ns":1,"payload":1}]}"#;
        let batch: PollBody<'_> = serde_json::from_str(body).expect("a batch");
        let answer = News { gap: None, messages: &batch.messages, cursor: batch.cursor };
        let News { gap, messages, cursor } = answer.unseen_after(seen);
        let seqs = messages.iter().map(|message| message.seq).collect();
        (seqs, gap == Some(Gap::Reset), cursor.seq)
    }

    #[test]
    fn of_a_whole_feed_only_what_was_not_seen_before_is_new() {
        let seen = |epoch, seq| After::Cursor(Cursor { epoch: Epoch(epoch), seq });
        for (after, expected) in [
            (After::Newest, (vec![], false, 6)),
            (After::Start, (vec![3, 4, 5, 6], false, 6)),
            (seen(1, 0), (vec![3, 4, 5, 6], false, 6)),
            (seen(1, 4), (vec![5, 6], false, 6)),
            (seen(1, 6), (vec![], false, 6)),
            // An answer that holds less than an earlier one takes nothing back.
            (seen(1, 9), (vec![], false, 9)),
            // Another feed under the same name.
            (seen(2, 5), (vec![3, 4, 5, 6], true, 6)),
        ] {
            assert_eq!(news(after), expected, "{after:?}");
        }
    }
}
