//! What a publisher has done so far.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wirebench_protocol::Timestamp;
use wirebench_protocol::control::PublisherReport;

/// A message is late if it enters the feed more than this after it was due. It is well above the
/// time that a thread takes to wake up, and well below any interval that a reader of a table cares
/// about.
const LATE: Duration = Duration::from_millis(5);

/// Counts the messages of a publisher.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    own: Arc<OwnCounts>,
    /// The number of late messages of all publishers.
    late_of_all: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct OwnCounts {
    published: AtomicU64,
    late: AtomicU64,
}

impl Counts {
    pub(super) fn new(late_of_all: Arc<AtomicU64>) -> Self {
        Self { own: Arc::default(), late_of_all }
    }

    /// Counts a message that was due at one time and entered the feed at another.
    pub(super) fn add(&self, due: Timestamp, entered: Timestamp) {
        if entered.saturating_since(due) > LATE {
            self.own.late.fetch_add(1, Ordering::Relaxed);
            self.late_of_all.fetch_add(1, Ordering::Relaxed);
        }
        self.own.published.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn report(&self) -> PublisherReport {
        PublisherReport {
            published: self.own.published.load(Ordering::Relaxed),
            late: self.own.late.load(Ordering::Relaxed),
        }
    }
}
