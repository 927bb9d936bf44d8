//! The idempotency keys that a feed still knows.

use std::collections::{HashMap, VecDeque};

use wirebench_protocol::{IdempotencyKey, Seq};

/// The keys of the messages in a window. There is at most one for each message, so that the window
/// bounds them.
#[derive(Debug, Default)]
pub(super) struct KnownKeys {
    messages: HashMap<IdempotencyKey, Seq>,
    /// The same keys, in the order of their messages.
    order: VecDeque<(Seq, IdempotencyKey)>,
}

impl KnownKeys {
    /// Returns the message that has this key.
    pub(super) fn find(&self, key: &IdempotencyKey) -> Option<Seq> {
        self.messages.get(key).copied()
    }

    /// Adds the key of a message. The message must be newer than those before it.
    pub(super) fn remember(&mut self, key: IdempotencyKey, seq: Seq) {
        self.messages.insert(key.clone(), seq);
        self.order.push_back((seq, key));
    }

    /// Removes the keys of a message that is no longer kept, and of those before it.
    pub(super) fn forget(&mut self, seq: Seq) {
        while let Some((_, key)) = self.order.pop_front_if(|(first, _)| *first <= seq) {
            self.messages.remove(&key);
        }
    }
}
