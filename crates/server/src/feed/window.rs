//! The messages that a feed keeps, and the count of those that a run publishes.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;
use wirebench_protocol::control::{CountWindow, WindowCount};
use wirebench_protocol::{After, Cursor, Epoch, Gap, Recipients, Seq, SubscriberName, Timestamp};

use super::batch::Batch;
use super::entry::Entry;
use super::known_keys::KnownKeys;
use super::locate_error::FutureCursor;
use super::payload::MessagePayload;
use super::publish_options::PublishOptions;

/// The maximum size of a batch, in bytes of JSON, so that a reader far behind costs bounded memory.
/// A single larger message is a batch by itself.
pub(super) const BATCH_BYTES: usize = 1 << 20;

/// How much one read of the window returns at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadLimit {
    /// The number of messages; at least 1.
    pub(super) messages: usize,
    /// The size in bytes of JSON. A single larger message is returned by itself.
    pub(super) bytes: usize,
}

impl ReadLimit {
    /// The limit of a batch.
    pub(super) const BATCH: Self = Self { messages: usize::MAX, bytes: BATCH_BYTES };
}

/// The newest messages of a feed, without holes, in the order in which they were published.
#[derive(Debug)]
pub(super) struct MessageWindow {
    epoch: Epoch,
    /// The maximum number of messages; at least 1.
    capacity: usize,
    /// The maximum size of the window, in bytes of JSON. The newest message is kept even if it is
    /// larger.
    capacity_bytes: usize,
    entries: VecDeque<Arc<Entry>>,
    /// The size of the window, in bytes of JSON.
    bytes: usize,
    /// The newest message that was ever published; 0 before the first.
    newest: Seq,
    /// The keys of the messages that are still kept.
    keys: KnownKeys,
    /// The count of a run, if one was begun.
    count: Option<(CountWindow, WindowCount)>,
}

impl MessageWindow {
    pub(super) fn new(epoch: Epoch, capacity: usize) -> Self {
        Self {
            epoch,
            capacity: capacity.max(1),
            capacity_bytes: usize::MAX,
            entries: VecDeque::new(),
            bytes: 0,
            newest: 0,
            keys: KnownKeys::default(),
            count: None,
        }
    }

    /// Empties the window. The next message comes after `newest`, of this epoch.
    pub(super) fn continue_after(&mut self, newest: Cursor) {
        self.entries.clear();
        self.keys = KnownKeys::default();
        self.bytes = 0;
        self.epoch = newest.epoch;
        self.newest = newest.seq;
    }

    /// Returns the maximum number of messages.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn set_capacity_bytes(&mut self, bytes: usize) {
        self.capacity_bytes = bytes;
    }

    /// Appends a message, and drops the oldest ones for which there is no room any more.
    /// The key of a message is remembered for as long as the message is kept.
    pub(super) fn push(
        &mut self,
        payload: &MessagePayload,
        options: &PublishOptions,
        due: Timestamp,
    ) -> Cursor {
        self.newest += 1;
        let cursor = self.newest();
        self.add_to_count(due, &options.recipients);
        let entry = Entry::encode(cursor, due, payload).to(options.recipients.clone());
        self.bytes += entry.json.len();
        while self.entries.len() == self.capacity
            || (self.bytes > self.capacity_bytes && !self.entries.is_empty())
        {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.json.len();
            self.keys.forget(oldest.seq);
        }
        self.entries.push_back(Arc::new(entry));
        if let Some(key) = &options.key {
            self.keys.remember(key.clone(), cursor.seq);
        }
        cursor
    }

    /// Returns the cursor of the message that was published with the same key, and whether it has
    /// this payload and the same recipients. Returns `None` if there is no key, or if it is not
    /// known, or not known any more.
    pub(super) fn published_as(
        &self,
        payload: &MessagePayload,
        options: &PublishOptions,
    ) -> Option<(Cursor, bool)> {
        let seq = self.keys.find(options.key.as_ref()?)?;
        let entry = self.since(seq).next()?;
        let is_same = entry.has_payload(payload) && entry.recipients == options.recipients;
        Some((self.newest().at(seq), is_same))
    }

    /// Returns the cursor of the newest message.
    pub(super) fn newest(&self) -> Cursor {
        Cursor { epoch: self.epoch, seq: self.newest }
    }

    /// Returns the cursor before the oldest message that is still kept.
    pub(super) fn start(&self) -> Cursor {
        Cursor { epoch: self.epoch, seq: self.oldest() - 1 }
    }

    /// Turns what a subscriber asks for into the cursor to read from.
    ///
    /// # Errors
    /// As [`Feed::locate`](super::Feed::locate).
    pub(super) fn locate(&self, after: After) -> Result<Cursor, FutureCursor> {
        let newest = self.newest();
        match after {
            After::Newest => Ok(newest),
            After::Start => Ok(self.start()),
            After::Cursor(cursor) if cursor.epoch == newest.epoch && cursor.seq > newest.seq => {
                Err(FutureCursor { cursor, newest: newest.seq })
            }
            After::Cursor(cursor) => Ok(cursor),
        }
    }

    /// Returns the messages after the cursor that are for a reader of this name, within the limit.
    /// The cursor of the batch lies after those that were skipped.
    pub(super) fn read(
        &self,
        after: Cursor,
        name: Option<&SubscriberName>,
        limit: ReadLimit,
    ) -> Batch {
        let oldest = self.oldest();
        let (from, gap) = if after.epoch != self.epoch {
            (oldest, Some(Gap::Reset))
        } else if after.seq.saturating_add(1) < oldest {
            (oldest, Some(Gap::Missed(oldest - after.seq - 1)))
        } else {
            (after.seq.saturating_add(1), None)
        };
        let (mut seq, mut bytes) = (from - 1, 0);
        let mut entries = SmallVec::<[Arc<Entry>; 1]>::new();
        for entry in self.since(from) {
            if entry.recipients.include(name) {
                let is_full = entries.len() == limit.messages;
                if is_full || (bytes > 0 && bytes + entry.json.len() > limit.bytes) {
                    break;
                }
                bytes += entry.json.len();
                entries.push(Arc::clone(entry));
            }
            seq = entry.seq;
        }
        Batch { cursor: Cursor { epoch: self.epoch, seq }, gap, entries, from_store: false }
    }

    /// Begins to count the messages whose stamp lies in `window`. An earlier count is forgotten.
    pub(super) fn begin_count(&mut self, window: CountWindow) {
        self.count = Some((window, WindowCount::default()));
    }

    /// Returns the count so far; `None` if none was begun.
    pub(super) fn count(&self) -> Option<WindowCount> {
        self.count.map(|(_, count)| count)
    }

    /// Counts the newest message if it was due in the window of the run.
    fn add_to_count(&mut self, due: Timestamp, recipients: &Recipients) {
        if let Some((window, count)) = &mut self.count
            && (window.from_ns..window.to_ns).contains(&due)
        {
            count.published += 1;
            count.first_seq.get_or_insert(self.newest);
            count.last_seq = Some(self.newest);
            match recipients {
                Recipients::Everyone => {}
                Recipients::Only(_) => count.only += 1,
                Recipients::Except(_) => count.except += 1,
            }
        }
    }

    /// Returns the oldest message that is still kept, or the next one to come if none is kept.
    fn oldest(&self) -> Seq {
        self.entries.front().map_or(self.newest + 1, |entry| entry.seq)
    }

    /// Returns the messages from `seq` on, which must not be older than the oldest one kept.
    fn since(&self, seq: Seq) -> impl Iterator<Item = &Arc<Entry>> {
        let skipped = usize::try_from(seq - self.oldest()).unwrap_or(usize::MAX);
        self.entries.range(skipped.min(self.entries.len())..)
    }
}
