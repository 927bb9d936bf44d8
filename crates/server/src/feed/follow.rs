//! A reader that waits: the stream of everything after a cursor.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use wirebench_protocol::{Cursor, SubscriberName};

use super::batch::Batch;
use super::state::FeedState;
use super::waiters::Waiter;

/// A stream of the batches of a feed until the feed closes. No batch is empty.
///
/// # Cancel safety
/// Dropping the future of the next batch loses nothing: the cursor moves only when a batch is
/// returned, and past messages that are not for the reader.
#[derive(Debug)]
pub struct Follow {
    feed: Arc<FeedState>,
    /// The name of the reader. Messages that are not for it are skipped.
    name: Option<SubscriberName>,
    cursor: Cursor,
    /// The cursor has been checked against the window. Before that, it may belong to another epoch.
    checked: bool,
    waiter: Waiter,
}

impl Follow {
    pub(super) fn new(feed: Arc<FeedState>, after: Cursor, name: Option<SubscriberName>) -> Self {
        Self { feed, name, cursor: after, checked: false, waiter: Waiter::default() }
    }

    /// Returns how far the reader has come: to the end of the last batch, and past the messages
    /// after it that are not for the reader.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Returns the messages after the cursor, if there are any.
    fn read(&mut self) -> Option<Batch> {
        if self.checked && !self.feed.is_newer_than(self.cursor.seq) {
            return None;
        }
        self.checked = true;
        let batch = self.feed.read(self.cursor, self.name.as_ref());
        self.cursor = batch.cursor;
        (!batch.is_empty()).then_some(batch)
    }

    /// Returns the next batch, or `None` when the feed has closed. `before_waiting` is called
    /// between the first look at the feed and the moment from which a publisher wakes the task: a
    /// test publishes there.
    fn poll_batch(
        &mut self,
        context: &mut Context<'_>,
        before_waiting: impl FnOnce(),
    ) -> Poll<Option<Batch>> {
        if let Some(batch) = self.read() {
            return Poll::Ready(Some(batch));
        }
        before_waiting();
        // Register first and read again second: a message that was published in between is found by
        // the read, and one that is published later wakes the task.
        self.feed.waiters.register(&mut self.waiter, context);
        let closed = self.feed.is_closed();
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
        self.feed.waiters.remove(&mut self.waiter);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::{Wake, Waker};

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
