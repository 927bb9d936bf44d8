//! Why connections end.

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// The peer closed it, or broke the protocol.
    Peer,
    /// No request came for too long.
    Idle,
    /// The head of a request, an HTTP/2 preface or a TLS handshake took too long.
    SlowHead,
    /// The peer took no byte for too long.
    SlowReader,
    /// The TLS handshake failed.
    Tls,
    /// There were too many connections.
    Refused,
    /// The server stopped.
    Stopped,
}

impl CloseReason {
    /// Returns the value of the label `reason`.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Idle => "idle",
            Self::SlowHead => "slow_head",
            Self::SlowReader => "slow_reader",
            Self::Tls => "tls",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
        }
    }
}
