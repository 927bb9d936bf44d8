//! What the subscribers of a run send.

use std::time::Duration;

use wirebench_protocol::control::PayloadKind;

/// What each subscriber of a run sends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Upstream {
    /// Messages per second and subscriber; above 0.
    pub rate: f64,
    /// Who receives them.
    pub to: Audience,
    /// What each message carries.
    pub payload: SentPayload,
}

/// The payload of a message that a subscriber sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentPayload {
    /// A JSON string, or bytes.
    pub kind: PayloadKind,
    /// Its size, in bytes; of a JSON string with its quotation marks.
    pub bytes: usize,
}

impl SentPayload {
    /// Returns a JSON string of this many bytes.
    pub const fn json(bytes: usize) -> Self {
        Self { kind: PayloadKind::Json, bytes }
    }

    /// Returns this many bytes.
    pub const fn binary(bytes: usize) -> Self {
        Self { kind: PayloadKind::Binary, bytes }
    }
}

/// Who receives what a subscriber sends. A scenario calls them by what people do with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// `"chat"`: the message is published, and everybody receives it, its sender too.
    Everyone,
    /// `"echo"`: the server acknowledges the message, and nobody receives it.
    Nobody,
}

impl Audience {
    /// Both values.
    pub const ALL: [Self; 2] = [Self::Everyone, Self::Nobody];

    /// Returns the name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everyone => "chat",
            Self::Nobody => "echo",
        }
    }

    /// Returns true if the messages are published to the feed.
    pub const fn publishes(self) -> bool {
        match self {
            Self::Everyone => true,
            Self::Nobody => false,
        }
    }
}

impl Upstream {
    /// Returns the mean time between two messages of one subscriber.
    pub fn interval(&self) -> Duration {
        Duration::try_from_secs_f64(1.0 / self.rate).unwrap_or(Duration::MAX)
    }
}
