//! How many bytes have crossed one connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The bytes that crossed one connection, both ways, as HTTP sees them: without the records of TLS.
/// Clones share the count. What a single exchange cost is the difference between two readings.
#[derive(Clone, Debug, Default)]
pub(crate) struct CrossedBytes(Arc<AtomicU64>);

impl CrossedBytes {
    pub(super) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Relaxed);
    }

    /// Returns the bytes so far.
    pub(crate) fn so_far(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
