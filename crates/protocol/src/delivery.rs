//! The ways in which messages reach subscribers.

/// How messages reach the subscriber. The laws of theory, the scenario keys and the reconnect
/// policy depend on this rather than on the transport's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Each request is answered at once. The subscriber decides when to ask: the poll interval
    /// counts.
    Polled,
    /// Each request is held until there is a message: the hold time counts.
    Held,
    /// The server writes each message when it is published.
    Pushed,
}

impl Delivery {
    /// Returns true if a subscriber asks again and again.
    pub const fn asks(self) -> bool {
        match self {
            Self::Polled | Self::Held => true,
            Self::Pushed => false,
        }
    }
}
