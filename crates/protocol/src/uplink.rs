//! The ways in which a subscriber sends.

/// How a subscriber sends while it is subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uplink {
    /// A request over a connection that the subscription has anyway: between two polls, or beside
    /// a poll that the server holds.
    OwnConnection,
    /// A request over a second connection: an answer that has not ended occupies the first one.
    SecondConnection,
    /// A frame within the subscription.
    Frame,
}
