//! What is written to the table of messages, and what is read from it.

use bytes::Bytes;
use wirebench_protocol::control::PayloadKind;
use wirebench_protocol::{Epoch, IdempotencyKey, Recipients, Seq, Timestamp};

/// A message to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// The payload as it is delivered: JSON text, or bytes.
    pub payload: Bytes,
    /// Whether the payload is JSON.
    pub kind: PayloadKind,
    /// Who receives it.
    pub recipients: Recipients,
    /// When the message was due.
    pub due: Timestamp,
    /// The key under which its publisher may repeat it. `None` if it has none.
    pub key: Option<IdempotencyKey>,
}

/// What came of appending one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// The message was written.
    New {
        /// Its place in the feed.
        seq: Seq,
    },
    /// The feed has a message with the same key. Nothing was written.
    Known {
        /// The place of the message that has the key.
        seq: Seq,
        /// Whether that message has the same payload and the same recipients. If not, its publisher
        /// used one key twice.
        same: bool,
    },
}

/// A message as the table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// The place of the message in its feed, from 1.
    pub seq: Seq,
    /// The payload as it was appended.
    pub payload: Bytes,
    /// Whether the payload is JSON.
    pub kind: PayloadKind,
    /// Who receives it.
    pub recipients: Recipients,
    /// When the message was due, by the clock of the host that published it. After a restart of
    /// that host, and on any other host, the stamp means nothing.
    pub due: Timestamp,
    /// The key under which its publisher may repeat it. `None` if it has none.
    pub key: Option<IdempotencyKey>,
}

/// The messages that a feed keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptRange {
    /// The oldest message that is kept; `newest + 1` if none is.
    pub oldest: Seq,
    /// The newest message that was ever appended; 0 before the first.
    pub newest: Seq,
}

/// A feed and its newest message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedNewest {
    /// The name of the feed.
    pub feed: String,
    /// Its epoch. `None`: not told; it is the one that was told last.
    pub epoch: Option<Epoch>,
    /// The newest message that was ever appended; 0 before the first.
    pub newest: Seq,
}

impl Appended {
    /// Returns the place of the message, whether it is new or known.
    pub fn seq(self) -> Seq {
        match self {
            Self::New { seq } | Self::Known { seq, .. } => seq,
        }
    }
}
