//! One append-only window of messages, and the three ways to read it.
//!
//! Readers bring their own cursor and take nothing away: there is no queue per subscriber, wake-ups
//! coalesce, and a reader that comes late finds everything it missed in one go.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::RwLock;
use smallvec::SmallVec;
use wirebench_protocol::control::{CountWindow, WindowCount};
use wirebench_protocol::{After, Cursor, Epoch, Gap, Seq, Timestamp};

use crate::entry::Entry;
use crate::payload::JsonPayload;
use crate::sleepers::{Bed, Sleepers};

/// At most this much JSON in one batch, so that a reader far behind costs bounded memory. A single
/// larger message is a batch of its own.
const BATCH_BYTES: usize = 1 << 20;

/// A feed of messages. A handle: clones read and write the same feed.
#[derive(Clone, Debug)]
pub struct Feed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    epoch: Epoch,
    /// How many messages the window keeps; at least 1.
    capacity: usize,
    /// And how many bytes of JSON.
    capacity_bytes: usize,
    log: RwLock<Log>,
    /// The newest message that readers may find in the log.
    newest: AtomicU64,
    closed: AtomicBool,
    sleepers: Sleepers,
    /// What may be published from outside; everything where there is none.
    check: Option<Check>,
    /// How often; any number of times where there is none.
    rate: Option<(DefaultDirectRateLimiter, NonZeroU32)>,
    /// Told how long it takes to wake everybody.
    observer: OnceLock<Observer>,
}

type CheckFn = dyn Fn(&[u8]) -> Result<(), Rejected> + Send + Sync;

struct Check(Box<CheckFn>);

struct Observer(Box<dyn Fn(Duration) + Send + Sync>);

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Observer")
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Check")
    }
}

/// A payload from outside that a feed does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Rejected {
    /// What a `POST` is answered with: `400` where the payload is at fault, `403` where nobody may.
    pub status: StatusCode,
    /// What was found.
    pub error: String,
    /// What to do instead.
    pub hint: &'static str,
}

impl Rejected {
    /// The payload is not what the feed takes (`400`).
    pub fn malformed(error: impl Into<String>, hint: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: error.into(), hint }
    }

    /// Too much is published (`429`).
    fn too_much(rate: NonZeroU32) -> Self {
        let error = format!("the feed takes at most {rate} messages per second from outside");
        Self { status: StatusCode::TOO_MANY_REQUESTS, error, hint: "publish less often" }
    }

    /// Nobody publishes here from outside, or not this one (`403`).
    pub fn forbidden(error: impl Into<String>, hint: &'static str) -> Self {
        Self { status: StatusCode::FORBIDDEN, error: error.into(), hint }
    }
}

#[derive(Debug)]
struct Log {
    /// The messages still kept, without holes, up to the newest.
    window: VecDeque<Arc<Entry>>,
    /// The JSON of the window.
    bytes: usize,
    /// The newest message ever published; 0 before the first.
    newest: Seq,
    /// What is being counted for a run, if anything.
    count: Option<(CountWindow, WindowCount)>,
}

/// What a reader finds after its cursor.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Where to go on from.
    pub cursor: Cursor,
    /// What could not be delivered before these messages.
    pub gap: Option<Gap>,
    /// The messages, in order; empty when nothing is new.
    pub entries: SmallVec<[Arc<Entry>; 1]>,
}

/// A cursor of this feed that lies beyond its newest message: nobody can have been given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cursor `{cursor}` lies after the newest message, {newest}")]
pub struct FutureCursor {
    /// The cursor that was brought.
    pub cursor: Cursor,
    /// The newest message of the feed.
    pub newest: Seq,
}

impl Feed {
    /// An empty feed in a new epoch that keeps the last `capacity` messages (at least one).
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(Inner {
            epoch: Epoch(rand::random()),
            capacity: capacity.max(1),
            capacity_bytes: usize::MAX,
            log: RwLock::new(Log { window: VecDeque::new(), bytes: 0, newest: 0, count: None }),
            newest: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            sleepers: Sleepers::default(),
            check: None,
            rate: None,
            observer: OnceLock::new(),
        }))
    }

    /// A feed whose window keeps at most this many bytes of JSON, and always the newest message.
    ///
    /// # Panics
    /// The feed has been cloned already.
    #[must_use]
    pub fn with_window_bytes(mut self, bytes: usize) -> Self {
        self.fresh().capacity_bytes = bytes;
        self
    }

    /// A feed that takes from outside at most this many messages per second, evenly: a second's worth
    /// at once (a generic cell rate algorithm). [`publish`](Self::publish) is not limited.
    ///
    /// # Panics
    /// The feed has been cloned already.
    #[must_use]
    pub fn with_publish_rate(mut self, per_second: NonZeroU32) -> Self {
        self.fresh().rate = Some((RateLimiter::direct(Quota::per_second(per_second)), per_second));
        self
    }

    fn fresh(&mut self) -> &mut Inner {
        Arc::get_mut(&mut self.0).expect("a feed is put together before it is cloned")
    }

    /// Has `observe` told how long each message takes to wake everybody who waits for it. The first
    /// observer stays.
    pub(crate) fn observe(&self, observe: impl Fn(Duration) + Send + Sync + 'static) {
        let _ = self.0.observer.set(Observer(Box::new(observe)));
    }

    /// How many messages a reader finds after the cursor.
    pub(crate) fn behind(&self, after: Cursor) -> u64 {
        let log = self.0.log.read();
        let from = if after.epoch == self.0.epoch {
            after.seq.max(log.oldest() - 1)
        } else {
            log.oldest() - 1
        };
        log.newest.saturating_sub(from)
    }

    /// A feed that takes from outside, over any transport, only the JSON that `check` lets pass.
    /// [`publish`](Self::publish) is for the feed's owner, and not checked.
    ///
    /// # Panics
    /// The feed has been cloned already: some would publish past the check.
    #[must_use]
    pub fn with_check(
        mut self,
        check: impl Fn(&[u8]) -> Result<(), Rejected> + Send + Sync + 'static,
    ) -> Self {
        self.fresh().check = Some(Check(Box::new(check)));
        self
    }

    /// Appends what somebody outside offers, if it is one JSON value and passes the feed's check.
    ///
    /// # Errors
    /// Why the feed does not take it.
    pub fn offer(&self, json: &[u8]) -> Result<Cursor, Rejected> {
        let payload = JsonPayload::from_json(json)
            .map_err(|error| Rejected::malformed(error.to_string(), "send one JSON value"))?;
        if let Some(Check(check)) = &self.0.check {
            check(payload.as_bytes())?;
        }
        if let Some((limiter, rate)) = &self.0.rate
            && limiter.check().is_err()
        {
            return Err(Rejected::too_much(*rate));
        }
        Ok(self.publish(&payload))
    }

    /// Appends a message that is due now, and wakes those who wait.
    pub fn publish(&self, payload: &JsonPayload) -> Cursor {
        self.publish_due(payload, Timestamp::now())
    }

    /// Appends a message with the stamp of the time at which it was due, so that a late publisher
    /// does not hide its own delay.
    pub fn publish_due(&self, payload: &JsonPayload, due: Timestamp) -> Cursor {
        let cursor = {
            let mut log = self.0.log.write();
            log.newest += 1;
            let cursor = Cursor { epoch: self.0.epoch, seq: log.newest };
            log.count(cursor.seq, due);
            let entry = Entry::encode(cursor, due, payload);
            log.bytes += entry.json.len();
            while log.window.len() == self.0.capacity
                || (log.bytes > self.0.capacity_bytes && !log.window.is_empty())
            {
                let Some(oldest) = log.window.pop_front() else { break };
                log.bytes -= oldest.json.len();
            }
            log.window.push_back(Arc::new(entry));
            cursor
        };
        // Outside the lock, or every reader would wake up into it. Two publishers may come here in the
        // wrong order: the newest only ever grows.
        self.0.newest.fetch_max(cursor.seq, Ordering::Release);
        match self.0.observer.get() {
            None => self.0.sleepers.wake(),
            Some(Observer(observe)) => {
                let start = Instant::now();
                self.0.sleepers.wake();
                observe(start.elapsed());
            }
        }
        cursor
    }

    /// Turns what a subscriber asks for into the cursor to read from.
    ///
    /// # Errors
    /// A cursor of this epoch beyond the newest message. One of another epoch passes: reading from it
    /// tells the subscriber about the reset.
    pub fn locate(&self, after: After) -> Result<Cursor, FutureCursor> {
        let log = self.0.log.read();
        match after {
            After::Newest => Ok(Cursor { epoch: self.0.epoch, seq: log.newest }),
            After::Start => Ok(Cursor { epoch: self.0.epoch, seq: log.oldest() - 1 }),
            After::Cursor(cursor) if cursor.epoch == self.0.epoch && cursor.seq > log.newest => {
                Err(FutureCursor { cursor, newest: log.newest })
            }
            After::Cursor(cursor) => Ok(cursor),
        }
    }

    /// What is there after the cursor, at once; some 1 MiB of it at most, the rest from the batch's
    /// own cursor on.
    pub fn read(&self, after: Cursor) -> Batch {
        let log = self.0.log.read();
        let oldest = log.oldest();
        let (from, gap) = if after.epoch != self.0.epoch {
            (oldest, Some(Gap::Reset))
        } else if after.seq.saturating_add(1) < oldest {
            (oldest, Some(Gap::Missed(oldest - after.seq - 1)))
        } else {
            (after.seq.saturating_add(1), None)
        };
        let mut bytes = 0;
        let entries: SmallVec<[Arc<Entry>; 1]> = log
            .since(from)
            .take_while(|entry| {
                let fits = bytes == 0 || bytes + entry.json.len() <= BATCH_BYTES;
                bytes += entry.json.len();
                fits
            })
            .cloned()
            .collect();
        let seq = entries.last().map_or(from - 1, |entry| entry.seq);
        Batch { cursor: Cursor { epoch: self.0.epoch, seq }, gap, entries }
    }

    /// What comes next after the cursor: waits until there is something new or a gap to tell of.
    /// Empty only when the feed closes first.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: reading takes nothing away.
    pub async fn wait(&self, after: Cursor) -> Batch {
        let nothing = Batch { cursor: after, gap: None, entries: SmallVec::new() };
        self.follow(after).next().await.unwrap_or(nothing)
    }

    /// Everything after the cursor, batch by batch, until the feed closes.
    pub fn follow(&self, after: Cursor) -> Follow {
        Follow { feed: self.clone(), cursor: after, read_before: false, bed: Bed::default() }
    }

    /// Ends every wait and every follower, once it has read what there is. What is published after
    /// this can still be read, but wakes nobody up.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.sleepers.wake();
    }

    /// Starts to count the messages whose stamp lies in the window, and forgets any earlier count.
    pub fn count(&self, window: CountWindow) {
        let mut log = self.0.log.write();
        let count = WindowCount { published: 0, first_seq: None, last_seq: None };
        log.count = Some((window, count));
    }

    /// What was counted so far; `None` when nothing was asked for.
    pub fn counted(&self) -> Option<WindowCount> {
        let log = self.0.log.read();
        log.count.map(|(_, count)| count)
    }

    /// How many messages were ever published.
    pub fn published(&self) -> u64 {
        self.0.log.read().newest
    }
}

impl Log {
    /// The oldest message still kept; the next one to come when none is.
    fn oldest(&self) -> Seq {
        self.window.front().map_or(self.newest + 1, |entry| entry.seq)
    }

    /// The kept messages from `seq` on, which must not be older than the oldest.
    fn since(&self, seq: Seq) -> impl Iterator<Item = &Arc<Entry>> {
        let skipped = usize::try_from(seq - self.oldest()).unwrap_or(usize::MAX);
        self.window.range(skipped.min(self.window.len())..)
    }

    fn count(&mut self, seq: Seq, due: Timestamp) {
        if let Some((window, count)) = &mut self.count
            && (window.from_ns..window.to_ns).contains(&due)
        {
            count.published += 1;
            count.first_seq.get_or_insert(seq);
            count.last_seq = Some(seq);
        }
    }
}

impl Batch {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.gap.is_none()
    }

    /// The place just before the first message: where the subscription goes on after the gap.
    pub fn before(&self) -> Cursor {
        self.entries.first().map_or(self.cursor, |entry| self.cursor.at(entry.seq - 1))
    }

    /// One encoding of all messages in one piece, without a copy where there is only one of them.
    pub(crate) fn join(&self, encoding: impl Fn(&Entry) -> &Bytes) -> Bytes {
        match self.entries.as_slice() {
            [] => Bytes::new(),
            [entry] => encoding(entry).clone(),
            entries => entries
                .iter()
                .fold(Vec::new(), |mut all, entry| {
                    all.extend_from_slice(encoding(entry));
                    all
                })
                .into(),
        }
    }
}

/// A reader that follows a feed until it closes: a stream of batches, none of them empty.
///
/// # Cancel safety
/// Not waiting for the next batch loses nothing: the cursor moves only when a batch is returned.
#[derive(Debug)]
pub struct Follow {
    feed: Feed,
    cursor: Cursor,
    /// Whether the cursor has been held against the log: before that it may be of another epoch.
    read_before: bool,
    bed: Bed,
}

impl Follow {
    /// What is there after the cursor, if anything is.
    fn read(&mut self) -> Option<Batch> {
        if self.read_before && self.feed.0.newest.load(Ordering::Acquire) <= self.cursor.seq {
            return None;
        }
        self.read_before = true;
        let batch = self.feed.read(self.cursor);
        self.cursor = batch.cursor;
        (!batch.is_empty()).then_some(batch)
    }
}

impl Follow {
    /// The next batch, or `None` when the feed has closed. `before_sleep` is called between the first look
    /// at the feed and the moment from which a publisher wakes the task: a test publishes there.
    fn poll_batch(
        &mut self,
        context: &mut Context<'_>,
        before_sleep: impl FnOnce(),
    ) -> Poll<Option<Batch>> {
        if let Some(batch) = self.read() {
            return Poll::Ready(Some(batch));
        }
        before_sleep();
        // Asleep first, read again second: a message published in between is found by the read, and
        // one published after it wakes the task.
        self.feed.0.sleepers.sleep(&mut self.bed, context);
        let closed = self.feed.0.closed.load(Ordering::Acquire);
        match self.read() {
            Some(batch) => Poll::Ready(Some(batch)),
            None if closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl Stream for Follow {
    type Item = Batch;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Batch>> {
        self.poll_batch(context, || ())
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.feed.0.sleepers.leave(&mut self.bed);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn payload(text: &str) -> JsonPayload {
        JsonPayload::from_json(text.as_bytes()).unwrap()
    }

    fn feed_of(capacity: usize, published: u64) -> Feed {
        let feed = Feed::new(capacity);
        for n in 1..=published {
            feed.publish(&payload(&n.to_string()));
        }
        feed
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
    fn one_who_fell_behind_the_window_learns_how_much_was_missed() {
        let feed = feed_of(2, 5);
        let first = feed.locate(After::Newest).unwrap().at(1);
        let batch = feed.read(first);
        assert_eq!((places(&batch), batch.gap), (vec![4, 5], Some(Gap::Missed(2))));
        assert_eq!(feed.read(batch.cursor).gap, None, "a gap is told once");
    }

    #[test]
    fn a_cursor_of_another_epoch_is_reset_and_gets_what_is_left() {
        let stranger = feed_of(10, 3).locate(After::Newest).unwrap();
        let feed = feed_of(10, 4);
        let batch = feed.read(stranger);
        assert_eq!((places(&batch), batch.gap), (vec![1, 2, 3, 4], Some(Gap::Reset)));
    }

    #[test]
    fn a_cursor_beyond_the_newest_message_is_refused() {
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
    async fn a_waiting_reader_wakes_up_at_the_next_message() {
        let feed = feed_of(10, 1);
        let mut follow = feed.follow(feed.locate(After::Newest).unwrap());
        assert!(follow.next().now_or_never().is_none(), "there is nothing yet");
        feed.publish(&payload("2"));
        feed.publish(&payload("3"));
        assert_eq!(places(&follow.next().await.unwrap()), [2, 3]);
        assert!(follow.next().now_or_never().is_none(), "nothing comes twice");
    }

    #[tokio::test]
    async fn a_feed_that_closes_ends_its_followers_after_what_is_there() {
        let feed = feed_of(10, 2);
        let mut follow = feed.follow(feed.locate(After::Start).unwrap());
        feed.close();
        assert_eq!(places(&follow.next().await.unwrap()), [1, 2]);
        assert!(follow.next().await.is_none());
        assert!(feed.wait(feed.locate(After::Newest).unwrap()).await.is_empty());
    }

    #[test]
    fn only_messages_due_in_the_window_are_counted() {
        let feed = Feed::new(1);
        let at = Timestamp::from_nanos;
        feed.count(CountWindow { from_ns: at(10), to_ns: at(20) });
        for due in [9, 10, 19, 20] {
            feed.publish_due(&payload("0"), at(due));
        }
        let count = WindowCount { published: 2, first_seq: Some(2), last_seq: Some(3) };
        assert_eq!(feed.counted(), Some(count));
    }

    /// The race between looking and going to sleep, forced: something happens when the reader has looked
    /// and does not sleep yet, so that there is nobody to be woken.
    #[test]
    fn what_happens_between_looking_and_sleeping_is_found_at_once() {
        let feed = feed_of(10, 1);
        let mut follow = feed.follow(feed.locate(After::Newest).unwrap());
        let context = &mut Context::from_waker(std::task::Waker::noop());
        // The first look takes the log, later ones the number of the newest message.
        for number in 2..=3 {
            let polled = follow.poll_batch(context, || {
                feed.publish(&payload("0"));
            });
            let Poll::Ready(Some(batch)) = polled else { panic!("message {number}: {polled:?}") };
            assert_eq!(places(&batch), [number]);
        }
        let polled = follow.poll_batch(context, || feed.close());
        assert!(matches!(polled, Poll::Ready(None)), "the end of the feed: {polled:?}");
    }

    #[test]
    fn what_happens_after_falling_asleep_wakes_the_reader() {
        let feed = feed_of(10, 1);
        let mut follow = feed.follow(feed.locate(After::Newest).unwrap());
        let (waker, woken) = counting_waker();
        let context = &mut Context::from_waker(&waker);
        for number in 2..=3 {
            assert!(follow.poll_batch(context, || ()).is_pending());
            let before = woken.load(Ordering::SeqCst);
            feed.publish(&payload("0"));
            assert_eq!(woken.load(Ordering::SeqCst), before + 1, "message {number}");
            let polled = follow.poll_batch(context, || ());
            let Poll::Ready(Some(batch)) = polled else { panic!("message {number}: {polled:?}") };
            assert_eq!(places(&batch), [number]);
        }
        assert!(follow.poll_batch(context, || ()).is_pending());
        feed.close();
        assert_eq!(woken.load(Ordering::SeqCst), 3, "the end of the feed");
    }

    /// A waker, and how often it was woken.
    fn counting_waker() -> (std::task::Waker, Arc<AtomicU64>) {
        struct Counts(Arc<AtomicU64>);

        impl std::task::Wake for Counts {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }

        let woken = Arc::new(AtomicU64::new(0));
        (Arc::new(Counts(Arc::clone(&woken))).into(), woken)
    }

    /// The same races as they come: a publisher at full speed against readers that come and go at random
    /// places. It publishes for as long as they read, and never so far ahead that the window passes by.
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
                        feed.publish(&payload("0"));
                    }
                    _ => std::thread::yield_now(),
                }
            }
        });
        readers.join_all().await;
        publisher.join().unwrap();
    }
}
