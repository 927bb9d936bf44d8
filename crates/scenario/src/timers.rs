//! How many timers publish to the feed of a run.

/// How many timers publish to the feed of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedTimers {
    /// One, for all connections.
    #[default]
    One,
    /// One for each subscriber, all of which publish to everybody.
    PerConnection,
}

impl FeedTimers {
    /// Both values.
    pub const ALL: [Self; 2] = [Self::One, Self::PerConnection];

    /// Returns the name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::PerConnection => "per-connection",
        }
    }
}
