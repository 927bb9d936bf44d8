//! The state that a feed shares with its readers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;
use wirebench_protocol::{Cursor, Epoch, Seq, SubscriberName};

use super::batch::Batch;
use super::durable_log::DurableLog;
use super::publishing::Publishing;
use super::waiters::Waiters;
use super::window::{MessageWindow, ReadLimit};

/// The messages of a feed, the tasks that wait for the next one, and the rules for publishing.
#[derive(Debug)]
pub(super) struct FeedState {
    pub(super) window: RwLock<MessageWindow>,
    /// The newest message that readers find in the window. Lets a reader that has read everything
    /// skip the lock.
    newest: AtomicU64,
    /// The epoch of the window, for the same readers. It changes only if the store of a durable feed
    /// has lost the feed.
    epoch: AtomicU64,
    closed: AtomicBool,
    pub(super) waiters: Waiters,
    /// The tasks that look into the feed at times of their own. Only its end wakes them.
    pub(super) waiters_for_end: Waiters,
    pub(super) publishing: Publishing,
    /// Where the messages are kept. `None`: in the window only.
    pub(super) durable: Option<DurableLog>,
}

impl FeedState {
    pub(super) fn new(epoch: Epoch, capacity: usize) -> Self {
        Self {
            window: RwLock::new(MessageWindow::new(epoch, capacity)),
            newest: AtomicU64::new(0),
            epoch: AtomicU64::new(epoch.0),
            closed: AtomicBool::new(false),
            waiters: Waiters::default(),
            waiters_for_end: Waiters::default(),
            publishing: Publishing::default(),
            durable: None,
        }
    }

    pub(super) fn read(&self, after: Cursor, name: Option<&SubscriberName>) -> Batch {
        self.window.read().read(after, name, ReadLimit::BATCH)
    }

    /// Returns the newest message that readers find in the window.
    pub(super) fn newest(&self) -> Seq {
        self.newest.load(Ordering::Acquire)
    }

    /// Makes a message visible to readers that skip the lock. Two publishers may call this in the
    /// wrong order, so the number only grows.
    pub(super) fn show(&self, seq: Seq) {
        self.newest.fetch_max(seq, Ordering::Release);
    }

    /// Wakes the readers that wait for the message at `seq`. Called without the lock of the window:
    /// otherwise each of them would wake up only to wait for it.
    pub(super) fn wake(&self, seq: Seq) {
        self.show(seq);
        self.publishing.observe(|| self.waiters.wake());
    }

    /// Returns true if a message was published after the cursor, or if it is of another epoch.
    pub(super) fn is_newer_than(&self, cursor: Cursor) -> bool {
        self.newest() > cursor.seq || self.epoch.load(Ordering::Acquire) != cursor.epoch.0
    }

    /// Has readers begin anew. Called with the lock of the window, which is empty.
    pub(super) fn show_epoch(&self, newest: Cursor) {
        self.epoch.store(newest.epoch.0, Ordering::Release);
        self.newest.store(newest.seq, Ordering::Release);
    }

    /// Ends every wait.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.waiters.wake();
        self.waiters_for_end.wake();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}
