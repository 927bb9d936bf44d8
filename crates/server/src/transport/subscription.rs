//! A subscription: a feed on its way to a subscriber, and where that is counted.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Uri};
use serde::{Deserialize, Deserializer};
use wirebench_protocol::{After, Cursor, CursorError, Gap, Hello, Seq, SubscriberName, Transport};
use wirebench_store::StoreError;

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

/// Where a subscriber asks to start. A text that names no place is an error only where the place is
/// looked up, because other checks come first.
pub(super) type AskedPlace = Result<After, CursorError>;

/// What a subscriber may ask for, on every transport alike.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubscriptionQuery {
    /// A cursor, `start`, or nothing.
    #[serde(default = "newest", deserialize_with = "read_after")]
    pub(super) after: AskedPlace,
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

impl SubscriptionQuery {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// `400`: a parameter is unknown, is there twice, or has a malformed value.
    fn read(uri: &Uri) -> Result<Self, ApiError> {
        let usual = Self::read_usual(uri.query().unwrap_or_default());
        usual.map_or_else(|| read_query(uri, QUERY_HINT), Ok)
    }

    /// Reads the query of a target such as `/feeds/bench/sse?after=start`, whose path is one that
    /// every parser accepts. `None` if the target is malformed.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn of_target(target: &str) -> Option<Result<Self, ApiError>> {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        match Self::read_usual(query) {
            Some(query) => Some(Ok(query)),
            None => Some(Self::read(&Uri::from(target.parse::<PathAndQuery>().ok()?))),
        }
    }

    /// Reads a query that has nothing but `after` and `hold`, as nearly every poll has it, within a
    /// tenth of the time. `None` if it has anything else, or anything that may be wrong. So a query
    /// that is read here is one that every parser of addresses accepts.
    fn read_usual(query: &str) -> Option<Self> {
        let (mut after, mut hold) = (None, None);
        for pair in query.split('&').filter(|_| !query.is_empty()) {
            if let Some(value) = pair.strip_prefix("after=").filter(|_| after.is_none()) {
                after = Some(value.parse().ok()?);
            } else {
                let value = pair.strip_prefix("hold=").filter(|_| hold.is_none())?;
                // In a query, a plus stands for a space.
                hold = Some(value.parse().ok().filter(|_| !value.contains('+'))?);
            }
        }
        let after = Ok(after.unwrap_or_default());
        Some(Self { after, name: None, ticket: None, hold, every: None, mode: None })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a default has the type of its field")]
fn newest() -> AskedPlace {
    Ok(After::Newest)
}

fn read_after<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AskedPlace, D::Error> {
    Ok(Cow::<str>::deserialize(deserializer)?.parse())
}

impl Subscription {
    /// Opens the subscription that a request asks for.
    ///
    /// # Errors
    /// The page of the request may not use the server; or as [`of_query`](Self::of_query).
    pub(super) fn open(
        transport: Transport,
        server: &Arc<SharedState>,
        feed: &Feed,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(Self, SubscriptionQuery), ApiError> {
        server.access.origin(uri, headers)?;
        Self::of_query(transport, server, feed, SubscriptionQuery::read(uri), headers)
    }

    /// Opens the subscription that a request asks for which comes from no page of another origin.
    ///
    /// # Errors
    /// The query is malformed, or subscribing requires a token that the request does not bring.
    pub(super) fn of_query(
        transport: Transport,
        server: &Arc<SharedState>,
        feed: &Feed,
        query: Result<SubscriptionQuery, ApiError>,
        headers: &HeaderMap,
    ) -> Result<(Self, SubscriptionQuery), ApiError> {
        let mut query = query?;
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
    pub(super) async fn locate(&self, after: &AskedPlace) -> Result<Cursor, ApiError> {
        self.feed.seek(place(after)?).await.map_err(not_located)
    }

    /// Returns the cursor at which a poll starts, and what the feed has for the subscriber after it.
    ///
    /// # Errors
    /// As [`locate`](Self::locate).
    pub(super) async fn read_from(&self, after: &AskedPlace) -> Result<(Cursor, Batch), ApiError> {
        if !self.feed.is_durable() {
            let read = self.feed.locate_and_read(self.name.as_ref(), place(after)?);
            return read.map_err(|error| not_located(error.into()));
        }
        let after = self.locate(after).await?;
        Ok((after, self.read(after).await?))
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
        if !self.feed.is_durable() {
            return Ok(self.feed.read_as(self.name.as_ref(), after));
        }
        // On the heap, so that only readers of stores pay for the size of a question to one.
        let batch = Box::pin(self.read_durable(after)).await;
        batch.map_err(|error| ApiError::store(&error))
    }

    async fn read_durable(&self, after: Cursor) -> Result<Batch, StoreError> {
        let name = self.name.as_ref();
        let mut batch = self.feed.fetch(name, after).await?;
        // A page of the store without a message for this subscriber is not the end of the feed.
        for _ in 0..SKIPPED_PAGES {
            if !batch.is_empty() || batch.cursor.seq >= self.feed.published() {
                break;
            }
            batch = self.feed.fetch(name, batch.cursor).await?;
        }
        Ok(batch)
    }

    /// Returns what the table of the feed has for the subscriber after a place.
    ///
    /// # Errors
    /// As [`locate`](Self::locate).
    pub(super) async fn read_table(&self, after: &AskedPlace) -> Result<PollBatch, ApiError> {
        let after = place(after)?;
        // On the heap, as in `read`.
        Box::pin(self.feed.poll_table(self.name.as_ref(), after)).await.map_err(not_located)
    }

    /// Returns everything that the table of the feed has for the subscriber.
    ///
    /// # Errors
    /// The store of the feed cannot be read.
    pub(super) async fn read_whole(&self) -> Result<PollBatch, ApiError> {
        // On the heap, as in `read`.
        let batch = Box::pin(self.feed.poll_whole(self.name.as_ref())).await;
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

    /// Waits for what the feed gets for the subscriber after a batch that was just read.
    pub(super) fn wait(&self, batch: &Batch) -> Follow {
        self.feed.follow_after(self.name.clone(), batch)
    }

    /// Follows the feed, at the ticks of the push timer if there is one.
    pub(super) fn follow(&self, after: Cursor) -> Follow {
        let follow = self.feed.follow_as(self.name.clone(), after);
        match self.push_timer {
            Some(period) => follow.every(period),
            None => follow,
        }
    }
}

/// Returns the place that a request asks for.
fn place(after: &AskedPlace) -> Result<After, ApiError> {
    after.clone().map_err(|error| ApiError::bad_request(error.to_string(), QUERY_HINT))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what both ways to read a query make of it; `None` for an error.
    fn read(query: &str) -> [Option<String>; 2] {
        let uri = format!("/feeds/a/long-polling?{query}").parse().unwrap();
        let slowly: Result<SubscriptionQuery, _> = read_query(&uri, QUERY_HINT);
        [SubscriptionQuery::read(&uri), slowly]
            .map(|read| read.ok().map(|read| format!("{read:?}")))
    }

    #[test]
    fn a_usual_query_is_read_as_serde_reads_it() {
        for query in ["", "after=00000000000000ab-7", "hold=2.5&after=start", "after=", "hold=inf"]
        {
            assert!(SubscriptionQuery::read_usual(query).is_some(), "{query}");
        }
        for query in [
            "",
            "&",
            "after",
            "after=",
            "after=a=b",
            "after=a&after=b",
            "after=a%20b+c&hold=1",
            "hold=",
            "hold=soon",
            "hold=1e3&after=start",
            "hold=-0&as=a&every=1&mode=cursor&ticket=t",
            "hold=1&unknown=2",
        ] {
            let [read, slowly] = read(query);
            assert_eq!(read, slowly, "{query}");
        }
    }
}
