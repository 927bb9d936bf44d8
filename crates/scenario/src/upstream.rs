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
    /// `"others"`: the message is published, and everybody but its sender receives it.
    Others,
    /// `"direct"`: the message is published, and one other subscriber receives it, the next one in
    /// turn.
    One,
}

impl Audience {
    /// All values.
    pub const ALL: [Self; 4] = [Self::Everyone, Self::Nobody, Self::Others, Self::One];

    /// Returns the name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everyone => "chat",
            Self::Nobody => "echo",
            Self::Others => "others",
            Self::One => "direct",
        }
    }

    /// Returns true if the messages are published to the feed.
    pub const fn publishes(self) -> bool {
        match self {
            Self::Everyone | Self::Others | Self::One => true,
            Self::Nobody => false,
        }
    }

    /// Returns true if the messages are addressed, so that the subscribers need names.
    pub const fn addresses(self) -> bool {
        match self {
            Self::Everyone | Self::Nobody => false,
            Self::Others | Self::One => true,
        }
    }

    /// Returns to how many of so many subscribers each message is delivered.
    pub fn deliveries(self, subscribers: f64) -> f64 {
        match self {
            Self::Everyone => subscribers,
            Self::Nobody => 0.0,
            Self::Others => (subscribers - 1.0).max(0.0),
            Self::One => 1.0,
        }
    }

    /// Returns at how many of so many subscribers a message arrives: 1 or 0 for its sender, and
    /// then the number of others. `None` if it is not published.
    pub const fn arrivals(self, subscribers: u64) -> Option<(u64, u64)> {
        match self {
            Self::Everyone => Some((1, subscribers.saturating_sub(1))),
            Self::Nobody => None,
            Self::Others => Some((0, subscribers.saturating_sub(1))),
            Self::One => Some((0, 1)),
        }
    }
}

impl Upstream {
    /// Returns the mean time between two messages of one subscriber.
    pub fn interval(&self) -> Duration {
        Duration::try_from_secs_f64(1.0 / self.rate).unwrap_or(Duration::MAX)
    }
}
