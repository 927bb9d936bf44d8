//! The streams, as the tables of a store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::{
    DeleteStreamError, DeleteStreamErrorKind, GetStreamError, GetStreamErrorKind, PublishAckFuture,
};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::{Info, RawMessageErrorKind, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use futures::{StreamExt, stream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use wirebench_protocol::{Epoch, Seq};

use super::failure::NatsFailure;
use super::feeds::Feeds;
use super::listener::NatsListener;
use super::losses::Losses;
use super::stream::{NatsFeed, StreamSettings, epoch};
use super::{headers, names};
use crate::error::StoreError;
use crate::message::{Appended, FeedNewest, KeptRange, NewMessage, StoredMessage};
use crate::observer::StoreObserver;
use crate::options::Retention;
use crate::tables::{Answer, ChangeListener, FeedId, Tables, TrimmedPiece};

/// How many messages are asked for at once. Each is a request of its own.
const READS_UNDER_WAY: usize = 64;

/// How often the epochs are compared. A stream that is deleted and created anew says nothing.
const CHECK_EVERY: Duration = Duration::from_millis(250);

/// The streams of one NATS.
pub(super) struct NatsTables {
    pub(super) client: async_nats::Client,
    pub(super) context: Context,
    pub(super) settings: StreamSettings,
    pub(super) feeds: Arc<Feeds>,
    pub(super) observer: Arc<dyn StoreObserver>,
    pub(super) losses: watch::Receiver<Losses>,
    pub(super) deadline: Duration,
}

impl NatsTables {
    /// Gives an operation its deadline, and its failure a meaning. Fails at once without a
    /// connection: the client would keep what is asked of it until it has one again.
    fn answer<'a, T: Send + 'a>(
        &'a self,
        attempted: &'static str,
        operation: impl Future<Output = Result<T, NatsFailure>> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            let mut losses = self.losses.clone();
            let connections = losses.borrow_and_update().connections;
            let lost = || NatsFailure::unavailable("the connection to NATS is lost");
            let outcome = if self.client.connection_state() == State::Connected {
                tokio::select! {
                    outcome = timeout(self.deadline, operation) => outcome.unwrap_or_else(|_| {
                        let found = format!("no answer within {:?}", self.deadline);
                        Err(NatsFailure::unavailable(found))
                    }),
                    // Nobody answers over another connection what was asked over this one.
                    _ = losses.wait_for(|losses| losses.connections > connections) => Err(lost()),
                }
            } else {
                Err(lost())
            };
            outcome.map_err(|NatsFailure { kind, found }| StoreError::new(kind, attempted, found))
        })
    }

    fn feed_of(&self, id: FeedId) -> Result<(Arc<NatsFeed>, Epoch), NatsFailure> {
        self.feeds.get(id).ok_or_else(|| NatsFailure::unexpected("the feed was never opened"))
    }

    /// Returns the stream of a feed as it is now, created anew if it is gone, and tells the feed its
    /// epoch.
    async fn stream_of(&self, feed: &NatsFeed) -> Result<Stream<Info>, NatsFailure> {
        self.observer.queried(1);
        let stream = feed.stream(&self.context, self.settings).await?;
        feed.heard.lock().confirm(epoch(stream.cached_info()));
        Ok(stream)
    }

    /// Returns the stream of an id.
    ///
    /// # Errors
    /// NATS fails, or the stream of that epoch is gone.
    async fn stream_of_id(&self, id: FeedId) -> Result<Stream<Info>, NatsFailure> {
        let (feed, of) = self.feed_of(id)?;
        let stream = self.stream_of(&feed).await?;
        if epoch(stream.cached_info()) == of {
            Ok(stream)
        } else {
            Err(NatsFailure::another_epoch())
        }
    }

    async fn append(
        &self,
        id: FeedId,
        messages: &[NewMessage],
    ) -> Result<Vec<Appended>, NatsFailure> {
        let (feed, _) = self.feed_of(id)?;
        let began = Instant::now();
        let mut sent = Vec::with_capacity(messages.len());
        for message in messages {
            sent.push(self.send(&feed, message).await?);
        }
        self.observer.queried(sent.len() as u64);
        let mut appended = Vec::with_capacity(messages.len());
        for (message, acknowledged) in messages.iter().zip(sent) {
            let PublishAck { sequence: seq, duplicate, .. } = acknowledged.await?;
            appended.push(if duplicate {
                Appended::Known { seq, same: self.is_same(&feed, seq, message).await? }
            } else {
                Appended::New { seq }
            });
        }
        let new = appended.iter().filter(|appended| matches!(appended, Appended::New { .. }));
        self.observer.committed(new.count() as u64, began.elapsed());
        Ok(appended)
    }

    async fn send(
        &self,
        feed: &NatsFeed,
        message: &NewMessage,
    ) -> Result<PublishAckFuture, NatsFailure> {
        let publish = PublishMessage::build()
            .headers(headers::headers_of(message))
            .payload(message.payload.clone())
            .expected_stream(names::stream(&feed.token));
        Ok(self.context.send_publish(names::published(&feed.token), publish).await?)
    }

    /// Returns whether the message at a place is the same as one that was published with its key.
    async fn is_same(
        &self,
        feed: &NatsFeed,
        seq: Seq,
        message: &NewMessage,
    ) -> Result<bool, NatsFailure> {
        let stream = self.stream_of(feed).await?;
        let NewMessage { payload, kind, recipients, .. } = message;
        // A message that is no longer kept cannot be compared.
        Ok(self.message(&stream, seq).await?.is_none_or(|found| {
            found.payload == payload && found.kind == *kind && found.recipients == *recipients
        }))
    }

    /// Returns a message of a stream, from the leader of its servers: the others may lack the newest.
    async fn message(
        &self,
        stream: &Stream<Info>,
        seq: Seq,
    ) -> Result<Option<StoredMessage>, NatsFailure> {
        self.observer.queried(1);
        match stream.get_raw_message(seq).await {
            Ok(found) => headers::stored(seq, &found.headers, found.payload)
                .map(Some)
                .map_err(NatsFailure::unexpected),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn read(
        &self,
        id: FeedId,
        after: Seq,
        max_messages: u32,
        max_bytes: u64,
    ) -> Result<Vec<StoredMessage>, NatsFailure> {
        let (feed, of) = self.feed_of(id)?;
        if let Some(heard) = feed.heard.lock().after(of, after, max_messages, max_bytes) {
            return Ok(heard);
        }
        let stream = self.stream_of_id(id).await?;
        let KeptRange { oldest, newest } = range(stream.cached_info());
        let wanted = oldest.max(after + 1)..=newest;
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut reads =
            stream::iter(wanted).map(|seq| self.message(&stream, seq)).buffered(READS_UNDER_WAY);
        while let Some(message) = reads.next().await {
            // Somebody has removed it from the middle of the stream.
            let Some(message) = message? else { continue };
            bytes += message.payload.len() as u64;
            if !found.is_empty() && bytes > max_bytes {
                break;
            }
            found.push(message);
            if found.len() as u64 >= u64::from(max_messages) {
                break;
            }
        }
        self.observer.read(found.len() as u64);
        Ok(found)
    }

    async fn newest(&self, feed: &NatsFeed) -> Result<FeedNewest, NatsFailure> {
        let stream = self.stream_of(feed).await?;
        let info = stream.cached_info();
        let (epoch, newest) = (Some(epoch(info)), range(info).newest);
        Ok(FeedNewest { feed: feed.name.clone(), epoch, newest })
    }
}

impl Tables for NatsTables {
    fn feed<'a>(&'a self, name: &'a str, _: Epoch) -> Answer<'a, (FeedId, Epoch)> {
        self.answer("open a feed", async move {
            let feed = self.feeds.named(name);
            let stream = self.stream_of(&feed).await?;
            let epoch = epoch(stream.cached_info());
            Ok((self.feeds.id(&feed, epoch), epoch))
        })
    }

    fn remove_piece<'a>(&'a self, feed: &'a str) -> Answer<'a, bool> {
        self.answer("remove a feed", async move {
            self.observer.queried(1);
            let stream = names::stream(&names::token(feed));
            match self.context.delete_stream(stream).await {
                Err(error) if !is_stream_not_found(&error) => Err(NatsFailure::of(&error)),
                Ok(_) | Err(_) => Ok(false),
            }
        })
    }

    fn append<'a>(&'a self, feed: FeedId, messages: &'a [NewMessage]) -> Answer<'a, Vec<Appended>> {
        self.answer("append messages", self.append(feed, messages))
    }

    fn read(
        &self,
        feed: FeedId,
        after: Seq,
        max_messages: u32,
        max_bytes: u64,
    ) -> Answer<'_, Vec<StoredMessage>> {
        self.answer("read messages", self.read(feed, after, max_messages, max_bytes))
    }

    fn range(&self, feed: FeedId) -> Answer<'_, KeptRange> {
        self.answer("read which messages are kept", async move {
            Ok(range(self.stream_of_id(feed).await?.cached_info()))
        })
    }

    fn trim(&self, feed: FeedId, retention: Retention) -> Answer<'_, TrimmedPiece> {
        self.answer("remove old messages", async move {
            // JetStream itself keeps to the limits that the stream was created with. A feed may have
            // a lower one.
            let lower = retention.messages.filter(|messages| {
                self.settings.retention.messages.is_none_or(|limit| *messages < limit)
            });
            let mut messages = 0;
            if let Some(keep) = lower {
                let stream = self.stream_of_id(feed).await?;
                self.observer.queried(1);
                let purged = stream.purge().keep(keep.get()).await;
                messages = purged.map_err(|error| NatsFailure::of(&error))?.purged;
            }
            Ok(TrimmedPiece { messages, more: false })
        })
    }

    fn newest_of_all(&self) -> Answer<'_, Vec<FeedNewest>> {
        self.answer("ask for new messages", async move {
            let mut all = Vec::new();
            for feed in self.feeds.all() {
                all.push(self.newest(&feed).await?);
            }
            Ok(all)
        })
    }

    fn can_listen(&self) -> bool {
        true
    }

    fn listen(&self) -> Answer<'_, Box<dyn ChangeListener>> {
        self.answer("listen to the streams", async move {
            self.feeds.doubt();
            let mut losses = self.losses.clone();
            losses.mark_unchanged();
            let messages = self.client.subscribe(names::ALL_HEARD).await;
            let messages = messages.map_err(|error| NatsFailure::unavailable(error.to_string()))?;
            // The server has it now, so that nothing that is published from here on is missed.
            let flushed = self.client.flush().await;
            flushed.map_err(|error| NatsFailure::unavailable(error.to_string()))?;
            let feeds = Arc::clone(&self.feeds);
            Ok(Box::new(NatsListener { messages, feeds, losses }) as Box<dyn ChangeListener>)
        })
    }

    fn leader<'a>(&'a self, feed: &'a str) -> Answer<'a, Option<String>> {
        self.answer("ask which server leads a feed", async move {
            self.observer.queried(1);
            let stream = names::stream(&names::token(feed));
            match self.context.get_stream(stream).await {
                Ok(stream) => {
                    let cluster = stream.cached_info().cluster.as_ref();
                    Ok(cluster.and_then(|cluster| cluster.leader.clone()))
                }
                Err(error) if is_no_such_stream(&error) => Ok(None),
                Err(error) => Err(NatsFailure::of(&error)),
            }
        })
    }

    fn check_every(&self) -> Duration {
        CHECK_EVERY
    }
}

fn is_stream_not_found(error: &DeleteStreamError) -> bool {
    match error.kind() {
        DeleteStreamErrorKind::JetStream(answer) => {
            answer.error_code() == ErrorCode::STREAM_NOT_FOUND
        }
        _ => false,
    }
}

fn is_no_such_stream(error: &GetStreamError) -> bool {
    match error.kind() {
        GetStreamErrorKind::JetStream(answer) => answer.error_code() == ErrorCode::STREAM_NOT_FOUND,
        _ => false,
    }
}

/// Returns which messages a stream keeps.
fn range(info: &Info) -> KeptRange {
    let newest = info.state.last_sequence;
    let oldest = if info.state.messages == 0 { newest + 1 } else { info.state.first_sequence };
    KeptRange { oldest, newest }
}

impl fmt::Debug for NatsTables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NatsTables").field("feeds", &self.feeds).finish_non_exhaustive()
    }
}
