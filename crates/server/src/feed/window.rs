//! The messages that a feed keeps, and the count of those that a run publishes.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;
use wirebench_protocol::control::{CountWindow, WindowCount};
use wirebench_protocol::{Cursor, Epoch, Gap, IdempotencyKey, Seq, Timestamp};

use super::batch::Batch;
use super::entry::Entry;
use super::known_keys::KnownKeys;
use super::payload::MessagePayload;

/// The maximum size of a batch, in bytes of JSON, so that a reader far behind costs bounded memory.
/// A single larger message is a batch by itself.
pub(super) const BATCH_BYTES: usize = 1 << 20;

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

    pub(super) fn set_capacity_bytes(&mut self, bytes: usize) {
        self.capacity_bytes = bytes;
    }

    /// Appends a message, and drops the oldest ones for which there is no room any more.
    pub(super) fn push(&mut self, payload: &MessagePayload, due: Timestamp) -> Cursor {
        self.newest += 1;
        let cursor = self.newest();
        self.add_to_count(due);
        let entry = Entry::encode(cursor, due, payload);
        self.bytes += entry.json.len();
        while self.entries.len() == self.capacity
            || (self.bytes > self.capacity_bytes && !self.entries.is_empty())
        {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.json.len();
            self.keys.forget(oldest.seq);
        }
        self.entries.push_back(Arc::new(entry));
        cursor
    }

    /// Returns the cursor of the message that was published with this key, and whether it has this
    /// payload. Returns `None` if the key is not known, or not known any more.
    pub(super) fn published_as(
        &self,
        key: &IdempotencyKey,
        payload: &MessagePayload,
    ) -> Option<(Cursor, bool)> {
        let seq = self.keys.find(key)?;
        let entry = self.since(seq).next()?;
        Some((self.newest().at(seq), entry.has_payload(payload)))
    }

    /// Appends a message like [`push`](Self::push), and remembers its key for as long as it is
    /// kept.
    pub(super) fn push_as(
        &mut self,
        key: IdempotencyKey,
        payload: &MessagePayload,
        due: Timestamp,
    ) -> Cursor {
        let cursor = self.push(payload, due);
        self.keys.remember(key, cursor.seq);
        cursor
    }

    /// Returns the cursor of the newest message.
    pub(super) fn newest(&self) -> Cursor {
        Cursor { epoch: self.epoch, seq: self.newest }
    }

    /// Returns the cursor before the oldest message that is still kept.
    pub(super) fn start(&self) -> Cursor {
        Cursor { epoch: self.epoch, seq: self.oldest() - 1 }
    }

    /// Returns the number of messages that a reader finds after the cursor.
    pub(super) fn messages_after(&self, after: Cursor) -> u64 {
        let start = self.oldest() - 1;
        let from = if after.epoch == self.epoch { after.seq.max(start) } else { start };
        self.newest.saturating_sub(from)
    }

    /// Returns the messages after the cursor, at most [`BATCH_BYTES`] of them.
    pub(super) fn read(&self, after: Cursor) -> Batch {
        let oldest = self.oldest();
        let (from, gap) = if after.epoch != self.epoch {
            (oldest, Some(Gap::Reset))
        } else if after.seq.saturating_add(1) < oldest {
            (oldest, Some(Gap::Missed(oldest - after.seq - 1)))
        } else {
            (after.seq.saturating_add(1), None)
        };
        let mut bytes = 0;
        let entries: SmallVec<[Arc<Entry>; 1]> = self
            .since(from)
            .take_while(|entry| {
                let fits = bytes == 0 || bytes + entry.json.len() <= BATCH_BYTES;
                bytes += entry.json.len();
                fits
            })
            .cloned()
            .collect();
        let seq = entries.last().map_or(from - 1, |entry| entry.seq);
        Batch { cursor: Cursor { epoch: self.epoch, seq }, gap, entries }
    }

    /// Begins to count the messages whose stamp lies in `window`. An earlier count is forgotten.
    pub(super) fn begin_count(&mut self, window: CountWindow) {
        let count = WindowCount { published: 0, first_seq: None, last_seq: None };
        self.count = Some((window, count));
    }

    /// Returns the count so far; `None` if none was begun.
    pub(super) fn count(&self) -> Option<WindowCount> {
        self.count.map(|(_, count)| count)
    }

    /// Counts the newest message if it was due in the window of the run.
    fn add_to_count(&mut self, due: Timestamp) {
        if let Some((window, count)) = &mut self.count
            && (window.from_ns..window.to_ns).contains(&due)
        {
            count.published += 1;
            count.first_seq.get_or_insert(self.newest);
            count.last_seq = Some(self.newest);
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
