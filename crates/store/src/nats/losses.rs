//! What the client of NATS tells of lost connections and messages.

/// How often something was lost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Losses {
    /// The connection, with the answers to what was asked.
    pub(super) connections: u64,
    /// Messages, because a listener did not keep up.
    pub(super) overflows: u64,
}
