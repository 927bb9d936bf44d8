//! Why a subscription ended other than by a proper close.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use tokio_tungstenite::tungstenite;

/// Why a subscription ended. Whether to resume it is `subscriber`'s decision, the same for all transports.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// No connection.
    #[error("cannot connect to `{address}`")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// What the socket said.
        #[source]
        source: io::Error,
    },
    /// The server answered, but not with what was asked for.
    #[error("`GET {asked}` was answered with {status}: {error}")]
    Refused {
        /// Path and query.
        asked: String,
        /// The status of the answer.
        status: StatusCode,
        /// The `error` of the answer's body, or the body's beginning.
        error: String,
        /// Its `Retry-After`, where that is a number of seconds.
        retry_after: Option<Duration>,
    },
    /// The connection was cut because the run asks for it.
    #[error("the connection was cut, as the scenario has it")]
    Cut,
    /// Nothing came for too long.
    #[error("`GET {asked}` heard nothing for {} s", .within.as_secs())]
    Silent {
        /// Path and query.
        asked: String,
        /// How long it was waited.
        within: Duration,
    },
    /// The connection broke before the answer was complete.
    #[error("`GET {asked}` lost its connection")]
    Broken {
        /// Path and query.
        asked: String,
        /// What the connection said; `None` when it was closed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// What came is not what `docs/protocol.md` says.
    #[error("`GET {asked}` received {found}: expected {expected}")]
    Protocol {
        /// Path and query.
        asked: String,
        /// What came.
        found: String,
        /// What should have come.
        expected: &'static str,
    },
    /// The WebSocket connection broke, or the server broke its protocol.
    #[error("`GET {asked}` lost its WebSocket")]
    WebSocket {
        /// Path and query.
        asked: String,
        /// What was wrong.
        #[source]
        source: Box<tungstenite::Error>,
    },
    /// The server closed the WebSocket for a reason other than its own shutdown.
    #[error("`GET {asked}` was closed with {code}: {reason}")]
    Closed {
        /// Path and query.
        asked: String,
        /// The close code.
        code: u16,
        /// The reason that came with it; may be empty.
        reason: String,
    },
}

impl SubscribeError {
    /// How long the server asks to be left alone, if it does.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Returns true if the server ended the connection properly and said that it has not processed the
    /// request: a GOAWAY over HTTP/2 that crossed it (RFC 9113, section 6.8).
    pub(crate) fn is_unprocessed(&self) -> bool {
        let Self::Broken { source: Some(source), .. } = self else { return false };
        source.downcast_ref::<h2::Error>().is_some_and(|error| {
            error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
        })
    }

    /// Whether the same request would be refused again: the request itself is wrong, not the moment.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
                status.is_client_error() && !passing.contains(status)
            }
            Self::Connect { .. }
            | Self::Cut
            | Self::Silent { .. }
            | Self::Broken { .. }
            | Self::Protocol { .. }
            | Self::WebSocket { .. }
            | Self::Closed { .. } => false,
        }
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
