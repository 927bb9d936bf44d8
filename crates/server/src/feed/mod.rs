//! A feed: one append-only window of messages, and the three ways to read it.
//!
//! Readers bring their own cursor, and reading removes nothing. There is no queue for each
//! subscriber, and several wake-ups become one. A reader that comes late finds everything that it
//! missed at once.
//!
//! A message may be for some readers only. It has its place in the window like every other. A
//! reader brings its name, and skips what is not for it.
//!
//! A durable feed is kept in a store as well. Its window is what the process remembers of it:
//! readers go to the store for older messages only.

mod acknowledgement;
mod batch;
mod durable;
mod durable_log;
mod entry;
mod follow;
mod known_keys;
mod locate_error;
mod payload;
mod poll_batch;
mod publish_options;
mod publishing;
mod rejected;
mod state;
mod stored_pages;
mod table;
mod waiters;
mod window;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use smallvec::SmallVec;
use wirebench_protocol::control::{CountWindow, WindowCount};
use wirebench_protocol::{
    After, Cursor, Epoch, IdempotencyKey, Published, Recipients, Seq, SubscriberName, Timestamp,
};
use wirebench_store::{Appended, StoreError, StoredFeed};

pub use self::acknowledgement::Acknowledgement;
pub use self::batch::Batch;
use self::durable::enqueue;
use self::durable_log::DurableLog;
pub use self::entry::Entry;
pub use self::follow::Follow;
pub use self::locate_error::{FutureCursor, LocateError};
pub use self::payload::{InvalidJson, JsonPayload, MessagePayload};
pub(crate) use self::poll_batch::PollBatch;
pub use self::publish_options::PublishOptions;
pub(crate) use self::publish_options::present;
pub use self::rejected::Rejected;
use self::state::FeedState;
pub(crate) use self::stored_pages::SKIPPED_PAGES;
use self::window::ReadLimit;

/// A feed of messages. A handle: clones read and write the same feed.
#[derive(Clone, Debug)]
pub struct Feed(Arc<FeedState>);

impl Feed {
    /// Creates an empty feed in a new epoch. It keeps the last `capacity` messages, and at least
    /// one.
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(FeedState::new(Epoch(rand::random()), capacity)))
    }

    /// Limits the window to this many bytes of JSON. The newest message is always kept.
    ///
    /// # Panics
    /// The feed has been cloned.
    #[must_use]
    pub fn with_window_bytes(mut self, bytes: usize) -> Self {
        self.state_mut().window.get_mut().set_capacity_bytes(bytes);
        self
    }

    /// Limits what is published over the network to this many messages per second, by the generic
    /// cell rate algorithm: the messages of one second may come at once. [`publish`](Self::publish)
    /// is not limited.
    ///
    /// # Panics
    /// The feed has been cloned.
    #[must_use]
    pub fn with_publish_rate(mut self, per_second: NonZeroU32) -> Self {
        self.state_mut().publishing.set_rate(per_second);
        self
    }

    /// Checks what is published over the network, over any transport: only JSON for which `check`
    /// returns `Ok` is accepted, and no bytes. [`publish`](Self::publish) is for the owner of the
    /// feed and is not checked.
    ///
    /// # Panics
    /// The feed has been cloned: a clone would accept payloads without the check.
    #[must_use]
    pub fn with_check(
        mut self,
        check: impl Fn(&[u8]) -> Result<(), Rejected> + Send + Sync + 'static,
    ) -> Self {
        self.state_mut().publishing.set_check(check);
        self
    }

    /// Keeps the feed in a store: publishing is acknowledged when the database has committed the
    /// message, and the window starts with the newest messages of the store. The epoch is that of
    /// the store. Set up everything else first.
    ///
    /// # Errors
    /// The database fails.
    ///
    /// # Panics
    /// The feed has been cloned, or there is no tokio runtime.
    pub async fn durable(self, stored: StoredFeed) -> Result<Self, StoreError> {
        let state = Arc::into_inner(self.0).expect("a feed is set up before it is cloned");
        Ok(Self(state.into_durable(stored).await?))
    }

    /// Returns true if the feed is kept in a store.
    pub fn is_durable(&self) -> bool {
        self.0.durable.is_some()
    }

    fn state_mut(&mut self) -> &mut FeedState {
        Arc::get_mut(&mut self.0).expect("a feed is set up before it is cloned")
    }

    /// Has `observe` called after each publish with the time it took to wake all waiting readers.
    /// Has no effect if an observer is set already.
    pub(crate) fn observe_wake_time(&self, observe: impl Fn(Duration) + Send + Sync + 'static) {
        self.0.publishing.set_observer(observe);
    }

    /// Appends JSON received over the network, if it is one value and passes the feed's check. If
    /// not, the acknowledgement is the reason why the feed does not take it.
    pub fn offer(&self, json: &[u8]) -> Acknowledgement {
        self.offer_with(json, &PublishOptions::default())
    }

    /// Appends JSON like [`offer`](Self::offer), for the recipients in the options. If a message
    /// with the same key is still kept, nothing is published, and the answer is that of the first
    /// time; or a refusal, if that message has another payload or other recipients.
    pub fn offer_with(&self, json: &[u8], options: &PublishOptions) -> Acknowledgement {
        match JsonPayload::from_json(json) {
            Ok(json) => self.offer_payload(&json.into(), options),
            Err(error) => Err(Rejected::from(error)).into(),
        }
    }

    /// Appends a payload received over the network, if it passes the feed's check and no message
    /// that is still kept has the same key.
    pub(crate) fn offer_payload(
        &self,
        payload: &MessagePayload,
        options: &PublishOptions,
    ) -> Acknowledgement {
        // A repeated request must not be refused because of the rate that the first one used up.
        if options.key.is_some()
            && let Some(known) = self.0.window.read().published_as(payload, options)
        {
            return repeated(known).into();
        }
        if let Err(rejected) = self.0.publishing.accept(payload) {
            return Err(rejected).into();
        }
        if let Some(log) = &self.0.durable {
            return self.store(log, payload, options, Timestamp::now());
        }
        let mut window = self.0.window.write();
        // The same request may have come over another connection in the meantime.
        if let Some(known) = window.published_as(payload, options) {
            return repeated(known).into();
        }
        let cursor = window.push(payload, options, Timestamp::now());
        drop(window);
        self.0.wake(cursor.seq);
        Ok(Published { cursor, repeated: false }).into()
    }

    /// Appends a message for everybody that is due now, and wakes the readers that wait.
    pub fn publish(&self, payload: impl Into<MessagePayload>) -> Acknowledgement {
        self.publish_to(payload, Recipients::Everyone)
    }

    /// Appends a message for these recipients that is due now, and wakes the readers that wait.
    pub fn publish_to(
        &self,
        payload: impl Into<MessagePayload>,
        recipients: Recipients,
    ) -> Acknowledgement {
        let options = PublishOptions { recipients, key: None };
        self.append(&payload.into(), &options, Timestamp::now())
    }

    /// Appends a message for everybody with the stamp of the time at which it was due, so that a
    /// late publisher does not hide its own delay.
    pub fn publish_due(
        &self,
        payload: impl Into<MessagePayload>,
        due: Timestamp,
    ) -> Acknowledgement {
        self.append(&payload.into(), &PublishOptions::default(), due)
    }

    /// The same with a key: a store that knows the key does not take the message a second time.
    pub(crate) fn publish_due_once(
        &self,
        payload: &MessagePayload,
        due: Timestamp,
        key: IdempotencyKey,
    ) -> Acknowledgement {
        let options = PublishOptions { recipients: Recipients::Everyone, key: Some(key) };
        self.append(payload, &options, due)
    }

    fn append(
        &self,
        payload: &MessagePayload,
        options: &PublishOptions,
        due: Timestamp,
    ) -> Acknowledgement {
        if let Some(log) = &self.0.durable {
            return self.store(log, payload, options, due);
        }
        let cursor = self.0.window.write().push(payload, options, due);
        self.0.wake(cursor.seq);
        Ok(Published { cursor, repeated: false }).into()
    }

    /// Hands a message to the writer of the store. The messages of a feed are stored in the order
    /// of these calls.
    fn store(
        &self,
        log: &DurableLog,
        payload: &MessagePayload,
        options: &PublishOptions,
        due: Timestamp,
    ) -> Acknowledgement {
        let queued = match enqueue(log, payload, options, due) {
            Ok(queued) => queued,
            Err(error) => return Err(Rejected::not_stored(&error)).into(),
        };
        let (feed, epoch) = (Arc::clone(&self.0), log.stored.epoch());
        Acknowledgement::later(async move {
            let appended =
                queued.committed().await.map_err(|error| Rejected::not_stored(&error))?;
            // A publisher that was answered finds its message here. It is stored in any case: if
            // the store cannot be read now, the message is found later.
            let _ = feed.catch_up(appended.seq()).await;
            let cursor = Cursor { epoch, seq: appended.seq() };
            match appended {
                Appended::New { .. } => Ok(Published { cursor, repeated: false }),
                Appended::Known { same, .. } => repeated((cursor, same)),
            }
        })
    }

    /// Turns what a subscriber asks for into the cursor to read from, as
    /// [`locate`](Self::locate) does. The messages of a durable feed that are only in the store
    /// count as well.
    ///
    /// # Errors
    /// As [`locate`](Self::locate); or the database fails.
    pub async fn seek(&self, after: After) -> Result<Cursor, LocateError> {
        if !self.is_durable() {
            return Ok(self.locate(after)?);
        }
        // On the heap: a question to the store is large, and few callers have to ask one.
        let seeking = Box::pin(async {
            match (self.locate(after), after) {
                (Ok(_), After::Start) => Ok(self.0.start().await?),
                (Err(FutureCursor { cursor, .. }), _) => {
                    // Another server may have given the cursor.
                    self.0.catch_up(cursor.seq).await?;
                    Ok(self.locate(after)?)
                }
                (Ok(cursor), After::Newest | After::Cursor(_)) => Ok(cursor),
            }
        });
        seeking.await
    }

    /// Returns the messages after the cursor like [`read_as`](Self::read_as), also those that only
    /// the store of a durable feed has.
    ///
    /// # Errors
    /// The database fails.
    pub async fn fetch(
        &self,
        name: Option<&SubscriberName>,
        after: Cursor,
    ) -> Result<Batch, StoreError> {
        self.0.fetch(after, name).await
    }

    /// Learns that the store has messages up to `newest`, and in which epoch if it is told. A task of
    /// the feed reads what the window lacks, because another server has appended it. If the epoch is
    /// another one, readers begin anew.
    pub(crate) fn learn_of(&self, epoch: Option<Epoch>, newest: Seq) {
        if let Some(epoch) = epoch {
            self.0.learn_of_epoch(epoch);
        }
        self.0.learn_of(newest);
    }

    /// Waits until everything that was published so far is in the feed, or is refused. For a feed in
    /// memory, it is.
    pub(crate) async fn settled(&self) {
        if let Some(log) = &self.0.durable {
            log.writer.settled().await;
        }
    }

    /// Writes to the store what has been handed in. What is published to a durable feed afterwards
    /// is refused.
    pub(crate) async fn close_store(&self) {
        if let Some(log) = &self.0.durable {
            log.writer.close().await;
        }
    }

    /// Turns what a subscriber asks for into the cursor to read from.
    ///
    /// # Errors
    /// The cursor belongs to this epoch and lies after the newest message. A cursor of another
    /// epoch is accepted: reading from it tells the subscriber about the reset.
    pub fn locate(&self, after: After) -> Result<Cursor, FutureCursor> {
        self.0.window.read().locate(after)
    }

    /// Returns the messages of the window after the cursor without waiting, at most about 1 MiB of
    /// them. The rest is read from the cursor of the batch. The reader has no name: messages for
    /// one name are not among them.
    pub fn read(&self, after: Cursor) -> Batch {
        self.read_as(None, after)
    }

    /// Reads like [`read`](Self::read), as a reader of this name. Messages that are not for it are
    /// skipped, and the cursor of the batch lies after them.
    pub fn read_as(&self, name: Option<&SubscriberName>, after: Cursor) -> Batch {
        self.0.read(after, name)
    }

    /// Returns the cursor to read from, as [`locate`](Self::locate) does, and what the window has
    /// after it for a reader of this name, as [`read_as`](Self::read_as) does, under one lock.
    ///
    /// # Errors
    /// As [`locate`](Self::locate).
    pub(crate) fn locate_and_read(
        &self,
        name: Option<&SubscriberName>,
        after: After,
    ) -> Result<(Cursor, Batch), FutureCursor> {
        let window = self.0.window.read();
        let after = window.locate(after)?;
        Ok((after, window.read(after, name, ReadLimit::BATCH)))
    }

    /// Waits until there is a message or a gap after the cursor, and returns it. The batch is empty
    /// only if the feed closes first.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing, because reading removes nothing.
    pub async fn wait(&self, after: Cursor) -> Batch {
        let entries = SmallVec::new();
        let nothing = Batch { cursor: after, gap: None, entries, from_store: false };
        self.follow(after).next().await.unwrap_or(nothing)
    }

    /// Returns a stream of everything after the cursor, batch by batch, until the feed closes. The
    /// reader has no name, as with [`read`](Self::read).
    pub fn follow(&self, after: Cursor) -> Follow {
        self.follow_as(None, after)
    }

    /// Follows the feed as a reader of this name.
    pub fn follow_as(&self, name: Option<SubscriberName>, after: Cursor) -> Follow {
        Follow::new(Arc::clone(&self.0), after, name)
    }

    /// Follows the feed as a reader of this name, from the end of a batch that was just read.
    pub(crate) fn follow_after(&self, name: Option<SubscriberName>, batch: &Batch) -> Follow {
        Follow::after_batch(Arc::clone(&self.0), batch, name)
    }

    /// Ends every wait, and every stream once it has read what is there. A message that is
    /// published afterwards can still be read, but it wakes nobody.
    pub fn close(&self) {
        self.0.close();
    }

    /// Begins to count the messages whose stamp lies in `window`. An earlier count is forgotten.
    pub fn count(&self, window: CountWindow) {
        self.0.window.write().begin_count(window);
    }

    /// Returns the count so far; `None` if none was begun.
    pub fn counted(&self) -> Option<WindowCount> {
        self.0.window.read().count()
    }

    /// Returns the newest message that readers find in the window, without a lock.
    pub(crate) fn newest_in_window(&self) -> Seq {
        self.0.newest()
    }

    /// Returns the number of messages that were ever published.
    pub fn published(&self) -> u64 {
        self.0.window.read().newest().seq
    }
}

/// Answers a request whose key is known, with the cursor of its message and whether the payload is
/// the same.
fn repeated((cursor, is_same): (Cursor, bool)) -> Result<Published, Rejected> {
    if is_same { Ok(Published { cursor, repeated: true }) } else { Err(Rejected::key_reused()) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures::FutureExt;
    use proptest::prelude::*;
    use wirebench_protocol::Gap;

    use super::window::BATCH_BYTES;
    use super::*;

    fn payload(text: &str) -> JsonPayload {
        JsonPayload::from_json(text.as_bytes()).unwrap()
    }

    fn feed_of(capacity: usize, published: u64) -> Feed {
        let feed = Feed::new(capacity);
        for n in 1..=published {
            feed.publish(payload(&n.to_string()));
        }
        feed
    }

    fn name(text: &str) -> SubscriberName {
        text.parse().unwrap()
    }

    fn only(text: &str) -> Recipients {
        Recipients::Only(name(text))
    }

    fn except(text: &str) -> Recipients {
        Recipients::Except(name(text))
    }

    fn options() -> PublishOptions {
        PublishOptions::default()
    }

    /// Returns the answer of a feed in memory.
    fn known(acknowledgement: Acknowledgement) -> Result<Published, Rejected> {
        acknowledgement.at_once().unwrap()
    }

    fn places(batch: &Batch) -> Vec<Seq> {
        batch.entries.iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn a_reader_without_a_cursor_starts_at_the_newest_message() {
        let feed = feed_of(10, 3);
        let newest = feed.locate(After::Newest).unwrap();
        assert_eq!(newest.seq, 3);
        assert!(feed.read(newest).is_empty());
    }

    #[test]
    fn the_start_is_before_the_oldest_message_still_kept() {
        let feed = feed_of(2, 5);
        let batch = feed.read(feed.locate(After::Start).unwrap());
        assert_eq!((places(&batch), batch.gap), (vec![4, 5], None));
    }

    #[test]
    fn a_reader_behind_the_window_learns_how_much_it_missed() {
        let feed = feed_of(2, 5);
        let first = feed.locate(After::Newest).unwrap().at(1);
        let batch = feed.read(first);
        assert_eq!((places(&batch), batch.gap), (vec![4, 5], Some(Gap::Missed(2))));
        assert_eq!(feed.read(batch.cursor).gap, None, "a gap is told once");
    }

    #[test]
    fn a_cursor_of_another_epoch_is_reset_and_the_rest_is_delivered() {
        let stranger = feed_of(10, 3).locate(After::Newest).unwrap();
        let feed = feed_of(10, 4);
        let batch = feed.read(stranger);
        assert_eq!((places(&batch), batch.gap), (vec![1, 2, 3, 4], Some(Gap::Reset)));
    }

    #[test]
    fn a_cursor_after_the_newest_message_is_an_error() {
        let feed = feed_of(10, 3);
        let cursor = feed.locate(After::Newest).unwrap().at(4);
        assert_eq!(feed.locate(After::Cursor(cursor)), Err(FutureCursor { cursor, newest: 3 }));
    }

    #[test]
    fn a_batch_is_bounded_by_bytes_but_never_empty() {
        let feed = Feed::new(10);
        let big = payload(&format!("\"{}\"", "x".repeat(BATCH_BYTES)));
        let start = feed.locate(After::Newest).unwrap();
        for _ in 0..2 {
            feed.publish(&big);
        }
        let batch = feed.read(start);
        assert_eq!(places(&batch), [1]);
        assert_eq!(places(&feed.read(batch.cursor)), [2]);
    }

    #[tokio::test]
    async fn a_waiting_reader_is_woken_by_the_next_message() {
        let feed = feed_of(10, 1);
        let mut follow = feed.follow(feed.locate(After::Newest).unwrap());
        assert!(follow.next().now_or_never().is_none(), "nothing was published yet");
        feed.publish(payload("2"));
        feed.publish(payload("3"));
        assert_eq!(places(&follow.next().await.unwrap()), [2, 3]);
        assert!(follow.next().now_or_never().is_none(), "no message is delivered twice");
    }

    #[tokio::test]
    async fn a_closed_feed_ends_its_streams_after_they_have_read_everything() {
        let feed = feed_of(10, 2);
        let mut follow = feed.follow(feed.locate(After::Start).unwrap());
        feed.close();
        assert_eq!(places(&follow.next().await.unwrap()), [1, 2]);
        assert!(follow.next().await.is_none());
        assert!(feed.wait(feed.locate(After::Newest).unwrap()).await.is_empty());
    }

    #[test]
    fn a_key_publishes_once_for_as_long_as_its_message_is_kept() {
        let feed = Feed::new(2).with_publish_rate(NonZeroU32::new(2).unwrap());
        let key = |text: &str| text.parse().unwrap();
        let offer = |json: &[u8], text: &str| {
            known(feed.offer_with(json, &PublishOptions { key: Some(key(text)), ..options() }))
        };
        let first = offer(b"1", "a").unwrap();
        assert!(!first.repeated);
        let again = Published { repeated: true, ..first };
        for _ in 0..5 {
            assert_eq!(offer(b" 1 ", "a"), Ok(again), "and no repetition counts for the rate");
        }
        let reused = offer(b"2", "a").unwrap_err();
        assert_eq!(reused.status, 422, "{reused}");
        assert_eq!(offer(b"1", "b").map(|published| published.repeated), Ok(false));
        assert_eq!(feed.published(), 2);
        feed.publish(payload("3"));
        assert_eq!(offer(b"1", "b").map(|published| published.repeated), Ok(true));
        let forgotten = offer(b"1", "a").unwrap_err();
        assert_eq!(forgotten.status, 429, "published anew, as the rate allows: {forgotten}");
    }

    #[test]
    fn a_payload_that_ends_like_another_is_not_the_same() {
        let feed = feed_of(1, 0);
        let same_key = PublishOptions { key: "k".parse().ok(), ..options() };
        let offer = |json: &[u8]| known(feed.offer_with(json, &same_key)).is_ok();
        assert!(offer(br#"{"payload":1}"#));
        assert!(offer(br#"{"payload":1}"#));
        assert!(!offer(b"1") && !offer(br#""payload":1"#));
    }

    #[test]
    fn a_key_belongs_to_a_message_with_its_recipients() {
        let feed = feed_of(10, 0);
        let offer = |recipients| {
            let options = PublishOptions { key: "k".parse().ok(), recipients };
            known(feed.offer_with(b"1", &options)).map(|published| published.repeated)
        };
        assert_eq!(offer(only("ann")), Ok(false));
        assert_eq!(offer(only("ann")), Ok(true));
        for other in [only("bob"), except("ann"), Recipients::Everyone] {
            let status = offer(other.clone()).unwrap_err().status;
            assert_eq!(status, 422, "{other:?}");
        }
        assert_eq!(feed.published(), 1);
    }

    #[tokio::test]
    async fn a_waiting_reader_passes_what_is_not_for_it_and_waits_on() {
        let feed = feed_of(10, 1);
        let newest = feed.locate(After::Newest).unwrap();
        let mut follow = feed.follow_as(Some(name("ann")), newest);
        assert!(follow.next().now_or_never().is_none());
        for recipients in [only("bob"), except("ann")] {
            feed.publish_to(payload("0"), recipients);
            assert!(follow.next().now_or_never().is_none());
        }
        assert_eq!(follow.cursor(), newest.at(3));
        feed.publish_to(payload("0"), only("ann"));
        feed.publish_to(payload("0"), only("bob"));
        let batch = follow.next().await.unwrap();
        assert_eq!((places(&batch), batch.cursor), (vec![4], newest.at(5)));
    }

    #[test]
    fn a_count_tells_for_how_many_messages_are() {
        let feed = feed_of(1, 0);
        let (from_ns, to_ns) = (Timestamp::from_nanos(0), Timestamp::from_nanos(u64::MAX));
        feed.count(CountWindow { from_ns, to_ns });
        for to in [Recipients::Everyone, only("a"), except("a"), except("b")] {
            feed.publish_to(payload("0"), to);
        }
        let (first_seq, last_seq) = (Some(1), Some(4));
        let count = WindowCount { published: 4, first_seq, last_seq, except: 2, only: 1 };
        assert_eq!(feed.counted(), Some(count));
    }

    /// What a test does with a feed: it publishes, or one of the readers reads.
    #[derive(Clone, Debug)]
    enum Step {
        Publish(Recipients),
        Read(usize),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let any_name = || prop::sample::select(vec!["ann", "bob", "cid"]);
        prop_oneof![
            Just(Step::Publish(Recipients::Everyone)),
            any_name().prop_map(|name| Step::Publish(only(name))),
            any_name().prop_map(|name| Step::Publish(except(name))),
            (0..3_usize).prop_map(Step::Read),
        ]
    }

    proptest! {
        /// The model keeps everything that was ever published, and looks through all of it.
        #[test]
        fn a_reader_gets_what_is_for_it_and_skips_the_rest(
            capacity in 1..8_usize,
            steps in prop::collection::vec(any_step(), 0..60),
        ) {
            let feed = feed_of(capacity, 0);
            let start = feed.locate(After::Newest).unwrap();
            let names = [Some(name("ann")), Some(name("bob")), None];
            let mut cursors = [start; 3];
            let mut follows = names.clone().map(|name| feed.follow_as(name, start));
            let mut log: Vec<(Seq, Recipients)> = Vec::new();
            for step in steps {
                let reader = match step {
                    Step::Publish(to) => {
                        feed.publish_to(payload("0"), to.clone());
                        log.push((feed.published(), to));
                        continue;
                    }
                    Step::Read(reader) => reader,
                };
                let (name, after) = (names[reader].as_ref(), cursors[reader]);
                let dropped = log.len().saturating_sub(capacity) as u64;
                let kept = log.iter().filter(|(seq, _)| *seq > dropped.max(after.seq));
                let expected: Vec<Seq> =
                    kept.filter(|(_, to)| to.include(name)).map(|(seq, _)| *seq).collect();
                let missed = dropped.saturating_sub(after.seq);
                let gap = (missed > 0).then_some(Gap::Missed(missed));
                let batch = feed.read_as(name, after);
                prop_assert_eq!(&places(&batch), &expected);
                prop_assert_eq!((batch.gap, batch.cursor), (gap, start.at(log.len() as u64)));
                let followed = follows[reader].next().now_or_never().flatten();
                let followed = followed.map(|batch| (places(&batch), batch.gap));
                let waits = expected.is_empty() && gap.is_none();
                prop_assert_eq!(followed, (!waits).then_some((expected, gap)));
                prop_assert_eq!(follows[reader].cursor(), batch.cursor);
                cursors[reader] = batch.cursor;
            }
        }
    }

    #[test]
    fn only_messages_due_in_the_window_are_counted() {
        let feed = Feed::new(1);
        let at = Timestamp::from_nanos;
        feed.count(CountWindow { from_ns: at(10), to_ns: at(20) });
        for due in [9, 10, 19, 20] {
            feed.publish_due(payload("0"), at(due));
        }
        let count = WindowCount {
            published: 2,
            first_seq: Some(2),
            last_seq: Some(3),
            ..WindowCount::default()
        };
        assert_eq!(feed.counted(), Some(count));
    }

    /// Runs a publisher at full speed against readers that subscribe and leave at random places.
    /// The publisher goes on for as long as they read, and never so far ahead that the window
    /// passes a reader.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_message_is_lost_or_repeated_between_reading_and_waiting() {
        const AHEAD: u64 = 1 << 10;
        let feed = Feed::new(1 << 12);
        let start = feed.locate(After::Newest).unwrap();
        let places: Arc<[AtomicU64; 4]> = Arc::default();
        let mut readers = tokio::task::JoinSet::new();
        for reader in 0..places.len() {
            let (feed, places) = (feed.clone(), Arc::clone(&places));
            readers.spawn(async move {
                for _ in 0..500 {
                    let newest = feed.published();
                    let from = newest - rand::random_range(0..=newest.min(AHEAD));
                    places[reader].store(from, Ordering::SeqCst);
                    let mut follow = feed.follow(start.at(from));
                    let mut next = from + 1;
                    while next < from + 40 {
                        for entry in follow.next().await.unwrap().entries {
                            assert_eq!(entry.seq, next, "subscribed after {from}");
                            next += 1;
                        }
                    }
                }
                places[reader].store(u64::MAX, Ordering::SeqCst);
            });
        }
        let publisher = std::thread::spawn(move || {
            let slowest = || places.iter().map(|place| place.load(Ordering::SeqCst)).min().unwrap();
            loop {
                match slowest() {
                    u64::MAX => return,
                    slowest if feed.published() < slowest + AHEAD => {
                        feed.publish(payload("0"));
                    }
                    _ => std::thread::yield_now(),
                }
            }
        });
        readers.join_all().await;
        publisher.join().unwrap();
    }
}
