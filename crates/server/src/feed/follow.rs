//! A reader that waits: the stream of everything after a cursor.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, Stream};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use wirebench_protocol::{Cursor, SubscriberName};

use super::batch::Batch;
use super::state::FeedState;
use super::waiters::Waiter;

/// A stream of the batches of a feed until the feed closes. No batch is empty.
///
/// # Cancel safety
/// Dropping the future of the next batch loses nothing: the cursor moves only when a batch is
/// returned, and past messages that are not for the reader.
pub struct Follow {
    feed: Arc<FeedState>,
    /// The name of the reader. Messages that are not for it are skipped.
    name: Option<SubscriberName>,
    cursor: Cursor,
    /// The cursor has been checked against the window. Before that, it may belong to another epoch.
    checked: bool,
    /// The read of messages that only the store of a durable feed has.
    fetch: Option<BoxFuture<'static, Batch>>,
    waiter: Waiter,
    /// Boxed, because few readers have one. `None`: the reader is woken by each message.
    timer: Option<Box<ReadTimer>>,
}

/// A timer that decides when its reader looks into the feed.
#[derive(Debug)]
struct ReadTimer {
    ticks: Interval,
    /// The timer has fired, and the reader has not read everything since.
    is_reading: bool,
}

impl Follow {
    pub(super) fn new(feed: Arc<FeedState>, after: Cursor, name: Option<SubscriberName>) -> Self {
        let waiter = Waiter::default();
        Self { feed, name, cursor: after, checked: false, fetch: None, waiter, timer: None }
    }

    /// Creates a reader of what comes after a batch that was just read.
    pub(super) fn after_batch(
        feed: Arc<FeedState>,
        batch: &Batch,
        name: Option<SubscriberName>,
    ) -> Self {
        let mut follow = Self::new(feed, batch.cursor, name);
        // The epoch of a feed in memory never changes.
        follow.checked = follow.feed.durable.is_none();
        follow
    }

    /// Returns how far the reader has come: to the end of the last batch, and past the messages
    /// after it that are not for the reader.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Returns the same stream, read by a timer of its own: it looks into the feed once in each
    /// period, from a random instant of the first one on, and then returns everything that is new.
    /// The end of the feed does not wait for the timer. Needs a runtime of tokio.
    ///
    /// # Panics
    /// The period is 0.
    #[must_use]
    pub fn every(mut self, period: Duration) -> Self {
        let first = Instant::now() + period.mul_f64(rand::random());
        let mut ticks = interval_at(first, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        self.timer = Some(Box::new(ReadTimer { ticks, is_reading: false }));
        self
    }

    /// Returns the messages after the cursor, if there are any. If they have to be fetched from the
    /// store, the task is woken when they are there.
    fn read(&mut self, context: &mut Context<'_>) -> Option<Batch> {
        loop {
            if let Some(fetch) = &mut self.fetch {
                let Poll::Ready(batch) = fetch.poll_unpin(context) else { return None };
                self.fetch = None;
                self.cursor = batch.cursor;
                if !batch.is_empty() {
                    return Some(batch);
                }
            }
            if self.checked && !self.feed.is_newer_than(self.cursor) {
                return None;
            }
            self.checked = true;
            let batch = self.feed.read(self.cursor, self.name.as_ref());
            if self.feed.durable.is_some() && batch.gap.is_some() {
                let feed = Arc::clone(&self.feed);
                let fetch = feed.fetch_in_the_end(self.cursor, self.name.clone());
                self.fetch = Some(fetch.boxed());
            } else {
                self.cursor = batch.cursor;
                return (!batch.is_empty()).then_some(batch);
            }
        }
    }

    /// Returns the next batch, or `None` when the feed has closed. `before_waiting` is called
    /// between the first look at the feed and the moment from which a publisher wakes the task: a
    /// test publishes there.
    fn poll_batch(
        &mut self,
        context: &mut Context<'_>,
        before_waiting: impl FnOnce(),
    ) -> Poll<Option<Batch>> {
        if let Some(batch) = self.read(context) {
            return Poll::Ready(Some(batch));
        }
        before_waiting();
        // Register first and read again second: a message that was published in between is found by
        // the read, and one that is published later wakes the task.
        self.feed.waiters.register(&mut self.waiter, context);
        let closed = self.feed.is_closed();
        match self.read(context) {
            Some(batch) => Poll::Ready(Some(batch)),
            None if closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Returns the next batch if the timer has fired, or `None` when the feed has closed.
    fn poll_at_ticks(
        &mut self,
        timer: &mut ReadTimer,
        context: &mut Context<'_>,
    ) -> Poll<Option<Batch>> {
        // Registered before the look at the feed, so that its end is not missed.
        self.feed.waiters_for_end.register(&mut self.waiter, context);
        let closed = self.feed.is_closed();
        loop {
            if closed || timer.is_reading {
                match self.read(context) {
                    Some(batch) => {
                        // A batch has a maximum size: the rest is read without another tick.
                        timer.is_reading = self.feed.is_newer_than(batch.cursor);
                        return Poll::Ready(Some(batch));
                    }
                    None if closed => return Poll::Ready(None),
                    None if self.fetch.is_some() => return Poll::Pending,
                    None => timer.is_reading = false,
                }
            }
            ready!(timer.ticks.poll_tick(context));
            timer.is_reading = true;
        }
    }
}

impl Stream for Follow {
    type Item = Batch;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Batch>> {
        match self.timer.take() {
            None => self.poll_batch(context, || ()),
            Some(mut timer) => {
                let polled = self.poll_at_ticks(&mut timer, context);
                self.timer = Some(timer);
                polled
            }
        }
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, cursor, .. } = self;
        formatter
            .debug_struct("Follow")
            .field("name", name)
            .field("cursor", cursor)
            .finish_non_exhaustive()
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        let FeedState { waiters, waiters_for_end, .. } = &*self.feed;
        let waiters = if self.timer.is_some() { waiters_for_end } else { waiters };
        waiters.remove(&mut self.waiter);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::{Wake, Waker};

    use futures::StreamExt;
    use futures::future::join_all;
    use wirebench_protocol::{Epoch, Seq, Timestamp};

    use super::*;
    use crate::feed::payload::JsonPayload;
    use crate::feed::publish_options::PublishOptions;

    /// A feed with one message, and a reader that has read it.
    fn follow_from_newest() -> (Arc<FeedState>, Follow) {
        let feed = Arc::new(FeedState::new(Epoch(1), 10));
        publish(&feed);
        let newest = feed.window.read().newest();
        (Arc::clone(&feed), Follow::new(feed, newest, None))
    }

    fn publish(feed: &FeedState) {
        let payload = JsonPayload::from_json(b"0").unwrap();
        let cursor =
            feed.window.write().push(&payload.into(), &PublishOptions::default(), Timestamp::now());
        feed.show(cursor.seq);
        feed.waiters.wake();
    }

    fn places(batch: &Batch) -> Vec<Seq> {
        batch.entries.iter().map(|entry| entry.seq).collect()
    }

    /// Forces the race between looking at the feed and waiting: something happens when the reader
    /// has looked and is not registered yet, so that nobody can be woken.
    #[test]
    fn what_happens_between_looking_and_waiting_is_found_at_once() {
        let (feed, mut follow) = follow_from_newest();
        let context = &mut Context::from_waker(Waker::noop());
        // The first look reads the window, later ones read the number of the newest message.
        for number in 2..=3 {
            let polled = follow.poll_batch(context, || publish(&feed));
            let Poll::Ready(Some(batch)) = polled else { panic!("message {number}: {polled:?}") };
            assert_eq!(places(&batch), [number]);
        }
        let polled = follow.poll_batch(context, || feed.close());
        assert!(matches!(polled, Poll::Ready(None)), "the end of the feed: {polled:?}");
    }

    #[test]
    fn what_happens_while_a_reader_waits_wakes_it() {
        let (feed, mut follow) = follow_from_newest();
        let (waker, woken) = counting_waker();
        let context = &mut Context::from_waker(&waker);
        for number in 2..=3 {
            assert!(follow.poll_batch(context, || ()).is_pending());
            let before = woken.load(Ordering::SeqCst);
            publish(&feed);
            assert_eq!(woken.load(Ordering::SeqCst), before + 1, "message {number}");
            let polled = follow.poll_batch(context, || ());
            let Poll::Ready(Some(batch)) = polled else { panic!("message {number}: {polled:?}") };
            assert_eq!(places(&batch), [number]);
        }
        assert!(follow.poll_batch(context, || ()).is_pending());
        feed.close();
        assert_eq!(woken.load(Ordering::SeqCst), 3, "the end of the feed");
    }

    /// Advances a clock that is paused.
    async fn advance(millis: u64) {
        tokio::time::advance(Duration::from_millis(millis)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_with_a_timer_finds_everything_at_each_tick_and_nothing_between() {
        let (feed, follow) = follow_from_newest();
        let mut follow = follow.every(Duration::from_secs(1));
        assert!(follow.next().now_or_never().is_none(), "nothing is new");
        publish(&feed);
        let first = Instant::now();
        assert_eq!(places(&follow.next().await.unwrap()), [2]);
        assert!(first.elapsed() <= Duration::from_secs(1), "within the first period");
        for seq in [3, 5, 7] {
            advance(400).await;
            publish(&feed);
            advance(500).await;
            publish(&feed);
            assert!(follow.next().now_or_never().is_none(), "900 ms after the last tick");
            advance(101).await;
            assert_eq!(places(&follow.next().await.unwrap()), [seq, seq + 1]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_does_not_wake_a_reader_with_a_timer_and_the_end_of_the_feed_does() {
        let (feed, follow) = follow_from_newest();
        let mut follow = follow.every(Duration::from_mins(1));
        let (waker, woken) = counting_waker();
        let context = &mut Context::from_waker(&waker);
        assert!(follow.poll_next_unpin(context).is_pending());
        publish(&feed);
        assert_eq!(woken.load(Ordering::SeqCst), 0, "the message");
        feed.close();
        assert_eq!(woken.load(Ordering::SeqCst), 1, "the end of the feed");
        let Poll::Ready(Some(batch)) = follow.poll_next_unpin(context) else { panic!() };
        assert_eq!(places(&batch), [2], "what is there is read first");
        assert!(matches!(follow.poll_next_unpin(context), Poll::Ready(None)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_timers_of_many_readers_have_different_phases() {
        let (feed, _) = follow_from_newest();
        let newest = feed.window.read().newest();
        let (began, period) = (Instant::now(), Duration::from_secs(1));
        let readers = (0..64).map(|_| Follow::new(Arc::clone(&feed), newest, None).every(period));
        publish(&feed);
        let delays = join_all(readers.map(|mut follow| async move {
            follow.next().await;
            began.elapsed()
        }));
        let delays = delays.await;
        for quarter in 0..4 {
            let within = period * quarter / 4..period * (quarter + 1) / 4;
            assert!(delays.iter().any(|delay| within.contains(delay)), "{within:?}: {delays:?}");
        }
    }

    /// Returns a waker, and the number of times that it was woken.
    fn counting_waker() -> (Waker, Arc<AtomicU64>) {
        struct CountingWaker(Arc<AtomicU64>);

        impl Wake for CountingWaker {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }

        let woken = Arc::new(AtomicU64::new(0));
        (Arc::new(CountingWaker(Arc::clone(&woken))).into(), woken)
    }
}
