//! How publishing went, where the load generator publishes to a server.

use crate::latency::Latency;

/// How the messages of a window were published to a server. Those that it neither accepted nor
/// refused had no answer in time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PublishRecord {
    /// From when a message was due to the answer that accepted it. Empty if nothing says that a
    /// message was accepted.
    pub accepted: Latency,
    /// Messages that the server refused: it took no connection, or its answer was not one that
    /// accepts.
    pub refused: u64,
}
