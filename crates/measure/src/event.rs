//! What one subscriber sees: the vocabulary between the client halves and the recorder.

use std::time::Duration;

use wirebench_protocol::{Cursor, Gap, Timestamp};

/// One thing that happened to one subscriber. The same on every transport.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The subscription stands: the subscriber holds its first cursor on this connection.
    Connected {
        /// From the start of dialling to the cursor.
        took: Duration,
        /// Where the subscription starts.
        cursor: Cursor,
    },
    /// An HTTP request was sent.
    Request {
        /// When it was handed to the connection.
        at: Timestamp,
    },
    /// An answer came that carried no message.
    Empty {
        /// When its last byte arrived.
        at: Timestamp,
        /// Where to go on from.
        cursor: Cursor,
    },
    /// An answer said that it is the last on its connection. What comes after it needs another
    /// connection, and no subscription has ended.
    Closing,
    /// The server said how long to wait before coming back, from now on.
    Retry {
        /// How long.
        after: Duration,
    },
    /// A message arrived.
    Received {
        /// Its place.
        cursor: Cursor,
        /// When it was due in the feed.
        published_at: Timestamp,
        /// When its last byte arrived, before decoding.
        received_at: Timestamp,
        /// Bytes of its payload alone.
        payload_bytes: usize,
        /// The payload itself, for who asked to have it; counting needs its size alone.
        payload: Option<Box<str>>,
    },
    /// The server said that messages cannot be delivered.
    Gap {
        /// What it said.
        gap: Gap,
        /// Where the subscription goes on from.
        cursor: Cursor,
    },
}
