//! What the subscribers of a run send.

use std::time::Duration;

/// What each subscriber of a run sends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Upstream {
    /// Messages per second and subscriber; above 0.
    pub rate: f64,
    /// Who receives them.
    pub to: Audience,
    /// Bytes of the payload of each message: a JSON string.
    pub payload_bytes: usize,
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
