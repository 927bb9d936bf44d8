//! Group commit: what is published while a transaction is under way is written by the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::error::{StoreError, StoreErrorKind};
use crate::message::{Appended, NewMessage};
use crate::store::StoredFeed;

/// The maximum number of messages that wait for a transaction, and that one transaction writes.
const QUEUE_MESSAGES: usize = 1024;

/// The maximum size of the payloads that wait or are being written, in bytes.
const QUEUE_BYTES: usize = 16 << 20;

/// The writer trims after this many messages.
const TRIM_AFTER: usize = 256;

/// The writer trims at least this often while messages are appended, and also while none are if
/// there is a limit of their age.
const TRIM_EVERY: Duration = Duration::from_secs(1);

/// Appends the messages of many publishers to one feed, in the order in which they came.
///
/// One transaction writes whatever has queued up while the one before it was under way. A message
/// that comes alone is written at once. The writer also applies the retention of the feed.
///
/// The writer is a task, and its owner is this value: dropping it ends the task, and a transaction
/// that is under way is rolled back unless it has reached its commit. [`close`](Self::close) writes
/// first what has queued up.
#[derive(Debug)]
pub struct FeedWriter {
    queue: mpsc::Sender<Queued>,
    /// The room for payloads in the queue, in bytes.
    room: Arc<Semaphore>,
    /// The number of messages that were ever put into the queue.
    queued: AtomicU64,
    /// How many of them are answered.
    answered: watch::Receiver<u64>,
    deadline: Duration,
    /// Tells the task to take no more, and to end when the queue is empty.
    closing: CancellationToken,
    /// Waits for the end of the task.
    tracker: TaskTracker,
    _task: AbortOnDropHandle<()>,
}

/// A message that was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnacknowledgedError {
    /// Too much waits to be written. Nothing was written; the publisher may try again later.
    QueueFull,
    /// The database failed.
    Store(StoreError),
}

/// A message that is in the queue of its feed, or further.
#[derive(Debug)]
pub struct QueuedMessage {
    answered: oneshot::Receiver<Result<Appended, StoreError>>,
    expires: Instant,
    patience: Duration,
}

/// A message, and its publisher.
#[derive(Debug)]
struct Queued {
    message: NewMessage,
    publisher: WaitingPublisher,
    /// When its publisher stops waiting. A message that is still in the queue then is not written,
    /// because its publisher was told that it is not acknowledged.
    expires: Instant,
}

/// Somebody who waits for an answer.
#[derive(Debug)]
struct WaitingPublisher {
    answer: oneshot::Sender<Result<Appended, StoreError>>,
    /// The share of the message in the room of the queue, until it is answered.
    _room: OwnedSemaphorePermit,
}

impl FeedWriter {
    /// Starts the writer of a feed. There should be one in a process for each feed.
    ///
    /// `on_commit` is called after each commit, in the order of the commits and before the
    /// publishers are answered, with the messages of the transaction and what came of each.
    ///
    /// # Panics
    /// There is no tokio runtime.
    pub fn start(
        feed: StoredFeed,
        on_commit: impl FnMut(&[NewMessage], &[Appended]) + Send + 'static,
    ) -> Self {
        let (queue, receiver) = mpsc::channel(QUEUE_MESSAGES);
        let (count_answered, answered) = watch::channel(0);
        let deadline = feed.deadline();
        let room = Arc::new(Semaphore::new(QUEUE_BYTES));
        let (closing, tracker) = (CancellationToken::new(), TaskTracker::new());
        let writing = write(feed, receiver, closing.clone(), on_commit, count_answered);
        let task = AbortOnDropHandle::new(tracker.spawn(writing));
        tracker.close();
        let queued = AtomicU64::new(0);
        Self { queue, room, queued, answered, deadline, closing, tracker, _task: task }
    }

    /// Puts a message into the queue. It may be called from any thread. Messages are appended in
    /// the order of these calls, also if nobody asks whether they were.
    ///
    /// # Errors
    /// The queue is full, or the writer was closed.
    pub fn enqueue(&self, message: NewMessage) -> Result<QueuedMessage, UnacknowledgedError> {
        let size = message.payload.len().clamp(1, QUEUE_BYTES);
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(size);
        let room = room.map_err(|_| UnacknowledgedError::QueueFull)?;
        let (answer, answered) = oneshot::channel();
        let publisher = WaitingPublisher { answer, _room: room };
        // A message may wait for the transaction before its own.
        let patience = 2 * self.deadline;
        let expires = Instant::now() + patience;
        self.queue.try_send(Queued { message, publisher, expires }).map_err(
            |error| match error {
                mpsc::error::TrySendError::Full(_) => UnacknowledgedError::QueueFull,
                mpsc::error::TrySendError::Closed(_) => UnacknowledgedError::Store(ended()),
            },
        )?;
        self.queued.fetch_add(1, Ordering::AcqRel);
        Ok(QueuedMessage { answered, expires, patience })
    }

    /// Appends a message, and returns when the database has committed it.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue) and [`QueuedMessage::committed`].
    pub async fn publish(&self, message: NewMessage) -> Result<Appended, UnacknowledgedError> {
        self.enqueue(message)?.committed().await
    }

    /// Waits until all messages that are in the queue now are committed or refused, but no longer
    /// than their publishers wait. Others may be put into the queue meanwhile.
    pub async fn settled(&self) {
        let queued = self.queued.load(Ordering::Acquire);
        let mut answered = self.answered.clone();
        // Without an answer in time, or if the task has ended, there is nothing to wait for.
        let _ = timeout(2 * self.deadline, answered.wait_for(|answered| *answered >= queued)).await;
    }

    /// Writes what has queued up, answers its publishers, and ends the task. What is published
    /// afterwards is refused.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tracker.wait().await;
    }
}

impl QueuedMessage {
    /// Waits until the database has committed the message.
    ///
    /// # Errors
    /// The database fails. If no answer comes within twice the deadline of the store, the message
    /// counts as not acknowledged, and may be written all the same.
    ///
    /// # Cancel safety
    /// If the future is dropped, the message is written all the same.
    pub async fn committed(self) -> Result<Appended, UnacknowledgedError> {
        match timeout_at(self.expires, self.answered).await {
            Ok(Ok(answer)) => answer.map_err(UnacknowledgedError::Store),
            Ok(Err(_)) => Err(UnacknowledgedError::Store(ended())),
            Err(_) => {
                let found = format!("no answer within {:?}", self.patience);
                Err(UnacknowledgedError::Store(StoreError::new(
                    StoreErrorKind::Unavailable,
                    "append a message",
                    found,
                )))
            }
        }
    }
}

fn ended() -> StoreError {
    let found = "the server is stopping";
    StoreError::new(StoreErrorKind::Unavailable, "append a message", found)
}

impl std::fmt::Display for UnacknowledgedError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::QueueFull => formatter.write_str(
                "cannot append a message: too much waits to be written; try again later",
            ),
            Self::Store(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for UnacknowledgedError {}

/// Writes what is queued, batch by batch, until the queue is closed and empty.
async fn write(
    feed: StoredFeed,
    mut queue: mpsc::Receiver<Queued>,
    closing: CancellationToken,
    mut on_commit: impl FnMut(&[NewMessage], &[Appended]),
    answered: watch::Sender<u64>,
) {
    let mut trimming = Trimming::new();
    let mut batch = Vec::with_capacity(QUEUE_MESSAGES);
    // A failure is reported once, and not with every transaction.
    let mut failed = false;
    loop {
        let taken = tokio::select! {
            taken = queue.recv_many(&mut batch, QUEUE_MESSAGES) => taken,
            () = closing.cancelled(), if !queue.is_closed() => {
                queue.close();
                continue;
            }
            () = trimming.due() => {
                trimming.trim(&feed).await;
                continue;
            }
        };
        if taken == 0 {
            return;
        }
        let now = Instant::now();
        batch.retain(|queued| queued.expires > now);
        let written = write_batch(&feed, &mut batch, &mut on_commit).await;
        match &written {
            Err(error) if !failed => tracing::warn!("{error}"),
            Ok(()) if failed => tracing::warn!("messages are appended again"),
            Err(_) | Ok(()) => {}
        }
        failed = written.is_err();
        answered.send_modify(|answered| *answered += taken as u64);
        trimming.appended(taken);
    }
}

/// Writes a batch in one transaction and answers its publishers. Leaves the batch empty.
async fn write_batch(
    feed: &StoredFeed,
    batch: &mut Vec<Queued>,
    on_commit: &mut impl FnMut(&[NewMessage], &[Appended]),
) -> Result<(), StoreError> {
    let (messages, publishers): (Vec<NewMessage>, Vec<WaitingPublisher>) =
        batch.drain(..).map(|Queued { message, publisher, .. }| (message, publisher)).unzip();
    match feed.append(&messages).await {
        Ok(appended) => {
            on_commit(&messages, &appended);
            for (publisher, appended) in publishers.into_iter().zip(appended) {
                // A publisher that no longer waits needs no answer.
                let _ = publisher.answer.send(Ok(appended));
            }
            Ok(())
        }
        Err(error) => {
            for publisher in publishers {
                let _ = publisher.answer.send(Err(error.clone()));
            }
            Err(error)
        }
    }
}

/// When the retention is applied next.
#[derive(Debug)]
struct Trimming {
    interval: Interval,
    /// The number of messages that were appended since.
    appended: usize,
    /// Nothing is beyond the limits until a message is appended.
    at_rest: bool,
    /// The last attempt failed. It is reported once, and not with every attempt.
    failed: bool,
}

impl Trimming {
    fn new() -> Self {
        let mut interval = tokio::time::interval(TRIM_EVERY);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { interval, appended: 0, at_rest: false, failed: false }
    }

    async fn due(&mut self) {
        if self.at_rest {
            return std::future::pending().await;
        }
        self.interval.tick().await;
    }

    fn appended(&mut self, messages: usize) {
        self.at_rest = false;
        self.appended += messages;
        if self.appended >= TRIM_AFTER {
            self.interval.reset_immediately();
        }
    }

    /// Removes one piece of what is beyond the limits. If there is more, it is soon due again.
    async fn trim(&mut self, feed: &StoredFeed) {
        self.appended = 0;
        match feed.trim_piece().await {
            Ok(piece) => {
                self.failed = false;
                if piece.more {
                    self.interval.reset_immediately();
                } else {
                    self.at_rest = feed.retention().age.is_none();
                }
            }
            Err(error) => {
                if !self.failed {
                    tracing::warn!("old messages stay in the store for now: {error}");
                }
                self.failed = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::sync::Weak;

    use bytes::Bytes;
    use futures::FutureExt;
    use futures::future::join_all;
    use parking_lot::Mutex;
    use wirebench_protocol::control::PayloadKind;
    use wirebench_protocol::{Recipients, Timestamp};

    use super::*;
    use crate::fake_tables::FakeTables;
    use crate::options::{Retention, StoreOptions};

    fn message(bytes: usize) -> NewMessage {
        let payload = Bytes::from(vec![b'1'; bytes]);
        let due = Timestamp::from_nanos(0);
        let recipients = Recipients::Everyone;
        NewMessage { payload, kind: PayloadKind::Json, recipients, due, key: None }
    }

    fn options() -> StoreOptions {
        let retention = Retention { messages: NonZeroU64::new(1), ..Retention::default() };
        StoreOptions { retention, ..StoreOptions::default() }
    }

    fn start(tables: &Arc<FakeTables>) -> FeedWriter {
        start_with(tables, &options())
    }

    fn start_with(tables: &Arc<FakeTables>, options: &StoreOptions) -> FeedWriter {
        FeedWriter::start(StoredFeed::over(Arc::clone(tables) as _, options), |_, _| {})
    }

    /// Has the writer begin a transaction that does not end, and returns its publisher.
    async fn occupy<'a>(
        writer: &'a FeedWriter,
        tables: &FakeTables,
    ) -> impl Future<Output = Result<Appended, UnacknowledgedError>> + use<'a> {
        let mut first = Box::pin(writer.publish(message(1)));
        assert_eq!(first.as_mut().now_or_never(), None);
        tables.until_an_append_waits().await;
        first
    }

    fn failure() -> StoreError {
        StoreError::new(StoreErrorKind::Full, "append messages", "a test")
    }

    #[tokio::test]
    async fn what_queues_up_during_a_transaction_is_written_by_the_next_one_in_order() {
        let tables = Arc::new(FakeTables::default());
        let commits = Arc::new(Mutex::new(Vec::new()));
        let (feed, log) = (StoredFeed::over(Arc::clone(&tables) as _, &options()), commits.clone());
        let writer = FeedWriter::start(feed, move |messages, appended| {
            let sizes: Vec<usize> = messages.iter().map(|message| message.payload.len()).collect();
            log.lock().push((sizes, appended.last().map(|last| last.seq())));
        });
        let first = occupy(&writer, &tables).await;
        let others = join_all((2..=5).map(|size| writer.publish(message(size))));
        tables.allow(2);
        let (first, others) = futures::join!(first, others);
        let places: Vec<u64> =
            [first].into_iter().chain(others).map(|answer| answer.unwrap().seq()).collect();
        assert_eq!(places, [1, 2, 3, 4, 5]);
        assert_eq!(*commits.lock(), [(vec![1], Some(1)), (vec![2, 3, 4, 5], Some(5))]);
    }

    #[tokio::test]
    async fn a_message_is_written_in_its_turn_even_if_nobody_waits_for_the_answer() {
        let tables = Arc::new(FakeTables::default());
        let writer = start(&tables);
        let first = occupy(&writer, &tables).await;
        drop(writer.enqueue(message(1)).unwrap());
        let last = writer.enqueue(message(1)).unwrap();
        tables.allow(2);
        assert_eq!(first.await, Ok(Appended::New { seq: 1 }));
        assert_eq!(last.committed().await, Ok(Appended::New { seq: 3 }));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_a_message_at_once_and_has_room_again_later() {
        for (size, fits) in [(1, QUEUE_MESSAGES), (1 << 20, 15)] {
            let tables = Arc::new(FakeTables::default());
            let writer = start(&tables);
            let first = occupy(&writer, &tables).await;
            let mut waiting: Vec<_> =
                (0..fits).map(|_| Box::pin(writer.publish(message(size)))).collect();
            for publisher in &mut waiting {
                assert_eq!(publisher.as_mut().now_or_never(), None, "{size}");
            }
            let refused = writer.publish(message(size)).now_or_never();
            assert_eq!(refused, Some(Err(UnacknowledgedError::QueueFull)), "{size}");
            tables.allow(3);
            assert!(first.await.is_ok());
            assert!(join_all(waiting).await.iter().all(Result::is_ok));
            assert!(writer.publish(message(size)).await.is_ok(), "{size}");
        }
    }

    #[tokio::test]
    async fn a_failed_transaction_answers_all_its_publishers_and_the_next_one_goes_on() {
        let tables = Arc::new(FakeTables::default());
        let writer = start(&tables);
        let first = occupy(&writer, &tables).await;
        let others = join_all((0..3).map(|_| writer.publish(message(1))));
        tables.fail_from(1, failure());
        tables.allow(1);
        assert!(first.await.is_ok());
        tables.allow(1);
        let failed = Err(UnacknowledgedError::Store(failure()));
        assert_eq!(others.await, [failed.clone(), failed.clone(), failed]);
        tables.fail_from(u64::MAX, failure());
        tables.allow(1);
        assert_eq!(writer.publish(message(1)).await, Ok(Appended::New { seq: 2 }));
    }

    #[tokio::test]
    async fn the_writer_has_settled_when_what_was_queued_before_is_committed_or_refused() {
        let tables = Arc::new(FakeTables::default());
        let writer = start(&tables);
        assert_eq!(writer.settled().now_or_never(), Some(()), "nothing is queued");
        let first = occupy(&writer, &tables).await;
        let second = writer.enqueue(message(1)).unwrap();
        let mut settling = Box::pin(writer.settled());
        assert_eq!(settling.as_mut().now_or_never(), None);
        tables.allow(1);
        assert!(first.await.is_ok());
        assert_eq!(settling.as_mut().now_or_never(), None, "the second one is under way");
        tables.fail_from(1, failure());
        tables.allow(1);
        settling.await;
        assert!(second.committed().await.is_err());
    }

    #[tokio::test]
    async fn closing_writes_what_has_queued_up_and_refuses_what_comes_later() {
        let tables = Arc::new(FakeTables::default());
        let writer = start(&tables);
        let first = occupy(&writer, &tables).await;
        let mut second = Box::pin(writer.publish(message(1)));
        assert_eq!(second.as_mut().now_or_never(), None);
        let mut closing = Box::pin(writer.close());
        assert_eq!(closing.as_mut().now_or_never(), None);
        tables.allow(2);
        let (first, second, ()) = futures::join!(first, second, closing);
        assert_eq!([first, second], [1, 2].map(|seq| Ok(Appended::New { seq })));
        let refused = writer.publish(message(1)).await;
        assert_eq!(refused, Err(UnacknowledgedError::Store(ended())));
    }

    #[tokio::test]
    async fn dropping_the_writer_ends_its_task_in_the_middle_of_a_transaction() {
        let tables = Arc::new(FakeTables::default());
        let writer = start(&tables);
        drop(occupy(&writer, &tables).await);
        let weak: Weak<FakeTables> = Arc::downgrade(&tables);
        drop(tables);
        drop(writer);
        let gone = async {
            while weak.strong_count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_mins(1), gone).await;
        assert!(waited.is_ok(), "the task still has the tables");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_whose_publisher_gave_up_waiting_is_not_written_later() {
        let tables = Arc::new(FakeTables::default());
        let writer = start(&tables);
        let first = occupy(&writer, &tables).await;
        let answer = writer.publish(message(1)).await;
        let Err(UnacknowledgedError::Store(error)) = answer else { panic!("{answer:?}") };
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().contains("no answer within 10s"), "{error}");
        drop(first);
        tables.allow(2);
        assert_eq!(writer.publish(message(1)).await, Ok(Appended::New { seq: 2 }));
    }

    #[tokio::test(start_paused = true)]
    async fn the_retention_is_applied_when_nothing_is_published_and_after_many_messages() {
        let tables = Arc::new(FakeTables::default());
        tables.allow(usize::MAX >> 4);
        tables.leave_to_trim(3);
        let retention = Retention { age: Some(Duration::from_hours(1)), ..options().retention };
        let writer = start_with(&tables, &StoreOptions { retention, ..options() });
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(tables.trimmed(), 4, "once for each piece, and once more");
        tokio::time::sleep(TRIM_EVERY * 2).await;
        assert_eq!(tables.trimmed(), 6);
        let many = TRIM_AFTER as u64;
        join_all((0..many).map(|_| writer.publish(message(1)))).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(tables.trimmed(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_of_age_the_retention_is_applied_only_after_messages() {
        let tables = Arc::new(FakeTables::default());
        tables.allow(usize::MAX >> 4);
        tables.leave_to_trim(3);
        let writer = start(&tables);
        tokio::time::sleep(TRIM_EVERY * 10).await;
        assert_eq!(tables.trimmed(), 4, "once for each piece, and once more");
        writer.publish(message(1)).await.unwrap();
        tokio::time::sleep(TRIM_EVERY * 10).await;
        assert_eq!(tables.trimmed(), 5);
    }
}
