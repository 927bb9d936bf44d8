//! A durable feed: how the window and the store come together.
//!
//! The store decides which message has which number. The window has the newest messages of the
//! store, without holes. A message enters it when the database has committed the message, or, if
//! another server has appended it, when this server reads it from the store.

use std::sync::{Arc, Weak};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use wirebench_protocol::{Cursor, Epoch, Gap, Seq, SubscriberName, Timestamp};
use wirebench_store::{
    Appended, FeedWriter, NewMessage, QueuedMessage, StoreError, StoredFeed, StoredMessage,
    UnacknowledgedError,
};

use super::batch::Batch;
use super::durable_log::{DurableLog, KnownNewest};
use super::payload::MessagePayload;
use super::publish_options::PublishOptions;
use super::state::FeedState;
use super::stored_pages::{StoredPage, StoredPages};
use super::window::{BATCH_BYTES, MessageWindow};
use crate::log_limit::LogLimit;

/// The maximum number of messages that are read at once for the window.
const READ_MESSAGES: u32 = 1024;

/// The pause before a read of the store is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

impl FeedState {
    /// Keeps the feed in a store from now on. The window gets the newest messages of the store.
    ///
    /// # Errors
    /// The database fails.
    pub(super) async fn into_durable(
        mut self,
        stored: StoredFeed,
    ) -> Result<Arc<Self>, StoreError> {
        let range = stored.range().await?;
        let window = self.window.get_mut();
        let most = u64::try_from(window.capacity()).unwrap_or(u64::MAX);
        let before = range.newest.saturating_sub(most).max(range.oldest - 1);
        window.continue_after(Cursor { epoch: stored.epoch(), seq: before });
        loop {
            let messages = read_for_window(&stored, window.newest().seq).await?;
            if messages.is_empty() {
                break;
            }
            append(window, messages);
        }
        let newest = window.newest().seq;
        self.show(newest);
        Ok(Arc::new_cyclic(|state| self.with_log(stored, state)))
    }

    /// Returns the feed with the tasks that write to the store and read from it.
    fn with_log(mut self, stored: StoredFeed, state: &Weak<Self>) -> Self {
        let committed = {
            let state = Weak::clone(state);
            move |messages: &[NewMessage], appended: &[Appended]| {
                if let Some(state) = state.upgrade() {
                    state.committed(messages, appended);
                }
            }
        };
        let known = Arc::new(KnownNewest::default());
        let catch_up = catch_up_with(Arc::clone(&known), Weak::clone(state));
        let log = DurableLog {
            writer: FeedWriter::start(stored.clone(), committed),
            pages: StoredPages::new(stored.clone()),
            stored,
            catching_up: Mutex::default(),
            known,
            _catch_up: AbortOnDropHandle::new(tokio::spawn(catch_up)),
            failed_read_log: LogLimit::default(),
        };
        self.durable = Some(log);
        self
    }

    /// Shows messages to the readers that the database has just committed.
    fn committed(&self, messages: &[NewMessage], appended: &[Appended]) {
        let mut window = self.window.write();
        let before = window.newest().seq;
        let mut after_a_hole = None;
        for (message, appended) in messages.iter().zip(appended) {
            let Appended::New { seq } = *appended else { continue };
            let next = window.newest().seq + 1;
            // Others have appended messages before this one, or the answer to a commit was lost.
            // The window gets this message with those.
            if seq > next {
                after_a_hole = Some(seq);
            }
            // A smaller number has been read from the store in the meantime.
            if seq == next {
                let NewMessage { payload, kind, recipients, due, key } = message.clone();
                let payload = MessagePayload::from_appended(kind, payload);
                window.push(&payload, &PublishOptions { key, recipients }, due);
            }
        }
        let newest = window.newest().seq;
        drop(window);
        if newest > before {
            self.wake(newest);
        }
        if let Some(seq) = after_a_hole {
            self.learn_of(seq);
        }
    }

    /// Learns that the store has this message. If the window lacks it, it is read from there.
    pub(super) fn learn_of(&self, seq: Seq) {
        if let Some(log) = &self.durable
            && self.window.read().newest().seq < seq
        {
            log.known.learn(seq);
        }
    }

    /// Learns which epoch the feed has in the store. If it is another one than that of the window,
    /// readers begin anew.
    pub(super) fn learn_of_epoch(&self, epoch: Epoch) {
        if let Some(log) = &self.durable
            && self.window.read().newest().epoch != epoch
        {
            log.known.learn_of_epoch();
        }
    }

    /// Takes the window and its readers to the epoch that the feed has in the store.
    ///
    /// # Errors
    /// The database fails.
    async fn begin_anew(&self, log: &DurableLog) -> Result<(), StoreError> {
        // Nobody reads for the window meanwhile.
        let _catching_up = log.catching_up.lock().await;
        let learned = log.known.begin_anew();
        let found = log.stored.look_up().await?;
        let range = log.stored.at(found).range().await?;
        let before_oldest = Cursor { epoch: found.epoch(), seq: range.oldest - 1 };
        {
            let mut window = self.window.write();
            log.stored.adopt(found);
            log.pages.clear();
            if window.newest().epoch != found.epoch() {
                tracing::warn!(
                    "a feed was removed from its store and created anew; its subscribers begin anew"
                );
                window.continue_after(before_oldest);
                self.show_epoch(before_oldest);
            }
            log.known.adopted(learned, range.newest);
        }
        self.waiters.wake();
        Ok(())
    }

    /// Reads from the store what the window lacks, at least up to the message `to` if the store has
    /// it.
    ///
    /// # Errors
    /// The database fails.
    pub(super) async fn catch_up(&self, to: Seq) -> Result<(), StoreError> {
        let Some(log) = &self.durable else { return Ok(()) };
        if self.window.read().newest().seq >= to {
            return Ok(());
        }
        let asked = Instant::now();
        let mut last_failure = log.catching_up.lock().await;
        // What failed while this waited fails for everybody who waited. Otherwise each would wait
        // for the deadline of all before it.
        if let Some((at, error)) = &*last_failure
            && *at >= asked
        {
            return Err(error.clone());
        }
        let caught_up = self.read_up_to(log, to).await;
        if let Err(error) = &caught_up {
            *last_failure = Some((Instant::now(), error.clone()));
        }
        caught_up
    }

    /// Does what is known to be necessary: begins anew, and catches up.
    async fn catch_up_with_store(&self, known: &KnownNewest) -> Result<(), StoreError> {
        if let Some(log) = self.durable.as_ref().filter(|_| known.is_anew()) {
            self.begin_anew(log).await?;
        }
        self.catch_up(known.seq()).await
    }

    /// Reads from the store what the window lacks, up to the message `to` if the store has it.
    async fn read_up_to(&self, log: &DurableLog, to: Seq) -> Result<(), StoreError> {
        loop {
            let newest = self.window.read().newest();
            if newest.seq >= to {
                return Ok(());
            }
            let messages = read_for_window(&log.stored, newest.seq).await?;
            if messages.is_empty() {
                return self.pass_removed(log, newest).await;
            }
            let newest = {
                let mut window = self.window.write();
                append(&mut window, messages);
                window.newest().seq
            };
            self.wake(newest);
        }
    }

    /// Has the window go on after messages that the store no longer keeps.
    async fn pass_removed(&self, log: &DurableLog, newest: Cursor) -> Result<(), StoreError> {
        let before_oldest = log.stored.range().await?.oldest - 1;
        let mut window = self.window.write();
        // If the window has moved, there are messages after all.
        if window.newest() == newest && before_oldest > newest.seq {
            window.continue_after(newest.at(before_oldest));
            drop(window);
            self.wake(before_oldest);
        }
        Ok(())
    }

    /// Returns the place before the oldest message that a reader can get.
    ///
    /// # Errors
    /// The database fails.
    pub(super) async fn start(&self) -> Result<Cursor, StoreError> {
        let start = self.window.read().start();
        let Some(log) = &self.durable else { return Ok(start) };
        Ok(start.at(start.seq.min(log.pages.start().await?)))
    }

    /// Returns the messages after the cursor: from the window, or from the store if the window has
    /// them no longer. There is a gap only if neither has them.
    ///
    /// # Errors
    /// The database fails.
    pub(super) async fn fetch(
        &self,
        after: Cursor,
        name: Option<&SubscriberName>,
    ) -> Result<Batch, StoreError> {
        let batch = self.read(after, name);
        let Some(log) = self.durable.as_ref().filter(|_| batch.gap.is_some()) else {
            return Ok(batch);
        };
        let is_reset = batch.gap == Some(Gap::Reset);
        let mut from = if is_reset { self.start().await? } else { after };
        let mut missed = 0;
        loop {
            let mut batch = self.read(from, name);
            if let Some(Gap::Missed(not_in_window)) = batch.gap {
                let before_window = from.seq + not_in_window;
                let page = log.pages.with_next_after(from.seq).await?;
                if page.epoch != from.epoch {
                    // The feed was created anew since the window was read.
                    return Box::pin(self.fetch(after, name)).await;
                }
                let next = page.after(from.seq).first().map(|entry| entry.seq);
                let Some(next) = next.filter(|next| *next <= before_window) else {
                    // The store does not keep them either. The window may have moved on meanwhile.
                    missed += not_in_window;
                    from = from.at(before_window);
                    continue;
                };
                missed += next - from.seq - 1;
                batch = batch_of(&page, from, before_window, name);
            }
            batch.gap = match missed {
                _ if is_reset => Some(Gap::Reset),
                0 => None,
                missed => Some(Gap::Missed(missed)),
            };
            return Ok(batch);
        }
    }

    /// Like [`fetch`](Self::fetch), and tries again until the database answers.
    pub(super) async fn fetch_in_the_end(
        self: Arc<Self>,
        after: Cursor,
        name: Option<SubscriberName>,
    ) -> Batch {
        loop {
            match self.fetch(after, name.as_ref()).await {
                Ok(batch) => return batch,
                Err(error) => {
                    let log = self.durable.as_ref();
                    if log.is_some_and(|log| log.failed_read_log.is_due()) {
                        tracing::warn!("subscribers wait for old messages: {error}");
                    }
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }
}

/// Returns the messages of a page from a cursor to a place that are for a reader of this name.
fn batch_of(page: &StoredPage, from: Cursor, to: Seq, name: Option<&SubscriberName>) -> Batch {
    let messages = page.after(from.seq).iter().take_while(|entry| entry.seq <= to);
    let last = messages.clone().last().map_or(from.seq, |entry| entry.seq);
    let entries: SmallVec<_> =
        messages.filter(|entry| entry.recipients.include(name)).map(Arc::clone).collect();
    Batch { cursor: from.at(last), gap: None, entries, from_store: true }
}

/// Puts a message into the queue of the writer. The message is due at `due`.
///
/// # Errors
/// The queue is full, or the writer was closed.
pub(super) fn enqueue(
    log: &DurableLog,
    payload: &MessagePayload,
    options: &PublishOptions,
    due: Timestamp,
) -> Result<QueuedMessage, UnacknowledgedError> {
    let (kind, payload) = payload.to_stored();
    let PublishOptions { key, recipients } = options.clone();
    log.writer.enqueue(NewMessage { payload, kind, recipients, due, key })
}

async fn read_for_window(
    stored: &StoredFeed,
    after: Seq,
) -> Result<Vec<StoredMessage>, StoreError> {
    stored.read(after, READ_MESSAGES, BATCH_BYTES as u64).await
}

/// Appends messages that were read from the store. The window skips what the store has removed, and
/// what it has already.
fn append(window: &mut MessageWindow, messages: Vec<StoredMessage>) {
    for StoredMessage { seq, payload, kind, recipients, due, key } in messages {
        let newest = window.newest();
        if seq <= newest.seq {
            continue;
        }
        if seq > newest.seq + 1 {
            window.continue_after(newest.at(seq - 1));
        }
        let payload = MessagePayload::from_stored(kind, payload);
        window.push(&payload, &PublishOptions { key, recipients }, due);
    }
}

/// Catches up with what is known to be in the store, until the feed is dropped.
async fn catch_up_with(known: Arc<KnownNewest>, state: Weak<FeedState>) {
    loop {
        known.changed().await;
        let Some(state) = state.upgrade() else { return };
        if let Err(error) = state.catch_up_with_store(&known).await {
            tracing::debug!("new messages wait for the store: {error}");
            known.try_again();
            drop(state);
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }
}
