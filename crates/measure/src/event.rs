//! What happens to one subscriber: the events that the transports report to the recorder.

use std::time::Duration;

use wirebench_protocol::{Cursor, Gap, Timestamp};

use crate::upstream::{MessageOrigin, UpstreamEvent};

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
        /// Who sent it, if a subscriber did, or an agent of this host.
        origin: Option<MessageOrigin>,
    },
    /// A message arrived that somebody else published.
    Watched(WatchedMessage),
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

/// A message of a feed that somebody else fills. What it does not say of itself is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchedMessage {
    /// Its place, which follows from its number. Each one is one more than the last, and the first
    /// one is at least 1.
    pub cursor: Option<Cursor>,
    /// How long ago it was published when its last byte arrived.
    pub delay: Option<WatchedDelay>,
    /// When its last byte arrived, before decoding.
    pub received_at: Timestamp,
    /// Bytes of the message.
    pub payload_bytes: usize,
    /// The message itself, if it was asked for.
    pub payload: Option<Box<str>>,
}

/// The time from the publisher's clock to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchedDelay {
    /// The message was published so long before it arrived.
    Took(Duration),
    /// The message says that it was published after it arrived: the clocks disagree.
    Negative,
}

/// The payload of a message that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceivedPayload {
    /// One JSON value.
    Json(Box<str>),
    /// Bytes, decoded if they came in Base64.
    Binary(Box<[u8]>),
}
