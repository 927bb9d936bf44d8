//! When the bytes that a reader holds arrived.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use wirebench_protocol::Timestamp;

/// The time at which the bytes last handed to a connection's reader arrived. Every transport stamps
/// its messages with it. Clones share the stamp.
///
/// On a plain link that is the time at which they were read from the socket. On an emulated link it
/// is the time at which they were due (read from the socket + delay), not the time at which the
/// timer handed them over: tokio's timers are up to a millisecond late, and no transport causes
/// that.
///
/// The stamp belongs to a message only if nothing was read past the message before the stamp is
/// taken. All decoders above keep to that; `http1.rs`, `http2_driver.rs` and
/// `websocket/message_socket.rs` explain why. rustls does so as well: it reads from the socket only
/// while it holds nothing decrypted. A connection that many subscribers share is the exception: see
/// `pool.rs`.
#[derive(Clone, Debug)]
pub struct Arrivals(Arc<AtomicU64>);

impl Arrivals {
    /// Starts with the current time.
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(Timestamp::now().as_nanos())))
    }

    pub(super) fn set(&self, at: Timestamp) {
        self.0.store(at.as_nanos(), Relaxed);
    }

    /// Returns when the bytes last handed to the reader arrived. Before the first bytes, that is
    /// when the connection was opened.
    pub fn last(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Relaxed))
    }
}
