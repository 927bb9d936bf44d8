//! A subscription: a feed on its way to a subscriber, and where that is counted.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Uri};
use serde::Deserialize;
use wirebench_protocol::{After, Cursor, CursorError, Gap, Hello, Seq, SubscriberName, Transport};

use crate::api_error::ApiError;
use crate::feed::{Batch, Entry, Feed, Follow, LocateError, PollBatch, SKIPPED_PAGES};
use crate::query::read_query;
use crate::state::SharedState;

/// The period of a push timer, in seconds. A timer of tokio does not fire more often than once in a
/// millisecond.
const PUSH_TIMER_SECONDS: RangeInclusive<f64> = 0.001..=60.0;

/// What a subscriber reads. It may outlive the request that opened it.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    transport: Transport,
    pub(super) server: Arc<SharedState>,
    pub(super) feed: Feed,
    /// The name that the subscriber gave itself. `None`: no message is addressed to it.
    name: Option<SubscriberName>,
    /// The period of the timer that decides when messages are pushed. `None`: each message is
    /// pushed when it is published.
    push_timer: Option<Duration>,
    /// The newest message of the feed when the subscriber asked for it. Messages that are pushed
    /// count as replayed up to this one.
    newest_before: Seq,
}

/// What a subscriber may ask for, on every transport alike.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubscriptionQuery {
    /// A cursor, `start`, or nothing.
    #[serde(default)]
    pub(super) after: String,
    /// The name of the subscriber, to which messages may be addressed.
    #[serde(rename = "as")]
    name: Option<SubscriberName>,
    /// A ticket in place of the token that subscribing requires.
    pub(super) ticket: Option<String>,
    /// The hold time of a held request, in seconds.
    pub(super) hold: Option<f64>,
    /// The period of the push timer, in seconds. It has no meaning for polls.
    pub(super) every: Option<f64>,
    /// What a short poll asks for. It has no meaning for other transports.
    pub(super) mode: Option<String>,
}

/// The hint for a query that is wrong.
pub(super) const QUERY_HINT: &str = "`after` is a cursor that this feed gave, `start`, or absent; \
                                     `as` is a name of letters, digits, `-`, `_` and `.`, or \
                                     absent; `hold` and `every` are numbers of \
                                     seconds";

impl Subscription {
    /// Opens the subscription that a request asks for.
    ///
    /// # Errors
    /// The page of the request may not use the server, the query is malformed, or subscribing
    /// requires a token that the request does not bring.
    pub(super) fn open(
        transport: Transport,
        server: &Arc<SharedState>,
        feed: &Feed,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(Self, SubscriptionQuery), ApiError> {
        server.access.origin(uri, headers)?;
        let mut query: SubscriptionQuery = read_query(uri, QUERY_HINT)?;
        server.access.subscribe(query.ticket.as_deref(), headers)?;
        let subscription = Self::new(transport, server, feed, query.name.take());
        Ok((subscription.with_push_timer(query.every)?, query))
    }

    /// Creates a subscription for a subscriber that may have it.
    pub(super) fn new(
        transport: Transport,
        server: &Arc<SharedState>,
        feed: &Feed,
        name: Option<SubscriberName>,
    ) -> Self {
        let (server, feed) = (Arc::clone(server), feed.clone());
        let newest_before = feed.newest_in_window();
        Self { transport, server, feed, name, push_timer: None, newest_before }
    }

    /// Returns the same subscription with a push timer of this period, if there is one.
    ///
    /// # Errors
    /// The period is out of range.
    pub(super) fn with_push_timer(self, every: Option<f64>) -> Result<Self, ApiError> {
        if let Some(every) = every.filter(|every| !PUSH_TIMER_SECONDS.contains(every)) {
            let error = format!("`every={every}` is out of range");
            return Err(ApiError::bad_request(error, "`every` is 0.001 to 60 seconds, or absent"));
        }
        Ok(Self { push_timer: every.map(Duration::from_secs_f64), ..self })
    }

    /// Returns the cursor at which the subscription starts.
    ///
    /// # Errors
    /// `after` is malformed, or a cursor of this feed that lies after its newest message; or the
    /// store of the feed cannot be read.
    pub(super) async fn locate(&self, after: &str) -> Result<Cursor, ApiError> {
        self.feed.seek(parse_after(after)?).await.map_err(not_located)
    }

    /// Counts what a batch brings to a subscriber that is pushed to.
    pub(super) fn count(&self, batch: &Batch) {
        if let Some(gap) = batch.gap {
            self.count_gap(gap);
        }
        self.count_pushed(&batch.entries, batch.from_store);
    }

    /// Counts messages that were pushed to the subscriber. They are in order.
    pub(super) fn count_pushed(&self, messages: &[Arc<Entry>], from_store: bool) {
        let replayed = messages.partition_point(|message| message.seq <= self.newest_before);
        self.server.metrics.messages.replayed(self.transport, replayed);
        self.count_messages(messages.len(), from_store);
    }

    /// Counts what the answer to a poll brings to the subscriber.
    pub(super) fn count_poll(&self, batch: &PollBatch) {
        if let Some(gap) = batch.gap {
            self.count_gap(gap);
        }
        self.count_messages(batch.messages.len(), batch.from_store);
    }

    /// Counts messages that were handed to the subscriber.
    fn count_messages(&self, messages: usize, from_store: bool) {
        let metrics = &self.server.metrics;
        metrics.messages.delivered(self.transport, messages);
        if from_store && let Some(store) = &metrics.store {
            store.delivered(self.transport, messages);
        }
    }

    /// Counts a gap that the subscriber was told of.
    pub(super) fn count_gap(&self, gap: Gap) {
        self.server.metrics.messages.gap(self.transport, gap);
    }

    /// Counts an answer without a message.
    pub(super) fn count_empty(&self) {
        self.server.metrics.messages.empty(self.transport);
    }

    /// Returns what the feed has for the subscriber after the cursor.
    ///
    /// # Errors
    /// The store of the feed cannot be read.
    pub(super) async fn read(&self, after: Cursor) -> Result<Batch, ApiError> {
        let mut batch = self.feed.fetch(self.name.as_ref(), after).await;
        // A page of the store without a message for this subscriber is not the end of the feed.
        let pages = if self.feed.is_durable() { SKIPPED_PAGES } else { 0 };
        for _ in 0..pages {
            match batch {
                Ok(skipped) if skipped.is_empty() && skipped.cursor.seq < self.feed.published() => {
                    batch = self.feed.fetch(self.name.as_ref(), skipped.cursor).await;
                }
                Ok(_) | Err(_) => break,
            }
        }
        batch.map_err(|error| ApiError::store(&error))
    }

    /// Returns what the table of the feed has for the subscriber after a place, which is parsed.
    ///
    /// # Errors
    /// As [`locate`](Self::locate).
    pub(super) async fn read_table(&self, after: &str) -> Result<PollBatch, ApiError> {
        let after = parse_after(after)?;
        self.feed.poll_table(self.name.as_ref(), after).await.map_err(not_located)
    }

    /// Returns everything that the table of the feed has for the subscriber.
    ///
    /// # Errors
    /// The store of the feed cannot be read.
    pub(super) async fn read_whole(&self) -> Result<PollBatch, ApiError> {
        let batch = self.feed.poll_whole(self.name.as_ref()).await;
        batch.map_err(|error| ApiError::store(&error))
    }

    /// Returns the gap before what the feed has after the cursor, and the cursor from which the
    /// subscription goes on, for the beginning of a stream. If the store of the feed cannot be read
    /// now, the gap comes within the stream.
    pub(super) async fn begin(&self, after: Cursor) -> Hello {
        match self.read(after).await {
            Ok(first) if first.gap.is_some() => Hello { cursor: first.before(), gap: first.gap },
            Ok(_) | Err(_) => Hello { cursor: after, gap: None },
        }
    }

    /// Waits for what the feed gets for the subscriber after the cursor.
    pub(super) fn wait(&self, after: Cursor) -> Follow {
        self.feed.follow_as(self.name.clone(), after)
    }

    /// Follows the feed, at the ticks of the push timer if there is one.
    pub(super) fn follow(&self, after: Cursor) -> Follow {
        let follow = self.wait(after);
        match self.push_timer {
            Some(period) => follow.every(period),
            None => follow,
        }
    }
}

/// Reads what a request says in `after`.
fn parse_after(text: &str) -> Result<After, ApiError> {
    text.parse().map_err(|error: CursorError| ApiError::bad_request(error.to_string(), QUERY_HINT))
}

fn not_located(error: LocateError) -> ApiError {
    match error {
        LocateError::Future(error) => {
            let hint = "continue from the cursor of the last message that you received";
            ApiError::bad_request(error.to_string(), hint)
        }
        LocateError::Store(error) => ApiError::store(&error),
    }
}
