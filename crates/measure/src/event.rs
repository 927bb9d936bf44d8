//! What happens to one subscriber: the events that the transports report to the recorder.

use std::time::Duration;

use wirebench_protocol::{Cursor, Gap, Timestamp};

use crate::upstream::{Origin, UpstreamEvent};

/// One thing that happened to one subscriber. The same on every transport.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The subscriber is subscribed: it has its first cursor on this connection.
    Connected {
        /// The time from the start of dialling to the cursor.
        took: Duration,
        /// The place at which the subscription starts.
        cursor: Cursor,
    },
    /// An HTTP request was sent.
    Request {
        /// When it was handed to the connection.
        at: Timestamp,
    },
    /// An answer without a message arrived.
    Empty {
        /// When its last byte arrived.
        at: Timestamp,
        /// The place from which to continue.
        cursor: Cursor,
    },
    /// An answer said that it is the last on its connection. The next request needs another
    /// connection. The subscription has not ended.
    Closing,
    /// The server said how long to wait before reconnecting, from now on.
    Retry {
        /// The time to wait.
        after: Duration,
    },
    /// A message arrived.
    Received {
        /// The place of the message.
        cursor: Cursor,
        /// When the message was due in the feed.
        published_at: Timestamp,
        /// When its last byte arrived, before decoding.
        received_at: Timestamp,
        /// Bytes of its payload alone, decoded if it came in Base64.
        payload_bytes: usize,
        /// The payload itself, if it was asked for. Counting only needs its size.
        payload: Option<ReceivedPayload>,
        /// The subscriber that sent it, if one did.
        origin: Option<Origin>,
    },
    /// A message arrived whose payload is not what was sent.
    Damaged {
        /// The place of the message.
        cursor: Cursor,
        /// When the message was due in the feed.
        published_at: Timestamp,
    },
    /// The server announced that it cannot deliver some messages.
    Gap {
        /// The announcement.
        gap: Gap,
        /// The place from which the subscription continues.
        cursor: Cursor,
    },
    /// Something happened to a message that the subscriber sends.
    Upstream(UpstreamEvent),
}

/// The payload of a message that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceivedPayload {
    /// One JSON value.
    Json(Box<str>),
    /// Bytes, decoded if they came in Base64.
    Binary(Box<[u8]>),
}
