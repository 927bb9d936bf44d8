//! What a reader finds after its cursor.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;
use wirebench_protocol::{Cursor, Gap};

use super::entry::Entry;

/// The messages that a reader finds after its cursor.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The cursor to continue from.
    pub cursor: Cursor,
    /// What could not be delivered before these messages.
    pub gap: Option<Gap>,
    /// The messages, in order. Empty if nothing is new.
    pub entries: SmallVec<[Arc<Entry>; 1]>,
    /// The messages were read from the store of a durable feed, because its window has them no
    /// longer.
    pub from_store: bool,
}

impl Batch {
    /// Returns true if there is neither a message nor a gap.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.gap.is_none()
    }

    /// Returns the cursor just before the first message, from which a subscription continues after
    /// the gap.
    pub fn before(&self) -> Cursor {
        self.entries.first().map_or(self.cursor, |entry| self.cursor.at(entry.seq - 1))
    }

    /// Joins one encoding of all messages. A single message is not copied.
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
