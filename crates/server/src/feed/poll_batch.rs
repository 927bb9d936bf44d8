//! What a poll is answered with.

use bytes::Bytes;
use smallvec::SmallVec;
use wirebench_protocol::{Cursor, Gap, SubscriberName};
use wirebench_store::StoredMessage;

use super::batch::Batch;
use super::entry::Entry;
use super::payload::MessagePayload;

/// The answer to a poll: messages as polls carry them.
#[derive(Debug)]
pub(crate) struct PollBatch {
    /// The place before what was read; after a gap, if there is one. With the cursor, it tells two
    /// answers to the same address apart.
    pub(crate) after: Cursor,
    /// The cursor to continue from.
    pub(crate) cursor: Cursor,
    /// What could not be delivered before these messages.
    pub(crate) gap: Option<Gap>,
    /// The message objects in JSON, in order.
    pub(crate) messages: SmallVec<[Bytes; 1]>,
    /// The messages were read from the store rather than from the window.
    pub(crate) from_store: bool,
}

impl PollBatch {
    /// Returns the answer that has a batch, for a poll that asked for the messages after `asked`.
    pub(crate) fn new(asked: Cursor, batch: &Batch) -> Self {
        let Batch { cursor, gap, ref entries, from_store } = *batch;
        let after = match gap {
            Some(Gap::Missed(missed)) => asked.at(asked.seq + missed),
            // The epoch that was asked for tells the answer from one without a reset.
            Some(Gap::Reset) | None => asked,
        };
        let messages = entries.iter().map(|entry| entry.json.clone()).collect();
        Self { after, cursor, gap, messages, from_store }
    }

    /// Returns the answer that has the rows of a table for a subscriber of this name. `after` is the
    /// place before them.
    pub(super) fn of_rows(
        after: Cursor,
        gap: Option<Gap>,
        rows: Vec<StoredMessage>,
        name: Option<&SubscriberName>,
    ) -> Self {
        let cursor = after.at(rows.last().map_or(after.seq, |row| row.seq));
        let for_reader = rows.into_iter().filter(|row| row.recipients.include(name));
        let object = |StoredMessage { seq, payload, kind, due, .. }| {
            Entry::encode_object(seq, due, &MessagePayload::from_stored(kind, payload))
        };
        let messages = for_reader.map(object).collect();
        Self { after, cursor, gap, messages, from_store: true }
    }

    /// Returns true if there is neither a message nor a gap.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.gap.is_none()
    }
}
