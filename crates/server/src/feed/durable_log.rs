//! The part of a durable feed that the memory of the process does not have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use wirebench_protocol::Seq;
use wirebench_store::{FeedWriter, StoreError, StoredFeed};

use super::stored_pages::StoredPages;
use crate::log_limit::LogLimit;

/// The newest message that is known to be in the store.
#[derive(Debug, Default)]
pub(super) struct KnownNewest {
    seq: AtomicU64,
    /// How often the feed in the store was of another epoch than the window.
    epochs_learned: AtomicU64,
    /// How many of these times the window has begun anew for.
    epochs_adopted: AtomicU64,
    grown: Notify,
}

/// What was known of other epochs when the window began anew. A feed may be created anew once more
/// meanwhile, and that must not be forgotten.
#[derive(Clone, Copy, Debug)]
pub(super) struct LearnedEpochs(u64);

impl KnownNewest {
    /// Called with a message that is in the store and not in the window.
    pub(super) fn learn(&self, seq: Seq) {
        self.seq.fetch_max(seq, Ordering::AcqRel);
        self.grown.notify_one();
    }

    /// Called when the feed in the store is of another epoch.
    pub(super) fn learn_of_epoch(&self) {
        self.epochs_learned.fetch_add(1, Ordering::AcqRel);
        self.grown.notify_one();
    }

    /// Called after a failure.
    pub(super) fn try_again(&self) {
        self.grown.notify_one();
    }

    /// Waits until there may be a message in the store that is not in the window, or another epoch.
    pub(super) async fn changed(&self) {
        self.grown.notified().await;
    }

    /// Returns the newest message.
    pub(super) fn seq(&self) -> Seq {
        self.seq.load(Ordering::Acquire)
    }

    /// Returns true if the feed in the store is of another epoch.
    pub(super) fn is_anew(&self) -> bool {
        self.epochs_learned.load(Ordering::Acquire) != self.epochs_adopted.load(Ordering::Acquire)
    }

    /// Called before the store is asked for its epoch: forgets the newest message, which is of the
    /// epoch before. What is learned from here on counts.
    pub(super) fn begin_anew(&self) -> LearnedEpochs {
        self.seq.store(0, Ordering::Release);
        LearnedEpochs(self.epochs_learned.load(Ordering::Acquire))
    }

    /// Called when the window is of the epoch that the store has named since then, in which the
    /// store has messages up to `newest`.
    pub(super) fn adopted(&self, learned: LearnedEpochs, newest: Seq) {
        self.seq.fetch_max(newest, Ordering::AcqRel);
        self.epochs_adopted.store(learned.0, Ordering::Release);
    }
}

/// Where a durable feed is kept, and what writes to it and reads from it.
#[derive(Debug)]
pub(super) struct DurableLog {
    pub(super) stored: StoredFeed,
    pub(super) writer: FeedWriter,
    /// Read by those whose cursor is older than the window.
    pub(super) pages: StoredPages,
    /// Held by whoever reads from the store what the window lacks at its end. Inside is when this
    /// failed last, and how.
    pub(super) catching_up: Mutex<Option<(Instant, StoreError)>>,
    /// What is known to be in the store and may not be in the window.
    pub(super) known: Arc<KnownNewest>,
    /// The task that reads it from there.
    pub(super) _catch_up: AbortOnDropHandle<()>,
    /// Limits how often it is logged that the store cannot be read.
    pub(super) failed_read_log: LogLimit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_that_is_learned_of_while_the_window_begins_anew_is_not_forgotten() {
        let known = KnownNewest::default();
        known.learn(100);
        known.learn_of_epoch();
        let learned = known.begin_anew();
        known.learn_of_epoch();
        known.adopted(learned, 5);
        assert!(known.is_anew());
        known.adopted(known.begin_anew(), 3);
        assert!(!known.is_anew());
        assert_eq!(known.seq(), 3, "what is known of the epochs before does not count");
    }

    #[test]
    fn a_message_that_is_learned_of_while_the_window_begins_anew_is_not_forgotten() {
        let known = KnownNewest::default();
        known.learn_of_epoch();
        let learned = known.begin_anew();
        known.learn(6);
        known.adopted(learned, 5);
        assert_eq!(known.seq(), 6);
    }
}
