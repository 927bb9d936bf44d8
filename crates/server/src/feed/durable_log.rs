//! The part of a durable feed that the memory of the process does not have.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
    /// The feed in the store is of another epoch.
    anew: AtomicBool,
    grown: Notify,
}

impl KnownNewest {
    /// Called with a message that is in the store and not in the window.
    pub(super) fn learn(&self, seq: Seq) {
        self.seq.fetch_max(seq, Ordering::AcqRel);
        self.grown.notify_one();
    }

    /// Called when the feed in the store is of another epoch.
    pub(super) fn learn_of_epoch(&self) {
        self.anew.store(true, Ordering::Release);
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
        self.anew.load(Ordering::Acquire)
    }

    /// Called when the window is of the epoch of the store again, and has messages up to `newest`.
    pub(super) fn begin_anew(&self, newest: Seq) {
        self.seq.store(newest, Ordering::Release);
        self.anew.store(false, Ordering::Release);
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
